/**
 * What the exporters have in common that show the call tree.
 */
#ifndef REVIEW_EXPORT_EXPORT_TREE_H
#define REVIEW_EXPORT_EXPORT_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct call;
struct call_node;
struct call_tree;
struct export;

/** begin(), tree() and the end of end() of such an exporter: the state is a call tree. */
int export_tree_begin(struct export *export);
int export_tree_add(struct export *export, const struct call *root);
int export_tree_end(struct export *export);

/**
 * Write a foreign text on one line, what may not be shown as octal escapes, and each character for
 * which `replace` (NULL: none) gives a text as that text.  Of more than `max` characters (0: any number) the
 * rest becomes `…`.
 */
void export_text(FILE *out, const char *text, size_t max, const char *(*replace)(char ch));
enum { EXPORT_NAME_MAX = 80 }; /* characters in a picture */

/** "libvirtd[2114] on kvm7, 2026-11-23 09:14:02 +0000", what is known of it; for free(). */
char *export_subtitle(const struct export *export);

/**
 * "412 calls, 812 ms, 3 failed": what a node or edge stands for; for free().  NULL without memory.
 */
char *export_figures(uint64_t calls, uint64_t total_ns, uint64_t errors, uint64_t open);

/**
 * What a picture does not show: `ways` that were pruned, calls without a node.  For free(); NULL if
 * it shows all.
 */
char *export_left_out(const struct call_tree *tree, size_t ways);

/** A colour for a part of the whole time, light enough for black text: "#rrggbb". */
enum { EXPORT_COLOUR_MAX = 8 };
const char *export_heat(char buf[static EXPORT_COLOUR_MAX], uint64_t part_ns, uint64_t whole_ns);

#endif
