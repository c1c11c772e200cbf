// a parameter that is assigned before it is used: for it clang passes nothing
// build: clang -O2; clang -O1; clang -O3; gcc -O2
// right: local_dead n = [20, 21, 22]
// right: local_dead unused = [70, 71, 72]
// right: global_dead n = [20, 21, 22]
// right: global_dead unused = [70, 71, 72]
#include <stdio.h>
volatile long sink;
static __attribute__((noinline)) long local_dead(long n, long unused)
{
	sink = n;
	printf("%ld\n", n);
	unused = sink * 2;
	sink = unused;
	printf("%ld\n", n + unused);
	return n + unused;
}
__attribute__((noinline)) long global_dead(long n, long unused)
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
		printf("truth: n=%d unused=%d\n", 20 + i, 70 + i);
		sink += local_dead(20 + i, 70 + i);
		sink += global_dead(20 + i, 70 + i);
	}
	return 0;
}
