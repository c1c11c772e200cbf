/* Plans: what is captured by default, the schemas of C types, limits; and what a plan fetches of a running function. */
#include "tests/unit/symbols/live.h"

#include "symbols/plan.h"
#include "symbols/type.h"

/* Plans in short: "a b | *c" are the captures at entry and at return. */

static void print_plan(const struct plan *plan, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	for (size_t i = 0; i < plan->n_in; i++)
		fprintf(out, "%s ", plan->in[i].text);
	fprintf(out, "|");
	for (size_t i = 0; i < plan->n_out; i++)
		fprintf(out, " %s", plan->out[i].text);
	fclose(out);
}

/* Schemas in short: kinds by letter, members in braces, what a limit left out as "...". */
static void print_schema(FILE *out, const struct schema *schema)
{
	if (schema->name && schema->kind != SCHEMA_CAPTURE)
		fprintf(out, "%s:", schema->name);
	switch (schema->kind) {
	case SCHEMA_INT: fprintf(out, "%c%u", schema->is_signed ? 'i' : 'u', schema->size * 8); break;
	case SCHEMA_BOOL: fprintf(out, "bool"); break;
	case SCHEMA_CHAR: fprintf(out, "%schar", schema->is_signed ? "" : "u"); break;
	case SCHEMA_FLOAT: fprintf(out, "f%u", schema->size * 8); break;
	case SCHEMA_ENUM: fprintf(out, "%s%u", schema->is_flags ? "flags" : "enum", schema->n_enumerators); break;
	case SCHEMA_FUNC: fprintf(out, "func"); break;
	case SCHEMA_STRING: fprintf(out, "string"); break;
	case SCHEMA_TEXT:
		fprintf(out, "text%u", schema->count);
		if (schema->stored != schema->count)
			fprintf(out, "/%u", schema->stored);
		break;
	case SCHEMA_BYTES: fprintf(out, "%s%u", schema->is_float ? "real" : schema->is_signed ? "sbytes" : "bytes", schema->size); break;
	case SCHEMA_PTR:
		fprintf(out, "ptr");
		if (schema->target) {
			fprintf(out, "->");
			print_schema(out, schema->target);
		}
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		fprintf(out, schema->kind == SCHEMA_UNION ? "union{" : "{");
		for (uint32_t i = 0; i < schema->n_members; i++) {
			fprintf(out, i ? " " : "");
			print_schema(out, schema->members[i]);
		}
		fprintf(out, schema->is_cut ? " ...}" : "}");
		break;
	case SCHEMA_ARRAY:
		fprintf(out, "[%u", schema->count);
		if (schema->is_cut)
			fprintf(out, "/%u", schema->stored);
		fprintf(out, "]");
		print_schema(out, schema->target);
		break;
	case SCHEMA_SEQUENCE: fprintf(out, "sequence"); break;
	case SCHEMA_CAPTURE: print_schema(out, schema->target); break;
	}
	if (schema->bit_size)
		fprintf(out, "#%u", schema->bit_size);
}

/* Payloads in words: the other direction of the table in schema.h, written for this test. */

struct reader {
	const uint8_t *at, *end;
	FILE *out;
};

static uint64_t take(struct reader *reader, unsigned size)
{
	uint64_t value = 0;

	if ((size_t)(reader->end - reader->at) < size)
		fail_msg("payload ends early");
	memcpy(&value, reader->at, size < 8 ? size : 8);
	reader->at += size;
	return value;
}

static void decode_text(struct reader *reader)
{
	unsigned status = (unsigned)take(reader, 1);

	if (status == STATUS_NULL || status == STATUS_OPTIMIZED_OUT) {
		fprintf(reader->out, "<%s>", status == STATUS_NULL ? "null" : "out");
	} else if (status == STATUS_UNREADABLE) {
		fprintf(reader->out, "<unreadable %#lx>", (long)take(reader, 8));
	} else {
		unsigned len = (unsigned)take(reader, 4);

		fprintf(reader->out, "%s", status == STATUS_BYTES || status == STATUS_BYTES_CUT ? "bytes" : "");
		fprintf(reader->out, "\"");
		while (len--) {
			int c = (int)take(reader, 1);

			fprintf(reader->out, c >= ' ' && c < 127 ? "%c" : "\\x%02x", c);
		}
		fprintf(reader->out, status == STATUS_CUT || status == STATUS_BYTES_CUT ? "\"..." : "\"");
	}
}

