/**
 * Files of configuration, presets and decoders: where they are searched, and reading them.
 */
#ifndef RECORD_CONFIG_DIRS_H
#define RECORD_CONFIG_DIRS_H

#include <stddef.h>

enum { CONFIG_DIRS = 4, CONFIG_PATH_MAX = 4096 };

/**
 * The folders of `kind` ("presets"), whether they exist or not, first match first: the user's, the machine's, the
 * installed one, the one of the source tree the program was built in.  Returns how many.
 */
size_t config_dirs(const char *kind, char dirs[CONFIG_DIRS][CONFIG_PATH_MAX]);

/** Called for each key; returns 1 to go on, 0 for a mistake (inih's convention). */
typedef int config_handler(void *ctx, const char *section, const char *key, const char *value);

/** Read an INI file.  The line of the first mistake, 0 if there is none; negative with a message if it cannot be read. */
int config_read(const char *path, config_handler *on_key, void *ctx);

#endif
