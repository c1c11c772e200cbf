/**
 * Each kind of value: written as bytes, then read by babeltrace2 (the oracle of the metadata) and by the reader.
 */
#include "tests/unit/trace/support.h"

#include <math.h>

#define B(literal) (literal), sizeof(literal) - 1

/** One capture: `bytes` without the OK in front are the encoding of `target`. */
struct value_case {
	const char *what;
	struct schema target;
	const char *bytes;
	size_t len;
	const char *babeltrace; /**< within its line */
	const char *ours;       /**< as render() shows it */
};

#define OK      "status = ( \"ok\" : container = 0 ), value = "
#define INNER   "ok = "
#define TEXT_OF(n, s) "{ " OK "{ { len = " #n ", chars = \"" s "\" } } }"

static const struct schema i8 = { .kind = SCHEMA_INT, .size = 1, .is_signed = true };
static const struct schema u16 = { .kind = SCHEMA_INT, .size = 2 };
static const struct schema string = { .kind = SCHEMA_STRING, .size = 8, .ctype = "const char *" };

static const struct value_case cases[] = {
	{ "u8", { .kind = SCHEMA_INT, .size = 1 }, B("\xff"), "{ 255 }", "255" },
	{ "s8", { .kind = SCHEMA_INT, .size = 1, .is_signed = true }, B("\xff"), "{ -1 }", "-1" },
	{ "s16", { .kind = SCHEMA_INT, .size = 2, .is_signed = true }, B("\x00\x80"), "{ -32768 }", "-32768" },
	{ "u24", { .kind = SCHEMA_INT, .size = 3 }, B("\x01\x02\x03"), "{ 197121 }", "197121" },
	{ "s32", { .kind = SCHEMA_INT, .size = 4, .is_signed = true }, B("\xfe\xff\xff\xff"), "{ -2 }", "-2" },
	{ "s56", { .kind = SCHEMA_INT, .size = 7, .is_signed = true }, B("\xfe\xff\xff\xff\xff\xff\xff"), "{ -2 }", "-2" },
	{ "u64", { .kind = SCHEMA_INT, .size = 8 }, B("\xff\xff\xff\xff\xff\xff\xff\xff"), "{ 18446744073709551615 }",
	  "18446744073709551615" },
	{ "s64", { .kind = SCHEMA_INT, .size = 8, .is_signed = true }, B("\x00\x00\x00\x00\x00\x00\x00\x80"),
	  "{ -9223372036854775808 }", "-9223372036854775808" },
	{ "hex", { .kind = SCHEMA_INT, .size = 4, .is_hex = true }, B("\xef\xbe\xad\xde"), "{ 0xDEADBEEF }", "3735928559" },
	{ "char", { .kind = SCHEMA_CHAR, .size = 1, .is_signed = true }, B("A"), "{ 65 }", "65" },
	{ "wchar", { .kind = SCHEMA_CHAR, .size = 4, .is_signed = true }, B("\xac\x20\0\0"), "{ 8364 }", "8364" },
	{ "bool", { .kind = SCHEMA_BOOL, .size = 1 }, B("\x01"), "( \"true\" : container = 1 )", "true" },
	{ "bad bool", { .kind = SCHEMA_BOOL, .size = 1 }, B("\x02"), "( <unknown> : container = 2 )", "bool 2" },
	{ "float", { .kind = SCHEMA_FLOAT, .size = 4 }, B("\x00\x00\xc0\x3f"), "{ 1.5 }", "1.5" },
	{ "double", { .kind = SCHEMA_FLOAT, .size = 8 }, B("\x00\x00\x00\x00\x00\x00\x04\xc0"), "{ -2.5 }", "-2.5" },
	{ "nan", { .kind = SCHEMA_FLOAT, .size = 8 }, B("\x00\x00\x00\x00\x00\x00\xf8\x7f"), "{ nan }", "nan" },
	{ "enum", { .kind = SCHEMA_ENUM, .size = 4, .ctype = "enum virDomainState", LABELS({ "NOSTATE", 0 }, { "RUNNING", 1 }) },
	  B("\x01\0\0\0"), "( \"RUNNING\" : container = 1 )", "RUNNING" },
	{ "enum without the label", { .kind = SCHEMA_ENUM, .size = 4, .ctype = "enum virDomainState", LABELS({ "A", 0 }) },
	  B("\x07\0\0\0"), "( <unknown> : container = 7 )", "enum 7" },
	{ "negative enum", { .kind = SCHEMA_ENUM, .size = 4, .is_signed = true, LABELS({ "MINUS", -1 }, { "ZERO", 0 }) },
	  B("\xff\xff\xff\xff"), "( \"MINUS\" : container = -1 )", "MINUS" },
	{ "negative enumerator of an unsigned enum", { .kind = SCHEMA_ENUM, .size = 4, LABELS({ "ALL", -1 }) },
	  B("\xff\xff\xff\xff"), "( \"ALL\" : container = 4294967295 )", "ALL" },
	{ "64-bit enum", { .kind = SCHEMA_ENUM, .size = 8, LABELS({ "TOP", INT64_MIN }) }, B("\0\0\0\0\0\0\0\x80"),
	  "( \"TOP\" : container = 9223372036854775808 )", "TOP" },
	{ "enum with aliases", { .kind = SCHEMA_ENUM, .size = 1, LABELS({ "A", 1 }, { "B", 1 }, { "A", 1 }, { "A", 2 }) },
	  B("\x01"), "container = 1 )", "A" },
	{ "enum with odd labels", { .kind = SCHEMA_ENUM, .size = 1, LABELS({ "a \"quoted\" \\ one", 1 }, { "struct", 2 }) },
	  B("\x01"), "( \"a \\\"quoted\\\" \\\\ one\" : container = 1 )", "a \"quoted\" \\ one" },
	{ "enum without labels", { .kind = SCHEMA_ENUM, .size = 2, .ctype = "enum empty" }, B("\x05\0"), "{ 5 }", "enum 5" },
	{ "flags", { .kind = SCHEMA_ENUM, .size = 4, .is_flags = true, LABELS({ "ONE", 1 }, { "TWO", 2 }) },
	  B("\x03\0\0\0"), "{ 0x3 }", "enum 3" },
	{ "pointer", { .kind = SCHEMA_PTR, .size = 8 }, B("\x10\0\0\0\xff\x7f\0\0"), "{ 0x7FFF00000010 }", "0x7fff00000010" },
	{ "function pointer", { .kind = SCHEMA_FUNC, .size = 8 }, B("\x10\0\0\0\0\0\0\0"), "{ 0x10 }", "0x10" },
	{ "followed pointer", { .kind = SCHEMA_PTR, .size = 8, .target = &u16 }, B("\x10\0\0\0\0\0\0\0\0\x07\0"),
	  "{ address = 0x10, " OK "{ 7 } }", "0x10 -> 7" },
	{ "pointer to what is cut", { .kind = SCHEMA_PTR, .size = 8, .target = &u16 }, B("\x10\0\0\0\0\0\0\0\x01\x07\0"),
	  "status = ( \"cut\" : container = 1 ), value = { 7 }", "0x10 -> 7~" },
	{ "null pointer", { .kind = SCHEMA_PTR, .size = 8, .target = &u16 }, B("\0\0\0\0\0\0\0\0\x02"),
	  "{ address = 0x0, status = ( \"null\" : container = 2 ), value = { { } } }", "<null>" },
	{ "wild pointer", { .kind = SCHEMA_PTR, .size = 8, .target = &u16 }, B("\x10\0\0\0\0\0\0\0\x03\x11\0\0\0\0\0\0\0"),
	  "value = { { address = 0x11 } }", "<unreadable 0x10>" },
	{ "pointer to a string", { .kind = SCHEMA_PTR, .size = 8, .target = &string },
	  B("\x10\0\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\0\x01\0\0\0x"),
	  "{ address = 0x10, " OK "{ { address = 0x20, " OK "{ { len = 1, chars = \"x\" } } } } }", "0x10 -> 0x20 \"x\"" },
	{ "string", { .kind = SCHEMA_STRING, .size = 8 }, B("\x20\0\0\0\0\0\0\0\0\x03\0\0\0vda"),
	  "{ address = 0x20, " OK "{ { len = 3, chars = \"vda\" } } }", "0x20 \"vda\"" },
	{ "empty string", { .kind = SCHEMA_STRING, .size = 8 }, B("\x20\0\0\0\0\0\0\0\0\0\0\0\0"),
	  "chars = \"\"", "0x20 \"\"" },
	{ "UTF-8 string", { .kind = SCHEMA_STRING, .size = 8 }, B("\x20\0\0\0\0\0\0\0\0\x05\0\0\0\xe2\x82\xac\xc3\xa9"),
	  "chars = \"\xe2\x82\xac\xc3\xa9\"", "0x20 \"\xe2\x82\xac\xc3\xa9\"" },
	{ "cut string", { .kind = SCHEMA_STRING, .size = 8 }, B("\x20\0\0\0\0\0\0\0\x01\x02\0\0\0ab"),
	  "status = ( \"cut\" : container = 1 ), value = { { len = 2, chars = \"ab\" } }", "0x20 \"ab\"~" },
	{ "null string", { .kind = SCHEMA_STRING, .size = 8 }, B("\0\0\0\0\0\0\0\0\x02"),
	  "{ address = 0x0, status = ( \"null\" : container = 2 )", "<null>" },
	{ "unreadable string", { .kind = SCHEMA_STRING, .size = 8 }, B("\x20\0\0\0\0\0\0\0\x03\x21\0\0\0\0\0\0\0"),
	  "value = { { address = 0x21 } }", "<unreadable 0x20>" },
	{ "bytes for a string", { .kind = SCHEMA_STRING, .size = 8 }, B("\x20\0\0\0\0\0\0\0\x05\x03\0\0\0\xff\0x"),
	  "value = { { len = 3, zero = 0, items = [ [0] = 0xFF, [1] = 0x0, [2] = 0x78 ] } }", "0x20 ff0078" },
	{ "cut bytes", { .kind = SCHEMA_STRING, .size = 8 }, B("\x20\0\0\0\0\0\0\0\x06\x01\0\0\0\xff"),
	  "status = ( \"bytes_cut\" : container = 6 )", "0x20 ff~" },
	{ "text", { .kind = SCHEMA_TEXT, .size = 16, .count = 16 }, B("\0\x03\0\0\0abc"), TEXT_OF(3, "abc"), "\"abc\"" },
	{ "bytes for a text", { .kind = SCHEMA_TEXT, .size = 4, .count = 4 }, B("\x05\x04\0\0\0\x00\x01\x02\x03"),
	  "status = ( \"bytes\" : container = 5 )", "00010203" },
	{ "struct", { .kind = SCHEMA_STRUCT, .ctype = "struct x",
		      LIST(S(.kind = SCHEMA_INT, .name = "a", .size = 1), S(.kind = SCHEMA_INT, .name = "b", .size = 2)) },
	  B("\x01\x02\0"), "{ a = 1, b = 2 }", "{a=1 b=2}" },
	{ "view",
	  { .kind = SCHEMA_PTR, .size = 8, .target = S(.kind = SCHEMA_STRUCT, .ctype = "virDomainObj", .view = "domain",
			    LIST(S(.kind = SCHEMA_CAPTURE, .name = "name", .target = &string),
				 S(.kind = SCHEMA_CAPTURE, .name = "id", .target = &u16),
				 S(.kind = SCHEMA_CAPTURE, .name = "gone", .target = &u16))) },
	  B("\x10\0\0\0\0\0\0\0\0" "\0\x20\0\0\0\0\0\0\0\0\x01\0\0\0x" "\0\x07\0" "\x02"),
	  "{ name = { " OK "{ { address = 0x20, " OK "{ { len = 1, chars = \"x\" } } } } }, id = { " OK "{ 7 } }, "
	  "gone = { status = ( \"null\" : container = 2 ), value = { { } } } }",
	  "0x10 -> domain{name=0x20 \"x\" id=7 gone=<null>}" },
	{ "empty struct", { .kind = SCHEMA_STRUCT, .ctype = "struct nil" }, B(""), OK "{ { } }", "{}" },
	{ "union", { .kind = SCHEMA_UNION, .ctype = "union x",
		     LIST(S(.kind = SCHEMA_INT, .name = "i", .size = 4), S(.kind = SCHEMA_FLOAT, .name = "f", .size = 4)) },
	  B("\x00\x00\xc0\x3f\x00\x00\xc0\x3f"), "{ i = 1069547520, f = 1.5 }", "{i=1069547520 f=1.5}" },
	{ "keywords and odd names",
	  { .kind = SCHEMA_STRUCT, .ctype = "struct event",
	    LIST(S(.kind = SCHEMA_INT, .name = "string", .size = 1), S(.kind = SCHEMA_INT, .name = "event", .size = 1),
		 S(.kind = SCHEMA_INT, .name = "align", .size = 1), S(.kind = SCHEMA_INT, .name = "status", .size = 1),
		 S(.kind = SCHEMA_INT, .name = "uint8", .size = 1), S(.kind = SCHEMA_INT, .name = "x y", .size = 1)) },
	  B("\1\2\3\4\5\6"), "{ string = 1, event = 2, align = 3, status = 4, uint8 = 5, x_y = 6 }",
	  "{string=1 event=2 align=3 status=4 uint8=5 x y=6}" },
	{ "underscores", { .kind = SCHEMA_STRUCT, .ctype = "struct u",
			   LIST(S(.kind = SCHEMA_INT, .name = "_x", .size = 1), S(.kind = SCHEMA_INT, .name = "x", .size = 1),
				S(.kind = SCHEMA_INT, .name = "__x", .size = 1), S(.kind = SCHEMA_INT, .name = "x", .size = 1)) },
	  B("\1\2\3\4"), "{ _x = 1, x_2 = 2, __x = 3, x_3 = 4 }", "{_x=1 x=2 __x=3 x=4}" },
	{ "underscores deep below",
	  { .kind = SCHEMA_STRUCT, .ctype = "struct v",
	    LIST(S(.kind = SCHEMA_STRUCT, .name = "in", .ctype = "struct w",
		   LIST(S(.kind = SCHEMA_ARRAY, .name = "arr", .count = 1, .stored = 1,
			  .target = S(.kind = SCHEMA_STRUCT, .ctype = "struct u",
				      LIST(S(.kind = SCHEMA_INT, .name = "x", .size = 1),
					   S(.kind = SCHEMA_INT, .name = "_x", .size = 1)))))),
		 S(.kind = SCHEMA_STRUCT, .name = "out", .ctype = "struct w2", LIST(S(.kind = SCHEMA_INT, .name = "_", .size = 1)))) },
	  B("\1\2\3"), "{ in = { arr = [ [0] = { x = 1, _x = 2 } ] }, out = { _ = 3 } }", "{in={arr=[{x=1 _x=2}]} out={_=3}}" },
	{ "anonymous members",
	  { .kind = SCHEMA_STRUCT, .ctype = "struct a",
	    LIST(S(.kind = SCHEMA_UNION, .name = "", .ctype = "union {...}", LIST(S(.kind = SCHEMA_INT, .name = "a", .size = 1))),
		 S(.kind = SCHEMA_STRUCT, .name = "", .ctype = "struct {...}", LIST(S(.kind = SCHEMA_INT, .name = "b", .size = 1)))) },
	  B("\1\2"), "{ anonymous = { a = 1 }, anonymous_2 = { b = 2 } }", "{={a=1} ={b=2}}" },
	{ "array", { .kind = SCHEMA_ARRAY, .count = 9, .stored = 2, .target = &u16 }, B("\1\0\2\0"),
	  "{ [ [0] = 1, [1] = 2 ] }", "[1 2]" },
	{ "array of nothing", { .kind = SCHEMA_ARRAY, .count = 0, .stored = 0, .target = &u16 }, B(""), OK "{ [ ] }", "[]" },
	{ "matrix", { .kind = SCHEMA_ARRAY, .count = 2, .stored = 2,
		      .target = S(.kind = SCHEMA_ARRAY, .count = 3, .stored = 3, .target = &i8) },
	  B("\1\2\3\4\5\6"), "[ [0] = [ [0] = 1, [1] = 2, [2] = 3 ], [1] = [ [0] = 4, [1] = 5, [2] = 6 ] ]", "[[1 2 3] [4 5 6]]" },
	{ "array of empty structs", { .kind = SCHEMA_ARRAY, .count = 2, .stored = 2,
				      .target = S(.kind = SCHEMA_STRUCT, .ctype = "struct nil") },
	  B(""), "{ [ [0] = { }, [1] = { } ] }", "[{} {}]" },
	{ "array of strings", { .kind = SCHEMA_ARRAY, .count = 2, .stored = 2, .target = &string },
	  B("\x20\0\0\0\0\0\0\0\0\x01\0\0\0a\0\0\0\0\0\0\0\0\x02"),
	  "[ [0] = { address = 0x20, " OK "{ { len = 1, chars = \"a\" } } }, [1] = { address = 0x0,", "[0x20 \"a\" <null>]" },
	{ "sequence", { .kind = SCHEMA_SEQUENCE, .target = &u16 }, B("\2\0\1\0\2\0"), "{ n = 2, items = [ [0] = 1, [1] = 2 ] }",
	  "[1 2]" },
	{ "empty sequence", { .kind = SCHEMA_SEQUENCE, .target = &u16 }, B("\0\0"), "{ n = 0, items = [ ] }", "[]" },
	{ "sequence of arrays", { .kind = SCHEMA_SEQUENCE,
				  .target = S(.kind = SCHEMA_ARRAY, .count = 2, .stored = 2, .target = &i8) },
	  B("\2\0\1\2\3\4"), "[ [0] = [ [0] = 1, [1] = 2 ], [1] = [ [0] = 3, [1] = 4 ] ]", "[[1 2] [3 4]]" },
	{ "array of sequences", { .kind = SCHEMA_ARRAY, .count = 2, .stored = 2,
				  .target = S(.kind = SCHEMA_SEQUENCE, .target = &i8) },
	  B("\1\0\1\2\0\3\4"), "[0] = { n = 1, items = [ [0] = 1 ] }, [1] = { n = 2, items = [ [0] = 3, [1] = 4 ] }", "[[1] [3 4]]" },
	{ "128-bit integer", { .kind = SCHEMA_BYTES, .size = 16, .is_signed = true, .ctype = "__int128" },
	  B("\1\2\3\4\5\6\7\10\0\0\0\0\0\0\0\xff"), "[0] = 0x1, [1] = 0x2", "010203040506070800000000000000ff" },
	{ "long double", { .kind = SCHEMA_BYTES, .size = 16, .is_float = true, .ctype = "long double" },
	  B("\0\0\0\0\0\0\0\x80\xff\x3f\0\0\0\0\0\0"), "[7] = 0x80, [8] = 0xFF, [9] = 0x3F", "0000000000000080ff3f000000000000" },
};

