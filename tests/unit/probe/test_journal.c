/*
 * The journal and what is repaired by it, on a child that has the same text as we: what must be written, and what must not.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/err.h"
#include "tracer/probe/journal.h"
#include "tracer/probe/place.h"
#include "tracer/probe/repair.h"
#include "tracer/remote/buildid.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"

static const uint8_t int3 = 0xcc;

static struct proc *start(void)
{
	struct proc *proc;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_int_equal(proc_open(pid, &proc), 0);
	return proc;
}

static void finish(struct proc *proc)
{
	kill(proc->pid, SIGKILL);
	assert_int_equal(waitpid(proc->pid, NULL, 0), proc->pid);
	proc_close(proc);
}

static void put(struct proc *proc, uint64_t addr, const void *bytes, size_t len)
{
	assert_int_equal(pwrite(proc->mem_fd, bytes, len, (off_t)addr), len);
}

static uint8_t get(struct proc *proc, uint64_t addr)
{
	uint8_t byte;

	assert_int_equal(pread(proc->mem_fd, &byte, 1, (off_t)addr), 1);
	return byte;
}

/* Of the page of an address, as it is now. */
static uint32_t sum_at(struct proc *proc, uint64_t addr)
{
	uint8_t page[PLACE_PAGE];

	assert_int_equal(pread(proc->mem_fd, page, sizeof(page), (off_t)(addr & ~(uint64_t)(PLACE_PAGE - 1))), sizeof(page));
	return place_sum(page);
}

struct source {
	struct proc *proc;
	struct maps maps;
};

static size_t read_id(void *ctx, const struct mapping *m, uint8_t *id)
{
	struct source *source = ctx;

	return build_id_read(source->proc, &source->maps, m, id, JOURNAL_ID_MAX);
}

/* Functions of this program: any code. */
static void one(void) { __asm__ volatile("nop; nop; nop; nop"); }
static void two(void) { __asm__ volatile("nop; nop; nop; nop; nop"); }

