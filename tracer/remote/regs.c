#include "tracer/remote/regs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "symbols/frame.h"

static const uint8_t offsets[REGS_GENERAL] = {
#define AT(member) (offsetof(struct user_regs_struct, member) / sizeof(uint64_t))
	[DWARF_RAX] = AT(rax), [DWARF_RDX] = AT(rdx), [DWARF_RCX] = AT(rcx), [DWARF_RBX] = AT(rbx),
	[DWARF_RSI] = AT(rsi), [DWARF_RDI] = AT(rdi), [DWARF_RBP] = AT(rbp), [DWARF_RSP] = AT(rsp),
	[DWARF_R8] = AT(r8),   [DWARF_R9] = AT(r9),   [DWARF_R10] = AT(r10), [DWARF_R11] = AT(r11),
	[DWARF_R12] = AT(r12), [DWARF_R13] = AT(r13), [DWARF_R14] = AT(r14), [DWARF_R15] = AT(r15),
	[DWARF_RIP] = AT(rip),
#undef AT
};

uint64_t regs_get(const struct user_regs_struct *regs, unsigned dwarf)
{
	uint64_t value;

	assert(dwarf < REGS_GENERAL);
	memcpy(&value, (const char *)regs + offsets[dwarf] * sizeof(value), sizeof(value));
	return value;
}

/*
 * The FXSAVE image: 16 bytes a register, the x87 ones 80 bits of them (Intel SDM volume 1, 10.5.1).
 */
int regs_get_vector(const struct user_fpregs_struct *regs, unsigned dwarf, void *buf, size_t len)
{
	enum { SLOT = 16, XMM_LEN = 16, ST_LEN = 10 };

	if (dwarf >= DWARF_XMM0 && dwarf < DWARF_XMM0 + 16 && len <= XMM_LEN)
		memcpy(buf, (const char *)regs->xmm_space + (dwarf - DWARF_XMM0) * SLOT, len);
	else if (dwarf >= DWARF_ST0 && dwarf < DWARF_ST0 + 8 && len <= ST_LEN)
		memcpy(buf, (const char *)regs->st_space + (dwarf - DWARF_ST0) * SLOT, len);
	else
		return -ENODATA;
	return 0;
}
