/*
 * Expressions and what the compiler says they are, for test_expr.c: E(e) remembers the text and the value of `e`.
 */
#include <stddef.h>
#include <string.h>

enum color { RED, GREEN = 7, BLUE = -3, HUGE_COLOR = 2147483647 };
enum wide { WIDE = 0x123456789abcdef0 };
typedef unsigned char byte;
typedef struct all all_t;
struct all {
	int a;
	unsigned char uc;
	struct { short x; unsigned short y; } in;
	union { int as_int; float as_float; };
	struct { long deep; struct { char deeper; }; };
	int arr[5];
	short matrix[2][3];
	char name[12];
	struct all *next;
	int (*fn)(int);
	int b1 : 3;
	unsigned b2 : 31;
	unsigned b3 : 32;
	int b4 : 20;
	unsigned long b5 : 5;
	_Bool flag, bit : 1;
	float f;
	double d;
	long double ld;
	__int128 big;
	unsigned __int128 ubig;
	enum color color;
	const char *text;
	byte bytes[4];
	void *opaque;
	struct unknown *incomplete;
	char full[4];
};

struct result {
	const char *text;
	unsigned char bytes[1024];
	unsigned size;
	int is_unsigned;
};
struct result results[400];
int n_results;

#define IS_UNSIGNED(v)                                                                             \
	_Generic((v), unsigned char: 1, unsigned short: 1, unsigned: 1, unsigned long: 1,          \
		 unsigned long long: 1, unsigned __int128: 1, default: 0)
#define E(e)                                                                                       \
	do {                                                                                       \
		__auto_type v_ = (e);                                                              \
		struct result *r_ = &results[n_results++];                                         \
		r_->text = #e;                                                                     \
		memcpy(r_->bytes, &v_, sizeof(v_));                                                \
		r_->size = sizeof(v_);                                                             \
		r_->is_unsigned = IS_UNSIGNED(v_);                                                 \
	} while (0)

int counter = 42;
static long file_static = -17;
static const char *const words[] = { "zero", "one", "two", NULL };
unsigned char raw_bytes[4] = { 250, 251, 252, 253 };
struct all second = { .a = 2, .next = NULL, .text = "second" };
struct all first = {
	.a = -5, .uc = 200, .in = { -300, 65000 }, .as_float = 1.5f, .deep = 1l << 40, .deeper = 'D',
	.arr = { 10, 11, 12, 13, 14 }, .matrix = { { 1, 2, 3 }, { 4, 5, -6 } }, .name = "name", .next = &second,
	.b1 = -3, .b2 = 5, .b3 = 7, .b4 = -70000, .b5 = 17, .flag = 1, .bit = 1, .f = 0.1f, .d = 0.1, .ld = 1.0L / 3,
	.big = -5, .ubig = ~(unsigned __int128)0, .color = GREEN, .text = "first", .bytes = { 1, 2, 3, 255 },
	.opaque = &second, .incomplete = (struct unknown *)&second, .full = "full",
};
struct all *global_pointer = &first;
_Thread_local int per_thread = 1;
/* the debug information must know them */
void *keep[] = { (void *)words, &file_static };
enum wide keep_wide;

