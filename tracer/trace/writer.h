/**
 * Writing a trace: a CTF 1.8 directory (https://diamon.org/ctf/), readable at any moment, also after kill -9.
 *
 *	DIR/metadata                 TSDL, replaced as a whole (temporary file, rename) when event classes are added
 *	DIR/stream_000000 ...        one data stream; a file for each packet, preallocated and completed in place
 *	DIR/.virtrace/schema.json    what CTF 1.8 cannot say: C types, kinds, source places
 *	DIR/.virtrace/info.json      target, host, build-ids, probes, options; why it ended
 *
 * info.json, all keys optional to a reader:
 *
 *	{ "version": "0.1.0", "command": ["virtrace", "record", …],
 *	  "target": { "pid", "comm", "exe", "threads" }, "host": { "name", "kernel" },
 *	  "start_ns": wall clock, "end_ns": absent while recording,
 *	  "end": "interrupted" | "duration" | "calls" | "exited 0" | "killed by SIGTERM" | "executed PATH" | "error: …" |
 *	         "virtrace was killed",
 *	  "modules": [ { "path", "build_id", "debug": "dwarf" | "symbols" | "none", "deleted": true } ],   (of the probes)
 *	  "limits": { "string", "array", "struct", "depth" },
 *	  "disarmed": [ { "function", "reason" } ],   (probes over their budget, or of code that was changed)
 *	  "redacted": ["strings" or an expression, …],   (of a copy: what is not in it any more)
 *	  "summary": { "calls", "hits", "lost", "stopped_ns", "longest_stop_ns" } }
 *
 * Each event belongs to a class made from a schema.  Times are CLOCK_MONOTONIC nanoseconds and never go back in the
 * stream: an earlier time is raised to the last one written.
 */
#ifndef TRACE_WRITER_H
#define TRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct schema;
struct trace_writer;

/** Classes that every trace has, in this order, before the probes' own. */
enum trace_class {
	CLASS_THREAD, /**< {comm}: name of thread `tid` from now on */
	/** {addr, index, inlined, function, module, source}: meaning of a code address */
	CLASS_FRAME,
	CLASS_CLOSED, /**< {end}: call `call` ended without a return; enum call_closed */
	CLASS_LOST,   /**< {probe, count, reason}: events that are not in the trace */
	CLASS_BUILTIN_COUNT,
};

enum call_closed {
	CLOSED_UNWOUND,
	CLOSED_OPEN,
	CLOSED_EXITED,
	CLOSED_LOST, /**< it did return; what was to be recorded then is lost */
};

/** What an event belongs to. */
struct event_context {
	uint64_t time_ns;
	pid_t tid;
	uint64_t call;   /**< 0 for events that are of no call */
	uint64_t parent; /**< calls: enclosing call, 0 if none */
	unsigned depth;  /**< up to DEPTH_MAX_TOLD */
	bool is_guess;   /**< parent and depth are likely, not proved */
};

/** In the trace: one number for both. */
enum { DEPTH_MAX_TOLD = 0x7fff, DEPTH_IS_GUESS = 0x8000 };

/** A probe's two classes. */
struct trace_probe_desc {
	const char *function, *module, *source; /**< source: "file.c:12", or NULL */
	const char *prototype;                  /**< or NULL */
	/** STRUCTs; see below for what is put around them */
	const struct schema *entry, *ret;
	/** Source places of the return sites, at most 65535 */
	const char *const *return_sites;
	size_t n_return_sites;
	bool has_stack; /**< entry events end with a backtrace */
	/** Entry events carry their own time: they are written when the call returns */
	bool deferred;
};

/**
 * Make `dir` (mode 0700).  -EEXIST if it is there, unless `force` and it is a trace or an empty
 * directory. `info`: JSON text for info.json, replaced by trace_set_info().
 */
int trace_create(const char *dir, bool force, const char *info, struct trace_writer **ret);
/** The same for a copy of a trace: with its identifier, and nanoseconds from 1970 to its clock's zero. */
int trace_create_as(const char *dir, const uint8_t uuid[16], int64_t offset_ns, const char *info,
		    struct trace_writer **ret);

/** Which event it is: no two of a call have the same class.  Of events that are of no call, `call` is 0. */
struct event_name {
	uint16_t class;
	uint64_t call;
};

/**
 * Go on with the trace in `dirfd`, whose writer was killed, where that had got to; no probes can be added.  `last`: the newest event;
 * zeros if the newest packet has none yet, as its first was just being written.  `dirfd` is the writer's from now on, also on failure: -EBADMSG if it holds no such trace.
 */
int trace_resume(int dirfd, struct event_name *last, struct trace_writer **ret);

/**
 * Add a probe's event classes.  The class `NAME` has the entry payload (then `stack`, if has_stack;
 * `entered`, if deferred), the class `NAME:return` starts with `return_site` (an enum whose labels
 * are the places).  Returns the entry class' id; the return class is the next one.  Nothing is on
 * disk before trace_commit().
 */
int trace_add_probe(struct trace_writer *writer, const struct trace_probe_desc *desc);
/** The id that the entry class of the `n`th probe (from 0) has. */
static inline int trace_probe_class(size_t n)
{
	return CLASS_BUILTIN_COUNT + 2 * (int)n;
}
/** Write metadata and schema.json; must come before the first event of a new class. */
int trace_commit(struct trace_writer *writer);

/** Whether events of this class may be appended. */
bool trace_knows(const struct trace_writer *writer, int class);

/**
 * Append events.  The bytes are in the kernel's hands when this returns.  -ENOSPC (and the like)
 * once the disk is full: the trace stays readable, and trace_lost() can mostly tell still what is missing. `entered_ns` is used
 * for deferred probes only.
 */
int trace_entry(struct trace_writer *writer, int class, const struct event_context *context,
		const void *payload, size_t len, const uint64_t *stack, size_t n_stack,
		uint64_t entered_ns);
int trace_return(struct trace_writer *writer, int class, const struct event_context *context,
		 unsigned return_site, const void *payload, size_t len);
int trace_closed(struct trace_writer *writer, const struct event_context *context,
		 enum call_closed end);
int trace_thread(struct trace_writer *writer, uint64_t time_ns, pid_t tid, const char *comm);
int trace_frame(struct trace_writer *writer, uint64_t time_ns, uint64_t addr, unsigned index,
		bool inlined, const char *function, const char *module, const char *source);
/** `count` calls or returns are not in the trace: those that could not be appended are for the caller to count, too. */
int trace_lost(struct trace_writer *writer, uint64_t time_ns, const char *probe, uint64_t count,
	       const char *reason);

int trace_set_info(struct trace_writer *writer, const char *info);
const char *trace_path(const struct trace_writer *writer);
int trace_directory(const struct trace_writer *writer); /**< an open file, borrowed */
uint64_t trace_bytes(const struct trace_writer *writer);  /**< of events so far */
uint64_t trace_lost_count(const struct trace_writer *writer);

/**
 * Cut the last packet to its size, write all to disk.  Frees the writer also on error; NULL is
 * allowed.
 */
int trace_close(struct trace_writer *writer);

/** Remove a trace that holds nothing.  Frees the writer also on error; NULL is allowed. */
int trace_abandon(struct trace_writer *writer);

#endif
