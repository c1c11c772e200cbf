// A process under test that does what it is told on stdin, one word a line, and answers "done" on stdout:
//   call    work() once          exec    becomes /bin/true
//   exit    leaves with 7        die     kills itself with SIGKILL
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	int number;
	const char *name;
	struct request *next;
};

int work(struct request *request, int times);

__attribute__((noinline)) int work(struct request *request, int times)
{
	request->number += times;
	return request->number;
}

int main(void)
{
	struct request request = { .number = 1, .name = "first" };
	char line[64];

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "call"))
			work(&request, 2);
		else if (!strcmp(line, "exit"))
			exit(7);
		else if (!strcmp(line, "die"))
			kill(getpid(), SIGKILL);
		else if (!strcmp(line, "exec"))
			execl("/bin/true", "true", (char *)NULL);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
