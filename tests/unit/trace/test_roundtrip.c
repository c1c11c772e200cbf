/**
 * Random schemas and random values: what the reader returns is what was written, and babeltrace2 finds nothing wrong.
 */
#include "tests/unit/trace/support.h"

static struct arena arena;
static uint64_t random_state = 88172645463325252;

static uint64_t random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static unsigned below(unsigned n)
{
	return (unsigned)(random_bits() % n);
}

/* Schemas */

static const char *random_name(void)
{
	static const char *const names[] = { "x", "_x", "__x", "x", "string", "event", "status", "value", "n", "items", "",
					     "struct", "x->y", "*p", "\xc3\xa9", "$ret", "a[2].b", "len", "address", "integer" };

	return names[below(sizeof(names) / sizeof(*names))];
}

static struct schema *random_schema(unsigned depth);

static void random_enumerators(struct schema *s)
{
	unsigned n = below(5);
	struct schema_enumerator *labels = arena_alloc(&arena, (n + 1) * sizeof(*labels));

	for (unsigned i = 0; i < n; i++)
		labels[i] = (struct schema_enumerator){ random_name(), (int64_t)random_bits() >> below(64) };
	s->enumerators = labels;
	s->n_enumerators = n;
	s->is_flags = below(3) == 0;
}

static void random_members(struct schema *s, unsigned depth)
{
	unsigned n = below(5);

	s->members = arena_alloc(&arena, (n + 1) * sizeof(*s->members));
	for (unsigned i = 0; i < n; i++) {
		struct schema *member = random_schema(depth + 1);

		member->name = random_name();
		member->offset = random_bits();
		member->bit_size = (uint16_t)random_bits();
		s->members[i] = member;
	}
	s->n_members = n;
}

static struct schema *random_schema(unsigned depth)
{
	struct schema *s = arena_alloc(&arena, sizeof(*s));

	s->kind = (enum schema_kind)below(depth > 4 ? SCHEMA_STRUCT : SCHEMA_CAPTURE);
	s->ctype = below(4) ? "struct foo" : "";
	s->size = 8;
	s->is_cut = below(2);
	s->is_place = below(2);
	s->is_complex = below(2);
	s->stride = (uint32_t)random_bits();
	s->bit_offset = (uint16_t)random_bits();
	switch (s->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
		s->size = 1 + below(8);
		s->is_signed = below(2);
		s->is_hex = s->kind == SCHEMA_INT && below(2);
		if (s->kind == SCHEMA_ENUM)
			random_enumerators(s);
		break;
	case SCHEMA_BOOL:
		s->size = 1u << below(4);
		break;
	case SCHEMA_FLOAT:
		s->size = below(2) ? 4 : 8;
		break;
	case SCHEMA_PTR:
		s->target = depth < 5 && below(2) ? random_schema(depth + 1) : NULL;
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		random_members(s, depth);
		break;
	case SCHEMA_ARRAY:
		s->stored = below(4);
		s->count = s->stored + below(2);
		s->target = random_schema(depth + 1);
		break;
	case SCHEMA_SEQUENCE: {
		static const struct schema byte = { .kind = SCHEMA_INT, .ctype = "char", .size = 1 };
		uint64_t size;

		s->target = random_schema(depth + 1);
		/* Of what has no bytes a sequence cannot be. */
		if (schema_fixed_size(s->target, &size) && !size)
			s->target = &byte;
		break;
	}
	case SCHEMA_BYTES:
		s->size = below(20);
		s->is_float = below(2);
		break;
	default:
		break;
	}
	return s;
}

static struct schema *random_captures(void)
{
	struct schema *s = arena_alloc(&arena, sizeof(*s));
	unsigned n = below(6);

	s->kind = SCHEMA_STRUCT;
	s->ctype = "";
	s->members = arena_alloc(&arena, (n + 1) * sizeof(*s->members));
	for (unsigned i = 0; i < n; i++) {
		struct schema *capture = arena_alloc(&arena, sizeof(*capture));

		capture->kind = SCHEMA_CAPTURE;
		capture->name = random_name();
		capture->target = random_schema(0);
		s->members[i] = capture;
	}
	s->n_members = n;
	return s;
}

