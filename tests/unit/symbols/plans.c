/* Functions with all kinds of parameters, for test_plan.c. */
#include <complex.h>
#include <stddef.h>
#include <string.h>

struct unknown;
enum color { RED, GREEN = 7, BLUE = -3 };
enum flags { F_NONE, F_A, F_B, F_C = 4, F_D = 8 };
typedef struct node node_t;
struct node { int id; struct node *next; const char *name; };
struct flexible { int n; short v[]; };
struct all {
	char c;
	unsigned char raw[3];
	_Bool yes;
	short s;
	float f;
	double d;
	long double ld;
	__int128 big;
	enum color color;
	enum flags flags;
	int bit1 : 3, : 2;
	unsigned bit2 : 9;
	char name[8];
	char lines[2][4];
	int matrix[2][3];
	struct { int x, y; } in;
	union { int i; float real; } u;
	struct { long deep; };
	void *opaque;
	int (*fn)(int);
	struct node *node;
	const char *text;
	struct unknown *unknown;
	double complex z;
	struct flexible flexible;
};
struct wide { char head[4]; int numbers[100]; char text[200]; struct node nodes[40]; char tail; };

#define NOINLINE __attribute__((noinline))
char *volatile sink;

NOINLINE void d_pointers(int a, const char *s, char *buf, char **ps, node_t *n, node_t **pn, void *v, void **pv, int *pi, int **ppi,
			 struct unknown *u, struct unknown **pu, int (*fn)(int), const int *ci, char ***ppps, unsigned char *raw,
			 const unsigned char *craw, int arr[4], struct flexible *flex, char *const *cps)
{
	sink = (char *)buf;
}
NOINLINE int d_scalars(char c, unsigned char uc, _Bool b, short s, enum color col, float f, double d, long double ld, __int128 big,
		       double complex z)
{
	sink = NULL;
	return c;
}
NOINLINE struct node d_struct(struct node by_value, int) { sink = NULL; return by_value; }
static NOINLINE void d_nothing(void) { sink = NULL; }

NOINLINE int t_update(struct all *p, char *buf, node_t **found, const char *key, int *count, struct node by_value, node_t *missing,
		      int *wild)
{
	/* clang passes nothing for parameters that are not used */
	__asm__ volatile("" : : "r"(key), "r"(missing), "r"(wild));
	p->c = 'z';
	p->color = GREEN;
	p->bit1 = -4;
	strcpy(p->name, "after");
	strcpy(buf, "written");
	*found = p->node;
	*count += 1;
	by_value.id = 99;
	sink = (char *)&by_value;
	return -2;
}
NOINLINE const char *t_name(const node_t *n, int fail) { sink = NULL; return fail ? NULL : n->name; }

static struct node nodes[3] = { { 1, &nodes[1], "one" }, { 2, &nodes[2], "two" }, { 3, NULL, NULL } };
int a_function(int x) { return x; }
struct all all;
static struct node *found;
static int count;
static char buffer[32];
struct wide wide;
int matrix[30][10];
struct node list[1000];

void reset(void)
{
	memset(&all, 0, sizeof(all));
	all = (struct all){
		.c = 'a', .raw = "\xff\x01", .yes = 1, .s = -2, .f = 0.5f, .d = 0.25, .ld = 0.125L, .big = -1, .color = BLUE,
		.flags = F_A | F_C | F_D, .bit1 = 3, .bit2 = 300, .name = "before", .lines = { "ab", "cdef" },
		.matrix = { { 1, 2, 3 }, { 4, 5, 6 } }, .in = { 7, 8 }, .u.i = 9, .deep = 10, .opaque = (void *)0x1234,
		.fn = a_function, .node = &nodes[0], .text = "text", .unknown = (struct unknown *)0x5678, .z = 1.5 - 2.5 * I,
		.flexible.n = 11,
	};
	found = NULL;
	count = 41;
	strcpy(buffer, "empty");
	strcpy(wide.head, "hea");
	for (int i = 0; i < 100; i++)
		wide.numbers[i] = i;
	memset(wide.text, 't', sizeof(wide.text));
}
void call_update(void) { reset(); t_update(&all, buffer, &found, "key", &count, nodes[1], NULL, (int *)16); }
void call_name(void) { reset(); t_name(&nodes[1], 0); }
void call_name_fails(void) { reset(); t_name(&nodes[1], 1); }
void call_others(void)
{
	d_pointers(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	d_scalars(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	d_struct(nodes[0], 0);
	d_nothing();
}
