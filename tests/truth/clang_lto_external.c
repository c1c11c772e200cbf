// an external function that was made local at link time, and lost a parameter
// build: clang -O2 LTO; clang -O2 -flto=thin -fuse-ld=lld; gcc -O2 LTO
// right: moved n == [20, 21, 22]
// right: moved unused = [7, 7, 7]
#include <stdio.h>
volatile long sink;
__attribute__((noinline)) long moved(long unused, long n)
{
	sink = n;
	printf("%ld\n", n);
	unused = sink * 2;
	sink = unused;
	printf("%ld\n", n + unused);
	return n + unused;
}
int main(void)
{
	for (int i = 0; i < 3; i++) {
		printf("truth: n=%d unused=7\n", 20 + i);
		sink += moved(7, 20 + i);
	}
	return 0;
}