static void decode(struct reader *reader, const struct schema *schema);

static void decode_option(struct reader *reader, const struct schema *target)
{
	unsigned status = (unsigned)take(reader, 1);

	switch (status) {
	case STATUS_OK:
	case STATUS_CUT:
		decode(reader, target);
		fprintf(reader->out, status == STATUS_CUT ? "..." : "");
		break;
	case STATUS_UNREADABLE:
		fprintf(reader->out, "<unreadable %#lx>", (long)take(reader, 8));
		break;
	default:
		fprintf(reader->out, "<%s>", status == STATUS_NULL ? "null" : "out");
	}
}

static void decode_number(struct reader *reader, const struct schema *schema)
{
	uint64_t bits = take(reader, schema->size);
	unsigned shift = 64 - schema->size * 8;
	float narrow;
	double wide;

	if (schema->kind == SCHEMA_FLOAT) {
		memcpy(&narrow, &bits, 4);
		memcpy(&wide, &bits, 8);
		fprintf(reader->out, "%g", schema->size == 4 ? (double)narrow : wide);
	} else if (schema->is_signed) {
		fprintf(reader->out, "%ld", (long)(bits << shift) >> shift);
	} else {
		fprintf(reader->out, "%lu", bits);
	}
}

static void decode(struct reader *reader, const struct schema *schema)
{
	uint64_t addr;

	switch (schema->kind) {
	case SCHEMA_BYTES:
		for (uint32_t i = 0; i < schema->size; i++)
			fprintf(reader->out, "%02x", (unsigned)take(reader, 1));
		break;
	case SCHEMA_PTR:
		addr = take(reader, 8);
		fprintf(reader->out, addr < 0x10000 ? "%#lx" : "PTR", addr);
		if (schema->target) {
			fprintf(reader->out, "->");
			decode_option(reader, schema->target);
		}
		break;
	case SCHEMA_FUNC:
		fprintf(reader->out, take(reader, 8) ? "CODE" : "0");
		break;
	case SCHEMA_STRING:
		take(reader, 8);
		decode_text(reader);
		break;
	case SCHEMA_TEXT:
		decode_text(reader);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		fprintf(reader->out, "{");
		for (uint32_t i = 0; i < schema->n_members; i++) {
			const struct schema *member = schema->members[i];

			fprintf(reader->out, "%s%s%s", i ? ", " : "", member->name, *member->name ? " = " : "");
			decode(reader, member);
		}
		fprintf(reader->out, "}");
		break;
	case SCHEMA_ARRAY:
		fprintf(reader->out, "[");
		for (uint32_t i = 0; i < schema->stored; i++) {
			fprintf(reader->out, i ? ", " : "");
			decode(reader, schema->target);
		}
		fprintf(reader->out, "]");
		break;
	case SCHEMA_CAPTURE:
		decode_option(reader, schema->target);
		break;
	default:
		decode_number(reader, schema);
	}
}

/* One function of plans.c under a plan. */
struct run {
	const struct plan *plan;
	struct saved saved;
	uint8_t *data;
	char entry[16384], ret[16384];
	int wanted_entry, wanted_return;
};

static void decode_payload(const struct schema *schema, const struct payload *payload, char *text, size_t size)
{
	struct reader reader = { payload->data, payload->data + payload->len, fmemopen(text, size, "w") };

	decode(&reader, schema);
	fclose(reader.out);
	assert_ptr_equal(reader.at, reader.end);
}

static void at_return(const struct frame *frame, void *ctx)
{
	struct run *run = ctx;
	struct payload payload = { run->data, 0, run->plan->return_max };

	run->wanted_return = fetch_return(run->plan, frame, &run->saved, &payload);
	if (run->wanted_return == 1)
		decode_payload(run->plan->ret, &payload, run->ret, sizeof(run->ret));
	else
		assert_int_equal(payload.len, 0);
}

static void at_entry(const struct frame *frame, void *ctx)
{
	struct run *run = ctx;
	struct payload payload = { run->data, 0, run->plan->entry_max };

	run->wanted_entry = fetch_entry(run->plan, frame, &run->saved, &payload);
	if (run->wanted_entry == 1)
		decode_payload(run->plan->entry, &payload, run->entry, sizeof(run->entry));
	else
		assert_int_equal(payload.len, 0);
	live_break(live_return_address(frame), at_return, run);
}

