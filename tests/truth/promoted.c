// a static function with a struct by value in memory: clang passes its members instead
// build: clang -O3; clang -O2; clang -O2 LTO; clang -O3 LTO; gcc -O2
// right: f s = [{"id": 11, "ratio": 2.5, "len": 33}, {"id": 12, "ratio": 2.5, "len": 33}]
struct big { long id; double ratio; int len; } g = { 11, 2.5, 33 };
volatile long sink;
static __attribute__((noinline)) void f(struct big s)
{
	sink += s.id;
	sink += s.ratio;
	sink += s.len;
}
int main(void)
{
	f(g);
	g.id++;
	f(g);
	return 0;
}
