/*
 * A recording, from requests to a complete trace
 *
 *	NEW ---start---> RECORDING ---finish---> DONE
 *
 *	NEW        modules and debug info are read, plans made, the trace directory exists; the target is untouched
 *	RECORDING  the engine is attached; every callback below runs inside session_run(), on the one thread
 *	DONE       the target is free; the trace is complete
 *
 * A started command has no modules before it runs, so its requests are bound while it is held at exec, and after each dlopen.
 *
 * A probe that cannot be written to the trace (disk full) is counted as lost, per probe; the target never notices.
 */
#include "tracer/cmd/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "symbols/function.h"
#include "symbols/plan.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/info.h"
#include "tracer/cmd/symbolizer.h"
#include "tracer/cmd/target.h"
#include "tracer/probe/unwind.h"
#include "tracer/trace/writer.h"

enum { IDLE_NAMES = 4, RETURN_SITES_MAX = 65535, STACK_FRAMES_MAX = 1024 };

/* A probe of ours: a binding that is armed, and its place in the trace. */
struct recorded {
	struct session *session;
	struct binding binding;
	struct probe *probe;
	int class;
	unsigned stack_frames; /* of a backtrace; 0: none wanted */
	uint64_t lost;
};

struct session {
	struct session_options options;
	const struct request_list *requests;
	pid_t pid;
	char comm[32];
	struct module_set *modules;
	struct binding_list bindings;
	ARRAY(struct recorded *) probes;
	struct trace_writer *trace;
	struct symbolizer *symbolizer;
	struct unwinder *unwinder;
	struct engine *engine;
	uint64_t start_ns, start_wall_ns, deadline_ns, end_ns;
	uint64_t entered, completed, last_id; /* calls in the trace; the newest one while max_calls allowed more */
	bool skip_deferred;
	enum target_end end;
	int end_status;
	volatile sig_atomic_t stopped; /* set by a signal handler */
	bool limit_reached, told_lost;
	char reason[128];
	struct engine_stats last_stats;
	uint64_t bytes;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct event_context context_of(const struct call_event *event)
{
	return (struct event_context){
		.time_ns = event->time_ns,
		.tid = event->tid,
		.call = event->id,
		.parent = event->parent,
		.depth = event->depth > UINT16_MAX ? UINT16_MAX : (uint16_t)event->depth,
	};
}

/* An event that is not in the trace: counted with its probe, told once. */
static void lose(struct session *session, struct recorded *recorded)
{
	recorded->lost++;
	if (!session->told_lost)
		log_warn("the trace cannot be written: %s", err_text());
	session->told_lost = true;
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

static bool on_enter(void *ctx, const struct call_event *event)
{
	struct session *session = ctx;
	struct recorded *recorded = probe_user(event->probe);
	struct event_context context = context_of(event);

	if (!is_wanted_entry(session, event))
		return true;
	session->entered++;
	uint64_t stack[STACK_FRAMES_MAX];
	size_t n_stack = event->stack ? unwind_stack(session->unwinder, event->stack, stack, recorded->stack_frames,
						     NULL) : 0;

	if (trace_entry(session->trace, recorded->class, &context, event->payload, event->len, stack, n_stack,
			event->entry_time_ns) < 0)
		lose(session, recorded);
	for (size_t i = 0; i < n_stack; i++)
		symbolizer_note(session->symbolizer, stack[i], i > 0, event->time_ns);
	return true;
}

static void on_leave(void *ctx, const struct call_event *event)
{
	static const enum call_closed closed[] = {
		[CALL_UNWOUND] = CLOSED_UNWOUND,
		[CALL_OPEN] = CLOSED_OPEN,
		[CALL_EXITED] = CLOSED_EXITED,
	};
	struct session *session = ctx;
	struct recorded *recorded = probe_user(event->probe);
	struct event_context context = context_of(event);
	int r;

	if (!is_wanted_end(session, event))
		return;
	if (event->end == CALL_RETURNED)
		r = trace_return(session->trace, recorded->class + 1, &context, event->return_site,
				 event->payload, event->len);
	else
		r = trace_closed(session->trace, &context, closed[event->end]);
	if (r < 0)
		lose(session, recorded);
	session->completed++;
	if (session->options.max_calls && session->completed >= session->options.max_calls) {
		session->limit_reached = true;
		engine_stop(session->engine);
	}
}

static bool on_thread(void *ctx, pid_t tid, const char *comm, uint64_t time_ns)
{
	struct session *session = ctx;

	trace_thread(session->trace, time_ns, tid, comm);
	return true;
}

static void on_code(void *ctx, uint64_t addr)
{
	struct session *session = ctx;

	symbolizer_note(session->symbolizer, addr, false, clock_ns(CLOCK_MONOTONIC));
}

static struct module *module_at(void *ctx, uint64_t addr)
{
	struct session *session = ctx;

	return module_set_at(session->modules, addr, UINT64_MAX - 1);
}

static void on_idle(void *ctx)
{
	struct session *session = ctx;

	symbolizer_work(session->symbolizer, IDLE_NAMES, clock_ns(CLOCK_MONOTONIC));
}

static bool is_bound(const struct session *session, const struct request *request)
{
	for (size_t i = 0; i < session->bindings.n; i++)
		if (session->bindings.items[i].request == request)
			return true;
	return false;
}

/* Whether an earlier request of its group has its function, or may still get it. */
static bool is_superseded(const struct session *session, const struct request *request)
{
	for (const struct request *other = session->requests->items; other < request; other++)
		if (request->group && other->group == request->group &&
		    (is_bound(session, other) || resolve_may_come(session->modules, other)))
			return true;
	return false;
}

/* Whether nothing is missing: of a group one function is enough, and the first request speaks for all. */
static bool is_met(const struct session *session, const struct request *request)
{
	const struct request_list *list = session->requests;
	bool met = is_bound(session, request);

	for (size_t i = 0; i < list->n && request->group && !met; i++)
		met = list->items[i].group == request->group &&
		      (&list->items[i] < request || is_bound(session, &list->items[i]));
	return met;
}

/*
 * Bind all requests in files from `first` on.  A function that is nowhere is no error here: the caller judges.
 */
static int bind_requests(struct session *session, size_t first)
{
	for (size_t i = 0; i < session->requests->n; i++) {
		const struct request *request = &session->requests->items[i];
		bool again = first && is_bound(session, request) && !strpbrk(request->pattern, "*?[!");
		int r = again || is_superseded(session, request)
				? 1
				: resolve_request(session->modules, first, request, &session->options.resolve,
						  &session->bindings);

		if (r < 0)
			return r;
	}
	return 0;
}

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

static int arm(struct session *session, const struct binding *binding)
{
	struct recorded *recorded = calloc(1, sizeof(*recorded));
	struct recorded **slot = recorded ? array_push(&session->probes) : NULL;

	if (!slot) {
		free(recorded);
		return err_set(-ENOMEM, "out of memory");
	}
	*slot = recorded;
	recorded->session = session;
	recorded->binding = *binding;
	recorded->stack_frames = binding->request->stack >= 0 ? (unsigned)binding->request->stack
							       : session->options.stack_frames;
	if (recorded->stack_frames > STACK_FRAMES_MAX)
		recorded->stack_frames = STACK_FRAMES_MAX;
	struct probe_options options = {
		.stack = recorded->stack_frames > 0,
		.nested_only = binding->nested_only,
	};
	int r = engine_add_probe(session->engine, binding->plan, &options, recorded, &recorded->probe);

	if (r == 0)
		r = recorded->class = describe_probe(session, recorded);
	if (!recorded->probe) {
		session->probes.n--;
		free(recorded);
	}
	return r < 0 ? r : 0;
}

/* Arm what is bound from `first` on; one that cannot be is left out with a warning. */
static int arm_bindings(struct session *session, size_t first)
{
	for (size_t i = first; i < session->bindings.n; i++) {
		const struct binding *binding = &session->bindings.items[i];
		int r = arm(session, binding);

		if (r == -ENOTSUP)
			log_warn("%s cannot be traced: %s", binding->function->name, err_text());
		else if (r < 0)
			return err_context(r, "cannot trace %s", binding->function->name);
	}
	return trace_commit(session->trace);
}

/* dlopen or dlclose: the calling thread waits for us. */
static void on_modules(void *ctx)
{
	struct session *session = ctx;
	struct mapped_file *const *files;
	size_t first_file = module_set_files(session->modules, &files), first = session->bindings.n;

	unwinder_forget(session->unwinder);
	if (module_set_refresh(session->modules) <= 0)
		return;
	int r = bind_requests(session, first_file);

	if (r == 0 && session->bindings.n > first)
		r = arm_bindings(session, first);
	if (r < 0)
		log_warn("a library was loaded, but: %s", err_text());
	for (size_t i = first; r == 0 && i < session->bindings.n; i++)
		log_info("armed %s in %s, which was just loaded", session->bindings.items[i].function->name,
			 module_name(session->bindings.items[i].function->module));
}

static const struct engine_ops engine_callbacks = {
	.enter = on_enter,
	.leave = on_leave,
	.thread = on_thread,
	.modules = on_modules,
	.saw_code = on_code,
	.idle = on_idle,
};

static int write_info(struct session *session)
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

	session_get_report(session, &report);
	if (session->end_ns) {
		info.end_wall_ns = session->start_wall_ns + (session->end_ns - session->start_ns);
		info.report = &report;
	}
	char *text = info_json(&info);
	int r = !text ? err_set(-ENOMEM, "out of memory")
		: session->trace ? trace_set_info(session->trace, text)
				 : trace_create(session->options.output, session->options.force, text,
						&session->trace);

	free(text);
	return r;
}

/* Every request must mean something now, or be one whose library may still come. */
static int check_bound(struct session *session)
{
	size_t n_pending = 0;

	for (size_t i = 0; i < session->requests->n; i++) {
		const struct request *request = &session->requests->items[i];

		if (is_met(session, request))
			continue;
		if (session->options.command || resolve_may_come(session->modules, request)) {
			log_info("waiting for %s: not loaded yet", request->pattern);
			n_pending++;
			continue;
		}
		/* Binding again sets the message. */
		int r = resolve_request(session->modules, 0, request, &session->options.resolve,
					&session->bindings);

		if (!request->lenient)
			return r < 0 ? r : -ENODATA;
		log_warn("%s", err_text());
	}
	if (!session->bindings.n && !n_pending)
		return -ENODATA;
	return resolve_check_filter(&session->bindings, &session->options.resolve);
}

static int load_symbols(struct session *session)
{
	target_comm(session->pid, session->comm, sizeof(session->comm));
	int r = module_set_new(session->pid, &session->options.modules, &session->modules);

	if (!r)
		r = bind_requests(session, 0);
	return r ? r : check_bound(session);
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
	int r = options->command ? 0 : load_symbols(session);

	if (!r)
		r = write_info(session);
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret = session;
	return 0;
}

int session_start(struct session *session)
{
	const struct session_options *options = &session->options;
	int r = options->command
		? engine_spawn(options->command, &engine_callbacks, session, &session->engine)
		: engine_attach(session->pid, &engine_callbacks, session, &session->engine);

	if (!r && options->command) {
		session->pid = engine_pid(session->engine);
		r = load_symbols(session);
	}
	if (!r)
		r = symbolizer_new(session->modules, session->trace, &session->symbolizer);
	if (!r && !(session->unwinder = unwinder_new(module_at, session)))
		r = err_set(-ENOMEM, "out of memory");
	if (!r)
		r = arm_bindings(session, 0);
	if (!r && session->bindings.n && !session->probes.n)
		r = err_set(-ENODATA, "no probe could be armed");
	if (session->engine)
		engine_get_stats(session->engine, &session->last_stats);
	session->start_ns = clock_ns(CLOCK_MONOTONIC);
	session->start_wall_ns = clock_ns(CLOCK_REALTIME);
	if (options->duration_ns)
		session->deadline_ns = session->start_ns + options->duration_ns;
	return r ? r : write_info(session);
}

bool session_run(struct session *session, uint64_t ns)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + ns;
	uint64_t deadline = session->deadline_ns;

