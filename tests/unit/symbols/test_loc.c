/* Locations: what functions of calls.c find in their parameters must be what we find at their entry, and so for results. */
#include "tests/unit/symbols/live.h"

#include "symbols/dwarf.h"
#include "symbols/expr.h"
#include "symbols/loc.h"
#include "symbols/loc_ops.h"
#include "symbols/plan.h"
#include "symbols/schema_make.h"
#include "symbols/type.h"

static const struct limits limits = LIMITS_DEFAULT;

struct caught {
	uint8_t data[32768];
	struct payload payload;
};

static void caught_reset(struct caught *caught)
{
	caught->payload = (struct payload){ caught->data, 0, sizeof(caught->data) };
}

struct call {
	struct live *live;
	const struct function *function;
	struct caught params[20], ret;
	bool returned;
};

/* Encode a value as a trace would have it: without padding. */
static void encode(struct live *live, const char *name, const struct value *value, const struct frame *frame,
		   struct caught *caught)
{
	const struct schema *schema;

	caught_reset(caught);
	if (schema_make_capture(name, value->type, false, &limits, NULL, module_arena(live->module), &schema) < 0)
		fail_msg("%s: %s", name, err_text());
	fetch_value(schema, value, frame, &limits, &caught->payload);
}

static void catch_expression(struct call *call, const char *text, enum expr_when when, const struct frame *frame,
			     struct caught *caught)
{
	struct value value;
	struct expr *expr;

	if (expr_bind(text, call->function, when, &expr) < 0)
		fail_msg("%s: %s: %s", call->function->name, text, err_text());
	expr_eval(expr, frame, NULL, &value);
	encode(call->live, text, &value, frame, caught);
}

static void at_return(const struct frame *frame, void *ctx)
{
	struct call *call = ctx;

	call->returned = true;
	catch_expression(call, "$ret", EXPR_RETURN, frame, &call->ret);
}

static void at_entry(const struct frame *frame, void *ctx)
{
	struct call *call = ctx;

	for (size_t i = 0; i < call->function->n_params; i++)
		catch_expression(call, call->function->params[i].name, EXPR_ENTRY, frame, &call->params[i]);
	if (type_strip(call->function->return_type)->kind != TYPE_VOID)
		live_break(live_return_address(frame), at_return, call);
}

/* What the function itself has seen. */
static void encode_seen(struct call *call, const char *variable, size_t i, const struct type *type, struct caught *caught)
{
	struct value value = { .type = type, .in_memory = true, .len = type_strip(type)->size };
	struct frame frame = { &live_ops, NULL, 0 };

	value.addr = (uint64_t)(uintptr_t)dlsym(call->live->dl, variable) + i * 8192;
	encode(call->live, variable, &value, &frame, caught);
}

static unsigned n_right, n_missing;

static void compare(struct call *call, const char *compiler, const char *name, const struct caught *caught,
		    const struct caught *seen, bool may_be_missing)
{
	const char *function = call->function->symbol;

	if (caught->data[0] == STATUS_OPTIMIZED_OUT) {
		if (!may_be_missing)
			fail_msg("%s: %s: %s is missing", compiler, function, name);
		n_missing++;
		return;
	}
	if (caught->payload.len != seen->payload.len || memcmp(caught->data, seen->data, seen->payload.len) != 0)
		fail_msg("%s: %s: %s is wrong", compiler, function, name);
	n_right++;
}

/* What the function does not look at: maybe_1 is 1, maybe_p points at a_pair. */
static void expect_unseen(struct live *live, const char *param, void *seen)
{
	int number = strncmp(param, "maybe_", 6) ? 0 : atoi(param + 6);
	void *pair = dlsym(live->dl, "a_pair");

	if (number)
		memcpy(seen, &number, sizeof(number));
	else if (!strcmp(param, "maybe_p"))
		memcpy(seen, &pair, sizeof(pair));
}

static bool may_be_missing(const struct function *function, const char *param, const char *compiler)
{
	return function->is_clone || !strncmp(param, "maybe_", 6) ||
	       (!strncmp(param, "lost_", 5) && strstr(compiler, "clang -O2")) ||
	       /* its caller knows the result, and does not look at it */
	       (!strcmp(param, "$ret") && !strcmp(function->name, "t_static_late") &&
		strstr(compiler, "clang -O2"));
}

