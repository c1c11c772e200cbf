// probe: plain a, b, c => $ret
// probe: flags f, g => $ret
// probe: members *s, s->kind => *s
// probe: sized a, b, c => $ret
#include "target.h"

enum color { RED, GREEN = 5, BLUE };
enum sign { MINUS = -3, NOTHING = 0, PLUS = 3 };
enum level { LOW = 10, HIGH = 0x80000000 };
enum mask { READ = 1, WRITE = 2, EXEC = 4, SYNC = 0x40 };
enum field { NONE = 0, WIDTH = 0x3, DIRTY = 0x8 }; // of several bits
enum alias { FIRST = 1, ALSO_FIRST = 1, LAST = 9 };
enum huge { SMALL = 1, LARGE = 0x100000000 };
enum huge_signed { DEEP = -0x100000000, SHALLOW = 7 };
enum __attribute__((packed)) tiny { T_A = -1, T_B = 100 };
typedef enum { ANON_A = 1, ANON_B } anonymous;

struct holder {
	enum color kind;
	const enum sign *sign;
	enum mask mask : 8;
	enum sign bits : 4;
	enum color colors[3];
	anonymous anon;
};

PROBED enum color plain(enum color a, enum sign b, enum level c)
{
	HAPPENS();
	return (enum color)(a + b + (c == LOW));
}

PROBED enum mask flags(enum mask f, enum field g)
{
	HAPPENS();
	return (enum mask)(f | g);
}

PROBED void members(struct holder *s)
{
	s->kind = (enum color)(s->kind + 1);
	s->mask ^= 0xff;
	s->bits = MINUS;
}

PROBED anonymous sized(enum huge a, enum huge_signed b, enum tiny c, enum alias d)
{
	HAPPENS();
	return (anonymous)(a == LARGE && b == DEEP && c == T_A && d == LAST);
}

int main(int argc, char **argv)
{
	static const int values[] = { 0,  1,  2,  3,  4,  5,   6,   7,  8,  9, 10,
				      11, 64, 65, 67, 71, 128, 255, -1, -3, -4 };
	static enum sign sign = PLUS;
	static struct holder holder = { GREEN, &sign, READ, PLUS, { RED, GREEN, BLUE }, ANON_B };

	(void)argv;
	target_start(argc);
	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++) {
		int v = values[i];

		plain((enum color)v, (enum sign)v, i & 1 ? LOW : i & 2 ? HIGH : (enum level)v);
		flags((enum mask)v, (enum field)v);
		members(&holder);
		holder.colors[i % 3] = (enum color)v;
		sized(i & 1 ? LARGE : (enum huge)v, i & 2 ? DEEP : (enum huge_signed)v,
		      (enum tiny)v, (enum alias)v);
	}
	return 0;
}
