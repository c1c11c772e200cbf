// a parameter whose location begins late, as it is assigned; clang -O3 passes *p instead
// build: clang -O3; clang -O2; gcc -O2
// right: promoted p = ["pointer", "pointer", "pointer"]
// right: promoted *p = [1111, 1112, 1113]
// right: promoted n = [10, 11, 12]
#include <stdio.h>
volatile long sink; long *volatile other;
static __attribute__((noinline)) long promoted(long *p, long n)
{
	long v = *p;
	p = other;
	sink = *p + n;
	printf("%ld\n", *p + n);
	return v + *p;
}
int main(void)
{
	long b = 2222;
	other = &b;
	for (int i = 0; i < 3; i++) {
		long t = 1111 + i;
		printf("truth: p=%p n=%d\n", (void *)&t, 10 + i);
		sink += promoted(&t, 10 + i);
	}
	return 0;
}
