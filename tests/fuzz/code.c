/*
 * What the engine reads of a process: its code, its seccomp filters, its maps; all of them its own choice.
 *
 * Input: a byte that says which, then it.
 */
#include "tests/fuzz/fuzz.h"

#include "symbols/function.h"
#include "tracer/probe/insn.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/seccomp.h"

enum { ENTRY = 0x400000 };

static int read_code(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct input *input = ctx;

	if (addr < ENTRY || addr - ENTRY > input->len || len > input->len - (addr - ENTRY))
		return -EFAULT;
	memcpy(buf, input->data + (addr - ENTRY), len);
	return 0;
}

static void check_exit(const struct exit_point *exit, struct input *input)
{
	struct user_regs_struct regs = { .rip = exit->addr, .rcx = 1, .rsp = 0x7fff0000, .fs_base = 4096 };
	uint64_t target;

	exit_is_taken(exit, &regs);
	if (exit->kind == EXIT_INDIRECT)
		exit_target(exit, &regs, hostile_read_mem, input, &target);
}

static void look_at_code(struct input *input)
{
	/* two parts, as of a function with unlikely code elsewhere; and the linker's order is not the file's */
	const struct range ranges[] = { { ENTRY, ENTRY + input->len / 2 }, { ENTRY + input->len / 2, ENTRY + input->len } };
	struct displaced displaced;
	struct scan scan;

	for (size_t at = 0; at < input->len; at += 1 + at / 16) {
		size_t n = input->len - at < INSN_MAX ? input->len - at : INSN_MAX;

		if (insn_displace(input->data + at, n, ENTRY + at, ENTRY + 0x1000000, &displaced) == 0)
			assert(displaced.len <= SLOT_CODE_MAX && displaced.n_points <= SLOT_POINTS_MAX &&
			       displaced.insn_len <= n);
	}
	if (scan_function(ENTRY, ranges, 2, read_code, input, &scan) < 0)
		return;
	for (size_t i = 0; i < scan.n_exits; i++) {
		assert(scan.exits[i].addr >= ENTRY && scan.exits[i].addr < ENTRY + input->len);
		check_exit(&scan.exits[i], input);
	}
	scan_free(&scan);
}

static void look_at_filter(const struct input *input)
{
	const struct seccomp_data data = { .nr = 9, .arch = 0xc000003e, .args = { 1, 2, 3 } };
	size_t n = input->len / sizeof(struct sock_filter);
	struct sock_filter *program = malloc(n * sizeof(*program) + 1);

	assert(program);
	memcpy(program, input->data, n * sizeof(*program));
	seccomp_run(program, n, &data);
	free(program);
}

static void look_at_maps(struct input *input)
{
	struct maps maps;

	/* takes the text */
	if (maps_parse(input_text(input, '\0'), &maps) < 0)
		return;
	for (size_t i = 0; i < maps.n; i++) {
		maps_find(&maps, maps.items[i].lo);
		assert(maps.items[i].path);
	}
	maps_free(&maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	switch (input_byte(&input) % 3) {
	case 0:
		look_at_code(&input);
		break;
	case 1:
		look_at_filter(&input);
		break;
	case 2:
		look_at_maps(&input);
		break;
	}
	return 0;
}
