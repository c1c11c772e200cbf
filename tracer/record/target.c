#include "tracer/record/target.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/array.h"
#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/base/shell.h"
#include "tracer/remote/maps.h"

static const char libvirt_driver[] = "libvirt_driver_qemu.so";

int target_parse_pid(const char *text, pid_t *ret)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (*end || pid <= 0 || pid > INT_MAX)
		return err_set(-EINVAL, "-p needs a process id, not '%s'", text);
	*ret = (pid_t)pid;
	return 0;
}

int target_parse_max_debuginfo(const char *text, uint64_t *ret_mib)
{
	enum { MAX_MIB = 1 << 20 };
	char *end;
	long long mib = strtoll(text, &end, 10);

	if (end == text || *end || mib < 1 || mib > MAX_MIB)
		return err_set(-EINVAL, "--max-debuginfo needs a number of MiB from 1 to %d, not '%s'", MAX_MIB, text);
	*ret_mib = (uint64_t)mib;
	return 0;
}

void target_tell_refusal(struct module *module)
{
	int code;
	const char *why = module_tell_refusal(module, &code);

	if (why)
		log_warn("debug info is not read: %s%s", why, code == -EFBIG ? " (see --max-debuginfo)" : "");
}

const char *target_comm(pid_t pid, char *buf, size_t len)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, (int)len, f))
		snprintf(buf, len, "?");
	if (f)
		fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool executable_is(pid_t pid, const char *name)
{
	char link[64], path[4096];

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(link, path, sizeof(path) - 1);

	if (n < 0)
		return false;
	path[n] = '\0';
	return !strcmp(base_name(path), name);
}

static bool is_called(pid_t pid, void *name)
{
	char comm[32];

	return !strcmp(target_comm(pid, comm, sizeof(comm)), name) || executable_is(pid, name);
}

/* Real, effective and saved; what /proc/PID belongs to tells nothing of who is not dumpable (proc_pid(5)). */
static bool is_ours(pid_t pid)
{
	unsigned long ids[3] = { (unsigned long)-1, (unsigned long)-1, (unsigned long)-1 };
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid:\t%lu\t%lu\t%lu", &ids[0], &ids[1], &ids[2]) == 3)
			break;
	if (f)
		fclose(f);
	return ids[0] == geteuid() && ids[1] == geteuid() && ids[2] == geteuid();
}

static bool has_mapped_code(pid_t pid, const char *file)
{
	struct maps maps;
	bool found = false;

	if (maps_read(pid, &maps) < 0)
		return false;
	for (size_t i = 0; i < maps.n && !found; i++)
		found = maps.items[i].executable && !strcmp(base_name(maps.items[i].path), file);
	maps_free(&maps);
	return found;
}

/*
 * Anybody can map a file of that name and wait for root to attach to him; and who only reads the file, as another virtrace does,
 * does not run its code.
 */
struct daemon_search {
	pid_t stranger; /* one who has the code mapped, and is another user's */
};

static bool is_daemon(pid_t pid, void *arg)
{
	struct daemon_search *search = arg;

	if (!has_mapped_code(pid, libvirt_driver))
		return false;
	if (!is_ours(pid))
		search->stranger = pid;
	return is_ours(pid);
}

/* The one process for which `test` is true; ourselves excepted. */
static int find_process(bool (*test)(pid_t, void *), void *arg, const char *what, pid_t *ret)
{
	char candidates[2048] = "", comm[32];
	pid_t found = 0;
	unsigned n = 0;
	DIR *proc = opendir("/proc");

	if (!proc)
		return err_set(-errno, "cannot read /proc: %s", strerror(errno));
	for (struct dirent *entry; (entry = readdir(proc));) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid <= 0 || pid == getpid() || !test(pid, arg))
			continue;
		size_t len = strlen(candidates);
		char *word = shell_quote(target_comm(pid, comm, sizeof(comm)));

		snprintf(candidates + len, sizeof(candidates) - len, "\n  -p %-8d %s", (int)pid, word ? word : "");
		free(word);
		found = pid;
		n++;
	}
	closedir(proc);
	if (n == 1) {
		*ret = found;
		return 0;
	}
	if (n > 1)
		return err_set(-EMLINK, "%u processes %s; choose one:%s", n, what, candidates);
	return err_set(-ESRCH, "no process %s", what);
}