/* Values: encoded, and as the reader shall return them */

static void random_value(const struct schema *s, struct bytes *out, struct value_node *ret);

static void random_text(enum status status, struct bytes *out, struct value_node *ret)
{
	static const char *const texts[] = { "", "a", "vda", "\xe2\x82\xac", "two\nlines", "\x1b[31m" };
	const char *text = texts[below(6)];
	size_t len = strlen(text);

	if (status == STATUS_BYTES || status == STATUS_BYTES_CUT) {
		text = "\xff\0\x80zzz";
		len = below(6);
	}
	put_int(out, len, 4);
	put(out, text, len);
	ret->bytes = (const uint8_t *)text;
	ret->len = len;
}

static void random_text_option(struct bytes *out, struct value_node *ret)
{
	ret->status = (enum status)below(7);
	put_int(out, ret->status, 1);
	switch (ret->status) {
	case STATUS_NULL:
	case STATUS_OPTIMIZED_OUT:
		break;
	case STATUS_UNREADABLE:
		put_int(out, random_bits(), 8);
		break;
	default:
		random_text(ret->status, out, ret);
	}
}

static void random_option(const struct schema *target, struct bytes *out, struct value_node *ret)
{
	enum status status = (enum status)below(STATUS_OPTIMIZED_OUT + 3);

	if (status > STATUS_OPTIMIZED_OUT)
		status = STATUS_OK;
	put_int(out, status, 1);
	switch (status) {
	case STATUS_OK:
	case STATUS_CUT:
		random_value(target, out, ret);
		if (status == STATUS_CUT && ret->status == STATUS_OK)
			ret->status = STATUS_CUT;
		return;
	case STATUS_UNREADABLE:
		ret->addr = random_bits();
		put_int(out, ret->addr, 8);
		break;
	default:
		break;
	}
	ret->status = status;
}

static void random_pointer(const struct schema *s, struct bytes *out, struct value_node *ret)
{
	struct value_node *target = arena_alloc(&arena, sizeof(*target));

	ret->addr = random_bits();
	put_int(out, ret->addr, 8);
	if (!s->target)
		return;
	random_option(s->target, out, target);
	if (target->schema) {
		ret->items = target;
		ret->n = 1;
	} else {
		ret->status = target->status;
	}
}

static void random_items(const struct schema *s, unsigned n, struct bytes *out, struct value_node *ret)
{
	struct value_node *items = arena_alloc(&arena, (n + 1) * sizeof(*items));

	for (unsigned i = 0; i < n; i++)
		random_value(s->target ? s->target : s->members[i], out, &items[i]);
	ret->items = items;
	ret->n = n;
}

static void random_number(const struct schema *s, struct bytes *out, struct value_node *ret)
{
	unsigned unused = 64 - 8 * s->size;
	uint64_t bits = random_bits() << unused;

	ret->u = s->is_signed ? (uint64_t)((int64_t)bits >> unused) : bits >> unused;
	put_int(out, ret->u, s->size);
}

static void random_float(const struct schema *s, struct bytes *out, struct value_node *ret)
{
	float f = (float)(int64_t)random_bits() / 1024;

	ret->real = f;
	if (s->size == 4)
		put(out, &f, 4);
	else
		put(out, &ret->real, 8);
}

static void random_value(const struct schema *s, struct bytes *out, struct value_node *ret)
{
	ret->schema = s;
	switch (s->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
	case SCHEMA_BOOL:
		random_number(s, out, ret);
		break;
	case SCHEMA_FLOAT:
		random_float(s, out, ret);
		break;
	case SCHEMA_FUNC:
	case SCHEMA_PTR:
		random_pointer(s, out, ret);
		break;
	case SCHEMA_STRING:
		ret->addr = random_bits();
		put_int(out, ret->addr, 8);
		random_text_option(out, ret);
		break;
	case SCHEMA_TEXT:
		random_text_option(out, ret);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		random_items(s, s->n_members, out, ret);
		break;
	case SCHEMA_ARRAY:
		random_items(s, s->stored, out, ret);
		break;
	case SCHEMA_SEQUENCE: {
		unsigned n = below(4);

		put_int(out, n, 2);
		random_items(s, n, out, ret);
		break;
	}
	case SCHEMA_BYTES:
		ret->bytes = out->data + out->len;
		ret->len = s->size;
		for (unsigned i = 0; i < s->size; i++)
			put_int(out, random_bits(), 1);
		ret->bytes = arena_memdup(&arena, ret->bytes, ret->len);
		break;
	case SCHEMA_CAPTURE:
		random_option(s->target, out, ret);
		break;
	}
}