static void repaired(void **state)
{
	struct source source = { .proc = start() };
	struct proc *proc = source.proc;
	uint64_t a = (uint64_t)one, b = (uint64_t)two;
	struct repair_result result;
	struct journal journal;
	struct stat st;

	(void)state;
	if (journal_create(proc->pid, &journal) < 0)
		fail_msg("%s", err_text());
	assert_int_equal(stat(journal.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(proc_maps(proc, &source.maps), 0);
	unsigned module = journal_module(&journal, maps_find(&source.maps, a), read_id, &source);

	assert_int_equal(module, 0);
	assert_int_equal(journal_module(&journal, maps_find(&source.maps, b), read_id, &source), 0);
	assert_int_equal(journal_add(&journal, a, (const uint8_t *)one, 4, module, sum_at(proc, a)), 0);
	assert_int_equal(journal_add(&journal, b, (const uint8_t *)two, 4, JOURNAL_NO_MODULE, sum_at(proc, b)), 1);
	assert_int_equal(journal_add(&journal, 0x1000, (const uint8_t *)two, 4, JOURNAL_NO_MODULE, 0), 2);
	assert_int_equal(journal_check(journal.file, sizeof(*journal.file)), 0);

	put(proc, a, &int3, 1);
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(result.restored == 1 && result.clean == 1 && result.changed == 1 && !result.failed);
	assert_int_equal(get(proc, a), *(const uint8_t *)one);

	/* somebody else's code is there now: nobody knows whose int3 it is; nor what else is in the page, if it is of no file that is known */
	put(proc, a, "\xcc\x90\x91\x92", 4);
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(!result.restored && result.changed == 2 && result.unsure == 1);
	assert_int_equal(get(proc, a), int3);
	put(proc, a, (const void *)one, 4);

	/* another build of the library, though the bytes are the same */
	put(proc, a, &int3, 1);
	journal.file->modules[0].build_id[0] ^= 1;
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(!result.restored && get(proc, a) == int3);
	journal.file->modules[0].build_id[0] ^= 1;

	/* one that is gone */
	journal_drop(&journal, 0);
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(!result.restored && get(proc, a) == int3);
	maps_free(&source.maps);
	journal_remove(&journal);
	assert_int_equal(journal_open(proc->pid, &journal), -ENOENT);
	finish(proc);
}

/* ---- what a program may map where its code was: page by page, each with a site of one byte, as tells least */

enum { PAGES = 6, PAGE = 4096, AT = 100 };
enum { STAYS, DATA, MOVED, CHANGED, SHARED, GONE };
static const uint8_t push = 0x53;

static struct pages {
	uint8_t *text; /* a file of PAGES pages, executable */
	char path[32];
	int fd;
} pages;

static void make_pages(void)
{
	static uint8_t content[PAGES * PAGE];

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = i % PAGE == AT ? push : (uint8_t)(i * 7 + i / PAGE);
	strcpy(pages.path, "/tmp/virtrace-pages.XXXXXX");
	pages.fd = mkstemp(pages.path);
	assert_true(pages.fd >= 0);
	assert_int_equal(write(pages.fd, content, sizeof(content)), sizeof(content));
	pages.text = mmap(NULL, sizeof(content), PROT_READ | PROT_EXEC, MAP_PRIVATE, pages.fd, 0);
	assert_ptr_not_equal(pages.text, MAP_FAILED);
}

static void unmake_pages(void)
{
	munmap(pages.text, PAGES * PAGE);
	close(pages.fd);
	unlink(pages.path);
}

static uint64_t site_in(unsigned page)
{
	return (uint64_t)pages.text + page * PAGE + AT;
}

/* As a program moves its text into huge pages. */
static void move(unsigned page, bool change)
{
	uint8_t *to = pages.text + page * PAGE,
		*copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(copy, to, PAGE);
	copy[0] += change;
	mprotect(copy, PAGE, PROT_READ | PROT_EXEC);
	mremap(copy, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

static void map_anew(void)
{
	uint8_t *data = mmap(pages.text + DATA * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	memset(data, int3, PAGE);
	move(MOVED, false);
	move(CHANGED, true);
	mmap(pages.text + SHARED * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, pages.fd, SHARED * PAGE);
	pages.text[SHARED * PAGE + AT] = int3;
	munmap(pages.text + GONE * PAGE, PAGE);
}

/* A child that does something when it is told to. */
static struct proc *start_to(void (*what)(void), int *tell)
{
	struct proc *proc;
	int orders[2];
	char byte;

	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(orders[0], &byte, 1) == 1)
			what();
		prctl(PR_SET_NAME, "done");
		for (;;)
			pause();
	}
	close(orders[0]);
	*tell = orders[1];
	assert_int_equal(proc_open(pid, &proc), 0);
	return proc;
}

/* Until it has the name that says that it has done it. */
static void have_done(struct proc *proc, int tell, const char *name)
{
	char comm[32] = "";

	assert_int_equal(write(tell, "x", 1), 1);
	while (strncmp(comm, name, strlen(name)) != 0)
		assert_true(proc_read(comm, sizeof(comm), "/proc/%d/comm", (int)proc->pid));
	close(tell);
}

static void check_pages(struct proc *proc, const struct repair_result *result)
{
	uint8_t there;

	assert_true(result->restored == 2 && !result->clean && result->changed == 3 && result->unsure == 1 && !result->failed);
	assert_false(repair_is_complete(result));
	assert_int_equal(get(proc, site_in(STAYS)), push);
	assert_int_equal(get(proc, site_in(DATA)), int3);
	assert_int_equal(get(proc, site_in(MOVED)), push);
	assert_int_equal(get(proc, site_in(CHANGED)), int3);
	assert_int_equal(get(proc, site_in(SHARED)), int3);
	assert_int_equal(pread(proc->mem_fd, &there, 1, (off_t)site_in(GONE)), -1);
}

/* An int3 is restored where it is known to be ours; `how`: as `virtrace repair` does it, as the guardian does. */
static void repair_mapped_anew(bool by_guardian)
{
	int tell;
	struct source source = { .proc = start_to(map_anew, &tell) };
	struct proc *proc = source.proc;
	struct repair_target target = { proc->mem_fd, proc->maps_fd, 0 };
	struct repair_result result;
	struct journal journal;

	assert_int_equal(journal_create(proc->pid, &journal), 0);
	assert_int_equal(proc_maps(proc, &source.maps), 0);
	unsigned module = journal_module(&journal, maps_find(&source.maps, site_in(0)), read_id, &source);

	for (unsigned i = 0; i < PAGES; i++) {
		assert_int_equal(journal_add(&journal, site_in(i), &push, 1, module, sum_at(proc, site_in(i))), i);
		put(proc, site_in(i), &int3, 1);
	}
	have_done(proc, tell, "done");
	if (by_guardian)
		repair_sites(journal.file, &target, &result);
	else
		assert_int_equal(repair_process(proc, journal.file, &result), 0);
	check_pages(proc, &result);
	maps_free(&source.maps);
	journal_remove(&journal);
	finish(proc);
}

static void mapped_anew(void **state)
{
	(void)state;
	for (int by_guardian = 0; by_guardian < 2; by_guardian++) {
		make_pages();
		repair_mapped_anew(by_guardian);
		unmake_pages();
	}
}

static void execute(void)
{
	execl("/bin/sleep", "sleep", "1000", NULL);
}

/* Files that were opened before are those of the old memory; and new ones tell that it is another program. */
static void executed_since(void **state)
{
	int tell;
	struct proc *proc = start_to(execute, &tell);
	struct repair_target target = { proc->mem_fd, proc->maps_fd, 0 };
	struct repair_result result;
	struct journal journal;

	(void)state;
	assert_int_equal(journal_create(proc->pid, &journal), 0);
	assert_int_equal(journal_add(&journal, (uint64_t)one, (const uint8_t *)one, 4, JOURNAL_NO_MODULE,
				     sum_at(proc, (uint64_t)one)), 0);
	put(proc, (uint64_t)one, &int3, 1);
	have_done(proc, tell, "sleep");
	repair_sites(journal.file, &target, &result);
	assert_true(!result.restored && result.changed == 1);
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(!result.restored && result.changed == 1);
	journal_remove(&journal);
	finish(proc);
}

/* ---- where /proc/PID/mem may not be written (Linux 6.12, proc_mem.force_override=never) */

static struct counters {
	volatile uint64_t traps, signals, rounds;
} *counters; /* shared with the child */

/* The instruction under the int3 does nothing: after it is as good as through it. */
__attribute__((naked, noinline)) static void hot(void) { __asm__("nop; nop; ret"); }

static void on_trap(int sig)
{
	(void)sig;
	counters->traps++;
}

static void on_signal(int sig)
{
	(void)sig;
	counters->signals++;
}

/* A child that runs through `hot` all the time, catches what it traps at there, and counts signals. */
static struct proc *start_hot(void)
{
	struct proc *proc;
	sigset_t queued;

	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(counters, MAP_FAILED);
	sigemptyset(&queued);
	sigaddset(&queued, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &queued, NULL);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGTRAP, on_trap);
		signal(SIGRTMIN, on_signal);
		sigprocmask(SIG_UNBLOCK, &queued, NULL);
		for (;; counters->rounds++)
			hot();
	}
	sigprocmask(SIG_UNBLOCK, &queued, NULL);
	assert_int_equal(proc_open(pid, &proc), 0);
	return proc;
}

static void wait_for_more(const volatile uint64_t *counter, uint64_t than)
{
	for (int i = 0; i < 30000 && *counter <= than; i++)
		usleep(1000);
	assert_true(*counter > than);
}

/* What the kernel does then: files that cannot be written stand for it. */
static void refuse_writing(const struct proc *proc)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)proc->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(dup3(fd, proc->mem_fd, O_CLOEXEC), proc->mem_fd);
	close(fd);
}