enum { N_CASES = sizeof(cases) / sizeof(*cases) };

static void render_bytes(FILE *out, const struct value_node *node)
{
	bool is_bytes = node->schema->kind == SCHEMA_BYTES || node->status == STATUS_BYTES || node->status == STATUS_BYTES_CUT;

	for (size_t i = 0; is_bytes && i < node->len; i++)
		fprintf(out, "%02x", node->bytes[i]);
	if (!is_bytes)
		fprintf(out, "\"%.*s\"", (int)node->len, (const char *)node->bytes);
	assert_int_equal(node->bytes[node->len], 0);
}

static void render(FILE *out, const struct value_node *node);

static void render_items(FILE *out, const struct value_node *node, bool named)
{
	fprintf(out, "%s%s", node->schema->view ? node->schema->view : "", named ? "{" : "[");
	for (size_t i = 0; i < node->n; i++) {
		if (i)
			fputc(' ', out);
		if (named)
			fprintf(out, "%s=", node->schema->members[i]->name);
		render(out, &node->items[i]);
	}
	fputs(named ? "}" : "]", out);
}

static void render_value(FILE *out, const struct value_node *node)
{
	switch (node->schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
		fprintf(out, node->schema->is_signed ? "%ld" : "%lu", (unsigned long)node->u);
		break;
	case SCHEMA_BOOL:
		if (node->u <= 1)
			fputs(node->u ? "true" : "false", out);
		else
			fprintf(out, "bool %lu", (unsigned long)node->u);
		break;
	case SCHEMA_FLOAT:
		if (isnan(node->real))
			fputs("nan", out);
		else
			fprintf(out, "%g", node->real);
		break;
	case SCHEMA_ENUM:
		if (value_enumerator(node) && !node->schema->is_flags)
			fputs(value_enumerator(node), out);
		else
			fprintf(out, "enum %ld", (long)node->u);
		break;
	case SCHEMA_PTR:
	case SCHEMA_FUNC:
		fprintf(out, "0x%lx", (unsigned long)node->addr);
		if (node->n) {
			fputs(" -> ", out);
			render(out, node->items);
		}
		break;
	case SCHEMA_STRING:
		fprintf(out, "0x%lx ", (unsigned long)node->addr);
		render_bytes(out, node);
		break;
	case SCHEMA_TEXT:
	case SCHEMA_BYTES:
		render_bytes(out, node);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		render_items(out, node, true);
		break;
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		render_items(out, node, false);
		break;
	case SCHEMA_CAPTURE:
		fail_msg("an available capture is its content");
	}
}

