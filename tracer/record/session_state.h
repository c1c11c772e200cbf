/**
 * The insides of a session, for the files that make it up; session.c tells which thread does what.
 */
#ifndef RECORD_SESSION_STATE_H
#define RECORD_SESSION_STATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tracer/base/array.h"
#include "tracer/record/feed.h"
#include "tracer/record/session.h"

struct ring;
struct session;
struct symbolizer;
struct trace_writer;
struct unwinder;

enum { STACK_FRAMES_MAX = 1024 }; /* of a backtrace */

/** A probe of ours: a binding that is armed, and its place in the trace. */
struct recorded {
	struct session *session;
	struct binding binding;
	struct probe *probe;
	unsigned stack_frames; /**< of a backtrace; 0: none wanted */
	const char *_Atomic let_go; /**< why it is disarmed for good; or NULL */
	_Atomic unsigned times_off; /**< how often it was over its budget, and disarmed for a while */
	_Atomic uint64_t off_since_ns, off_ns; /**< disarmed since then, 0: it is armed; and for how long before */
	_Atomic uint64_t held_ns; /**< the longest of the hits for which it was; 0: there were too many */
	char disarmed[160]; /**< the main thread's: all this in words */
	_Atomic uint64_t lost[LOSS_COUNT];
	int class; /**< of its entries, in the trace (trace_probe_class()) */
	/* the writer's */
	bool is_described; /**< the trace knows it */
	uint64_t calls; /**< entries in the trace */
	uint64_t told[LOSS_COUNT]; /**< of `lost`, in the trace */
};

/** Functions of new libraries, and whose the bindings are: searching.c. */
enum search_state {
	SEARCH_IDLE,   /**< the tracer thread's */
	SEARCH_WANTED, /**< the symbols thread's: it adds what is in files that were not searched yet */
	SEARCH_FOUND,  /**< the tracer thread's: he adds their probes */
};

/** How a thread of ours failed, for another to tell. */
struct failure {
	int code; /**< a negative errno; 0: it did not */
	char *text;
};

struct session {
	struct session_options options;
	const struct request_list *requests;
	pid_t pid;
	char comm[32];
	uint64_t start_ns, start_wall_ns, end_ns; /**< read after `started`, `ended` */
	size_t n_pending;
	_Atomic bool is_recording; /**< it was started without failure */
	char reason[128];

	/*
	 * libdw and what is made with it.  While all threads run whoever uses it holds the lock.  Searching a new library may take
	 * long: who need not use it now does something else meanwhile, and the tracer thread never does.
	 */
	pthread_mutex_t symbols_lock;
	struct module_set *modules;
	struct binding_list bindings;

	pthread_mutex_t probes_lock; /**< held for as long as it takes to read or add one */
	ARRAY(struct recorded *) probes; /**< only grows; by the tracer thread */
	_Atomic size_t n_probes;         /**< of `probes` */

	int feed_file; /**< of ring_file(): the feed's memory, which the guardian has too */
	struct feed *feed;
	sem_t news; /**< posted for the main thread when one of these changes */
	_Atomic bool opened, started, ended; /**< the tracer thread has got so far */
	_Atomic bool written; /**< the writer thread has done its work */
	_Atomic bool stop, interrupted, limit_reached;
	_Atomic size_t n_disarmed;
	size_t told_disarmed; /**< of them, in info.json */
	_Atomic size_t n_described; /**< of the probes: those the trace knows, or never will */
	_Atomic uint64_t calls, bytes; /**< in the trace */

	/* the tracer thread's */
	pthread_t tracer;
	bool tracer_runs;
	struct ring *tracer_messages;
	sem_t loaded; /**< for it: modules and bindings of a started command are there, or load_failed */
	bool load_failed;
	_Atomic(struct engine *) engine;
	struct failure tracer_failure; /**< read after `started`, `ended` */
	enum target_end end;
	int end_status;
	bool told_loss[LOSS_COUNT];
	bool modules_are_late; /**< code of the libraries that are looked at may have run already */
	pthread_mutex_t stats_lock; /**< which it only tries to take */
	struct engine_stats stats;

	/* the symbols thread's, and the tracer thread's by turns: searching.c */
	pthread_t searcher;
	bool searcher_runs;
	struct ring *searcher_messages;
	sem_t search; /**< posted when one is wanted, and at the end */
	_Atomic enum search_state search_state;
	size_t n_searched; /**< of the modules' files */
	size_t n_added;    /**< of the bindings: their probes are added, or never will be */
	_Atomic bool searched; /**< the symbols thread has done its work */

	/* the writer thread's */
	pthread_t writer;
	bool writer_runs;
	struct ring *writer_messages;
	_Atomic bool drain; /**< nothing will come any more */
	struct trace_writer *trace;
	struct symbolizer *symbolizer;
	struct unwinder *unwinder;
	uint64_t last_ns;     /**< of the newest record written: times of the trace never go back */
	uint64_t unwind_ns;   /**< of the stack being unwound */
	size_t unwind_epoch;
	uint64_t losses_ns;   /**< when losses were looked at */
	uint64_t refused;     /**< by the feed, as the last record said */
	uint64_t entered, completed, last_id; /**< for -c: calls that began and ended; the newest one wanted */
	bool skip_deferred;
	uint64_t newest_written, unwritten; /**< calls: the newest entry in the trace, the last one that could not be written */
	_Atomic bool cannot_write; /**< the disk takes no more */
	char write_error[96];      /**< why; read after cannot_write is set */
	bool describe_failed; /**< no probe is described any more: classes are in the order of probes */
	struct failure writer_failure; /**< read after n_described has changed */
};

uint64_t session_now_ns(void);
/** For what a probe was disarmed, in words. */
void session_why_disarmed(const struct session *session, const struct recorded *recorded, char *text, size_t len);
void session_set_start(struct session *session);
/** Whether a request is for backtraces. */
bool session_wants_stacks(const struct session *session);
/** Signals are handled on the main thread. */
void session_block_signals(void);
/** Remember the message there is. */
void failure_set(struct failure *failure, int code);

/** A call of this probe, or what it returned, will not be in the trace.  Any thread. */
void session_lose(struct session *session, struct recorded *recorded, enum loss why);

/* arming.c: from requests to armed probes */
/** All requests in all modules; before other threads run. */
int arming_load(struct session *session);
/** In modules that were not searched yet; says itself what is wrong.  The symbols thread, with the lock. */
void arming_search(struct session *session);
/**
 * Add the engine's probes for bindings that have none yet, until `until_ns`, but at least one; what cannot be traced is left out
 * with a warning.  The tracer thread.
 */
int arming_add(struct session *session, uint64_t until_ns);
/** The same for probes whose library was unloaded and is there again. */
void arming_add_again(struct session *session);

/* searching.c */
void *searching_main(void *session);
/** The engine asks (engine.h, ops->modules). */
bool search_modules(struct session *session, bool held);

/* tracing.c */
void *tracing_main(void *session);

/* writing.c */
int writing_init(struct session *session);
void *writing_main(void *session);
void writing_fini(struct session *session);

#endif
