/* Loaded by plugin.c. */
#include "plugin.h"
#include "target.h"

static int calls;

static __attribute__((noinline)) int deep(const int list[2])
{
	return list[0] * list[1];
}

static __attribute__((noinline)) int hidden(int n, const char *where)
{
	int list[2] = { n, ++calls };

	USE(list);
	return where ? deep(list) : 0;
}

exported_fn exported;
int exported(struct subject *s, int (*back)(int))
{
	s->kind = s->kind == KIND_A ? KIND_B : KIND_A;
	s->info->weight *= 2;
	return back(hidden(calls + 3, calls & 1 ? "odd" : "even")) - 1;
}