/* Comparing */

static void assert_same_string(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void assert_same_schema(const struct schema *a, const struct schema *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_same_string(a->name, b->name);
	assert_same_string(a->ctype, b->ctype);
	assert_true(a->size == b->size && a->is_signed == b->is_signed && a->is_hex == b->is_hex &&
		    a->is_float == b->is_float && a->is_flags == b->is_flags && a->is_cut == b->is_cut &&
		    a->is_complex == b->is_complex && a->is_place == b->is_place);
	assert_true(a->count == b->count && a->stored == b->stored && a->stride == b->stride);
	assert_true(a->offset == b->offset && a->bit_offset == b->bit_offset && a->bit_size == b->bit_size);
	assert_int_equal(!a->target, !b->target);
	if (a->target)
		assert_same_schema(a->target, b->target);
	assert_int_equal(a->n_members, b->n_members);
	for (uint32_t i = 0; i < a->n_members; i++)
		assert_same_schema(a->members[i], b->members[i]);
	assert_int_equal(a->n_enumerators, b->n_enumerators);
	for (uint32_t i = 0; i < a->n_enumerators; i++) {
		assert_string_equal(a->enumerators[i].name, b->enumerators[i].name);
		assert_true(a->enumerators[i].value == b->enumerators[i].value);
	}
}

static void assert_same_value(const struct value_node *a, const struct value_node *b)
{
	assert_int_equal(a->schema->kind, b->schema->kind);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->addr, b->addr);
	assert_int_equal(a->u, b->u);
	assert_int_equal(a->len, b->len);
	if (a->len)
		assert_memory_equal(a->bytes, b->bytes, a->len);
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_same_value(&a->items[i], &b->items[i]);
	assert_true(value_equal(a, b));
}

enum { PROBES = 40, EVENTS = 6 };

/** One trace of random probes, with random events of them. */
static void one_trace(void)
{
	static struct bytes b;
	struct value_node expected[PROBES * EVENTS] = { 0 };
	const struct schema *entry[PROBES], *ret[PROBES];
	int class[PROBES];
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	for (unsigned i = 0; i < PROBES; i++) {
		entry[i] = random_captures();
		ret[i] = random_captures();
		class[i] = add_probe(w, "f", entry[i], ret[i]);
	}
	for (unsigned i = 0; i < PROBES * EVENTS; i++) {
		struct event_context context = at(i + 1);
		bool is_entry = i / PROBES % 2;

		b.len = 0;
		random_value(is_entry ? entry[i % PROBES] : ret[i % PROBES], &b, &expected[i]);
		if (is_entry)
			assert_int_equal(trace_entry(w, class[i % PROBES], &context, b.data, b.len, NULL, 0, 0), 0);
		else
			assert_int_equal(trace_return(w, class[i % PROBES] + 1, &context, 0, b.data, b.len), 0);
	}
	trace_close(w);

	struct reader *rd = open_reader(dir);
	const struct trace_probe *const *probes;

	assert_int_equal(reader_probes(rd, &probes), PROBES);
	for (unsigned i = 0; i < PROBES; i++) {
		assert_same_schema(probes[i]->entry, entry[i]);
		assert_same_schema(probes[i]->ret, ret[i]);
	}
	for (unsigned i = 0; i < PROBES * EVENTS; i++) {
		struct trace_event e = next_event(rd);

		assert_int_equal(e.kind, i / PROBES % 2 ? TRACE_ENTRY : TRACE_RETURN);
		assert_same_value(e.values, &expected[i]);
	}
	reader_close(rd);
	assert_int_equal(babeltrace_count(dir), PROBES * EVENTS);
	scratch_remove(dir);
	arena_reset(&arena);
}

static void test_random_traces(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++)
		one_trace();
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
