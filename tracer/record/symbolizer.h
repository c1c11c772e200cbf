/**
 * Names for code addresses, recorded in the trace so that review needs no debug info.
 *
 * Addresses are noted while calls are written, which must be quick; their names are looked up and written a few at a time.
 */
#ifndef RECORD_SYMBOLIZER_H
#define RECORD_SYMBOLIZER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct module_set;
struct symbolizer;
struct trace_writer;

/** `lock` is held while a module is asked for names, and never while something is written; who has it is not waited for. */
int symbolizer_new(struct module_set *modules, pthread_mutex_t *lock, struct trace_writer *trace,
		   struct symbolizer **ret);
void symbolizer_free(struct symbolizer *symbolizer);

/** What an address is, which tells how it is named. */
enum address_kind {
	ADDRESS_POINTER,     /**< of a function, or of something in it */
	ADDRESS_CODE,        /**< an instruction that a thread stands at */
	ADDRESS_RETURN,      /**< what is meant is the call before it */
	ADDRESS_TRAMPOLINE,  /**< where a signal handler returns to */
};

/** An address that a backtrace or a captured value held at `time_ns` (libraries come and go). */
void symbolizer_note(struct symbolizer *symbolizer, uint64_t addr, enum address_kind kind, uint64_t time_ns);

/** Write the names of at most `max` noted addresses, as events of `time_ns`; false if none is waiting or can be found now. */
bool symbolizer_work(struct symbolizer *symbolizer, unsigned max, uint64_t time_ns);

#endif
