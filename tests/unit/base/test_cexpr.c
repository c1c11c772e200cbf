/* The expression parser: trees are compared in a fully bracketed form. */
#include "tracer/base/arena.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void print_integer(FILE *out, const struct cexpr *e)
{
	fprintf(out, "%" PRIu64 "%s%s", e->value, e->is_unsigned ? "u" : "", e->is_long ? "l" : "");
}

static void print_tree(FILE *out, const struct cexpr *e)
{
	switch (e->kind) {
	case CEXPR_NAME: fprintf(out, "%s", e->text); break;
	case CEXPR_SCOPED: fprintf(out, "<%s>%s", e->scope, e->text); break;
	case CEXPR_INT: print_integer(out, e); break;
	case CEXPR_FLOAT: fprintf(out, "%.9Lg%.1s", e->real, (const char[]){ (char)e->op, 0 }); break;
	case CEXPR_STRING: fprintf(out, "\"%s\"", e->text); break;
	case CEXPR_CHAR: fprintf(out, "'%" PRId64 "'", (int64_t)e->value); break;
	case CEXPR_MEMBER: fprintf(out, "(. "); print_tree(out, e->a); fprintf(out, " %s)", e->text); break;
	case CEXPR_ARROW: fprintf(out, "(-> "); print_tree(out, e->a); fprintf(out, " %s)", e->text); break;
	case CEXPR_INDEX:
		fprintf(out, "([] ");
		print_tree(out, e->a);
		fprintf(out, " ");
		print_tree(out, e->b);
		fprintf(out, ")");
		break;
	case CEXPR_CAST: fprintf(out, "(cast {%s} ", e->text); print_tree(out, e->a); fprintf(out, ")"); break;
	case CEXPR_SIZEOF:
		fprintf(out, "(sizeof");
		if (e->text)
			fprintf(out, " {%s}", e->text);
		if (e->a) {
			fprintf(out, " ");
			print_tree(out, e->a);
		}
		fprintf(out, ")");
		break;
	case CEXPR_UNARY:
		fprintf(out, "(%c ", e->op);
		print_tree(out, e->a);
		fprintf(out, ")");
		break;
	case CEXPR_BINARY:
		fprintf(out, "(%s ", cexpr_op_text(e->op));
		print_tree(out, e->a);
		fprintf(out, " ");
		print_tree(out, e->b);
		fprintf(out, ")");
		break;
	}
}