	if (deadline && deadline < until)
		until = deadline;
	session->end = engine_run(session->engine, until, &session->end_status);
	engine_get_stats(session->engine, &session->last_stats);
	return session->end == TARGET_RUNNING && !session->stopped && !session->limit_reached &&
	       (!deadline || clock_ns(CLOCK_MONOTONIC) < deadline);
}

void session_stop(struct session *session)
{
	session->stopped = true;
	if (session->engine)
		engine_stop(session->engine);
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
	case TARGET_LOST:
		snprintf(reason, len, "error: %s", err_text());
		break;
	case TARGET_RUNNING:
		snprintf(reason, len, "%s", session->limit_reached ? "calls" : session->stopped ? "interrupted"
									      : "duration");
		break;
	}
}

int session_finish(struct session *session)
{
	set_reason(session);
	int r = session->engine ? engine_detach(session->engine) : 0;

	session->end_ns = clock_ns(CLOCK_MONOTONIC);
	if (session->engine)
		engine_get_stats(session->engine, &session->last_stats);
	while (session->symbolizer && symbolizer_work(session->symbolizer, IDLE_NAMES, session->end_ns))
		;
	for (size_t i = 0; i < session->probes.n; i++) {
		struct recorded *recorded = session->probes.items[i];

		if (recorded->lost)
			trace_lost(session->trace, session->end_ns, recorded->binding.function->name,
				   recorded->lost, "not written");
	}
	int r_info = write_info(session);
	int r_close;

	session->bytes = trace_bytes(session->trace);
	r_close = trace_close(session->trace);

	session->trace = NULL;
	return r ? r : r_info ? r_info : r_close;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	engine_free(session->engine);
	if (session->trace)
		trace_close(session->trace);
	symbolizer_free(session->symbolizer);
	unwinder_free(session->unwinder);
	for (size_t i = 0; i < session->probes.n; i++)
		free(session->probes.items[i]);
	array_free(&session->probes);
	array_free(&session->bindings);
	module_set_free(session->modules);
	free(session);
}

