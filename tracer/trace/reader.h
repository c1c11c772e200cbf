/**
 * Reading a trace: libbabeltrace2 decodes the CTF stream, schema.json gives the fields their C
 * meaning.
 *
 * A trace is untrusted input: every count and index is checked against what was decoded, and damage
 * is an error that says what is damaged, never a crash.
 */
#ifndef TRACE_READER_H
#define TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct json_object;
struct reader;
struct schema;
struct value_node;

/** A traced function of this trace. */
struct trace_probe {
	const char *function, *module, *source, *prototype; /**< the last two may be NULL */
	const struct schema *entry, *ret;
	unsigned index;
	bool deferred;
};

enum trace_event_kind {
	TRACE_ENTRY,
	TRACE_RETURN,
	TRACE_CLOSED,
	TRACE_THREAD,
	TRACE_FRAME,
	TRACE_LOST,
};

/** One event; everything it points at is valid until the next reader_next(), but for `probe`. */
struct trace_event {
	enum trace_event_kind kind;
	/** CLOCK_MONOTONIC of the traced host; deferred entries: when it was entered */
	uint64_t time_ns;
	pid_t tid;
	uint64_t call, parent;
	unsigned depth;
	bool is_guess; /**< parent and depth are likely, not proved */
	const struct trace_probe *probe; /**< ENTRY, RETURN */
	const struct value_node *values; /**< ENTRY, RETURN: a STRUCT of captures */
	const uint64_t *stack;           /**< ENTRY: code addresses */
	size_t n_stack;
	const char *return_source; /**< RETURN: "file.c:12", or NULL */
	int closed;                /**< CLOSED: enum call_closed */
	const char *text;          /**< THREAD: its name; LOST: the reason; FRAME: the function */
	/** FRAME; source may be NULL.  LOST: module is the probe's name */
	const char *module, *source;
	uint64_t addr, count;      /**< FRAME; LOST */
	unsigned index;            /**< FRAME: 0 is the innermost inlined function */
	bool inlined;
};

/**
 * Open a trace: a directory, or a packed one.  -ENOENT, -EBADMSG (not a trace, or damaged: the message says what), …
 */
int reader_open(const char *path, struct reader **ret);
/**
 * 1 and an event, 0 at the end, negative on damage.  What was written before the damage is
 * delivered first.
 */
int reader_next(struct reader *reader, struct trace_event *ret);
void reader_close(struct reader *reader);

/**
 * After reader_next() gave 0 or an error: look whether the trace has grown. 1: reader_next() goes on
 * with the events that came since; 0: there are none (yet); negative: it cannot be read any more.
 * Probes stay, new ones are behind them; what reader_info() gave is gone.  `*is_finished_ret`: the
 * recording has ended, or nobody is there any more that could go on with it, so nothing comes after what this call finds.
 */
int reader_grow(struct reader *reader, bool *is_finished_ret);

/** Contents of info.json, parsed (json-c object, borrowed). */
struct json_object *reader_info(const struct reader *reader);
size_t reader_probes(const struct reader *reader, const struct trace_probe *const **ret);
/** Whether some probe's entries come when its calls return. */
bool reader_has_deferred(const struct reader *reader);
/** Wall clock of a time in the trace, in ns since 1970. */
uint64_t reader_wall_ns(const struct reader *reader, uint64_t time_ns);

/** How much of the trace was read, of 100. */
unsigned reader_percent(const struct reader *reader);

/** A line about what is wrong with the trace and was left out, or NULL. */
const char *reader_note(const struct reader *reader);

#endif