static const struct {
	const char *source, *tree;
} good[] = {
	{ "dom", "dom" },
	{ "  dom  ", "dom" },
	{ "$ret", "$ret" },
	{ "dom->name", "(-> dom name)" },
	{ "l\u00e4nge + \u540d", "(+ l\u00e4nge \u540d)" },
	{ "dom . name", "(. dom name)" },
	{ "*info", "(* info)" },
	{ "**p", "(* (* p))" },
	{ "(*retstats)->rd_req", "(-> (* retstats) rd_req)" },
	{ "*retstats->rd_req", "(* (-> retstats rd_req))" },
	{ "disks[2].path", "(. ([] disks 2) path)" },
	{ "a[i+1][j]", "([] ([] a (+ i 1)) j)" },
	{ "&vm->def", "(& (-> vm def))" },
	{ "-x", "(- x)" },
	{ "!x == y", "(== (! x) y)" },
	{ "~a & b", "(& (~ a) b)" },
	{ "a + b * c", "(+ a (* b c))" },
	{ "a * b + c", "(+ (* a b) c)" },
	{ "a - b - c", "(- (- a b) c)" },
	{ "a / b % c", "(% (/ a b) c)" },
	{ "a << 1 + 2", "(<< a (+ 1 2))" },
	{ "a < b == c > d", "(== (< a b) (> c d))" },
	{ "a & b == c", "(& a (== b c))" },
	{ "a | b ^ c & d", "(| a (^ b (& c d)))" },
	{ "a || b && c", "(|| a (&& b c))" },
	{ "a && b || c", "(|| (&& a b) c)" },
	{ "a <= b", "(<= a b)" },
	{ "a >= b", "(>= a b)" },
	{ "a >> 3 >> 1", "(>> (>> a 3) 1)" },
	{ "a != -1", "(!= a (- 1))" },
	{ "a- -b", "(- a (- b))" },
	{ "a<-1", "(< a (- 1))" },
	{ "a->b-1", "(- (-> a b) 1)" },
	{ "$ret < 0 && path == \"vda\"", "(&& (< $ret 0) (== path \"vda\"))" },
	{ "f.c::x", "<f.c>x" },
	{ "qemu_driver.c::qemu_driver->config", "(-> <qemu_driver.c>qemu_driver config)" },
	{ "virsh-domain.c::x + 1", "(+ <virsh-domain.c>x 1)" },
	{ "9p.c::x", "<9p.c>x" },
	{ "(unsigned char)flags & 0x10", "(& (cast {unsigned char} flags) 16)" },
	{ "(unsigned char)-1", "(cast {unsigned char} (- 1))" },
	{ "(int)*p", "(cast {int} (* p))" },
	{ "(name_t)x", "(cast {name_t} x)" },
	{ "(a)-b", "(- a b)" },
	{ "(a)*b", "(* a b)" },
	{ "(a)&b", "(& a b)" },
	{ "(T *)x", "(cast {T *} x)" },
	{ "(T**)x", "(cast {T **} x)" },
	{ "(T * *)-1", "(cast {T **} (- 1))" },
	{ "(struct  _virDomain*)p", "(cast {struct _virDomain *} p)" },
	{ "((struct x *)p)->y", "(-> (cast {struct x *} p) y)" },
	{ "(struct x *)p->y", "(cast {struct x *} (-> p y))" },
	{ "(const char *)p", "(cast {const char *} p)" },
	{ "(enum e)1", "(cast {enum e} 1)" },
	{ "(long)(int)x", "(cast {long} (cast {int} x))" },
	{ "(T)(x)", "(cast {T} x)" },
	{ "(T)!x", "(cast {T} (! x))" },
	{ "(a) != b", "(!= a b)" },
	{ "(a * b)", "(* a b)" },
	{ "(a)", "a" },
	{ "((a))", "a" },
	{ "sizeof(int)", "(sizeof {int})" },
	{ "sizeof (struct x *)", "(sizeof {struct x *})" },
	{ "sizeof(int) - 1", "(- (sizeof {int}) 1)" },
	{ "sizeof(x)", "(sizeof {x} x)" },
	{ "sizeof(x)->y", "(sizeof (-> x y))" },
	{ "sizeof x->y", "(sizeof (-> x y))" },
	{ "sizeof *x", "(sizeof (* x))" },
	{ "sizeofx", "sizeofx" },
	/* literals: C17 6.4.4 */
	{ "0", "0" },
	{ "017", "15" },
	{ "0xff", "255" },
	{ "0b101", "5" },
	{ "1u", "1u" },
	{ "1UL", "1ul" },
	{ "1llu", "1ul" },
	{ "2147483647", "2147483647" },
	{ "2147483648", "2147483648l" },
	{ "0x80000000", "2147483648u" },
	{ "4294967295u", "4294967295u" },
	{ "0x100000000", "4294967296l" },
	{ "9223372036854775808", "9223372036854775808ul" },
	{ "0xffffffffffffffff", "18446744073709551615ul" },
	{ "1.5", "1.5" },
	{ ".5f", "0.5f" },
	{ "0.1f", "0.100000001f" },
	{ "0.1", "0.1" },
	{ "1L + 1.5L", "(+ 1l 1.5l)" },
	{ "1e3", "1000" },
	{ "2.", "2" },
	{ "'a'", "'97'" },
	{ "'\\n'", "'10'" },
	{ "'\\0'", "'0'" },
	{ "'\\xff'", "'-1'" },
	{ "'\\''", "'39'" },
	{ "\"a\\tb\\\"\\x41\\101\"", "\"a\tb\"AA\"" },
	{ "\"\"", "\"\"" },
};

static void trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct arena arena = { 0 };
		const struct cexpr *tree = NULL;
		char text[512] = "";
		FILE *out = fmemopen(text, sizeof(text), "w");

		if (cexpr_parse(good[i].source, &arena, &tree) < 0)
			fail_msg("%s: %s", good[i].source, err_text());
		print_tree(out, tree);
		fclose(out);
		if (strcmp(text, good[i].tree))
			fail_msg("%s: %s, not %s", good[i].source, text, good[i].tree);
		arena_free(&arena);
	}
}

