/*
 * Files of a traced process: everything `list` and `record` do with one before attaching, and what they do with it later:
 * names of addresses, backtraces.
 *
 * Input: an ELF file.
 */
#include "tests/fuzz/fuzz.h"

#include <elf.h>
#include <getopt.h>

#include "symbols/expr.h"
#include "symbols/function.h"
#include "symbols/loc.h"
#include "symbols/module.h"
#include "symbols/plan.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/cmd/command.h"
#include "tracer/probe/insn.h"
#include "tracer/probe/unwind.h"

enum { FUNCTIONS_MAX = 100, START = 0x10000000 };

/* `list`, as it prints on a terminal. */
static void list(const char *const *args)
{
	FILE *out = stdout, *err = stderr;
	char *argv[8], *text = NULL;
	size_t len;
	int argc = 0;

	while (args[argc]) {
		argv[argc] = (char *)args[argc];
		argc++;
	}
	argv[argc] = NULL;
	stdout = stderr = open_memstream(&text, &len);
	assert(stdout);
	optind = 0;
	cmd_list(argc, argv);
	fclose(stdout);
	stdout = out;
	stderr = err;
	check_shown(text, len);
	free(text);
}

static void list_all(struct module *module, const char *path)
{
	const char *names[5];
	size_t n = type_similar(module, "struct point", names, 5);

	list((const char *const[]){ "list", "--no-debuginfod", path, NULL });
	list((const char *const[]){ "list", "--no-debuginfod", path, "nothing", "*.c:*a*", NULL });
	for (size_t i = 0; i < n; i++)
		list((const char *const[]){ "list", "--no-debuginfod", "-t", path, names[i], NULL });
}

static void print_types(const struct function *function)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert(out);
	for (size_t i = 0; i < function->n_params; i++) {
		type_print(function->params[i].type, out);
		type_print(type_strip(type_target(type_strip(function->params[i].type))), out);
	}
	fclose(out);
	free(text);
}

static void fetch(const struct function *function, const struct plan_request *request, const struct frame *frame)
{
	static uint8_t bytes[PAYLOAD_MAX];
	static struct saved saved;
	const struct plan *plan;

	if (plan_new(function, request, &plan) < 0)
		return;
	assert(plan->entry_max <= PAYLOAD_MAX && plan->return_max <= PAYLOAD_MAX);
	struct payload entry = { bytes, 0, plan->entry_max }, ret = { bytes, 0, plan->return_max };

	fetch_entry(plan, frame, &saved, &entry);
	fetch_return(plan, frame, &saved, &ret);
}

static void plans(const struct function *function, const struct frame *frame)
{
	static const char *const in[] = { "*p", "v_defined", "sizeof(struct point)", "s->x", NULL };
	static const char *const out[] = { "$ret", "*$ret", "p->x", NULL };
	struct plan_request request = { .limits = LIMITS_DEFAULT };

	fetch(function, &request, frame);
	request.limits = (struct limits){ .string = 16, .array = 3, .object = 64, .depth = 4 };
	request.lenient = true;
	request.in = in;
	request.out = out;
	fetch(function, &request, frame);
}

static int read_code(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return module_read(ctx, addr, buf, len);
}

static void scan(const struct function *function)
{
	struct displaced displaced;
	struct scan found;
	uint8_t bytes[INSN_MAX];

	if (scan_function(function->entry, function->ranges, function->n_ranges, read_code, function->module, &found) < 0)
		return;
	for (size_t i = 0; i < found.n_exits; i++)
		if (module_read(function->module, found.exits[i].addr, bytes, sizeof(bytes)) == 0)
			insn_displace(bytes, sizeof(bytes), found.exits[i].addr, START / 2, &displaced);
	scan_free(&found);
}

static struct module *module_at(void *ctx, uint64_t addr)
{
	return module_contains(ctx, addr) ? ctx : NULL;
}

/* A stack of return addresses into the module. */
static void unwind(struct unwinder *unwinder, const struct function *function)
{
	uint64_t stack[128], pcs[32];
	struct unwind_sample sample = {
		.stack_addr = 0x7fff0000,
		.stack = (const uint8_t *)stack,
		.stack_len = sizeof(stack),
	};

	for (size_t i = 0; i < sizeof(stack) / sizeof(*stack); i++)
		stack[i] = i % 3 == 2 ? sample.stack_addr + 8 * (i * 7 % 128) : function->entry + 1 + i % 40;
	for (size_t i = 0; i < 17; i++)
		sample.regs[i] = sample.stack_addr + 8 * i;
	sample.regs[DWARF_RSP] = sample.stack_addr;
	sample.regs[DWARF_RIP] = function->entry;
	unwind_stack(unwinder, &sample, pcs, NULL, sizeof(pcs) / sizeof(*pcs), NULL);
}

static void symbolize(struct module *module, const struct function *function)
{
	struct source_frame frames[32];

	for (size_t i = 0; i < function->n_ranges && i < 4; i++) {
		module_addr_frames(module, function->ranges[i].lo, frames, 32);
		module_addr_frames(module, function->ranges[i].hi - 1, frames, 32);
		module_addr_line(module, function->ranges[i].lo + (function->ranges[i].hi - function->ranges[i].lo) / 2);
	}
	module_addr_frames(module, function->entry + 5, frames, 32);
	function_at(module, function->entry + 1);
}

static void look_at(struct module *module, struct input *memory)
{
	struct pattern pattern = { .name = "*" };
	struct function_list functions = { 0 };
	struct unwinder *unwinder = unwinder_new(module_at, module);

	function_find(module, &pattern, &functions);
	for (size_t i = 0; i < functions.n && i < FUNCTIONS_MAX; i++) {
		struct function *function = functions.items[i];
		struct frame frame = { .ops = &hostile_ops, .ctx = memory, .pc = function->entry };

		plans(function, &frame);
		print_types(function);
		scan(function);
		symbolize(module, function);
		unwind(unwinder, function);
	}
	unwinder_free(unwinder);
	function_list_free(&functions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input memory = { data, size };
	const char *path = file_of(data, size);
	struct module *module;

	if (module_open(path, "input.so", START, 0, &(struct module_options){ .no_debuginfod = true }, &module) < 0)
		return 0;
	look_at(module, &memory);
	list_all(module, path);
	module_close(module);
	return 0;
}

/*
 * Most bytes of an ELF file matter little, and moving them breaks it: so most mutations stay within a few bytes of one
 * section.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	Elf64_Ehdr ehdr;
	Elf64_Shdr shdr;

	srand(seed);
	if (size < sizeof(ehdr) || rand() % 16 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&ehdr, data, sizeof(ehdr));
	uint64_t at = ehdr.e_shoff + sizeof(shdr) * (ehdr.e_shnum ? (unsigned)rand() % ehdr.e_shnum : 0);

	if (at > size || size - at < sizeof(shdr))
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&shdr, data + at, sizeof(shdr));
	if (rand() % 8 == 0 || shdr.sh_offset >= size || !shdr.sh_size)
		shdr.sh_offset = at, shdr.sh_size = sizeof(shdr);
	if (shdr.sh_size > size - shdr.sh_offset)
		shdr.sh_size = size - shdr.sh_offset;
	size_t window = 1 + (size_t)rand() % 24, skip = (size_t)rand() % shdr.sh_size;

	if (window > shdr.sh_size - skip)
		window = shdr.sh_size - skip;
	LLVMFuzzerMutate(data + shdr.sh_offset + skip, window, window);
	return size;
}
