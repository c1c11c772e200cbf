#include "tests/engine/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "symbols/plan.h"
#include "tests/engine/functions.h"
#include "tracer/remote/proc.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/probe/probe_code.h"
#include "tracer/probe/unwind.h"
#include "tracer/remote/maps.h"

enum { WAIT_SECONDS = 30 };

/* The victim of a test that fails is killed when the next one starts, or we end. */
static pid_t running;

static void kill_running(void)
{
	if (running)
		kill(running, SIGKILL);
	running = 0;
}

static void nap(long us)
{
	struct timespec ts = { 0, us * 1000 };

	nanosleep(&ts, NULL);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A bound for what must come; reaching it is a failure. */
void victim_wait(volatile uint32_t *word, uint32_t at_least)
{
	uint64_t end = now_ns() + WAIT_SECONDS * 1000000000ull;

	while (*word < at_least) {
		if (now_ns() > end)
			fail_msg("the victim does not answer");
		nap(500);
	}
}

void victim_check_alive(const struct victim *victim)
{
	int status;

	if (waitpid(victim->pid, &status, WNOHANG | __WALL) == victim->pid)
		fail_msg("the victim died: status %#x", (unsigned)status);
}

/* One mapping against the file it is of; false with `what` if it differs. */
static bool mapping_is_clean(int mem_fd, const struct mapping *m, char *what, size_t what_len)
{
	size_t len = m->hi - m->lo, at = 0;
	uint8_t *memory = malloc(len), *file = calloc(1, len);
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	ssize_t n_memory = pread(mem_fd, memory, len, (off_t)m->lo);
	bool readable = fd >= 0 && n_memory == (ssize_t)len && pread(fd, file, len, (off_t)m->offset) > 0;

	while (readable && at < len && memory[at] == file[at])
		at++;
	if (!readable)
		snprintf(what, what_len, "cannot compare %s: %zd of %zu bytes are readable", m->path, n_memory, len);
	else if (at < len)
		snprintf(what, what_len, "%s+%#lx: %02x, was %02x", m->path, (unsigned long)(m->offset + at), memory[at],
			 file[at]);
	close(fd);
	free(memory);
	free(file);
	return readable && at == len;
}

bool victim_text_is_clean(const struct victim *victim, char *what, size_t what_len)
{
	char path[64];
	struct maps maps;
	bool clean = true;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)victim->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || maps_read(victim->pid, &maps) < 0)
		fail_msg("cannot read the memory of %d", (int)victim->pid);
	for (size_t i = 0; clean && i < maps.n; i++)
		if (maps.items[i].executable && maps.items[i].loaded)
			clean = mapping_is_clean(fd, &maps.items[i], what, what_len);
	close(fd);
	maps_free(&maps);
	return clean;
}

void victim_check_text(const struct victim *victim)
{
	char what[512];

	victim_check_alive(victim);
	if (victim_text_is_clean(victim, what, sizeof(what)))
		return;
	nap(100000);
	victim_check_alive(victim);
	fail_msg("%s", what);
}

struct victim victim_prepare(const char *name)
{
	struct victim victim = { .path = "/tmp/virtrace-victim-XXXXXX" };
	int fd = mkstemp(victim.path);

