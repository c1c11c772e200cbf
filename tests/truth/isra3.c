// a static function that is called directly (clones) and through a pointer: overwritten, unused and split parameters
// build: gcc -O3; gcc -O3 LTO; gcc -O2; clang -O2
// right: f over = [5, 91, 222, 313]
// right: f spare = [9, 5, 3, 3]
// right: f k = [3.5, 1.5, 3.5, 3.5]
// right: f $ret = [3, 3, 3, 3]
// right: f v = [{"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3}]
// right: f unused = ["pointer", "pointer", "pointer", "pointer"]
// right: f split = [{"x": [7, 8, 9, 10]}, {"x": [7, 8, 9, 10]}, {"x": [7, 8, 9, 10]}, {"x": [7, 8, 9, 10]}]
struct s { long a, b, c; } g = { 1, 2, 3 };
struct p { int x[4]; } q = { { 7, 8, 9, 10 } };
volatile long sink, other = 77;
static __attribute__((noinline)) int f(long over, struct s *unused, double k, long spare, struct s v, struct p split)
{
	sink += v.a;
	over = other;
	sink += over;
	sink += split.x[3];
	return 3;
}
int (*volatile fp)(long, struct s *, double, long, struct s, struct p) = f;
__attribute__((noinline)) int k(void) { return f(sink + 40, &g, 3.5, 3, g, q); }
int main(void)
{
	sink += f(sink + 5, &g, 3.5, sink + 9, g, q);
	sink += fp(sink, &g, 1.5, 5, g, q);
	sink += k();
	sink += k();
	return 0;
}
