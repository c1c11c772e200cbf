#include "tracer/probe/probe_code.h"

#include <errno.h>
#include <stdlib.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "symbols/section.h"
#include "tracer/base/err.h"

static int read_code(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return module_read(ctx, addr, buf, len);
}

static int read_bytes(const struct function *function, uint64_t addr, struct code_bytes *ret)
{
	size_t len = 0;

	for (size_t i = 0; i < function->n_ranges; i++)
		if (addr >= function->ranges[i].lo && addr < function->ranges[i].hi)
			len = function->ranges[i].hi - addr;
	ret->len = len < sizeof(ret->bytes) ? (uint8_t)len : sizeof(ret->bytes);
	if (module_read(function->module, addr, ret->bytes, ret->len) < 0)
		return err_set(-ENOTSUP, "its code is not in the file at %#lx", (unsigned long)addr);
	return 0;
}

static int read_all(const struct function *function, struct probe_code *code)
{
	int r = scan_function(function->entry, function->ranges, function->n_ranges, read_code, function->module, &code->scan);

	if (r < 0)
		return r;
	code->exits = calloc(code->scan.n_exits + 1, sizeof(*code->exits));
	if (!code->exits)
		return err_set(-ENOMEM, "out of memory");
	r = read_bytes(function, code->scan.entry, &code->entry);
	for (size_t i = 0; r == 0 && i < code->scan.n_exits; i++)
		r = read_bytes(function, code->scan.exits[i].addr, &code->exits[i]);
	return r;
}

int probe_code_read(const struct function *function, struct probe_code **ret)
{
	struct probe_code *code = calloc(1, sizeof(*code));
	int r = code ? read_all(function, code) : err_set(-ENOMEM, "out of memory");

	if (r == 0)
		section_find(function->module, "__rseq_cs", &code->sequences, &code->sequences_len);
	if (r < 0)
		probe_code_free(code);
	else
		*ret = code;
	return r;
}

void probe_code_free(struct probe_code *code)
{
	if (!code)
		return;
	scan_free(&code->scan);
	free(code->exits);
	free(code);
}
