// a static function whose parameter a is not used: gcc makes a clone without it, whose symbol -x takes away
// build: gcc -O2 -Wl,-x; gcc -O3 -Wl,-x; gcc -O2; clang -O2 -Wl,-x
// right: f a = [1, 25]
// right: f b = [5, 5]
// right: f c = [3, 27]
// right: f $ret = [15, 135]
volatile long sink;
static __attribute__((noinline)) long f(long a, long b, long c)
{
	sink += b + c;
	return b * c;
}
int main(void)
{
	sink += f(sink + 1, 5, sink + 3);
	sink += f(sink + 2, 5, sink + 4);
	return 0;
}
