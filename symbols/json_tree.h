/**
 * JSON that a program holds as a tree of virJSONValue (libvirt, src/util/virjson.c).
 *
 * Where things are in the tree is learnt from debug information when a plan is made; the names are libvirt's.  The
 * number of values and their depth are bounded, as is the text.
 */
#ifndef SYMBOLS_JSON_TREE_H
#define SYMBOLS_JSON_TREE_H

struct arena;
struct json_source;
struct type;

/** How to read such trees.  0, -ENOENT with a message if the struct has not the members one looks for, -ENOMEM. */
int json_tree_new(const struct type *value, struct arena *arena, const struct json_source **ret);

#endif