int target_by_name(const char *name, pid_t *ret)
{
	char what[300];

	snprintf(what, sizeof(what), "are called '%s'", name);
	int r = find_process(is_called, (char *)name, what, ret);

	if (r == -ESRCH)
		err_set(r, "no process is called '%s'", name);
	return r;
}

int target_libvirt(pid_t *ret)
{
	struct daemon_search search = { 0 };
	int r = find_process(is_daemon, &search, "run QEMU guests (have libvirt_driver_qemu.so mapped)", ret);

	if (r == -ESRCH && search.stranger) {
		err_set(r, "no running libvirtd or virtqemud of yours was found");
		err_hint(r, "Process %d has %s mapped, but is another user's: to trace it nevertheless, say -p %d.",
			 (int)search.stranger, libvirt_driver, (int)search.stranger);
	} else if (r == -ESRCH) {
		err_set(r, "no running libvirtd or virtqemud was found (no process has %s mapped)",
			libvirt_driver);
		if (geteuid() != 0)
			err_hint(r, "Only your own processes could be looked at: run as root (sudo virtrace …).");
		err_hint(r, "Is it socket-activated and asleep?  'virsh list' wakes it.  Or name the process: -p PID, -n NAME.");
	}
	return r;
}

/*
 * The list of files and which of them are gone is under `lock`, which is held for nothing but memory: the thread that traces takes
 * it too.  Files are opened without it, and seen by others when that is done.
 */
struct module_set {
	pid_t pid;
	struct module_options options;
	bool keeps_files;
	pthread_mutex_t lock;
	struct mapped_file **files;
	size_t n, cap;
	ARRAY(struct mapped_file **) outgrown; /* arrays that were `files` */
};

static void file_free(struct mapped_file *file)
{
	module_close(file->module);
	module_close(file->retired);
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	free(file);
}

void module_set_free(struct module_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n; i++)
		file_free(set->files[i]);
	for (size_t i = 0; i < set->outgrown.n; i++)
		free(set->outgrown.items[i]);
	array_free(&set->outgrown);
	free(set->files);
	free(set);
}

static bool is_same_file(const struct mapped_file *file, const struct mapping *m)
{
	return file->dev == m->dev && file->inode == m->inode && !strcmp(file->path, m->path);
}

/* Mappings of one load of a file follow each other, anonymous (.bss) ones between them. */
static struct mapped_file *find_file(struct module_set *set, const struct mapping *m)
{
	for (size_t i = 0; i < set->n; i++) {
		struct mapped_file *file = set->files[i];

		if (!file->gone && is_same_file(file, m) && m->lo >= file->lo && m->offset >= file->offset)
			return file;
	}
	return NULL;
}

/* Somebody may be reading the array there is. */
static int grow(struct module_set *set)
{
	size_t cap = set->cap ? set->cap * 2 : 64;
	struct mapped_file **files = calloc(cap, sizeof(*files)), ***old = files ? array_push(&set->outgrown) : NULL;

	if (!old) {
		free(files);
		return -ENOMEM;
	}
	if (set->n)
		memcpy(files, set->files, set->n * sizeof(*files));
	*old = set->files;
	set->files = files;
	set->cap = cap;
	return 0;
}

static struct timespec modified(const struct mapped_file *file)
{
	struct stat st;

	return stat(file->open_path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

/* Whether another file was where this one is to be again: then what an address meant depends on the time (module_set_at()). */
static bool has_had_successor(const struct module_set *set, const struct mapped_file *file)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct mapped_file *other = set->files[i];

		if (other != file && other->gone_ns > file->gone_ns && other->lo < file->hi && other->hi > file->lo)
			return true;
	}
	return false;
}

