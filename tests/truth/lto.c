// a parameter that is overwritten before it is used: with LTO it is not passed, and the next one moves up
// build: clang -O2 LTO; clang -O1; clang -O2; clang -O3; clang -O1 LTO; clang -O3 LTO; gcc -O2 LTO
// right: f size = [4321, 8765]
// right: f used == [10, 107]
volatile long sink, other = 77;
__attribute__((noinline)) void f(long size, long used)
{
	size = other;
	sink += used;
	sink += size;
}
int main(void)
{
	f(4321, sink + 10);
	f(8765, sink + 20);
	return 0;
}
