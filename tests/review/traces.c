/*
 * Makes traces: of as many calls as wanted, or of all that a hostile trace may hold.
 *
 *	traces many N DIR      N calls or some more, three deep, in eight threads
 *	traces qmp DIR         calls that wait for QMP replies, of three guests that use the same ids
 *	traces asking N DIR    N calls or some more as those, and the replies have some KiB
 *	traces hostile DIR     names and values that are markup, script, escapes; numbers of calls that
 *	                       form a cycle; nesting without end
 *	traces open N DIR      N calls that do not end, and have much memory each
 *	traces messages DIR    QMP messages that are hostile: names, escapes, nesting without end, ids that come again
 *
 * The bytes of captures are those that symbols/schema.h describes.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/schema.h"
#include "tracer/base/err.h"
#include "tracer/trace/writer.h"

enum { THREADS = 8, COUNTERS = 13, HOSTILE_DEPTH = 3000, WIDE = 20000, WIDE_CALLS = 100 };

#define MARKUP "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
#define ODD "\"'`&lt;<!--]]>\\u2028\xe2\x80\xa8\xe2\x80\xae\x1b[31m"

#define S(...) (&(const struct schema){ __VA_ARGS__ })
#define LIST(...)                                                                                  \
	.members = (const struct schema *[]){ __VA_ARGS__ },                                       \
	.n_members = sizeof((const struct schema *[]){ __VA_ARGS__ }) / sizeof(struct schema *)
#define CAPTURE(text, type, of)                                                                    \
	S(.kind = SCHEMA_CAPTURE, .name = text, .ctype = type, .target = of)
#define U64(member) S(.kind = SCHEMA_INT, .name = member, .ctype = "unsigned long long", .size = 8)
#define INT S(.kind = SCHEMA_INT, .ctype = "int", .size = 4, .is_signed = true)
#define STRING S(.kind = SCHEMA_STRING, .ctype = "const char *", .size = 8)

struct payload {
	uint8_t data[65000];
	size_t len;
};

static void put(struct payload *p, uint64_t value, size_t size)
{
	memcpy(p->data + p->len, &value, size);
	p->len += size;
}

/* A capture of a string that is there. */
static void put_string(struct payload *p, uint64_t addr, const char *text)
{
	size_t len = strlen(text);

	put(p, STATUS_OK, 1);
	put(p, addr, 8);
	put(p, STATUS_OK, 1);
	put(p, len, 4);
	memcpy(p->data + p->len, text, len);
	p->len += len;
}

static void put_ret(struct payload *p, int ret)
{
	put(p, STATUS_OK, 1);
	put(p, (uint32_t)ret, 4);
}

static void check(int r)
{
	if (r < 0)
		errx(1, "%s", err_text());
}

static struct trace_writer *create(const char *dir)
{
	struct trace_writer *writer;

	check(trace_create(dir, false,
			   "{\"version\":\"0\",\"target\":{\"comm\":\"made\",\"pid\":1}}", &writer));
	return writer;
}

static int add(struct trace_writer *writer, const char *function, const struct schema *entry,
	       const struct schema *ret)
{
	const struct trace_probe_desc desc = { .function = function,
					       .module = "libvirt-made.so",
					       .source = "made.c:1",
					       .prototype = function,
					       .entry = entry,
					       .ret = ret,
					       .has_stack = true };
	int class = trace_add_probe(writer, &desc);

	check(class);
	return class;
}

static void enter(struct trace_writer *writer, int class, const struct event_context *at,
		  const struct payload *p)
{
	static const uint64_t stack[] = { 0x1000, 0x2000, 0x3000 };

	check(trace_entry(writer, class, at, p->data, p->len, stack, 3, at->time_ns));
}

static void leave(struct trace_writer *writer, int class, struct event_context at, uint64_t time_ns,
		  const struct payload *p)
{
	at.time_ns = time_ns;
	check(trace_return(writer, class + 1, &at, 0, p->data, p->len));
}

static void put_frames(struct trace_writer *writer, const char *name)
{
	for (uint64_t addr = 0x1000; addr <= 0x3000; addr += 0x1000)
		check(trace_frame(writer, 1, addr, 0, false, name, "libvirt-made.so", "made.c:7"));
}

/* Many calls */

struct many {
	struct trace_writer *writer;
	int info, inner, gather;
	uint64_t now, call;
};

