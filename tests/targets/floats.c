// probe: singles a, b => $ret
// probe: doubles a, b => $ret
// probe: extended a, b => $ret
// probe: mixed a, b, c, d, e => $ret
// probe: complexes a, b => $ret
// probe: complex_long a => $ret
// probe: in_memory *f, f->d, f->ld[1] => *f
#include <complex.h>
#include <float.h>
#include <math.h>

#include "target.h"

struct floats {
	float f;
	double d;
	long double ld[2];
	float fs[3];
	double _Complex z;
	float _Complex w;
};

PROBED float singles(float a, const float b)
{
	HAPPENS();
	return a - b;
}

PROBED double doubles(double a, double b)
{
	HAPPENS();
	return a * b;
}

PROBED long double extended(long double a, long double b)
{
	HAPPENS();
	return a / b;
}

PROBED double mixed(int a, double b, long c, float d, long double e)
{
	HAPPENS();
	return a + b + (double)c + d + (double)e;
}

PROBED double _Complex complexes(double _Complex a, float _Complex b)
{
	HAPPENS();
	return a * b;
}

PROBED long double _Complex complex_long(long double _Complex a)
{
	HAPPENS();
	return -a;
}

PROBED void in_memory(struct floats *f)
{
	f->f = -f->f;
	f->d /= 3;
	f->ld[1] *= 1.5L;
	f->z = f->d;
}

int main(int argc, char **argv)
{
	static const double values[] = {
		0, -0.0, 1, 0.1, -2.5, 1e10, 1e-7, 123456789, DBL_MAX, DBL_MIN, 4.9e-324, INFINITY,
		-INFINITY, NAN, 3e38, 1e-40, 100, 1e16, 123456789012345680.0,
	};
	static struct floats f = { 1.5f, 2.25, { 1e4000L, -3 }, { 1e-42f, 2, 3 }, 1 + 2 * I, 3 };

	(void)argv;
	target_start(argc);
	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++) {
		double v = values[i], w = values[(i + 3) % 5];

		singles((float)v, (float)w);
		doubles(v, w);
		extended(v, (long double)w * 1e-4000L);
		mixed((int)i - 2, v, (long)i << 40, (float)w, v);
		complexes(v + w * I, (float)(w + v * I));
		complex_long(v + w * I);
		in_memory(&f);
	}
	return 0;
}
