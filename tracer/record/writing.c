/*
 * The writer thread: from the feed into the trace
 *
 * It may wait: for the disk, for a page of debug information.  Nobody waits for it, but the symbols thread for one small piece of
 * what it does under symbols_lock, and there it does not write.  While that thread searches a library (searching.c), this one
 * goes on with what needs no libdw; names come later, and only calls of functions that are new themselves wait to be described.
 *
 * A probe is described in the trace when the tracer thread has added it, always before the first event of it: the number of
 * probes grows before their first event is put into the feed.
 *
 * What is not in the trace is counted where it is lost; this thread writes those numbers into the trace, before what came later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/function.h"
#include "symbols/plan.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/unwind.h"
#include "tracer/record/feed.h"
#include "tracer/record/feed_write.h"
#include "tracer/record/session_state.h"
#include "tracer/record/symbolizer.h"
#include "tracer/record/target.h"
#include "tracer/trace/writer.h"

enum {
	RECORDS_A_TURN = 1000,
	NAMES_A_TURN = 4,
	NAPS_MAX = 20, /* without any event, until it sleeps */
	RETURN_SITES_MAX = 65535,
};

/*
 * A second of what can come (some 30000 records of 500 bytes); with backtraces the fifth part of one: far longer than the writer
 * waits for a CPU.  A disk may take longer.
 */
enum { FEED_SIZE = 16 << 20, FEED_SIZE_STACKS = 64 << 20 };

static const uint64_t losses_every_ns = 100 * 1000 * 1000;

/* Describing probes */

static const char **return_sources(const struct probe *probe, struct module *module, size_t *n)
{
	const uint64_t *sites;

	*n = probe_return_sites(probe, &sites);
	*n = *n > RETURN_SITES_MAX ? RETURN_SITES_MAX : *n;
	const char **sources = calloc(*n + 1, sizeof(*sources));

	for (size_t i = 0; sources && i < *n; i++)
		sources[i] = module_addr_line(module, sites[i]);
	return sources;
}

static int describe_probe(struct session *session, struct recorded *recorded)
{
	const struct function *function = recorded->binding.function;
	struct arena arena = { 0 };
	size_t n;
	const char **sources = return_sources(recorded->probe, function->module, &n);
	struct trace_probe_desc desc = {
		.function = function->name,
		.module = module_name(function->module),
		.source = function->file ? arena_printf(&arena, "%s:%d", function->file, function->line) : NULL,
		.prototype = function->has_types ? function_prototype(function, &arena) : NULL,
		.entry = recorded->binding.plan->entry,
		.ret = recorded->binding.plan->ret,
		.return_sites = sources,
		.n_return_sites = n,
		.has_stack = recorded->stack_frames > 0,
		.deferred = recorded->binding.plan->filter_at_return,
	};

	int r = sources ? trace_add_probe(session->trace, &desc) : err_set(-ENOMEM, "out of memory");

	free(sources);
	arena_free(&arena);
	return r;
}

static struct recorded *nth_probe(struct session *session, size_t i)
{
	pthread_mutex_lock(&session->probes_lock);
	struct recorded *recorded = session->probes.items[i];

	pthread_mutex_unlock(&session->probes_lock);
	return recorded;
}

static int describe_nth(struct session *session, size_t i)
{
	struct recorded *recorded = nth_probe(session, i);

	pthread_mutex_lock(&session->symbols_lock);
	int class = describe_probe(session, recorded);

	pthread_mutex_unlock(&session->symbols_lock);
	recorded->is_described = class == recorded->class;
	return class;
}

/* While recording starts the main thread tells why it fails. */
static void tell_undescribed(struct session *session, int error)
{
	if (session->is_recording)
		log_warn("functions of a new library cannot be recorded: %s", err_text());
	else if (!session->writer_failure.code)
		failure_set(&session->writer_failure, error);
}

/* Those whose description fails stay unknown, and their events are lost.  False: none is new. */
static bool describe(struct session *session)
{
	size_t n = atomic_load(&session->n_probes);

	if (session->n_described == n)
		return false;
	for (size_t i = session->n_described; i < n; i++) {
		int r = session->describe_failed ? 0 : describe_nth(session, i);

		if (r >= 0)
			continue;
		tell_undescribed(session, r);
		session->describe_failed = true;
	}
	int r = trace_commit(session->trace);

	if (r < 0)
		tell_undescribed(session, r);
	session->n_described = n;
	sem_post(&session->news);
	return true;
}

