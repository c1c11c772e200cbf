// options: -k
// probe: specialised n, scale => $ret
// probe: split n, *p => $ret
// probe: partly n, *p => $ret, *p
// probe: sometimes_inlined n => $ret
// It may return nothing if no caller wants it, and gcc does not say so.
// unsure: split $ret
// unsure: partly $ret
// A constant may be what is assigned first, not what was passed.
// unsure: specialised scale
#include "target.h"

/* gcc makes copies: without `scale`; with p->a for `p`; without the test of `p` (inlined). */
static __attribute__((noinline)) int specialised(int n, int scale)
{
	return n * scale + (n > 1 ? specialised(n - 1, scale) : 0);
}

struct pair { int a, b; };
static __attribute__((noinline)) int split(int n, const struct pair *p)
{
	return n + p->a * 2;
}

static int partly(int n, struct pair *p)
{
	if (!p)
		return 0;
	for (int i = 0; i < n; i++)
		printf("%d %d\n", n, i * p->b);
	for (p->b += n; n > 3; n--)
		puts("too long to be inlined as a whole");
	return p->b + printf("%d\n", n * n);
}

PROBED int calls_partly(int n, struct pair *p)
{
	return partly(n, p) + partly(n * 2, p) * 2;
}

int sometimes_inlined(int n);
inline int sometimes_inlined(int n)
{
	return n + 1;
}
int (*volatile out_of_line)(int) = sometimes_inlined;

int main(int argc, char **argv)
{
	static struct pair pair;
	int sum = 0;

	(void)argv;
	target_start(argc);
	for (int i = 1; i < 5; i++) {
		sum += specialised(i, 10) + split(i, &(struct pair){ i, sum });
		sum += sometimes_inlined(i) + out_of_line(i);
		sum += calls_partly(i, i & 1 ? &pair : NULL);
	}
	return sum == 0;
}
