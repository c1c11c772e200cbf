/*
 * Ways out of functions: synthetic code for each rule, and all of a library with objdump as the
 * oracle.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/probe/insn.h"

enum { BASE = 0x1000 };

struct text {
	const uint8_t *bytes;
	size_t n;
};

static int read_text(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct text *text = ctx;

	if (addr < BASE || addr - BASE + len > text->n)
		return -EFAULT;
	memcpy(buf, text->bytes + (addr - BASE), len);
	return 0;
}

static int scan_bytes(const uint8_t *bytes, size_t n, struct scan *ret)
{
	struct text text = { bytes, n };
	struct range range = { BASE, BASE + n };

	return scan_function(BASE, &range, 1, read_text, &text, ret);
}

#define SCAN(scan, ...) scan_bytes((uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }), scan)

static void simple(void **state)
{
	struct scan scan;

	(void)state;
	assert_int_equal(SCAN(&scan, 0x55, 0x5d, 0xc3), 0); /* push, pop, ret */
	assert_true(scan.entry == BASE && scan.n_exits == 1 && !scan.loops_to_entry);
	assert_true(scan.exits[0].addr == BASE + 2 && scan.exits[0].kind == EXIT_RET);
	scan_free(&scan);
	assert_int_equal(SCAN(&scan, 0xf3, 0x0f, 0x1e, 0xfa, 0xc3), 0); /* endbr64, ret */
	assert_true(scan.entry == BASE + 4 && scan.exits[0].addr == BASE + 4);
	scan_free(&scan);
	assert_int_equal(SCAN(&scan, 0xf3, 0xc3, 0xc2, 8, 0, 0xf2, 0xc3), 0); /* rep ret, ret $8, bnd ret */
	assert_int_equal(scan.n_exits, 3);
	scan_free(&scan);
	assert_int_equal(SCAN(&scan, 0xeb, 0xfe), 0); /* for ever */
	assert_true(scan.n_exits == 0 && scan.loops_to_entry);
	scan_free(&scan);
}

/* Where a thread behind the first byte of a site need not have hit its int3. */
static void ambiguous(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[16];
		size_t n;
		uint64_t ambiguous;
	} cases[] = {
		{ "push, pop, ret", { 0x55, 0x5d, 0xc3 }, 3, 0 },
		{ "push, dec, jne behind the push, ret", { 0x53, 0xff, 0xcf, 0x75, 0xfc, 0xc3 }, 6, BASE },
		{ "sub, dec, jne behind the sub, ret", { 0x48, 0x83, 0xec, 8, 0xff, 0xcf, 0x75, 0xfc, 0xc3 }, 9, 0 },
		{ "xchg, ret: has it run?", { 0x93, 0xc3 }, 2, BASE },
		{ "lock inc, ret", { 0xf0, 0xff, 0x07, 0xc3 }, 4, 0 },
		{ "lock inc, je behind the lock, ret", { 0xf0, 0xff, 0x07, 0x74, 0xfc, 0xc3 }, 6, BASE },
		{ "test, je, ret, xor, ret", { 0x85, 0xff, 0x74, 1, 0xc3, 0x31, 0xc0, 0xc3 }, 8, BASE + 4 },
		{ "test, je, rep ret, xor, ret", { 0x85, 0xff, 0x74, 2, 0xf3, 0xc3, 0x31, 0xc0, 0xc3 }, 9, 0 },
		{ "test, je, ret, nop, xor, ret", { 0x85, 0xff, 0x74, 2, 0xc3, 0x90, 0x31, 0xc0, 0xc3 }, 9, 0 },
		{ "ret, int3", { 0x31, 0xc0, 0xc3, 0xcc }, 4, 0 },
	};
	struct scan scan;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(scan_bytes(cases[i].bytes, cases[i].n, &scan), 0);
		if (scan.ambiguous != cases[i].ambiguous)
			fail_msg("%s: %#lx", cases[i].what, (unsigned long)scan.ambiguous);
		scan_free(&scan);
	}
	/* a function that ends with ret, right before the next one */
	struct text text = { (uint8_t[]){ 0x31, 0xc0, 0xc3, 0x55, 0xc3 }, 5 };

	assert_int_equal(scan_function(BASE, &(struct range){ BASE, BASE + 3 }, 1, read_text, &text, &scan), 0);
	assert_int_equal(scan.ambiguous, BASE + 2);
	scan_free(&scan);
}

