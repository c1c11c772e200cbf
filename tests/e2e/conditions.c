/*
 * Calls to be selected by conditions.
 *
 *	conditions          calls select_call() with each row of values
 *	conditions truths   prints each condition of conditions.inc, and 0 or 1 for each row: what it is there
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum e { FIRST, LAST };
enum huge { HUGE = 0xffffffff };

struct s {
	int a;
	unsigned bits : 3;
	int sbits : 5;
	unsigned wide : 32;
	unsigned long big;
	double real;
	float half;
	enum e e;
	enum huge huge;
	bool flag;
	unsigned char byte;
	char name[8], full[8];
	const char *text;
	struct s *next;
	short arr[4];
};

struct truth {
	const char *text;
	char rows[64];
};

static struct truth truths[2000];
static int n_truths, row;
static bool tells;

static void note(const char *text, bool is_true)
{
	truths[n_truths].text = text;
	truths[n_truths++].rows[row] = is_true ? '1' : '0';
}

__attribute__((noipa)) int select_call(int n, signed char sc, unsigned char uc, short s, unsigned short us, int i, unsigned u, long l,
				       unsigned long ul, float f, double d, bool b, enum e e, const char *text, struct s *p, int *ip,
				       struct s *nul)
{
	if (tells) {
		n_truths = 0;
#define CASE(expr) note(#expr, (expr) != 0);
#define OURS(expr, wanted) note(#expr, (wanted) != 0);
#include "conditions.inc"
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct s objects[] = {
		{ -8, 5, -3, 0, 1ul << 41, 0.1, 0.5, LAST, HUGE, true, 200, "vda", "fulltext", "xyz", &objects[1], { -1, 2, 3, 4 } },
		{ 7, 1, 4, 7, 0, -0.1, 0.25, FIRST, HUGE, false, 0, "sda", "fulltext", "xyz", NULL, { 0, 0, 0, 0 } },
	};
	static int number = 42;
	double nan = 0;

	nan /= nan;
	tells = argc > 1;
#define ROW(...) select_call(row, __VA_ARGS__, objects, &number, NULL), row++
	ROW(-8, 200, -300, 65535, -8, 4294967295u, -8, -1ul, 0.1f, 0.1, true, LAST, "vda");
	ROW(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, FIRST, "");
	ROW(127, 255, 32767, 1, 1, 1, 1, 1, 1, 1, true, LAST, "vdab");
	ROW(-1, 255, -1, 65535, -1, 4294967295u, -1, -1ul, -1, -1, false, FIRST, "sda");
	ROW(-128, 128, -32768, 32768, -2147483647 - 1, 2147483648u, -9223372036854775807 - 1, 1ul << 63, 1e20f, -1e300, true, FIRST, NULL);
	ROW(5, 200, 200, 300, -5, 745, 1ul << 40, 1ul << 40, 0.5f, nan, true, LAST, "vd\xc3\xa4");
	ROW(1, 1, 1, 1, 2147483647, 2147483647, 9223372036854775807, 9223372036854775807, 16777217, 16777217, false, LAST, "w");
	for (int t = 0; t < n_truths; t++)
		printf("%s\t%s\n", truths[t].text, truths[t].rows);
	return 0;
}
