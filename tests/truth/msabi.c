// structs as parameters and results of functions with the calling convention of Windows
// build: gcc -O2; gcc -O0; gcc -O1; gcc -O3; gcc -O2 LTO; clang -O0; clang -O2
// right: f v = [{"a": 7, "b": 8}]
// right: f n = [9]
// right: f $ret = [{"a": 100, "b": 200}]
// right: g v = [{"a": 7, "b": 8}]
// right: g $ret = [7]
struct s { long a; long b; };
volatile long sink;
__attribute__((noipa, ms_abi)) struct s f(struct s v, long n)
{
	sink += v.a + n;
	return (struct s){ 100, 200 };
}
__attribute__((noipa, ms_abi)) long g(struct s v) { sink += v.b; return v.a; }
int main(void)
{
	struct s v = { 7, 8 };
	sink += f(v, 9).b;
	g(v);
	return 0;
}
