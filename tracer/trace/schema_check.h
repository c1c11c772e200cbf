/**
 * What the schemas of a trace may be: bounds that hold for what is written and for what is read.
 */
#ifndef TRACE_SCHEMA_CHECK_H
#define TRACE_SCHEMA_CHECK_H

#include <stdint.h>

struct trace_probe_desc;

/** What the schemas of a whole trace may still cost, in field classes that babeltrace2 makes of them. */
struct schema_budget {
	uint64_t classes;
};

/* Each takes about 1.6 kB: reading takes up to 1 GB, which is some 1000 functions with all their parameters. */
#define SCHEMA_BUDGET ((struct schema_budget){ .classes = 600000 })

/**
 * Check the schemas of a probe, which have no cycles, and take their cost.  -EINVAL: there is a kind
 * of value that a trace cannot hold; -E2BIG: too deep, too large, or more than the budget; with a
 * message, and nothing is taken.
 */
int schema_check_probe(const struct trace_probe_desc *desc, struct schema_budget *budget);

#endif
