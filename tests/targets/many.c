// probe: integers a, b, c, d, e, f, g, h, i, j => $ret
// probe: floats a, b, c, d, e, f, g, h, i, j => $ret
// probe: mixed a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r => $ret
// probe: on_stack a, b, c, d, e, f, big, g, ld, wide => $ret
// probe: variadic n, format => $ret
// probe: unused a, b, c => $ret
// probe: changed n, s => $ret, n, s, *s
// clang does not pass it as the ABI says.
// unsure: on_stack wide
#include <stdarg.h>

#include "target.h"

struct big { long a, b, c; };

PROBED long integers(char a, short b, int c, long d, unsigned char e, unsigned f, char g, short h,
		     int i, long j)
{
	HAPPENS();
	return a + b + c + d + e + f + g + h + i + j;
}

PROBED double floats(float a, double b, float c, double d, float e, double f, float g, double h,
		     float i, double j)
{
	HAPPENS();
	return a + b + c + d + e + f + g + h + i + j;
}

PROBED float mixed(int a, double b, int c, float d, char *e, double f, long g, float h, char i,
		   double j, int k, double l, int m, float n, short o, double p, _Bool q, float r)
{
	HAPPENS();
	return (float)(a + b + c + d + *e + f + (double)g + h + i + j + k + l + m + n + o + p + q +
		       r);
}

PROBED long on_stack(long a, long b, long c, long d, long e, long f, struct big big, char g,
		     long double ld, __int128 wide)
{
	HAPPENS();
	return a + b + c + d + e + f + big.b + g + (long)ld + (long)wide;
}

PROBED int variadic(int n, const char *format, ...)
{
	HAPPENS();
	va_list list;
	int sum = format ? 0 : 1;

	va_start(list, format);
	while (n-- > 0)
		sum += va_arg(list, int);
	va_end(list);
	return sum;
}

PROBED int unused(int a, const char *b, double c)
{
	HAPPENS();
	(void)a, (void)b, (void)c;
	return 7;
}

/* At return the parameters are shown as they came, what they point at as it is. */
PROBED int changed(int n, int *s)
{
	HAPPENS();
	*s += n;
	n = -n;
	USE(n);
	s = &n;
	USE(s);
	return n;
}

int main(int argc, char **argv)
{
	static int total;

	(void)argv;
	target_start(argc);
	for (int i = 1; i < 5; i++) {
		integers((char)i, (short)-i, i, -i, (unsigned char)i, i, (char)-i, (short)(i * 100),
			 -i * 1000, 1L << (i * 9));
		floats(1, i, 3, -i, 5, 6.5, 7, i * .125, 9, 10);
		mixed(i, i * 2, -i, 4, "e", 6, 7, 8, 'i', 10, 11, i / 3., -13, 14.5f, 15, 16, i & 1,
		      -18);
		on_stack(1, 2, 3, 4, 5, i, (struct big){ i, -i, 3 }, (char)('g' + i), i * .1L,
			 (__int128)i << 100);
		variadic(i, "format %d", 1, 2, 3, 4);
		unused(i, "not used", i);
		changed(i, &total);
	}
	return 0;
}
