// a struct of which a part is the same constant in all calls, and is not passed
// build: clang -O2 -flto=thin -fuse-ld=lld; clang -O2 LTO; clang -O2; gcc -O2
// right: sse b = [{"a": 20.0, "b": 2.0, "c": -3.0}, {"a": 21.0, "b": 2.0, "c": -3.0}, {"a": 22.0, "b": 2.0, "c": -3.0}]
// right: sse a = [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": -1.0}, {"x": 2.0, "y": -2.0}]
#include <stdio.h>
struct two_doubles { double x, y; };
struct floats3 { float a, b, c; };
__attribute__((noinline)) struct two_doubles sse(struct two_doubles a, struct floats3 b)
{
	__asm__ volatile("" ::: "memory");
	return (struct two_doubles){ a.x + b.a, a.y + b.c };
}
int main(void)
{
	for (int i = 0; i < 3; i++) {
		printf("truth: b = {%d, 2, -3}\n", 20 + i);
		sse((struct two_doubles){ i, -i }, (struct floats3){ 20 + i, 2, -3 });
	}
	return 0;
}
