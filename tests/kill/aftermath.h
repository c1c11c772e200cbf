/**
 * What has to be true after virtrace was killed.  `at` says where that was, for messages.
 */
#ifndef TESTS_KILL_AFTERMATH_H
#define TESTS_KILL_AFTERMATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/engine/harness.h"

/** Where virtrace records to; files beside it begin with the same name. */
extern char trace[64];

uint64_t now_ms(void);
void nap_ms(long ms);

/** The file of its journal, there or not. */
void journal_name(const struct victim *victim, char *path, size_t len);

void check_goes_on(const struct victim *victim, const char *at);
void check_journal_gone(const struct victim *victim, const char *at);
void wait_for_trace(const char *at);
/** All of it; how many events of functions the trace has. */
long check_all(const struct victim *victim, const char *at);

/** Whether SIGTRAP is caught, as the kernel says. */
bool catches_sigtrap(const struct victim *victim);

#endif
