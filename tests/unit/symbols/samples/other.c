/* A second file: the same static name means another function here. */
#include <stdlib.h>

static __attribute__((noinline)) int same_name(const char *text)
{
	return atoi(text) + rand();
}

int use_other(int x);
int use_other(int x)
{
	return same_name("12") + x;
}