	snprintf(victim.binary, sizeof(victim.binary), "%s/%s", VICTIM_DIR, name);
	if (fd < 0 || ftruncate(fd, sizeof(*victim.shared)) < 0)
		fail_msg("mkstemp: %s", strerror(errno));
	victim.shared = mmap(NULL, sizeof(*victim.shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	kill_running();
	atexit(kill_running);
	return victim;
}

struct victim victim_start(const char *name, const char *const *args, uint32_t ready)
{
	struct victim victim = victim_prepare(name);
	const char *argv[16] = { victim.binary, victim.path };

	for (size_t i = 0; args && args[i]; i++)
		argv[2 + i] = args[i];
	victim.pid = fork();
	if (victim.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* kept over exec */
		execv(victim.binary, (char *const *)argv);
		_exit(127);
	}
	running = victim.pid;
	victim_wait(&victim.shared->ready, ready);
	return victim;
}

void victim_forget(struct victim *victim)
{
	running = 0;
	if (victim->shared->bad)
		fail_msg("the victim says: %lu times bad, first: %s", (unsigned long)victim->shared->bad,
			 victim->shared->what);
	munmap(victim->shared, sizeof(*victim->shared));
	unlink(victim->path);
}

void victim_finish(struct victim *victim)
{
	int status = -1;

	victim->shared->quit = 1;
	assert_int_equal(waitpid(victim->pid, &status, __WALL), victim->pid);
	victim_forget(victim);
	assert_int_equal(status, 0);
}

size_t victim_count_maps(const struct victim *victim)
{
	struct maps maps;

	assert_int_equal(maps_read(victim->pid, &maps), 0);
	size_t n = maps.n;

	maps_free(&maps);
	return n;
}

void recorder_wrong(struct recorder *recorder, const char *fmt, ...)
{
	va_list ap;

	if (recorder->wrong++)
		return;
	va_start(ap, fmt);
	vsnprintf(recorder->what, sizeof(recorder->what), fmt, ap);
	va_end(ap);
}

void recorder_check(const struct recorder *recorder)
{
	if (recorder->wrong)
		fail_msg("%lu times wrong, first: %s", (unsigned long)recorder->wrong, recorder->what);
}

/* The one INT of a capture: status, then 8 bytes. */
static bool get_value(const struct call_event *event, int64_t *ret)
{
	if (event->len != 1 + sizeof(*ret) || event->payload[0] != STATUS_OK)
		return false;
	memcpy(ret, event->payload + 1, sizeof(*ret));
	return true;
}

static struct seen *get_seen(struct recorder *recorder, pid_t tid, unsigned function)
{
	struct seen_key key;
	struct seen *seen;

	memset(&key, 0, sizeof(key));
	key.tid = tid;
	key.function = function;
	HASH_FIND(hh, recorder->seen, &key, sizeof(key), seen);
	if (!seen) {
		seen = calloc(1, sizeof(*seen));
		seen->key = key;
		HASH_ADD(hh, recorder->seen, key, sizeof(seen->key), seen);
	}
	return seen;
}

const struct seen *recorder_seen(const struct recorder *recorder, pid_t tid, unsigned function)
{
	struct seen_key key;
	struct seen *seen;

	memset(&key, 0, sizeof(key));
	key.tid = tid;
	key.function = function;
	HASH_FIND(hh, recorder->seen, &key, sizeof(key), seen);
	return seen;
}

void recorder_forget(struct recorder *recorder)
{
	struct seen *seen, *next;

	HASH_ITER(hh, recorder->seen, seen, next) {
		HASH_DEL(recorder->seen, seen);
		free(seen);
	}
}

/*
 * Serials of a thread and function rise by one, each coming `repeat` times; the first one may be
 * cut.
 */
static void check_serial(struct watched *watched, struct seen *seen, uint64_t serial)
{
	struct recorder *recorder = watched->recorder;

	if (!seen->entries) {
		seen->first = seen->last = serial;
		seen->times = 1;
	} else if (serial == seen->last) {
		if (++seen->times > watched->repeat)
			recorder_wrong(recorder, "%s in %d: serial %lu came %u times", watched->name,
				       (int)seen->key.tid, (unsigned long)serial, seen->times);
	} else {
		if (serial != seen->last + 1 || (seen->times != watched->repeat && seen->last != seen->first))
			recorder_wrong(recorder, "%s in %d: serial %lu after %u times %lu", watched->name,
				       (int)seen->key.tid, (unsigned long)serial, seen->times,
				       (unsigned long)seen->last);
		seen->last = serial;
		seen->times = 1;
	}
}

static const struct watched *find_by_call(const struct recorder *recorder, uint64_t id)
{
	for (size_t i = 0; id && i < recorder->watched.n; i++)
		if (recorder->watched.items[i]->last_id == id)
			return recorder->watched.items[i];
	return NULL;
}

static bool on_enter(void *ctx, const struct call_event *event)
{
	struct recorder *recorder = ctx;
	struct watched *watched = probe_user(event->probe);
	struct seen *seen = get_seen(recorder, event->tid, watched->index);
	int64_t serial;

	watched->entries++;
	watched->depth = event->depth;
	watched->in = find_by_call(recorder, event->parent);
	watched->last_id = event->id;
	if (event->stack)
		recorder->n_stack = unwind_stack(recorder->unwinder, event->stack, recorder->stack, NULL, 16, NULL);
	if (watched->repeat && !get_value(event, &serial))
		recorder_wrong(recorder, "%s: no value at entry", watched->name);
	else if (watched->repeat)
		check_serial(watched, seen, (uint64_t)serial);
	seen->entries++;
	seen->open++;
	return true;
}

static void on_leave(void *ctx, const struct call_event *event)
{
	struct recorder *recorder = ctx;
	struct watched *watched = probe_user(event->probe);
	struct seen *seen = get_seen(recorder, event->tid, watched->index);
	int64_t value;

	watched->ends[event->end]++;
	if (seen->open-- == 0)
		recorder_wrong(recorder, "%s in %d: left, not entered", watched->name, (int)event->tid);
	if (event->end != CALL_RETURNED)
		return;
	seen->returns++;
	if (!watched->repeat || !watched->plan->n_out)
		return;
	if (!get_value(event, &value))
		recorder_wrong(recorder, "%s: no value at return", watched->name);
	else if ((uint64_t)value != seen->last + (uint64_t)watched->adds)
		recorder_wrong(recorder, "%s(%lu) returned %ld", watched->name, (unsigned long)seen->last, (long)value);
}

static bool on_modules(void *ctx, bool held)
{
	struct recorder *recorder = ctx;

	recorder->times_let_go += recorder->held && !held;
	recorder->held = held;
	if (recorder->modules_calls++ < recorder->modules_busy) {
		if (!recorder->modules_silent)
			engine_wake(recorder->engine);
		return false;
	}
	if (recorder->on_modules)
		recorder->on_modules(recorder);
	return true;
}

static struct module *on_module_at(void *ctx, uint64_t addr)
{
	struct recorder *recorder = ctx;

	for (size_t i = 0; i < recorder->others.n; i++)
		if (module_contains(recorder->others.items[i], addr))
			return recorder->others.items[i];
	return module_contains(recorder->module, addr) ? recorder->module : NULL;
}

static const struct engine_ops ops = {
	.enter = on_enter,
	.leave = on_leave,
	.modules = on_modules,
};
const struct engine_ops *const recorder_ops = &ops;

/* The module of the first mapping of `path`. */
static struct module *open_module(pid_t pid, const char *path)
{
	struct module_options options = { .no_debuginfod = true };
	struct module *module = NULL;
	struct maps maps;

	assert_int_equal(maps_read(pid, &maps), 0);
	for (size_t i = 0; i < maps.n && !module; i++) {
		const struct mapping *m = &maps.items[i];

		if (!strcmp(m->path, path) && module_open(path, path, m->lo, m->offset, &options, &module) < 0)
			fail_msg("%s", err_text());
	}
	maps_free(&maps);
	return module;
}

void recorder_init(struct recorder *recorder, const struct victim *victim)
{
	memset(recorder, 0, sizeof(*recorder));
	recorder->pid = victim->pid;
	recorder->unwinder = unwinder_new(on_module_at, recorder);
	recorder->module = open_module(victim->pid, victim->binary);
	assert_non_null(recorder->module);
}

void recorder_drop_watched(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->watched.n; i++)
		free(recorder->watched.items[i]);
	array_free(&recorder->watched);
}

void recorder_fini(struct recorder *recorder)
{
	engine_free(recorder->engine);
	unwinder_free(recorder->unwinder);
	recorder_drop_watched(recorder);
	recorder_forget(recorder);
	module_close(recorder->module);
	for (size_t i = 0; i < recorder->others.n; i++)
		module_close(recorder->others.items[i]);
	array_free(&recorder->others);
}

static struct function *find_function(struct module *module, const char *name)
{
	struct pattern pattern = { .name = name };
	struct function_list list = { 0 };

