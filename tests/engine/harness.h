/**
 * For tests of the engine on live processes: starts victims, arms probes on their functions, and
 * checks what is recorded against what the functions are known to do.
 */
#ifndef TESTS_ENGINE_HARNESS_H
#define TESTS_ENGINE_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/engine/shared.h"
#include "tracer/base/array.h"
#include "tracer/base/hash.h"
#include "tracer/probe/engine.h"

struct module;
struct plan;
struct unwinder;

/** A victim process, started with a shared account. */
struct victim {
	pid_t pid;
	struct shared *shared;
	char path[64];   /* of the shared file */
	char binary[4096];
};

/**
 * Start VICTIM_DIR/NAME with the shared file and `args` (NULL-terminated, may be NULL); waits until
 * `ready` threads say so.
 */
struct victim victim_start(const char *name, const char *const *args, uint32_t ready);
/** Let it finish and check that it ended well: status 0, nothing bad. */
void victim_finish(struct victim *victim);
/**
 * Make the shared file only: for commands the engine starts.  victim.path is what they are given.
 */
struct victim victim_prepare(const char *name);
/** Forget a victim that the engine has reaped. */
void victim_forget(struct victim *victim);
/** Its text is what the files have: every executable file mapping, byte for byte. */
void victim_check_text(const struct victim *victim);
/** The same, without failing: false with what differs. */
bool victim_text_is_clean(const struct victim *victim, char *what, size_t what_len);
/** Fail if it has died. */
void victim_check_alive(const struct victim *victim);
void victim_wait(volatile uint32_t *word, uint32_t at_least);
/** Number of lines in /proc/PID/maps. */
size_t victim_count_maps(const struct victim *victim);

/** engine_add_probe() with the code read from the file. */
int engine_add(struct engine *engine, const struct plan *plan, const struct probe_options *options, void *user,
	       struct probe **ret);

/** What was recorded of one thread by one probe. */
struct seen_key {
	pid_t tid;
	unsigned function;
};
struct seen {
	struct seen_key key;
	uint64_t first, last; /* serial numbers */
	unsigned times;       /* how often `last` came */
	uint64_t entries, returns;
	uint64_t open;        /* entered, not left */
	UT_hash_handle hh;
};

struct watched {
	struct recorder *recorder;
	const char *name;
	unsigned index;
	long adds;
	unsigned repeat; /* each serial comes that often in a row */
	struct probe *probe;
	const struct plan *plan;
	uint64_t entries, ends[4]; /* by enum call_end */
	unsigned depth;            /* of the last entry */
	const struct watched *in;  /* the caller of the last entry that is recorded; NULL if none */
	uint64_t last_id;
};

/** A tracing session as the owner of an engine would have it. */
struct recorder {
	struct engine *engine;
	struct module *module;
	ARRAY(struct module *) others; /* opened by recorder_watch_in() */
	pid_t pid;
	ARRAY(struct watched *) watched;
	struct seen *seen;
	uint64_t wrong; /* anything that must not be: gaps, doubles, wrong values */
	char what[256]; /* the first of them */
	unsigned modules_calls, modules_busy; /* busy: so many are refused first */
	bool modules_silent; /* and nothing is said about when to ask again */
	bool held;           /* a thread was, when modules were asked for last */
	unsigned times_let_go; /* it was not any more */
	void (*on_modules)(struct recorder *recorder);
	const char *library; /* for on_modules */
	bool wants_stack; /* backtraces */
	bool may_refuse;  /* the victim handles or ignores SIGTRAP: not all functions can be traced */
	struct unwinder *unwinder;
	size_t n_stack; /* of the last entry */
	uint64_t stack[16];
};

/** What a recorder gives to the engine; the recorder is the context. */
extern const struct engine_ops *const recorder_ops;
/** Open the module of the victim's binary. */
void recorder_init(struct recorder *recorder, const struct victim *victim);
void recorder_fini(struct recorder *recorder);
/**
 * Plan a function of the victim: `n` at entry, `$ret` at return (if `has_return`).  Checked unless
 * `repeat` is 0.
 */
struct watched *recorder_watch(struct recorder *recorder, const char *function, long adds, unsigned repeat,
			       bool has_return);
void recorder_watch_all(struct recorder *recorder); /* functions.h */
/** The same for a function of another module that is mapped in the victim; armed at once. */
struct watched *recorder_watch_in(struct recorder *recorder, const char *path, const char *function, long adds);
/** Attach, and add a probe for everything watched. */
void recorder_attach(struct recorder *recorder);
void recorder_add_probes(struct recorder *recorder);
/**
 * Instead of recorder_init() and recorder_attach(): start a command, which is held until it is run.
 */
void recorder_spawn(struct recorder *recorder, char *const argv[]);
/** Run for some ms; the target must live on. */
void recorder_run(struct recorder *recorder, unsigned ms);
/** Run until the target ends (at most 30 s). */
enum target_end recorder_run_to_end(struct recorder *recorder, int *status);
/** Run until a word of the victim's account is large enough. */
void recorder_run_until(struct recorder *recorder, volatile uint32_t *word, uint32_t at_least);
void recorder_detach(struct recorder *recorder);
/** Nothing wrong so far, or fail with what was. */
void recorder_check(const struct recorder *recorder);
void recorder_wrong(struct recorder *recorder, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Forget what is watched: for owners that watch anew with each engine. */
void recorder_drop_watched(struct recorder *recorder);
/** Forget what was seen: serial numbers may start anywhere again. */
void recorder_forget(struct recorder *recorder);
const struct seen *recorder_seen(const struct recorder *recorder, pid_t tid, unsigned function);

/*
 * For tests whose owner of the engine is their own, on the victim "load"
 */
struct victim load_start(const char *threads);
void load_finish(struct victim *victim, struct recorder *recorder);
/** Plan a function of it: `n` at entry, `$ret` at return. */
const struct plan *load_plan(struct recorder *recorder, const char *function, const char *filter);
void load_add(struct engine *engine, const struct plan *plan, const struct probe_options *options, uintptr_t user);
void load_run(struct engine *engine, unsigned ms);
/** Run until something was counted often enough: on a busy machine that takes its time. */
void load_run_until(struct engine *engine, const uint64_t *count, uint64_t at_least);

#endif
