/**
 * The engine's insides, for the files that make it up.
 */
#ifndef PROBE_ENGINE_STATE_H
#define PROBE_ENGINE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "symbols/expr.h"
#include "tracer/base/array.h"
#include "tracer/probe/again.h"
#include "tracer/probe/callstack.h"
#include "tracer/probe/engine.h"
#include "tracer/probe/guardian.h"
#include "tracer/probe/journal.h"
#include "tracer/probe/loader.h"
#include "tracer/probe/probe_code.h"
#include "tracer/probe/stacks.h"
#include "tracer/remote/live.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/latency.h"
#include "tracer/remote/placement.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"

struct ahead;
struct event;
struct site;
struct site_table;
struct slots;

/** Hits since a moment. */
struct hit_count {
	uint64_t since_ns, hits;
};

/** A probe: what the user asked for, bound to planted sites. */
struct probe {
	struct engine *engine;
	const struct plan *plan;
	struct probe_options options;
	void *user;
	struct probe_code *code;
	struct site *entry_site;
	struct site **exit_sites; /**< by index in code->scan.exits */
	bool held;                /**< its sites are armed */
	bool is_off;              /**< not to be armed: it was over its budget, or its library is gone */
	struct hit_count hits, long_hits; /**< for its budget */
	uint64_t rests_until_ns, rest_ns; /**< over its budget: disarmed until then, 0 if it is not; and for how long, last */
	uint64_t *return_sites;   /**< addresses of the `ret`s, then 0: left by a tail call */
	unsigned n_return_sites;
	unsigned *return_index;   /**< by index in code->scan.exits: which of return_sites */
	struct call *free_calls;  /**< calls to use; made when no thread is held */
	size_t n_free_calls;
	uint64_t calls, stopped_ns, longest_stop_ns;
};

/** What we know about a thread of the target: thread->user. */
struct tracee {
	pid_t tid;
	struct again again;
	struct callstack *stack; /**< it was last seen on; NULL: not seen yet */
	char comm[16];
	uint64_t comm_read_ns; /**< 0: never */
	uint64_t mask;         /**< signals blocked at its last hit, but for SIGTRAP: blocked.c */
	bool mask_is_known, blocks_trap;
	bool makes_no_calls;   /**< its seccomp filter does not allow what installs the handler */
};

/** A thread on its way to install the handler again: where it is sent, and its mask afterwards. */
struct mender {
	struct rcall_way way;
	uint64_t mask;
};

enum engine_phase {
	ENGINE_ATTACHED,  /**< all threads are seized; nothing is armed */
	ENGINE_ARMED,     /**< int3s are in the text */
	ENGINE_DETACHING, /**< the text is restored; threads are let go as they stop */
	ENGINE_DETACHED,
};

enum { STACK_COPY = 32 * 1024 }; /* bytes from rsp up, for a backtrace */

/** What is read at a stop, until the owner has been told. */
struct hit_scratch {
	uint8_t *payload;
	size_t cap;          /**< the largest payload of any plan */
	struct saved *saved; /**< for plans that save nothing */
	bool has_stack;      /**< of this stop: */
	struct unwind_sample stack; /**< the thread at a function's entry */
	uint8_t *stack_copy;
};

struct engine {
	struct proc *proc;
	const struct engine_ops *ops;
	void *ctx;
	enum engine_phase phase;
	struct journal journal;
	struct guardian guardian;
	struct slots *slots;
	struct site_table *sites;
	ARRAY(struct probe *) probes;
	uint64_t last_id;
	struct hit_scratch scratch;
	uint64_t lowest;     /**< where the target's memory began when we attached */
	struct stacks stacks;
	uint64_t low_at;     /**< near here there will soon be no room for slots; 0: nowhere */
	uint64_t make_room_ns; /**< when to try again */
	bool makes_room;
	uint64_t calls_bytes; /**< memory for calls, of all probes */
	struct live_frame live; /**< of the stop at hand */
	struct ahead *ahead; /**< for its reads */
	struct placement placement; /**< of the thread that runs the engine */
	struct latency latency;

	/**
	 * A thread that is kept stopped until probes are added: at exec, or in the loader's hook (libraries.c).
	 */
	struct thread *held;
	bool held_at_exec;  /**< it has not run yet, and nothing armed is at its rip */
	struct user_regs_struct held_regs;
	uint64_t held_since_ns, patience_ns; /**< in the hook; patience 0: no end */

	struct loader loader;
	struct site *loader_site; /**< NULL: libraries are watched by polling */
	struct site *sigaction_site; /**< libc's sigaction(): own_action.c; NULL: not watched */
	bool watches_libraries, libraries_pending; /**< pending: the owner is looking at what was loaded */
	atomic_bool woken; /**< engine_wake() */
	bool traps_are_sent;     /**< and the process lives with that: engine_expect_traps() */
	bool protected;          /**< the handler is in the target: protect.h */
	bool handler_reset;      /**< but the kernel has reset it, and nobody is on the way to install it again: blocked.c */
	bool masks_change_unseen;
	unsigned unseen_resets;
	struct thread *mender;   /**< who is on the way, or NULL */
	struct mender mender_state;
	char unprotected[256];   /**< why it could die with us; empty: it could not */
	uint64_t rest_ns;        /**< for which a probe is disarmed that was over its budget, at first */
	bool protected_only;     /**< a target that could is not traced */
	bool insists;            /**< it is, and so are functions in which a SIGTRAP that is sent could do harm */
	struct thread *keeper;   /**< while detaching: who is let go last, and takes the handler out; or NULL */
	uint64_t libraries_seen_ns, libraries_hash;