static uint64_t random_below(uint64_t n)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static void put_stats(struct payload *p, uint64_t n)
{
	put(p, STATUS_OK, 1);
	for (uint64_t i = 0; i < COUNTERS; i++)
		put(p, i == 8 ? 2147483648u : n * 512 + i * random_below(100), 8);
}

/* A call that the one of `at` makes, some ns later; `at` is its own from then on. */
static void enter_within(struct many *many, int class, struct event_context *at, uint64_t ns, const char *disk)
{
	struct payload entry = { .len = 0 };

	at->depth++;
	at->parent = at->call;
	at->call = ++many->call;
	at->time_ns = many->now += ns;
	put_string(&entry, 0x7f0000001000, disk);
	enter(many->writer, class, at, &entry);
}

static void gather(struct many *many, struct event_context at, const char *disk)
{
	struct payload ret = { .len = 0 };

	enter_within(many, many->gather, &at, 20000 + random_below(20000), disk);
	put_ret(&ret, 8);
	put_stats(&ret, many->call);
	leave(many->writer, many->gather, at, many->now += 200000 + random_below(3000000), &ret);
}

static void inner(struct many *many, struct event_context at, const char *disk, bool failed)
{
	struct payload ret = { .len = 0 };

	enter_within(many, many->inner, &at, 5000 + random_below(9000), disk);
	if (!failed)
		gather(many, at, disk);
	put_ret(&ret, failed ? -1 : 0);
	leave(many->writer, many->inner, at, many->now += 3000 + random_below(5000), &ret);
}

static void outer(struct many *many)
{
	static const char *const domains[] = { "web1", "web2", "db1", "demo" };
	static const char *const disks[] = { "vda", "vdb", "vdc" };
	struct payload entry = { .len = 0 }, ret = { .len = 0 };
	const char *disk = disks[random_below(3)];
	bool failed = random_below(50) == 0;
	struct event_context at = { .tid = (int)(1000 + random_below(THREADS)),
				    .call = ++many->call,
				    .time_ns = many->now += 100000 + random_below(4000000) };

	put_string(&entry, 0x7f0000002000, domains[random_below(4)]);
	put_string(&entry, 0x7f0000001000, disk);
	enter(many->writer, many->info, &at, &entry);
	inner(many, at, disk, failed);
	put_ret(&ret, failed ? -1 : 0);
	leave(many->writer, many->info, at, many->now += 3000 + random_below(5000), &ret);
}

static void make_many(const char *dir, uint64_t n)
{
	struct many many = { .writer = create(dir), .now = 1000000000 };
	const struct schema *ret = CAPTURE("$ret", "int", INT);
	const struct schema *disk = CAPTURE("path", "const char *", STRING);
	const struct schema *stats =
		S(.kind = SCHEMA_STRUCT, .ctype = "qemuBlockStats", .size = 8 * COUNTERS,
		  LIST(U64("rd_req"), U64("rd_bytes"), U64("wr_req"), U64("wr_bytes"),
		       U64("rd_total_times"), U64("wr_total_times"), U64("flush_req"),
		       U64("flush_total_times"), U64("capacity"), U64("physical"),
		       U64("wr_highest_offset"), U64("allocated"), U64("write_threshold")));

	many.info = add(many.writer, "virDomainGetBlockInfo",
			S(.kind = SCHEMA_STRUCT,
			  LIST(CAPTURE("domain->name", "char *", STRING),
			       CAPTURE("disk", "const char *", STRING))),
			S(.kind = SCHEMA_STRUCT, LIST(ret)));
	many.inner = add(many.writer, "qemuDomainGetBlockInfo", S(.kind = SCHEMA_STRUCT, LIST(disk)),
			 S(.kind = SCHEMA_STRUCT, LIST(ret)));
	many.gather = add(many.writer, "qemuDomainBlocksStatsGather",
			  S(.kind = SCHEMA_STRUCT, LIST(disk)),
			  S(.kind = SCHEMA_STRUCT,
			    LIST(ret, CAPTURE("**retstats", "qemuBlockStats", stats))));
	check(trace_commit(many.writer));
	put_frames(many.writer, "remoteDispatch");
	for (int tid = 1000; tid < 1000 + THREADS; tid++)
		check(trace_thread(many.writer, 1, tid, "rpc-worker"));
	while (many.call < n)
		outer(&many);
	check(trace_close(many.writer));
}

