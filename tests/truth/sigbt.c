// a backtrace (record -k) from a signal handler to main
// build: gcc -O2; gcc -O0; clang -O0; clang -O2
// options: -k
// backtrace: handler ["handler", "<signal handler called>", "raise", "named", "main", "_start"]
// right: handler s = [10]
#include <signal.h>
#include <unistd.h>
static void handler(int s)
{
	(void)s;
}
static void named(void)
{
	usleep(300000);
	raise(SIGUSR1);
}
int main(int c, char **v)
{
	(void)v;
	signal(SIGUSR1, handler);
	named();
	if (c == 1)
		usleep(300000);	// with an argument it ends at once
	return 0;
}
