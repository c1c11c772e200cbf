// calls a function from a handler of a signal, and ends right behind it
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) void handler(int s)
{
	(void)s;
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void raises(void)
{
	raise(SIGUSR1);
	__asm__ volatile("" ::: "memory");
}

int main(void)
{
	signal(SIGUSR1, handler);
	raises();
	_exit(0);
}