static void run_plan(struct live *live, const struct plan *plan, const char *call, struct run *run)
{
	*run = (struct run){ .plan = plan, .data = malloc(PAYLOAD_MAX) };
	live_break(plan->function->entry, at_entry, run);
	live_call(live, call);
	free(run->data);
}

static const struct plan *make_plan(struct live *live, const char *function, const struct plan_request *request)
{
	const struct plan *plan = NULL;

	if (plan_new(live_function(live, function), request, &plan) < 0)
		fail_msg("%s: %s", function, err_text());
	return plan;
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void defaults(void **state)
{
	static const struct {
		const char *function, *captures;
	} cases[] = {
		{ "d_pointers", "a s buf ps n pn v pv pi ppi u pu fn ci ppps raw craw arr flex cps *ps *n **pn *pv *pi **ppi *pu *ci "
				"**ppps *arr *flex *cps | buf *ps *n **pn *pv *pi **ppi *pu *ci **ppps raw *arr *flex *cps" },
		{ "d_scalars", "c uc b s col f d ld big z | $ret" },
		{ "d_struct", "by_value | $ret" },
		{ "d_nothing", "|" },
		{ "t_update", "p buf found key count by_value missing wild *p **found *count *missing *wild "
			      "| $ret *p buf **found *count *missing *wild" },
		{ "t_name", "n fail *n | $ret *n" },
	};

	(void)state;
	for (size_t c = 0; c < LIVE_COMPILERS; c++) {
		struct plan_request request = { .limits = LIMITS_DEFAULT };
		struct live live;

		live_open(live_compilers[c], "plans.c", &live);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			char text[1024];
			const struct plan *plan = make_plan(&live, cases[i].function, &request);

			print_plan(plan, text, sizeof(text));
			assert_string_equal(text, cases[i].captures);
			assert_int_equal(plan->n_warnings, !strcmp(cases[i].function, "d_struct"));
			assert_int_equal(plan->entry_max, schema_max_size(plan->entry, request.limits.string));
		}
		live_close(&live);
	}
}

static const char all_schema[] =
	"{c:char raw:text3 yes:bool s:i16 f:f32 d:f64 ld:real16 big:sbytes16 color:enum3 flags:flags5 bit1:i32#3 bit2:u32#9 "
	"name:text8 lines:[2]text4 matrix:[2][3]i32 in:{x:i32 y:i32} u:union{i:i32 real:f32} :{deep:i64} opaque:ptr fn:func "
	"node:ptr text:string unknown:ptr z:{real:f64 imag:f64} flexible:{n:i32 v:ptr}}";

static void schemas(void **state)
{
	static const struct {
		const char *text, *schema;
		struct limits limits;
	} cases[] = {
		{ "*p", all_schema, { 256, 200, 4096, 1 } },
		{ "p", "ptr", { 256, 200, 4096, 1 } },
		{ "*p->node", "{id:i32 next:ptr name:string}", { 256, 200, 4096, 1 } },
		{ "*p->node", "{id:i32 next:ptr->{id:i32 next:ptr name:string} name:string}", { 256, 200, 4096, 2 } },
		{ "p->node", "ptr->{id:i32 next:ptr name:string}", { 256, 200, 4096, 2 } },
		{ "found", "ptr->ptr->{id:i32 next:ptr name:string}", { 256, 200, 4096, 3 } },
		{ "p->name", "text8", { 4, 200, 4096, 1 } },
		{ "p->color", "enum3", { 256, 200, 4096, 1 } },
		{ "p->fn", "func", { 256, 200, 4096, 1 } },
		{ "*p->fn", "func", { 256, 200, 4096, 1 } },
		{ "p->bit1", "i32#0", { 256, 200, 4096, 1 } },
		{ "p->z", "{real:f64 imag:f64}", { 256, 200, 4096, 1 } },
		{ "&p->in", "ptr", { 256, 200, 4096, 1 } },
		{ "p->c == 'z'", "i32", { 256, 200, 4096, 1 } },
		{ "wide", "{head:text4 numbers:[100]i32 text:text200 nodes:[40]{id:i32 next:ptr name:string} tail:char}",
		  { 256, 200, 4096, 1 } },
		{ "wide", "{head:text4 numbers:[100/10]i32 text:text200 nodes:[40/10]{id:i32 next:ptr name:string} tail:char}",
		  { 256, 10, 4096, 1 } },
		{ "wide", "{head:text4 numbers:[100/31]i32 ...}", { 256, 200, 128, 1 } },
		{ "wide", "{head:text4 numbers:[100]i32 text:text200/108 ...}", { 256, 200, 512, 1 } },
		{ "wide", "{head:text4 numbers:[100]i32 text:text200 nodes:[40/3]{id:i32 next:ptr name:string} ...}",
		  { 256, 200, 680, 1 } },
		{ "wide", "{head:text4 numbers:[100]i32 text:text200 nodes:[40/1]{id:i32 next:ptr ...} ...}", { 256, 200, 624, 1 } },
		{ "matrix", "[30/20][10]i32", { 256, 200, 4096, 1 } },
		{ "matrix", "[30/1][10/7]i32", { 256, 7, 4096, 1 } },
		{ "matrix", "[30/2][10]i32", { 256, 200, 100, 1 } },
		{ "matrix[3]", "[10]i32", { 256, 200, 4096, 1 } },
		{ "list", "[1000/170]{id:i32 next:ptr name:string}", { 256, 200, 4096, 1 } },
	};
	struct live live;

	(void)state;
	live_open("gcc -O2 -g", "plans.c", &live);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan_request request = { .in = LIST(cases[i].text), .out = LIST(cases[i].text), .limits = cases[i].limits };
		const struct plan *plan = make_plan(&live, "t_update", &request);
		char text[1024];
		FILE *out = fmemopen(text, sizeof(text), "w");

		print_schema(out, plan->in[0].schema);
		fclose(out);
		if (!strcmp(cases[i].text, "p->bit1")) /* the member's bits, as its storage's type */
			strcat(text, "#0");
		assert_string_equal(text, cases[i].schema);
	}
	live_close(&live);
}

