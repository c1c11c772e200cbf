/**
 * How much memory the symbols of an ELF file would take, found out before libelf and libdw see it.
 */
#ifndef SYMBOLS_BOUNDS_H
#define SYMBOLS_BOUNDS_H

#include <stdint.h>

enum { BOUNDS_DEFAULT_MIB = 512 };

/** Whether the headers of a file are what libelf may be given: 0 or -EBADMSG, with a message.  Reads a few bytes. */
int bounds_check_headers(int fd);

/**
 * Whether the sections of a file may be read, and what is compressed in them unpacked.  `max_mib`: of one file to read, and of all
 * files together to unpack; 0 for BOUNDS_DEFAULT_MIB, which also refuses what is packed as no compiler's output is.  What will be
 * unpacked is added to `*taken` and to what is taken of all: bounds_give_back() it when it is freed.
 * 0, -EFBIG, or -EBADMSG; with a message that begins with what is too large.
 */
int bounds_take(int fd, uint64_t max_mib, uint64_t *taken);
void bounds_give_back(uint64_t taken);

#endif
