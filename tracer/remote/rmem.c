/*
 * Reading is done by process_vm_readv(), which needs no stopped thread and obeys the protection of
 * pages.  A range is handed over page by page, since the kernel promises no partial transfer within
 * one element (process_vm_readv(2)); what lies before the first unreadable page is what is
 * returned.
 *
 * Writing goes through /proc/PID/mem, which ignores the protection of private pages (FOLL_FORCE): a
 * text page stays r-x for the process all the time.  Kernels from 6.12 on can forbid that
 * (proc_mem.force_override=); PTRACE_POKETEXT is left then, which writes 8 bytes by
 * read-modify-write and needs a stopped thread (proc->stopped).
 */
#include "tracer/remote/rmem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/remote/proc.h"

enum { PAGE = 4096, PAGES_AT_ONCE = 64 };

static size_t bytes_to_page_end(uint64_t addr)
{
	return PAGE - (addr & (PAGE - 1));
}

/* One system call; -1 with errno if nothing was read. */
static ssize_t read_pages(pid_t pid, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, 0 }, remote[PAGES_AT_ONCE];
	unsigned long n = 0;

	for (; n < PAGES_AT_ONCE && local.iov_len < len; n++) {
		size_t part = bytes_to_page_end(addr);

		part = part < len - local.iov_len ? part : len - local.iov_len;
		remote[n] = (struct iovec){ (void *)addr, part };
		local.iov_len += part;
		addr += part;
	}
	return process_vm_readv(pid, &local, 1, remote, n, 0);
}

size_t rmem_read_text(struct proc *proc, uint64_t addr, void *buf, size_t len)
{
	ssize_t n = pread(proc->mem_fd, buf, len, (off_t)addr);

	return n > 0 ? (size_t)n : 0;
}

size_t rmem_read(struct proc *proc, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;

	if (addr + len < addr || addr >> 63)
		return 0;
	while (done < len) {
		char *to = (char *)buf + done;
		ssize_t n = read_pages(proc->live, addr + done, to, len - done);

		bool gone = n < 0 && errno == ESRCH;

		if (gone && proc_find_live(proc) == 0) {
			n = read_pages(proc->live, addr + done, to, len - done);
			gone = n < 0 && errno == ESRCH; /* who is exiting has no memory, but is no zombie yet */
		}
		if (gone || (n < 0 && (errno == EPERM || errno == ENOSYS)))
			n = (ssize_t)rmem_read_text(proc, addr + done, to, len - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

size_t rmem_read_data(struct proc *proc, uint64_t addr, void *buf, size_t len)
{
	if (proc->lazy.is_there)
		len = lazy_readable(&proc->lazy, addr, len);
	return rmem_read(proc, addr, buf, len);
}

size_t rmem_read_pieces(struct proc *proc, const struct rmem_piece *pieces, size_t n, void *buf)
{
	struct iovec local = { buf, 0 }, remote[RMEM_PIECES];

	assert(n <= RMEM_PIECES);
	if (proc->lazy.is_there)
		return 0; /* one by one, then */
	for (size_t i = 0; i < n; i++) {
		remote[i] = (struct iovec){ (void *)pieces[i].addr, pieces[i].len };
		local.iov_len += pieces[i].len;
	}
	ssize_t got = process_vm_readv(proc->live, &local, 1, remote, n, 0);

	return got > 0 ? (size_t)got : 0;
}

static int poke(pid_t tid, uint64_t addr, const void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		uint64_t word_addr = (addr + done) & ~7ull;
		size_t at = addr + done - word_addr, part = 8 - at < len - done ? 8 - at : len - done;

		errno = 0;
		long word = ptrace(PTRACE_PEEKTEXT, tid, (void *)word_addr, NULL);

		if (errno)
			return -errno;
		memcpy((char *)&word + at, (const char *)buf + done, part);
		if (ptrace(PTRACE_POKETEXT, tid, (void *)word_addr, (void *)word) < 0)
			return -errno;
		done += part;
	}
	return 0;
}

static int write_fd(int fd, uint64_t addr, const void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, (off_t)(addr + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int rmem_write(struct proc *proc, uint64_t addr, const void *buf, size_t len)
{
	if (!proc->poke)
		return write_fd(proc->mem_fd, addr, buf, len);
	return proc->stopped ? poke(proc->stopped->tid, addr, buf, len) : -EBUSY;
}

int rmem_probe_write(struct proc *proc, uint64_t text_addr)
{
	uint8_t byte;

	if (rmem_read(proc, text_addr, &byte, 1) != 1)
		return err_set(-EFAULT, "cannot read the text at %#lx", (unsigned long)text_addr);
	int r = write_fd(proc->mem_fd, text_addr, &byte, 1);

	if (r < 0 && rmem_read(proc, text_addr, &byte, 1) != 1)
		return err_set(-ESRCH, "process %d has ended", (int)proc->pid);
	proc->poke = r < 0;
	proc->write_error = -r;
	return 0;
}

int rmem_open_child(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int rmem_write_child(int fd, pid_t pid, uint64_t addr, const void *buf, size_t len)
{
	int r = fd < 0 ? -EBADF : write_fd(fd, addr, buf, len);

	return r < 0 ? poke(pid, addr, buf, len) : 0;
}
