// a parameter that is overwritten before it is used: clang's callers may leave garbage there
// build: clang -O2; clang -O1; clang -O3; clang -O1 LTO; clang -O2 LTO; clang -O3 LTO; gcc -O2
// right: f a = [1, 83]
// right: f b = [4321, 8765]
// right: f c == [3, 85]
volatile long sink, other = 77;
__attribute__((noinline)) void f(long a, long b, long c)
{
	sink += a;
	b = other;
	sink += c;
	sink += b;
}
int main(void)
{
	f(sink + 1, 4321, sink + 3);
	f(sink + 2, 8765, sink + 4);
	return 0;
}
