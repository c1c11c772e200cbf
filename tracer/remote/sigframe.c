/*
 * A thread that restores itself
 *
 *	rsp -> [restorer][struct ucontext][padding][xsave area][magic2][text]
 *
 * The thread is started at `syscall; ret`.  ret takes it to the restorer, whose rt_sigreturn loads
 * everything from the image: a signal frame without a signal (arch/x86/kernel/signal_64.c, struct
 * rt_sigframe; arch/x86/kernel/fpu/signal.c).
 *
 * - The xsave area is the one of PTRACE_GETREGSET(NT_X86_XSTATE) with the software bytes (464-511)
 *   rewritten.  The kernel takes a frame for x87 and SSE only, and so loses AVX, if the size said
 *   there exceeds what the process may use: with AMX the regset is larger than that.  So it is cut
 *   to the components in use (check_xstate_in_sigframe); the others get their initial state, which they have.
 * - uc_stack: sigreturn sets the alternate stack to what is there.  A mode that does not exist
 *   makes it change nothing (do_sigaltstack answers EINVAL, which restore_altstack ignores).
 */
#include "tracer/remote/sigframe.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "tracer/remote/maps.h"
#include "tracer/remote/room.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/thread.h"

enum {
	PATH_LEN_MAX = 4096, ALIGN = 64,
	XSTATE_MAX = 16384,         /* AMX makes 11008 */
	XSAVE_HEADER_AT = 512,      /* first word: XSTATE_BV */
	XSAVE_LEGACY = 512 + 64,
	SW_BYTES_AT = 464,
	UC_FP_XSTATE = 1, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4,
	SS_NO_SUCH_MODE = 3,
	GADGET_CHUNK = 1 << 18,
	GADGET_SCAN_MAX = 64 << 20, /* bytes of text looked at before giving up */
};
static const uint32_t fp_magic1 = 0x46505853, fp_magic2 = 0x46505845;
static const uint64_t xfeatures_legacy = 3;

/* arch/x86/include/uapi/asm/sigcontext.h, struct sigcontext_64 */
struct sigcontext_image {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};

struct frame_image {
	uint64_t return_address;
	uint64_t uc_flags, uc_link;
	uint64_t ss_sp;
	int32_t ss_flags, ss_pad;
	uint64_t ss_size;
	struct sigcontext_image context;
	uint64_t mask;
};

/* arch/x86/include/uapi/asm/sigcontext.h, struct _fpx_sw_bytes */
struct sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};

static const uint8_t code_syscall_ret[] = { 0x0f, 0x05, 0xc3 };
static const uint8_t code_restorer[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };

static uint64_t find_bytes(const uint8_t *text, size_t len, uint64_t addr, const uint8_t *code, size_t code_len)
{
	const uint8_t *at = memmem(text, len, code, code_len);

	return at ? addr + (uint64_t)(at - text) : 0;
}

static bool scan_mapping(struct proc *proc, const struct mapping *m, uint8_t *chunk, struct gadgets *found)
{
	for (uint64_t addr = m->lo; addr < m->hi; addr += GADGET_CHUNK - sizeof(code_restorer)) {
		uint64_t left = m->hi - addr;
		size_t n = rmem_read(proc, addr, chunk, left < GADGET_CHUNK ? left : GADGET_CHUNK);

		if (!found->syscall_ret)
			found->syscall_ret = find_bytes(chunk, n, addr, code_syscall_ret,
							sizeof(code_syscall_ret));
		if (!found->restorer)
			found->restorer = find_bytes(chunk, n, addr, code_restorer, sizeof(code_restorer));
		if (found->syscall_ret && found->restorer)
			return true;
	}
	return false;
}

/* Only code of loaded files: other code (of a JIT, our own slots) may be gone or changed when the thread gets there. */
static bool scan_maps(struct proc *proc, const struct maps *maps, bool libc, uint8_t *chunk, uint64_t *budget,
		      struct gadgets *found)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->items[i];
		bool is_libc = strstr(m->path, "/libc.") || strstr(m->path, "/libc-") ||
			       strstr(m->path, "/ld-");

		if (!m->executable || !m->loaded || is_libc != libc || m->hi - m->lo > *budget)
			continue;
		*budget -= m->hi - m->lo;
		if (scan_mapping(proc, m, chunk, found))
			return true;
	}
	return false;
}

static bool is_there(struct proc *proc, uint64_t addr, const uint8_t *code, size_t len)
{
	uint8_t there[sizeof(code_restorer)];

	return addr && rmem_read(proc, addr, there, len) == len && !memcmp(there, code, len);
}

