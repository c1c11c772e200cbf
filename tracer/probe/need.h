/**
 * What tracing takes of the process' memory, and whether it has that.
 */
#ifndef PROBE_NEED_H
#define PROBE_NEED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct probe_code;

/** Bytes for functions, at the most; of those that are NULL none. */
uint64_t need_of(const struct probe_code *const *codes, size_t n);

/** 0, or -ENOMEM with a message: the need, and what is left. */
int need_check(pid_t pid, const struct probe_code *const *codes, size_t n);

/** A number of bytes for people: "268 KiB". */
const char *need_text(uint64_t bytes, char text[32]);

#endif
