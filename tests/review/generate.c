/*
 * generate DIR [CALLS [VERSION [SEED [WITHIN]]]]: a trace as a libvirtd's block-info calls would give, made without one: for
 * sizes that recording would take long for, and for times that are always the same.
 *
 * virDomainGetBlockInfo(disk) calls qemuDomainGetBlockInfo(path), which calls qemuDomainBlocksStatsGather(path) but
 * for a disk that is not there. VERSION 1 to 3: qemuBlockStats as three versions of libvirt might have it; 4: all
 * names and texts are hostile to terminals. The same
 * arguments give the same trace, but for its identifier. WITHIN: all calls are made by one, in one thread.
 */
#include "symbols/schema.h"
#include "tracer/base/err.h"
#include "tracer/trace/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S(...) (&(const struct schema){ __VA_ARGS__ })
#define LIST(...)                                                                                  \
	.members = (const struct schema *[]){ __VA_ARGS__ },                                       \
	.n_members = sizeof((const struct schema *[]){ __VA_ARGS__ }) / sizeof(struct schema *)
#define U64(NAME)                                                                                  \
	S(.kind = SCHEMA_INT, .name = (NAME), .size = 8, .ctype = "unsigned long long")
#define I64(NAME)                                                                                  \
	S(.kind = SCHEMA_INT, .name = (NAME), .size = 8, .is_signed = true, .ctype = "long long")
#define I32(NAME) S(.kind = SCHEMA_INT, .name = (NAME), .size = 4, .is_signed = true, .ctype = "int")
#define TEXT(NAME) S(.kind = SCHEMA_STRING, .name = (NAME), .size = 8, .ctype = "const char *")
#define CAPTURE(NAME, TARGET) S(.kind = SCHEMA_CAPTURE, .name = (NAME), .target = (TARGET))
#define SIDE(...) S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(__VA_ARGS__))

enum { OUTER, MIDDLE, INNER, N_PROBES, N_THREADS = 5, N_DISKS = 3, FIRST_TID = 2131 };

/* Of one disk, as QEMU would count it. */
struct disk {
	const char *name;
	uint64_t rd_req, rd_bytes, wr_req, wr_bytes, highest;
};

static struct disk disks[N_DISKS] = { { .name = "vda", .highest = 7623480832 }, { .name = "vdb" }, { .name = "hdz" } };
static struct trace_writer *writer;
static int classes[N_PROBES];
static unsigned version = 1;
static uint64_t now = 1000000000, next_call = 1, random_state = 1;
static uint64_t around; /* the call that makes all others; 0: none */
static uint8_t buffer[4096];
static size_t used;

static void check(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "generate: %s\n", err_text());
	exit(1);
}

/* Knuth's MMIX generator. */
static uint64_t random_below(uint64_t limit)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407;
	return (random_state >> 33) % limit;
}

static void put(const void *data, size_t len)
{
	memcpy(buffer + used, data, len);
	used += len;
}

static void put_int(uint64_t value, size_t size)
{
	put(&value, size);
}

static void put_text(const char *text)
{
	put_int(STATUS_OK, 1);
	put_int(0x7f0000001000 + (uint64_t)*text, 8);
	put_int(STATUS_OK, 1);
	put_int(strlen(text), 4);
	put(text, strlen(text));
}

static void put_number(uint64_t value, size_t size)
{
	put_int(STATUS_OK, 1);
	put_int(value, size);
}

#define STATS(SIZE, ...) S(.kind = SCHEMA_STRUCT, .size = (SIZE), .ctype = "qemuBlockStats", LIST(__VA_ARGS__))

static const struct schema *const stats_schemas[] = {
	STATS(56, I64("rd_req"), I64("rd_bytes"), I64("wr_req"), I64("wr_bytes"), U64("capacity"), U64("physical"),
	      U64("wr_highest_offset")),
	STATS(64, U64("rd_req"), U64("rd_bytes"), U64("wr_req"), U64("wr_bytes"), U64("capacity"), U64("physical"),
	      U64("wr_highest_offset"), U64("write_threshold")),
	/* the same in another order */
	STATS(64, U64("capacity"), U64("physical"), U64("wr_highest_offset"), U64("write_threshold"), U64("rd_req"),
	      U64("rd_bytes"), U64("wr_req"), U64("wr_bytes")),
	S(.kind = SCHEMA_STRUCT, .size = 64, .ctype = "evil\033[31m\n\rtype",
	  LIST(U64("capacity"), U64("a\033]0;title\007"), U64("b\nc"), U64("\xe2\x80\xae"), U64("rd_req"), U64("rd_bytes"),
	       U64("wr_req"), U64("\x9b" "31m"))),
};

#define IS_HOSTILE (version == 4)

static void put_stats(const struct disk *disk)
{
	const uint64_t counters[] = { disk->rd_req, disk->rd_bytes, disk->wr_req, disk->wr_bytes };
	const uint64_t sizes[] = { 21474836480, 7623480832, disk->highest };

	put_int(STATUS_OK, 1);
	if (version < 3)
		put(counters, sizeof(counters));
	put(sizes, sizeof(sizes));
	if (version > 1)
		put_int(0, 8);
	if (version > 2)
		put(counters, sizeof(counters));
}

static void add_probe(int which, const char *function, const char *module, const char *source,
		      const struct schema *entry, const struct schema *ret)
{
	classes[which] = trace_add_probe(writer, &(struct trace_probe_desc){ .function = function,
									     .module = module,
									     .source = source,
									     .entry = entry,
									     .ret = ret });
	check(classes[which]);
}

