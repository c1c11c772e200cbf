/*
 * An owner that has no room for what he is told, and one that does not want a probe at any price.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/function.h"
#include "symbols/plan.h"
#include "tests/engine/harness.h"
#include "tracer/probe/engine_state.h"

/* ---- an owner without room: of three calls it takes one, and threads' names after ten refusals */
struct refusing {
	uint64_t entries, returns, names, bad;
};

static bool takes(uint64_t id)
{
	return id % 3 == 0;
}

static bool refusing_enter(void *ctx, const struct call_event *event)
{
	struct refusing *events = ctx;

	events->entries++;
	return takes(event->id);
}

static void refusing_leave(void *ctx, const struct call_event *event)
{
	struct refusing *events = ctx;

	events->returns++;
	events->bad += event->entry_refused == takes(event->id);
}

static bool refusing_thread(void *ctx, pid_t tid, const char *comm, uint64_t time_ns)
{
	struct refusing *events = ctx;

	(void)tid;
	(void)time_ns;
	events->bad += strcmp(comm, "load") != 0;
	return ++events->names > 10;
}

static const struct engine_ops refusing_ops = {
	.enter = refusing_enter,
	.leave = refusing_leave,
	.thread = refusing_thread,
};

/* What is refused is remembered: entries until their ends, deferred ones too, and names of threads until they are taken. */
static void refused_by_owner(void **state)
{
	struct victim victim = load_start("1");
	struct recorder recorder;
	struct refusing events = { 0 };
	struct probe_options options = { 0 };
	struct engine *engine;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &refusing_ops, &events, &engine), 0);
	load_add(engine, load_plan(&recorder, "f_sub", NULL), &options, 0);
	load_add(engine, load_plan(&recorder, "f_deep", "$ret % 2 == 0"), &options, 0);
	load_run_until(engine, &events.returns, 200);
	assert_int_equal(engine_detach(engine), 0);
	assert_int_equal(events.bad, 0);
	assert_int_equal(events.entries, events.returns);
	assert_int_equal(events.names, 11);
	engine_free(engine);
	load_finish(&victim, &recorder);
}

/* ---- budgets */
struct budget_events {
	uint64_t entries[3], ends[3][4]; /* by user; by user and enum call_end */
	uint64_t disarmed[3], again[3], held_ns[3], late;
};

static bool budget_enter(void *ctx, const struct call_event *event)
{
	struct budget_events *events = ctx;
	uintptr_t user = (uintptr_t)probe_user(event->probe);

	events->entries[user]++;
	events->late += events->disarmed[user] > events->again[user];
	return true;
}

static void budget_leave(void *ctx, const struct call_event *event)
{
	struct budget_events *events = ctx;
	uintptr_t user = (uintptr_t)probe_user(event->probe);

	events->ends[user][event->end]++;
	events->late += events->disarmed[user] > events->again[user];
}

static void budget_disarmed(void *ctx, struct probe *probe, uint64_t held_ns)
{
	struct budget_events *events = ctx;
	uintptr_t user = (uintptr_t)probe_user(probe);

	events->disarmed[user]++;
	events->held_ns[user] = held_ns;
}

static void budget_again(void *ctx, struct probe *probe)
{
	struct budget_events *events = ctx;

	events->again[(uintptr_t)probe_user(probe)]++;
}

static const struct engine_ops budget_ops = {
	.enter = budget_enter,
	.leave = budget_leave,
	.disarmed = budget_disarmed,
	.armed_again = budget_again,
};

static uint64_t ended(const struct budget_events *events, int user)
{
	uint64_t n = 0;

	for (int i = 0; i < 4; i++)
		n += events->ends[user][i];
	return n;
}

static uint8_t byte_at(pid_t pid, uint64_t addr)
{
	char path[64];
	uint8_t byte = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, &byte, 1, (off_t)addr), 1);
	close(fd);
	return byte;
}

/*
 * Three probes: one may not hold anybody, one is hit too often, one has no limit and shares all its sites with the first.  All
 * three with the memory file and without.
 */
