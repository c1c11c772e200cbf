/**
 * One recording: an engine, the trace it fills, and what both need to know about the target's modules.
 *
 * The session is the owner behind the engine's callbacks.  It turns calls into trace events, arms probes of libraries that
 * come later, and gives code addresses their names when there is time for it.  It does so in threads of its own; the functions
 * here are for the main thread.
 */
#ifndef RECORD_SESSION_H
#define RECORD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbols/module.h"
#include "tracer/probe/engine.h"
#include "tracer/record/request.h"
#include "tracer/record/resolve.h"

struct session;

struct session_options {
	pid_t pid;             /**< 0: start `command` */
	char *const *command;
	const char *output;    /**< trace directory */
	bool force;
	struct resolve_options resolve;
	struct module_options modules;
	unsigned stack_frames; /**< of requests that say nothing else */
	uint64_t duration_ns;  /**< 0: until stopped */
	uint64_t max_calls;    /**< 0: no limit */
	uint64_t max_pause_ns, max_rate; /**< the budget of each probe (engine.h); 0: none */
	bool unprotected;      /**< also a process that would not survive our being killed */
	size_t buffer;         /**< bytes of events that may wait to be written; 0: a good number */
	char *const *argv;     /**< how virtrace was called, for the trace */
};

/**
 * Everything before the first thread is stopped: modules, debug info (downloads included), functions, plans, the trace
 * directory.  Options and requests are borrowed until session_free().
 * -ENODATA: no function of any request was found.
 */
int session_new(const struct session_options *options, const struct request_list *requests, struct session **ret);

/** Attach or start, and arm.  From here on session_finish() must be called. */
int session_start(struct session *session);

/** Let it record for at most `ns`, then print what there is to say; false when it is over, soon after session_stop(). */
bool session_run(struct session *session, uint64_t ns);
/** May be called from a signal handler. */
void session_stop(struct session *session);

/** Detach, complete the trace.  0, or the first error; the target is free in any case. */
int session_finish(struct session *session);
void session_free(struct session *session);

/** What there is to tell; valid at any time. */
struct session_report {
	pid_t pid;
	const char *comm, *path;
	size_t n_probes, n_pending;
	uint64_t elapsed_ns, calls, lost, bytes;
	struct engine_stats engine;
	enum target_end end;
	int end_status;
	bool cannot_write;  /**< the trace was cut short by its disk */
	const char *reason; /**< why it ended, for people: "interrupted", "killed by SIGTERM" … */
};
void session_get_report(struct session *session, struct session_report *ret);

/** One line a probe for the summary, after session_finish(); false after the last. */
struct session_probe {
	const char *function, *module;
	uint64_t calls; /**< in the trace */
	uint64_t lost;  /**< calls, and returns of calls in the trace */
	uint64_t longest_stop_ns, stopped_ns;
	const char *disarmed; /**< why it was over its budget; NULL: it was not */
};
bool session_get_probe(const struct session *session, size_t i, struct session_probe *ret);

#endif
