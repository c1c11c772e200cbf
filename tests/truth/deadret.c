// static functions of which the compiler knows the result (status) or nobody uses it (unused)
// build: clang -O2; clang -O1; clang -O3; clang -O2 LTO; gcc -O2
// right: status x = [10]
// right: status $ret = [4]
// right: unused x = [17]
// right: unused $ret = [31]
volatile long sink;
static __attribute__((noinline)) int status(long x)
{
	sink += x;
	return 4;
}
static __attribute__((noinline)) int unused(long x)
{
	sink += x;
	return sink;
}
int main(void)
{
	sink += status(sink + 10);
	unused(sink + 3);
	return 0;
}