/* It is stopped for that, and neither harmed nor kept: no trap and no signal is lost, nobody traces it afterwards. */
static void by_a_stopped_thread(void **state)
{
	enum { ROUNDS = 100 };
	struct proc *proc = start_hot();
	int writable = fcntl(proc->mem_fd, F_DUPFD_CLOEXEC, 0);
	uint64_t at = (uint64_t)hot, traced = 1;
	struct repair_result result;
	struct journal journal;
	uint8_t code[8];

	(void)state;
	assert_int_equal(journal_create(proc->pid, &journal), 0);
	assert_int_equal(journal_add(&journal, at, (const uint8_t *)hot, 1, JOURNAL_NO_MODULE, sum_at(proc, at)), 0);
	assert_int_equal(journal_add(&journal, (uint64_t)one, (const uint8_t *)one, 4, JOURNAL_NO_MODULE,
				     sum_at(proc, (uint64_t)one)), 1);
	refuse_writing(proc);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		uint64_t traps = counters->traps;

		assert_int_equal(pwrite(writable, &int3, 1, (off_t)at), 1);
		wait_for_more(&counters->traps, traps);
		assert_int_equal(sigqueue(proc->pid, SIGRTMIN, (union sigval){ 0 }), 0);
		assert_int_equal(repair_process(proc, journal.file, &result), 0);
		if (result.restored != 1 || result.clean != 1 || result.changed || result.failed)
			fail_msg("%zu restored, %zu clean, %zu changed, %zu failed, %s", result.restored, result.clean,
				 result.changed, result.failed, err_text());
		assert_int_equal(pread(proc->mem_fd, code, sizeof(code), (off_t)at), sizeof(code));
		assert_memory_equal(code, (const void *)hot, sizeof(code));
		assert_int_equal(proc_status(proc->pid, "TracerPid", 10, &traced), 0);
		assert_int_equal(traced, 0);
		wait_for_more(&counters->rounds, counters->rounds);
	}
	wait_for_more(&counters->signals, ROUNDS - 1);
	assert_true(counters->signals == ROUNDS);

	/* one that job control has stopped stays so */
	assert_int_equal(kill(proc->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(proc->pid, NULL, WUNTRACED), proc->pid);
	assert_int_equal(pwrite(writable, &int3, 1, (off_t)at), 1);
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(result.restored == 1 && !result.failed);
	for (int i = 0; i < 30000 && proc_state(proc->pid, proc->pid) != 'T'; i++)
		usleep(1000);
	assert_int_equal(proc_state(proc->pid, proc->pid), 'T');
	close(writable);
	journal_remove(&journal);
	finish(proc);
	munmap(counters, sizeof(*counters));
}

