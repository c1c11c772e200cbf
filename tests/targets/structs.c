// probe: nested *n, n->inner, n->inner.deep.x, n->named_later => *n
// probe: anonymous *a, a->i, a->y, a->w => *a
// probe: bits *b, b->s3, b->u5, b->straddle, b->last => *b
// probe: packed_bits *p, p->a, p->c => *p
// probe: unions *u, u->bytes, u->f => *u
// probe: flexible *f, f->n => *f
// probe: empties *e, v->a => $ret
#include <stdint.h>

#include "target.h"

struct nested {
	char c;
	struct inner {
		short s;
		struct { int x, y; } deep;
	} inner;
	struct inner list[2];
	const char *const *named_later;
};
struct anonymous {
	int tag;
	union {
		int i;
		struct { short x, y; };
		struct { unsigned char z; union { char w; signed char ww; }; };
	};
	struct { long tail; };
};
struct bits {
	int s3 : 3;
	unsigned u5 : 5;
	char c;
	int : 0;
	unsigned long straddle : 40;
	long negative : 20;
	_Bool flag : 1;
	signed char sc : 7;
	unsigned short us : 9;
	uint64_t last : 63;
};
struct __attribute__((packed)) packed_bits {
	unsigned a : 7;
	unsigned long long big : 57;
	char c;
	int d : 31;
	short s;
};
union unions {
	uint32_t word;
	float f;
	unsigned char bytes[4];
	struct { short lo, hi; } half;
	unsigned top : 4;
};
struct flexible { int n; char text[]; };
struct empty { };
struct with_empty { struct empty e; int after; };
struct versioned { volatile int a; int *restrict b; };

PROBED void nested(struct nested *n)
{
	n->inner.deep.y = --n->c;
	n->list[1] = n->inner;
}

PROBED void anonymous(struct anonymous *a)
{
	a->y = (short)(a->x * 3);
	a->tail--;
}

PROBED void bits(struct bits *b)
{
	b->s3++, b->u5--, b->straddle += 0x123456789, b->negative -= 70000, b->flag ^= 1;
	b->sc--, b->us--, b->last--;
}

PROBED void packed_bits(struct packed_bits *p)
{
	p->a++, p->big -= 3, p->c++, p->d -= 1 << 29, p->s--;
}

PROBED void unions(union unions *u)
{
	u->f = u->f / 3 + (float)u->half.lo;
}

PROBED void flexible(struct flexible *f)
{
	f->n++;
}

PROBED struct with_empty *empties(struct with_empty *e, const struct versioned *v)
{
	e->after += v->a;
	return e;
}

int main(int argc, char **argv)
{
	static const char *name = "later";
	static struct nested n = { 3, { -7, { 1, 2 } }, { { 0 } }, &name };
	static struct anonymous a = { 1, { .i = 0x00050041 }, { -1 } };
	static struct bits b = { .c = 'x', .last = 5 };
	static struct packed_bits p = { .c = '~' };
	static union unions u = { .word = 0x40490fdb };
	static struct { struct flexible f; char text[8]; } f = { { 1 }, "flex" };
	static struct with_empty e = { .after = 4 };
	static int x;
	static struct versioned v = { 9, &x };

	(void)argv;
	target_start(argc);
	for (int i = 0; i < 5; i++) {
		nested(&n);
		anonymous(&a);
		bits(&b);
		packed_bits(&p);
		unions(&u);
		flexible(&f.f);
		empties(&e, &v);
	}
	return 0;
}
