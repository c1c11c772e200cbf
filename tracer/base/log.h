/**
 * Messages to the user, on stderr, headed "virtrace: ".  What a terminal would take for a command is escaped in
 * them, as they may hold names out of a traced process.
 *
 * Layers below the commands use only log_debug(), with a domain of their own, shown when the domain is
 * named in VIRTRACE_DEBUG (comma separated, "all" for every one).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

void log_debug(const char *domain, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Without the head: lines of a table. */
void log_plain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** A line on stdout, escaped like the others: what a command was asked for. */
void log_answer(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** With `quiet` set log_info() says nothing. */
void log_set_quiet(bool quiet);

/** Called before a line is printed: lets a status line that is on screen be wiped.  NULL for none. */
void log_set_hook(void (*hook)(void));

/**
 * For a thread that must not wait for a terminal: from now on its messages are kept in `ring` (base/ring.h), whose producer it
 * is, for another thread to print by log_print_kept().  Those that do not fit are dropped.  NULL: printed at once again.
 */
struct ring;
void log_keep(struct ring *ring);
void log_print_kept(struct ring *ring); /**< NULL: there are none */

#endif