static void check_function(struct live *live, const char *compiler, const struct function *function)
{
	static struct call call;
	static struct caught seen;
	char name[128];
	int *has_result = dlsym(live->dl, "has_result");

	call = (struct call){ .live = live, .function = function };
	*has_result = 0;
	live_break(function->entry, at_entry, &call);
	snprintf(name, sizeof(name), "call_%s", function->name + 2);
	live_call(live, name);
	for (size_t i = 0; i < function->n_params; i++) {
		const char *param = function->params[i].name;

		if (!call.params[i].payload.data)
			fail_msg("%s: %s was not hit", compiler, function->symbol);
		expect_unseen(live, param, (char *)dlsym(live->dl, "seen") + i * 8192);
		encode_seen(&call, "seen", i, function->params[i].type, &seen);
		compare(&call, compiler, param, &call.params[i], &seen, may_be_missing(function, param, compiler));
	}
	if (*has_result && call.returned) {
		encode_seen(&call, "result", 0, function->return_type, &seen);
		compare(&call, compiler, "$ret", &call.ret, &seen, strstr(function->symbol, ".isra") || function->is_nonstandard ||
				may_be_missing(function, "$ret", compiler));
	}
}

static void check_calls(const char *compiler, const char *source, unsigned at_least)
{
	struct live live;

	live_open(compiler, source, &live);
	struct function_list list = live_functions(&live, "t_*");

	n_right = n_missing = 0;
	for (size_t i = 0; i < list.n; i++) {
		/* GCC does not say that it is of another ABI; only where the variables are shows it */
		if (strstr(compiler, "-fno-var-tracking ") && strstr(list.items[i]->name, "microsoft"))
			continue;
		check_function(&live, compiler, list.items[i]);
	}
	print_message("%s: %zu functions, %u values right, %u not available\n", compiler, list.n, n_right, n_missing);
	assert_true(n_right >= at_least);
	function_list_free(&list);
	live_close(&live);
}

static void parameters_and_results(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIVE_COMPILERS; i++)
		check_calls(live_compilers[i], "calls.c", 175);
}

