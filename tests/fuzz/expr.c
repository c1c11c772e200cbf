/*
 * Expressions: what a user, or a preset of somebody else, writes; bound to functions of a sample and evaluated over a
 * hostile process.
 *
 * Input: a byte for the function, one for the limits, the expression up to a NUL, then the memory.
 */
#include "tests/fuzz/fuzz.h"

#include "symbols/expr.h"
#include "symbols/function.h"
#include "symbols/module.h"
#include "symbols/plan.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"

/* What is bound stays in the module: it is opened anew from time to time. */
enum { RUNS_OF_A_MODULE = 2000 };

static struct module *module;
static struct function_list functions;

static void open_sample(void)
{
	struct arena arena = { 0 };
	struct pattern pattern;

	function_list_free(&functions);
	module_close(module);
	functions = (struct function_list){ 0 };
	int r = module_open(SAMPLE_DIR "/exprs.so", "exprs.so", 0x7f0000000000, 0,
			    &(struct module_options){ .no_debuginfod = true }, &module);

	if (r == 0)
		r = pattern_parse("t_*", &arena, &pattern);
	if (r == 0)
		r = function_find(module, &pattern, &functions);
	assert(r > 0 && functions.n);
	arena_free(&arena);
}

static void evaluate(const struct function *function, const char *text, enum expr_when when, const struct frame *frame)
{
	static const struct saved saved; /* nothing */
	static struct value value;
	struct expr *expr;

	if (expr_bind(text, function, when, &expr) < 0)
		return;
	assert(expr_type(expr));
	expr_eval(expr, frame, &saved, &value);
	expr_test(expr, frame, &saved);
}

static void fetch(const struct function *function, const char *text, const struct limits *limits,
		  const struct frame *frame)
{
	static struct saved saved;
	static uint8_t bytes[PAYLOAD_MAX];
	const char *const list[] = { text, NULL };
	const struct plan_request request = { .in = list, .out = list, .limits = *limits, .lenient = true };
	const struct plan *plan;

	if (plan_new(function, &request, &plan) < 0)
		return;
	assert(plan->entry_max <= PAYLOAD_MAX && plan->return_max <= PAYLOAD_MAX);
	struct payload entry = { bytes, 0, plan->entry_max }, ret = { bytes, 0, plan->return_max };

	fetch_entry(plan, frame, &saved, &entry);
	fetch_return(plan, frame, &saved, &ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	struct input input = { data, size };

	if (runs++ % RUNS_OF_A_MODULE == 0)
		open_sample();
	const struct function *function = functions.items[input_byte(&input) % functions.n];
	uint8_t sizes = input_byte(&input);
	const struct limits limits = {
		.string = sizes & 1 ? 7 : 256,
		.array = sizes & 2 ? 2 : 200,
		.object = sizes & 4 ? 10 : 4096,
		.depth = 1 + (sizes >> 3) % 8,
	};
	char *text = input_text(&input, '\0');
	struct frame frame = { .ops = &hostile_ops, .ctx = &input, .pc = function->entry };

	evaluate(function, text, EXPR_ENTRY, &frame);
	evaluate(function, text, EXPR_RETURN, &frame);
	fetch(function, text, &limits, &frame);
	free(text);
	return 0;
}
