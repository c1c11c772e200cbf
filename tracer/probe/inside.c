/*
 * Code that runs inside the traced process
 *
 * A live tracer never lets the SIGTRAP of an int3 of ours through.  So if the handler is called for one, nobody traces the thread: the
 * tracer is dead, or the thread was made with CLONE_UNTRACED.  It is helped on:
 *
 *	rip behind an int3 of ours    the thread has hit it: sent to the slot, as the tracer would have done
 *	rip in an area                the tracer had done that and died before it let the thread go: nothing to do
 *	rip at a site                 the tracer had restored the text and sent it back there: nothing to do
 *	no int3 before rip            one was hit with SIGTRAP blocked, and the tracer died when it had put the thread in its slot
 *	                              and blocked the signal again (blocked.c): it comes only now; nothing to do
 *	anything else                 not ours: what would have happened without us happens
 *
 * A handler that the program has itself is called for all that is not ours, as the kernel would: with the mask it asked for, on the
 * stack it asked for (our action has its flags), and returning as if it had been called at once.  So it is entered by
 * rt_sigreturn from a context made for that, through its own restorer: the one system call that any thread with a handler makes anyway.
 *
 * After the first of these the handler restores the text, unless the process, or the one whose memory it shares, is traced: once, through
 * /proc/self/mem; then nobody comes here any more.
 * Several threads may do that at once; all write the same, and stop when a new tracer forbids it.  Only what is still an int3 of ours is
 * written to: the rest of the instruction must be what was there, in a private mapping of the same file at the same place that can be
 * executed (/proc/self/maps), or something else has been mapped there since.  Text that the program has moved, and sites whose file is
 * not known, keep their int3s: who hits them is helped on, each time.
 *
 * The code is copied as bytes: it may refer to nothing outside of its section, calls no library, uses neither thread-local nor
 * vector registers (the Makefile compiles it so), and finds its area by its own address.  Its data is in the area's head,
 * which the process itself cannot write (the pages are r-x): what has to be noted there goes through /proc/self/mem, too.
 */
#include "tracer/probe/inside.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define INSIDE __attribute__((section("virtrace_inside"), used))
#define INLINE static inline __attribute__((always_inline))

enum { AREAS_MAX = 256, SA_SIZE = 8, RDWR_CLOEXEC = 02000002, RDONLY_CLOEXEC = 02000000 };

INLINE long call4(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
}

/* The rest of a displaced instruction is still where it was. */
INLINE bool rest_is_there(const struct slot_header *slot, const volatile uint8_t *code)
{
	for (unsigned i = 1; i < slot->insn_len; i++)
		if (code[i] != slot->orig[i])
			return false;
	return true;
}

INLINE const struct slot_header *slot_at(const struct area_header *area, uint64_t at)
{
	const struct slot_header *slot = (const void *)((const char *)area + at);
	bool fits = at + sizeof(*slot) <= area->used && slot->size >= sizeof(*slot) && slot->size <= area->used - at;

	return fits ? slot : NULL;
}

INLINE const struct slot_header *next_slot(const struct area_header *area, const struct slot_header *slot)
{
	return slot_at(area, (uint64_t)((const char *)slot - (const char *)area) + slot->size);
}

/* `n` counts them: what is damaged must not make us go round for ever. */
INLINE const struct area_header *next_area(const struct area_header *area, unsigned *n)
{
	return ++*n < AREAS_MAX ? (const void *)area->next : NULL;
}

/* Asked again before each write: a new tracer may be about to plant its own. */
INLINE bool may_repair(const volatile struct area_header *first)
{
	return first->may_repair;
}

/* One that is there, in a mapping of its own file. */
INLINE void repair_slot(const struct area_header *first, const struct slot_header *slot, long fd)
{
	uint8_t there[INSN_MAX + 1];
	long n = call4(SYS_pread64, fd, (long)there, slot->insn_len, (long)slot->site);

	if (n == slot->insn_len && there[0] == 0xcc && rest_is_there(slot, there) && may_repair(first))
		call4(SYS_pwrite64, fd, (long)slot->orig, 1, (long)slot->site);
}

/* What of a line of /proc/self/maps was read: "lo-hi perms offset major:minor inode", and which is read next. */
enum { LO, HI, PERMS, OFFSET, MAJOR, MINOR, INODE, REST };
struct line {
	uint64_t numbers[REST]; /* PERMS: four characters, the last one lowest */
	unsigned n;
};