static void type_names_are_kept(void **state)
{
	struct plan_request request = { .in = LIST("*p", "found"), .out = LIST("$ret"), .limits = LIMITS_DEFAULT };
	struct live live;

	(void)state;
	live_open("gcc -O2 -g", "plans.c", &live);
	const struct plan *plan = make_plan(&live, "t_update", &request);
	const struct schema *all = plan->in[0].schema->target;

	assert_string_equal(plan->entry->members[0]->name, "*p");
	assert_string_equal(plan->in[0].schema->ctype, "struct all");
	assert_string_equal(plan->in[1].schema->target->ctype, "node_t **");
	assert_string_equal(all->members[8]->ctype, "enum color");
	assert_string_equal(all->members[8]->enumerators[2].name, "BLUE");
	assert_int_equal(all->members[8]->enumerators[2].value, -3);
	assert_string_equal(plan->ret->members[0]->name, "$ret");
	live_close(&live);
}

static void a_call_is_fetched(void **state)
{
	static struct run run;

	(void)state;
	for (size_t c = 0; c < LIVE_COMPILERS; c++) {
		struct plan_request request = { .limits = LIMITS_DEFAULT };
		struct live live;

		live_open(live_compilers[c], "plans.c", &live);
		run_plan(&live, make_plan(&live, "t_update", &request), "call_update", &run);
		assert_true(run.wanted_entry == 1 && run.wanted_return == 1);
		assert_string_equal(
			run.entry,
			"{p = PTR, buf = \"empty\", found = PTR, key = \"key\", count = PTR, "
			"by_value = {id = 2, next = PTR, name = \"two\"}, missing = 0, wild = 0x10, "
			"*p = {c = 97, raw = bytes\"\\xff\\x01\", yes = 1, s = -2, f = 0.5, d = 0.25, "
			"ld = 0000000000000080fc3f000000000000, big = ffffffffffffffffffffffffffffffff, color = -3, flags = 13, bit1 = 3, "
			"bit2 = 300, name = \"before\", lines = [\"ab\", \"cdef\"], matrix = [[1, 2, 3], [4, 5, 6]], in = {x = 7, y = 8}, "
			"u = {i = 9, real = 1.26117e-44}, {deep = 10}, opaque = 0x1234, fn = CODE, node = PTR, text = \"text\", "
			"unknown = 0x5678, z = {real = 1.5, imag = -2.5}, flexible = {n = 11, v = PTR}}, "
			"**found = <null>, *count = 41, *missing = <null>, *wild = <unreadable 0x10>}");
		assert_string_equal(
			run.ret,
			"{$ret = -2, "
			"*p = {c = 122, raw = bytes\"\\xff\\x01\", yes = 1, s = -2, f = 0.5, d = 0.25, "
			"ld = 0000000000000080fc3f000000000000, big = ffffffffffffffffffffffffffffffff, color = 7, flags = 13, bit1 = -4, "
			"bit2 = 300, name = \"after\", lines = [\"ab\", \"cdef\"], matrix = [[1, 2, 3], [4, 5, 6]], in = {x = 7, y = 8}, "
			"u = {i = 9, real = 1.26117e-44}, {deep = 10}, opaque = 0x1234, fn = CODE, node = PTR, text = \"text\", "
			"unknown = 0x5678, z = {real = 1.5, imag = -2.5}, flexible = {n = 11, v = PTR}}, "
			"buf = \"written\", **found = {id = 1, next = PTR, name = \"one\"}, *count = 42, *missing = <null>, "
			"*wild = <unreadable 0x10>}");
		live_close(&live);
	}
}