static void budgets(bool poke)
{
	struct victim victim = load_start("2");
	struct recorder recorder;
	struct budget_events events = { 0 };
	struct probe_options strict = { .max_pause_ns = 1 }, rare = { .max_rate = 50 },
			     none = { .max_pause_ns = UINT64_MAX, .max_rate = UINT64_MAX };
	struct engine *engine;

	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &budget_ops, &events, &engine), 0);
	engine->proc->poke = poke;
	const struct plan *sub = load_plan(&recorder, "f_sub", NULL), *deep = load_plan(&recorder, "f_deep", NULL);

	load_add(engine, sub, &strict, 0);
	load_add(engine, deep, &rare, 1);
	load_add(engine, sub, &none, 2);
	load_run_until(engine, &events.disarmed[0], 1);
	load_run_until(engine, &events.disarmed[1], 1);
	assert_true(events.entries[0] + events.ends[0][CALL_RETURNED] <= LONG_HITS + 2 && events.held_ns[0] > 1);
	assert_true(events.entries[0] + events.ends[0][CALL_RETURNED] > 2);
	/* some hits are no events: returns of calls entered before, jumps inside the function */
	assert_true(events.entries[1] > 0 && events.entries[1] + events.ends[1][CALL_RETURNED] <= 51);
	assert_int_equal(events.held_ns[1], 0);
	assert_int_not_equal(byte_at(victim.pid, deep->function->entry), 0xcc);
	assert_int_equal(byte_at(victim.pid, sub->function->entry), 0xcc);
	load_run_until(engine, &events.entries[2], events.entries[2] + 1000);
	assert_int_equal(events.disarmed[0], 1);
	assert_int_equal(events.disarmed[1], 1);
	assert_int_equal(events.disarmed[2], 0);
	assert_int_equal(events.again[0] + events.again[1], 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ended(&events, i), events.entries[i]);
	assert_true(events.ends[1][CALL_OPEN] > 0 || events.entries[1] == events.ends[1][CALL_RETURNED]);
	/* After a while each comes back, records, and is over its budget again. */
	for (int i = 0; i < 2; i++)
		engine->probes.items[i]->rests_until_ns = 1;
	load_run_until(engine, &events.disarmed[0], 2);
	load_run_until(engine, &events.disarmed[1], 2);
	assert_true(events.again[0] == 1 && events.again[1] == 1 && events.again[2] == 0);
	assert_true(engine->probes.items[0]->rest_ns == 2 * engine->rest_ns);
	assert_int_equal(engine_detach(engine), 0);
	assert_int_equal(events.late, 0);
	assert_int_equal(ended(&events, 2), events.entries[2]);
	engine_free(engine);
	load_finish(&victim, &recorder);
}

static void over_budget(void **state)
{
	(void)state;
	budgets(false);
	budgets(true);
}

/* ---- memory */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define COUNTS_MEMORY 0 /* the sanitizer's malloc is not ours to replace */
#else
#define COUNTS_MEMORY 1
#endif

static volatile bool counting;
static volatile uint64_t n_allocated;

#if COUNTS_MEMORY
/* All of the program's; what they do is glibc's (malloc.c). */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *old, size_t size);

void *malloc(size_t size)
{
	n_allocated += counting;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	n_allocated += counting;
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	n_allocated += counting;
	return __libc_realloc(old, size);
}
#endif

enum { WARM_UP = 1000, COUNTED = 3000 };

static bool counting_enter(void *ctx, const struct call_event *event)
{
	struct refusing *events = ctx;

	(void)event;
	events->entries++;
	if (events->entries > WARM_UP)
		counting = events->entries < WARM_UP + COUNTED;
	return true;
}

static void counting_leave(void *ctx, const struct call_event *event)
{
	(void)ctx;
	(void)event;
}

static const struct engine_ops counting_ops = { .enter = counting_enter, .leave = counting_leave };

/* Once every place that tail calls return to has been seen: nothing, from stop to stop. */
static void hits_allocate_nothing(void **state)
{
	static const char *const functions[] = { "f_push", "f_sub", "f_deep", "f_jmp" };
	struct victim victim = load_start("2");
	struct recorder recorder;
	struct refusing events = { 0 };
	struct probe_options options = { .stack = true };
	struct engine *engine;

	(void)state;
	if (!COUNTS_MEMORY)
		skip();
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &counting_ops, &events, &engine), 0);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		load_add(engine, load_plan(&recorder, functions[i], i == 1 ? "$ret % 2 == 0" : NULL), &options, 0);
	n_allocated = 0;
	load_run_until(engine, &events.entries, WARM_UP + COUNTED + 1);
	assert_int_equal(n_allocated, 0);
	counting = true; /* it does count */
	void *volatile memory = malloc(1);

	counting = false;
	free(memory);
	assert_int_equal(n_allocated, 1);
	assert_int_equal(engine_detach(engine), 0);
	engine_free(engine);
	load_finish(&victim, &recorder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_by_owner),
		cmocka_unit_test(over_budget),
		cmocka_unit_test(hits_allocate_nothing),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
