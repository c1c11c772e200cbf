#include "tracer/probe/unwind.h"

#include "symbols/frame.h"
#include "symbols/module.h"
#include "tracer/base/array.h"

#include <libunwind-x86_64.h>
#include <stdbool.h>
#include <string.h>

/**
 * How a backtrace is made, and why it is not wrong
 *
 * The innermost frame is stepped by hand: a sample stands where rsp points at the return address.
 * From there libunwind runs the CFI programs, seeing the world through access_mem(): the stack
 * copy, and the contents of ELF files.  It starts at return address - 1, in the call instruction,
 * as it does itself for all further frames.
 *
 * libunwind rather guesses than stops: without unwind information it follows rbp, and it would take
 * what it reads from a file for stack contents.  So each step is checked (step): there was unwind
 * information, the return address was read from the copy, the stack pointer went up and is in the
 * copy, and the address is in a module's code.  As the stack pointer must go up, and as reads and
 * frames are counted, no garbage makes it run for ever.
 *
 * .eh_frame_hdr: Linux Standard Base 5.0, Core, 10.6.2.  Its binary search table is what linkers
 * write: pairs of 32-bit offsets from the header's start, function then FDE; other encodings are
 * not used, libunwind knows none.
 */
enum {
	PE_OMIT = 0xff,
	PE_FORMAT = 0x0f,
	PE_UDATA4 = 0x03,
	PE_DATAREL_SDATA4 = 0x3b,
};

enum {
	CACHED_RULES = 4096,    /* call sites of 200 bytes; a traced path has some hundreds */
	STEP_READS_MAX = 16384, /* a step needs hundreds; but DWARF expressions can jump back */
};

/** A module in which there was a frame. */
struct code {
	struct module *module;
	struct unwind_table table;
	uint64_t entries_addr, n_entries; /**< the binary search table; 0 if there is none */
};

struct unwinder {
	struct module *(*module_at)(void *ctx, uint64_t addr);
	void *ctx;
	unw_addr_space_t space;
	ARRAY(struct code) codes;
	size_t latest; /**< index of the code found last: frames come in runs */

	/* Of the backtrace in work. */
	const struct unwind_sample *sample;
	uint64_t start_pc, start_sp; /**< of the second frame */
	bool no_info;                /**< libunwind found no unwind information for this step */
	bool left_copy;              /**< something was read that is in neither copy nor module */
	unsigned reads;              /**< of this step */
};

/* .eh_frame_hdr: version, three encodings, pointer to .eh_frame, number of entries, entries. */
static void read_header(struct code *code)
{
	uint8_t head[4], pointer;
	uint32_t n;
	uint64_t addr = code->table.hdr_addr;

	if (module_read(code->module, addr, head, sizeof(head)) < 0)
		return;
	pointer = head[1] & PE_FORMAT;
	if (head[0] != 1 || head[1] == PE_OMIT || head[2] != PE_UDATA4 ||
	    head[3] != PE_DATAREL_SDATA4)
		return;
	addr += sizeof(head) + ((pointer & 7) == PE_UDATA4 ? 4 : 8);
	if (module_read(code->module, addr, &n, sizeof(n)) < 0)
		return;
	code->entries_addr = addr + sizeof(n);
	code->n_entries = n;
}

static bool in_code(const struct code *code, uint64_t addr)
{
	return addr >= code->table.text_lo && addr < code->table.text_hi &&
	       module_contains(code->module, addr);
}

static struct code *find_known(struct unwinder *unwinder, uint64_t addr)
{
	struct code *code;

	if (unwinder->latest < unwinder->codes.n &&
	    in_code(&unwinder->codes.items[unwinder->latest], addr))
		return &unwinder->codes.items[unwinder->latest];
	array_foreach (&unwinder->codes, code) {
		if (in_code(code, addr)) {
			unwinder->latest = code - unwinder->codes.items;
			return code;
		}
	}
	return NULL;
}

/* The module whose code holds `addr`; NULL if that is no code, or has no unwind information. */
static struct code *find_code(struct unwinder *unwinder, uint64_t addr)
{
	struct code new = { 0 }, *code = find_known(unwinder, addr);

	if (code)
		return code;
	new.module = unwinder->module_at(unwinder->ctx, addr);
	if (!new.module || module_unwind_table(new.module, &new.table) < 0 || !in_code(&new, addr))
		return NULL;
	read_header(&new);
	code = array_push(&unwinder->codes);
	if (code)
		*code = new;
	return code;
}

static bool in_copy(const struct unwind_sample *sample, uint64_t addr, uint64_t len)
{
	return addr >= sample->stack_addr && addr - sample->stack_addr <= sample->stack_len &&
	       len <= sample->stack_len - (addr - sample->stack_addr);
}