static void render(FILE *out, const struct value_node *node)
{
	switch (node->status) {
	case STATUS_NULL:
		fputs("<null>", out);
		return;
	case STATUS_UNREADABLE:
		fprintf(out, "<unreadable 0x%lx>", (unsigned long)node->addr);
		return;
	case STATUS_OPTIMIZED_OUT:
		fputs("<optimized out>", out);
		return;
	default:
		render_value(out, node);
	}
	if (node->status == STATUS_CUT || node->status == STATUS_BYTES_CUT)
		fputc('~', out);
}

static char *rendered(const struct value_node *node)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	render(out, node);
	fclose(out);
	return text;
}

/** Line `n` of the text, copied. */
static char *line_of(const char *text, size_t n)
{
	while (n--)
		text = strchr(text, '\n') + 1;
	return strndup(text, strcspn(text, "\n"));
}

static void test_each_kind(void **state)
{
	static struct schema captures[N_CASES], structs[N_CASES];
	static const struct schema *members[N_CASES][1];
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	static struct bytes b;
	int class[N_CASES];

	(void)state;
	for (size_t i = 0; i < N_CASES; i++) {
		captures[i] = (struct schema){ .kind = SCHEMA_CAPTURE, .name = "*v", .target = &cases[i].target };
		members[i][0] = &captures[i];
		structs[i] = (struct schema){ .kind = SCHEMA_STRUCT, .ctype = "", .members = members[i], .n_members = 1 };
		class[i] = add_probe(w, cases[i].what, &structs[i], NO_CAPTURES);
	}
	for (size_t i = 0; i < N_CASES; i++) {
		struct event_context context = at(1000 + i);

		b.len = 0;
		put_int(&b, STATUS_OK, 1);
		put(&b, cases[i].bytes, cases[i].len);
		assert_int_equal(trace_entry(w, class[i], &context, b.data, b.len, NULL, 0, 0), 0);
	}
	assert_int_equal(trace_close(w), 0);
	assert_int_equal(babeltrace_count(dir), N_CASES);

	struct reader *rd = open_reader(dir);
	char *all = babeltrace(dir, false, NULL);

	for (size_t i = 0; i < N_CASES; i++) {
		struct trace_event event = next_event(rd);
		char *line = line_of(all, i), *ours = rendered(&event.values->items[0]);

		assert_string_equal(event.probe->function, cases[i].what);
		if (!strstr(line, cases[i].babeltrace))
			fail_msg("%s: babeltrace2 does not say\n%s\nbut\n%s", cases[i].what, cases[i].babeltrace, line);
		if (strcmp(ours, cases[i].ours) != 0)
			fail_msg("%s: the reader does not say\n%s\nbut\n%s", cases[i].what, cases[i].ours, ours);
		free(ours);
		free(line);
	}
	free(all);
	reader_close(rd);
	scratch_remove(dir);
}

