// changes the constant in the first instruction of a function at the first SIGUSR1, calls it at the second, and ends
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((section(".rewritten"), aligned(4096), naked, noinline)) int rewritten(void)
{
	__asm__("mov $1, %eax\n ret");
}

int main(void)
{
	char *page = (char *)rewritten;
	int sig, value = 2;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	alarm(30);
	printf("pid %d\n", getpid());
	sigwait(&set, &sig);
	mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	memcpy(page + 1, &value, 4);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	printf("changed\n");
	sigwait(&set, &sig);
	return rewritten() != 2;
}
