/**
 * The way of a value (explain.h), for people and for programs.
 */
#ifndef REVIEW_EXPLAIN_SHOW_H
#define REVIEW_EXPLAIN_SHOW_H

#include <stdint.h>

#include "tracer/review/explain.h"

struct json;
struct show;

void explain_show(struct show *show, const struct explanation *explanation);

/**
 * One object: value (a text of all its digits), at ("entry", "return", "reply"), path, call, function, time_ns (since
 * 1970), tid; steps, each with these, trust, reasons, rivals, and of a reply command, id and received_by; end, note.
 */
void explain_json(struct json *json, const struct explanation *explanation, uint64_t wall_offset_ns);

#endif