static void test_captures_that_are_not_there(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *babeltrace, *ours;
	} statuses[] = {
		{ B("\1\7\0"), "status = ( \"cut\" : container = 1 ), value = { 7 }", "7~" },
		{ B("\2"), "status = ( \"null\" : container = 2 ), value = { { } }", "<null>" },
		{ B("\3\x10\0\0\0\0\0\0\0"), "value = { { address = 0x10 } }", "<unreadable 0x10>" },
		{ B("\4"), "status = ( \"optimized_out\" : container = 4 )", "<optimized out>" },
	};
	const struct schema *entry = S(.kind = SCHEMA_STRUCT, .ctype = "",
				       LIST(S(.kind = SCHEMA_CAPTURE, .name = "v", .target = &u16)));
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	int class = add_probe(w, "f", entry, NO_CAPTURES);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct event_context context = at(1000 + i);

		trace_entry(w, class, &context, statuses[i].bytes, statuses[i].len, NULL, 0, 0);
	}
	trace_close(w);

	struct reader *rd = open_reader(dir);
	char *all = babeltrace(dir, false, NULL);

	for (size_t i = 0; i < 4; i++) {
		struct trace_event event = next_event(rd);
		const struct value_node *node = &event.values->items[0];
		char *ours = rendered(node);

		assert_babeltrace_says(all, statuses[i].babeltrace);
		assert_string_equal(ours, statuses[i].ours);
		assert_int_equal(node->schema->kind, i == 0 ? SCHEMA_INT : SCHEMA_CAPTURE);
		free(ours);
	}
	free(all);
	reader_close(rd);
	scratch_remove(dir);
}

