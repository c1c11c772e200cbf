/**
 * The difference of two calls as text.
 *
 *	--- #381 virDomainGetBlockInfo   old.trace
 *	+++ #388 virDomainGetBlockInfo   new.trace
 *	     1.97 ms ->  1.31 ms -33 %  virDomainGetBlockInfo   #381 #388
 *	                                ~ info->allocation: 7623480832 -> 0
 *	      601 us ->   590 us  -2 %    qemuDomainGetBlockInfo   #382 #389
 *	                                  - qemuOther   #383
 */
#ifndef REVIEW_CALL_DIFF_TEXT_H
#define REVIEW_CALL_DIFF_TEXT_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct call_value;
struct show;

struct call_diff_side {
	const struct call *call;
	const char *trace;       /**< its name */
	uint64_t wall_offset_ns; /**< of its clock */
};

/** Whether they differ. */
bool call_diff_text(struct show *show, const struct call_diff_side *a,
		    const struct call_diff_side *b);

/** "PATH: OLD -> NEW", and whether it was so already at entry. */
void call_value_text(struct show *show, const struct call_value *value);

#endif
