/**
 * From what the user asked for to functions of a process and the plans for them.
 */
#ifndef RECORD_RESOLVE_H
#define RECORD_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/plan.h"

struct decoder_set;
struct function;
struct mapped_file;
struct module_set;
struct probe_code;
struct request;

/** One function that a request asked for. */
struct binding {
	const struct request *request;
	struct function *function;
	const struct plan *plan;
	struct probe_code *code; /**< NULL: the one who binds reads it (arming.c) */
	bool is_double;   /**< another one is for the same code: resolve_mark_doubles() */
	bool nested_only; /**< the common filter means nothing in it: record it only inside calls that passed it */
};

struct binding_list {
	struct binding *items;
	size_t n, cap;
};

struct resolve_options {
	struct limits limits;
	struct decoder_set *decoders; /**< NULL: none */
	const char *filter; /**< --if: for every function in which its names mean something; NULL: none */
};

/** Files of a module set. */
struct file_range {
	size_t first, end;
};
static const struct file_range all_files = { 0, SIZE_MAX };

/**
 * Bind one request in some files of `set`: appends to `list` and returns how many functions were added.
 *
 * 0 if there is no such function, among all files with err_text() set (near matches and what to do about missing debug info are
 * named); -EINVAL for bad expressions; -EMLINK if a plain name means several functions (they are listed).
 */
int resolve_request(struct module_set *set, struct file_range range, const struct request *request,
		    const struct resolve_options *options, struct binding_list *list);

/**
 * A function that several requests mean is recorded once, or it would be its own callee: of those from the `first` on, one each is left
 * that is no double.  A function's name goes before a preset's, that before a pattern's, and then what came first; two names
 * are warned of.  -ENOMEM.
 */
int resolve_mark_doubles(struct binding_list *list, size_t first);

/** Whether a request could still be met by a module that is not loaded now: it names one that is not mapped. */
bool resolve_may_come(struct module_set *set, const struct request *request);

/** After all requests: -EINVAL if `filter` meant nothing in any function, with the reason for the last one. */
int resolve_check_filter(const struct binding_list *list, const struct resolve_options *options);

#endif