static void add_probes(void)
{
	const struct schema *info = S(.kind = SCHEMA_STRUCT, .size = 24, .ctype = "virDomainBlockInfo",
				      LIST(U64("capacity"), U64("allocation"), U64("physical")));

	add_probe(OUTER, IS_HOSTILE ? "vir\033[2J\nDomain" : "virDomainGetBlockInfo",
		  IS_HOSTILE ? "/usr/lib/\033[31mlib\n" : "/usr/lib/libvirt.so.0",
		  IS_HOSTILE ? "\033[1m.c:1\n" : "libvirt-domain.c:6100",
		  SIDE(CAPTURE("disk", TEXT(NULL)), CAPTURE("flags", I32(NULL))),
		  SIDE(CAPTURE("$ret", I32(NULL)), CAPTURE("*info", info)));
	add_probe(MIDDLE, "qemuDomainGetBlockInfo", "/usr/lib/libvirt_driver_qemu.so", "qemu_driver.c:10600",
		  SIDE(CAPTURE("path", TEXT(NULL))), SIDE(CAPTURE("$ret", I32(NULL))));
	add_probe(INNER, "qemuDomainBlocksStatsGather", "/usr/lib/libvirt_driver_qemu.so", "qemu_driver.c:9300",
		  SIDE(CAPTURE("path", TEXT(NULL))),
		  SIDE(CAPTURE("$ret", I32(NULL)), CAPTURE("**retstats", stats_schemas[version - 1])));
	check(trace_commit(writer));
}

static struct event_context context_of(uint64_t call, uint64_t parent, unsigned depth)
{
	return (struct event_context){ .time_ns = now,
				       .tid = around ? FIRST_TID : FIRST_TID + (int)(call / 3 % N_THREADS),
				       .call = call,
				       .parent = parent ? parent : around,
				       .depth = (uint16_t)(around ? depth + 1 : depth) };
}

static void enter(int which, struct event_context *context)
{
	context->time_ns = now += 1000 + random_below(50000);
	check(trace_entry(writer, classes[which], context, buffer, used, NULL, 0, 0));
	used = 0;
}

static void leave(int which, struct event_context *context)
{
	context->time_ns = now += 1000 + random_below(2000000);
	check(trace_return(writer, classes[which] + 1, context, 0, buffer, used));
	used = 0;
}

static void run_disk(struct disk *disk)
{
	disk->rd_req += random_below(7);
	disk->rd_bytes += 4096 * random_below(7);
	disk->wr_req += disk->highest ? random_below(9) : 0;
	disk->wr_bytes += disk->highest ? 4096 * random_below(9) : 0;
}

static void gather(struct disk *disk, uint64_t parent)
{
	struct event_context context = context_of(parent, parent, 2);

	context.call = next_call++;
	put_text(disk->name);
	enter(INNER, &context);
	put_number(0, 4);
	put_stats(disk);
	leave(INNER, &context);
}

/* Three calls, or two of a disk that is not there. */
static void get_block_info(struct disk *disk)
{
	bool found = disk->name[0] == 'v';
	struct event_context outer = context_of(next_call, 0, 0), middle;

	next_call++;
	put_text(disk->name);
	put_number(0, 4);
	enter(OUTER, &outer);
	middle = context_of(outer.call, outer.call, 1);
	middle.call = next_call++;
	put_text(disk->name);
	enter(MIDDLE, &middle);
	if (found)
		gather(disk, middle.call);
	put_number(found ? 0 : (uint64_t)-1, 4);
	leave(MIDDLE, &middle);
	put_number(found ? 0 : (uint64_t)-1, 4);
	put_int(found ? STATUS_OK : STATUS_NULL, 1);
	if (found)
		put(((const uint64_t[]){ 21474836480, disk->highest ? disk->highest : 0, 7623480832 }), 24);
	leave(OUTER, &outer);
}

int main(int argc, char **argv)
{
	uint64_t calls = argc > 2 ? strtoull(argv[2], NULL, 10) : 300;

	if (argc < 2)
		return 2;
	version = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	random_state = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
	check(trace_create(argv[1], false,
			   "{\"version\": \"0.1.0\", \"command\": [\"virtrace\", \"record\", \"-o\", \"blk.trace\"],"
			   " \"target\": {\"pid\": 2114, \"comm\": \"libvirtd\", \"exe\": \"/usr/sbin/libvirtd\","
			   " \"threads\": 22}, \"host\": {\"name\": \"kvm7\", \"kernel\": \"6.1.0\"},"
			   " \"start_ns\": 1795424042000000000, \"end_ns\": 1795424085200000000, \"end\": \"interrupted\"}\n",
			   &writer));
	add_probes();
	for (int i = 0; i < N_THREADS; i++)
		check(trace_thread(writer, now, FIRST_TID + i, IS_HOSTILE ? "\033[7m\n" : "rpc-libvirtd"));
	struct event_context outermost = { .tid = FIRST_TID, .call = next_call };

	if (argc > 5) {
		put_text("all");
		enter(MIDDLE, &outermost);
		around = next_call++;
	}
	for (uint64_t i = 0; next_call + 3 <= calls + 1; i++) {
		struct disk *disk = &disks[i % 97 == 50 ? 2 : i % 2];

		if (IS_HOSTILE)
			disk->name = i % 2 ? "vd\033[5mb" : "vd\n\007a";
		run_disk(disk);
		get_block_info(disk);
	}
	if (around) {
		put_number(0, 4);
		leave(MIDDLE, &outermost);
	}
	check(trace_close(writer));
	return 0;
}
