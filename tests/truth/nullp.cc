// a parameter of type nullptr_t, which takes a register, and the hidden parameter of a destructor
// build: gcc -O2; gcc -O0; gcc -O1; clang -O0; clang -O2
// right: f on = [true]
// right: f port = [8080]
// right: ~S __in_chrg = ["gone"]
// right: ~S *this = [{"v": 5}]
// right: S x = [5]
volatile long sink;
__attribute__((noinline)) void f(decltype(nullptr) n, bool on, int port) { sink += on + port; }
struct S { int v; S(int x) : v(x) { sink += x; } ~S() { sink += v; } };
__attribute__((noinline)) void g() { S s(5); sink += s.v; }
int main() { f(nullptr, true, 8080); g(); return 0; }