/* QMP */

enum { GUESTS = 3, ROUNDS = 2, CALLS_A_ROUND = 4 * GUESTS, MESSAGE = 8000, MORE_DISKS = 24 };

/* What a guest's disk has counted, and QEMU tells. */
struct counted {
	uint64_t rd_bytes, wr_bytes, highest;
};

/* Two disks that have been written as far, and whose other numbers differ; then `more` that nobody asks about. */
static void reply_text(char buf[MESSAGE], uint64_t id, const struct counted *counted, unsigned more)
{
	int len = snprintf(buf, MESSAGE,
			   "{\"return\": [{\"device\": \"virtio0\", \"stats\": {\"rd_bytes\": %lu, \"wr_bytes\": %lu}, "
			   "\"parent\": {\"stats\": {\"wr_highest_offset\": %lu, \"flags\": [true, null, -1.5e3], "
			   "\"big\": 18446744073709551615}}, \"node-name\": \"aaaaaaaaaaaaaaaa \\\"<b>\"}, "
			   "{\"device\": \"virtio1\", \"stats\": {\"rd_bytes\": 512, \"wr_bytes\": 0}, "
			   "\"parent\": {\"stats\": {\"wr_highest_offset\": %lu}}}",
			   counted->rd_bytes, counted->wr_bytes, counted->highest, counted->highest);

	for (unsigned i = 0; i < more; i++)
		len += snprintf(buf + len, MESSAGE - (size_t)len,
				", {\"device\": \"virtio%u\", \"stats\": {\"rd_bytes\": %lu, \"wr_bytes\": %lu}, "
				"\"parent\": {\"stats\": {\"wr_highest_offset\": %lu}}}",
				i + 2, counted->rd_bytes * 3 + i, counted->wr_bytes * 5 + i, counted->highest * 7 + i);
	snprintf(buf + len, MESSAGE - (size_t)len, "], \"id\": \"libvirt-%lu\"}", id);
}

enum { INFO, GATHER, SEND, RECEIVE, QMP_PROBES };

/* A call of the guest's thread, or of the one that receives for it. */
static struct event_context step(struct many *many, uint64_t guest, const struct event_context *within)
{
	return (struct event_context){ .tid = within ? within->tid : (int)(100 + guest),
				       .call = ++many->call,
				       .parent = within ? within->call : 0,
				       .depth = (uint16_t)(within ? within->depth + 1 : 0),
				       .time_ns = many->now += 100000 };
}

static void put_message(struct payload *p, uint64_t guest, const char *text)
{
	put(p, STATUS_OK, 1);
	put(p, 0x1000 * guest, 8);
	put_string(p, 0x7f0000002000, text);
}

/* Sends a request, and another thread receives the reply. */
static void send(struct many *many, const int classes[], uint64_t guest, const struct event_context *within, uint64_t id,
		 const struct counted *counted, unsigned more)
{
	const struct event_context sender = step(many, guest, within);
	struct payload sent = { .len = 0 }, received = { .len = 0 }, none = { .len = 0 };
	char text[MESSAGE];

	snprintf(text, sizeof(text), "{\"execute\":\"query-blockstats\",\"id\":\"libvirt-%lu\"}\r\n", id);
	put_message(&sent, guest, text);
	enter(many->writer, classes[SEND], &sender, &sent);
	const struct event_context receiver = step(many, GUESTS + guest, NULL);

	reply_text(text, id, counted, more);
	put_message(&received, guest, text);
	enter(many->writer, classes[RECEIVE], &receiver, &received);
	put_ret(&none, 0);
	leave(many->writer, classes[RECEIVE], receiver, many->now += 50000, &none);
	leave(many->writer, classes[SEND], sender, many->now += 50000, &none);
}

