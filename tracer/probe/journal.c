/*
 * The journal
 *
 * One sparse file of fixed size, mapped shared: noting a site is a few stores, the kernel keeps them whatever becomes of us, and the
 * guardian, which has the same mapping, sees them at once.  A record is complete before the count that makes it valid.
 *
 * A store for which the file system has no room would be a SIGBUS, with int3s in the target: room is asked for before, in steps
 * of some thousand sites, so that /run gives no more than is needed.
 *
 * The file is found by name, so it is trusted only if it is ours: in a directory that belongs to us and that nobody else can
 * write, a regular file of our own.  What is in it is checked all the same before it is used.
 */
#include "tracer/probe/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"

enum { JOURNAL_VERSION = 1, ROOM_STEP = 4096 /* sites */ };
static const char journal_magic[16] = "virtrace undo\n";

uint64_t process_start_time(pid_t pid)
{
	char text[PROC_STAT_MAX];
	const char *start = proc_stat(pid, pid, 22, text);

	return start ? strtoull(start, NULL, 10) : 0;
}

int journal_directory(char *path, size_t len)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		snprintf(path, len, "/run/virtrace");
	else if (runtime && runtime[0] == '/' && (size_t)snprintf(path, len, "%s/virtrace", runtime) < len)
		;
	else {
		err_set(-ENOENT, "there is no place for the journal: XDG_RUNTIME_DIR is not set");
		return err_hint(-ENOENT, "Set it to a directory of your own, as in: export XDG_RUNTIME_DIR=$HOME/.cache");
	}
	return 0;
}

/* An open directory that only we can write. */
static int open_directory(char *path, size_t len)
{
	struct stat st;
	int r = journal_directory(path, len);

	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(-errno, "cannot make %s for the journal: %s", path, strerror(errno));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(-errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 022) {
		close(fd);
		return err_set(-EPERM, "%s belongs to somebody else, or others may write to it", path);
	}
	return fd;
}

static bool is_name_of(const char *text, const void *end)
{
	return memchr(text, '\0', (size_t)((const char *)end - text)) != NULL;
}

int journal_check(const struct journal_file *file, size_t len)
{
	bool ok = len == sizeof(*file) && !memcmp(file->magic, journal_magic, sizeof(journal_magic)) &&
		  file->version == JOURNAL_VERSION && file->size == sizeof(*file) && file->pid > 0 &&
		  file->n_modules <= JOURNAL_MODULES_MAX && file->n_sites <= JOURNAL_SITES_MAX &&
		  is_name_of(file->comm, file->comm + sizeof(file->comm));

	for (size_t i = 0; ok && i < file->n_modules; i++) {
		const struct journal_module *module = &file->modules[i];

		ok = module->build_id_len <= JOURNAL_ID_MAX && module->lo < module->hi &&
		     is_name_of(module->path, module + 1);
	}
	for (size_t i = 0; ok && i < file->n_sites; i++)
		ok = file->sites[i].len <= INSN_MAX &&
		     (file->sites[i].module < file->n_modules || file->sites[i].module == JOURNAL_NO_MODULE);
	return ok ? 0 : -EBADMSG;
}

/* Have room for the next step of sites, and for all before them. */
static int make_room(struct journal *journal, uint32_t n_sites)
{
	uint32_t room = (n_sites / ROOM_STEP + 1) * ROOM_STEP;
	size_t len = room < JOURNAL_SITES_MAX ? offsetof(struct journal_file, sites) + room * sizeof(struct journal_site)
					      : sizeof(struct journal_file);

	if (n_sites < journal->room)
		return 0;
	int error;

	do
		error = posix_fallocate(journal->fd, 0, (off_t)len);
	while (error == EINTR);
	if (error)
		return err_set(-error, "there is no room for the journal %s: %s", journal->path, strerror(error));
	journal->room = room;
	return 0;
}

static int map_file(struct journal *journal)
{
	void *file = mmap(NULL, sizeof(*journal->file), PROT_READ | PROT_WRITE, MAP_SHARED, journal->fd, 0);

	if (file == MAP_FAILED)
		return err_set(-errno, "cannot map %s: %s", journal->path, strerror(errno));
	journal->file = file;
	return 0;
}

