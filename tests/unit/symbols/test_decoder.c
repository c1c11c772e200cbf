/*
 * Decoders over objects as libvirt has them, in versions.  The compiler that made objects.c is the oracle of where
 * members are: what is expected is what the source initializes them with.
 */
#include "tests/unit/symbols/live.h"

#include "symbols/decoder.h"
#include "symbols/plan.h"
#include "symbols/type.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct decoder_item domain_items[] = {
	{ "name", "def->name" },	 { "id", "def->number" }, { "id", "def->id" },
	{ "state", "(virState)state" }, { "updated", "updated" },
};
static struct decoder_item opaque_items[] = { { "n", "n" } };
static struct decoder list[] = {
	{ .type = "virDomainObj", .items = domain_items, .n = 5 },
	{ .type = "opaque", .module = "elsewhere", .items = opaque_items, .n = 1 },
};
static struct decoders decoders = { .items = list, .n = 2 };

static const char *const versions[] = {
	"gcc -O0 -g -DVERSION=1",   "gcc -O2 -g -DVERSION=2",	"clang -O2 -g -DVERSION=1",
	"clang -O0 -g -DVERSION=2", "gcc -O1 -gdwarf-4 -DVERSION=2",
};
enum { VERSIONS = sizeof(versions) / sizeof(versions[0]) };

/* What is in a payload, for those kinds of schemas that are in these tests. */

static uint64_t take(const uint8_t **at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, *at, size);
	*at += size;
	return value;
}

static void print_text(FILE *out, const uint8_t **at)
{
	int len = (int)take(at, 4);

	fprintf(out, "\"%.*s\"", len, (const char *)*at);
	*at += len;
}

static void print_value(FILE *out, const struct schema *schema, const uint8_t **at);

/* option(target), or option(text) */
static void print_option(FILE *out, const struct schema *target, const uint8_t **at)
{
	unsigned status = (unsigned)take(at, 1);

	if (status == STATUS_UNREADABLE)
		fprintf(out, "<unreadable %#lx>", (long)take(at, 8));
	else if (status != STATUS_OK)
		fprintf(out, "<%u>", status);
	else if (target)
		print_value(out, target, at);
	else
		print_text(out, at);
}

static void print_value(FILE *out, const struct schema *schema, const uint8_t **at)
{
	switch (schema->kind) {
	case SCHEMA_CAPTURE:
		print_option(out, schema->target, at);
		break;
	case SCHEMA_PTR:
		fprintf(out, take(at, 8) ? "->" : "0");
		if (schema->target)
			print_option(out, schema->target, at);
		break;
	case SCHEMA_STRING:
		take(at, 8);
		print_option(out, NULL, at);
		break;
	case SCHEMA_STRUCT:
		fprintf(out, "%s{", schema->view ? schema->view : "");
		for (uint32_t i = 0; i < schema->n_members; i++) {
			fprintf(out, "%s%s=", i ? " " : "", schema->members[i]->name);
			print_value(out, schema->members[i], at);
		}
		fputc('}', out);
		break;
	default:
		fprintf(out, "%ld", (long)take(at, schema->size));
	}
}

struct run {
	const struct plan *plan;
	char text[4096];
};

static void at_entry(const struct frame *frame, void *ctx)
{
	static struct saved saved;
	static uint8_t data[PAYLOAD_MAX];
	struct run *run = ctx;
	struct payload payload = { data, 0, sizeof(data) };
	const uint8_t *at = data;
	FILE *out = fmemopen(run->text, sizeof(run->text), "w");

	assert_int_equal(fetch_entry(run->plan, frame, &saved, &payload), 1);
	assert_true(payload.len <= run->plan->entry_max);
	for (size_t i = 0; i < run->plan->n_in; i++) {
		fprintf(out, "%s%s: ", i ? ", " : "", run->plan->in[i].text);
		print_value(out, run->plan->in[i].schema, &at);
	}
	fclose(out);
	assert_ptr_equal(at, data + payload.len);
}

static const struct plan *make_plan(struct live *live, const char *const *in, const struct decoders *with)
{
	struct plan_request request = {
		.in = in, .out = in ? LIST("$ret") : NULL, .limits = LIMITS_DEFAULT, .decoders = with,
	};
	const struct plan *plan;

	if (plan_new(live_function(live, "use"), &request, &plan) < 0)
		fail_msg("%s", err_text());
	return plan;
}

static void assert_fetched(struct live *live, const char *call, const char *const *in, const char *expected)
{
	static struct run run;

	run.plan = make_plan(live, in, &decoders);
	live_break(live_function(live, "use")->entry, at_entry, &run);
	live_call(live, call);
	assert_string_equal(run.text, expected);
}

static void views_of_objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < VERSIONS; i++) {
		struct live live;

		live_open(versions[i], "objects.c", &live);
		assert_fetched(&live, "call_use", LIST("vm", "same", "holder->vm->state"),
			       "vm: ->virDomainObj{name=\"demo\" id=7 state=4 updated=2}, "
			       "same: ->virDomainObj{name=\"demo\" id=7 state=4 updated=2}, "
			       "holder->vm->state: 0");
		assert_fetched(&live, "call_use", LIST("*out", "holder->vm == vm"),
			       "*out: ->virDomainObj{name=<2> id=<2> state=1 updated=0}, holder->vm == vm: 0");
		live_close(&live);
	}
}

