/*
 * repair: puts right what a killed virtrace left in a process, by its journal (probe/journal.h)
 *
 * Most often there is nothing: the guardian and the handler in the process have done it.  It is for the case that these were
 * killed, too.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/cmd/option.h"
#include "tracer/probe/journal.h"
#include "tracer/probe/repair.h"
#include "tracer/remote/proc.h"

static void print_help(FILE *out)
{
	fputs("usage: virtrace repair PID…\n"
	      "       virtrace repair --all\n"
	      "\n"
	      "Restores the code of processes whose virtrace was killed and could not do it itself, without stopping or\n"
	      "tracing them (where the kernel does not let /proc/PID/mem be written, one thread is stopped for a moment).\n"
	      "Nothing is written where other code is than the journal says: the start time of the process, the file,\n"
	      "address and build-id of each library and the bytes themselves are compared first.\n"
	      "\n"
	      "  -a, --all    every process that there is a journal of\n"
	      "  -h, --help\n"
	      "\n"
	      "Examples:\n"
	      "  virtrace repair --all\n"
	      "  virtrace repair 2114\n"
	      "\n"
	      "Exit status: 0 all is as it was, 1 something is left, 2 usage, 5 not permitted.\n", out);
}

static int repair_live(struct journal *journal)
{
	const struct journal_file *file = journal->file;
	struct repair_result result;
	struct proc *proc;
	int r = proc_open(file->pid, &proc);

	if (r < 0)
		return r;
	r = repair_process(proc, file, &result);
	proc_close(proc);
	if (r < 0)
		return r;
	log_plain("virtrace: process %d: %zu places restored, %zu were in order, %zu hold other code now and were left alone",
		  (int)file->pid, result.restored, result.clean, result.changed);
	if (result.failed)
		return err_set(-EIO, "process %d: %zu places cannot be written", (int)file->pid, result.failed);
	if (result.unsure)
		return err_set(-EIO, "process %d: %zu places are left, in code that was changed since: nobody can say whose "
			       "breakpoints they are", (int)file->pid, result.unsure);
	journal_remove(journal);
	return 0;
}

/* A journal that is open: of a process that lives, or of one that has ended. */
static int repair_journal(struct journal *journal)
{
	const struct journal_file *file = journal->file;

	if (process_start_time(file->pid) == file->start_time)
		return repair_live(journal);
	log_plain("virtrace: process %d has ended: its journal is removed", (int)file->pid);
	journal_remove(journal);
	return 0;
}

static int finish(int r, struct journal *journal)
{
	if (r < 0)
		log_error("%s", err_text());
	journal_close(journal);
	return r;
}

static int repair_pid(const char *text)
{
	struct journal journal = { .fd = -1 };
	char *end;
	long pid = strtol(text, &end, 10);
	int r = *end || pid <= 0 || pid > INT_MAX ? err_set(-EINVAL, "'%s' is no process id", text) : 0;

	if (r == 0 && !process_start_time((pid_t)pid))
		r = err_set(-ESRCH, "there is no process %ld", pid);
	if (r == 0)
		r = journal_open((pid_t)pid, &journal);
	if (r == 0)
		r = repair_journal(&journal);
	return finish(r, &journal);
}

/* The first error, having done what can be done. */
static int repair_all(void)
{
	char directory[96], path[96 + NAME_MAX + 2];
	int first = journal_directory(directory, sizeof(directory));
	DIR *dir = first == 0 ? opendir(directory) : NULL;
	size_t n = 0;

	if (first < 0)
		return finish(first, &(struct journal){ .fd = -1 });
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		struct journal journal = { .fd = -1 };

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		int r = journal_open_path(path, &journal);

		n++;
		if (r == -EBUSY || r == -ENOENT) { /* it is at work, or its guardian is; or it never was */
			log_plain("virtrace: %s: %s", entry->d_name, err_text());
			continue;
		}
		if (r == 0)
			r = repair_journal(&journal);
		first = finish(r, &journal) < 0 && first == 0 ? r : first;
	}
	if (dir)
		closedir(dir);
	if (!n)
		log_plain("virtrace: nothing is to be repaired");
	return first;
}

int cmd_repair(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool all = false;
	int first = 0, opt;

	while ((opt = option_next(argc, argv, ":ah", options)) != OPTION_END) {
		if (opt == 'h') {
			print_help(stdout);
			return EXIT_OK;
		}
		if (opt == OPTION_WRONG) {
			log_error("%s", err_text());
			return EXIT_USAGE;
		}
		all = true;
	}
	if (all != (optind == argc)) {
		log_error("say which process, or --all");
		return EXIT_USAGE;
	}
	if (all)
		first = repair_all();
	for (; optind < argc; optind++) {
		int r = repair_pid(argv[optind]);

		first = first ? first : r;
	}
	return first == -EINVAL ? EXIT_USAGE : first < 0 ? exit_status(first) : EXIT_OK;
}