static void jumps_out(void **state)
{
	struct scan scan;

	(void)state;
	/*
	 * je +0x20 (out), jne +0 (in), jmp -7 (in: entry), jmp +0x100 (out), jrcxz -9 (in), loop
	 * +0x7f (out)
	 */
	assert_int_equal(SCAN(&scan, 0x74, 0x20, 0x75, 0x00, 0xeb, 0xfa, 0xe9, 0x00, 0x01, 0x00, 0x00, 0xe3, 0xf7, 0xe2,
			      0x7f), 0);
	assert_true(scan.n_exits == 3 && scan.loops_to_entry);
	assert_true(scan.exits[0].kind == EXIT_JUMP && scan.exits[0].condition == 4 &&
		    scan.exits[0].target == BASE + 0x22);
	assert_true(scan.exits[1].condition == EXIT_ALWAYS && scan.exits[1].target == BASE + 11 + 0x100);
	assert_true(scan.exits[2].condition == EXIT_LOOP && scan.exits[2].addr == BASE + 13);
	scan_free(&scan);
	/* a call to itself is no loop, a call out no exit */
	assert_int_equal(SCAN(&scan, 0xe8, 0xfb, 0xff, 0xff, 0xff, 0xe8, 0, 1, 0, 0, 0xc3), 0);
	assert_true(scan.n_exits == 1 && !scan.loops_to_entry);
	scan_free(&scan);
}

static void indirect_jumps(void **state)
{
	struct scan scan;

	(void)state;
	/* movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax: a switch */
	assert_int_equal(SCAN(&scan, 0x48, 0x63, 0x04, 0x82, 0x48, 0x01, 0xd0, 0xff, 0xe0), 0);
	assert_int_equal(scan.n_exits, 0);
	scan_free(&scan);
	/* the same, added to another register */
	assert_int_equal(SCAN(&scan, 0x48, 0x01, 0xc2, 0xff, 0xe0), 0);
	assert_int_equal(scan.n_exits, 1);
	scan_free(&scan);
	assert_int_equal(SCAN(&scan, 0x3e, 0xff, 0xe0), 0); /* notrack jmp *%rax */
	assert_int_equal(scan.n_exits, 0);
	scan_free(&scan);
	/* jmp *%r11; jmp *0x10(%rip); jmp *8(%rbx,%rcx,8); jmp *%fs:0x28 */
	assert_int_equal(SCAN(&scan, 0x41, 0xff, 0xe3, 0xff, 0x25, 0x10, 0, 0, 0, 0xff, 0x64, 0xcb, 0x08, 0x64, 0xff,
			      0x24, 0x25, 0x28, 0, 0, 0), 0);
	assert_int_equal(scan.n_exits, 4);
	assert_true(!scan.exits[0].in_memory && scan.exits[0].base == 11);
	assert_true(scan.exits[1].in_memory && scan.exits[1].base == EXIT_NO_REG && scan.exits[1].disp == BASE + 9 + 0x10);
	assert_true(scan.exits[2].base == 3 && scan.exits[2].index == 2 && scan.exits[2].scale == 8 &&
		    scan.exits[2].disp == 8);
	assert_true(scan.exits[3].segment == 'f' && scan.exits[3].disp == 0x28);
	scan_free(&scan);
}

static void unreliable(void **state)
{
	struct scan scan;

	(void)state;
	assert_int_equal(SCAN(&scan, 0x55, 0x06, 0xc3), -ENOTSUP); /* no instruction */
	assert_int_equal(SCAN(&scan, 0xc3, 0xe8, 0x00), -ENOTSUP); /* cut */
	/* a jump into the middle of the mov behind it */
	assert_int_equal(SCAN(&scan, 0xeb, 0x01, 0xb8, 0x01, 0x00, 0x00, 0x00, 0xc3), -ENOTSUP);
	assert_non_null(strstr(err_text(), "0x1000"));
	/* over a lock prefix is fine: je 1f; lock; 1: cmpxchg %edx,(%rdi); ret */
	assert_int_equal(SCAN(&scan, 0x74, 0x01, 0xf0, 0x0f, 0xb1, 0x17, 0xc3), 0);
	scan_free(&scan);
	assert_int_equal(scan_function(BASE, NULL, 0, read_text, NULL, &scan), -ENOTSUP);
}

static void several_ranges(void **state)
{
	/* entry: test; je cold; ret.  cold (at +16): jmp back to the ret; jmp out */
	static const uint8_t bytes[32] = { 0x85, 0xff, 0x74, 0x0c, 0xc3, [16] = 0xeb, 0xf2, 0xeb, 0x70 };
	struct text text = { bytes, sizeof(bytes) };
	struct range ranges[] = { { BASE, BASE + 5 }, { BASE + 16, BASE + 20 } };
	struct scan scan;

	(void)state;
	assert_int_equal(scan_function(BASE, ranges, 2, read_text, &text, &scan), 0);
	assert_int_equal(scan.n_exits, 2);
	assert_true(scan.exits[0].addr == BASE + 4 && scan.exits[1].addr == BASE + 18);
	scan_free(&scan);
	/* without knowing the cold part its jump is an exit */
	assert_int_equal(scan_function(BASE, ranges, 1, read_text, &text, &scan), 0);
	assert_true(scan.n_exits == 2 && scan.exits[0].addr == BASE + 2 && scan.exits[0].kind == EXIT_JUMP);
	scan_free(&scan);
}

