/*
 * A recording, from requests to a complete trace
 *
 *	NEW ---start---> RECORDING ---finish---> DONE
 *
 *	NEW        modules and debug info are read, plans made, the trace directory exists; the target is untouched
 *	RECORDING  four threads are at work, see below
 *	DONE       the target is free; the trace is complete
 *
 *	main thread     the command line, signals, the status line, all messages      session.c, record.c
 *	tracer thread   ptrace: attaches, serves stops, detaches; waits for nothing   tracing.c, arming.c
 *	writer thread   writes the trace, unwinds, finds names                        writing.c
 *	symbols thread  searches libraries that are loaded later                      searching.c
 *
 *	                engine --events--> feed (a bounded ring) --> writer --> trace
 *
 * Whatever the disk does, the tracer thread goes on: what the feed cannot take is counted as lost, per probe.  When it is over the
 * target goes free first; then the writer empties the feed.  If we are killed the guardian does that (salvage.c).
 *
 * What is in struct session belongs to one of the threads, or is atomic, or is under symbols_lock (libdw and all that is made
 * with it: no two threads may use it at once).
 *
 * A started command has no modules before it runs, so its requests are bound while it is held at exec, and after each dlopen.
 */
#include "tracer/record/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "symbols/function.h"
#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/base/ring.h"
#include "tracer/probe/probe_code.h"
#include "tracer/record/feed.h"
#include "tracer/record/info.h"
#include "tracer/record/session_state.h"
#include "tracer/record/target.h"
#include "tracer/trace/writer.h"

enum { MESSAGES_SIZE = 64 * 1024 };
static const uint64_t writer_patience_ns = 1000ull * 1000 * 1000;

uint64_t session_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void session_set_start(struct session *session)
{
	session->start_ns = session_now_ns();
	session->start_wall_ns = clock_ns(CLOCK_REALTIME);
}

bool session_wants_stacks(const struct session *session)
{
	bool stacks = session->options.stack_frames > 0;

	for (size_t i = 0; i < session->requests->n; i++)
		stacks |= session->requests->items[i].stack > 0;
	return stacks;
}

void session_lose(struct session *session, struct recorded *recorded, enum loss why)
{
	atomic_fetch_add_explicit(&recorded->lost[why], 1, memory_order_relaxed);
	feed_count_lost(session->feed, why);
}

void session_block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void failure_set(struct failure *failure, int code)
{
	failure->code = code;
	failure->text = strdup(err_text());
}

/* Make it the failure of this thread. */
static int failure_get(const struct failure *failure)
{
	return failure->code ? err_set(failure->code, "%s", failure->text ? failure->text : "out of memory") : 0;
}

void session_why_disarmed(const struct session *session, const struct recorded *recorded, char *text, size_t len)
{
	uint64_t held_ns = recorded->held_ns;

	const char *let_go = recorded->let_go;

	if (let_go)
		snprintf(text, len, "%s", let_go);
	else if (held_ns)
		snprintf(text, len, "%d hits in %d s held a thread for more than %g ms, up to %.1f ms (--max-pause)", LONG_HITS, LONG_SPAN,
			 (double)session->options.max_pause_ns / 1e6, (double)held_ns / 1e6);
	else
		snprintf(text, len, "more than %llu hits in a second (--max-rate)", (unsigned long long)session->options.max_rate);
}

/* And how often, and for how long in all; NULL if it never was. */
static const char *tell_disarmed(const struct session *session, struct recorded *recorded)
{
	uint64_t since_ns = recorded->off_since_ns, off_ns = recorded->off_ns, now_ns = session->ended ? session->end_ns : session_now_ns();
	unsigned times = recorded->times_off;

	if (!times)
		return NULL;
	off_ns += since_ns && now_ns > since_ns ? now_ns - since_ns : 0;
	session_why_disarmed(session, recorded, recorded->disarmed, sizeof(recorded->disarmed));
	size_t at = strlen(recorded->disarmed);

	snprintf(recorded->disarmed + at, sizeof(recorded->disarmed) - at, "; %u time%s, %.1f s in all", times, times == 1 ? "" : "s",
		 (double)off_ns / 1e9);
	return recorded->disarmed;
}

