// constructors of classes with a virtual base: the hidden parameters (__in_chrg, __vtt_parm) and those behind them
// build: gcc -O0; gcc -O1; gcc -O2; gcc -O3; clang -O0; clang -O2; clang -O2 LTO
// right: D x = [5]
// right: D y = [66]
// right: V x = [5, 7]
// right: B x = [5, 7]
// right: B y = [66, 88]
// right: D __in_chrg = ["gone"]
// right: D __vtt_parm = ["gone"]
// right: B __in_chrg = ["gone", "gone"]
// right: B __vtt_parm = ["pointer", "pointer"]
// right: V __in_chrg = ["gone", "gone"]
volatile long sink;
struct V { int v; __attribute__((noinline)) V(int x) : v(x) { sink += x; } virtual ~V() {} };
struct B : virtual V { int b; __attribute__((noinline)) B(int x, long y) : V(x), b(y) { sink += x + y; } };
struct D : B { int d; __attribute__((noinline)) D(int x, long y) : V(x), B(x, y), d(3) { sink += d; } };
int main()
{
	D d(5, 66);
	B b(7, 88);
	return 0;
}
