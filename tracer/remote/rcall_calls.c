/*
 * Nothing comes back from a call but its effect: the memory is there, the descriptor is open, the signal is caught.  So each kind of
 * call has a way to look at that.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/room.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall_request.h"
#include "tracer/remote/rmem.h"

enum { PAGE = 4096 };

/* ---- mmap of anonymous memory */

static bool is_mapped(const struct request *request)
{
	uint8_t byte;

	return rmem_read(request->call->proc, request->args[0], &byte, 1) == 1;
}

/*
 * Whether what is there now is what we asked for; the kernel may have joined it with a neighbour of
 * the same kind.
 */
static int check_mapping(const struct request *request)
{
	uint64_t addr = request->args[0], end = addr + request->args[1], prot = request->args[2];
	struct maps maps;
	int r = proc_maps(request->call->proc, &maps);

	if (r < 0)
		return r;
	const struct mapping *m = maps_find(&maps, addr);
	bool of_it = m && (request->path ? m->inode && !strcmp(m->path, request->path) : !m->inode);
	bool ours = of_it && m->executable == !!(prot & PROT_EXEC) && m->writable == !!(prot & PROT_WRITE) && m->hi >= end;

	if (!m)
		r = err_set(-EACCES, "the process may not map %s (SELinux: 'ausearch -m avc -ts recent' tells; or a limit on its "
				     "address space)", prot & PROT_EXEC ? "code" : "memory");
	else if (!ours)
		r = -EEXIST;
	maps_free(&maps);
	return r;
}

int rcall_map(const struct rcall *call, uint64_t addr, size_t len, int prot)
{
	struct request request = {
		.call = call, .nr = SYS_mmap, .is_made = is_mapped, .outcome = check_mapping,
		.args = { addr, len, (uint64_t)prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1 },
	};

	return is_mapped(&request) ? -EEXIST : request_make(&request);
}

enum { ROOM_TRIES = 4 };

int request_make_room(const struct rcall *call)
{
	int r = -EEXIST;

	for (int i = 0; i < ROOM_TRIES && r == -EEXIST; i++) {
		struct request request = {
			.call = call, .nr = SYS_mmap, .is_made = is_mapped, .outcome = check_mapping, .makes_room = true,
			.args = { room_choose(call->proc), ROOM_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1 },
		};

		if (!request.args[0])
			return err_set(-ENOTSUP, "there is no free address space in process %d", (int)call->proc->pid);
		r = is_mapped(&request) ? -EEXIST : request_make(&request);
		KILL_POINT("room-mapped");
		if (r == 0)
			r = room_prepare(call->proc, request.args[0]);
		KILL_POINT("room-made");
	}
	return r;
}

static bool is_gone(const struct request *request)
{
	return !is_mapped(request);
}

static int check_gone(const struct request *request)
{
	return is_gone(request) ? 0 : err_set(-EACCES, "the process may not unmap memory");
}

void rcall_leave(const struct rcall *call)
{
	struct request request = {
		.call = call, .nr = SYS_munmap, .is_made = is_gone, .outcome = check_gone, .makes_room = true,
		.args = { 0, ROOM_SIZE },
	};

	if (!room_find(call->proc))
		return;
	request.args[0] = call->proc->room;
	call->proc->room = 0;
	request_make(&request);
}

/* ---- mmap of a file that it has mapped already */

/*
 * The descriptor is known by these flags, which nobody else combines to open a library: the thread that opens it comes back to what
 * it did, and nothing tells what it was answered.
 */
enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_APPEND, KERNELS_O_LARGEFILE = 0100000, FILES_MAX = 4 };

static bool is_ours(const struct proc *proc, int fd)
{
	char text[512];
	unsigned flags = 0;

	if (!proc_read(text, sizeof(text), "/proc/%d/fdinfo/%d", (int)proc->live, fd))
		return false;
	const char *line = strstr(text, "flags:");

	return line && sscanf(line, "flags: %o", &flags) == 1 && (flags & ~(unsigned)KERNELS_O_LARGEFILE) == OPEN_FLAGS;
}

/* -1 if there is none. */
static int find_descriptor(const struct proc *proc)
{
	char path[64];
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)proc->live);
	DIR *dir = opendir(path);

	for (struct dirent *entry; fd < 0 && dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.' && is_ours(proc, atoi(entry->d_name)))
			fd = atoi(entry->d_name);
	if (dir)
		closedir(dir);
	return fd;
}

static bool is_open(const struct request *request)
{
	return find_descriptor(request->call->proc) >= 0;
}

static int check_open(const struct request *request)
{
	return is_open(request) ? 0 : err_set(-EACCES, "the process may not open %s", request->path);
}

static bool is_closed(const struct request *request)
{
	return !is_ours(request->call->proc, (int)request->args[0]);
}

static int check_closed(const struct request *request)
{
	return is_closed(request) ? 0 : err_set(-EACCES, "the process may not close a file");
}

