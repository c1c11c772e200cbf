// two functions of equal code and different types, which a linker may fold into one
// build: clang -O2; clang -O1; clang -O3; clang -O2 LTO; gcc -O2
// right: fa v = ["pointer"]
// right: fb v = ["pointer"]
// right: fa *v = [{"x": 1, "y": 2}]
// right: fb *v = [{"p": 3, "q": 4}]
volatile long sink;
struct a { int x; long y; } ga = {1,2}; struct b { long p; int q; } gb = {3,4};
__attribute__((noinline)) void fa(struct a *v) { sink += 5; v = 0; }
__attribute__((noinline)) void fb(struct b *v) { sink += 5; v = 0; }
int main(void) { fa(&ga); fb(&gb); return 0; }
