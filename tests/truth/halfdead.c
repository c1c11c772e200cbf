// a static function of whose struct one half is not used, which moves the parameters behind it
// build: clang -O2; clang -O1; clang -O3; clang -O2 LTO; gcc -O2
// right: f v = [{"a": 1, "b": 2.5}, {"a": 1, "b": 2.5}]
// right: f on = [true, false]
struct s { long a; double b; } g = { 1, 2.5 };
volatile long sink;
static __attribute__((noinline)) void f(struct s v, _Bool on)
{
	sink += v.b;
	sink += on;
}
int main(void)
{
	f(g, sink == 0);
	f(g, sink == 0);
	return 0;
}
