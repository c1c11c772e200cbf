// options: -k
// probe: factorial n => $ret
// probe: even n => $ret
// probe: odd n => $ret
// probe: tail n, text => $ret
// probe: tail_target n, text => $ret
// probe: leaf depth =>
// probe: compare *(int *)a, *(int *)b => $ret
#include <stdlib.h>

#include "target.h"

PROBED unsigned long factorial(unsigned n)
{
	return n ? n * factorial(n - 1) : 1;
}

int odd(unsigned n);
PROBED int even(unsigned n)
{
	return n ? odd(n - 1) : 1;
}

PROBED int odd(unsigned n)
{
	return n ? even(n - 1) : 0;
}

PROBED long tail_target(int n, const char *text)
{
	return n * 3 + text[0];
}

PROBED long tail(int n, const char *text)
{
	return n > 2 ? tail_target(n + 1, text + 1) : -1;
}

PROBED int leaf(int depth, int *where)
{
	*where = depth;
	return depth * 2;
}

static inline __attribute__((always_inline)) int inlined_twice(int n, int *where)
{
	return leaf(n + 1, where) + 1;
}

static inline __attribute__((always_inline)) int inlined(int n, int *where)
{
	int sum = inlined_twice(n, where);

	return sum + inlined_twice(n * 2, where);
}

PROBED int middle(int n)
{
	int where = 0;

	return inlined(n, &where) + where;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int main(int argc, char **argv)
{
	int numbers[] = { 4, 2, 3 }, sum = 0;

	(void)argv;
	target_start(argc);
	for (int i = 1; i < 5; i++) {
		sum += (int)factorial((unsigned)i) + even((unsigned)i);
		sum += (int)tail(i, "tail") + middle(i);
	}
	qsort(numbers, 3, sizeof(*numbers), compare);
	return sum == numbers[0];
}
