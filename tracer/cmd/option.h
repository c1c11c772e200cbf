/**
 * Reading the options of any command: getopt_long(), but what is wrong is said in our words, the same for all.
 */
#ifndef CMD_OPTION_H
#define CMD_OPTION_H

#include <getopt.h>

enum { OPTION_END = -1, OPTION_WRONG = '?' };

/**
 * The next option, as getopt_long() gives it with optarg and optind.  `shorts` begins with ":" (after a "+", if there is
 * one); argv[0] is the command's name.  OPTION_END when there is no more; OPTION_WRONG for one that there is not, or
 * that lacks its value or has one too many, with a message.
 */
int option_next(int argc, char **argv, const char *shorts, const struct option *longs);

#endif