int gadgets_find(struct proc *proc, struct gadgets *ret)
{
	struct maps maps;

	*ret = proc->gadgets;
	if (is_there(proc, ret->syscall_ret, code_syscall_ret, sizeof(code_syscall_ret)) &&
	    is_there(proc, ret->restorer, code_restorer, sizeof(code_restorer)))
		return 0;
	struct gadgets found = { 0 };
	uint64_t budget = GADGET_SCAN_MAX;
	int r = proc_maps(proc, &maps);

	if (r < 0)
		return r;
	uint8_t *chunk = malloc(GADGET_CHUNK);

	r = !chunk ? -ENOMEM
	    : scan_maps(proc, &maps, true, chunk, &budget, &found) ||
	      scan_maps(proc, &maps, false, chunk, &budget, &found) ? 0 : -ENOENT;
	if (r == 0)
		*ret = proc->gadgets = found;
	free(chunk);
	maps_free(&maps);
	return r;
}

/* Where a component of an xsave area ends in the standard format: CPUID leaf 0xd.  That takes long in a virtual machine: asked once. */
static size_t component_end(unsigned i)
{
	static uint32_t ends[64];
	unsigned size, offset, c, d;

	if (!ends[i] && __get_cpuid_count(0xd, i, &size, &offset, &c, &d) && size)
		ends[i] = offset + size;
	return ends[i];
}

/* Bytes of an xsave area that hold the components `features`. */
static size_t xsave_size(uint64_t features)
{
	size_t size = XSAVE_LEGACY;

	for (unsigned i = 2; i < 63; i++)
		if (features >> i & 1 && component_end(i) > size)
			size = component_end(i);
	return size;
}

/*
 * The thread's vector registers as a signal frame holds them; returns the length with magic2, or a
 * negative errno.
 */
static ssize_t get_xstate(const struct thread *thread, uint8_t *area)
{
	struct iovec io = { area, XSTATE_MAX };
	uint64_t supported, in_use;
	struct sw_bytes sw = { .magic1 = fp_magic1 };

	if (ptrace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &io) < 0)
		return -errno;
	if (io.iov_len < XSAVE_LEGACY || io.iov_len > XSTATE_MAX - sizeof(fp_magic2))
		return -ENOTSUP;
	memcpy(&supported, area + SW_BYTES_AT, sizeof(supported)); /* NT_X86_XSTATE keeps XCR0 here */
	memcpy(&in_use, area + XSAVE_HEADER_AT, sizeof(in_use));
	sw.xfeatures = supported & (in_use | xfeatures_legacy);
	size_t size = xsave_size(sw.xfeatures);

	size = size < io.iov_len ? size : io.iov_len;
	sw.xstate_size = (uint32_t)size;
	sw.extended_size = (uint32_t)(size + sizeof(fp_magic2));
	memcpy(area + SW_BYTES_AT, &sw, sizeof(sw));
	memcpy(area + size, &fp_magic2, sizeof(fp_magic2));
	return (ssize_t)(size + sizeof(fp_magic2));
}

static struct sigcontext_image context_of(const struct user_regs_struct *r, uint64_t fpstate)
{
	return (struct sigcontext_image){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13,
		.r14 = r->r14, .r15 = r->r15, .di = r->rdi, .si = r->rsi, .bp = r->rbp, .bx = r->rbx,
		.dx = r->rdx, .ax = r->rax, .cx = r->rcx, .sp = r->rsp, .ip = r->rip,
		.flags = r->eflags, .cs = (uint16_t)r->cs, .ss = (uint16_t)r->ss, .fpstate = fpstate,
	};
}

enum { XSTATE_AT = (sizeof(struct frame_image) + ALIGN - 1) / ALIGN * ALIGN };

int sigframe_write(struct proc *proc, const struct thread *thread, const struct user_regs_struct *back, uint64_t mask,
		   const struct gadgets *gadgets, const char *text, struct sigframe *ret)
{
	static uint8_t bytes[XSTATE_AT + XSTATE_MAX + PATH_LEN_MAX] __attribute__((aligned(64)));
	struct frame_image image = {
		.return_address = gadgets->restorer,
		.uc_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
		.ss_flags = SS_NO_SUCH_MODE,
		.mask = mask,
	};
	ssize_t xstate_len = get_xstate(thread, bytes + XSTATE_AT);
	size_t text_len = text ? strlen(text) + 1 : 0;

	if (xstate_len < 0)
		return (int)xstate_len;
	if (text_len > PATH_LEN_MAX)
		return -ENAMETOOLONG;
	size_t text_at = XSTATE_AT + (size_t)xstate_len;
	int r = room_take(proc, back, text_at + text_len, &ret->rsp, &ret->borrowed);

	if (r < 0)
		return r;
	image.context = context_of(back, ret->rsp + XSTATE_AT);
	memcpy(bytes, &image, sizeof(image));
	if (text)
		memcpy(bytes + text_at, text, text_len);
	ret->text = ret->rsp + text_at;
	ret->len = text_at + text_len;
	return rmem_write(proc, ret->rsp, bytes, ret->len);
}
