/**
 * Running compiled code under the eyes of symbols/, within the test's own process.
 *
 * A source file is made a shared object and loaded; a breakpoint on an instruction calls back with a frame made of the signal
 * context.  So the compiler that made the code is the oracle for where values are.
 */
#ifndef TESTS_LIVE_H
#define TESTS_LIVE_H

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/frame.h"
#include "symbols/function.h"
#include "symbols/module.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

/* Frames. */

static size_t live_read_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	(void)ctx;
	return n < 0 ? 0 : (size_t)n;
}

static int live_read_reg(void *ctx, unsigned reg, void *buf, size_t len)
{
	static const int general[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
				       REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };
	const ucontext_t *uc = ctx;

	if (reg <= DWARF_RIP && len <= 8)
		memcpy(buf, &uc->uc_mcontext.gregs[general[reg]], len);
	else if (reg >= DWARF_XMM0 && reg < DWARF_ST0 && len <= 16)
		memcpy(buf, &uc->uc_mcontext.fpregs->_xmm[reg - DWARF_XMM0], len);
	else if (reg >= DWARF_ST0 && reg < DWARF_ST0 + 8 && len <= 10)
		memcpy(buf, &uc->uc_mcontext.fpregs->_st[reg - DWARF_ST0], len);
	else
		return -ENODATA;
	return 0;
}

static const struct frame_ops live_ops = { .read_mem = live_read_mem, .read_reg = live_read_reg };

/* Breakpoints: one hit each. */

typedef void (*live_callback)(const struct frame *frame, void *ctx);

static struct live_break {
	uint8_t *addr, original;
	live_callback hit;
	void *ctx;
} live_breaks[64];

static void live_write(uint8_t *addr, uint8_t byte)
{
	uint8_t *page = (uint8_t *)((uintptr_t)addr & ~(uintptr_t)4095);

	assert_int_equal(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	*addr = byte;
}

static void live_trap(int signal, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	uint8_t *addr = (uint8_t *)(uintptr_t)(uc->uc_mcontext.gregs[REG_RIP] - 1);

	(void)signal;
	(void)info;
	for (size_t i = 0; i < sizeof(live_breaks) / sizeof(live_breaks[0]); i++) {
		struct live_break hit = live_breaks[i];

		if (hit.addr != addr)
			continue;
		live_write(addr, hit.original);
		live_breaks[i].addr = NULL;
		uc->uc_mcontext.gregs[REG_RIP]--;
		struct frame frame = { &live_ops, uc, (uint64_t)(uintptr_t)addr };

		hit.hit(&frame, hit.ctx);
		return;
	}
	abort();
}

static inline void live_break(uint64_t addr, live_callback hit, void *ctx)
{
	struct sigaction action = { .sa_sigaction = live_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };
	size_t i = 0;

	while (live_breaks[i].addr)
		assert_true(++i < sizeof(live_breaks) / sizeof(live_breaks[0]));
	sigaction(SIGTRAP, &action, NULL);
	live_breaks[i] = (struct live_break){ (uint8_t *)(uintptr_t)addr, *(uint8_t *)(uintptr_t)addr, hit, ctx };
	live_write(live_breaks[i].addr, 0xcc);
}

static inline uint64_t live_return_address(const struct frame *entry)
{
	const ucontext_t *uc = entry->ctx;
	uint64_t addr;

	memcpy(&addr, (void *)(uintptr_t)uc->uc_mcontext.gregs[REG_RSP], sizeof(addr));
	return addr;
}

/* Objects. */

struct live {
	char path[256];
	void *dl;
	struct module *module;
};

/* Compile tests/unit/symbols/`source` and load it; what is loaded later finds its symbols if it is RTLD_GLOBAL. */
static inline void live_open_flags(const char *command, const char *source, int flags, struct live *live)
{
	char line[1024], map[512], *at;
	unsigned long start = 0, offset = 0;
	FILE *maps;
	int fd;

	snprintf(live->path, sizeof(live->path), "%s/virtrace-XXXXXX.so", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	fd = mkstemps(live->path, 3);
	assert_true(fd >= 0);
	close(fd);
	snprintf(line, sizeof(line), "%s -shared -fPIC -w -Wno-psabi -I. -o %s tests/unit/symbols/%s -lm", command, live->path, source);
	if (system(line) != 0)
		fail_msg("%s", line);
	live->dl = dlopen(live->path, RTLD_NOW | flags);
	if (!live->dl)
		fail_msg("%s", dlerror());
	maps = fopen("/proc/self/maps", "r");
	while (fgets(map, sizeof(map), maps))
		if (strstr(map, live->path)) {
			start = strtoul(map, NULL, 16);
			at = strchr(strchr(map, ' ') + 1, ' ');
			offset = strtoul(at, NULL, 16);
			break;
		}
	fclose(maps);
	assert_true(start);
	struct module_options options = { .no_debuginfod = true };

	if (module_open(live->path, live->path, start, offset, &options, &live->module) < 0)
		fail_msg("%s", err_text());
}

static inline void live_open(const char *command, const char *source, struct live *live)
{
	live_open_flags(command, source, 0, live);
}

static inline void live_close(struct live *live)
{
	module_close(live->module);
	dlclose(live->dl);
	unlink(live->path);
}

/* The functions that fit a pattern; at least one. */
static inline struct function_list live_functions(struct live *live, const char *text)
{
	struct function_list list = { 0 };
	struct arena arena = { 0 };
	struct pattern pattern;

	if (pattern_parse(text, &arena, &pattern) < 0 || function_find(live->module, &pattern, &list) < 0)
		fail_msg("%s: %s", text, err_text());
	arena_free(&arena);
	assert_true(list.n > 0);
	return list;
}

static inline const struct function *live_function(struct live *live, const char *name)
{
	struct function_list list = live_functions(live, name);
	const struct function *function = list.items[0];

	function_list_free(&list);
	return function;
}

static inline void live_call(struct live *live, const char *name)
{
	void (*call)(void);

	*(void **)&call = dlsym(live->dl, name);
	if (!call)
		fail_msg("%s", dlerror());
	call();
}

static const char *const live_compilers[] = {
	"gcc -O0 -gdwarf-4",   "gcc -O2 -gdwarf-4",   "gcc -O0 -gdwarf-5",   "gcc -O2 -gdwarf-5",
	"clang -O0 -gdwarf-4", "clang -O2 -gdwarf-4", "clang -O0 -gdwarf-5", "clang -O2 -gdwarf-5",
};
enum { LIVE_COMPILERS = sizeof(live_compilers) / sizeof(live_compilers[0]) };

#endif
