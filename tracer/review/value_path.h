/**
 * How a part of a recorded value is written: info->capacity, (*retstats)->rd_req, disks[2].path.
 */
#ifndef REVIEW_VALUE_PATH_H
#define REVIEW_VALUE_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum { VALUE_PATH_MAX = 512 };

/** The member of an object, or of what it points at; a path that is too long is cut. */
void value_path_member(char buf[static VALUE_PATH_MAX], const char *object, bool is_pointer,
		       const char *member);
void value_path_element(char buf[static VALUE_PATH_MAX], const char *array, size_t index);
/** What a pointer points at. */
void value_path_target(char buf[static VALUE_PATH_MAX], const char *pointer);

#endif