static int close_descriptor(const struct rcall *call, int fd)
{
	struct request request = {
		.call = call, .nr = SYS_close, .is_made = is_closed, .outcome = check_closed, .args = { (uint64_t)fd },
	};

	return request_make(&request);
}

static int open_file(const struct rcall *call, const char *path, int *ret)
{
	struct request request = {
		.call = call, .nr = SYS_openat, .is_made = is_open, .outcome = check_open, .path = path,
		.args = { (uint64_t)AT_FDCWD, 0, OPEN_FLAGS },
	};
	int left = find_descriptor(call->proc); /* by one of us that was killed */
	int r = left >= 0 ? close_descriptor(call, left) : 0;

	if (r == 0)
		r = request_make(&request);
	*ret = find_descriptor(call->proc);
	return r;
}

/* Of its code, but not from the file's beginning: see `loaded` in maps.h. */
static uint64_t offset_in(const struct mapping *m)
{
	return m->offset ? m->offset : PAGE;
}

static int map_part(const struct rcall *call, const struct mapping *m, uint64_t addr, size_t len)
{
	struct request request = {
		.call = call, .nr = SYS_mmap, .is_made = is_mapped, .outcome = check_mapping, .path = m->path,
		.args = { addr, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, 0, offset_in(m) },
	};
	int fd, r = open_file(call, m->path, &fd);

	if (r < 0)
		return r;
	request.args[4] = (uint64_t)fd;
	r = request_make(&request);
	/* Who did not answer may still be about to use it. */
	int closed = r == -ETIMEDOUT ? 0 : close_descriptor(call, fd);

	return r < 0 ? r : closed;
}

int rcall_map_file(const struct rcall *call, uint64_t addr, size_t len)
{
	struct maps maps;
	unsigned tries = 0;
	int r = proc_maps(call->proc, &maps);

	if (r < 0)
		return r;
	r = err_set(-EACCES, "no file that the process runs code of is large enough");
	for (size_t i = 0; i < maps.n && tries < FILES_MAX && r == -EACCES; i++) {
		const struct mapping *m = &maps.items[i];

		if (!m->loaded || !m->executable || m->deleted || m->hi - m->lo < len + offset_in(m) - m->offset)
			continue;
		tries++;
		r = map_part(call, m, addr, len);
	}
	maps_free(&maps);
	return r;
}

/* ---- rt_sigaction */

enum { SIGSET_SIZE = 8 }; /* the kernel's */

static struct request action_request(const struct rcall *call, int sig, uint64_t action, uint64_t old)
{
	return (struct request){ .call = call, .nr = SYS_rt_sigaction, .args = { (uint64_t)sig, action, old, SIGSET_SIZE } };
}

static bool is_caught(const struct request *request)
{
	uint64_t caught = 0;

	proc_status(request->call->proc->live, "SigCgt", 16, &caught);
	return caught >> (request->args[0] - 1) & 1;
}

static int check_caught(const struct request *request)
{
	return is_caught(request) ? 0 : err_set(-EACCES, "the process may not catch signal %d", (int)request->args[0]);
}

int rcall_catch_signal(const struct rcall *call, int sig, uint64_t action)
{
	struct request request = action_request(call, sig, action, 0);

	request.is_made = is_caught;
	request.outcome = check_caught;
	return request_make(&request);
}

static bool is_written(const struct request *request)
{
	uint64_t handler = 0;

	rmem_read(request->call->proc, request->args[2], &handler, sizeof(handler));
	return handler != 0;
}

static int check_written(const struct request *request)
{
	return is_written(request) ? 0 : err_set(-EACCES, "the process may not ask for its signal handlers");
}

int rcall_replace_action(const struct rcall *call, int sig, uint64_t action, uint64_t old)
{
	struct request request = action_request(call, sig, action, old);

	request.is_made = is_written;
	request.outcome = check_written;
	return request_make(&request);
}

int rcall_get_action(const struct rcall *call, int sig, uint64_t to)
{
	return rcall_replace_action(call, sig, 0, to);
}

int rcall_prepare_action(const struct rcall *call, struct thread *thread, const struct user_regs_struct *back, int sig,
			 uint64_t action, struct rcall_way *ret)
{
	struct request request = action_request(call, sig, action, 0);

	return request_prepare(&request, thread, back, ret);
}

/* Nobody else has these arguments at that place of its stack. */
bool rcall_is_on_way(const struct rcall_way *way, const struct user_regs_struct *regs)
{
	return regs->rdi == way->call.rdi && regs->rsi == way->call.rsi && regs->rsp - way->call.rsp <= sizeof(uint64_t);
}

int rcall_set_action_and_detach(const struct rcall *call, struct thread *thread, int sig, uint64_t action)
{
	struct request request = action_request(call, sig, action, 0);

	return request_make_and_detach(&request, thread);
}
