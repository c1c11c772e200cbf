// a static function that returns two registers, of which nobody uses the first
// build: clang -O2; clang -O1; clang -O3; clang -O2 LTO; gcc -O2
// right: f x = [1, 204]
// right: f $ret = [{"a": 101, "b": 201}, {"a": 304, "b": 404}]
struct pair { long a, b; };
volatile long sink;
static __attribute__((noinline)) struct pair f(long x) { sink += x; return (struct pair){ 100 + x, 200 + x }; }
int main(void) { sink += f(sink + 1).b; sink += f(sink + 2).b; return 0; }
