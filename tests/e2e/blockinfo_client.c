/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A libvirt client that calls virDomainGetBlockInfo over and over, from
 * several threads with a connection each, and says what it got: the end to
 * end tests compare that with what was recorded inside the daemon, and the
 * pause benchmark sees in it how long a caller was kept waiting.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

static const char usage[] =
	"usage: blockinfo_client [-s SECONDS] [-o FILE] URI DOMAIN DISK THREADS CALLS\n"
	"  CALLS       calls of each thread; with -s, the most that are made\n"
	"  -s SECONDS  stop after that time, or when told to by SIGTERM\n"
	"  -o FILE     write the lines there, not to standard output\n"
	"One line per call: thread, start and duration in ns (monotonic clock), return\n"
	"value, capacity, allocation, physical. A summary goes to standard error.\n";

struct call {
	uint64_t start;
	uint64_t duration;
	int ret;
	virDomainBlockInfo info;
};

struct caller {
	pthread_t thread;
	virConnectPtr conn;
	virDomainPtr domain;
	const char *disk;
	size_t max;
	size_t count;
	size_t room;
	struct call *calls;
};

static volatile uint64_t deadline = UINT64_MAX;
static pthread_barrier_t start_line;

static void on_term(int sig)
{
	(void)sig;
	deadline = 0;
}

static void die(const char *what)
{
	const char *why = virGetLastErrorMessage();

	fprintf(stderr, "blockinfo_client: %s: %s\n", what, why);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* libvirt says all errors on stderr as well, unless told otherwise. */
static void ignore_error(void *data, virErrorPtr error)
{
	(void)data;
	(void)error;
}

static struct call *next_call(struct caller *c)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 1024;
		c->calls = realloc(c->calls, c->room * sizeof(*c->calls));
		if (!c->calls) {
			perror("blockinfo_client");
			exit(1);
		}
	}
	return &c->calls[c->count++];
}

static void *call_loop(void *arg)
{
	struct caller *c = arg;

	pthread_barrier_wait(&start_line);
	while (c->count < c->max && now() < deadline) {
		struct call *call = next_call(c);

		memset(&call->info, 0, sizeof(call->info));
		call->start = now();
		call->ret = virDomainGetBlockInfo(c->domain, c->disk, &call->info, 0);
		call->duration = now() - call->start;
	}
	return NULL;
}

static void open_caller(struct caller *c, const char *uri, const char *domain)
{
	c->conn = virConnectOpen(uri);
	if (!c->conn)
		die("cannot connect");
	c->domain = virDomainLookupByName(c->conn, domain);
	if (!c->domain)
		die("no such domain");
}

static void close_caller(struct caller *c)
{
	virDomainFree(c->domain);
	virConnectClose(c->conn);
	free(c->calls);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static size_t write_calls(FILE *out, const struct caller *callers, size_t n)
{
	size_t failed = 0;

	for (size_t t = 0; t < n; t++) {
		for (size_t i = 0; i < callers[t].count; i++) {
			const struct call *call = &callers[t].calls[i];

			fprintf(out, "%zu %ju %ju %d %llu %llu %llu\n", t,
				(uintmax_t)call->start, (uintmax_t)call->duration, call->ret,
				call->info.capacity, call->info.allocation,
				call->info.physical);
			failed += call->ret < 0;
		}
	}
	return failed;
}

static void write_summary(const struct caller *callers, size_t n, size_t failed)
{
	size_t total = 0, k = 0;
	uint64_t *durations;

	for (size_t t = 0; t < n; t++)
		total += callers[t].count;
	durations = calloc(total + 1, sizeof(*durations));
	if (!durations)
		return;
	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < callers[t].count; i++)
			durations[k++] = callers[t].calls[i].duration;
	qsort(durations, total, sizeof(*durations), compare_u64);
	if (total > 0)
		fprintf(stderr, "%zu calls, %zu failed, median %.2f ms, p99 %.2f ms, max %.2f ms\n",
			total, failed, ms(durations[total / 2]), ms(durations[total * 99 / 100]),
			ms(durations[total - 1]));
	free(durations);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n == 0) {
		fprintf(stderr, "blockinfo_client: not a number above 0: %s\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long seconds = 0;
	const char *path = NULL;
	struct caller *callers;
	FILE *out = stdout;
	size_t n, failed;
	int opt;

	while ((opt = getopt(argc, argv, "s:o:")) != -1) {
		switch (opt) {
		case 's':
			seconds = number(optarg);
			break;
		case 'o':
			path = optarg;
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (argc - optind != 5) {
		fputs(usage, stderr);
		return 2;
	}
	argv += optind;
	if (path && !(out = fopen(path, "w"))) {
		perror(path);
		return 1;
	}

	n = number(argv[3]);
	callers = calloc(n, sizeof(*callers));
	if (!callers || virInitialize() < 0)
		die("cannot start");
	virSetErrorFunc(NULL, ignore_error);
	pthread_barrier_init(&start_line, NULL, (unsigned)n);
	for (size_t t = 0; t < n; t++) {
		open_caller(&callers[t], argv[0], argv[1]);
		callers[t].disk = argv[2];
		callers[t].max = number(argv[4]);
	}
	if (seconds)
		deadline = now() + seconds * 1000000000;
	signal(SIGTERM, on_term);
	for (size_t t = 0; t < n; t++) {
		errno = pthread_create(&callers[t].thread, NULL, call_loop, &callers[t]);
		if (errno)
			die("cannot start a thread");
	}
	for (size_t t = 0; t < n; t++)
		pthread_join(callers[t].thread, NULL);

	failed = write_calls(out, callers, n);
	write_summary(callers, n, failed);
	for (size_t t = 0; t < n; t++)
		close_caller(&callers[t]);
	free(callers);
	return fclose(out) != 0 || failed > 0;
}
