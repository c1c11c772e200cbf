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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/err.h"
#include "tracer/probe/journal.h"
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
	assert_int_equal(journal_add(&journal, a, (const uint8_t *)one, 4, module), 0);
	assert_int_equal(journal_add(&journal, b, (const uint8_t *)two, 4, JOURNAL_NO_MODULE), 1);
	assert_int_equal(journal_add(&journal, 0x1000, (const uint8_t *)two, 4, JOURNAL_NO_MODULE), 2);
	assert_int_equal(journal_check(journal.file, sizeof(*journal.file)), 0);

	put(proc, a, &int3, 1);
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(result.restored == 1 && result.clean == 1 && result.changed == 1 && !result.failed);
	assert_int_equal(get(proc, a), *(const uint8_t *)one);

	/* somebody else's code is there now: its int3 is not ours */
	put(proc, a, "\xcc\x90\x91\x92", 4);
	assert_int_equal(repair_process(proc, journal.file, &result), 0);
	assert_true(!result.restored && result.changed == 2);
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

		for (size_t k = 0; k <= len; k++)
			snprintf(ours + 2 * k, 3, k < len ? "%02x" : "", k < len ? id[k] : 0);
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

/* What is damaged is refused before anything is done with it. */
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

static void damaged(void **state)
{
	struct proc *proc = start();
	struct journal journal;
	struct journal_file *file;

	(void)state;
	assert_int_equal(journal_create(proc->pid, &journal), 0);
	file = journal.file;
	assert_int_equal(journal_add(&journal, (uint64_t)one, (const uint8_t *)one, 4, JOURNAL_NO_MODULE), 0);
	assert_int_equal(journal_check(file, sizeof(*file) - 1), -EBADMSG);
	file->sites[0].len = INSN_MAX + 1;
	assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG);
	file->sites[0].len = 4;
	file->sites[0].module = 0; /* there is none */
	assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG);
	file->sites[0].module = JOURNAL_NO_MODULE;
	file->n_sites = JOURNAL_SITES_MAX + 1;
	assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG);
	file->n_sites = 1;
	file->n_modules = JOURNAL_MODULES_MAX + 1;
	assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG);
	file->n_modules = 0;
	memset(file->comm, 'x', sizeof(file->comm));
	assert_int_equal(journal_check(file, sizeof(*file)), -EBADMSG);
	memset(file->comm, 0, sizeof(file->comm));
	assert_int_equal(journal_check(file, sizeof(*file)), 0);
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
		cmocka_unit_test(build_ids),
		cmocka_unit_test(locked),
		cmocka_unit_test(unfinished),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
