/**
 * JSON made of what is in a stopped thread's memory, in a form that is not known before: trees (json_tree.h), tables
 * (hash_table.h).
 *
 * Every pointer may be wrong and the memory may be changing: what is read is of different moments.  Functions return
 * false once something has failed; the text's status then says what, and nothing more is appended.
 */
#ifndef SYMBOLS_JSON_TEXT_H
#define SYMBOLS_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/schema.h"

struct arena;
struct frame;

/** Bytes of text, unless the limit of strings is larger. */
enum { JSON_TEXT = 4096, JSON_TEXT_MAX = 32 * 1024 };

/*
 * Small objects that were made together lie together: memory is read by pages, and the latest ones are kept.  That
 * makes a tenth of the reads, and fewer moments.  The thread is held meanwhile, about a microsecond for each read.
 */
enum { JSON_PAGE = 4096, JSON_PAGES = 32, JSON_READS_MAX = 512 };

struct json_text {
	const struct frame *frame;
	uint8_t *bytes; /**< no NUL at the end */
	size_t len, cap;
	enum status status; /**< OK; CUT by `cap` or another limit; UNREADABLE */
	uint64_t addr;      /**< UNREADABLE: memory that cannot be read, or what is there is not what it should be */
	unsigned n_reads;   /**< so far; after JSON_READS_MAX the text is cut */
	struct {
		uint64_t addr; /* 0: none */
		uint8_t bytes[JSON_PAGE];
	} pages[JSON_PAGES];
};

/** An empty text that `bytes` hold; the pages need not be zeroed otherwise. */
void json_init(struct json_text *text, const struct frame *frame, uint8_t *bytes, size_t cap);

/** What knows how to read objects of one type. */
struct json_source {
	void (*read)(const void *layout, uint64_t addr, struct json_text *text);
	const void *layout;
};

/** With a copy of `layout`, in `arena`.  0 or -ENOMEM. */
int json_source_new(struct arena *arena, void (*read)(const void *layout, uint64_t addr, struct json_text *text),
		    const void *layout, size_t size, const struct json_source **ret);

/** Fail; the first reason counts.  Returns false. */
bool json_stop(struct json_text *text, enum status status, uint64_t addr);
bool json_put(struct json_text *text, const char *s);
bool json_put_len(struct json_text *text, const void *bytes, size_t len);

/** The text at `addr` in quotes.  It ends where there is no more room at the latest. */
bool json_put_string(struct json_text *text, uint64_t addr);

/** All `len` bytes at `addr`. */
bool json_read(struct json_text *text, uint64_t addr, void *buf, size_t len);

/** As many as there are; returns how many. */
size_t json_read_some(struct json_text *text, uint64_t addr, void *buf, size_t len);

#endif