static void test_nested_options(void **state)
{
	/* Four levels of pointers: the metadata must not double at each. */
	const struct schema *const leaf = S(.kind = SCHEMA_PTR, .size = 8, .target = &u16);
	const struct schema *const deep =
		S(.kind = SCHEMA_PTR, .size = 8,
		  .target = S(.kind = SCHEMA_PTR, .size = 8, .target = S(.kind = SCHEMA_PTR, .size = 8, .target = leaf)));
	const struct schema *entry =
		S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(S(.kind = SCHEMA_CAPTURE, .name = "v", .target = deep)));
	static const char bytes[] = "\1\1\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1\3\0\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0\x07\0";
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	struct event_context context = at(1000);

	(void)state;
	trace_entry(w, add_probe(w, "f", entry, NO_CAPTURES), &context, bytes, sizeof(bytes) - 1, NULL, 0, 0);
	trace_close(w);

	struct reader *rd = open_reader(dir);
	struct trace_event event = next_event(rd);
	char *ours = rendered(&event.values->items[0]), *all = babeltrace(dir, false, NULL);

	assert_string_equal(ours, "0x1 -> 0x2 -> 0x3 -> 0x4 -> 7~~");
	assert_babeltrace_says(all, "status = ( \"ok_or_cut\" : container = 1 ), value = { { address = 0x1, ");
	assert_babeltrace_says(all, "{ address = 0x4, status = ( \"ok\" : container = 0 ), value = { 7 } }");
	free(all);
	free(ours);
	reader_close(rd);
	scratch_remove(dir);
}

