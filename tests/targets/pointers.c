// probe: objects p, *p, pp, **pp => $ret, *p
// probe: strings s, n => $ret
// probe: voids v, vv, c, *c => $ret
// probe: functions f, *g, t->call, t->table[1], t => $ret
// probe: out result, object => $ret, *result, **object, *object
// probe: deref n->next->value, n->next->name, *n->next => n->value
#include <stdlib.h>

#include "target.h"

struct node { int value; const char *name; struct node *next; };
typedef int (*callback)(int, const char *);
struct table { callback call; void (*table[2])(void); };

PROBED int *objects(int *p, int **pp)
{
	HAPPENS();
	return pp ? *pp : p;
}

PROBED const char *strings(const char *s, char *n)
{
	HAPPENS();
	return n ? n : s;
}

PROBED void *voids(void *v, const void **vv, const volatile int *const c)
{
	HAPPENS();
	return c ? (void *)vv : v;
}

PROBED callback functions(callback f, callback *g, struct table *t)
{
	HAPPENS();
	return t->call == f ? *g : f;
}

PROBED int out(int *result, struct node **object)
{
	HAPPENS();
	static struct node made = { 42, "made here", NULL };

	if (result)
		*result = -12;
	*object = result ? &made : NULL;
	return result ? 0 : -1;
}

PROBED int deref(struct node *n)
{
	HAPPENS();
	return ++n->value;
}

static int callee(int a, const char *b)
{
	return a + (b ? 1 : 0);
}

int global_callee(int a, const char *b);
int global_callee(int a, const char *b)
{
	return callee(a, b) * 2;
}

int main(int argc, char **argv)
{
	static char buffer[] = "buffer", digits[] = "\0017\0", longest[3000];
	static char escapes[] = "tab\t nl\n esc\033[31m quote\" back\\slash \a\b\f\v\r \001\177";
	static char not_utf8[] = "\xff\xc3\x28 \xe2\x82\xac \x80";
	static int x = 7, y = -8, *px = &x;
	static const void *vp = &x;
	static callback list[] = { callee, global_callee };
	static struct table t = { global_callee, { (void (*)(void))callee, NULL } };
	static struct node last = { 3, NULL, NULL }, mid = { 2, "mid", &last },
			   head = { 1, "head", &mid };
	static struct node *object;
	static int result;
	char *const bad = (char *)0xdead0000;
	char *const texts[] = { buffer, escapes, longest, not_utf8, "", digits, NULL, bad };

	(void)argv;
	for (size_t i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = (char)('a' + i % 26);
	target_start(argc);
	for (int i = 0; i < 8; i++) {
		result = i;
		object = NULL;
		USE(object);
		px = i & 1 ? &x : &y;
		objects(i == 3 ? NULL : i == 4 ? (int *)bad : &x, i & 2 ? &px : NULL);
		strings(texts[i], texts[7 - i]);
		voids(i ? buffer : NULL, &vp, i & 1 ? &y : NULL);
		functions(i & 1 ? callee : NULL, &list[i & 1], &t);
		out(i & 1 ? &result : NULL, &object);
		deref(i == 5 ? &last : i & 1 ? &head : &mid);
	}
	return 0;
}
