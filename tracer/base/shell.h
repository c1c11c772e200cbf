/**
 * Text that a user may paste into a shell.
 */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

/**
 * One word of a shell's command line that is this text, whatever it contains, and that a terminal shows as it is; to be free()d.  NULL
 * without memory.
 */
char *shell_quote(const char *text);

#endif