static int read_module(struct unwinder *unwinder, uint64_t addr, uint64_t *ret)
{
	struct code *code;

	array_foreach (&unwinder->codes, code) {
		uint64_t word = 0;

		if (!module_contains(code->module, addr))
			continue;
		// libunwind reads aligned words only; the last one of a section may be half there.
		if (module_read(code->module, addr, &word, 8) < 0 &&
		    module_read(code->module, addr, &word, 4) < 0)
			return -UNW_EINVAL;
		*ret = word;
		return 0;
	}
	return -UNW_EINVAL;
}

static int access_mem(unw_addr_space_t space, unw_word_t addr, unw_word_t *value, int write,
		      void *arg)
{
	struct unwinder *unwinder = arg;
	const struct unwind_sample *sample = unwinder->sample;

	(void)space;
	if (write || unwinder->reads++ >= STEP_READS_MAX)
		return -UNW_EINVAL;
	if (in_copy(sample, addr, sizeof(*value))) {
		memcpy(value, sample->stack + (addr - sample->stack_addr), sizeof(*value));
		return 0;
	}
	if (read_module(unwinder, addr, value) == 0)
		return 0;
	unwinder->left_copy = true;
	return -UNW_EINVAL;
}

/* libunwind numbers the registers as DWARF does. */
static int access_reg(unw_addr_space_t space, unw_regnum_t reg, unw_word_t *value, int write,
		      void *arg)
{
	const struct unwinder *unwinder = arg;

	(void)space;
	if (write || reg < 0 || reg > DWARF_RIP)
		return -UNW_EBADREG;
	if (reg == DWARF_RIP)
		*value = unwinder->start_pc;
	else if (reg == DWARF_RSP)
		*value = unwinder->start_sp;
	else
		*value = unwinder->sample->regs[reg];
	return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t reg, unw_fpreg_t *value, int write,
			void *arg)
{
	(void)space, (void)reg, (void)value, (void)write, (void)arg;
	return -UNW_EBADREG;
}

/* Exported by libunwind for those who bring their own tables (perf does), but in no header. */
int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table,
				       unw_proc_info_t *ret, int need_unwind_info, void *arg);

static int find_proc_info(unw_addr_space_t space, unw_word_t pc, unw_proc_info_t *ret,
			  int need_unwind_info, void *arg)
{
	struct unwinder *unwinder = arg;
	const struct code *code = find_code(unwinder, pc);
	int r = -UNW_ENOINFO;

	if (code && code->n_entries) {
		unw_dyn_info_t table = {
			.format = UNW_INFO_FORMAT_REMOTE_TABLE,
			.start_ip = code->table.text_lo,
			.end_ip = code->table.text_hi,
			.u.rti.segbase = code->table.hdr_addr,
			.u.rti.table_data = code->entries_addr,
			// in words, and an entry is one
			.u.rti.table_len = code->n_entries,
		};

		r = UNW_OBJ(dwarf_search_unwind_table)(space, pc, &table, ret, need_unwind_info,
						       arg);
	}
	if (r < 0)
		unwinder->no_info = true;
	return r;
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
	(void)space, (void)info, (void)arg; // libunwind frees what its own search allocated
}

static int get_dyn_info_list_addr(unw_addr_space_t space, unw_word_t *ret, void *arg)
{
	(void)space, (void)ret, (void)arg;
	return -UNW_ENOINFO;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space, (void)cursor, (void)arg;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t addr, char *buf, size_t len,
			 unw_word_t *offset, void *arg)
{
	(void)space, (void)addr, (void)buf, (void)len, (void)offset, (void)arg;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_proc_info,
	.put_unwind_info = put_unwind_info,
	.get_dyn_info_list_addr = get_dyn_info_list_addr,
	.access_mem = access_mem,
	.access_reg = access_reg,
	.access_fpreg = access_fpreg,
	.resume = resume,
	.get_proc_name = get_proc_name,
};

struct unwinder *unwinder_new(struct module *(*module_at)(void *ctx, uint64_t addr), void *ctx)
{
	struct unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return NULL;
	unwinder->module_at = module_at;
	unwinder->ctx = ctx;
	unwinder->space = unw_create_addr_space(&accessors, 0);
	if (!unwinder->space) {
		free(unwinder);
		return NULL;
	}
	// Not UNW_CACHE_PER_THREAD: that cache is shared by all address spaces of a thread.
	unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
	unw_set_cache_size(unwinder->space, CACHED_RULES, 0);
	return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	unw_destroy_addr_space(unwinder->space);
	array_free(&unwinder->codes);
	free(unwinder);
}

