// a static function whose result nobody uses, and that calls another one on the way: the result is dropped, the other one's
// build: clang -O2; clang -O1; clang -O3; clang -O2 LTO; gcc -O2
// right: status x == [5, 12]
// right: status $ret = [4, 4]
// right: leaf x = [5, 12]
// right: leaf $ret = [5000015, 12000036]
// stands in its register
volatile long sink;
__attribute__((noinline)) long leaf(long x)
{
	sink += x;
	return x * 1000003;
}
static __attribute__((noinline)) long status(long x)
{
	leaf(x);
	sink++;
	return 4;
}
int main(void)
{
	status(5);
	status(sink + 6);
	return 0;
}