static void ask(struct many *many, const int classes[], uint64_t guest, uint64_t id, unsigned more)
{
	const struct counted counted = { 4096 * guest * 17 + id * 512, 7777 * guest + id, 65536 * (guest + id) + 4096 };
	const struct event_context outer = step(many, guest, NULL);
	struct payload entry = { .len = 0 }, path = { .len = 0 }, stats = { .len = 0 }, ret = { .len = 0 };
	char name[10];

	snprintf(name, sizeof(name), "guest%lu", guest);
	put_string(&entry, 0x7f0000001000, name);
	put_string(&entry, 0x7f0000001100, "vda");
	enter(many->writer, classes[INFO], &outer, &entry);
	const struct event_context gather = step(many, guest, &outer);

	put_string(&path, 0x7f0000001100, "vda");
	enter(many->writer, classes[GATHER], &gather, &path);
	send(many, classes, guest, &gather, id, &counted, more);
	put_ret(&stats, 1);
	put(&stats, STATUS_OK, 1);
	put(&stats, counted.rd_bytes, 8);
	put(&stats, counted.wr_bytes, 8);
	put(&stats, counted.highest, 8);
	leave(many->writer, classes[GATHER], gather, many->now += 50000, &stats);
	/* the capacity is nowhere else */
	put_ret(&ret, 0);
	put(&ret, STATUS_OK, 1);
	put(&ret, 123456789 + guest, 8);
	put(&ret, counted.highest, 8);
	put(&ret, 1, 8);
	leave(many->writer, classes[INFO], outer, many->now += 50000, &ret);
}

static void make_qmp(const char *dir, uint64_t rounds, unsigned more)
{
	struct many many = { .writer = create(dir), .now = 1000000000 };
	const struct schema *ret = CAPTURE("$ret", "int", INT), *mon = CAPTURE("mon", "qemuMonitor *",
			S(.kind = SCHEMA_PTR, .ctype = "qemuMonitor *", .size = 8));
	const struct schema *end = S(.kind = SCHEMA_STRUCT, LIST(ret)), *path = CAPTURE("path", "const char *", STRING);
	const struct schema *stats = S(.kind = SCHEMA_STRUCT, .ctype = "qemuBlockStats", .size = 24,
				       LIST(U64("rd_bytes"), U64("wr_bytes"), U64("wr_highest_offset")));
	const struct schema *info = S(.kind = SCHEMA_STRUCT, .ctype = "virDomainBlockInfo", .size = 24,
				      LIST(U64("capacity"), U64("allocation"), U64("physical")));
	const int classes[QMP_PROBES] = {
		add(many.writer, "virDomainGetBlockInfo",
		    S(.kind = SCHEMA_STRUCT, LIST(CAPTURE("domain->name", "char *", STRING), path)),
		    S(.kind = SCHEMA_STRUCT, LIST(ret, CAPTURE("*info", "virDomainBlockInfo", info)))),
		add(many.writer, "qemuDomainBlocksStatsGather", S(.kind = SCHEMA_STRUCT, LIST(path)),
		    S(.kind = SCHEMA_STRUCT, LIST(ret, CAPTURE("**retstats", "qemuBlockStats", stats)))),
		add(many.writer, "qemuMonitorSend", S(.kind = SCHEMA_STRUCT, LIST(mon, CAPTURE("msg->txBuffer", "char *", STRING))), end),
		add(many.writer, "qemuMonitorJSONIOProcessLine", S(.kind = SCHEMA_STRUCT, LIST(mon, CAPTURE("line", "const char *", STRING))), end),
	};

	check(trace_commit(many.writer));
	put_frames(many.writer, "main");
	for (uint64_t id = 1; id <= rounds; id++)
		for (uint64_t guest = 1; guest <= GUESTS; guest++)
			ask(&many, classes, guest, id, more);
	check(trace_close(many.writer));
}

/* Hostile */

/* A function with an array of many elements. */
static int add_wide(struct trace_writer *writer)
{
	return add(writer, "wide", S(.kind = SCHEMA_STRUCT, LIST(CAPTURE("a", "char[]",
			S(.kind = SCHEMA_ARRAY, .ctype = "unsigned char[20000]", .size = WIDE, .count = WIDE * 10,
			  .stored = WIDE, .stride = 1,
			  .target = S(.kind = SCHEMA_INT, .ctype = "unsigned char", .size = 1))))),
		   S(.kind = SCHEMA_STRUCT, .ctype = ""));
}

/* Each in a thread of its own. */
static void enter_wide(struct trace_writer *writer, int class, unsigned n, uint64_t now)
{
	struct payload wide = { .len = 0 };

	put(&wide, STATUS_OK, 1);
	wide.len += WIDE;
	for (unsigned i = 0; i < n; i++)
		enter(writer, class, &(struct event_context){ .time_ns = now++, .tid = (int)i, .call = 10000 + i }, &wide);
}

