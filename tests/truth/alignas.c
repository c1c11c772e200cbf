// a struct with an _Alignas(16) member as eighth parameter, on the stack
// build: clang -O2; clang -O1; clang -O3; clang -O1 LTO; clang -O2 LTO; clang -O3 LTO; gcc -O2; clang -O0
// right: f a = [1]
// right: f b = [2]
// right: f c = [3]
// right: f d = [4]
// right: f e = [5]
// right: f g = [6]
// right: f h = [7]
// right: f p = [{"a": 2, "b": 3}]
// right: k a = [1]
// right: k b = [2]
// right: k c = [3]
// right: k d = [4]
// right: k e = [5]
// right: k g = [6]
// right: k h = [7]
// right: k p = [{"a": 4, "b": 5}]
struct s { _Alignas(16) long a; long b; };
struct m { long a; _Alignas(16) int b; };
volatile long sink;
__attribute__((noinline)) void f(long a, long b, long c, long d, long e, long g, long h, struct s p)
{
	sink += h + p.a + p.b;
}
__attribute__((noinline)) void k(long a, long b, long c, long d, long e, long g, long h, struct m p)
{
	sink += h + p.a + p.b;
}
int main(void)
{
	struct s p = { 2, 3 };
	struct m q = { 4, 5 };
	f(1, 2, 3, 4, 5, 6, 7, p);
	k(1, 2, 3, 4, 5, 6, 7, q);
	return 0;
}