void session_get_report(const struct session *session, struct session_report *ret)
{
	uint64_t end = session->end_ns ? session->end_ns : clock_ns(CLOCK_MONOTONIC);

	*ret = (struct session_report){
		.pid = session->pid,
		.comm = session->comm,
		.path = session->options.output,
		.n_probes = session->probes.n,
		.elapsed_ns = session->start_ns ? end - session->start_ns : 0,
		.calls = session->entered,
		.bytes = session->trace ? trace_bytes(session->trace) : session->bytes,
		.engine = session->last_stats,
		.end = session->end,
		.end_status = session->end_status,
		.reason = session->reason,
	};
	for (size_t i = 0; i < session->requests->n; i++)
		ret->n_pending += !is_met(session, &session->requests->items[i]);
	for (size_t i = 0; i < session->probes.n; i++)
		ret->lost += session->probes.items[i]->lost;
	ret->lost += session->last_stats.missed;
}

bool session_get_probe(const struct session *session, size_t i, struct session_probe *ret)
{
	if (i >= session->probes.n)
		return false;
	const struct recorded *recorded = session->probes.items[i];

	*ret = (struct session_probe){
		.function = recorded->binding.function->name,
		.module = module_name(recorded->binding.function->module),
		.calls = probe_calls(recorded->probe),
		.lost = recorded->lost,
		.longest_stop_ns = probe_longest_stop_ns(recorded->probe),
		.stopped_ns = probe_stopped_ns(recorded->probe),
	};
	return true;
}
