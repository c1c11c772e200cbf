/**
 * The engine: attaches to a process, plants the sites of probes, and turns hits into calls.
 *
 * One engine traces one process (all its threads) from one thread of ours: the one that calls engine_attach() must make
 * all other calls too (ptrace belongs to a thread).  How a hit works and why the target is safe is told at the head of
 * engine.c; the facts are tested one by one in tests/.
 */
#ifndef PROBE_ENGINE_H
#define PROBE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct engine;
struct function;
struct last_will;
struct module;
struct plan;
struct probe;
struct probe_code;
struct unwind_sample;

/** How a call ended. */
enum call_end {
	CALL_RETURNED,
	CALL_UNWOUND, /**< its frame is gone without a return: longjmp, exception, stack switch */
	CALL_OPEN,    /**< tracing ended first */
	CALL_EXITED,  /**< the thread ended first */
	CALL_UNSEEN,  /**< its frame is gone, and its return could not be seen: ops->lost was told why */
};

/** Why something the target did is not told to the owner. */
enum engine_loss {
	ENGINE_NO_MEMORY, /**< for calls: more are open than CALLS_BYTES_MAX has room for, or there is none */
	ENGINE_NO_SLOT,   /**< for the place that a tail call returns to */
};

/** Memory for calls that are open, all in all: a million without saved parameters. */
enum { CALLS_BYTES_MAX = 256 << 20 };

/** One event of a call; pointers are valid during the callback only. */
struct call_event {
	struct probe *probe;
	pid_t tid;
	uint64_t id;     /**< number of the call, from 1 */
	uint64_t parent; /**< enclosing recorded call of the same thread, 0 if none */
	unsigned depth;  /**< 0 for a call without parent */
	bool is_guess;   /**< parent and depth: its stack shares memory with others, so they are likely, not proved */
	uint64_t time_ns;      /**< CLOCK_MONOTONIC when the stop was seen */
	const uint8_t *payload; /**< as plan->entry or plan->ret describes it */
	size_t len;
	/* entry */
	const struct unwind_sample *stack; /**< if the probe wants it: for a backtrace of the caller's (unwind.h) */
	/* end */
	enum call_end end;
	unsigned return_site; /**< RETURNED: index for probe_return_sites(); the last one means by a tail call */
	uint64_t entry_time_ns;
	bool entry_refused; /**< by the owner: he has nothing this is the end of */
	/*
	 * deferred: a filter on $ret held the entry back; it comes right before the return, with this entry payload.  Of a call
	 * that does not return, or not with a wanted value, nothing is told: the parent of another call may be unknown then.
	 */
	bool deferred;
};

enum target_end {
	TARGET_RUNNING,
	TARGET_EXITED,   /**< status: exit code */
	TARGET_KILLED,   /**< status: signal */
	TARGET_EXECED,   /**< it is another program now; we are detached from it */
	TARGET_LOST,     /**< tracing failed, err_text() says why */
};

/** What the engine tells its owner.  No callback may call back into the engine but where said. */
struct engine_ops {
	/** False: refused, there is no room for it; remembered until the call's end. */
	bool (*enter)(void *ctx, const struct call_event *event);
	void (*leave)(void *ctx, const struct call_event *event);
	/** An entry or a return of this probe that neither of them is told. */
	void (*lost)(void *ctx, struct probe *probe, enum engine_loss why);
	/** First hit of a thread, or its name changed.  False: no room, tell it again later. */
	bool (*thread)(void *ctx, pid_t tid, const char *comm, uint64_t time_ns);
	/**
	 * Libraries have come or gone, or engine_wake() was called after that: probes may be added here, by what the owner knows.
	 * False: he is still looking at them, and calls engine_wake() when he wants to be asked again.
	 * `held`: the thread that called dlopen or dlclose is held, no constructor has run.  It is until he says true, but not
	 * longer than engine_set_patience() allows; when it has to go on before, he is asked once more.
	 */
	bool (*modules)(void *ctx, bool held);
	void (*saw_code)(void *ctx, uint64_t addr); /**< a captured value is this code address */
	/** The probe was over its budget and is disarmed for a while: the last of its long hits took `held_ns`; 0: there were too many. */
	void (*disarmed)(void *ctx, struct probe *probe, uint64_t held_ns);
	/** The probe could harm the process, so it is disarmed for good: `why` ends a sentence. */
	void (*let_go)(void *ctx, struct probe *probe, const char *why);
	/** It is armed again. */
	void (*armed_again)(void *ctx, struct probe *probe);
	/** The engine has nothing to do right now: time for slow work (at most a few ms).  */
	void (*idle)(void *ctx);
	/** What is to be done if we are killed (guardian.h); asked before attaching.  NULL: nothing. */
	void (*last_will)(void *ctx, struct last_will *ret);
};