/* A file that was unmapped, and is mapped again at the same place. */
static struct mapped_file *find_gone(struct module_set *set, const struct mapping *m)
{
	for (size_t i = 0; i < set->n; i++) {
		struct mapped_file *file = set->files[i];

		if (!file->gone || !file->settled || !is_same_file(file, m) || m->lo != file->lo || m->offset != file->offset ||
		    file->deleted != m->deleted || has_had_successor(set, file))
			continue;
		struct timespec now = modified(file);

		if (now.tv_sec && now.tv_sec == file->modified.tv_sec && now.tv_nsec == file->modified.tv_nsec)
			return file;
	}
	return NULL;
}

static int add_file(struct module_set *set, const struct mapping *m)
{
	if (set->n == set->cap && grow(set) < 0)
		return -ENOMEM;
	struct mapped_file *file = calloc(1, sizeof(*file));

	if (!file || !(file->path = strdup(m->path))) {
		free(file);
		return -ENOMEM;
	}
	file->deleted = m->deleted;
	file->lo = m->lo;
	file->hi = m->hi;
	file->offset = m->offset;
	file->dev = m->dev;
	file->inode = m->inode;
	file->executable = m->executable;
	file->gone_ns = UINT64_MAX;
	snprintf(file->open_path, sizeof(file->open_path), "/proc/%d/map_files/%lx-%lx", (int)set->pid,
		 (unsigned long)m->lo, (unsigned long)m->hi);
	file->fd = -1;
	file->modified = modified(file);
	set->files[set->n++] = file;
	return 0;
}

static bool is_file(const struct mapping *m)
{
	return m->loaded && m->path[0] == '/' && strncmp(m->path, "/dev/", 5) != 0;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void mark_gone(struct module_set *set, const struct maps *maps)
{
	for (size_t i = 0; i < set->n; i++) {
		struct mapped_file *file = set->files[i];
		const struct mapping *m = maps_find(maps, file->lo);

		if (file->gone || (m && is_same_file(file, m)))
			continue;
		file->gone = true;
		file->gone_ns = now_ns();
	}
}

/* Where that may not be, open_module() says why. */
static void keep_files(struct module_set *set, size_t first)
{
	for (size_t i = first; i < set->n; i++) {
		struct mapped_file *file = set->files[i];

		if (file->executable && !file->gone && file->fd < 0)
			file->fd = open(file->open_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
}

int module_set_refresh(struct module_set *set)
{
	struct maps maps;
	int r = maps_read(set->pid, &maps);

	if (r < 0)
		return r;
	pthread_mutex_lock(&set->lock);
	mark_gone(set, &maps);
	size_t before = set->n;

	for (size_t i = 0; i < maps.n && r >= 0; i++) {
		const struct mapping *m = &maps.items[i];
		struct mapped_file *file = is_file(m) ? find_file(set, m) : NULL;

		if (!file && is_file(m) && (file = find_gone(set, m))) {
			file->gone = false;
			file->gone_ns = UINT64_MAX;
		}
		if (file) {
			file->hi = m->hi > file->hi ? m->hi : file->hi;
			file->executable |= m->executable;
		} else if (is_file(m)) {
			r = add_file(set, m);
		}
	}
	int n_new = (int)(set->n - before);

	if (set->keeps_files)
		keep_files(set, before);
	pthread_mutex_unlock(&set->lock);
	maps_free(&maps);
	return r < 0 ? err_set(r, "out of memory") : n_new;
}

void module_set_keep_files(struct module_set *set)
{
	set->keeps_files = true;
	keep_files(set, 0);
}

void module_set_settle(struct module_set *set, size_t first, size_t end)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(set, &files);

	for (size_t i = first; i < end && i < n; i++)
		if (!files[i]->gone && !files[i]->error)
			files[i]->settled = true;
}

static struct mapped_file *file_of(struct module_set *set, const struct module *module)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(set, &files);

	for (size_t i = 0; i < n; i++)
		if (files[i]->module == module || files[i]->retired == module)
			return files[i];
	return NULL;
}

void module_set_unsettle(struct module_set *set, const struct module *module)
{
	struct mapped_file *file = file_of(set, module);

	if (file)
		file->settled = false;
}

bool module_set_is_mapped(struct module_set *set, const struct module *module)
{
	const struct mapped_file *file = file_of(set, module);

	return file && !file->gone;
}

int module_set_new(pid_t pid, const struct module_options *options, struct module_set **ret)
{
	struct module_set *set = calloc(1, sizeof(*set));

	if (!set)
		return err_set(-ENOMEM, "out of memory");
	set->pid = pid;
	set->options = *options;
	pthread_mutex_init(&set->lock, NULL);
	int r = module_set_refresh(set);

	if (r < 0) {
		module_set_free(set);
		return r;
	}
	*ret = set;
	return 0;
}

size_t module_set_files(struct module_set *set, struct mapped_file *const **ret)
{
	pthread_mutex_lock(&set->lock);
	*ret = set->files;
	size_t n = set->n;

	pthread_mutex_unlock(&set->lock);
	return n;
}

/*
 * map_files needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; the process' own root works for its owner too.  When the process
 * has ended, while its last backtraces are still being looked at, there is neither: the path then leads to the very file, or not.
 */
static int open_module(struct module_set *set, struct mapped_file *file, const struct module_options *options,
		       struct module **ret)
{
	char path[4200];
	struct stat st;

	if (file->fd >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
		return module_open(path, file->path, file->lo, file->offset, options, ret);
	}
	int r = module_open(file->open_path, file->path, file->lo, file->offset, options, ret);

	if (r != -EPERM && r != -EACCES && r != -ENOENT)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)set->pid, file->path);
	if (stat(path, &st) == 0 && st.st_ino == file->inode)
		return module_open(path, file->path, file->lo, file->offset, options, ret);
	if (stat(file->path, &st) < 0 || st.st_ino != file->inode ||
	    ((uint64_t)major(st.st_dev) << 32 | minor(st.st_dev)) != file->dev)
		return r;
	return module_open(file->path, file->path, file->lo, file->offset, options, ret);
}

