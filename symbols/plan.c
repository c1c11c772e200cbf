/**
 * Making plans: which expressions are captured when, and what of the entry must be kept for the
 * return.
 */
#include "symbols/plan.h"

#include "symbols/decoder.h"
#include "symbols/expr_node.h"
#include "symbols/function.h"
#include "symbols/module.h"
#include "symbols/schema_make.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct planner {
	const struct function *function;
	const struct plan_request *request;
	struct arena *arena;
	struct plan *plan;
	ARRAY(struct capture) in, out;
	ARRAY(const char *) warnings;
};

static int no_memory(void)
{
	return err_set(-ENOMEM, "out of memory");
}

static int warn(struct planner *planner, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int warn(struct planner *planner, const char *fmt, ...)
{
	const char **slot = array_push(&planner->warnings);
	char text[512];
	va_list ap;

	if (!slot)
		return no_memory();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*slot = arena_strndup(planner->arena, text, strcspn(text, "\n"));
	return *slot ? 0 : no_memory();
}

/* Captures are members of a struct: their names must differ. */
static bool has_capture(const struct capture *items, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(items[i].text, text))
			return true;
	return false;
}

static int make_capture(struct planner *planner, const char *text, enum expr_when when,
			struct capture *ret)
{
	struct expr *expr;
	int r = expr_bind(text, planner->function, when, &expr);

	if (r < 0)
		return r;
	struct capture capture = { .text = arena_strdup(planner->arena, text),
				   .expr = expr,
				   .type = expr_type(expr) };

	if (!capture.text)
		return no_memory();
	r = schema_make_capture(capture.text, capture.type, expr_is_passed(expr),
				&planner->plan->limits, planner->request->decoders, planner->arena, &capture.schema);
	if (r < 0)
		return r;
	*ret = capture;
	return 0;
}

/* Add an expression to a list; what is not known here may be left out with a warning. */
static int add_capture(struct planner *planner, const char *text, enum expr_when when, bool lenient)
{
	bool at_entry = when == EXPR_ENTRY;
	struct capture capture, *slot;

	if (at_entry ? has_capture(planner->in.items, planner->in.n, text)
		     : has_capture(planner->out.items, planner->out.n, text))
		return 0;
	int r = make_capture(planner, text, when, &capture);

	if (r == -ENOENT && lenient)
		return warn(planner, "%s: %s", planner->function->name, err_text());
	if (r < 0)
		return r;
	slot = at_entry ? array_push(&planner->in) : array_push(&planner->out);
	if (!slot)
		return no_memory();
	*slot = capture;
	return 0;
}

