/**
 * What the user wants traced: probe requests, from -e options and from presets.
 *
 * -e:      PATTERN [EXPR, EXPR…] [=> EXPR, EXPR…]     expressions at entry => at return
 * preset:  an INI file; [preset] describes it, each other section is a request:
 *
 *	[FUNCTION]
 *	module = libvirt.so*          where to look for it
 *	in     = dom->name, disk      at entry; without in and out the defaults; goes on in indented lines
 *	out    = $ret, *info          at return
 *	if     = disk == "vda"        record only these calls
 *	stack  = 16                   frames of backtrace
 *	string-limit = 1M             bytes of a text in it (k, M); -s does not lower it
 *	instead-of = OTHER            only if no function of section [OTHER], nor of one that stands in for it and comes
 *	                              earlier, is there: names and signatures change from version to version
 *
 * [preset] may have `include = NAME NAME…`: their sections come first. A preset is read once, however often it is named.
 */
#ifndef RECORD_REQUEST_H
#define RECORD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/base/arena.h"

struct request {
	const char *pattern;    /**< "module!function", "file.c:function", "function"; globs */
	const char *const *in;  /**< NULL-terminated; NULL: the default */
	const char *const *out;
	const char *filter;     /**< NULL: every call */
	const char *group;      /**< of several with the same, the first whose function is there counts; NULL: none */
	uint32_t string_limit;  /**< bytes of a text; 0: what the command line says */
	int stack;              /**< frames; -1: what the command line says */
	bool lenient;           /**< from a preset: names that a version lacks are left out */
};

struct request_list {
	struct arena arena; /**< holds all the texts */
	struct request *items;
	size_t n, cap;
	struct preset_file *presets; /**< those that were read */
};

/** Add the request of one -e.  -EINVAL with a message. */
int request_add(struct request_list *list, const char *text);

/**
 * Add all of a preset: a file if `name` has a slash, else NAME.ini in the user's configuration, /etc/virtrace/presets and
 * the installed ones.  -ENOENT lists what there is; -EINVAL names file and line.
 */
int request_add_preset(struct request_list *list, const char *name);

void request_list_free(struct request_list *list);

#endif