struct engine_stats {
	size_t threads, sites;
	uint64_t hits, calls;
	uint64_t stopped_ns; /**< for which hits held their threads, as these felt it as far as that can be known, summed */
	uint64_t longest_stop_ns; /**< the longest of these, and of all other stops: attaching and detaching too */
	uint64_t undecided; /**< calls that were left out as the probe's condition had no value for them */
	uint64_t missed;  /**< entries and returns that ops->lost was told of */
	uint64_t attach_ns, detach_ns; /**< what attaching and detaching took */
	uint64_t moved;    /**< after detaching: int3s that went with code that the program moved; the handler of SIGTRAP stays for them */
	uint64_t undone;   /**< after detaching: int3s that somebody else had taken away; calls are missing since */
	uint64_t repaired; /**< places restored while attaching, which a killed virtrace had left */
	uint64_t interrupted; /**< system calls of the target that ended with EINTR because of us */
};

/**
 * Seize every thread of `pid`.  Nothing is changed in the target yet.
 * -ESRCH no such process, -EPERM not permitted (message says which gate), -EBUSY traced by another, -ENOTSUP 32-bit.
 */
int engine_attach(pid_t pid, const struct engine_ops *ops, void *ctx, struct engine **ret);

/** Start a command under trace; it is held at its first instruction (after exec) until engine_run(). */
int engine_spawn(char *const argv[], const struct engine_ops *ops, void *ctx, struct engine **ret);

pid_t engine_pid(const struct engine *engine);

/**
 * Why the target could die if we are killed with -9, or NULL if it could not: known when engine_run() has armed.
 */
const char *engine_unprotected(const struct engine *engine);

/**
 * To be called at least every second by an owner that keeps the thread long between calls of the others, so that the guardian does not
 * take us for hung; more often before engine_run(), as it serves what stops meanwhile (signals).
 */
void engine_beat(struct engine *engine);

/** Whether a target that would die with us is traced; at first it is.  Else engine_run() fails before anything is armed. */
void engine_allow_unprotected(struct engine *engine, bool allow);

/** How long a thread may be held for ops->modules; 0, as at first: as long as that takes. */
void engine_set_patience(struct engine *engine, uint64_t ns);

/** Have ops->modules asked again, soon; may be called from a callback, or another thread. */
void engine_wake(struct engine *engine);

enum { LONG_HITS = 5, LONG_SPAN = 10 /* seconds */ };

struct probe_options {
	bool stack;       /**< copy the stack at entry, for a backtrace */
	bool nested_only; /**< record a call only inside another recorded call of its thread */
	/* Its budget: over it, it is disarmed for a while. */
	uint64_t max_pause_ns; /**< for which a hit may hold its thread, but for less than LONG_HITS in LONG_SPAN; 0: any */
	uint64_t max_rate;     /**< hits in a second; 0: any */
};

/**
 * Add a probe: sites at the entry, every `ret` and tail jump of the plan's function.  They are armed when engine_run() goes on
 * (in ops->modules: before the calling thread does), so no event of this probe comes before.  The plan and its module
 * must stay until engine_free(); `code` (of the plan's function) belongs to the engine from now on, also if this fails.
 * A function that cannot be traced gives -ENOTSUP with a reason (foreign breakpoint there, instruction that cannot run out of
 * line, no address space near), one whose module is not mapped any more gives -ENOENT; the target is unchanged then.
 */
int engine_add_probe(struct engine *engine, const struct plan *plan, struct probe_code *code,
		     const struct probe_options *options, void *user, struct probe **ret);

/**
 * The library of a probe, which was unloaded, is mapped at the same place again: in ops->modules, as engine_add_probe(), and errors as
 * there.  Not for one that is disarmed for good.
 */
int engine_add_again(struct probe *probe);

bool probe_is_unloaded(const struct probe *probe);
void *probe_user(const struct probe *probe);
const struct plan *probe_plan(const struct probe *probe);
uint64_t probe_calls(const struct probe *probe);
uint64_t probe_longest_stop_ns(const struct probe *probe);
uint64_t probe_stopped_ns(const struct probe *probe);
/**
 * Live addresses of the function's return sites, in the order of call_event.return_site.  The last one stands for leaving by a
 * tail call, and is 0.
 */
size_t probe_return_sites(const struct probe *probe, const uint64_t **ret);

/**
 * Handle stops until `deadline_ns` (CLOCK_MONOTONIC), engine_stop(), or the end of the target.
 * Returns why: TARGET_RUNNING if the target lives on; `*status` as enum target_end says.
 */
enum target_end engine_run(struct engine *engine, uint64_t deadline_ns, int *status);

/** Make engine_run() return soon; may be called from a signal handler, a callback, or another thread. */
void engine_stop(struct engine *engine);

void engine_get_stats(const struct engine *engine, struct engine_stats *ret);

/**
 * Restore every byte, bring every thread out of the slots, close open calls (CALL_OPEN is told to ops->leave), detach.
 * Works in every state, also after the target's end; 0, or the first error (all that can be restored is).
 * The calling thread has to end soon after: threads that sleep where they must not be woken up are let go by that.
 */
int engine_detach(struct engine *engine);
void engine_free(struct engine *engine);

#endif
