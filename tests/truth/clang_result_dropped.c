// a static function whose result nobody uses
// build: clang -O2; clang -O1; clang -O3; gcc -O2
// right: dropped n == [10, 11, 12]
// right: dropped $ret = [30, 33, 36]
#include <stdio.h>
volatile long sink;
static __attribute__((noinline)) long dropped(long n)
{
	sink = n;
	printf("%ld\n", n);
	return sink * 3;
}
int main(void)
{
	for (int i = 0; i < 3; i++)
		dropped(10 + i);
	return 0;
}
