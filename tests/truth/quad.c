// long double in the format of _Float128, which is passed in a vector register
// build: gcc -O2 -mlong-double-128; gcc -O0 -mlong-double-128
// right: f a = [{"bytes": "00000000000000000000000000400040"}]
// right: f b = [5]
volatile long sink;
__attribute__((noinline)) void f(long double a, int b)
{
	__asm__ volatile("" : : "x"(a) : "memory");
	sink += b;
}
int main(void)
{
	f(2.5L, 5);
	return 0;
}
