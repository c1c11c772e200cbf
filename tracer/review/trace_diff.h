/**
 * Comparing two traces call by call.
 *
 * The n-th call of a function (with a key, by.h) in one trace is paired with the n-th in the other,
 * whatever happened in between; what the calls made is compared with them (call_diff.h).  Both are
 * read side by side: a call waits for the other one of its pair, up to TRACE_DIFF_WAITING bytes of
 * each trace; those that come then are not compared.
 */
#ifndef REVIEW_TRACE_DIFF_H
#define REVIEW_TRACE_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct by;
struct calls;
struct selection;
struct trace_diff;
struct trace_probe;

enum {
	TRACE_DIFF_WAITING = 64 << 20,
	TRACE_DIFF_VALUES = 1000, /**< places that differ, told apart */
};

/** One of the two traces; all borrowed.  `by`: a key for what is paired. */
struct trace_diff_source {
	struct calls *calls;
	const struct selection *selection;
	struct by *by;
};

/** What all calls of a function add up to, in each trace. */
struct function_diff {
	const char *function;
	uint64_t calls[2], ended[2], total_ns[2];
};

/** A place where calls of a function differ. */
struct value_diff_sum {
	const char *function, *path;
	bool is_entry;
	uint64_t pairs;        /**< that differ here */
	uint64_t id[2];        /**< the first of them */
	const char *text[2];   /**< and its values there, harmless; NULL: not there */
};

/** A call that has no counterpart, or a pair that differs: the first one. */
struct first_diff {
	uint64_t n; /**< how many such there are; 0: none */
	uint64_t id[2];
	const char *function, *key; /**< the key is NULL or as text */
};

struct trace_diff_result {
	const struct function_diff *functions; /**< in the order of their first calls */
	size_t n_functions;
	const struct value_diff_sum *values; /**< in the order they were found */
	size_t n_values;
	uint64_t more_values; /**< differences at more places than are told apart */
	uint64_t pairs, uncompared;
	struct first_diff differing, only[2];
};

struct trace_diff *trace_diff_new(const struct trace_diff_source sources[2], bool utf8);
/** Before calls_free() of the two. */
void trace_diff_free(struct trace_diff *diff);

/**
 * Read both to their ends. 0, or a negative errno with a message: then the result is of what could be
 * read.
 */
int trace_diff_run(struct trace_diff *diff);
/** Valid until trace_diff_free(). */
const struct trace_diff_result *trace_diff_result(const struct trace_diff *diff);

#endif