	if (function_find(module, &pattern, &list) < 1)
		fail_msg("no function %s", name);
	struct function *function = list.items[0];

	function_list_free(&list);
	return function;
}

static struct watched *watch(struct recorder *recorder, struct module *module, const char *function, long adds,
			     unsigned repeat, bool has_return)
{
	static const char *const in[] = { "n", NULL }, *const out[] = { "$ret", NULL }, *const none[] = { NULL };
	struct plan_request request = { .in = repeat ? in : none, .out = has_return ? out : none,
					.limits = LIMITS_DEFAULT };
	struct watched *watched = calloc(1, sizeof(*watched));
	struct watched **place = array_push(&recorder->watched);

	*place = watched;
	*watched = (struct watched){ .recorder = recorder, .name = function, .adds = adds, .repeat = repeat,
				     .index = (unsigned)recorder->watched.n - 1 };
	if (plan_new(find_function(module, function), &request, &watched->plan) < 0)
		fail_msg("%s", err_text());
	return watched;
}

struct watched *recorder_watch(struct recorder *recorder, const char *function, long adds, unsigned repeat,
			       bool has_return)
{
	return watch(recorder, recorder->module, function, adds, repeat, has_return);
}

int engine_add(struct engine *engine, const struct plan *plan, const struct probe_options *options, void *user,
	       struct probe **ret)
{
	struct probe_code *code;
	int r = probe_code_read(plan->function, &code);

