// a static function of whose parameter one byte is used: its place is in pieces, the rest is a constant
// build: clang -O2; clang -O1; clang -O3; clang -O2 LTO; clang -O3 LTO; gcc -O2
// right: f id = [519160071680724392, 519160071680724392]
// right: f unused = [0, 7]
// right: f $ret = [{"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3}]
struct big { long a, b, c; } g = { 1, 2, 3 };
volatile long sink;
static __attribute__((noinline)) struct big f(long id, int unused)
{
	unsigned char low = *(unsigned char *)&id;
	sink += low;
	return g;
}
int main(void)
{
	struct big r = f(519160071680724392, sink);
	sink = r.a;
	r = f(519160071680724392, 7);
	sink = r.b;
	return 0;
}
