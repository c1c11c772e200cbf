/*
 * Every kind of function.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct pair {
	long a, b;
};

int exported(int a, const char *text);
int exported(int a, const char *text)
{
	return printf("%d %s\n", a, text);
}

int alias_of_exported(int a, const char *text) __attribute__((alias("exported")));
int weak_one(void) __attribute__((weak, noinline));
int weak_one(void)
{
	return rand();
}

static __attribute__((noinline)) struct pair same_name(struct pair p, int (*cb)(void *), double d)
{
	return (struct pair){ p.a + (long)d, cb ? cb(NULL) : rand() };
}

__attribute__((noinline)) static int variadic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vprintf(fmt, ap);

	va_end(ap);
	return n;
}

__attribute__((noinline)) static int old_style(a, b)
	int a;
	char *b;
{
	return a + b[0] + rand();
}

void no_parameters(void);
__attribute__((noinline)) void no_parameters(void)
{
	puts("none");
}

int (*returns_function(int which))(const char *);
int (*returns_function(int which))(const char *)
{
	return which ? puts : NULL;
}

/* Constant propagation: every caller passes 3. */
static __attribute__((noinline)) int propagated(int *values, int always3)
{
	int sum = 0;

	for (int i = 0; i < always3; i++)
		sum += values[i] * rand();
	return sum;
}

/* Scalar replacement: one member of what is pointed at is used. */
static __attribute__((noinline)) int replaced(const struct pair *p, int unused)
{
	(void)unused;
	return (int)p->a * rand();
}

static inline __attribute__((always_inline)) int inlined(int x)
{
	return x * rand() + 1;
}

int calls_inlined(int x);
int calls_inlined(int x)
{
	if (x > 5)
		return inlined(x);
	return inlined(x + 1) - 1;
}

/* A part that is unlikely, and big enough to be moved to .cold. */
int has_cold(int x, FILE *out);
int has_cold(int x, FILE *out)
{
	if (__builtin_expect(x < 0, 0)) {
		for (int i = 0; i < 10; i++)
			fprintf(out, "cold %d %d\n", i, x);
		abort();
	}
	return x + rand();
}

#ifdef __x86_64__
typedef int chosen_fn(int);
static int choice(int x)
{
	return x + 1;
}
static chosen_fn *resolve_chosen(void)
{
	return choice;
}
int chosen(int x) __attribute__((ifunc("resolve_chosen")));
#endif

__asm__(".text\n.globl hand_written\n.type hand_written,@function\nhand_written:\n\tmov %edi,%eax\n\tret\n"
	".size hand_written,.-hand_written\n");
int hand_written(int);

int use_other(int x);

int main(int argc, char **argv)
{
	int values[3] = { argc, 2, 3 };
	struct pair p = same_name((struct pair){ argc, 2 }, NULL, 2.5);
#ifndef __clang__
	int __attribute__((noinline)) nested(int y)
	{
		return y + argc + rand();
	}
	values[0] += nested(argc);
#endif

	return exported(argc, argv[0]) + alias_of_exported(1, "x") + variadic("%d\n", 3) + weak_one() +
	       old_style(1, argv[0]) + propagated(values, 3) + replaced(&p, argc) + calls_inlined(argc) +
	       has_cold(argc, stdout) + chosen(argc) + hand_written(1) + (returns_function(1) != NULL) +
	       use_other(argc) + (no_parameters(), 0);
}
