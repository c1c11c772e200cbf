/*
 * The tracer thread: attach, arm, serve stops until it is over, detach
 *
 * ptrace belongs to it.  While it serves stops it waits for nothing but the next one: what it has to tell goes into the feed, and
 * what does not fit there is counted; messages go into a ring of their own, for the main thread to print.
 *
 * When the process loads a library, its functions are searched on another thread: searching.c.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "symbols/function.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/probe/guardian.h"
#include "tracer/record/feed.h"
#include "tracer/record/salvage.h"
#include "tracer/record/session_state.h"
#include "tracer/trace/writer.h"

/* A call, or what one returns, that will not be in the trace. */
static void lose(struct session *session, struct recorded *recorded, enum loss why)
{
	session_lose(session, recorded, why);
	if (!session->told_loss[why])
		log_warn("some calls are lost: %s", loss_reason(why));
	session->told_loss[why] = true;
}

static bool on_enter(void *ctx, const struct call_event *event)
{
	struct session *session = ctx;
	struct recorded *recorded = probe_user(event->probe);
	bool taken = feed_enter(session->feed, event, recorded->class);

	if (!taken)
		lose(session, recorded, LOSS_NO_ROOM);
	return taken;
}

static void on_leave(void *ctx, const struct call_event *event)
{
	struct session *session = ctx;
	struct recorded *recorded = probe_user(event->probe);

	/* Of a call that is lost already nothing more is. */
	if (!event->entry_refused && !feed_leave(session->feed, event, recorded->class))
		lose(session, recorded, LOSS_NO_ROOM);
}

static void on_lost(void *ctx, struct probe *probe, enum engine_loss why)
{
	static const enum loss losses[] = { [ENGINE_NO_MEMORY] = LOSS_NO_MEMORY, [ENGINE_NO_SLOT] = LOSS_NO_SLOT };

	lose(ctx, probe_user(probe), losses[why]);
}

static bool on_thread(void *ctx, pid_t tid, const char *comm, uint64_t time_ns)
{
	struct session *session = ctx;

	return feed_thread(session->feed, tid, comm, time_ns);
}

static void on_code(void *ctx, uint64_t addr)
{
	struct session *session = ctx;

	feed_code(session->feed, addr); /* refused: it comes again with the next value that holds it */
}

static bool on_modules(void *ctx, bool held)
{
	return search_modules(ctx, held);
}

static void note_disarmed(struct session *session, struct recorded *recorded)
{
	recorded->off_since_ns = session_now_ns();
	atomic_fetch_add(&recorded->times_off, 1);
	atomic_fetch_add(&session->n_disarmed, 1);
}

static void on_disarmed(void *ctx, struct probe *probe, uint64_t held_ns)
{
	struct session *session = ctx;
	struct recorded *recorded = probe_user(probe);
	char text[sizeof(recorded->disarmed)];

	if (held_ns > recorded->held_ns)
		recorded->held_ns = held_ns;
	note_disarmed(session, recorded);
	session_why_disarmed(session, recorded, text, sizeof(text));
	log_warn("%s is disarmed for a while: %s", recorded->binding.function->name, text);
}

static void on_let_go(void *ctx, struct probe *probe, const char *why)
{
	struct session *session = ctx;
	struct recorded *recorded = probe_user(probe);
	char text[sizeof(recorded->disarmed)];

	recorded->let_go = why;
	note_disarmed(session, recorded);
	session_why_disarmed(session, recorded, text, sizeof(text));
	log_warn("%s is disarmed: %s", recorded->binding.function->name, text);
}

static void on_armed_again(void *ctx, struct probe *probe)
{
	struct recorded *recorded = probe_user(probe);

	(void)ctx;
	recorded->off_ns += session_now_ns() - recorded->off_since_ns;
	recorded->off_since_ns = 0;
	log_info("%s is recorded again", recorded->binding.function->name);
}

/* Somebody reads them at this moment: next time. */
static void show_stats(struct session *session)
{
	if (pthread_mutex_trylock(&session->stats_lock) != 0)
		return;
	engine_get_stats(session->engine, &session->stats);
	pthread_mutex_unlock(&session->stats_lock);
}

static void on_idle(void *ctx)
{
	show_stats(ctx);
}