/* ---- conditions: the processor is the oracle */
static bool processor_takes(unsigned condition, uint64_t flags)
{
	bool taken = false;

#define CASE(n, cc)                                                                                \
	case n:                                                                                    \
		__asm__ volatile("push %1\n\t popf\n\t set" cc " %0" : "=r"(taken) : "r"(flags) : "cc", "memory"); \
		break;
	switch (condition) {
		CASE(0, "o") CASE(1, "no") CASE(2, "b") CASE(3, "ae") CASE(4, "e") CASE(5, "ne") CASE(6, "be")
		CASE(7, "a") CASE(8, "s") CASE(9, "ns") CASE(10, "p") CASE(11, "np") CASE(12, "l") CASE(13, "ge")
		CASE(14, "le") CASE(15, "g")
	}
#undef CASE
	return taken;
}

static void conditions(void **state)
{
	static const unsigned bits[] = { 0x1, 0x4, 0x40, 0x80, 0x800 };

	(void)state;
	for (unsigned mask = 0; mask < 32; mask++) {
		struct user_regs_struct regs = { .eflags = 0x202 };

		for (int i = 0; i < 5; i++)
			regs.eflags |= mask >> i & 1 ? bits[i] : 0;
		for (uint8_t condition = 0; condition < 16; condition++) {
			struct exit_point exit = { .kind = EXIT_JUMP, .condition = condition };

			assert_int_equal(exit_is_taken(&exit, &regs), processor_takes(condition, regs.eflags));
		}
	}
	static const struct {
		uint8_t condition;
		uint64_t rcx, flags;
		bool taken;
	} others[] = {
		{ EXIT_ALWAYS, 0, 0, true }, { EXIT_RCX_ZERO, 0, 0, true }, { EXIT_RCX_ZERO, 1ull << 32, 0, false },
		{ EXIT_ECX_ZERO, 1ull << 32, 0, true }, { EXIT_LOOP, 1, 0, false }, { EXIT_LOOP, 0, 0, true },
		{ EXIT_LOOPE, 2, 0x40, true }, { EXIT_LOOPE, 2, 0, false }, { EXIT_LOOPNE, 2, 0, true },
		{ EXIT_LOOPNE, 1, 0, false },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct exit_point exit = { .kind = EXIT_JUMP, .condition = others[i].condition };
		struct user_regs_struct regs = { .rcx = others[i].rcx, .eflags = others[i].flags };

		assert_int_equal(exit_is_taken(&exit, &regs), others[i].taken);
	}
}

static size_t read_words(void *ctx, uint64_t addr, void *buf, size_t len)
{
	uint64_t value = addr * 2;

	(void)ctx;
	memcpy(buf, &value, len);
	return addr < 0x100000 ? len : 0;
}

static void targets(void **state)
{
	struct user_regs_struct regs = { .rbx = 0x1000, .rcx = 3, .r11 = 77, .fs_base = 0x8000 };
	uint64_t target;

	(void)state;
	assert_true(exit_target(&(struct exit_point){ .base = 11, .index = EXIT_NO_REG }, &regs, read_words, NULL, &target));
	assert_int_equal(target, 77);
	struct exit_point mem = { .in_memory = true, .base = 3, .index = 2, .scale = 8, .disp = 8 };

	assert_true(exit_target(&mem, &regs, read_words, NULL, &target));
	assert_int_equal(target, 2 * (0x1000 + 24 + 8));
	mem = (struct exit_point){ .in_memory = true, .base = EXIT_NO_REG, .index = EXIT_NO_REG, .segment = 'f', .disp = 0x28 };
	assert_true(exit_target(&mem, &regs, read_words, NULL, &target));
	assert_int_equal(target, 2 * 0x8028);
	mem.disp = 0x1000000;
	assert_false(exit_target(&mem, &regs, read_words, NULL, &target));
}

/* ---- objdump's list of rets and jumps */
struct line {
	uint64_t addr, target;
	enum { OTHER, RET, DIRECT, INDIRECT } kind;
	bool is_add, is_notrack;
};

