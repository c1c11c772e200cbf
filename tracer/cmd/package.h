/**
 * Which package brings the debug info of a file: asked of the system's own package manager.
 */
#ifndef CMD_PACKAGE_H
#define CMD_PACKAGE_H

#include <stddef.h>

/**
 * The command that installs debug info for the file at `path` ("apt install libvirt0-dbgsym") into `buf`.
 * 0, or -ENOENT if no package owns the file or there is no package manager we know (dpkg, rpm).
 */
int package_debug_command(const char *path, char *buf, size_t len);

#endif