static void make_open(const char *dir, unsigned n)
{
	struct trace_writer *writer = create(dir);
	int class = add_wide(writer);

	check(trace_commit(writer));
	enter_wide(writer, class, n, 1000000);
	check(trace_close(writer));
}

/* Structs in structs, deeper than anything shows. */
static const struct schema *nested_schema(unsigned levels)
{
	static struct schema nodes[64];
	static const struct schema *members[64];

	nodes[0] = (struct schema){ .kind = SCHEMA_INT, .name = MARKUP, .ctype = "int", .size = 4 };
	for (unsigned i = 1; i < levels; i++) {
		members[i] = &nodes[i - 1];
		nodes[i] = (struct schema){ .kind = SCHEMA_STRUCT, .name = "__proto__", .ctype = MARKUP,
					    .size = 4, .members = &members[i], .n_members = 1 };
	}
	return &nodes[levels - 1];
}

static void put_hostile(struct payload *p)
{
	put_string(p, UINT64_MAX, MARKUP ODD);
	put_string(p, 1, "{\"a\":[[[[[[[[\"" MARKUP "\"]]]]]]]],\"__proto__\":{\"x\":1}}");
	put(p, STATUS_OK, 1);
	put(p, UINT64_MAX, 8);
	put(p, STATUS_UNREADABLE, 1);
	put(p, UINT64_MAX, 8);
	put(p, STATUS_OK, 1);
	put(p, 7, 4);
}

static void make_hostile(const char *dir)
{
	struct trace_writer *writer = create(dir);
	const struct schema *captures = S(
		.kind = SCHEMA_STRUCT,
		LIST(CAPTURE(MARKUP, MARKUP, STRING), CAPTURE("constructor", ODD, STRING),
		     CAPTURE("toString", "unsigned long", U64(NULL)), CAPTURE("__proto__", "int", INT),
		     CAPTURE("nested", MARKUP, nested_schema(40))));
	int class = add(writer, MARKUP ODD, captures, captures);
	int many = add_wide(writer);
	struct payload values = { .len = 0 };
	uint64_t now = 1000000;

	check(trace_set_info(writer, "{\"version\":[[[[1]]]],\"target\":{\"comm\":\"" MARKUP
				     "\",\"pid\":{}},\"host\":[],\"command\":{\"x\":1},\"modules\":\"" MARKUP
				     "\",\"end\":\"" MARKUP "\",\"summary\":{\"hits\":\"a\"}}"));
	check(trace_commit(writer));
	put_frames(writer, MARKUP);
	check(trace_thread(writer, 1, -5, MARKUP));
	check(trace_lost(writer, 2, MARKUP, UINT64_MAX / 2, MARKUP));
	put_hostile(&values);
	/* 7 is within 8, which is within 7; and both are there twice. */
	for (int i = 0; i < 4; i++)
		enter(writer, class,
		      &(struct event_context){ .time_ns = now++, .tid = -5, .call = 7 + i % 2, .parent = 8 - i % 2 }, &values);
	/* Within itself; the largest number there is. */
	enter(writer, class, &(struct event_context){ .time_ns = now++, .tid = -5, .call = UINT64_MAX, .parent = UINT64_MAX }, &values);
	for (uint64_t i = 0; i < HOSTILE_DEPTH; i++)
		enter(writer, class, &(struct event_context){ .time_ns = now++, .tid = 6, .call = 100 + i, .parent = 99 + i, .depth = UINT16_MAX }, &values);
	enter_wide(writer, many, WIDE_CALLS, now);
	now += WIDE_CALLS;
	leave(writer, class, (struct event_context){ .tid = -5, .call = 7 }, now++, &values);
	check(trace_close(writer));
}

/* QMP messages that are hostile */

enum { NESTED = 30000 };

#define ESCAPED "\\u001b[31m\\u202e\\u0000\\ud800</script>"

/* Some are no JSON at all, or end early. */
static const char *const evil_requests[] = {
	"{\"execute\":\"" ESCAPED "\",\"id\":\"" ESCAPED "\"}",
	"{\"execute\":\"" MARKUP "\",\"id\":\"" MARKUP "\",\"arguments\":{\"" ESCAPED "\":\"" ESCAPED "\"}}",
	"{\"execute\":\"a\033[31mb\",\"id\":\"\033]0;x\007\"}",
	"{\"execute\":{\"execute\":[1]},\"id\":{\"id\":\"again\"}}",
	"{\"execute\":\"query-blockstats\",\"id\":\"again\"}",
	"{\"execute\":\"query-blockstats\",\"id\":\"again\"}",
	"{\"execute\":\"never-answered\",\"id\":\"x\"}",
	"{\"execute\":",
};

