// a struct by value that ends in an array of length zero
// build: gcc -O2; gcc -O0; gcc -O3; clang -O0
// right: f a == [{"n": [1, 2, 3, 4], "z": []}]
// right: f next == [1094861636]
struct m { long n[4]; char z[0]; } v = { { 1, 2, 3, 4 } };
volatile long sink;
__attribute__((noipa)) void f(struct m a, long b1, long b2, long b3, long b4, long b5, long b6, long next) { sink += a.n[0]; }
int main(void) { f(v, 1, 2, 3, 4, 5, 6, 0x41424344); return 0; }
