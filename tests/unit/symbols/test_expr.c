/* Expressions: what the compiler makes of those in exprs.c must be what we make of them at the function's entry. */
#include "tests/unit/symbols/live.h"

#include "symbols/expr.h"
#include "symbols/plan.h"
#include "symbols/schema_make.h"
#include "symbols/type.h"

static const struct limits limits = LIMITS_DEFAULT;

/* As in exprs.c. */
struct result {
	const char *text;
	unsigned char bytes[1024];
	unsigned size;
	int is_unsigned;
};

struct visit {
	struct live *live;
	const char *compiler;
	const struct function *function;
	unsigned right;
};

static size_t encode(struct visit *visit, const struct value *value, const struct frame *frame, uint8_t *data, size_t cap)
{
	struct payload payload = { data, 0, cap };
	const struct schema *schema;

	if (schema_make_capture("value", value->type, false, &limits, NULL, module_arena(visit->live->module), &schema) < 0)
		fail_msg("%s", err_text());
	fetch_value(schema, value, frame, &limits, &payload);
	return payload.len;
}

/* The type C gives it, as far as numbers show it. */
static bool same_type(const struct type *type, const struct result *result)
{
	const struct type *bare = type_strip(type);

	if (bare->kind == TYPE_INT && bare->is_signed == (bool)result->is_unsigned)
		return false;
	return bare->size == result->size;
}

static void check_result(struct visit *visit, const struct result *result, const struct frame *frame)
{
	static uint8_t ours[16384], theirs[16384];
	struct value value, wanted = { .in_memory = true };
	struct expr *expr;

	if (expr_bind(result->text, visit->function, EXPR_ENTRY, &expr) < 0)
		fail_msg("%s: %s", visit->compiler, err_text());
	expr_eval(expr, frame, NULL, &value);
	if (value.status != STATUS_OK)
		fail_msg("%s: %s: status %d", visit->compiler, result->text, value.status);
	if (type_strip(value.type)->kind == TYPE_ARRAY) { /* C makes it a pointer */
		assert_memory_equal(&value.addr, result->bytes, sizeof(value.addr));
		visit->right++;
		return;
	}
	if (!same_type(value.type, result))
		fail_msg("%s: %s: wrong type", visit->compiler, result->text);
	wanted.type = value.type;
	wanted.len = value.len;
	wanted.addr = (uint64_t)(uintptr_t)result->bytes;
	size_t len = encode(visit, &value, frame, ours, sizeof(ours));

	if (len != encode(visit, &wanted, frame, theirs, sizeof(theirs)) || memcmp(ours, theirs, len) != 0)
		fail_msg("%s: %s: wrong value", visit->compiler, result->text);
	visit->right++;
}

static void check_results(const struct frame *frame, void *ctx)
{
	struct visit *visit = ctx;
	const struct result *results = dlsym(visit->live->dl, "results");
	int n = *(int *)dlsym(visit->live->dl, "n_results");

	for (int i = 0; i < n; i++)
		check_result(visit, &results[i], frame);
}

/* Stop at the entry of t_expr(), in every `step`th of the builds. */
static void at_entry(live_callback callback, size_t step)
{
	for (size_t i = 0; i < LIVE_COMPILERS; i += step) {
		struct live live;
		struct visit visit = { .live = &live, .compiler = live_compilers[i] };

		live_open(live_compilers[i], "exprs.c", &live);
		visit.function = live_function(&live, "t_expr");
		live_call(&live, "call_expr"); /* so that results[] is filled */
		live_break(visit.function->entry, callback, &visit);
		live_call(&live, "call_expr");
		print_message("%s: %u right\n", visit.compiler, visit.right);
		assert_true(visit.right >= 15);
		live_close(&live);
	}
}

static void check_interposed(const struct frame *frame, void *ctx)
{
	struct visit *visit = ctx;
	struct value value;
	struct expr *expr;

	assert_int_equal(expr_bind("counter == -4242 && raw_bytes[3] == 4", visit->function, EXPR_ENTRY, &expr), 0);
	expr_eval(expr, frame, NULL, &value);
	assert_int_equal(value.bytes[0], 1);
	visit->right = 15;
}

static void values_are_those_of_the_compiler(void **state)
{
	(void)state;
	at_entry(check_results, 1);
}

/* Variables that the dynamic linker has put elsewhere than the debug information says. */
static void interposed_variables(void **state)
{
	struct live interposer;

	(void)state;
	live_open_flags("gcc -O1 -g", "interposer.c", RTLD_GLOBAL, &interposer);
	at_entry(check_results, 5);
	at_entry(check_interposed, 5);
	live_close(&interposer);
}

/* What C does not have: text, names in other files, values that are not there. */
enum { NOT_A_NUMBER = 1000 };

