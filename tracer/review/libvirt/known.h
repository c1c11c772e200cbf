/**
 * Facts of libvirt's source, as tables.
 */
#ifndef REVIEW_LIBVIRT_KNOWN_H
#define REVIEW_LIBVIRT_KNOWN_H

#include <stdbool.h>

/** Whether libvirt fills `member` of a struct `owner` from this path of the reply to a QMP command. */
bool known_read(const char *owner, const char *member, const char *command, const char *path);

/** Whether this function of libvirt assigns `to` from `from`. */
bool known_set(const char *function, const char *to, const char *from);

/** Whether a module is libvirt's: there a negative number that a function returns is an error (docs/coding-style.rst). */
bool known_is_libvirt(const char *module);

#endif