/* Backtraces */

static struct module *module_at(void *ctx, uint64_t addr)
{
	struct session *session = ctx;

	return module_set_at(session->modules, addr, session->unwind_ns);
}

static enum address_kind address_kind(enum unwind_kind kind)
{
	switch (kind) {
	case UNWIND_RETURN:
		return ADDRESS_RETURN;
	case UNWIND_TRAMPOLINE:
		return ADDRESS_TRAMPOLINE;
	default:
		return ADDRESS_CODE;
	}
}

static size_t unwind(struct session *session, const struct recorded *recorded, const struct call_event *event,
		     uint64_t *frames)
{
	if (!event->stack)
		return 0;
	session->unwind_ns = event->entry_time_ns;
	size_t epoch = module_set_epoch(session->modules, session->unwind_ns);

	if (epoch != session->unwind_epoch)
		unwinder_forget(session->unwinder);
	session->unwind_epoch = epoch;
	enum unwind_kind kinds[STACK_FRAMES_MAX];
	size_t n = unwind_stack(session->unwinder, event->stack, frames, kinds, recorded->stack_frames, NULL);

	for (size_t i = 0; i < n; i++)
		symbolizer_note(session->symbolizer, frames[i], address_kind(kinds[i]), event->entry_time_ns);
	return n;
}

/* Events */

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* The disk takes no more, so the target need not be held up any longer.  What comes until it is free is counted. */
static void lose(struct session *session, struct recorded *recorded)
{
	session_lose(session, recorded, LOSS_UNWRITTEN);
	if (session->cannot_write)
		return;
	snprintf(session->write_error, sizeof(session->write_error), "%s", err_text());
	session->cannot_write = true;
	log_warn("%s: the recording ends", err_text());
	engine_stop(session->engine);
}

static bool is_known(struct session *session, struct recorded *recorded)
{
	if (!recorded->is_described)
		session_lose(session, recorded, LOSS_UNKNOWN);
	return recorded->is_described;
}

/* With -c the calls entered after the last wanted one are left out, whole. */
static bool is_wanted_entry(struct session *session, const struct call_event *event)
{
	uint64_t max = session->options.max_calls;
	bool wanted = !max || session->entered < max;

	session->skip_deferred = event->deferred && !wanted;
	if (wanted && event->id > session->last_id)
		session->last_id = event->id;
	return wanted;
}

static bool is_wanted_end(struct session *session, const struct call_event *event)
{
	bool skip = session->skip_deferred;

	session->skip_deferred = false;
	return !skip && (!session->options.max_calls || event->id <= session->last_id);
}

static void write_enter(struct session *session, const struct call_event *event)
{
	struct recorded *recorded = probe_user(event->probe);
	uint64_t frames[STACK_FRAMES_MAX];

	if (!is_wanted_entry(session, event))
		return;
	session->entered++;
	if (!is_known(session, recorded))
		return;
	size_t n = unwind(session, recorded, event, frames);

	if (feed_write_enter(session->trace, recorded->class, event, frames, n) < 0) {
		session->unwritten = event->id;
		lose(session, recorded);
		return;
	}
	session->newest_written = event->id > session->newest_written ? event->id : session->newest_written;
	recorded->calls++;
	count(&session->calls);
}

/* A call without its entry in the trace is lost already.  Once an entry could not be written none is, so later calls are without. */
static bool has_entry(const struct session *session, const struct call_event *event)
{
	return event->id <= session->newest_written && event->id != session->unwritten;
}

static void write_leave(struct session *session, const struct feed_record *record)
{
	struct recorded *recorded = probe_user(record->event.probe);

	if (!is_wanted_end(session, &record->event))
		return;
	if (recorded->is_described && has_entry(session, &record->event) &&
	    feed_write_leave(session->trace, recorded->class, record) < 0 && record->event.end != CALL_OPEN)
		lose(session, recorded);
	session->completed++;
	if (session->options.max_calls && session->completed >= session->options.max_calls) {
		session->limit_reached = true;
		engine_stop(session->engine);
	}
}

/* Losses */

static void tell(struct session *session, const char *probe, enum loss why, uint64_t n)
{
	trace_lost(session->trace, session->last_ns, probe, n, loss_reason(why));
	feed_count_told(session->feed, why, n);
}

