// a packed struct of a long double as eighth parameter, on the stack, overwritten before it is used
// build: clang -O2; clang -O1; clang -O3; clang -O1 LTO; gcc -O2
// right: f p = [{"v": 2.5}, {"v": 2.5}]
// right: f h = [7, 7]
struct __attribute__((packed)) s { long double v; };
volatile long sink;
__attribute__((noinline)) void f(long a, long b, long c, long d, long e, long g, long h, struct s p)
{
	struct s other = { sink };
	sink += h;
	p = other;
	sink += p.v;
}
int main(void)
{
	struct s p = { 2.5L };
	f(1, 2, 3, 4, 5, 6, 7, p);
	f(1, 2, 3, 4, 5, 6, sink, p);
	return 0;
}
