// options: --array-limit 1000
// probe: matrix *s, s->cube, s->cube[1][2], s->grid[1], *row => *s
// probe: text *t, t->name, t->exact => *t
// probe: parameters a, a[2], *a, b[1][1], t[1].name => $ret
// probe: long_ones *l, l->numbers => $ret
// probe: repeats *r => *r
#include <string.h>

#include "target.h"

typedef int row_t[3];
struct matrix {
	int cube[2][3][2];
	row_t grid[2];
	const char *words[3];
	struct { short a, b; } pairs[2];
	float zero_length[0];
};
struct text {
	char name[8], exact[4], empty[4], garbage[12];
	unsigned char raw[6];
	signed char small[3];
	char one[1], table[2][5];
	volatile const char end[4];
};
struct long_ones { int numbers[300]; char blob[400]; };
struct repeats {
	int same[30], mixed[16];
	char x[64];
	struct { char a; int b; } s[12];
	double d[11];
};

PROBED int matrix(struct matrix *s, row_t *row)
{
	HAPPENS();
	s->cube[1][2][0] += (*row)[1];
	s->grid[0][2]--;
	return s->grid[1][1];
}

PROBED void text(struct text *t)
{
	t->name[3] = '\0';
	t->raw[1]++;
	t->exact[0]++;
}

PROBED int parameters(const int a[], int b[][2], struct text t[2])
{
	HAPPENS();
	return a[0] + b[1][0] + t[0].name[0];
}

PROBED int long_ones(const struct long_ones *l)
{
	HAPPENS();
	return l->numbers[0];
}

PROBED void repeats(struct repeats *r)
{
	r->mixed[5]++;
	r->x[20]++;
}

int main(int argc, char **argv)
{
	static struct matrix m = {
		{ { { 1, 2 }, { 3, 4 }, { 5, 6 } }, { { -1, -2 }, { -3, -4 }, { -5, -6 } } },
		{ { 7, 8, 9 }, { 10, 11, 12 } }, { "one", NULL, "three" },
		{ { 1, 2 }, { 3, 4 } }, { },
	};
	static struct text t[2] = {
		{ "seventh", { 'f', 'u', 'l', 'l' }, "", "abc\0defghi", { 1, 200, 'a', 0xff, 0, 7 },
		  { -1, 65, 0 }, "x", { "row1", "row2" }, "\033[m" },
		{ "caf\xc3\xa9", "\xff\xfe", "\n\t", "\0\0x\0\0", "\"q\"\\", "", "",
		  { "", "r" }, "" },
	};
	static struct long_ones l;
	static struct repeats r = { .mixed = { 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2 } };
	static int twos[][2] = { { 1, 2 }, { 3, 4 } };
	static int numbers[] = { 10, 20, 30 };

	(void)argv;
	for (int i = 0; i < 300; i++)
		l.numbers[i] = i * i;
	memset(l.blob, 'b', sizeof(l.blob));
	memset(r.x, 'z', 40);
	target_start(argc);
	for (int i = 0; i < 3; i++) {
		matrix(&m, &m.grid[i & 1]);
		text(&t[i & 1]);
		parameters(numbers, twos, t);
		long_ones(&l);
		repeats(&r);
	}
	return 0;
}