/* Debug information of other kinds. */
static void other_options(void **state)
{
	static const char *const compilers[] = {
		"gcc -Os -g -fno-omit-frame-pointer",
		"gcc -O2 -fno-var-tracking -g",
		"gcc -O2 -g -fno-var-tracking-assignments -mavx2",
		"gcc -O0 -g -fomit-frame-pointer -mstackrealign",
		"clang -O0 -g -fomit-frame-pointer",
		"clang -O2 -g -fno-omit-frame-pointer -mavx2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(compilers) / sizeof(compilers[0]); i++)
		check_calls(compilers[i], "calls.c", 175);
}

static void other_languages(void **state)
{
	(void)state;
	check_calls("clang -O0 -g -x c++", "calls.cc", 8);
	check_calls("clang -O2 -g -x c++", "calls.cc", 8);
}

/* Variables in the midst of functions: marks.c. */

struct mark {
	struct live *live;
	const char *compiler, *name;
	unsigned right, missing;
};

/* The variable of that name in a function, or a block in it. */
static bool find_local(Dwarf_Die *scope, const char *name, Dwarf_Die *ret)
{
	Dwarf_Die child, found;

	if (dwarf_child(scope, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);
		const char *text = dwarf_diename(&child);

		*ret = child;
		if ((tag == DW_TAG_variable || tag == DW_TAG_formal_parameter) && text && !strcmp(text, name))
			return true;
		if (tag == DW_TAG_lexical_block && find_local(&child, name, &found)) {
			*ret = found;
			return true;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static void check_local(struct mark *mark, const struct frame *frame, const char *name, const void *seen)
{
	struct module *module = mark->live->module;
	const struct function *function = function_at(module, frame->pc);
	uint8_t bytes[256] = { 0 };
	Dwarf_Die scope, die;

	assert_true(die_at(module, function->die, &scope));
	if (!find_local(&scope, name, &die))
		assert_int_equal(name_find_variable(module, function->die, NULL, name, &die), 0);
	size_t size = type_strip(type_of_die(module, &die))->size;
	struct place place = loc_read(loc_variable_at(module, die_id(module, &die), frame->pc), frame, bytes, size);

	if (place.status == STATUS_OPTIMIZED_OUT) {
		if (strstr(mark->compiler, "-O0"))
			fail_msg("%s: %s: %s is missing", mark->compiler, mark->name, name);
		mark->missing++;
		return;
	}
	assert_int_equal(place.status, STATUS_OK);
	if (place.in_memory)
		assert_int_equal(live_read_mem(NULL, place.addr, bytes, size), size);
	if (memcmp(bytes, seen, size) != 0)
		fail_msg("%s: %s: %s is wrong", mark->compiler, mark->name, name);
	mark->right++;
}

static void at_mark(const struct frame *frame, void *ctx)
{
	struct mark *mark = ctx;
	const char *const *names = dlsym(mark->live->dl, "names");
	const uint8_t *seen = dlsym(mark->live->dl, "seen");
	int n = *(int *)dlsym(mark->live->dl, "n_noted");

	assert_true(n >= 3);
	for (int i = 0; i < n; i++)
		check_local(mark, frame, names[i], seen + (size_t)i * 256);
}

static void variables_at_any_place(void **state)
{
	static const char *const marks[] = { "locals", "pushed", "alloca", "globals", "constant" };

	(void)state;
	for (size_t i = 0; i < LIVE_COMPILERS; i++) {
		struct live live;
		struct mark mark = { .live = &live, .compiler = live_compilers[i] };

		live_open(live_compilers[i], "marks.c", &live);
		for (size_t j = 0; j < sizeof(marks) / sizeof(marks[0]); j++) {
			char symbol[64];

			mark.name = marks[j];
			snprintf(symbol, sizeof(symbol), "mark_%s", marks[j]);
			live_break((uint64_t)(uintptr_t)dlsym(live.dl, symbol), at_mark, &mark);
			snprintf(symbol, sizeof(symbol), "call_%s", marks[j]);
			live_call(&live, symbol);
		}
		print_message("%s: %u right, %u not available\n", mark.compiler, mark.right, mark.missing);
		assert_true(mark.right >= 15 && mark.right + mark.missing == 24);
		live_close(&live);
	}
}

/* Expressions by themselves: DWARF 5 section 2.5.1, over a fake frame. */

enum { MEM = 0x1000 };
static const uint64_t memory[4] = { 0x1122334455667788, 0xffffffffffffff80, 5, 0 };

static size_t fake_read_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	size_t left = addr >= MEM && addr < MEM + sizeof(memory) ? MEM + sizeof(memory) - addr : 0;

	(void)ctx;
	len = len < left ? len : left;
	memcpy(buf, (const uint8_t *)memory + (addr - MEM), len);
	return len;
}

static int fake_read_reg(void *ctx, unsigned reg, void *buf, size_t len)
{
	uint8_t bytes[16];

	(void)ctx;
	if (reg == DWARF_R15)
		return -ENODATA;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(reg * 16 + i);
	assert_true(len <= (reg >= DWARF_ST0 ? 10 : reg >= DWARF_XMM0 ? 16 : 8));
	memcpy(buf, bytes, len);
	return 0;
}

static const struct frame_ops fake_ops = { .read_mem = fake_read_mem, .read_reg = fake_read_reg };
static const struct frame fake_frame = { &fake_ops, NULL, 0 };

#define C(n) { .code = DW_OP_const8u, .value = (int64_t)(n) }
#define OP(name) { .code = DW_OP_##name }
#define OPV(name, v) { .code = DW_OP_##name, .value = (v) }
#define OPR(name, r) { .code = DW_OP_##name, .reg = (r) }
#define TYPED(name, t) { .code = DW_OP_##name, .type = (t) }
#define S(n) (OP_TYPE_SIGNED | (n))
#define F(n) (OP_TYPE_FLOAT | (n))
#define CT(t, v) { .code = DW_OP_const_type, .type = (t), .value = (int64_t)(v) }
#define DOUBLE_2_5 0x4004000000000000
#define FLOAT_2_5 0x40200000

enum { OUT = -1, BAD = -2 };

static const struct {
	const char *what;
	struct loc_op ops[8];
	uint64_t value;
	int status; /* OUT: optimized out; BAD: unreadable at `value` */
} programs[] = {
	{ "constant", { C(42) }, 42, 0 },
	{ "and", { C(12), C(10), OP(and) }, 8, 0 },
	{ "or", { C(12), C(10), OP(or) }, 14, 0 },
	{ "xor", { C(12), C(10), OP(xor) }, 6, 0 },
	{ "plus", { C(-1), C(3), OP(plus) }, 2, 0 },
	{ "minus", { C(1), C(3), OP(minus) }, -2, 0 },
	{ "mul", { C(-4), C(3), OP(mul) }, -12, 0 },
	{ "div is signed", { C(-7), C(2), OP(div) }, -3, 0 },
	{ "mod is unsigned", { C(-1), C(10), OP(mod) }, 5, 0 },
	{ "div by 0", { C(1), C(0), OP(div) }, 0, OUT },
	{ "mod by 0", { C(1), C(0), OP(mod) }, 0, OUT },
	{ "div of the least by -1", { C(INT64_MIN), C(-1), OP(div) }, 0, OUT },
	{ "shl", { C(3), C(62), OP(shl) }, (uint64_t)3 << 62, 0 },
	{ "shl by 64", { C(3), C(64), OP(shl) }, 0, 0 },
	{ "shr is unsigned", { C(-1), C(60), OP(shr) }, 15, 0 },
	{ "shra is signed", { C(-64), C(3), OP(shra) }, -8, 0 },
	{ "shra by 100", { C(-64), C(100), OP(shra) }, -1, 0 },
	{ "neg", { C(5), OP(neg) }, -5, 0 },
	{ "not", { C(5), OP(not) }, ~(uint64_t)5, 0 },
	{ "abs", { C(-5), OP(abs) }, 5, 0 },
	{ "lt is signed", { C(-1), C(0), OP(lt) }, 1, 0 },
	{ "le", { C(3), C(3), OP(le) }, 1, 0 },
	{ "gt", { C(3), C(3), OP(gt) }, 0, 0 },
	{ "ge", { C(3), C(4), OP(ge) }, 0, 0 },
	{ "eq", { C(3), C(3), OP(eq) }, 1, 0 },
	{ "ne", { C(3), C(3), OP(ne) }, 0, 0 },
	{ "pick", { C(1), C(2), C(3), OPV(pick, 2) }, 1, 0 },
	{ "pick too deep", { C(1), OPV(pick, 1) }, 0, OUT },
	{ "swap", { C(1), C(2), OP(swap) }, 1, 0 },
	{ "rot", { C(1), C(2), C(3), OP(rot) }, 2, 0 },
	{ "rot twice", { C(1), C(2), C(3), OP(rot), OP(rot) }, 1, 0 },
	{ "drop", { C(1), C(2), OP(drop) }, 1, 0 },
	{ "drop of nothing", { OP(drop) }, 0, OUT },
	{ "plus of one", { C(1), OP(plus) }, 0, OUT },
	{ "nothing", { OP(nop) }, 0, OUT },
	{ "plus_uconst", { C(1), OPV(plus_uconst, 41) }, 42, 0 },
	{ "register", { { .code = DW_OP_bregx, .reg = DWARF_RDX, .value = 1 } }, 0x1716151413121111, 0 },
	{ "register that is not known", { OPR(bregx, DWARF_R15) }, 0, OUT },
	{ "deref", { C(MEM), OPV(deref_size, 8) }, 0x1122334455667788, 0 },
	{ "deref of 2 bytes", { C(MEM), OPV(deref_size, 2) }, 0x7788, 0 },
	{ "deref of nowhere", { C(0x500), OPV(deref_size, 8) }, 0x500, BAD },
	{ "deref across the end", { C(MEM + 28), OPV(deref_size, 8) }, MEM + 32, BAD },
	{ "skip", { C(1), OPR(skip, 4), C(2), C(3), OP(nop) }, 1, 0 },
	{ "branch", { C(7), C(1), OPR(bra, 4), C(8), OP(nop) }, 7, 0 },
	{ "no branch", { C(7), C(0), OPR(bra, 4), C(8), OP(nop) }, 8, 0 },
	{ "endless", { C(7), OPR(skip, 1) }, 0, OUT },
	{ "overflow", { C(7), OPV(pick, 0), OPR(skip, 1) }, 0, OUT },
	{ "typed wraps", { CT(1, 200), CT(1, 100), OP(plus) }, 44, 0 },
	{ "typed div", { CT(S(4), 0xfffffff9), CT(S(4), 2), OP(div) }, 0xfffffffd, 0 },
	{ "typed unsigned div", { CT(4, 0xfffffff9), CT(4, 2), OP(div) }, 0x7ffffffc, 0 },
	{ "typed mod", { CT(S(4), 0xfffffff9), CT(S(4), 4), OP(mod) }, 0xfffffffd, 0 },
	{ "typed lt", { CT(4, 0xfffffff9), CT(4, 2), OP(lt) }, 0, 0 },
	{ "types differ", { CT(S(4), 1), CT(4, 2), OP(plus) }, 0, OUT },
	{ "convert extends the sign", { CT(S(1), 0x80), TYPED(convert, S(8)) }, (uint64_t)-128, 0 },
	{ "convert extends by zeros", { CT(1, 0x80), TYPED(convert, 8) }, 0x80, 0 },
	{ "convert to generic", { CT(S(2), 0xfffe), TYPED(convert, 0) }, (uint64_t)-2, 0 },
	{ "convert cuts", { C(0x12345), TYPED(convert, 1) }, 0x45, 0 },
	{ "double to int", { CT(F(8), DOUBLE_2_5), TYPED(convert, S(4)) }, 2, 0 },
	{ "int to double", { CT(S(4), -2), TYPED(convert, F(8)) }, 0xc000000000000000, 0 },
	{ "unsigned to double", { C(0x8000000000000000), TYPED(convert, F(8)) }, 0x43e0000000000000, 0 },
	{ "double to float", { CT(F(8), DOUBLE_2_5), TYPED(convert, F(4)) }, FLOAT_2_5, 0 },
	{ "float to double", { CT(F(4), FLOAT_2_5), TYPED(convert, F(8)) }, DOUBLE_2_5, 0 },
	{ "float arithmetic", { CT(F(4), FLOAT_2_5), CT(F(4), FLOAT_2_5), OP(plus) }, 0, OUT },
	{ "reinterpret", { CT(F(8), DOUBLE_2_5), TYPED(reinterpret, 0) }, DOUBLE_2_5, 0 },
	{ "reinterpret of another size", { CT(F(4), FLOAT_2_5), TYPED(reinterpret, 0) }, 0, OUT },
	{ "regval_type", { { .code = DW_OP_regval_type, .reg = DWARF_RDX, .type = S(2) } }, 0x1110, 0 },
	{ "deref_type", { C(MEM + 8), { .code = DW_OP_deref_type, .type = S(1), .value = 1 }, TYPED(convert, 0) },
	  (uint64_t)-128, 0 },
};

static void expressions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct loc_piece piece = { .kind = PIECE_MEMORY, .ops = programs[i].ops };
		struct loc loc = { &piece, 1 };

		while (piece.n_ops < 8 && programs[i].ops[piece.n_ops].code)
			piece.n_ops++;
		struct place place = loc_read(&loc, &fake_frame, NULL, 0);
		int status = programs[i].status == OUT ? STATUS_OPTIMIZED_OUT : programs[i].status == BAD ? STATUS_UNREADABLE : 0;

		if (place.status != (enum status)status || place.in_memory != !status || place.addr != programs[i].value)
			fail_msg("%s: status %d, %#lx", programs[i].what, place.status, (long)place.addr);
	}
}

/* Pieces put together: DWARF 5 section 2.6.1.2. */

#define REG(r, bits) { .kind = PIECE_REG, .reg = (r), .bit_size = (bits) }
#define REG_BITS(r, bits, at) { .kind = PIECE_REG, .reg = (r), .bit_size = (bits), .bit_offset = (at) }
#define AT(o, bits) { .kind = PIECE_MEMORY, .bit_size = (bits), .ops = o, .n_ops = 1 }
#define VALUE(o, bits) { .kind = PIECE_VALUE, .bit_size = (bits), .ops = o, .n_ops = 1 }
#define BYTES(s, bits) { .kind = PIECE_BYTES, .bit_size = (bits), .bytes = (const uint8_t *)(s), .n_bytes = sizeof(s) - 1 }

static const struct loc_op at_mem[] = { C(MEM) }, at_nowhere[] = { C(0x500) }, value_ff80[] = { C(0x12ff80) };
static const struct loc_op typed_short[] = { CT(S(2), 0x8001) };

static const struct {
	const char *what;
	struct loc_piece pieces[4];
	size_t n, len;
	const char *hex; /* NULL: optimized out; "!": unreadable */
} assemblies[] = {
	{ "register", { REG(DWARF_RDX, 0) }, 1, 4, "10111213" },
	{ "whole register", { REG(DWARF_RDX, 0) }, 1, 8, "1011121314151617" },
	{ "more than a register", { REG(DWARF_RDX, 0) }, 1, 9, NULL },
	{ "vector register", { REG(DWARF_XMM0, 0) }, 1, 16, "101112131415161718191a1b1c1d1e1f" },
	{ "more than a vector register", { REG(DWARF_XMM0, 0) }, 1, 32, NULL },
	{ "x87 register", { REG(DWARF_ST0, 0) }, 1, 16, "10111213141516171819000000000000" },
	{ "unknown register", { REG(DWARF_R15, 0) }, 1, 4, NULL },
	{ "two registers", { REG(DWARF_RDX, 64), REG(DWARF_RAX, 32) }, 2, 12, "101112131415161700010203" },
	{ "last piece is longer", { REG(DWARF_RDX, 64), REG(DWARF_RAX, 64) }, 2, 12, "101112131415161700010203" },
	{ "pieces are too short", { REG(DWARF_RDX, 64), REG(DWARF_RAX, 16) }, 2, 12, NULL },
	{ "register and memory", { REG(DWARF_RDX, 16), AT(at_mem, 32) }, 2, 6, "101188776655" },
	{ "value", { VALUE(value_ff80, 0) }, 1, 2, "80ff" },
	{ "value of 8 bytes", { VALUE(value_ff80, 0) }, 1, 8, "80ff120000000000" },
	{ "value for more than 8 bytes", { VALUE(value_ff80, 0) }, 1, 16, NULL },
	{ "typed value", { VALUE(typed_short, 0) }, 1, 2, "0180" },
	{ "more than the typed value", { VALUE(typed_short, 0) }, 1, 4, NULL },
	{ "constant", { BYTES("abcd", 0) }, 1, 4, "61626364" },
	{ "more than the constant", { BYTES("abcd", 0) }, 1, 5, NULL },
	{ "padding", { REG(DWARF_RDX, 8), { .kind = PIECE_BYTES, .bit_size = 24 }, REG(DWARF_RAX, 8) }, 3, 5, "1000000000" },
	{ "bits", { REG_BITS(DWARF_RDX, 4, 0), REG_BITS(DWARF_RDX, 4, 8), REG_BITS(DWARF_RDX, 8, 4) }, 3, 2, "1011" },
	{ "bits of memory", { { .kind = PIECE_MEMORY, .bit_size = 16, .bit_offset = 12, .ops = at_mem, .n_ops = 1 } }, 1, 2, "6756" },
	{ "unreadable piece", { REG(DWARF_RDX, 8), AT(at_nowhere, 8) }, 2, 2, "!" },
	{ "nothing", { REG(DWARF_RDX, 8) }, 0, 2, NULL },
};

static void pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(assemblies) / sizeof(assemblies[0]); i++) {
		struct loc loc = { assemblies[i].pieces, assemblies[i].n };
		uint8_t bytes[32];
		char hex[65] = "";
		struct place place = loc_read(&loc, &fake_frame, bytes, assemblies[i].len);
		const char *wanted = assemblies[i].hex;
		enum status status = !wanted ? STATUS_OPTIMIZED_OUT : *wanted == '!' ? STATUS_UNREADABLE : STATUS_OK;

		for (size_t j = 0; j < assemblies[i].len; j++)
			sprintf(hex + 2 * j, "%02x", bytes[j]);
		assert_false(place.in_memory);
		if (place.status != status || (status == STATUS_OK && strcmp(hex, wanted)))
			fail_msg("%s: status %d, %s", assemblies[i].what, place.status, hex);
		if (status == STATUS_UNREADABLE)
			assert_int_equal(place.addr, 0x500);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_and_results),
		cmocka_unit_test(other_options),
		cmocka_unit_test(other_languages),
		cmocka_unit_test(variables_at_any_place),
		cmocka_unit_test(expressions),
		cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
