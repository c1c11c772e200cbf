/**
 * selftest: what the command is made of, and the victim that it traces.
 *
 *	cmd/selftest.c  command line, order of the checks, table, verdict
 *	victim.c        what the victim does: virtrace itself, started again
 *	watch.c         the victim from outside: starting it, its text, its journal, its end
 *	recorder.c      `virtrace record` on the victim; counting what is in its trace
 */
#ifndef SELFTEST_SELFTEST_H
#define SELFTEST_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SELFTEST_THREADS = 3, SELFTEST_FUNCTIONS = 4 };

/** Exported by the program, so that they are found in a stripped one too; each name begins with SELFTEST_PREFIX. */
#define SELFTEST_PREFIX "virtrace_selftest_"
extern const char *const selftest_functions[SELFTEST_FUNCTIONS];

/** What a thread of the victim tells.  It calls all functions while `rounds` is below `limit`, which is not its own. */
struct selftest_thread {
	volatile int32_t tid;
	volatile uint32_t rests;
	volatile uint64_t rounds, limit;
	volatile uint64_t calls[SELFTEST_FUNCTIONS]; /**< counted in the functions themselves */
};

/** Memory that the victim shares with the test; all 0 at first. */
struct selftest_shared {
	volatile uint32_t ready; /**< threads that have begun */
	volatile uint32_t quit;
	volatile uint64_t wrong; /**< results of calls */
	volatile uint64_t children, bad_children; /**< ended; of these not with exit code 0 */
	struct selftest_thread threads[SELFTEST_THREADS];
};

/** The victim's main(): `fd` is of a struct selftest_shared.  Returns its exit status when it is to quit. */
int selftest_victim_main(int fd);

struct selftest_victim {
	pid_t pid; /**< 0: it has ended, with `status` */
	int status;
	struct selftest_shared *shared;
	uint64_t caught; /**< signals (SigCgt) before it was traced */
};

/** Start it, all threads at rest.  0 or a negative errno with a message. */
int victim_start(struct selftest_victim *ret);
/** Let it end by itself, soon: whether it did, with 0.  In any case it is gone. */
bool victim_finish(struct selftest_victim *victim);
/** Also notes its end. */
bool victim_is_alive(struct selftest_victim *victim);

/** Let each thread make `rounds` more, UINT64_MAX: until victim_rest(). */
void victim_run(struct selftest_victim *victim, uint64_t rounds);
/** Wait until the rounds of victim_run() are made; until each thread rests; until each thread and a child have gone on. */
bool victim_wait_done(struct selftest_victim *victim);
bool victim_rest(struct selftest_victim *victim);
bool victim_goes_on(struct selftest_victim *victim);

/** Whether what it executes is byte by byte what is in the files, and if not, where. */
bool victim_text_is_clean(const struct selftest_victim *victim, char *what, size_t len);
/** Whether nobody traces it, and the same signals are caught as at its start. */
bool victim_is_as_before(const struct selftest_victim *victim);
bool victim_is_traced(const struct selftest_victim *victim);
/** Whether SIGTRAP is caught that was not at its start. */
bool victim_has_handler(const struct selftest_victim *victim);

/**
 * Whether there is no journal of it.  One without a site, of a virtrace that was killed before it did anything, is removed: the
 * next recording would do that.
 */
bool victim_has_no_journal(const struct selftest_victim *victim);

/** A `virtrace record` on the victim. */
struct recorder {
	pid_t pid; /**< 0: it has ended */
	int fd;    /**< what it says */
	char said[2048]; /**< so far */
	size_t n;
};

int recorder_start(const struct selftest_victim *victim, const char *trace, struct recorder *ret);
/** Whether it has said that it records; it may have ended. */
bool recorder_records(struct recorder *recorder);
/** Wait for that: false if it ended before. */
bool recorder_wait(struct recorder *recorder);
/** Send a signal and wait for its end: the status as of waitpid(2). */
int recorder_end(struct recorder *recorder, int signal);
/** Whether a process of its own, the guardian, traces it: for its end only. */
bool recorder_is_watched(const struct recorder *recorder);

/** Calls of the victim's functions in a trace, by thread: entries and ends. */
struct trace_counts {
	uint64_t begun[SELFTEST_THREADS][SELFTEST_FUNCTIONS], ended[SELFTEST_THREADS][SELFTEST_FUNCTIONS];
	uint64_t others, lost;
};
/** 0 or a negative errno with a message. */
int trace_count(const char *trace, const struct selftest_shared *shared, struct trace_counts *ret);

/** Set by Ctrl-C: what waits gives up. */
extern volatile int selftest_interrupted;

uint64_t selftest_now_us(void);
void selftest_nap(long us);

#endif