static const struct {
	const char *text;
	enum status status;
	int value;
} ours[] = {
	{ "text == \"hello\"", STATUS_OK, 1 },
	{ "text == \"hell\"", STATUS_OK, 0 },
	{ "text == \"hello!\"", STATUS_OK, 0 },
	{ "text != \"hello\"", STATUS_OK, 0 },
	{ "\"hello\" == text", STATUS_OK, 1 },
	{ "text < \"help\"", STATUS_OK, 1 },
	{ "text > \"help\"", STATUS_OK, 0 },
	{ "\"help\" > text", STATUS_OK, 1 },
	{ "text >= \"hello\"", STATUS_OK, 1 },
	{ "text <= \"a\"", STATUS_OK, 0 },
	{ "text + 1 == \"ello\"", STATUS_OK, 1 },
	{ "p->name == \"name\"", STATUS_OK, 1 },
	{ "p->name == \"nam\"", STATUS_OK, 0 },
	{ "p->full == \"full\"", STATUS_OK, 1 },
	{ "p->full == \"fulls\"", STATUS_OK, 0 },
	{ "p->full == \"ful\"", STATUS_OK, 0 },
	{ "p->full > \"ful\"", STATUS_OK, 1 },
	{ "v.name == \"name\"", STATUS_OK, 1 },
	{ "p->text == \"first\" && p->next->text == \"second\"", STATUS_OK, 1 },
	{ "argv[2] == \"two\"", STATUS_OK, 1 },
	{ "argv[3] == \"two\"", STATUS_OK, 0 },
	{ "argv[3] != \"two\"", STATUS_OK, 1 },
	{ "argv[3] < \"two\"", STATUS_NULL, 0 },
	{ "(char *)8 == \"x\"", STATUS_UNREADABLE, 8 },
	{ "exprs.c::file_static", STATUS_OK, -17 },
	{ "exprs.c::counter + 1", STATUS_OK, 43 },
	{ "null->a", STATUS_NULL, 0 },
	{ "*null", STATUS_NULL, 0 },
	{ "null->next->next->a", STATUS_NULL, 0 },
	{ "null[5].a", STATUS_NULL, 0 },
	{ "p->next->next->a", STATUS_NULL, 0 },
	{ "null->a == 0", STATUS_NULL, 0 },
	{ "!null->a", STATUS_NULL, 0 },
	{ "null->a + 1", STATUS_NULL, 0 },
	{ "null->a || 1", STATUS_OK, 1 },
	{ "null->a || 0", STATUS_NULL, 0 },
	{ "null->a && 0", STATUS_OK, 0 },
	{ "null->a && 1", STATUS_NULL, 0 },
	{ "1 || null->a", STATUS_OK, 1 },
	{ "0 && null->a", STATUS_OK, 0 },
	{ "text == NULL", STATUS_OK, 0 },
	{ "argv[3] == NULL", STATUS_OK, 1 },
	{ "true + true", STATUS_OK, 2 },
	{ "false", STATUS_OK, 0 },
	{ "(uint16_t)65537", STATUS_OK, 1 },
	{ "sizeof null->a", STATUS_OK, 4 },
	{ "*(int *)16", STATUS_UNREADABLE, 16 },
	{ "((struct all *)0x1000)->next->a", STATUS_UNREADABLE, NOT_A_NUMBER },
	{ "i / 0", STATUS_OPTIMIZED_OUT, 0 },
	{ "i % 0", STATUS_OPTIMIZED_OUT, 0 },
	{ "i << 32", STATUS_OPTIMIZED_OUT, 0 },
	{ "i >> -1", STATUS_OPTIMIZED_OUT, 0 },
	{ "1 << 31", STATUS_OK, INT32_MIN },
	{ "(int)1e10", STATUS_OPTIMIZED_OUT, 0 },
	{ "(-2147483647 - 1) / -1", STATUS_OK, INT32_MIN },
	{ "(-2147483647 - 1) % -1", STATUS_OK, 0 },
	{ "p->b1", STATUS_OK, -3 },
	{ "p->b5", STATUS_OK, 17 },
	{ "v.b4", STATUS_OK, -70000 },
};

static void check_ours(const struct frame *frame, void *ctx)
{
	struct visit *visit = ctx;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		uint8_t data[16384];
		struct value value;
		struct expr *expr;
		int64_t number = 0;

		if (expr_bind(ours[i].text, visit->function, EXPR_ENTRY, &expr) < 0)
			fail_msg("%s: %s", visit->compiler, err_text());
		expr_eval(expr, frame, NULL, &value);
		size_t len = encode(visit, &value, frame, data, sizeof(data));

		if (data[0] != ours[i].status)
			fail_msg("%s: %s: status %d", visit->compiler, ours[i].text, data[0]);
		memcpy(&number, data + 1, len - 1 < 8 ? len - 1 : 8);
		if (ours[i].status == STATUS_OK && (int)number != ours[i].value)
			fail_msg("%s: %s is %d", visit->compiler, ours[i].text, (int)number);
		if (ours[i].status == STATUS_UNREADABLE && ours[i].value != NOT_A_NUMBER && number != ours[i].value)
			fail_msg("%s: %s is unreadable at %lx", visit->compiler, ours[i].text, (long)number);
		/* as a condition */
		if (type_is_scalar(value.type))
			assert_int_equal(expr_test(expr, frame, NULL), ours[i].status != STATUS_OK ? -1 : !!ours[i].value);
		visit->right++;
	}
}

