/**
 * What is the same in the metadata of every trace: clock, packets, event headers, and the types
 * that all captures are made of.
 */
#ifndef TRACE_METADATA_HEAD_H
#define TRACE_METADATA_HEAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Print it; the packet's part says in TSDL what struct packet_header says in C. */
void metadata_print_head(FILE *out, const uint8_t uuid[16], int64_t offset_ns);

/** Bytes up to the end of what names the program and its version; 0 if a text does not begin so. */
size_t metadata_head_env(const char *text, size_t len);

#endif