void unwinder_forget(struct unwinder *unwinder)
{
	unw_flush_cache(unwinder->space, 0, 0);
	array_free(&unwinder->codes);
	unwinder->latest = 0;
}

/* Whether a signal handler returns to here: mov $__NR_rt_sigreturn,%rax; syscall. */
static bool is_sigreturn(struct unwinder *unwinder, uint64_t pc)
{
	static const uint8_t code[] = { 0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05 };
	const struct code *found = find_code(unwinder, pc);
	uint8_t bytes[sizeof(code)];

	return found && module_read(found->module, pc, bytes, sizeof(bytes)) == 0 &&
	       memcmp(bytes, code, sizeof(code)) == 0;
}

static bool saved_in_copy(struct unwinder *unwinder, unw_cursor_t *cursor)
{
	unw_save_loc_t loc;

	return unw_get_save_loc(cursor, UNW_X86_64_RIP, &loc) == 0 && loc.type == UNW_SLT_MEMORY &&
	       in_copy(unwinder->sample, loc.u.addr, 8);
}

/* Step to the caller's frame; UNWIND_FULL and its pc if there is one, else why it ends here. */
static enum unwind_end step(struct unwinder *unwinder, unw_cursor_t *cursor, bool is_signal,
			    uint64_t *pc)
{
	uint64_t old_sp, sp;
	int r;

	if (unw_get_reg(cursor, UNW_REG_SP, &old_sp) < 0 || !in_copy(unwinder->sample, old_sp, 0))
		return UNWIND_CUT;
	unwinder->no_info = unwinder->left_copy = false;
	unwinder->reads = 0;
	r = unw_step(cursor);
	// libunwind knows signal frames by their code, as we do; all else would be a guess.
	if (unwinder->no_info && !is_signal)
		return UNWIND_LOST;
	if (r < 0)
		return unwinder->left_copy ? UNWIND_CUT : UNWIND_LOST;
	if (r == 0 || unw_get_reg(cursor, UNW_REG_IP, pc) < 0 || *pc == 0)
		return UNWIND_OUTERMOST;
	// Behind a signal frame there may be another stack; the next step sees that.
	if (unw_get_reg(cursor, UNW_REG_SP, &sp) < 0 || (sp <= old_sp && !is_signal))
		return UNWIND_LOST;
	return saved_in_copy(unwinder, cursor) && find_code(unwinder, *pc) ? UNWIND_FULL
									   : UNWIND_LOST;
}

/* All frames from the second on; `pc` is its return address. */
static enum unwind_end walk(struct unwinder *unwinder, uint64_t pc, uint64_t *pcs, enum unwind_kind *kinds,
			    size_t max, size_t *n)
{
	bool is_signal = is_sigreturn(unwinder, pc), was_interrupted = false;
	unw_cursor_t cursor;

	unwinder->start_pc = is_signal ? pc : pc - 1;
	unwinder->start_sp = unwinder->sample->regs[DWARF_RSP] + 8;
	if (unw_init_remote(&cursor, unwinder->space, unwinder) < 0)
		return UNWIND_LOST;
	while (*n < max) {
		enum unwind_end end;

		if (kinds)
			kinds[*n] = is_signal	      ? UNWIND_TRAMPOLINE
				    : was_interrupted ? UNWIND_INTERRUPTED
						      : UNWIND_RETURN;
		pcs[(*n)++] = pc;
		end = step(unwinder, &cursor, is_signal, &pc);
		if (end != UNWIND_FULL)
			return end;
		was_interrupted = is_signal;
		is_signal = is_sigreturn(unwinder, pc);
	}
	return UNWIND_FULL;
}

size_t unwind_stack(struct unwinder *unwinder, const struct unwind_sample *sample,
		    uint64_t *pcs, enum unwind_kind *kinds, size_t max, enum unwind_end *end)
{
	uint64_t rsp = sample->regs[DWARF_RSP], pc;
	enum unwind_end why = UNWIND_FULL;
	size_t n = 0;

	unwinder->sample = sample;
	if (max && kinds)
		kinds[0] = UNWIND_HERE;
	if (max)
		pcs[n++] = sample->regs[DWARF_RIP];
	if (!in_copy(sample, rsp, sizeof(pc))) {
		why = UNWIND_CUT;
	} else {
		memcpy(&pc, sample->stack + (rsp - sample->stack_addr), sizeof(pc));
		why = pc ? walk(unwinder, pc, pcs, kinds, max, &n) : UNWIND_OUTERMOST;
	}
	unwinder->sample = NULL;
	if (end)
		*end = why;
	return n;
}