static int write_info(struct session *session, bool ended)
{
	struct session_report report;
	struct info info = {
		.argv = session->options.argv,
		.pid = session->pid,
		.comm = session->comm,
		.start_wall_ns = session->start_wall_ns,
		.limits = &session->options.resolve.limits,
		.modules = session->modules,
		.bindings = &session->bindings,
	};
	struct info_disarmed *item;

	session_get_report(session, &report);
	if (ended) {
		info.end_wall_ns = session->start_wall_ns + (session->end_ns - session->start_ns);
		info.report = &report;
	}
	session->told_disarmed = session->n_disarmed;
	pthread_mutex_lock(&session->probes_lock);
	for (size_t i = 0; i < session->n_probes; i++) {
		struct recorded *recorded = session->probes.items[i];
		const char *why = tell_disarmed(session, recorded);

		if (why && (item = array_push(&info.disarmed)))
			*item = (struct info_disarmed){ recorded->binding.function->name, why };
	}
	pthread_mutex_unlock(&session->probes_lock);
	pthread_mutex_lock(&session->symbols_lock);
	char *text = info_json(&info);

	pthread_mutex_unlock(&session->symbols_lock);
	int r = !text ? err_set(-ENOMEM, "out of memory")
		: session->trace ? trace_set_info(session->trace, text)
				 : trace_create(session->options.output, session->options.force, text,
						&session->trace);

	free(text);
	array_free(&info.disarmed);
	return r;
}

int session_new(const struct session_options *options, const struct request_list *requests, struct session **ret)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return err_set(-ENOMEM, "out of memory");
	session->options = *options;
	session->requests = requests;
	session->pid = options->pid;
	session->start_wall_ns = clock_ns(CLOCK_REALTIME);
	pthread_mutex_init(&session->symbols_lock, NULL);
	pthread_mutex_init(&session->probes_lock, NULL);
	pthread_mutex_init(&session->stats_lock, NULL);
	sem_init(&session->news, 0, 0);
	sem_init(&session->loaded, 0, 0);
	sem_init(&session->search, 0, 0);
	int r = session->feed_file = ring_file();

	if (r >= 0)
		r = ring_new(MESSAGES_SIZE, &session->tracer_messages);
	if (!r)
		r = ring_new(MESSAGES_SIZE, &session->writer_messages);
	if (!r)
		r = ring_new(MESSAGES_SIZE, &session->searcher_messages);
	if (!r && !options->command)
		r = arming_load(session);
	if (!r)
		r = write_info(session, false);
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret = session;
	return 0;
}

static void print_messages(struct session *session)
{
	log_print_kept(session->tracer_messages);
	log_print_kept(session->searcher_messages);
	log_print_kept(session->writer_messages);
}

static void wait_for(struct session *session, const _Atomic bool *what)
{
	while (!atomic_load(what))
		sem_wait(&session->news); /* or a signal: look again */
}

/* The same, but not for ever; whether it is so. */
static bool wait_until(struct session *session, const _Atomic bool *what, uint64_t until_ns)
{
	struct timespec until = { (time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000) };

	while (!atomic_load(what) && (sem_clockwait(&session->news, CLOCK_MONOTONIC, &until) == 0 || errno == EINTR))
		;
	return atomic_load(what);
}

static int start_thread(pthread_t *thread, void *(*run)(void *), struct session *session, bool *runs)
{
	int error = pthread_create(thread, NULL, run, session);

	*runs = error == 0;
	return error ? err_set(-error, "cannot make a thread: %s", strerror(error)) : 0;
}

static int start_writer(struct session *session)
{
	int r = writing_init(session);

	return r ? r : start_thread(&session->writer, writing_main, session, &session->writer_runs);
}

/* What is mapped is known when the command stands at its first instruction. */
static int start_command(struct session *session)
{
	int r = start_thread(&session->tracer, tracing_main, session, &session->tracer_runs);

	if (r)
		return r;
	while (!session->opened && !session->started)
		sem_wait(&session->news);
	if (session->started)
		return 0; /* it failed */
	r = arming_load(session);
	if (!r)
		r = start_writer(session);
	session->load_failed = r < 0;
	sem_post(&session->loaded);
	return r;
}

static int start_attaching(struct session *session)
{
	int r = start_writer(session);

	return r ? r : start_thread(&session->tracer, tracing_main, session, &session->tracer_runs);
}

int session_start(struct session *session)
{
	int r = start_thread(&session->searcher, searching_main, session, &session->searcher_runs);

	if (!r)
		r = session->options.command ? start_command(session) : start_attaching(session);
	if (!r) {
		wait_for(session, &session->started);
		r = failure_get(&session->tracer_failure);
	}
	while (!r && session->n_described < session->n_probes)
		sem_wait(&session->news);
	if (!r)
		r = failure_get(&session->writer_failure);
	print_messages(session);
	session->is_recording = r == 0;
	return r ? r : write_info(session, false);
}

bool session_run(struct session *session, uint64_t ns)
{
	wait_until(session, &session->ended, session_now_ns() + ns);
	print_messages(session);
	if (session->n_disarmed != session->told_disarmed)
		write_info(session, false);
	return !session->ended;
}

static void let_end(struct session *session)
{
	struct engine *engine = session->engine;

	session->stop = true;
	if (engine)
		engine_stop(engine);
}

void session_stop(struct session *session)
{
	session->interrupted = true;
	let_end(session);
	sem_post(&session->news);
}