static const struct {
	const char *source;
	unsigned column; /**< of the caret */
	const char *what;
} bad[] = {
	{ "", 0, "ends too early" },
	{ "a +", 3, "ends too early" },
	{ "a + ", 4, "ends too early" },
	{ "a b", 2, "does not continue" },
	{ "a = b", 2, "==" },
	{ "a += b", 2, "assignment" },
	{ "a <<= b", 2, "assignment" },
	{ "x++", 1, "would change" },
	{ "--x", 0, "would change" },
	{ "a--b", 1, "would change" },
	{ "f(x)", 1, "cannot be called" },
	{ "a ? b : c", 2, "?:" },
	{ "(a", 0, "not closed" },
	{ "a[1", 1, "not closed" },
	{ "a)", 1, "does not continue" },
	{ "a->", 3, "name of a member" },
	{ "a.1", 2, "name of a member" },
	{ "f.c::", 5, "after '::'" },
	{ "12x", 0, "not a number" },
	{ "0x", 0, "not a number" },
	{ "08", 0, "not a number" },
	{ "1uu", 0, "not a number" },
	{ "1.5.2", 0, "not a number" },
	{ "99999999999999999999", 0, "too large" },
	{ "\"abc", 0, "closing" },
	{ "\"abc\\", 0, "closing" },
	{ "\"a\\q\"", 2, "unknown escape" },
	{ "\"a\\0\"", 2, "NUL" },
	{ "'ab'", 0, "one character" },
	{ "''", 0, "one character" },
	{ "'", 0, "one character" },
	{ "@", 0, "a value is expected" },
	{ "a && , b", 5, "a value is expected" },
};

static void errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct arena arena = { 0 };
		const struct cexpr *tree = NULL;
		char wanted[256];
		int r = cexpr_parse(bad[i].source, &arena, &tree);

		if (r != -EINVAL || tree)
			fail_msg("'%s' gives %d", bad[i].source, r);
		snprintf(wanted, sizeof(wanted), "\n  %s\n  %*s^", bad[i].source, (int)bad[i].column, "");
		const char *source_line = strchr(err_text(), '\n');

		if (!source_line || strcmp(source_line, wanted))
			fail_msg("'%s': %s", bad[i].source, err_text());
		if (!strstr(err_text(), bad[i].what) || strstr(err_text(), bad[i].what) > source_line)
			fail_msg("'%s': %s", bad[i].source, err_text());
		arena_free(&arena);
	}
}

static void caret_stands_below_its_column(void **state)
{
	(void)state;
	cexpr_error(-EINVAL, "\t\xc3\xa4 @", 4, "what");
	assert_string_equal(err_text(), "what\n  \t\xc3\xa4 @\n  \t  ^");
}

static void depth_and_length_are_bounded(void **state)
{
	static char many[10001];
	const struct cexpr *tree = NULL;
	struct arena arena = { 0 };
	static const char *const repeated[] = { "(", "-", "*", "a+", "a->", "(int)", "a[" };

	(void)state;
	for (size_t i = 0; i < sizeof(repeated) / sizeof(repeated[0]); i++) {
		for (size_t len = 4000; len <= 10000; len += 6000) {
			size_t step = strlen(repeated[i]), n = 0;

			for (; n + step < len; n += step)
				memcpy(many + n, repeated[i], step);
			strcpy(many + n, n + 1 < len ? "a" : "");
			assert_int_equal(cexpr_parse(many, &arena, &tree), -EINVAL);
		}
	}
	assert_null(tree);
	arena_free(&arena);
}

static void columns(void **state)
{
	struct arena arena = { 0 };
	const struct cexpr *tree = NULL;

	(void)state;
	assert_int_equal(cexpr_parse("  vm->def == (int)x", &arena, &tree), 0);
	assert_int_equal(tree->column, 10);
	assert_int_equal(tree->a->column, 6);
	assert_int_equal(tree->a->a->column, 2);
	assert_int_equal(tree->b->column, 13);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees),
		cmocka_unit_test(errors),
		cmocka_unit_test(caret_stands_below_its_column),
		cmocka_unit_test(depth_and_length_are_bounded),
		cmocka_unit_test(columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