static void leave_will(void *ctx, struct last_will *ret)
{
	const struct session *session = ctx;

	ret->files[SALVAGE_FEED] = session->feed_file;
	ret->files[SALVAGE_TRACE] = trace_directory(session->trace);
	ret->execute = salvage;
}

static const struct engine_ops callbacks = {
	.enter = on_enter,
	.leave = on_leave,
	.lost = on_lost,
	.thread = on_thread,
	.modules = on_modules,
	.saw_code = on_code,
	.disarmed = on_disarmed,
	.let_go = on_let_go,
	.armed_again = on_armed_again,
	.idle = on_idle,
	.last_will = leave_will,
};

static int open_engine(struct session *session)
{
	struct engine *engine;
	int r = session->options.command ? engine_spawn(session->options.command, &callbacks, session, &engine)
					  : engine_attach(session->pid, &callbacks, session, &engine);

	if (r < 0)
		return r;
	if (session->options.command)
		session->pid = engine_pid(engine);
	engine_set_patience(engine, session->options.max_pause_ns);
	engine_allow_unprotected(engine, session->options.unprotected);
	session->engine = engine;
	return 0;
}

static void announce(struct session *session, _Atomic bool *what)
{
	atomic_store(what, true);
	sem_post(&session->news);
}

/* The main thread reads the symbols of a command we have started; nothing of it runs yet. */
static int wait_for_symbols(struct session *session)
{
	struct timespec until;

	announce(session, &session->opened);
	do {
		engine_beat(session->engine);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
	} while (sem_clockwait(&session->loaded, CLOCK_MONOTONIC, &until) < 0);
	return session->load_failed ? -ECANCELED : 0;
}

static void tell_safety(struct session *session)
{
	const char *why = engine_unprotected(session->engine);
	struct engine_stats stats;

	engine_get_stats(session->engine, &stats);
	if (stats.repaired)
		log_info("restored %llu places in %s[%d] that a killed virtrace had left",
			 (unsigned long long)stats.repaired, session->comm, (int)session->pid);
	if (why)
		log_warn("%s[%d] would not survive kill -9 of virtrace: %s", session->comm, (int)session->pid, why);
}

/* So that no event comes before the trace knows its class: then none would be lost, should we be killed at once. */
static void wait_for_descriptions(struct session *session)
{
	static const struct timespec pause = { 0, 100 * 1000 };

	while (session->n_described < session->n_probes && !session->stop) {
		engine_beat(session->engine);
		nanosleep(&pause, NULL);
	}
}

static int arm(struct session *session)
{
	int r = arming_add(session, UINT64_MAX);

	if (!r && session->bindings.n && !session->probes.n && !session->n_pending)
		r = err_set(-ENODATA, "no probe could be armed");
	if (r < 0)
		return r;
	wait_for_descriptions(session);
	session->end = engine_run(session->engine, 0, &session->end_status);
	tell_safety(session);
	return session->end == TARGET_LOST ? -EIO : 0;
}

static void serve(struct session *session)
{
	uint64_t duration_ns = session->options.duration_ns;

	if (session->end == TARGET_RUNNING && !session->stop)
		session->end = engine_run(session->engine,
					  duration_ns ? session->start_ns + duration_ns : UINT64_MAX,
					  &session->end_status);
	if (session->end == TARGET_LOST)
		snprintf(session->reason, sizeof(session->reason), "error: %s", err_text());
}

static void leave(struct session *session)
{
	int r = session->engine ? engine_detach(session->engine) : 0;

	session->end_ns = session_now_ns();
	if (session->engine)
		engine_get_stats(session->engine, &session->stats);
	if (r < 0 && !session->tracer_failure.code)
		failure_set(&session->tracer_failure, r);
}

void *tracing_main(void *arg)
{
	struct session *session = arg;

	log_keep(session->tracer_messages);
	int r = open_engine(session);

	session_block_signals(); /* not before: a command inherits what is blocked */
	if (!r && session->options.command)
		r = wait_for_symbols(session);
	if (!r)
		r = arm(session);
	session_set_start(session);
	if (r < 0)
		failure_set(&session->tracer_failure, r);
	else
		show_stats(session);
	announce(session, &session->started);
	if (!r)
		serve(session);
	leave(session);
	announce(session, &session->ended);
	return NULL;
}
