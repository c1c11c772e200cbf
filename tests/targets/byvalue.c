// probe: integers a, b, c => $ret
// probe: sse a, b => $ret
// probe: both a, b, a.i, b.d => $ret
// probe: memory a, n, a.values, a.values[2] => $ret
// probe: crowded a, b, c, d, e, f, g => $ret
// probe: x87 a, b => $ret
// probe: odd a, b, c => $ret
// probe: unions a, b => $ret
// probe: arrays a, b => $ret
#include "target.h"

struct two_ints { int a, b; };
struct two_longs { long a; unsigned long b; };
struct one_char { char c; };
struct two_doubles { double x, y; };
struct floats3 { float a, b, c; };
struct int_double { long i; double d; };
struct double_int { double d; int i; };
struct big { int values[6]; };
struct with_x87 { long double v; };
struct odd3 { char c[3]; };
struct odd12 { int a; int b; float f; };
struct __attribute__((packed)) unaligned { char c; int i; };
union number { long l; double d; char c[8]; };
struct in_array { short s[4]; float f[2]; };

PROBED struct two_longs integers(struct two_ints a, struct two_longs b, struct one_char c)
{
	HAPPENS();
	return (struct two_longs){ a.a + b.a, a.b + b.b + c.c };
}

PROBED struct two_doubles sse(struct two_doubles a, struct floats3 b)
{
	HAPPENS();
	return (struct two_doubles){ a.x + b.a, a.y + b.c };
}

PROBED struct int_double both(struct int_double a, struct double_int b)
{
	HAPPENS();
	return (struct int_double){ a.i + b.i, a.d * b.d };
}

PROBED struct big memory(struct big a, int n)
{
	HAPPENS();
	a.values[n]++;
	return a;
}

/* Five registers are taken: `f` finds no two left and goes to memory, `g` gets the last. */
PROBED struct double_int crowded(long a, long b, long c, long d, long e, struct two_longs f, int g)
{
	HAPPENS();
	return (struct double_int){ (double)(a + b + c + d + e + f.a), g };
}

PROBED struct with_x87 x87(struct with_x87 a, struct two_ints b)
{
	HAPPENS();
	a.v += b.a;
	return a;
}

PROBED struct odd3 odd(struct odd3 a, struct odd12 b, struct unaligned c)
{
	HAPPENS();
	a.c[0] += (char)(b.a + c.i);
	return a;
}

PROBED union number unions(union number a, struct one_char b)
{
	HAPPENS();
	a.l += b.c;
	return a;
}

PROBED struct in_array arrays(struct in_array a, struct floats3 b)
{
	HAPPENS();
	a.s[1] = (short)(a.s[1] + 1);
	a.f[1] += b.b;
	return a;
}

int main(int argc, char **argv)
{
	(void)argv;
	target_start(argc);
	for (int i = -2; i < 3; i++) {
		struct two_ints ti = { i, i * 2 };
		struct two_longs tl = { (long)i << 40, (unsigned long)i };

		integers(ti, tl, (struct one_char){ (char)('a' + i) });
		sse((struct two_doubles){ i, i / 4. }, (struct floats3){ 1.5f * (float)i, 2, -3 });
		both((struct int_double){ i, i + .5 }, (struct double_int){ i - .5, i });
		memory((struct big){ { i, 1, 2, 3, 4, i } }, i + 2);
		crowded(1, i, 3, -i, 5, tl, i);
		x87((struct with_x87){ i * 1.25L }, ti);
		odd((struct odd3){ "ab" }, (struct odd12){ i, -i, 0.5f },
		    (struct unaligned){ 'u', i });
		unions((union number){ .d = i / 8. }, (struct one_char){ (char)i });
		arrays((struct in_array){ { 1, (short)i, 3, 4 }, { 1, 2 } },
		       (struct floats3){ 1, (float)i, 3 });
	}
	return 0;
}