static size_t count_in(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* Three texts and two arrays of bytes, all as long as they may be. */
static void assert_long_texts(const char *dir, size_t text_len)
{
	char *all = babeltrace_details(dir);
	const char *at = all;

	assert_int_equal(count_in(all, "\nEvent `f`"), 5);
	for (unsigned i = 0; i < 3; i++) {
		at = strstr(at, " chars: x");
		assert_non_null(at);
		at += strlen(" chars: ");
		assert_int_equal(strspn(at, "x"), text_len);
		at += text_len;
		assert_int_equal(*at, '\n');
	}
	assert_null(strstr(at, " chars: x"));
	assert_int_equal(count_in(all, "]: 0x78\n"), 2 * UINT16_MAX);
	free(all);
}

static void test_long_texts(void **state)
{
	const struct schema *entry =
		S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(S(.kind = SCHEMA_CAPTURE, .name = "v", .target = &string)));
	static struct bytes b;
	static char text[1 << 20];
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	int class = add_probe(w, "f", entry, NO_CAPTURES);

	(void)state;
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 5; i++) {
		struct event_context context = at(1000 + i);

		b.len = 0;
		put_int(&b, STATUS_OK, 1);
		put_int(&b, 0x1000, 8);
		put_text(&b, i % 2 ? STATUS_BYTES : STATUS_OK, text, i % 2 ? UINT16_MAX : sizeof(text));
		assert_int_equal(trace_entry(w, class, &context, b.data, b.len, NULL, 0, 0), 0);
	}
	trace_close(w);
	assert_long_texts(dir, sizeof(text));

	struct reader *rd = open_reader(dir);

	for (unsigned i = 0; i < 5; i++) {
		struct trace_event event = next_event(rd);

		assert_int_equal(event.values->items[0].status, i % 2 ? STATUS_BYTES : STATUS_OK);
		assert_int_equal(event.values->items[0].len, i % 2 ? UINT16_MAX : sizeof(text));
		assert_memory_equal(event.values->items[0].bytes, text, event.values->items[0].len);
	}
	reader_close(rd);
	scratch_remove(dir);
}