	return r < 0 ? r : engine_add_probe(engine, plan, code, options, user, ret);
}

/* False: refused, as it may be of code that a compiler made, where the process lives with SIGTRAPs. */
static bool add_probe(struct recorder *recorder, struct watched *watched)
{
	struct probe_options options = { .stack = recorder->wants_stack };
	int r = engine_add(recorder->engine, watched->plan, &options, watched, &watched->probe);

	if (r < 0 && !(recorder->may_refuse && strstr(err_text(), "could be taken for a hit")))
		fail_msg("%s: %s", watched->name, err_text());
	return r == 0;
}

struct watched *recorder_watch_in(struct recorder *recorder, const char *path, const char *function, long adds)
{
	struct module *module = open_module(recorder->pid, path);

	if (!module)
		return NULL;
	*array_push(&recorder->others) = module;
	struct watched *watched = watch(recorder, module, function, adds, 1, true);

	watched->index = 0; /* serials go on from one time it is loaded to the next */
	add_probe(recorder, watched);
	return watched;
}

void recorder_watch_all(struct recorder *recorder)
{
#define WATCH(name, adds, repeat) recorder_watch(recorder, #name, adds, repeat, true);
	FUNCTIONS(WATCH)
#undef WATCH
}

void recorder_add_probes(struct recorder *recorder)
{
	size_t kept = 0;

	for (size_t i = 0; i < recorder->watched.n; i++) {
		struct watched *watched = recorder->watched.items[i];

		if (add_probe(recorder, watched))
			recorder->watched.items[kept++] = watched;
		else
			free(watched);
	}
	assert_true(kept + 3 > recorder->watched.n);
	recorder->watched.n = kept;
}

static bool lives_with_traps(pid_t pid)
{
	uint64_t caught = 0, ignored = 0;

	proc_status(pid, "SigCgt", 16, &caught);
	proc_status(pid, "SigIgn", 16, &ignored);
	return (caught | ignored) >> (SIGTRAP - 1) & 1;
}

void recorder_attach(struct recorder *recorder)
{
	recorder->may_refuse = lives_with_traps(recorder->pid);
	if (engine_attach(recorder->pid, &ops, recorder, &recorder->engine) < 0)
		fail_msg("%s", err_text());
	recorder_add_probes(recorder);
}

void recorder_run(struct recorder *recorder, unsigned ms)
{
	int status;
	enum target_end end = engine_run(recorder->engine, now_ns() + ms * 1000000ull, &status);

	if (end != TARGET_RUNNING)
		fail_msg("the target ended: %d, status %d: %s", end, status, err_text());
}

void recorder_spawn(struct recorder *recorder, char *const argv[])
{
	memset(recorder, 0, sizeof(*recorder));
	if (engine_spawn(argv, &ops, recorder, &recorder->engine) < 0)
		fail_msg("%s", err_text());
	recorder->pid = engine_pid(recorder->engine);
	recorder->unwinder = unwinder_new(on_module_at, recorder);
	running = recorder->pid;
	recorder->module = open_module(recorder->pid, argv[0]);
	assert_non_null(recorder->module);
}

enum target_end recorder_run_to_end(struct recorder *recorder, int *status)
{
	uint64_t end_ns = now_ns() + WAIT_SECONDS * 1000000000ull;
	enum target_end end = engine_run(recorder->engine, end_ns, status);

