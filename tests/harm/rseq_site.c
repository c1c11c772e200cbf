// a function whose entry is inside of a restartable sequence (glibc's registration): it is called, N threads count, and the sum of
// the counters is what they counted
// arguments: [SECONDS [N]]; SIGTERM ends it before
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/rseq.h>
#include <unistd.h>

#ifndef SECTION
#define SECTION "__rseq_cs"
#endif

static struct {
	volatile long n;
	char line[56];
} counter[1024];
static volatile int stop;

void count(struct rseq *rs, void *counters);

// seq_mid is what a tracer may be asked for; read, write: atomic only as the kernel aborts it
__asm__(".pushsection " SECTION ",\"aw\"\n"
	".balign 32\n"
	"9:	.long 0, 0\n"
	"	.quad 1f, 2f - 1f, 4f\n"
	".popsection\n"
	".pushsection .text\n"
	".globl count, seq_mid\n"
	".type count,@function\n"
	"count:	lea 9b(%rip), %rax\n"
	"	mov %rax, 8(%rdi)\n"
	"1:	mov 4(%rdi), %ecx\n"
	"	shl $6, %rcx\n"
	"	add %rsi, %rcx\n"
	"	mov (%rcx), %rdx\n"
	"	mov $60, %eax\n"
	"3:	dec %eax\n"
	"	jnz 3b\n"
	".size count, . - count\n"
	".type seq_mid,@function\n"
	"seq_mid: inc %rdx\n"
	"	mov %rdx, (%rcx)\n"
	"2:	ret\n"
	".size seq_mid, . - seq_mid\n"
	"	.byte 0x0f, 0xb9, 0x3d\n"
	"	.long 0x53053053\n"
	"4:	jmp count\n"
	".popsection\n");

static void *run(void *a)
{
	struct rseq *rs = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	long n = 0;

	for (; !stop; n++)
		count(rs, counter);
	return (void *)n + (long)a;
}

static void end(int sig)
{
	stop = sig;
}

int main(int c, char **v)
{
	int n = c > 2 ? atoi(v[2]) : 4;
	long want = 0, sum = 0;
	pthread_t t[64];

	setvbuf(stdout, 0, _IOLBF, 0);
	if (!__rseq_size || n < 1 || n > 64) {
		fprintf(stderr, "no rseq here\n");
		return 77;
	}
	signal(SIGTERM, end);
	printf("pid %d\n", getpid());
	for (int i = 0; i < n; i++)
		pthread_create(&t[i], 0, run, 0);
	usleep(1e6 * (c > 1 ? atof(v[1]) : 2));
	stop = 1;
	for (int i = 0; i < n; i++) {
		void *r;
		pthread_join(t[i], &r);
		want += (long)r;
	}
	for (int i = 0; i < 1024; i++)
		sum += counter[i].n;
	printf("counted %ld, counters %ld\n", want, sum);
	if (sum != want)
		fprintf(stderr, "%ld updates are lost\n", want - sum);
	return sum != want;
}
