/**
 * A checksum against accidents: FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/).
 */
#ifndef TRACE_CHECKSUM_H
#define TRACE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 0x100000001b3;
	return sum;
}

#endif
