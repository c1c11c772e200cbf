/**
 * Calls of a trace: its entries and returns joined, as trees.
 *
 * The calls are delivered tree by tree, in the order in which they were entered, each tree when its
 * outermost call has ended; calls that never end come last.  No more is held than the trees that
 * are not complete, and a bounded amount of complete ones that wait for an earlier one to end.
 *
 * A call may make more calls than fit in memory, as a daemon's main loop does.  Then those that have
 * ended are delivered before it, as parts: trees of their own, whose `up` is the call that made them.
 */
#ifndef REVIEW_CALLS_H
#define REVIEW_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct calls;
struct code_map;
struct qmp_exchange;
struct reader;
struct trace_event;
struct trace_probe;
struct value_node;

enum call_outcome {
	OUTCOME_OPEN, /**< it had not ended when the trace did */
	OUTCOME_RETURNED,
	OUTCOME_UNWOUND, /**< left without a return: longjmp, exception */
	OUTCOME_EXITED,  /**< its thread ended first */
	OUTCOME_LOST,    /**< it returned, but what was recorded then is lost */
};

struct call {
	uint64_t id;
	uint64_t parent; /**< its number; 0 if there is none, or none in the trace */
	unsigned depth;  /**< as recorded: also parents that are not in the trace count */
	bool is_guess;   /**< parent and depth are likely, not proved: its stack shares memory with others */
	pid_t tid;
	const char *thread; /**< its name then; NULL if unknown */
	const struct trace_probe *probe;
	uint64_t entered_ns, ended_ns; /**< `ended_ns` is of no meaning if it is open */
	enum call_outcome outcome;
	const char *return_source; /**< "file.c:12"; may be NULL */
	/** STRUCTs of captures; `ret` is NULL if it did not return. */
	const struct value_node *entry, *ret;
	const uint64_t *stack;
	size_t n_stack;
	const struct qmp_exchange *qmp; /**< it sent the request, or received what is in it (qmp.h); NULL: neither */

	struct call *up, *first, *last; /**< caller; calls made, in order */
	struct call *prev, *next;       /**< made by the same caller */
	/** What it made that was delivered before it as parts: how many trees, and how long they took. */
	uint64_t parts, parts_ns;
	bool is_part; /**< it is the outermost call of such a tree */
	bool is_split; /**< something that was made within it was delivered before it */
	unsigned n_opened; /**< of a part: so many of the calls around it, innermost first, were not split before */
};

const char *call_outcome_name(enum call_outcome outcome);
/** Nanoseconds it took; 0 if it is open. */
uint64_t call_duration(const struct call *call);
/**
 * What was captured under this name at entry or return (`values`: the call's `entry` or `ret`);
 * NULL if nothing.
 */
const struct value_node *call_capture(const struct value_node *values, const char *name);
/** Name of capture `i`. */
const char *call_capture_name(const struct value_node *values, size_t i);

/** What call_walk() tells about each call of a tree. */
struct call_visitor {
	/** False: leave out the calls it made, and leave(). */
	bool (*enter)(void *ctx, const struct call *call);
	/** After the calls it made; may be NULL. */
	void (*leave)(void *ctx, const struct call *call);
};

/**
 * Visit a tree in the order of time.  It does not recurse: the depth is the traced program's
 * choice.
 */
void call_walk(const struct call *root, const struct call_visitor *visitor, void *ctx);

/** What is known about the whole once calls_next() has returned 0. */
struct calls_summary {
	uint64_t calls, open, unwound, exited, lost_returns;
	uint64_t orphans;           /**< ends of calls whose entry is not in the trace */
	uint64_t guesses;           /**< calls of which is_guess */
	uint64_t lost;              /**< calls that are not in the trace, and returns of calls that are */
	uint64_t first_ns, last_ns; /**< times of the first and the last event */
};

struct lost_note {
	const char *probe, *reason;
	uint64_t count;
};

/** Where events come from: 1 and an event, 0 at the end, negative on damage. */
typedef int calls_source_fn(void *ctx, struct trace_event *ret);

/** `deferred`: entries may come after those of the calls made meanwhile.  NULL without memory. */
struct calls *calls_new(calls_source_fn *source, void *ctx, bool deferred);
/** Of a trace that is open and not yet read; `reader` must live longer. */
struct calls *calls_of_reader(struct reader *reader);
void calls_free(struct calls *calls);
/** From now on trees come as soon as they are complete, not in the order of their entry. */
void calls_set_eager(struct calls *calls);

/**
 * 1 and the next tree, valid until the next call; 0 at the end; negative on damage, after all that
 * was before it.
 */
int calls_next(struct calls *calls, const struct call **ret);

/**
 * Keep the tree that calls_next() gave last beyond the next one: until calls_drop(), which must come
 * before calls_free(). How many bytes it takes.
 */
size_t calls_keep(struct calls *calls);
void calls_drop(struct calls *calls, const struct call *root);

const struct calls_summary *calls_summary(const struct calls *calls);
size_t calls_lost(const struct calls *calls, const struct lost_note **ret);
const struct code_map *calls_code(const struct calls *calls);

#endif