INLINE void repair_mapping(const struct area_header *first, const struct line *line, long fd)
{
	const uint64_t *of = line->numbers;
	uint32_t origin = slot_origin(of[MAJOR] << 32 | of[MINOR], of[INODE], of[LO] - of[OFFSET]);
	bool is_code = (of[PERMS] & 0xffff) == ('x' << 8 | 'p');
	unsigned n = 0;

	if (!is_code || !of[INODE])
		return;
	for (const struct area_header *area = first; area; area = next_area(area, &n))
		for (const struct slot_header *slot = slot_at(area, AREA_FIRST); slot; slot = next_slot(area, slot))
			if (slot->origin == origin && slot->site >= of[LO] && slot->site < of[HI])
				repair_slot(first, slot, fd);
}

/* One more character of a line; true when its numbers are complete. */
INLINE bool read_char(struct line *line, char c)
{
	bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

	if (c == '\n') {
		line->n = LO;
		line->numbers[LO] = 0;
	} else if (line->n == PERMS && c != ' ') {
		line->numbers[PERMS] = line->numbers[PERMS] << 8 | (uint8_t)c;
	} else if (line->n < REST && digit) {
		uint64_t base = line->n == INODE ? 10 : 16;

		line->numbers[line->n] = line->numbers[line->n] * base + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	} else if (line->n < REST) {
		if (++line->n == REST)
			return true;
		line->numbers[line->n] = 0;
	}
	return false;
}

/* Through the maps, as text may have made place for something else. */
INLINE void repair_all(const struct area_header *first, long fd, long maps)
{
	struct line line;
	char text[256];
	long at = 0, n;

	line.n = LO;
	line.numbers[LO] = 0;
	while ((n = call4(SYS_pread64, maps, (long)text, sizeof(text), at)) > 0 && may_repair(first)) {
		for (long i = 0; i < n; i++)
			if (read_char(&line, text[i]))
				repair_mapping(first, &line, fd);
		at += n;
	}
}

INLINE void repair(const struct area_header *first)
{
	long fd = call4(SYS_open, (long)first->mem_path, RDWR_CLOEXEC, 0, 0);
	long maps = call4(SYS_open, (long)first->maps_path, RDONLY_CLOEXEC, 0, 0);
	const uint32_t yes = 1;

	if (fd >= 0 && maps >= 0) {
		repair_all(first, fd, maps);
		call4(SYS_pwrite64, fd, (long)&yes, sizeof(yes), (long)&first->repaired);
	}
	if (fd >= 0)
		call4(SYS_close, fd, 0, 0, 0);
	if (maps >= 0)
		call4(SYS_close, maps, 0, 0, 0);
}

/* An int3 has its signal at once.  At the beginning of a page what is before it need not be readable. */
INLINE bool is_late(uint64_t rip)
{
	const volatile uint8_t *code = (const volatile uint8_t *)rip;

	return rip % 4096 > 1 && code[-1] != 0xcc && (code[-2] != 0xcd || code[-1] != 3);
}

/* proc_pid_status(5): the number behind "TracerPid:" is not 0. */
INLINE bool says_traced(const char *name, const char *text, long n)
{
	long matched = 0;

	for (long i = 0; i < n; i++) {
		if (!name[matched])
			return text[i] != '0';
		matched = text[i] == name[matched] ? matched + 1 : text[i] == name[0];
	}
	return false;
}

/* Whether its text is in use by a tracer: of a thread that no tracer sees, or of another process in the same memory. */
INLINE bool is_traced(const struct area_header *first)
{
	enum { KCMP_VM = 1 };
	long pid = call4(SYS_getpid, 0, 0, 0, 0), n = 0;
	char text[512];

	if (pid != first->pid && !(first->may_compare && call4(SYS_kcmp, pid, first->pid, KCMP_VM, 0) == 0))
		return false; /* it has a copy, which nobody traces */
	long fd = call4(SYS_open, (long)first->status_path, RDONLY_CLOEXEC, 0, 0);

	if (fd >= 0) {
		n = call4(SYS_pread64, fd, (long)text, sizeof(text), 0);
		call4(SYS_close, fd, 0, 0, 0);
	}
	return says_traced(first->tracer_line, text, n);
}

/* What rt_sigreturn takes, as far as the kernel reads it where there is no state of vector registers: include/uapi/asm/ucontext.h */
enum { CONTEXT_WORDS = (offsetof(ucontext_t, uc_sigmask) + 8) / 8, UC_FP_XSTATE = 1, SS_NO_SUCH_MODE = 3, FLAGS_AT_ENTRY = 0x202 };