static void test_what_a_trace_cannot_hold(void **state)
{
	const struct {
		struct schema schema;
		int error;
	} bad[] = {
		{ { .kind = SCHEMA_INT, .name = "x", .size = 16 }, -EINVAL },
		{ { .kind = SCHEMA_INT, .name = "x", .size = 0 }, -EINVAL },
		{ { .kind = SCHEMA_FLOAT, .name = "x", .size = 16 }, -EINVAL },
		{ { .kind = SCHEMA_BOOL, .name = "x", .size = 9 }, -EINVAL },
		{ { .kind = SCHEMA_ENUM, .name = "x", .size = 16, LABELS({ "A", 1 }) }, -EINVAL },
	};
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const struct schema *entry = S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(&bad[i].schema));
		struct trace_probe_desc desc = { .function = "f", .module = "m", .entry = entry, .ret = NO_CAPTURES };

		assert_int_equal(trace_add_probe(w, &desc), bad[i].error);
		assert_int_equal(trace_commit(w), 0);
		desc.ret = entry;
		desc.entry = NO_CAPTURES;
		assert_int_equal(trace_add_probe(w, &desc), bad[i].error);
		assert_int_equal(trace_commit(w), 0);
	}
	/* The trace has not suffered. */
	struct event_context context = at(1);

	trace_return(w, add_probe(w, "f", NO_CAPTURES, NO_CAPTURES) + 1, &context, 0, NULL, 0);
	trace_close(w);
	assert_int_equal(babeltrace_count(dir), 1);
	struct reader *rd = open_reader(dir);

	assert_string_equal(next_event(rd).probe->function, "f");
	reader_close(rd);
	scratch_remove(dir);
}

