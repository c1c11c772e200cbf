// probe: chains a, b, *c, d => $ret
// probe: qualified a, *b, *s, s->c => $ret
// probe: locals n, types.c::table, types.c::name, shared_name, big.in.z, *pointer => $ret, counter, shared
// probe: expressions a + b * 2, a - 7, a / 3, a % 4, a << 3, a >> 1, a & 6, a | 8, a ^ 5, ~a, -a, !a => $ret
// probe: comparisons a < b, a == 3, a >= b && b > 0, a || b, !p, p != 0, (unsigned char)a, (short)(a * 40000), u > a => $ret
// probe: pointed &p[1], *(p + 2), p[2], q->x, &q->y, *&q->y, (long)p & 7, sizeof(*q), sizeof(int) => $ret
#include "target.h"

typedef unsigned long word;
typedef word word2;
typedef const word2 word3;
typedef struct point { int x, y; } point_t, *point_p;
typedef point_t corners[2];
typedef char name_t[8];
typedef enum { OFF, ON } onoff;
struct qualified {
	const int a;
	volatile char b;
	const char *const c;
	_Atomic int d;
	int *restrict e;
};

static int counter = 100;
static int table[3] = { 1, 2, 3 };
static const char *name = "file static";
int shared = -5;
const char shared_name[] = "global array";
struct { struct { int z; } in; } big = { { 77 } };
point_t *pointer = &(point_t){ 8, 9 };

PROBED word3 chains(word3 a, point_t b, corners *c, onoff d)
{
	HAPPENS();
	return a + (word)b.x + (word)(*c)[1].y + d;
}

PROBED int qualified(const volatile int a, const point_p b, volatile struct qualified *s)
{
	HAPPENS();
	return a + b->y + s->d;
}

PROBED int locals(int n)
{
	HAPPENS();
	counter += n;
	shared--;
	USE(name);
	return counter + table[n % 3];
}

PROBED int expressions(int a, int b)
{
	HAPPENS();
	return a + b;
}

PROBED int comparisons(int a, int b, unsigned u, const char *p)
{
	HAPPENS();
	return a + b + (int)u + !p;
}

PROBED int pointed(const int *p, const point_t *q)
{
	HAPPENS();
	return *p + q->x;
}

int main(int argc, char **argv)
{
	static corners c = { { 1, 2 }, { 3, 4 } };
	static int numbers[] = { 10, 20, 30, 40 };
	static struct qualified s = { 1, 'v', "const", 4, &numbers[1] };

	(void)argv;
	target_start(argc);
	for (int i = 0; i < 5; i++) {
		chains((word)i << 60, c[i & 1], &c, i & 1 ? ON : OFF);
		qualified(-i, c, &s);
		locals(i);
		expressions(i * 11 - 9, i);
		comparisons(i - 2, 3 - i, (unsigned)i, i & 1 ? name : NULL);
		pointed(&numbers[i & 1], &c[i & 1]);
	}
	return 0;
}