static void tell_losses_of(struct session *session, struct recorded *recorded)
{
	for (int i = 0; i < LOSS_COUNT; i++) {
		uint64_t n = atomic_load_explicit(&recorded->lost[i], memory_order_relaxed);

		if (n == recorded->told[i])
			continue;
		tell(session, recorded->binding.function->name, (enum loss)i, n - recorded->told[i]);
		recorded->told[i] = n;
	}
}

static void tell_losses(struct session *session)
{
	for (size_t i = 0; !session->cannot_write && i < session->n_described; i++)
		tell_losses_of(session, nth_probe(session, i));
}

/* There is room for a few last words (trace/packet.c): they are of all functions together. */
static void tell_last_losses(struct session *session)
{
	tell_losses(session);
	for (int i = 0; i < LOSS_COUNT; i++) {
		uint64_t n = feed_untold(session->feed, (enum loss)i);

		if (n)
			tell(session, "", (enum loss)i, n);
	}
}

static void tell_losses_at_times(struct session *session)
{
	uint64_t now_ns = session_now_ns();

	if (now_ns - session->losses_ns < losses_every_ns)
		return;
	session->losses_ns = now_ns;
	tell_losses(session);
}

/* Records */

static void write_record(struct session *session, const struct feed_record *record)
{
	if (record->refused != session->refused)
		tell_losses(session);
	session->refused = record->refused;
	session->last_ns = record->time_ns > session->last_ns ? record->time_ns : session->last_ns;
	switch (record->kind) {
	case FEED_ENTER:
		write_enter(session, &record->event);
		break;
	case FEED_LEAVE:
		write_leave(session, record);
		break;
	case FEED_THREAD:
		trace_thread(session->trace, record->time_ns, record->thread.tid, record->thread.comm);
		break;
	case FEED_CODE:
		symbolizer_note(session->symbolizer, record->code, ADDRESS_POINTER, record->time_ns);
		break;
	}
}

/* The thread */

/* One turn of everything; false if there was nothing to do. */
static bool work(struct session *session)
{
	const struct feed_record *record;
	bool worked = false;
	int n = 0;

	/* The record first, then the probes: so its probe is among them. */
	while (n < RECORDS_A_TURN && (record = feed_next(session->feed))) {
		describe(session);
		write_record(session, record);
		KILL_POINT("record-written");
		feed_pop(session->feed);
		n++;
	}
	worked = describe(session) || n;
	worked |= symbolizer_work(session->symbolizer, NAMES_A_TURN, session->last_ns);
	tell_losses_at_times(session);
	atomic_store_explicit(&session->bytes, trace_bytes(session->trace), memory_order_relaxed);
	return worked;
}

void *writing_main(void *arg)
{
	struct session *session = arg;
	unsigned idle = 0;

	log_keep(session->writer_messages);
	session_block_signals();
	for (;;) {
		bool last = atomic_load(&session->drain); /* asked before looking: nothing comes after it */

		if (work(session))
			idle = 0;
		else if (last)
			break;
		else
			feed_wait(session->feed, idle++ < NAPS_MAX);
	}
	tell_last_losses(session);
	session->written = true;
	sem_post(&session->news);
	return NULL;
}

static size_t feed_size(const struct session *session)
{
	size_t usual = session_wants_stacks(session) ? FEED_SIZE_STACKS : FEED_SIZE;
	size_t size = session->options.buffer ? session->options.buffer : usual;

	/* Nothing that is asked for shall be too large for it. */
	for (size_t i = 0; i < session->bindings.n; i++) {
		const struct plan *plan = session->bindings.items[i].plan;
		size_t largest = 4 * (plan->entry_max + plan->return_max);

		size = largest > size ? largest : size;
	}
	return size;
}

int writing_init(struct session *session)
{
	int r = feed_new(session->feed_file, feed_size(session), &session->feed);

	if (!r)
		r = symbolizer_new(session->modules, &session->symbols_lock, session->trace, &session->symbolizer);
	if (r)
		return r;
	session->last_ns = session_now_ns();
	session->unwinder = unwinder_new(module_at, session);
	return session->unwinder ? 0 : err_set(-ENOMEM, "out of memory");
}

void writing_fini(struct session *session)
{
	symbolizer_free(session->symbolizer);
	unwinder_free(session->unwinder);
	feed_free(session->feed);
}
