/*
 * hostile DIR: a trace in which every text is chosen to break what shows it, and every number to be
 * mistaken: names of functions, modules, threads and captures, strings, nesting, numbers of calls.
 *
 * Function number I is called NAMES[I] and captures the string NAMES[I]; whoever tests an export
 * finds them by that.  The list is also printed by: hostile --names, NUL after each.
 */
#include "symbols/schema.h"
#include "tracer/base/err.h"
#include "tracer/trace/writer.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S(...) (&(const struct schema){ __VA_ARGS__ })
#define LIST(...)                                                                                  \
	.members = (const struct schema *[]){ __VA_ARGS__ },                                       \
	.n_members = sizeof((const struct schema *[]){ __VA_ARGS__ }) / sizeof(struct schema *)
#define CAPTURE(NAME, TARGET) S(.kind = SCHEMA_CAPTURE, .name = (NAME), .target = (TARGET))
#define NUMBER(NAME, SIGNED)                                                                       \
	S(.kind = SCHEMA_INT, .name = (NAME), .size = 8, .is_signed = (SIGNED), .ctype = "long")
#define TEXT S(.kind = SCHEMA_STRING, .size = 8, .ctype = "const char *")

enum { DEEP = 3000, LONG_NAME = 3000, TID = 4711 };

static char long_name[LONG_NAME + 1];

static const char *const names[] = {
	"plain",
	"semi;colon",
	"new\nline\r\ttab",
	"quote\"apostrophe'backslash\\n",
	"<b>&amp;&lt;]]><!--</script><script>alert(1)</script>",
	"=cmd|' /C calc'!A0",
	"+1+1",
	"-1",
	"@SUM(A1)",
	"comma,comma",
	"escape\033[31mred\033]0;title\007",
	"turned\xe2\x80\xae" "back\xe2\x80\xa8line",
	"no utf8 \xff\xfe\xc3",
	"k\xc3\xa4se \xf0\x9f\xa7\x80",
	"%%{init: {}}%%",
	"end",
	"n0 --> n1",
	"`code` #35; #quot; $math$",
	"[(\"x\")]{|}",
	"100% of 42",
	"",
	long_name,
};

enum { N_NAMES = sizeof(names) / sizeof(*names) };

static struct trace_writer *writer;
static uint64_t now = 1000000000, next_call = 1;
static uint8_t buffer[65536];
static size_t used;

static int check(int r)
{
	if (r >= 0)
		return r;
	fprintf(stderr, "hostile: %s\n", err_text());
	exit(1);
}

static void put(const void *data, size_t len)
{
	memcpy(buffer + used, data, len);
	used += len;
}

static void put_number(uint64_t value, size_t size)
{
	put(&value, size);
}

static bool is_utf8(const char *text)
{
	return !strchr(text, '\xff');
}

static void put_text(const char *text)
{
	put_number(STATUS_OK, 1);
	put_number(0x1000, 8);
	put_number(is_utf8(text) ? STATUS_OK : STATUS_BYTES, 1);
	put_number(strlen(text), 4);
	put(text, strlen(text));
}

static void put_captured(uint64_t value)
{
	put_number(STATUS_OK, 1);
	put_number(value, 8);
}

static struct event_context at(uint64_t call, uint64_t parent, unsigned depth)
{
	return (struct event_context){
		.time_ns = now += 1000, .tid = TID, .call = call, .parent = parent,
		.depth = (uint16_t)depth,
	};
}

/* Each captures its name, a number that a double cannot hold, and what is not there. */
static int add_probe(const char *name)
{
	static const char *const places[] = { "<f>.c:1", "\"=;\n.c:2" };
	const struct schema *entry = S(.kind = SCHEMA_STRUCT, .ctype = "",
				       LIST(CAPTURE("name", TEXT), CAPTURE("a,\"b\"\n", TEXT)));
	const struct schema *ret = S(
		.kind = SCHEMA_STRUCT, .ctype = "",
		LIST(CAPTURE("$ret", NUMBER(NULL, true)), CAPTURE("big", NUMBER(NULL, false)),
		     CAPTURE("real", S(.kind = SCHEMA_FLOAT, .size = 8, .ctype = "double")),
		     CAPTURE("gone", NUMBER(NULL, false)), CAPTURE("lost", NUMBER(NULL, false))));
	const struct trace_probe_desc desc = { .function = name, .module = "/lib/<&\";,>.so",
					       .source = "=f;\n.c:7", .entry = entry, .ret = ret,
					       .return_sites = places, .n_return_sites = 2 };

	return check(trace_add_probe(writer, &desc));
}