static void saved_parameters_are_those_of_the_entry(void **state)
{
	static struct run run;
	struct plan_request request = {
		.in = LIST("key"),
		.out = LIST("by_value.id", "by_value", "by_value.name == \"two\"", "count", "*count + by_value.id", "key[1]", "wild",
			    "(*found)->next->name", "$ret == -2 && p->c == 'z'", "missing->id"),
		.limits = LIMITS_DEFAULT,
	};

	(void)state;
	for (size_t c = 0; c < LIVE_COMPILERS; c++) {
		struct live live;

		live_open(live_compilers[c], "plans.c", &live);
		run_plan(&live, make_plan(&live, "t_update", &request), "call_update", &run);
		assert_string_equal(run.ret, "{by_value.id = 2, by_value = {id = 2, next = PTR, name = \"two\"}, "
					     "by_value.name == \"two\" = 1, count = PTR, *count + by_value.id = 44, key[1] = 101, "
					     "wild = 0x10, (*found)->next->name = \"two\", $ret == -2 && p->c == 'z' = 1, "
					     "missing->id = <null>}");
		assert_string_equal(run.entry, "{key = \"key\", by_value.id = 2, by_value = {id = 2, next = PTR, name = \"two\"}, "
					       "by_value.name == \"two\" = 1, count = PTR, *count + by_value.id = 43, key[1] = 101, "
					       "wild = 0x10, (*found)->next->name = <null>, missing->id = <null>}");
		live_close(&live);
	}
}

static void filters(void **state)
{
	static const struct {
		const char *filter, *call;
		int entry, ret; /* -1: it has no value; the return is not asked if the entry is not wanted */
	} cases[] = {
		{ "fail", "call_name", 0, -1 },
		{ "fail == 0", "call_name", 1, 1 },
		{ "n->id == 2 && n->name == \"two\"", "call_name", 1, 1 },
		{ "n->id == 3", "call_name", 0, -1 },
		{ "$ret", "call_name", 1, 1 },
		{ "$ret", "call_name_fails", 1, 0 },
		{ "$ret == 0 && fail", "call_name_fails", 1, 1 },
		{ "$ret == \"two\"", "call_name", 1, 1 },
		{ "$ret == \"two\"", "call_name_fails", 1, 0 },
		{ "n->next->next->id", "call_name", -1, -1 },
	};
	static struct run run;
	struct live live;

	(void)state;
	live_open("gcc -O2 -g", "plans.c", &live);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan_request request = { .filter = cases[i].filter, .limits = LIMITS_DEFAULT };
		const struct plan *plan = make_plan(&live, "t_name", &request);

		assert_int_equal(plan->filter_at_return, !strncmp(cases[i].filter, "$ret", 4));
		run_plan(&live, plan, cases[i].call, &run);
		if (run.wanted_entry != cases[i].entry || (cases[i].ret >= 0 && run.wanted_return != cases[i].ret))
			fail_msg("%s: %d %d", cases[i].filter, run.wanted_entry, run.wanted_return);
	}
	live_close(&live);
}

static void deep_pointers_and_cut_text(void **state)
{
	static struct run run;
	struct plan_request request = { .in = LIST("n"), .out = LIST("$ret"), .limits = { 2, 200, 4096, 3 } };
	struct live live;

	(void)state;
	live_open("gcc -O0 -g", "plans.c", &live);
	run_plan(&live, make_plan(&live, "t_name", &request), "call_name", &run);
	assert_string_equal(run.entry, "{n = PTR->{id = 2, next = PTR->{id = 3, next = 0, name = <null>}, name = \"tw\"...}}");
	assert_string_equal(run.ret, "{$ret = \"tw\"...}");
	live_close(&live);
}