static void set_reason(struct session *session)
{
	char *reason = session->reason;
	size_t len = sizeof(session->reason);

	switch (session->end) {
	case TARGET_EXITED:
		snprintf(reason, len, "exited with status %d", session->end_status);
		break;
	case TARGET_KILLED:
		snprintf(reason, len, "killed by SIG%s", sigabbrev_np(session->end_status));
		break;
	case TARGET_EXECED:
		snprintf(reason, len, "executed another program");
		break;
	case TARGET_LOST: /* the tracer thread has said it */
		break;
	case TARGET_RUNNING:
		if (session->cannot_write) {
			snprintf(reason, len, "error: %s", session->write_error);
			break;
		}
		snprintf(reason, len, "%s", session->limit_reached ? "calls" : session->interrupted ? "interrupted"
									      : "duration");
		break;
	}
}

/* It searches to the end what it has begun: that cannot be broken off. */
static void join_searcher(struct session *session)
{
	sem_post(&session->search);
	if (!wait_until(session, &session->searched, session_now_ns() + writer_patience_ns)) {
		print_messages(session);
		log_info("%s[%d] is free; a library it has loaded is still being searched", session->comm, (int)session->pid);
	}
	pthread_join(session->searcher, NULL);
}

/* However long the disk takes: nothing else depends on it any more. */
static void join_writer(struct session *session)
{
	if (!wait_until(session, &session->written, session_now_ns() + writer_patience_ns)) {
		print_messages(session);
		log_info("%s[%d] is free; the rest of the trace is being written", session->comm, (int)session->pid);
	}
	pthread_join(session->writer, NULL);
}

/* Nobody records any more; the target is free. */
static void end_threads(struct session *session)
{
	if (session->tracer_runs) {
		let_end(session);
		pthread_join(session->tracer, NULL);
	}
	if (session->searcher_runs) {
		session->stop = true;
		join_searcher(session);
	}
	if (session->writer_runs) {
		session->drain = true;
		feed_wake(session->feed);
		join_writer(session);
	}
	session->tracer_runs = session->searcher_runs = session->writer_runs = false;
	print_messages(session);
}

int session_finish(struct session *session)
{
	end_threads(session);
	set_reason(session);
	int r = failure_get(&session->tracer_failure);
	int r_info = session->is_recording ? write_info(session, true) : 0;
	int r_close = session->is_recording ? trace_close(session->trace) : trace_abandon(session->trace);

	session->trace = NULL;
	return r ? r : r_info ? r_info : r_close;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	end_threads(session);
	writing_fini(session);
	engine_free(session->engine);
	if (session->trace)
		trace_close(session->trace);
	for (size_t i = 0; i < session->probes.n; i++)
		free(session->probes.items[i]);
	array_free(&session->probes);
	for (size_t i = 0; i < session->bindings.n; i++)
		probe_code_free(session->bindings.items[i].code);
	array_free(&session->bindings);
	module_set_free(session->modules);
	ring_free(session->tracer_messages);
	ring_free(session->writer_messages);
	ring_free(session->searcher_messages);
	if (session->feed_file >= 0)
		close(session->feed_file);
	free(session->tracer_failure.text);
	free(session->writer_failure.text);
	free(session);
}

void session_get_report(struct session *session, struct session_report *ret)
{
	uint64_t end_ns = session->ended ? session->end_ns : session_now_ns();

	*ret = (struct session_report){
		.pid = session->pid,
		.comm = session->comm,
		.path = session->options.output,
		.n_probes = session->n_probes,
		.n_pending = session->n_pending,
		.elapsed_ns = session->started ? end_ns - session->start_ns : 0,
		.calls = session->calls,
		.bytes = session->bytes,
		.end = session->ended ? session->end : TARGET_RUNNING,
		.end_status = session->end_status,
		.reason = session->reason,
		.cannot_write = session->cannot_write,
	};
	pthread_mutex_lock(&session->stats_lock);
	ret->engine = session->stats;
	pthread_mutex_unlock(&session->stats_lock);
	for (int i = 0; session->feed && i < LOSS_COUNT; i++)
		ret->lost += feed_lost(session->feed, (enum loss)i);
}

bool session_get_probe(const struct session *session, size_t i, struct session_probe *ret)
{
	if (i >= session->probes.n)
		return false;
	struct recorded *recorded = session->probes.items[i];

	*ret = (struct session_probe){
		.function = recorded->binding.function->name,
		.module = module_name(recorded->binding.function->module),
		.calls = recorded->calls,
		.longest_stop_ns = probe_longest_stop_ns(recorded->probe),
		.stopped_ns = probe_stopped_ns(recorded->probe),
		.disarmed = tell_disarmed(session, recorded),
	};
	for (int k = 0; k < LOSS_COUNT; k++)
		ret->lost += recorded->lost[k];
	return true;
}