static const char *const evil_replies[] = {
	"{\"return\":{\"" ESCAPED "\":4242,\"a\\\"].b['c\":4242,\"\":4242,\"\033[1m\":4242},\"id\":\"" ESCAPED "\"}",
	"{\"return\":{\"answer\":4242,\"answer\":4242,\"__proto__\":{\"answer\":4242}},\"id\":\"" MARKUP "\"}",
	"{\"error\":{\"class\":\"" ESCAPED "\",\"desc\":\"\033[2J" ODD "\"},\"id\":\"\033]0;x\007\"}",
	"{\"return\":1e999,\"return\":-0,\"id\":\"again\"}",
	"{\"return\":[4242,4242e0,0x1092,99999999999999999999999999],\"id\":\"again\"}",
	"{\"return\":[4242],\"id\":\"again\"}",
	"{\"event\":\"" ESCAPED "\",\"data\":{\"\033[1m\":\"" MARKUP "\"},\"timestamp\":{\"seconds\":-1}}",
	"{\"return\":\"\xff\xfe\",\"id\"",
};

/* {"return":[[[...4242, up to where it may end. */
static const char *nested_reply(void)
{
	static char text[NESTED + 100];
	size_t len = (size_t)sprintf(text, "{\"id\":\"x\",\"return\":");

	memset(text + len, '[', NESTED);
	strcpy(text + len + NESTED, "4242");
	return text;
}

static void make_messages(const char *dir)
{
	struct trace_writer *writer = create(dir);
	const struct schema *text = CAPTURE("text", "const char *", STRING);
	int class = add(writer, "qemuMonitorSend", S(.kind = SCHEMA_STRUCT, LIST(text)),
			S(.kind = SCHEMA_STRUCT, LIST(CAPTURE("answer", "unsigned long", U64(NULL)))));
	int receive = add(writer, "qemuMonitorJSONIOProcessLine", S(.kind = SCHEMA_STRUCT, LIST(text)),
			  S(.kind = SCHEMA_STRUCT, LIST(CAPTURE("$ret", "int", INT))));
	struct payload answer = { .len = 0 };
	const size_t n = sizeof(evil_requests) / sizeof(*evil_requests);
	uint64_t now = 1000000, call = 1;

	check(trace_commit(writer));
	put(&answer, STATUS_OK, 1);
	put(&answer, 4242, 8);
	for (size_t i = 0; i <= n; i++, call += 2) {
		struct payload sent = { .len = 0 }, received = { .len = 0 }, ret = { .len = 0 };
		const struct event_context sender = { .tid = 1, .call = call, .time_ns = now++ };
		const struct event_context receiver = { .tid = 2, .call = call + 1, .time_ns = now++ };

		put_string(&sent, 1, evil_requests[i % n]);
		put_string(&received, 2, i < n ? evil_replies[i] : nested_reply());
		enter(writer, class, &sender, &sent);
		enter(writer, receive, &receiver, &received);
		put_ret(&ret, 0);
		leave(writer, receive, receiver, now++, &ret);
		leave(writer, class, sender, now++, &answer);
	}
	check(trace_close(writer));
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "many"))
		make_many(argv[3], strtoull(argv[2], NULL, 10));
	else if (argc == 3 && !strcmp(argv[1], "qmp"))
		make_qmp(argv[2], ROUNDS, 0);
	else if (argc == 4 && !strcmp(argv[1], "asking"))
		make_qmp(argv[3], (strtoull(argv[2], NULL, 10) + CALLS_A_ROUND - 1) / CALLS_A_ROUND, MORE_DISKS);
	else if (argc == 3 && !strcmp(argv[1], "hostile"))
		make_hostile(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "open"))
		make_open(argv[3], (unsigned)atoi(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "messages"))
		make_messages(argv[2]);
	else
		errx(2, "usage: traces many N DIR | qmp DIR | asking N DIR | hostile DIR | open N DIR | messages DIR");
	return 0;
}
