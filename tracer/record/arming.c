/*
 * From requests to armed probes: before attaching, and after each dlopen (searching.c tells which thread does what).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/function.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/probe/need.h"
#include "tracer/probe/probe_code.h"
#include "tracer/record/feed.h"
#include "tracer/record/session_state.h"
#include "tracer/record/target.h"
#include "tracer/trace/writer.h"

enum { ADVICE_MAX = 2048 };

/* Bound to a function of a library that is still loaded. */
static bool is_bound(const struct session *session, const struct request *request)
{
	for (size_t i = 0; i < session->bindings.n; i++) {
		const struct binding *binding = &session->bindings.items[i];

		if (binding->request == request && module_set_is_mapped(session->modules, binding->function->module))
			return true;
	}
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

/* Bind all requests in some files.  A function that is nowhere is no error here: the caller judges. */
static int bind_requests(struct session *session, struct file_range range)
{
	bool later = range.first > 0;

	for (size_t i = 0; i < session->requests->n && !(later && session->stop); i++) {
		const struct request *request = &session->requests->items[i];
		bool again = later && is_bound(session, request) && !strpbrk(request->pattern, "*?[!");
		int r = again || is_superseded(session, request)
				? 1
				: resolve_request(session->modules, range, request, &session->options.resolve,
						  &session->bindings);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether what a request means may be loaded later, as far as is known now. */
static bool may_come(struct session *session, const struct request *request)
{
	return session->options.command || resolve_may_come(session->modules, request);
}

/* Bind a request that is not met once more, which sets the message; its library may come and go meanwhile. */
static int bind_again(struct session *session, const struct request *request)
{
	int r = resolve_request(session->modules, all_files, request, &session->options.resolve, &session->bindings);

	if (r > 0)
		return 0;
	char *text = strdup(err_text());

	if (module_set_refresh(session->modules) >= 0 && may_come(session, request))
		r = 1;
	else
		err_set(r < 0 ? r : -ENODATA, "%s", text ? text : "out of memory");
	free(text);
	return r > 0 ? 1 : r < 0 ? r : -ENODATA;
}

/* Advice on functions of presets that are missing: many share a cause, so each line is kept once, for the end. */
struct advice {
	char lines[ADVICE_MAX];
};

static void warn_missing(struct advice *advice, const char *text)
{
	const char *line = strchr(text, '\n');

	log_warn("%.*s", line ? (int)(line - text) : (int)strlen(text), text);
	while (line) {
		const char *end = strchr(++line, '\n');
		size_t len = end ? (size_t)(end - line) : strlen(line), used = strlen(advice->lines);

		if (!memmem(advice->lines, used, line, len))
			snprintf(advice->lines + used, sizeof(advice->lines) - used, "%s%.*s", used ? "\n" : "",
				 (int)len, line);
		line = end;
	}
}

/* Every request must mean something now, or be one whose library may still come. */
static int check_bound(struct session *session)
{
	struct advice advice = { "" };

	for (size_t i = 0; i < session->requests->n; i++) {
		const struct request *request = &session->requests->items[i];

		if (is_met(session, request))
			continue;
		int r = may_come(session, request) ? 1 : bind_again(session, request);

		if (r < 0 && !request->lenient)
			return r;
		if (r < 0)
			warn_missing(&advice, err_text());
		if (r <= 0)
			continue;
		log_info("waiting for %s: not loaded yet", request->pattern);
		session->n_pending++;
	}
	if (!session->bindings.n && !session->n_pending)
		return err_set(-ENODATA, "none of the functions is there%s%s", advice.lines[0] ? "\n" : "",
			       advice.lines);
	if (advice.lines[0])
		log_info("%s", advice.lines);
	return resolve_check_filter(&session->bindings, &session->options.resolve);
}

/* One that cannot be traced, and one that is traced already, is left without its code. */
static int read_code(struct session *session, size_t first)
{
	int r = resolve_mark_doubles(&session->bindings, first);

	for (size_t i = first; i < session->bindings.n && r == 0; i++) {
		struct binding *binding = &session->bindings.items[i];

		if (binding->is_double)
			continue;
		r = probe_code_read(binding->function, &binding->code);
		if (r == -ENOTSUP) {
			log_warn("%s cannot be traced: %s", binding->function->name, err_text());
			r = 0;
		}
	}
	return r;
}

int arming_load(struct session *session)
{
	struct mapped_file *const *files;

	target_comm(session->pid, session->comm, sizeof(session->comm));
	int r = module_set_new(session->pid, &session->options.modules, &session->modules);

	if (!r) {
		if (session_wants_stacks(session))
			module_set_keep_files(session->modules);
		session->n_searched = module_set_files(session->modules, &files);
		r = bind_requests(session, all_files);
		module_set_settle(session->modules, 0, session->n_searched);
	}
	if (!r) /* a library may be gone by now */
		r = module_set_refresh(session->modules);
	if (r >= 0)
		r = check_bound(session);
	return r < 0 ? r : read_code(session, 0);
}

void arming_search(struct session *session)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(session->modules, &files), first = session->bindings.n;
	int r = bind_requests(session, (struct file_range){ session->n_searched, n });

	module_set_settle(session->modules, session->n_searched, n);
	session->n_searched = n;
	if (r < 0)
		log_warn("a library was loaded, but: %s", err_text());
	r = read_code(session, first);
	if (r < 0)
		log_warn("a library was loaded, but: %s", err_text());
}

static struct recorded *new_recorded(struct session *session, const struct binding *binding)
{
	struct recorded *recorded = calloc(1, sizeof(*recorded));

	if (!recorded)
		return NULL;
	*recorded = (struct recorded){
		.session = session,
		.binding = *binding,
		.class = trace_probe_class(session->probes.n),
	};
	recorded->stack_frames = binding->request->stack >= 0 ? (unsigned)binding->request->stack
							       : session->options.stack_frames;
	if (recorded->stack_frames > STACK_FRAMES_MAX)
		recorded->stack_frames = STACK_FRAMES_MAX;
	return recorded;
}

static int add_to_engine(struct session *session, struct binding *binding, struct recorded *recorded)
{
	struct probe_options options = {
		.stack = recorded->stack_frames > 0,
		.nested_only = binding->nested_only,
		.max_pause_ns = session->options.max_pause_ns,
		.max_rate = session->options.max_rate,
	};
	struct probe_code *code = binding->code;

	binding->code = NULL;
	return engine_add_probe(session->engine, binding->plan, code, &options, recorded, &recorded->probe);
}

static int add(struct session *session, struct binding *binding)
{
	struct recorded *recorded = new_recorded(session, binding);

	pthread_mutex_lock(&session->probes_lock);
	struct recorded **slot = recorded ? array_push(&session->probes) : NULL;

	pthread_mutex_unlock(&session->probes_lock);
	int r = slot ? add_to_engine(session, binding, recorded) : err_set(-ENOMEM, "out of memory");

	if (r == 0) {
		*slot = recorded;
		return 0;
	}
	session->probes.n -= slot != NULL;
	free(recorded);
	return r;
}

/* A library that has gone since its symbols were read may come again. */
static int try_to_add(struct session *session, struct binding *binding)
{
	const struct function *function = binding->function;
	int r = module_set_is_mapped(session->modules, function->module) ? add(session, binding) : -ENOENT;

	if (r == -ENOTSUP) {
		log_warn("%s cannot be traced: %s", function->name, err_text());
		return 0;
	}
	if (r == -ENOENT) {
		log_info("waiting for %s: its library was just unloaded", function->name);
		session->n_pending++;
		module_set_unsettle(session->modules, function->module);
		return module_set_refresh(session->modules);
	}
	return r < 0 ? err_context(r, "cannot trace %s", function->name) : 0;
}

/* Those that are to be added; before the first of them is. */
static int check_room(struct session *session)
{
	size_t first = session->n_added, n = session->bindings.n - first;
	const struct probe_code **codes = n ? calloc(n, sizeof(*codes)) : NULL;
	size_t k = 0;

	for (size_t i = 0; codes && i < n; i++)
		if (session->bindings.items[first + i].code)
			codes[k++] = session->bindings.items[first + i].code;
	int r = k ? need_check(session->pid, codes, k) : 0;

	free(codes);
	return r;
}

void arming_add_again(struct session *session)
{
	for (size_t i = 0; i < session->probes.n; i++) {
		struct recorded *recorded = session->probes.items[i];
		const struct function *function = recorded->binding.function;

		if (!probe_is_unloaded(recorded->probe) || recorded->let_go || !module_set_is_mapped(session->modules, function->module))
			continue;
		if (engine_add_again(recorded->probe) < 0)
			log_warn("%s cannot be traced any more: %s", function->name, err_text());
	}
}

int arming_add(struct session *session, uint64_t until_ns)
{
	int r = check_room(session);

	if (r < 0)
		session->n_added = session->bindings.n; /* none of them will be */
	while (session->n_added < session->bindings.n && r >= 0) {
		struct binding *binding = &session->bindings.items[session->n_added++];

		engine_beat(session->engine);
		if (!binding->code)
			continue;
		r = try_to_add(session, binding);
		if (session_now_ns() >= until_ns)
			break;
	}
	atomic_store(&session->n_probes, session->probes.n);
	feed_wake(session->feed); /* the writer describes them */
	return r < 0 ? r : 0;
}