__attribute__((noinline)) int t_expr(struct all *p, int i, unsigned u, long l, unsigned char uc, signed char sc, short s,
				     float f, double d, const char *text, struct all v, const char *const *argv,
				     enum color col, void *vp, _Bool yes, unsigned long long ull, struct all *null,
				     long double ld, char ch)
{
	n_results = 0;
	/* promotion and the usual conversions */
	E(i + u); E(i - u); E(i * 3); E(-i); E(+uc); E(~i); E(~uc); E(!i); E(!0); E(-uc); E(-sc); E(-u);
	E(uc + sc); E(uc << 4); E(uc << 24); E(sc >> 1); E(i >> 1); E(u >> 1); E(l << 33); E(1 << 31 >> 31); E(1L << 40);
	E(1ul << 63); E(i / 3); E(-i / 3); E(i % 3); E(-7 % 3); E(7 % -3); E(u % 7); E(u / 3); E(l / i); E(ull / 3); E(ull % 10);
	E(i < u); E(-1 < u); E(-1 < 1u); E(sc < uc); E(l == i); E(l > u); E(l < ull); E(uc == 200); E(sc == -100); E(i != -9);
	E(i & 0xff); E(i | 1); E(i ^ u); E(u ^ l); E(i & 1 == 0); E((i & 1) == 0); E(1 | 2 ^ 3 & 4); E(1 + 2 * 3 - 4 / 2);
	E(i > 0 == 1); E(i && u); E(i || 0); E(0 && 1); E(0 || 0); E(yes); E(!yes); E(yes + 1); E(yes << 3); E(s * s); E(s + ch);
	E(i - -i); E(- -i); E(2147483647); E(2147483648); E(-2147483648); E(0xffffffff); E(0xffffffff == -1);
	E(4294967295 == -1); E(0x7fffffffffffffff); E(0xffffffffffffffff); E(1u - 2); E(1ul - 2); E(017 + 0x1F); E('a');
	E('\xff'); E('a' + 1); E('\n' == 10); E(ull + i); E(u * u); E(i * i * i); E(uc * sc);
	/* floating point */
	E(f + d); E(f * f); E(f / 3); E(d / 3); E(d * 3 - 1); E(f == 0.1f); E(f == 0.1); E(d == 0.1); E(-f); E(!f); E(f < d);
	E(f + i); E(u + f); E(ull + d); E(ull + f); E(ld * ld); E(ld / 3); E(ld + f); E(ld == d); E(1.5); E(1.5f); E(1e10 + 1);
	E(f && 1); E(0.0 || 0); E(i + 0.5);
	/* casts */
	E((int)d); E((int)-2.9); E((unsigned char)i); E((signed char)200); E((short)70000); E((long)-1); E((unsigned)-1);
	E((unsigned long)(unsigned)-1); E((unsigned long)-1); E((_Bool)i); E((_Bool)0.5); E((_Bool)256); E((float)d);
	E((double)f); E((float)l); E((double)ull); E((long double)f); E((unsigned char)-1 == 255); E((char)200 == 200);
	E((byte)300); E((enum color)7); E((int)uc); E((long)p); E((void *)p); E((char *)p + 1); E((unsigned short)~0);
	E((int)(char)i); E((unsigned)sc); E((long)sc); E((unsigned long)sc); E((float)0.1); E((long long)f); E((unsigned)3.99);
	/* sizeof */
	E(sizeof(int)); E(sizeof i); E(sizeof(struct all)); E(sizeof *p); E(sizeof(p->name)); E(sizeof p->name[0]);
	E(sizeof(all_t)); E(sizeof(uc + uc)); E(sizeof(long double)); E(sizeof p); E(sizeof(*p->next)); E(sizeof(u) - 5);
	/* members */
	E(p->a); E((*p).a); E(p->uc); E(p->in.x); E(p->in.y); E((*p).in.y + 1); E(p->as_int); E(p->as_float); E(p->deep);
	E(p->deeper); E(p->next->a); E(p->next->next); E(p->color); E(p->flag); E(!p->flag); E(p->f); E(p->d); E(p->ld);
	E(p->big); E(p->ubig); E(p->text); E(*p->text); E(p->text[1]); E(p->bytes[3]); E(p->fn); E(p->fn == 0); E(p->opaque);
	E(p->in); E(v.a); E(v.in.x); E(v.arr[2]); E(v.next->a); E(v.ld); E(v.name[1]); E(&v.a == &v.a); E(v.text[0]);
	/* bit-fields: promoted to int where they fit */
	E(+p->b1); E(+p->b2); E(+p->b3); E(+p->b4); E(+p->bit); E(p->b1 - 1); E(p->b2 - 10); E(p->b3 - 10); E(p->b4 / 7);
	E(p->b2 - 10 < 0); E(p->b3 - 10 < 0); E(p->b5 - 20); E(p->b1 == -3); E(-p->b2); E(~p->b2); E(p->b5 << 2); E(!p->bit);
	E((long)p->b4); E((unsigned char)p->b1); E(p->b1 * p->b4); E(v.b4 + 0); E(v.b1 + 0);
	/* 128 bits */
	E(p->big + 1); E(p->big == -5); E(p->big < 0); E(p->ubig / 3); E(p->ubig > 5); E(p->big * p->big); E((long)p->big);
	E(p->big - p->ubig); E(p->big >> 2); E(p->ubig >> 64); E((double)p->big); E((__int128)l << 70);
	/* pointers and arrays */
	E(p->arr[2]); E(*p->arr); E(p->arr + 1); E(*(p->arr + 4)); E(p->matrix[1][2]); E(p->matrix[1]); E(*p->matrix[1]);
	E(**p->matrix); E(&p->arr[3] - p->arr); E(p->arr - &p->arr[3]); E(p + 1); E(p - 1); E(1 + p); E(&p->in); E(&p->in.y);
	E(p->name); E(&p->name[2]); E(p->name[0] == 'n'); E(*p); E(p == global_pointer); E(p != 0); E(!p); E(p && p->a);
	E(null || i); E(null == 0); E(null && null->a); E(p > null); E(argv[1]); E(argv[1][0]); E(*argv[0]); E(**argv);
	E(*(argv + 2)); E(text + 3); E(text[2]); E(*(text + 1)); E(*text == 'h'); E(*(int *)p); E(((struct all *)vp)->a);
	E(((all_t *)vp)->text); E((struct all *)vp + 1); E(vp + 4); E(*(unsigned char *)vp); E(*(short *)((char *)p + 6));
	E(&*p); E(*&p->a); E(p->arr[i + 10]); E(p->arr[uc - 199]); E(&p[3] - p); E(p - &p[2]); E((&p->a)[0]); E(&p->next->a);
	E((char *)&p->in - (char *)p); E(p->arr[p->arr[0] - 9]); E(p->incomplete); E(p->incomplete == vp); E(p->full[3]);
	/* names */
	E(counter); E(counter + 1); E(file_static); E(&counter); E(first.a); E(&first); E(first.next->text); E(words[1]);
	E(words[1][1]); E(raw_bytes[1]); E(global_pointer->a); E(*global_pointer->next); E(col == GREEN); E(col == BLUE);
	E(GREEN + 1); E(BLUE); E(BLUE < col); E(col); E(col < 0); E(HUGE_COLOR); E(WIDE); E(RED); E(-GREEN); E(WIDE >> 4);
	return i;
}

void call_expr(void)
{
	t_expr(&first, -9, 4000000000u, -5000000000, 200, -100, -300, 0.1f, 0.1, "hello", first, words, GREEN, &second, 1,
	       ~0ull - 5, NULL, 2.5L, 'x');
}

struct pair { long a; int b : 5; char text[3]; };
__attribute__((noinline)) struct pair t_pair(struct pair in, const char *s, int *out, char **where, struct all big)
{
	*out = 7;
	*where = "written";
	struct pair result = { in.a * 2, in.b + 1, "ok" };
	return result;
}
int out_value;
char *where_value;
void call_pair(void)
{
	out_value = -1;
	where_value = NULL;
	t_pair((struct pair){ 21, 3, "in" }, "parameter", &out_value, &where_value, first);
}

__attribute__((noinline)) const char *t_text(const char *s) { return s + 1; }
void call_text(void) { t_text("result"); }
