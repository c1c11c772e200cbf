// a static function whose struct is overwritten first, and whose constant result nobody uses
// build: gcc -O2; gcc -O3; gcc -O2 LTO; clang -O2; clang -O1; clang -O3; clang -O2 LTO
// right: f mode = [1, 2]
// right: f size = [{"v": 1.5}, {"v": 1.5}]
// right: f $ret = [24, 24]
volatile long sink;
struct s { float v; } limit = { 7.5 };
static __attribute__((noinline)) int f(int mode, struct s size)
{
	size = limit;
	sink += size.v;
	sink += mode;
	return 24;
}
int main(void)
{
	struct s one = { 1.5 };
	f(1, one);
	f(2, one);
	return 0;
}
