#include "tracer/remote/live.h"

#include <errno.h>
#include <string.h>

#include "tracer/remote/ahead.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/regs.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/thread.h"

static size_t read_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct live_frame *live = ctx;

	if (live->ahead)
		return ahead_read(live->ahead, live->proc, addr, buf, len);
	return rmem_read_data(live->proc, addr, buf, len);
}

static int read_vector(struct live_frame *live, unsigned dwarf, void *buf, size_t len)
{
	if (!live->has_fpregs) {
		if (thread_get_fpregs(live->thread, &live->fpregs) < 0)
			return -ENODATA;
		live->has_fpregs = true;
	}
	return regs_get_vector(&live->fpregs, dwarf, buf, len);
}

static int read_reg(void *ctx, unsigned dwarf, void *buf, size_t len)
{
	struct live_frame *live = ctx;

	if (dwarf >= REGS_GENERAL)
		return read_vector(live, dwarf, buf, len);
	uint64_t value = regs_get(&live->regs, dwarf);

	if (len > sizeof(value))
		return -ENODATA;
	memcpy(buf, &value, len);
	return 0;
}

static void saw_code(void *ctx, uint64_t addr)
{
	struct live_frame *live = ctx;

	if (live->saw_code)
		live->saw_code(live->ctx, addr);
}

static const struct frame_ops live_ops = {
	.read_mem = read_mem,
	.read_reg = read_reg,
	.saw_code = saw_code,
};

void live_frame_init(struct live_frame *live, struct proc *proc, struct thread *thread,
		     const struct user_regs_struct *regs)
{
	live->frame = (struct frame){ .ops = &live_ops, .ctx = live, .pc = regs->rip };
	live->proc = proc;
	live->thread = thread;
	live->regs = *regs;
	live->has_fpregs = false;
	live->saw_code = NULL;
	live->ahead = NULL;
}