static void text_and_missing_values(void **state)
{
	(void)state;
	at_entry(check_ours, 5);
}

static const struct {
	const char *text;
	int error;
	unsigned column;
	const char *message;
} bad[] = {
	{ "p->", -EINVAL, 3, "name of a member" },
	{ "pp->a", -ENOENT, 0, "did you mean 'p'" },
	{ "nul", -ENOENT, 0, "did you mean 'null'" },
	{ "p->nam", -ENOENT, 3, "did you mean 'name'" },
	{ "p->next->deeep", -ENOENT, 9, "'struct all' has no member 'deeep'" },
	{ "p.a", -ENOENT, 2, "use '->'" },
	{ "i->a", -ENOENT, 0, "'int' is not a pointer" },
	{ "v->a", -ENOENT, 0, "'struct all' is not a pointer" },
	{ "*i", -ENOENT, 0, "not a pointer" },
	{ "*vp", -ENOENT, 0, "void *" },
	{ "i.a", -ENOENT, 2, "no members" },
	{ "p->incomplete->x", -ENOENT, 15, "not known" },
	{ "i[0]", -ENOENT, 1, "neither an array nor a pointer" },
	{ "p[f]", -ENOENT, 2, "an index is an integer" },
	{ "p + p", -ENOENT, 2, "'+' cannot be done" },
	{ "p * 2", -ENOENT, 2, "'*' cannot be done" },
	{ "p + f", -ENOENT, 2, "cannot be done" },
	{ "~f", -ENOENT, 0, "needs an integer" },
	{ "-p", -ENOENT, 1, "a number is needed" },
	{ "f % 2", -ENOENT, 2, "needs integers" },
	{ "f << 2", -ENOENT, 2, "needs integers" },
	{ "v + 1", -ENOENT, 2, "cannot be done" },
	{ "v && 1", -ENOENT, 0, "a number or a pointer" },
	{ "p == f", -ENOENT, 2, "a pointer cannot be compared" },
	{ "p - vp", -ENOENT, 2, "different things" },
	{ "i == \"text\"", -ENOENT, 5, "text can only be compared" },
	{ "\"text\"", -ENOENT, 0, "text can only be compared" },
	{ "\"a\" == \"b\"", -ENOENT, 7, "text can only be compared" },
	{ "(struct al *)p", -ENOENT, 0, "al" },
	{ "(struct all)i", -ENOENT, 0, "cannot be cast" },
	{ "(float)p", -ENOENT, 0, "cannot be cast" },
	{ "(void *)f", -ENOENT, 0, "cannot be cast" },
	{ "(int)v", -ENOENT, 0, "cannot be cast" },
	{ "&i + &5", -ENOENT, 5, "no address" },
	{ "&p->b1", -ENOENT, 0, "no address" },
	{ "sizeof(p->b1)", -ENOENT, 0, "bit-field" },
	{ "sizeof *p->incomplete", -ENOENT, 0, "not known" },
	{ "p->incomplete + 1", -ENOENT, 14, "not known" },
	{ "$ret", -ENOENT, 0, "only when the function returns" },
	{ "$nothing", -ENOENT, 0, "not known here" },
	{ "nowhere.c::x", -ENOENT, 0, "no variable 'x' in a file 'nowhere.c'" },
	{ "per_thread", -ENOENT, 0, "thread-local" },
	{ "(int", -EINVAL, 0, "not closed" },
};

static void errors_point_at_their_place(void **state)
{
	struct live live;

	(void)state;
	live_open("gcc -O1 -g", "exprs.c", &live);
	const struct function *function = live_function(&live, "t_expr");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct expr *expr = NULL;
		char caret[128];
		int r = expr_bind(bad[i].text, function, EXPR_ENTRY, &expr);

		if (r != bad[i].error || expr)
			fail_msg("%s: %d", bad[i].text, r);
		snprintf(caret, sizeof(caret), "\n  %s\n  %*s^", bad[i].text, (int)bad[i].column, "");
		if (!strstr(err_text(), bad[i].message) || !strstr(err_text(), caret))
			fail_msg("%s: %s", bad[i].text, err_text());
	}
	live_close(&live);
}

static void parameters_are_counted(void **state)
{
	struct live live;
	struct expr *expr;

	(void)state;
	live_open("gcc -O1 -g", "exprs.c", &live);
	const struct function *function = live_function(&live, "t_expr");

	assert_int_equal(expr_bind("p->a + i * sizeof u", function, EXPR_ENTRY, &expr), 0);
	assert_int_equal(expr_params(expr), 3);
	assert_false(expr_uses_return(expr));
	assert_int_equal(expr_bind("$ret < 0", function, EXPR_RETURN, &expr), 0);
	assert_int_equal(expr_params(expr), 0);
	assert_true(expr_uses_return(expr));
	live_close(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_those_of_the_compiler),
		cmocka_unit_test(interposed_variables),
		cmocka_unit_test(text_and_missing_values),
		cmocka_unit_test(errors_point_at_their_place),
		cmocka_unit_test(parameters_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
