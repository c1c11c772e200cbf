// with -fcf-protection location lists of clang begin behind the endbr64
// build: clang -O2 -fcf-protection; clang -O2; gcc -O2 -fcf-protection
// right: odd b = [{"a": 20, "b": 2, "f": 0.5}, {"a": 21, "b": 2, "f": 0.5}, {"a": 22, "b": 2, "f": 0.5}]
// right: odd $ret == [22, 23, 24]
#include <stdio.h>
struct odd12 { int a, b; float f; };
volatile int sink;
__attribute__((noinline)) int odd(struct odd12 b)
{
	sink = b.a;
	return b.a + b.b;
}
int main(void)
{
	for (int i = 0; i < 3; i++) {
		printf("truth: b = {%d, 2, 0.5}\n", 20 + i);
		sink += odd((struct odd12){ 20 + i, 2, 0.5f });
	}
	return 0;
}
