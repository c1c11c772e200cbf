/*
 * Places within functions, for test_loc.c: at mark_NAME the variables that have been NOTEd have the noted values.
 */
#include <string.h>

struct pair { long a, b; };
struct big { int v[10]; };

unsigned char seen[16][256];
const char *names[16];
int n_noted;
int total;
static long hidden = 77;

#define NOTE(v) (names[n_noted] = #v, memcpy(seen[n_noted++], &(v), sizeof(v)))
#define MARK(name) __asm__ volatile(".globl mark_" #name "\nmark_" #name ": nop" : : : "memory")
#define NOINLINE __attribute__((noinline))

NOINLINE void consume(void *p, long n) { __asm__ volatile("" : : "r"(p), "r"(n) : "memory"); }

NOINLINE long m_locals(int a, long b, struct pair p, double d)
{
	int x = a * 3;
	long y = b + x;
	float f = (float)d * 2;
	struct pair q = { p.b, p.a };
	char text[8] = "text";
	unsigned char small = (unsigned char)(a + 250);

	n_noted = 0;
	NOTE(a); NOTE(b); NOTE(p); NOTE(d); NOTE(x); NOTE(y); NOTE(f); NOTE(q); NOTE(text); NOTE(small);
	MARK(locals);
	consume(text, x);
	consume(&q, y);
	return x + y + (long)f + q.a + text[0] + small + a + b + p.a + p.b + (long)d;
}

NOINLINE long m_pushed(long a, long b, long c)
{
	struct big big;
	long sum = 0;

	for (int i = 0; i < 10; i++)
		big.v[i] = (int)(a * i);
	consume(&big, a);
	for (int i = 0; i < 10; i++)
		sum += big.v[i];
	n_noted = 0;
	NOTE(a); NOTE(b); NOTE(c); NOTE(big); NOTE(sum);
	MARK(pushed);
	consume(&big, b);
	return sum + a + b * c;
}

NOINLINE long m_alloca(int n, char *p)
{
	char *room = __builtin_alloca(n);
	long count = n * 2;

	memset(room, 'x', n);
	consume(room, n);
	n_noted = 0;
	NOTE(n); NOTE(p); NOTE(count);
	MARK(alloca);
	consume(room, count);
	return count + p[0] + n;
}

NOINLINE int m_globals(int a)
{
	total += a;
	hidden += a;
	n_noted = 0;
	NOTE(a); NOTE(total); NOTE(hidden);
	MARK(globals);
	return total + (int)hidden;
}

NOINLINE int m_constant(int a)
{
	int fixed = 1234, other;

	other = fixed * 2;
	n_noted = 0;
	NOTE(a); NOTE(fixed); NOTE(other);
	MARK(constant);
	return a + fixed + other;
}

void call_locals(void) { m_locals(7, 1l << 40, (struct pair){ 3, -4 }, 2.25); }
void call_pushed(void) { m_pushed(3, -5, 6); }
void call_alloca(void) { m_alloca(100, "p"); }
void call_globals(void) { m_globals(5); }
void call_constant(void) { m_constant(9); }
