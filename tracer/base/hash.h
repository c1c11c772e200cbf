/**
 * uthash, with a failure that can be seen instead of exit(): after HASH_ADD, hash_added() tells whether it worked.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(item) ((item)->hh.tbl = NULL)
#include <uthash.h>

#define hash_added(item) ((item)->hh.tbl != NULL)

/*
 * For a table that is added to where nothing may be allocated: after each HASH_ADD hash_keep_buckets(), then its buckets grow in
 * hash_make_room() only, to be called where that may be.  Chains are a little longer until then.
 */
#define hash_keep_buckets(head) ((head) ? (void)((head)->hh.tbl->noexpand = 1) : (void)0)
#define hash_make_room(head)                                                                       \
	do {                                                                                       \
		int full = 0;                                                                      \
		while ((head) && !full && (head)->hh.tbl->num_items / 4 > (head)->hh.tbl->num_buckets) \
			HASH_EXPAND_BUCKETS(hh, (head)->hh.tbl, full);                             \
	} while (0)

#endif
