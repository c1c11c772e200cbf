/**
 * Where values were before, as explain() tells it, for an HTML page: a line behind the calls of a tree.
 *
 *	{"ways":{"of":[[ID,{PATH:[STEP…,END]…},{PATH:…}]…],"steps":[…],"ends":[…],"others":[…]}}
 *
 * PATH: of a value at the entry of a call, at its return. STEP, newest first, and END are indexes into
 *
 *	steps   [KIND, ID, PATH, TRUST, [REASON…], [RIVAL…], MORE]    of rivals the first five
 *	ends    a sentence
 *
 * with the names and texts of explain.h. Calls that ways go through, but that are not among those of the line, are
 *
 *	others  [ID, FUNCTION, TID, THREAD, ENTERED, ENDED, QMP]     QMP: null, or of the reply that it waited for
 *	                                                             [NAME, ID, CALL, TID, TIME]; times of the wall clock
 *
 What would take too long has no way: the page names the command that tells it.
 */
#ifndef REVIEW_EXPORT_HTML_WAYS_H
#define REVIEW_EXPORT_HTML_WAYS_H

#include <stdint.h>
#include <stdio.h>

struct call;
struct html_ways;

/** NULL without memory. */
struct html_ways *html_ways_new(FILE *out, uint64_t wall_offset_ns);
void html_ways_free(struct html_ways *ways);

/**
 * Write those of a call and of all calls that it made. `tree`: a number for the tree that it is of; while that stays the
 * same, so does the tree. 0 or -ENOMEM with a message.
 */
int html_ways_put(struct html_ways *ways, const struct call *call, uint64_t tree);

#endif