/* As readelf tells it. */
static void build_ids(void **state)
{
	struct source source = { .proc = start() };
	char command[PATH_MAX + 64], hex[2 * JOURNAL_ID_MAX + 2] = "", ours[2 * JOURNAL_ID_MAX + 1] = "";
	uint8_t id[JOURNAL_ID_MAX];
	size_t n_checked = 0;

	(void)state;
	assert_int_equal(proc_maps(source.proc, &source.maps), 0);
	for (size_t i = 0; i < source.maps.n; i++) {
		const struct mapping *m = &source.maps.items[i];

		if (!m->executable || !m->inode)
			continue;
		snprintf(command, sizeof(command), "readelf -n '%s' 2>/dev/null | sed -n 's/.*Build ID: //p'", m->path);
		FILE *f = popen(command, "r");

		if (!f || !fgets(hex, sizeof(hex), f))
			hex[0] = '\0';
		pclose(f);
		hex[strcspn(hex, "\n")] = '\0';
		size_t len = read_id(&source, m, id);

		ours[0] = '\0';
		for (size_t k = 0; k < len; k++)
			snprintf(ours + 2 * k, 3, "%02x", id[k]);
		assert_string_equal(ours, hex);
		n_checked += len > 0;
	}
	assert_true(n_checked >= 3);
	maps_free(&source.maps);
	finish(source.proc);
}

static void locked(void **state)
{
	struct proc *proc = start();
	struct journal journal, other;

	(void)state;
	assert_int_equal(journal_open(proc->pid, &other), -ENOENT);
	assert_int_equal(journal_create(proc->pid, &journal), 0);
	assert_int_equal(journal_create(proc->pid, &other), -EBUSY);
	assert_int_equal(journal_open(proc->pid, &other), -EBUSY);
	assert_non_null(strstr(err_text(), "is tracing"));
	journal_close(&journal);
	assert_int_equal(journal_create(proc->pid, &other), -EEXIST);
	assert_int_equal(journal_open(proc->pid, &journal), 0);
	journal_remove(&journal);
	assert_int_equal(journal_open(proc->pid, &other), -ENOENT);
	finish(proc);
}