static int lock(const struct journal *journal)
{
	int32_t tracer = 0;

	if (flock(journal->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (pread(journal->fd, &tracer, sizeof(tracer), offsetof(struct journal_file, tracer)) != sizeof(tracer))
		tracer = 0;
	return err_set(-EBUSY, "virtrace[%d] is tracing that process", (int)tracer);
}

/* The process is known by pid and start time; the name is built from them. */
static int open_named(pid_t pid, int flags, struct journal *ret)
{
	char path[96];
	uint64_t start_time = process_start_time(pid);
	int dir = open_directory(path, sizeof(path));

	if (dir < 0)
		return dir;
	snprintf(ret->path, sizeof(ret->path), "%s/%d.%llu", path, (int)pid, (unsigned long long)start_time);
	ret->fd = openat(dir, strrchr(ret->path, '/') + 1, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	int r = ret->fd < 0 ? -errno : 0;

	close(dir);
	return r;
}

int journal_create(pid_t pid, struct journal *ret)
{
	struct journal journal = { .fd = -1 };
	int r = open_named(pid, O_CREAT | O_EXCL, &journal);

	if (r == -EEXIST) {
		r = open_named(pid, 0, &journal);
		if (r == 0)
			r = lock(&journal);
		journal_close(&journal);
		return r < 0 ? r : -EEXIST;
	}
	if (r < 0 && !journal.path[0]) /* it has no directory, and that is said */
		return r;
	if (r < 0)
		return err_set(r, "cannot make the journal %s: %s", journal.path, strerror(-r));
	struct stat st;

	r = lock(&journal);
	if (r == -EBUSY || (r == 0 && fstat(journal.fd, &st) == 0 && !st.st_nlink)) {
		journal_close(&journal);
		return err_set(-EAGAIN, "somebody looked for a journal of process %d at this moment", (int)pid);
	}
	if (r == 0 && ftruncate(journal.fd, sizeof(*journal.file)) < 0)
		r = err_set(-errno, "cannot make the journal %s: %s", journal.path, strerror(errno));
	if (r == 0)
		r = make_room(&journal, 0);
	if (r == 0)
		r = map_file(&journal);
	if (r < 0) {
		unlink(journal.path);
		journal_close(&journal);
		return r;
	}
	struct journal_file *file = journal.file;

	file->version = JOURNAL_VERSION;
	file->size = sizeof(*file);
	file->pid = pid;
	file->start_time = process_start_time(pid);
	file->tracer = getpid();
	file->tracer_start_time = process_start_time(getpid());
	__atomic_signal_fence(__ATOMIC_RELEASE); /* the magic comes last, see is_unfinished() */
	memcpy(file->magic, journal_magic, sizeof(journal_magic));
	*ret = journal;
	return 0;
}

/* Its maker was killed before it was complete, and so before anything was changed. */
static bool is_unfinished(const struct journal *journal)
{
	static const char none[sizeof(journal_magic)];
	char magic[sizeof(journal_magic)] = "";

	return pread(journal->fd, magic, sizeof(magic), 0) >= 0 && !memcmp(magic, none, sizeof(magic));
}

static int take(struct journal *journal)
{
	struct stat st;
	int r = lock(journal);

	if (r == 0 && (fstat(journal->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()))
		r = err_set(-EBADMSG, "%s is not a journal", journal->path);
	if (r == 0 && is_unfinished(journal)) {
		unlink(journal->path);
		return err_set(-ENOENT, "%s was never complete: nothing was changed, it is removed", journal->path);
	}
	if (r == 0 && st.st_size != (off_t)sizeof(*journal->file))
		r = err_set(-EBADMSG, "%s is not a journal, or damaged", journal->path);
	if (r == 0)
		r = map_file(journal);
	if (r == 0 && journal_check(journal->file, sizeof(*journal->file)) < 0)
		r = err_set(-EBADMSG, "%s is not a journal, or damaged", journal->path);
	return r;
}

int journal_open_path(const char *path, struct journal *ret)
{
	struct journal journal = { .fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC) };
	bool fits = strlen(path) < sizeof(journal.path);
	int r = !fits ? err_set(-ENAMETOOLONG, "%s: the name is too long", path) : journal.fd < 0 ? err_set(-errno, "cannot open %s: %s", path, strerror(errno)) : 0;

	snprintf(journal.path, sizeof(journal.path), "%s", path);
	if (r == 0)
		r = take(&journal);
	if (r < 0)
		journal_close(&journal);
	else
		*ret = journal;
	return r;
}

int journal_open(pid_t pid, struct journal *ret)
{
	struct journal journal = { .fd = -1 };
	int r = open_named(pid, 0, &journal);

	if (r < 0)
		return r == -ENOENT ? err_set(r, "there is no journal of process %d: nothing is to be repaired", (int)pid) : r;
	r = take(&journal);
	if (r < 0)
		journal_close(&journal);
	else
		*ret = journal;
	return r;
}

void journal_close(struct journal *journal)
{
	if (journal->file)
		munmap(journal->file, sizeof(*journal->file));
	if (journal->fd >= 0)
		close(journal->fd);
	*journal = (struct journal){ .fd = -1 };
}

void journal_remove(struct journal *journal)
{
	if (journal->fd >= 0)
		unlink(journal->path);
	journal_close(journal);
}

static bool is_same(const struct journal_module *module, const struct mapping *m)
{
	return module->lo == m->lo && module->hi == m->hi && module->offset == m->offset && module->dev == m->dev &&
	       module->inode == m->inode;
}

unsigned journal_module(struct journal *journal, const struct mapping *m,
			size_t (*build_id)(void *ctx, const struct mapping *m, uint8_t *id), void *ctx)
{
	struct journal_file *file = journal->file;

	for (unsigned i = 0; i < file->n_modules; i++)
		if (is_same(&file->modules[i], m))
			return i;
	if (file->n_modules == JOURNAL_MODULES_MAX)
		return JOURNAL_NO_MODULE;
	struct journal_module *module = &file->modules[file->n_modules];

	*module = (struct journal_module){ .lo = m->lo, .hi = m->hi, .offset = m->offset, .dev = m->dev, .inode = m->inode };
	snprintf(module->path, sizeof(module->path), "%s", m->path);
	module->build_id_len = (uint32_t)build_id(ctx, m, module->build_id);
	__atomic_store_n(&file->n_modules, file->n_modules + 1, __ATOMIC_RELEASE);
	return file->n_modules - 1;
}

unsigned journal_find_module(const struct journal *journal, uint64_t addr)
{
	const struct journal_file *file = journal->file;

	/* The newest: another may have been there before. */
	for (unsigned i = file->n_modules; i-- > 0;)
		if (addr >= file->modules[i].lo && addr < file->modules[i].hi)
			return i;
	return JOURNAL_NO_MODULE;
}

int journal_add(struct journal *journal, uint64_t addr, const uint8_t *orig, size_t len, unsigned module, uint32_t page_sum)
{
	struct journal_file *file = journal->file;

	if (file->n_sites == JOURNAL_SITES_MAX)
		return err_set(-ENOSPC, "the journal is full: %d places are traced", JOURNAL_SITES_MAX);
	int r = make_room(journal, file->n_sites);

	if (r < 0)
		return r;
	struct journal_site *site = &file->sites[file->n_sites];

	*site = (struct journal_site){ .addr = addr, .len = (uint8_t)len, .module = (uint16_t)module, .page_sum = page_sum };
	memcpy(site->orig, orig, len);
	__atomic_store_n(&file->n_sites, file->n_sites + 1, __ATOMIC_RELEASE);
	return (int)file->n_sites - 1;
}

void journal_add_again(struct journal *journal, int index, size_t len)
{
	journal->file->sites[index].len = (uint8_t)len;
}

void journal_drop(struct journal *journal, int index)
{
	journal->file->sites[index].len = 0;
}