	enum target_end end;
	int end_status;
	atomic_bool stop; /**< engine_stop() */
	uint64_t last_idle_ns;
	struct engine_stats stats;
};

uint64_t engine_now_ns(void);
/** Seize, and serve, until nobody is new or unsettled (remote/seize.h). */
int engine_seize_all(struct engine *engine);

/* dispatch.c */
/** Act on one event: afterwards the task runs, or is not ours any more. */
void engine_handle(struct engine *engine, const struct event *event);
/**
 * Handle what has stopped, unless sites are armed or a thread is held; for the time of attaching.
 */
void engine_serve_all(struct engine *engine);
/**
 * The same whatever is armed: hits are recorded.  Whoever stands in the loader's hook waits.  No stopped thread may be kept that is not
 * consumed (event.h).
 */
void engine_serve_waiting(struct engine *engine);
/** proc_maps(), and meanwhile the same. */
int engine_maps(struct engine *engine, struct maps *ret);
/** For a thread that works for us: handle its stop; it goes straight through the loader's hook. */
void engine_serve_quietly(struct engine *engine, struct thread *thread);
/**
 * rip (and rsp) in a slot to the place in the original code they stand for; whether anything was
 * changed.
 */
bool engine_leave_slot(struct engine *engine, struct user_regs_struct *regs);
struct tracee *engine_tracee(struct thread *thread);

/* hit.c */
int hit_init(struct hit_scratch *scratch);
void hit_fini(struct hit_scratch *scratch);
/** Make payloads of `len` bytes fit. */
int hit_make_room(struct hit_scratch *scratch, size_t len);
/** Tell the owner what a thread that stands at a site does there; regs->rip is the site's address. */
void hit_record(struct engine *engine, struct thread *thread, struct site *site,
		const struct user_regs_struct *regs, uint64_t now_ns);
/** Now and then: whether a thread has another name; it need not be held. */
void hit_look_again(struct engine *engine, struct thread *thread, uint64_t now_ns);
/** End all open calls on a thread's own stack: it has ended. */
void hit_close_calls(struct engine *engine, struct tracee *tracee, enum call_end end);

/** End all open calls, as open. */
void hit_close_all_calls(struct engine *engine);

/** End all open calls of a probe, as open. */
void hit_close_calls_of(struct engine *engine, struct probe *probe);

/* budget.c */
/** After a hit at `site` that was seen at `now_ns` and held its thread: disarm the probes for which that is too much. */
void budget_check(struct engine *engine, const struct site *site, uint64_t now_ns, uint64_t held_ns);

/** Arm what was disarmed long enough. */
void budget_serve(struct engine *engine, uint64_t now_ns);

/* arm.c */
/** Plant the int3s of a probe again that was disarmed; if its library is gone it stays so. */
int probe_arm_again(struct probe *probe);
/** Plant the int3s of probes that were added since. */
int engine_arm(struct engine *engine);
/** Have system calls made, by whatever thread may make them now. */
int engine_rcall(struct engine *engine, int (*what)(struct engine *engine, const struct rcall *call, void *arg), void *arg);
/** Make room for slots near a range. */
int engine_reserve(struct engine *engine, uint64_t lo, uint64_t hi, size_t n);
/** Near engine->low_at, before there is none: in the background, as all others are served meanwhile. */
void engine_make_room(struct engine *engine);
/** Make room near every module, if calls may have to be caught where they return to. */
void engine_reserve_for_callers(struct engine *engine, const struct maps *maps);
/** The module of its sites was unmapped: they are nothing to it any more. */
void probe_unload(struct probe *probe);
/** Open calls of the probe end as open. */
void probe_disarm(struct engine *engine, struct probe *probe);
/** A probe that could do harm: the owner is told why.  It may not be armed yet. */
void probe_let_go(struct engine *engine, struct probe *probe, const char *why);
extern const char code_was_changed[]; /**< why */
/** Somebody sends SIGTRAPs that the process lives with: from now on only those sites are armed where pc tells who has hit them. */
void engine_expect_traps(struct engine *engine);
struct call *probe_take_call(struct probe *probe);
void probe_give_call(struct probe *probe, struct call *call);
void probe_refill(struct probe *probe);
void probe_free(struct probe *probe);

/* libraries.c */
/** Start to watch what the process loads. */
void libraries_watch(struct engine *engine);
/** `thread` stands in the loader's hook: tell the owner, arm what he adds; it goes on then, or when he has answered. */
void libraries_changed(struct engine *engine, struct thread *thread, const struct user_regs_struct *regs, uint64_t now_ns);
/** Ask the owner who wants to be asked again; let a thread go that was held long enough.  After each event. */
void libraries_serve(struct engine *engine, uint64_t now_ns);
/** Look for changes from time to time where there is no hook. */
void libraries_poll(struct engine *engine, uint64_t now_ns);

#endif