/* Which of two that were opened, perhaps by two threads at once, is the file's; NULL: it could not be opened. */
static struct module *adopt(struct module_set *set, struct mapped_file *file, struct module *module, bool is_better)
{
	pthread_mutex_lock(&set->lock);
	if (module && (!file->module || is_better)) {
		file->retired = file->module;
		file->module = module;
	}
	struct module *known = file->module;

	pthread_mutex_unlock(&set->lock);
	if (module != known)
		module_close(module);
	return known;
}

struct module *module_set_open(struct module_set *set, struct mapped_file *file, bool remote)
{
	bool ask = remote && !set->options.no_debuginfod;
	struct module *known = file->module, *module = NULL;

	if (file->error || (known && (!ask || file->searched_remote || module_debug_level(known) == DEBUG_DWARF)))
		return known;
	struct module_options options = set->options;

	options.no_debuginfod = !ask;
	int r = open_module(set, file, &options, &module);

	file->searched_remote |= ask;
	if (r < 0)
		file->error = file->module ? 0 : r;
	return adopt(set, file, module, module && ask && file->module && module_debug_level(module) == DEBUG_DWARF);
}

/* Of all that were mapped there, the one that went first of those that were not gone yet. */
struct module *module_set_at(struct module_set *set, uint64_t addr, uint64_t time_ns)
{
	struct mapped_file *found = NULL;

	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < set->n; i++) {
		struct mapped_file *file = set->files[i];

		if (addr >= file->lo && addr < file->hi && file->gone_ns > time_ns &&
		    (!found || file->gone_ns < found->gone_ns))
			found = file;
	}
	pthread_mutex_unlock(&set->lock);
	return found ? module_set_open(set, found, false) : NULL;
}

size_t module_set_epoch(struct module_set *set, uint64_t time_ns)
{
	size_t n = 0;

	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < set->n; i++)
		n += set->files[i]->gone_ns <= time_ns;
	pthread_mutex_unlock(&set->lock);
	return n;
}
