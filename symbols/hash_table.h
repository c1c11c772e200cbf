/**
 * GLib's GHashTable as JSON: an object if the keys are texts, {"vda":"0x7f…"}, else pairs, [["0x1","0x7f…"]].
 *
 * Its struct is GLib's own and differs from version to version; it is learnt from GLib's debug information, and
 * without that there is nothing to see of a table.  What values point at only its user knows.
 */
#ifndef SYMBOLS_HASH_TABLE_H
#define SYMBOLS_HASH_TABLE_H

#include <stdint.h>

struct arena;
struct json_source;
struct type;

/**
 * How to read such tables.  `str_equal`: where g_str_equal() is, which a table of texts compares its keys with; 0 if
 * that is not known.  0, -ENOENT with a message if the struct has not the members one looks for, -ENOMEM.
 */
int hash_table_new(const struct type *table, uint64_t str_equal, struct arena *arena, const struct json_source **ret);

#endif
