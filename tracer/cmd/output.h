/**
 * The file that a command was asked to write: it appears at once, when it is complete, for its owner alone.
 *
 * What is recorded is for few eyes: mode 0600.  Nothing is written through a symbolic link, nothing there is replaced without
 * being told to, and never anything but a file: not a device, a FIFO or a directory.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output {
	FILE *file; /**< to write into */
	const char *path;
	char *temp;
	bool force;
};

/** 0, or -EEXIST or another negative errno with a message. */
int output_open(const char *path, bool force, struct output *ret);

/** Close it, and give it its name if `keep`; 0 or a negative errno with a message. */
int output_close(struct output *output, bool keep);

#endif