static void enter(int class, const char *name, uint64_t call, uint64_t parent, unsigned depth)
{
	const struct event_context context = at(call, parent, depth);

	used = 0;
	put_text(name);
	put_number(STATUS_NULL, 1);
	check(trace_entry(writer, class, &context, buffer, used, NULL, 0, 0));
}

static void leave(int class, uint64_t call, uint64_t parent, unsigned depth, unsigned i)
{
	static const double reals[] = { 1.0 / 3, -DBL_MAX, 0.0 / 0.0, 1.0 / 0.0 };
	const struct event_context context = at(call, parent, depth);

	used = 0;
	put_captured(i % 2 ? (uint64_t)-1 : 0);
	put_captured(UINT64_MAX - i);
	put_number(STATUS_OK, 1);
	put(&reals[i % 4], 8);
	put_number(STATUS_OPTIMIZED_OUT, 1);
	put_number(STATUS_UNREADABLE, 1);
	put_number(0xdead, 8);
	check(trace_return(writer, class + 1, &context, i % 2, buffer, used));
}

/* Each function calls the next one, and stays open while that runs. */
static void call_all(const int *classes)
{
	uint64_t first = next_call;

	next_call += N_NAMES;
	for (unsigned i = 0; i < N_NAMES; i++) {
		check(trace_thread(writer, now, TID, names[i]));
		enter(classes[i], names[i], first + i, i ? first + i - 1 : 0, i);
	}
	for (unsigned i = N_NAMES; i-- > 0;)
		leave(classes[i], first + i, i ? first + i - 1 : 0, i, i);
}

static void go_deep(int class)
{
	uint64_t first = next_call;

	next_call += DEEP;
	for (unsigned i = 0; i < DEEP; i++)
		enter(class, "deep", first + i, i ? first + i - 1 : 0, i);
	for (unsigned i = DEEP; i-- > 0;)
		leave(class, first + i, i ? first + i - 1 : 0, i, 0);
}

/* Calls that are their own parents, one another's, and of a number that comes twice. */
static void go_round(int class)
{
	uint64_t call = next_call;

	next_call += 3;
	enter(class, "own parent", call, call, 0);
	enter(class, "of the next", call + 1, call + 2, 1);
	enter(class, "of the one before", call + 2, call + 1, 2);
	enter(class, "again", call, call + 2, 3);
	leave(class, call + 1, call + 2, 1, 0);
	leave(class, call, call, 0, 1);
	leave(class, call, call + 2, 3, 2);
	leave(class, UINT64_MAX, 0, 0, 3);
}

int main(int argc, char **argv)
{
	int classes[N_NAMES];

	memset(long_name, 'L', LONG_NAME);
	if (argc == 2 && !strcmp(argv[1], "--names")) {
		for (unsigned i = 0; i < N_NAMES; i++)
			fwrite(names[i], 1, strlen(names[i]) + 1, stdout);
		return 0;
	}
	if (argc != 2) {
		fputs("usage: hostile DIR | --names\n", stderr);
		return 2;
	}
	check(trace_create(argv[1], false,
			   "{\"target\":{\"pid\":4711,\"comm\":\"=<x>;\\\"\\n\\u202e\"},"
			   "\"host\":{\"name\":\"</script>\"},\"start_ns\":1700000000000000000}",
			   &writer));
	for (unsigned i = 0; i < N_NAMES; i++)
		classes[i] = add_probe(names[i]);
	check(trace_commit(writer));
	call_all(classes);
	call_all(classes);
	go_deep(classes[0]);
	go_round(classes[0]);
	enter(classes[1], "open", next_call, 0, 0);
	check(trace_close(writer));
	return 0;
}