static void what_is_not_there_is_said(void **state)
{
	struct live live;

	(void)state;
	live_open("gcc -O2 -g -DVERSION=1", "objects.c", &live);
	assert_fetched(&live, "call_without", LIST("vm", "same", "*out"),
		       "vm: ->virDomainObj{name=<2> id=<2> state=1 updated=0}, same: 0<2>, *out: <2>");
	/* def is 16: the name is behind the id and padding */
	assert_fetched(&live, "call_wild", LIST("vm", "same", "*out"),
		       "vm: ->virDomainObj{name=<unreadable 0x18> id=<unreadable 0x10> state=0 updated=0}, "
		       "same: -><unreadable 0x10>, *out: <unreadable 0x10>");
	live_close(&live);
}

static const struct schema *schema_of(const struct plan *plan, const char *text)
{
	for (size_t i = 0; i < plan->n_in; i++)
		if (!strcmp(plan->in[i].text, text))
			return plan->in[i].schema->target;
	fail_msg("'%s' is not captured", text);
	return NULL;
}

static bool has_view(const struct schema *schema)
{
	return schema->target && schema->target->view;
}

/* `*p`, what is in others, and pointers in objects. */
static void only_pointers_are_decoded(void **state)
{
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=2", "objects.c", &live);
	const struct plan *plan = make_plan(&live, LIST("vm", "*vm", "*holder", "by_value", "out"), &decoders);

	assert_true(has_view(schema_of(plan, "vm")));
	assert_string_equal(schema_of(plan, "vm")->target->view, "virDomainObj");
	assert_null(schema_of(plan, "*vm")->view);
	assert_null(schema_of(plan, "by_value")->view);
	assert_null(schema_of(plan, "out")->target);
	assert_true(has_view(schema_of(plan, "*holder")->members[1]));
	assert_null(schema_of(plan, "*holder")->members[2]->view);
	assert_false(has_view(schema_of(make_plan(&live, LIST("vm"), NULL), "vm")));
	live_close(&live);
}

static void assert_defaults(const struct plan *plan, const char *in, const char *out)
{
	char text[256] = "";

	for (size_t i = 0; i < plan->n_in; i++)
		strcat(strcat(text, plan->in[i].text), " ");
	assert_string_equal(text, in);
	text[0] = '\0';
	for (size_t i = 0; i < plan->n_out; i++)
		strcat(strcat(text, plan->out[i].text), " ");
	assert_string_equal(text, out);
}

static void decoded_pointers_by_default(void **state)
{
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=1", "objects.c", &live);
	assert_defaults(make_plan(&live, NULL, &decoders), "vm same out opaque holder by_value *out *holder ",
			"$ret vm same *out *holder ");
	assert_defaults(make_plan(&live, NULL, NULL),
			"vm same out opaque holder by_value *vm *same **out *holder ",
			"$ret *vm *same **out *holder ");
	live_close(&live);
}

/* Version 3 has no `def`. */
static void a_missing_member_leaves_the_type_as_it_is(void **state)
{
	struct live live;

	(void)state;
	list[0].problem = NULL;
	live_open("gcc -O0 -g -DVERSION=3", "objects.c", &live);
	const struct plan *plan = make_plan(&live, NULL, &decoders);

	assert_defaults(plan, "vm same out opaque holder by_value *vm *same **out *holder ",
			"$ret *vm *same **out *holder ");
	assert_null(schema_of(plan, "vm")->target);
	assert_string_equal(list[0].problem, "'struct _virDomainObj' has no member 'def'");
	live_close(&live);
	list[0].problem = NULL;
}

/* Where another module has the definition. */
static struct live elsewhere;
static unsigned asked;

static const struct type *define(void *ctx, const char *files, const char *tag)
{
	const struct type *type;

	asked++;
	assert_ptr_equal(ctx, &elsewhere);
	assert_string_equal(files, "elsewhere");
	assert_string_equal(tag, "opaque");
	return type_find(elsewhere.module, 0, "struct holder", &type) < 0 ? NULL : type;
}

static void definitions_of_other_modules(void **state)
{
	struct decoders with = decoders;
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=1", "objects.c", &live);
	assert_null(schema_of(make_plan(&live, LIST("opaque"), &with), "opaque")->target);
	assert_string_equal(list[1].problem, "what it holds is not known: there is no debug info that defines it");
	live_open("clang -O0 -g -DVERSION=2", "objects.c", &elsewhere);
	with.define = define;
	with.ctx = &elsewhere;
	const struct schema *view = schema_of(make_plan(&live, LIST("opaque"), &with), "opaque")->target;

	assert_true(asked);
	assert_null(list[1].problem);
	assert_string_equal(view->view, "opaque");
	assert_int_equal(view->n_members, 1);
	assert_int_equal(view->members[0]->target->kind, SCHEMA_INT);
	live_close(&elsewhere);
	live_close(&live);
}

static void types_by_their_names(void **state)
{
	static const struct {
		const char *spelling;
		bool fits;
	} cases[] = {
		{ "virDomainObj", true },	{ "const virDomainObj", true }, { "struct _virDomainObj", true },
		{ "virDomainObjPtr", false },	{ "virDomainDef", false },      { "virState", false },
		{ "struct _virDomainDef", false }, { "int", false },
	};
	const struct type *type;
	struct live live;

	(void)state;
	live_open("gcc -g -DVERSION=1", "objects.c", &live);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(type_find(live.module, 0, cases[i].spelling, &type), 0);
		assert_int_equal(decoder_find(&decoders, type) == &list[0], cases[i].fits);
	}
	live_close(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_of_objects),
		cmocka_unit_test(what_is_not_there_is_said),
		cmocka_unit_test(only_pointers_are_decoded),
		cmocka_unit_test(decoded_pointers_by_default),
		cmocka_unit_test(a_missing_member_leaves_the_type_as_it_is),
		cmocka_unit_test(definitions_of_other_modules),
		cmocka_unit_test(types_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