static void parse_line(const char *text, struct line *line)
{
	static const char *const prefixes[] = { "bnd ", "repz ", "rep ", "lock ", "notrack ", "data16 ", "cs ", "ds " };

	line->is_notrack = strstr(text, "notrack ");
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(text, prefixes[i], strlen(prefixes[i])))
			continue;
		text += strlen(prefixes[i]);
		i = (size_t)-1; /* from the start again */
	}
	char name[16] = "", operand[64] = "";

	sscanf(text, "%15s %63s", name, operand);
	line->is_add = !strcmp(name, "add");
	if (!strcmp(name, "ret") || !strcmp(name, "iretq") || !strcmp(name, "lret"))
		line->kind = RET;
	else if (name[0] == 'j' || !strncmp(name, "loop", 4))
		line->kind = operand[0] == '*' ? INDIRECT : DIRECT;
	if (line->kind == DIRECT)
		line->target = strtoul(operand, NULL, 16);
}

static const char library[] = "/lib/x86_64-linux-gnu/libc.so.6";

struct lines {
	struct line *items;
	size_t n, cap;
};

static struct lines disassemble(void)
{
	char command[256], text[512];
	struct lines lines = { 0 };

	snprintf(command, sizeof(command), "objdump -d --no-show-raw-insn %s", library);
	FILE *f = popen(command, "r");

	while (fgets(text, sizeof(text), f)) {
		unsigned long addr;
		int at = 0;

		if (sscanf(text, " %lx:\t%n", &addr, &at) != 1 || !at)
			continue;
		struct line *line = array_push(&lines);

		line->addr = addr;
		parse_line(text + at, line);
	}
	assert_int_equal(pclose(f), 0);
	return lines;
}

static size_t first_from(const struct lines *lines, uint64_t addr)
{
	size_t lo = 0, hi = lines->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (lines->items[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_inside(const struct function *function, uint64_t addr)
{
	for (size_t i = 0; i < function->n_ranges; i++)
		if (addr >= function->ranges[i].lo && addr < function->ranges[i].hi)
			return true;
	return false;
}

static int read_module(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return module_read(ctx, addr, buf, len);
}

static const struct exit_point *find_exit(const struct scan *scan, uint64_t addr)
{
	for (size_t i = 0; i < scan->n_exits; i++)
		if (scan->exits[i].addr == addr)
			return &scan->exits[i];
	return NULL;
}

/* Returns how many exits objdump knows that the scan has, too. */
static size_t compare(const struct function *function, const struct lines *lines, const struct scan *scan)
{
	size_t n = 0;

	for (size_t r = 0; r < function->n_ranges; r++) {
		for (size_t i = first_from(lines, function->ranges[r].lo);
		     i < lines->n && lines->items[i].addr < function->ranges[r].hi; i++) {
			const struct line *line = &lines->items[i];
			const struct exit_point *exit = find_exit(scan, line->addr);
			bool is_exit = line->kind == RET || line->kind == INDIRECT ||
				       (line->kind == DIRECT && !is_inside(function, line->target));

			if (line->kind == INDIRECT && !exit && (line->is_notrack || (i && line[-1].is_add)))
				continue; /* a switch */
			if (is_exit != !!exit)
				fail_msg("%s: %#lx is %s exit for objdump", function->name, (unsigned long)line->addr,
					 is_exit ? "an" : "no");
			if (!exit)
				continue;
			assert_int_equal(exit->kind, line->kind == RET ? EXIT_RET
						     : line->kind == DIRECT ? EXIT_JUMP : EXIT_INDIRECT);
			if (exit->kind == EXIT_JUMP)
				assert_true(exit->target == line->target);
			n++;
		}
	}
	return n;
}

static void against_objdump(void **state)
{
	struct module_options options = { .no_debuginfod = true };
	struct pattern pattern = { .name = "*" };
	struct function_list list = { 0 };
	struct module *module;
	struct lines lines = disassemble();
	size_t n_functions = 0, n_refused = 0, n_exits = 0;

	(void)state;
	assert_int_equal(module_open(library, library, 0, 0, &options, &module), 0);
	assert_true(function_find(module, &pattern, &list) > 1000);
	for (size_t i = 0; i < list.n; i++) {
		const struct function *function = list.items[i];
		struct scan scan;

		if (scan_function(function->entry, function->ranges, function->n_ranges, read_module, module, &scan) < 0) {
			print_message("%s: %s\n", function->name, err_text());
			n_refused++;
			continue;
		}
		size_t n = compare(function, &lines, &scan);

		assert_int_equal(n, scan.n_exits);
		n_exits += n;
		n_functions++;
		scan_free(&scan);
	}
	print_message("%zu functions with %zu exits, %zu refused\n", n_functions, n_exits, n_refused);
	assert_true(n_functions > 1000 && n_exits > n_functions && n_refused < 20);
	function_list_free(&list);
	module_close(module);
	free(lines.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple),
		cmocka_unit_test(ambiguous), cmocka_unit_test(jumps_out), cmocka_unit_test(indirect_jumps),
		cmocka_unit_test(unreliable), cmocka_unit_test(several_ranges), cmocka_unit_test(conditions),
		cmocka_unit_test(targets), cmocka_unit_test(against_objdump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