static void test_nested_too_deep(void **state)
{
	enum { LEVELS = 100 };
	static struct schema levels[LEVELS];
	static const struct schema *members[LEVELS][1];
	struct trace_probe_desc desc = { .function = "f", .module = "m", .entry = &levels[0], .ret = NO_CAPTURES };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	for (unsigned i = 0; i < LEVELS; i++) {
		members[i][0] = i + 1 < LEVELS ? &levels[i + 1] : &u16;
		levels[i] = (struct schema){ .kind = SCHEMA_STRUCT, .name = "s", .ctype = "struct s", .members = members[i],
					     .n_members = 1 };
	}
	assert_int_equal(trace_add_probe(w, &desc), -E2BIG);
	/* The deepest that is allowed works everywhere. */
	desc.entry = &levels[LEVELS - 60];
	int class = trace_add_probe(w, &desc);
	struct event_context context = at(1);

	assert_int_equal(trace_commit(w), 0);
	assert_int_equal(trace_entry(w, class, &context, "\7\0", 2, NULL, 0, 0), 0);
	/* The one that failed has no number. */
	assert_int_equal(class, CLASS_BUILTIN_COUNT);
	trace_close(w);
	assert_int_equal(babeltrace_count(dir), 1);
	int result;

	assert_int_equal(read_all(dir, &result), 1);
	assert_int_equal(result, 0);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_captures_that_are_not_there),
		cmocka_unit_test(test_nested_options),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_what_a_trace_cannot_hold),
		cmocka_unit_test(test_nested_too_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