/* Whoever made it was killed before it was complete. */
static void unfinished(void **state)
{
	struct proc *proc = start();
	struct journal journal;
	char path[sizeof(journal.path)];

	(void)state;
	for (int size = 0; size < 2; size++) {
		assert_int_equal(journal_create(proc->pid, &journal), 0);
		snprintf(path, sizeof(path), "%s", journal.path);
		journal_close(&journal);
		assert_int_equal(truncate(path, 0), 0);
		assert_int_equal(truncate(path, size ? sizeof(*journal.file) : 0), 0);
		assert_int_equal(journal_create(proc->pid, &journal), -EEXIST);
		assert_int_equal(journal_open(proc->pid, &journal), -ENOENT);
		assert_int_equal(access(path, F_OK), -1);
	}
	finish(proc);
}

/* One that is right; what follows it in memory could pass for one more record of each kind. */
static struct journal_file *right_file(const struct journal *journal)
{
	struct journal_file *file = calloc(1, sizeof(*file) + sizeof(struct journal_site));

	assert_non_null(file);
	memcpy(file, journal->file, offsetof(struct journal_file, modules));
	for (unsigned i = 0; i < JOURNAL_MODULES_MAX; i++)
		file->modules[i].hi = 1;
	file->n_modules = JOURNAL_MODULES_MAX;
	file->n_sites = JOURNAL_SITES_MAX;
	file->sites[0] = (struct journal_site){ .orig = { 1 }, .len = 4 };
	assert_int_equal(journal_check(file, sizeof(*file)), 0);
	return file;
}

/* What is wrong in one thing is refused for it. */
static void damaged(void **state)
{
	struct proc *proc = start();
	struct journal journal;

	(void)state;
	assert_int_equal(journal_create(proc->pid, &journal), 0);
	struct journal_file *file = right_file(&journal);

	assert_int_equal(journal_check(file, sizeof(*file) - 1), -EBADMSG);
#define REFUSED(field, wrong) do { \
		__typeof__(field) right = field; \
		field = wrong; \
		assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG); \
		field = right; \
		assert_int_equal(journal_check(file, sizeof(*file)), 0); \
	} while (0)
	REFUSED(file->magic[15], 1);
	REFUSED(file->version, 0);
	REFUSED(file->size, 0);
	REFUSED(file->pid, 0);
	REFUSED(file->n_sites, JOURNAL_SITES_MAX + 1);
	REFUSED(file->n_modules, JOURNAL_MODULES_MAX + 1);
	REFUSED(file->n_modules, 0); /* but sites of the first */
	REFUSED(file->sites[0].len, INSN_MAX + 1);
	REFUSED(file->sites[JOURNAL_SITES_MAX - 1].len, INSN_MAX + 1);
	REFUSED(file->sites[JOURNAL_SITES_MAX - 1].module, JOURNAL_MODULES_MAX);
	REFUSED(file->modules[JOURNAL_MODULES_MAX - 1].lo, 1);
	REFUSED(file->modules[JOURNAL_MODULES_MAX - 1].build_id_len, JOURNAL_ID_MAX + 1);
	memset(file->modules[7].path, 'x', sizeof(file->modules[7].path));
	assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG);
	free(file);
	file = right_file(&journal);
	memset(file->comm, 'x', sizeof(file->comm));
	assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG);
	free(file);

	assert_int_equal(ftruncate(journal.fd, 100), 0);
	char path[sizeof(journal.path)];

	strcpy(path, journal.path);
	journal_close(&journal);
	assert_int_equal(journal_open_path(path, &journal), -EBADMSG);
	unlink(path);
	finish(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repaired),
		cmocka_unit_test(mapped_anew),
		cmocka_unit_test(executed_since),
		cmocka_unit_test(by_a_stopped_thread),
		cmocka_unit_test(build_ids),
		cmocka_unit_test(locked),
		cmocka_unit_test(unfinished),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
