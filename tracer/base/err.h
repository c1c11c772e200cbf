/**
 * One slot a thread for the text of the latest failure.
 *
 * Functions return 0 (or a count) or a negative errno code.  Where the cause is known the text is set
 * once by err_set(); callers up the stack may put context in front of it by err_context().  Only the
 * commands print it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/** Remember a message for `code` (a negative errno) and return `code`. */
int err_set(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Put "context: " in front of the message there is, and return `code`. */
int err_context(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Add a line of advice below the message (printed on a line of its own). */
int err_hint(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The message; never NULL.  Valid until the next err_ call of this thread. */
const char *err_text(void);

void err_clear(void);

#endif
