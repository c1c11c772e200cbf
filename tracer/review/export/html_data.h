/**
 * The data of an HTML page: a JSON text a line, in the order in which the page reads them.
 *
 *	{"type":[KIND, NAME, CTYPE, [TYPE…], COUNT]}        kinds as in schema.h, and "json"; a view has its own
 *	                                                    name for CTYPE; types of members, elements, targets
 *	{"probe":{"function","module","source","prototype","entry":TYPE,"return":TYPE}}
 *	{"place":["0x…",[[FUNCTION, MODULE, SOURCE, INLINED]…]]}   a code address, innermost function first
 *	{"base_ns":"…"}                                     wall clock that START counts from
 *	{"qmp":[NAME, ID, KIND, REQUEST, REPLY]}            joined as in qmp.h; KIND: "", "error" or "event"
 *	[ID, LEVEL, TID, THREAD, PROBE, START, DURATION, STATUS, RETURN_SOURCE, FAILED, ENTRY, RETURN, [PLACE…], QMP]   a call
 *
 * REQUEST and REPLY are null, or [ID, START, TID, TEXT, IS_CUT] with the number of the call that has it at its entry,
 * which need not be in the page. A captured text that is such a message as a whole is not there again: its value says
 * what it is. QMP is null for most calls.
 *
 * Behind a call the number of the one that made it, if that comes later and this is a part (calls.h).
 * TYPE, PROBE, PLACE and QMP are indexes: what a line needs is defined by the lines before it, the
 * first time it is needed.  Calls come in the order of a walk over their trees, LEVEL says how
 * deep, so that whatever numbers a trace gives its calls, they can form no cycle.
 *
 * A value is its text as print_c() gives it; or, for what the reader may open,
 *
 *	struct, array     [VALUE…]              then, if a limit left some out, how many (0: unknown)
 *	pointer           ["0x…", VALUE]        one that was followed
 *
 * so numbers keep all their digits, and what is missing says why.  Counts, times and numbers of
 * calls above 2^53 are strings.
 */
#ifndef REVIEW_EXPORT_HTML_DATA_H
#define REVIEW_EXPORT_HTML_DATA_H

#include <stdint.h>
#include <stdio.h>

struct call;
struct code_map;
struct html_data;

/** `code` may be NULL.  NULL without memory. */
struct html_data *html_data_new(FILE *out, const struct code_map *code, uint64_t wall_offset_ns);
void html_data_free(struct html_data *data);

/** Write a call that is within `level` others, and what it needs.  0 or -ENOMEM. */
int html_data_call(struct html_data *data, const struct call *call, unsigned level);

/** Bytes written so far. */
uint64_t html_data_size(const struct html_data *data);

#endif
