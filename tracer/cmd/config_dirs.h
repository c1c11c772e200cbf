/**
 * Where files of a kind are searched: presets, decoders.
 */
#ifndef CMD_CONFIG_DIRS_H
#define CMD_CONFIG_DIRS_H

#include <stddef.h>

enum { CONFIG_DIRS = 4, CONFIG_PATH_MAX = 4096 };

/**
 * The folders of `kind` ("presets"), whether they exist or not, first match first: the user's, the machine's, the
 * installed one, the one of the source tree the program was built in.  Returns how many.
 */
size_t config_dirs(const char *kind, char dirs[CONFIG_DIRS][CONFIG_PATH_MAX]);

#endif
