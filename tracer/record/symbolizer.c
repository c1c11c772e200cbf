#include "tracer/record/symbolizer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "symbols/module.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/record/target.h"
#include "tracer/trace/writer.h"

/* Distinct addresses of one recording; a traced program cannot make us grow without bound. */
enum { ADDRESSES_MAX = 1 << 20, INLINE_DEPTH_MAX = 32 };

struct address {
	UT_hash_handle hh;
	uint64_t addr;
	enum address_kind kind;
	uint64_t time_ns;
};

struct symbolizer {
	struct module_set *modules;
	pthread_mutex_t *lock;
	struct trace_writer *trace;
	struct address *seen;
	ARRAY(struct address *) waiting;
	size_t done; /* of `waiting` */
};

int symbolizer_new(struct module_set *modules, pthread_mutex_t *lock, struct trace_writer *trace,
		   struct symbolizer **ret)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return err_set(-ENOMEM, "out of memory");
	symbolizer->modules = modules;
	symbolizer->lock = lock;
	symbolizer->trace = trace;
	*ret = symbolizer;
	return 0;
}

void symbolizer_free(struct symbolizer *symbolizer)
{
	struct address *address, *next;

	if (!symbolizer)
		return;
	HASH_ITER(hh, symbolizer->seen, address, next) {
		HASH_DEL(symbolizer->seen, address);
		free(address);
	}
	array_free(&symbolizer->waiting);
	free(symbolizer);
}

void symbolizer_note(struct symbolizer *symbolizer, uint64_t addr, enum address_kind kind, uint64_t time_ns)
{
	struct address *address;

	HASH_FIND(hh, symbolizer->seen, &addr, sizeof(addr), address);
	if (address || !addr || HASH_COUNT(symbolizer->seen) >= ADDRESSES_MAX)
		return;
	address = malloc(sizeof(*address));
	struct address **slot = address ? array_push(&symbolizer->waiting) : NULL;

	if (!slot) {
		free(address);
		return;
	}
	*address = (struct address){ .addr = addr, .kind = kind, .time_ns = time_ns };
	HASH_ADD(hh, symbolizer->seen, addr, sizeof(addr), address);
	*slot = address;
}

/* The names live as long as the module.  False: not now. */
static bool find_names(struct symbolizer *symbolizer, const struct address *address, struct source_frame *frames,
		       struct module **module, size_t *n)
{
	if (pthread_mutex_trylock(symbolizer->lock) != 0)
		return false;
	*module = module_set_at(symbolizer->modules, address->addr, address->time_ns);
	/* A return address may be the first byte of the next line or even function. */
	*n = *module ? module_addr_frames(*module, address->addr - (address->kind == ADDRESS_RETURN), frames,
					  INLINE_DEPTH_MAX) : 0;

	pthread_mutex_unlock(symbolizer->lock);
	return true;
}

static bool write_names(struct symbolizer *symbolizer, const struct address *address, uint64_t time_ns)
{
	struct source_frame frames[INLINE_DEPTH_MAX];
	struct module *module;
	size_t n;

	if (!find_names(symbolizer, address, frames, &module, &n))
		return false;
	if (address->kind == ADDRESS_TRAMPOLINE) {
		trace_frame(symbolizer->trace, time_ns, address->addr, 0, false, "<signal handler called>",
			    module ? module_name(module) : "", NULL);
		return true;
	}
	if (!n && module) /* a module without any name for it still is an answer */
		trace_frame(symbolizer->trace, time_ns, address->addr, 0, false, "", module_name(module), NULL);
	for (size_t i = 0; i < n; i++) {
		char source[512], function[512];

		/* A pointer into the middle of a function is not that function. */
		bool inside = address->kind == ADDRESS_POINTER && !frames[i].inlined && frames[i].offset;

		snprintf(function, sizeof(function), inside ? "%s+%llu" : "%s",
			 frames[i].function ? frames[i].function : "", (unsigned long long)frames[i].offset);
		snprintf(source, sizeof(source), "%s:%d", frames[i].file ? frames[i].file : "", frames[i].line);
		trace_frame(symbolizer->trace, time_ns, address->addr, (unsigned)i, frames[i].inlined,
			    function, module_name(module),
			    frames[i].file ? source : NULL);
	}
	return true;
}

bool symbolizer_work(struct symbolizer *symbolizer, unsigned max, uint64_t time_ns)
{
	size_t before = symbolizer->done;

	while (max-- && symbolizer->done < symbolizer->waiting.n &&
	       write_names(symbolizer, symbolizer->waiting.items[symbolizer->done], time_ns))
		symbolizer->done++;
	return symbolizer->done != before;
}
