/**
 * uthash, with a failure that can be seen instead of exit(): after HASH_ADD, hash_added() tells whether it worked.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(item) ((item)->hh.tbl = NULL)
#include <uthash.h>

#define hash_added(item) ((item)->hh.tbl != NULL)

#endif
