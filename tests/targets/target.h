/**
 * What all target programs share.
 *
 * A target calls its functions in a fixed order with fixed values, so that two runs of it, one
 * under gdb and one under virtrace, have the same calls.  Its comments say what is compared:
 *
 *	// probe: FUNCTION IN, … => OUT, …   as of virtrace record -e
 *	// options: …                         more for virtrace record
 *	// same: FUNCTION EXPR = EXPR2        gdb does not know EXPR at return; it is EXPR2
 *	// unsure: FUNCTION EXPR              may be <optimized out> though gdb shows a value, in
 *	                                      optimized builds: nobody can know that it is right
 *
 * Objects that pointers point at are static, so that their addresses are the same in every run.
 */
#ifndef TARGETS_TARGET_H
#define TARGETS_TARGET_H

#include <stdio.h>

/* A function that is called as it is written: no inlining, no copies with other parameters. */
#ifdef __clang__
#define PROBED __attribute__((noinline))
#else
#define PROBED __attribute__((noipa))
#endif

/* In a function whose result nobody uses: calls of it stay nevertheless. */
#define HAPPENS() __asm__ volatile("" : : : "memory")

/* Make the compiler believe that the object is read and written here. */
#define USE(lvalue) __asm__ volatile("" : "+m"(lvalue) : : "memory")

/* Before the first call.  With an argument: say so, and wait for a line on stdin. */
PROBED void target_start(int argc);
void target_start(int argc)
{
	if (argc > 1) {
		puts("ready");
		fflush(stdout);
		getchar();
	}
}

#endif