static void errors(void **state)
{
	static const struct {
		const char *in, *out, *filter, *message;
		struct limits limits;
		int error;
	} cases[] = {
		{ "p->nothing", "$ret", NULL, "no member 'nothing'", { 256, 200, 4096, 1 }, -ENOENT },
		{ "p->", "$ret", NULL, "name of a member", { 256, 200, 4096, 1 }, -EINVAL },
		{ "p", "$rets", NULL, "$rets", { 256, 200, 4096, 1 }, -ENOENT },
		{ "$ret", "p", NULL, "only when the function returns", { 256, 200, 4096, 1 }, -ENOENT },
		{ "*p->unknown", "$ret", NULL, "not known", { 256, 200, 4096, 1 }, -ENOENT },
		{ "p", "$ret", "nothing", "nothing", { 256, 200, 4096, 1 }, -ENOENT },
		{ "p", "$ret", "*p", "neither true nor false", { 256, 200, 4096, 1 }, -EINVAL },
		{ "list", "$ret", NULL, "--struct-limit", { 8000, 65535, 65536, 1 }, -E2BIG },
		{ "*p", "$ret", NULL, "--depth", { 8000, 2000, 65536, 8 }, 0 },
		{ "p", "$ret", NULL, "strings", { 2000000, 200, 4096, 1 }, -EINVAL },
		{ "p", "$ret", NULL, "structs", { 256, 200, 10, 1 }, -EINVAL },
		{ "p", "$ret", NULL, "depth", { 256, 200, 4096, 100 }, -EINVAL },
	};
	struct live live;

	(void)state;
	live_open("gcc -O2 -g", "plans.c", &live);
	const struct function *function = live_function(&live, "t_update");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan_request request = { LIST(cases[i].in), LIST(cases[i].out), cases[i].filter, false, cases[i].limits, NULL };
		const struct plan *plan = NULL;
		int r = plan_new(function, &request, &plan);

		if (r != cases[i].error || (r < 0 && (plan || !strstr(err_text(), cases[i].message))))
			fail_msg("%s: %d %s", cases[i].in, r, err_text());
	}
	live_close(&live);
}

static void presets_leave_out_what_is_unknown(void **state)
{
	struct plan_request request = {
		.in = LIST("key", "gone", "p->gone", "p.c", "(struct gone *)p"),
		.out = LIST("$ret", "*gone", "*count"),
		.lenient = true,
		.limits = LIMITS_DEFAULT,
	};
	struct live live;
	char text[256];

	(void)state;
	live_open("gcc -O2 -g", "plans.c", &live);
	const struct plan *plan = make_plan(&live, "t_update", &request);

	print_plan(plan, text, sizeof(text));
	assert_string_equal(text, "key *count | $ret *count");
	assert_int_equal(plan->n_warnings, 5);
	assert_non_null(strstr(plan->warnings[0], "t_update: 'gone' is neither a parameter of t_update() nor a variable of "));
	assert_string_equal(plan->warnings[2], "t_update: 'struct all *' is a pointer: use '->'");
	live_close(&live);
}

static void without_debug_information_nothing_is_captured(void **state)
{
	struct plan_request request = { .limits = LIMITS_DEFAULT };
	static struct run run;
	struct live live;
	char text[256];

	(void)state;
	live_open("gcc -O2", "plans.c", &live);
	const struct plan *plan = make_plan(&live, "t_update", &request);

	print_plan(plan, text, sizeof(text));
	assert_string_equal(text, "|");
	assert_int_equal(plan->n_warnings, 1);
	assert_string_equal(plan->warnings[0], "t_update: no debug information: no parameters, no $ret");
	run_plan(&live, plan, "call_update", &run);
	assert_string_equal(run.entry, "{}");
	assert_string_equal(run.ret, "{}");
	live_close(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(schemas),
		cmocka_unit_test(type_names_are_kept),
		cmocka_unit_test(a_call_is_fetched),
		cmocka_unit_test(saved_parameters_are_those_of_the_entry),
		cmocka_unit_test(filters),
		cmocka_unit_test(deep_pointers_and_cut_text),
		cmocka_unit_test(errors),
		cmocka_unit_test(presets_leave_out_what_is_unknown),
		cmocka_unit_test(without_debug_information_nothing_is_captured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