	if (end == TARGET_LOST)
		fail_msg("%s", err_text());
	return end;
}

void recorder_run_until(struct recorder *recorder, volatile uint32_t *word, uint32_t at_least)
{
	for (int i = 0; i < WAIT_SECONDS * 50 && *word < at_least; i++)
		recorder_run(recorder, 20);
	if (*word < at_least)
		fail_msg("the victim does not answer");
}

void recorder_detach(struct recorder *recorder)
{
	struct engine_stats stats;

	if (engine_detach(recorder->engine) < 0)
		fail_msg("%s", err_text());
	engine_get_stats(recorder->engine, &stats);
	int status;
	enum target_end end = engine_run(recorder->engine, 0, &status);

	if (end != TARGET_RUNNING)
		fail_msg("the target ended while we detached: %d, status %d", end, status);
	assert_int_equal(stats.missed, 0);
	assert_int_equal(stats.sites, 0);
	engine_free(recorder->engine);
	recorder->engine = NULL;
}

/* Owners of their own, on the victim "load" */

const struct plan *load_plan(struct recorder *recorder, const char *function, const char *filter)
{
	static const char *const in[] = { "n", NULL }, *const out[] = { "$ret", NULL };
	struct plan_request request = { .in = in, .out = out, .filter = filter, .limits = LIMITS_DEFAULT };
	const struct plan *plan;
	const struct function *f = recorder_watch(recorder, function, 0, 0, false)->plan->function;

	if (plan_new(f, &request, &plan) < 0)
		fail_msg("%s", err_text());
	return plan;
}

struct victim load_start(const char *threads)
{
	const char *const args[] = { threads, NULL };

	return victim_start("load", args, (uint32_t)atoi(threads));
}

void load_finish(struct victim *victim, struct recorder *recorder)
{
	victim_check_text(victim);
	recorder_fini(recorder);
	victim->shared->stop = 1;
	victim_finish(victim);
}

void load_run(struct engine *engine, unsigned ms)
{
	int status;

	assert_int_equal(engine_run(engine, now_ns() + ms * 1000000ull, &status), TARGET_RUNNING);
}

void load_run_until(struct engine *engine, const uint64_t *count, uint64_t at_least)
{
	for (int i = 0; i < WAIT_SECONDS * 50 && *count < at_least; i++)
		load_run(engine, 20);
	assert_true(*count >= at_least);
}

void load_add(struct engine *engine, const struct plan *plan, const struct probe_options *options, uintptr_t user)
{
	struct probe *probe;

	if (engine_add(engine, plan, options, (void *)user, &probe) < 0)
		fail_msg("%s", err_text());
}