/* To the program's own handler, with `frame` as its frame. */
INLINE void make_entry(const struct area_header *first, int sig, siginfo_t *info, ucontext_t *context, uint64_t frame,
		       uint64_t *words)
{
	const struct kernel_action *theirs = &first->before;
	const volatile uint64_t *from = (const volatile uint64_t *)context;
	ucontext_t *entry = (ucontext_t *)words;
	greg_t *regs = entry->uc_mcontext.gregs;

	for (unsigned i = 0; i < CONTEXT_WORDS; i++)
		words[i] = from[i];
	entry->uc_flags &= ~(uint64_t)UC_FP_XSTATE;
	entry->uc_stack.ss_flags = SS_NO_SUCH_MODE; /* stays as it is: remote/sigframe.c */
	entry->uc_mcontext.fpregs = NULL;
	regs[REG_RIP] = (greg_t)theirs->handler;
	regs[REG_RSP] = (greg_t)frame;
	regs[REG_RDI] = sig;
	regs[REG_RSI] = (greg_t)info;
	regs[REG_RDX] = (greg_t)context;
	regs[REG_RAX] = 0;
	regs[REG_EFL] = FLAGS_AT_ENTRY;
	words[CONTEXT_WORDS - 1] |= theirs->mask | (theirs->flags & SA_NODEFER ? 0 : 1ull << (SIGTRAP - 1));
}

/* As if we were not there.  SIG_DFL: the same signal once more, when this handler has returned. */
INLINE void chain(const struct area_header *area, siginfo_t *info)
{
	bool forced = info->si_code > 0;

	if (area->before.handler == (uint64_t)SIG_IGN && !forced)
		return;
	call4(SYS_rt_sigaction, SIGTRAP, (long)&area->before, 0, SA_SIZE);
	long pid = call4(SYS_getpid, 0, 0, 0, 0), tid = call4(SYS_gettid, 0, 0, 0, 0);

	call4(SYS_rt_tgsigqueueinfo, pid, tid, SIGTRAP, (long)info);
}

enum found { NOT_OURS, IN_AREA, AT_SITE, HIT };

INLINE enum found find_in(const struct area_header *area, uint64_t rip, const struct slot_header **ret)
{
	enum found found = rip - (uint64_t)area < area->size ? IN_AREA : NOT_OURS;

	for (const struct slot_header *slot = slot_at(area, AREA_FIRST); slot; slot = next_slot(area, slot)) {
		if (slot->site == rip - 1 && rest_is_there(slot, (const uint8_t *)slot->site)) {
			*ret = slot;
			return HIT;
		}
		if (slot->site == rip)
			found = AT_SITE;
	}
	return found;
}

/* What a thread that stopped at `rip` was doing; HIT: its slot. */
INLINE enum found find(const struct area_header *first, uint64_t rip, const struct slot_header **ret)
{
	enum found found = NOT_OURS;
	unsigned n = 0;

	for (const struct area_header *area = first; area && found != HIT; area = next_area(area, &n)) {
		enum found here = find_in(area, rip, ret);

		found = here > found ? here : found;
	}
	return found;
}

/*
 * What inside_handler calls; `first` is the area it is in, `frame` the stack pointer with which the kernel has called it.  True if it
 * shall go on by rt_sigreturn from `words`.
 */
INSIDE static bool on_trap(int sig, siginfo_t *info, ucontext_t *context, const struct area_header *first, uint64_t frame,
			   uint64_t *words)
{
	greg_t *rip = &context->uc_mcontext.gregs[REG_RIP];
	const struct slot_header *slot = NULL;
	bool by_int3 = info->si_code == SI_KERNEL;
	enum found found = by_int3 ? find(first, (uint64_t)*rip, &slot) : NOT_OURS;

	if (found == HIT) {
		*rip = (greg_t)(slot + 1);
		if (first->may_repair && !first->repaired && !is_traced(first))
			repair(first);
	}
	if (found != NOT_OURS || (by_int3 && is_late((uint64_t)*rip)))
		return false;
	if (first->before.handler > (uint64_t)SIG_IGN) {
		make_entry(first, sig, info, context, frame, words);
		return true;
	}
	chain(first, info);
	return false;
}

/* The restorer has the bytes by which debuggers know a signal frame. */
__asm__(".pushsection virtrace_inside,\"ax\",@progbits\n"
	".globl inside_handler, inside_restorer\n"
	".hidden inside_handler, inside_restorer\n"
	"inside_handler:\n"
	"	endbr64\n"
	"	lea __start_virtrace_inside - 256(%rip), %rcx\n"
	"	mov %rsp, %r8\n"
	"	sub $328, %rsp\n" /* CONTEXT_WORDS, and the stack is aligned for a call */
	"	mov %rsp, %r9\n"
	"	call on_trap\n"
	"	test %al, %al\n"
	"	jnz 1f\n"
	"	add $328, %rsp\n"
	"	ret\n"
	"1:	mov 328(%rsp), %rcx\n" /* the restorer */
	"	jmp *%rcx\n"
	"inside_restorer:\n"
	"	mov $15, %rax\n" /* rt_sigreturn */
	"	syscall\n"
	".popsection\n");
_Static_assert(INSIDE_AT == 256 && CONTEXT_WORDS * 8 <= 328, "inside_handler has these numbers in it");