static int add_expressions(struct planner *planner, const char *const *texts, enum expr_when when)
{
	for (; *texts; texts++) {
		int r = add_capture(planner, *texts, when, planner->request->lenient);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_default_in(struct planner *planner)
{
	const struct function *function = planner->function;

	for (size_t i = 0; i < function->n_params; i++) {
		const char *name = function->params[i].name;
		int r = name ? add_capture(planner, name, EXPR_ENTRY, true)
			     : warn(planner, "%s: parameter %zu has no name", function->name,
				    i + 1);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_const(const struct type *type)
{
	for (; type->kind == TYPE_QUAL || type->kind == TYPE_TYPEDEF; type = type_target(type))
		if (type->kind == TYPE_QUAL && !strcmp(type->name, "const"))
			return true;
	return false;
}

static bool is_object(const struct type *bare)
{
	return bare->kind != TYPE_VOID && bare->kind != TYPE_FUNC && bare->size;
}

/* Whether a value of this type is a pointer with a view of what it points at. */
static bool is_decoded(struct planner *planner, const struct type *type)
{
	const struct decoders *decoders = planner->request->decoders;
	const struct type *bare = type_strip(type),
			  *pointee = bare->kind == TYPE_PTR ? type_target(bare) : NULL;
	struct decoder *decoder = pointee ? decoder_find(decoders, pointee) : NULL;
	struct schema *schema;

	return decoder && decoder_schema(decoders, decoder, bare, &planner->plan->limits,
					 planner->arena, &schema) == 0;
}

/* What a pointer parameter may bring back, as an expression; NULL if nothing. */
static const char *default_out(struct planner *planner, const struct parameter *param)
{
	const struct type *pointer = type_strip(param->type);
	const struct type *pointee = pointer->kind == TYPE_PTR ? type_target(pointer) : NULL;
	const struct type *bare = pointee ? type_strip(pointee) : NULL;

	if (!bare || !param->name || !planner->plan->limits.depth)
		return NULL;
	if (is_decoded(planner, pointer))
		return arena_strdup(planner->arena, param->name);
	if (is_decoded(planner, bare))
		return arena_printf(planner->arena, "*%s", param->name);
	if (!is_object(bare))
		return NULL;
	if (type_is_char_ptr(pointer))
		return is_const(pointee) ? NULL : arena_strdup(planner->arena, param->name);
	bool is_out_pointer = bare->kind == TYPE_PTR && !type_is_char_ptr(bare) &&
			      is_object(type_strip(type_target(bare)));

	return arena_printf(planner->arena, is_out_pointer ? "**%s" : "*%s", param->name);
}

static int add_default_out(struct planner *planner)
{
	const struct function *function = planner->function;
	int r = 0;

	if (!function->has_types)
		return warn(planner, "%s: no debug information%s: no parameters, no $ret",
			    function->name, function->die ? " but lines (-g1)" : "");
	if (type_strip(function->return_type)->kind != TYPE_VOID)
		r = add_capture(planner, "$ret", EXPR_RETURN, true);
	for (size_t i = 0; r == 0 && i < function->n_params; i++) {
		const char *text = default_out(planner, &function->params[i]);

		if (text)
			r = add_capture(planner, text, EXPR_RETURN, true);
	}
	return r;
}

/*
 * What is captured at return and can be had before too, so that a report can show what the call
 * changed.
 */
static int add_out_to_in(struct planner *planner)
{
	for (size_t i = 0; i < planner->out.n; i++) {
		int r = expr_uses_return(planner->out.items[i].expr)
				? 0
				: add_capture(planner, planner->out.items[i].text, EXPR_ENTRY,
					      true);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_filter(struct planner *planner)
{
	const char *source = planner->request->filter;
	struct plan *plan = planner->plan;
	struct expr *filter;

	if (!source)
		return 0;
	/*
	 * Bound for the return it may use $ret; if it does not, it is tested as early as possible.
	 */
	int r = expr_bind(source, planner->function, EXPR_RETURN, &filter);

	if (r == 0 && !expr_uses_return(filter))
		r = expr_bind(source, planner->function, EXPR_ENTRY, &filter);
	if (r < 0)
		return r;
	if (!type_is_scalar(type_strip(expr_type(filter))))
		return err_set(-EINVAL, "the condition '%s' is neither true nor false", source);
	plan->filter = filter;
	plan->filter_at_return = expr_uses_return(filter);
	return 0;
}

static int save_param(struct planner *planner, size_t i, size_t *room)
{
	const struct parameter *param = &planner->function->params[i];
	size_t size = saved_size(type_strip(param->type)->size);
	struct expr *expr;

	if (size > *room)
		return warn(planner, "%s: '%s' is too large to be kept until the return",
			    planner->function->name, param->name);
	int r = expr_bind(param->name, planner->function, EXPR_ENTRY, &expr);

	if (r < 0)
		return r;
	const struct expr **savers = (const struct expr **)planner->plan->savers;

	*room -= size;
	savers[i] = expr;
	planner->plan->saved_params |= (uint64_t)1 << i;
	return 0;
}

/* Parameters that are needed at return, the small ones first as long as there is room. */
static int save_params(struct planner *planner)
{
	uint64_t wanted = planner->plan->filter_at_return ? expr_params(planner->plan->filter) : 0;
	size_t room = sizeof(((struct saved *)NULL)->bytes);

	for (size_t i = 0; i < planner->out.n; i++)
		wanted |= expr_params(planner->out.items[i].expr);
	planner->plan->savers = arena_alloc(planner->arena, 64 * sizeof(*planner->plan->savers));
	if (!planner->plan->savers)
		return no_memory();
	for (int large = 0; large < 2; large++) {
		for (size_t i = 0; i < 64 && i < planner->function->n_params; i++) {
			bool is_large = type_strip(planner->function->params[i].type)->size > 16;
			int r = wanted >> i & 1 && is_large == large ? save_param(planner, i, &room)
								     : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int finish_payload(struct planner *planner, const struct capture *captures, size_t n,
			  const struct schema **ret, size_t *max)
{
	struct plan *plan = planner->plan;
	const struct schema **members = arena_alloc(planner->arena, n * sizeof(*members));
	struct schema *payload = arena_alloc(planner->arena, sizeof(*payload));

	if (!members || !payload)
		return no_memory();
	for (size_t i = 0; i < n; i++)
		members[i] = captures[i].schema;
	*payload = (struct schema){ .kind = SCHEMA_STRUCT, .members = members, .n_members = (uint32_t)n };
	uint64_t size = schema_max_size(payload, plan->limits.string);

	if (size > PAYLOAD_MAX) {
		err_set(-E2BIG,
			"%s: one call could need %llu bytes, more than the %d there are for it",
			planner->function->name, (unsigned long long)size, PAYLOAD_MAX);
		return err_hint(
			-E2BIG,
			"name fewer expressions, or lower --depth, --struct-limit, --array-limit or "
			"--string-limit");
	}
	*ret = payload;
	*max = size;
	return 0;
}

static int finish(struct planner *planner)
{
	struct plan *plan = planner->plan;
	int r = save_params(planner);

	if (r < 0)
		return r;
	plan->n_in = planner->in.n;
	plan->in = arena_memdup(planner->arena, planner->in.items, plan->n_in * sizeof(*plan->in));
	plan->n_out = planner->out.n;
	plan->out =
		arena_memdup(planner->arena, planner->out.items, plan->n_out * sizeof(*plan->out));
	plan->n_warnings = planner->warnings.n;
	plan->warnings = arena_memdup(planner->arena, planner->warnings.items,
				      plan->n_warnings * sizeof(*plan->warnings));
	if (!plan->in || !plan->out || !plan->warnings)
		return no_memory();
	r = finish_payload(planner, plan->in, plan->n_in, &plan->entry, &plan->entry_max);
	return r < 0 ? r
		     : finish_payload(planner, plan->out, plan->n_out, &plan->ret,
				      &plan->return_max);
}

static int check_limits(const struct limits *limits)
{
	if (limits->string > STRING_LIMIT_MAX)
		return err_set(-EINVAL, "the limit of strings is at most %d bytes",
			       STRING_LIMIT_MAX);
	if (limits->object < OBJECT_LIMIT_MIN || limits->object > OBJECT_LIMIT_MAX)
		return err_set(-EINVAL, "the limit of structs is from %d to %d bytes",
			       OBJECT_LIMIT_MIN, OBJECT_LIMIT_MAX);
	if (limits->depth > DEPTH_LIMIT_MAX)
		return err_set(-EINVAL, "the depth is at most %d", DEPTH_LIMIT_MAX);
	return 0;
}

static int make(struct planner *planner)
{
	const struct plan_request *request = planner->request;
	int r = request->in ? add_expressions(planner, request->in, EXPR_ENTRY)
			    : add_default_in(planner);

	if (r == 0)
		r = request->out ? add_expressions(planner, request->out, EXPR_RETURN)
				 : add_default_out(planner);
	if (r == 0)
		r = add_out_to_in(planner);
	if (r == 0)
		r = add_filter(planner);
	return r < 0 ? r : finish(planner);
}

int plan_new(const struct function *function, const struct plan_request *request,
	     const struct plan **ret)
{
	struct planner planner = {
		.function = function,
		.request = request,
		.arena = module_arena(function->module),
	};
	int r = check_limits(&request->limits);

	if (r < 0)
		return r;
	planner.plan = arena_alloc(planner.arena, sizeof(*planner.plan));
	if (!planner.plan)
		return no_memory();
	planner.plan->function = function;
	planner.plan->limits = request->limits;
	r = make(&planner);
	array_free(&planner.in);
	array_free(&planner.out);
	array_free(&planner.warnings);
	if (r < 0)
		return r;
	*ret = planner.plan;
	return 0;
}
