#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "symbols/function.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/cmd/option.h"
#include "tracer/cmd/package.h"
#include "tracer/probe/need.h"
#include "tracer/probe/probe_code.h"
#include "tracer/record/request.h"
#include "tracer/record/resolve.h"
#include "tracer/record/target.h"
#include "tracer/remote/gate.h"
#include "tracer/remote/headroom.h"
#include "tracer/remote/urgency.h"

/* What was asked, and what is to be told at the end. */
struct doctor {
	pid_t pid;
	struct module_set *modules;
	struct request_list requests;
	bool all; /* every mapped file, not only those that probes look in */
	unsigned problems;
};

static void print_help(FILE *out)
{
	fputs(
"usage: virtrace doctor [-p PID | -n NAME] [-e PROBE | --preset NAME]… [-a]\n"
"\n"
"Says what stands in the way of tracing a process, and the exact remedy: permission, debug info\n"
"of its modules, files replaced on disk, functions that cannot be found, memory that it may not have,\n"
"and what this machine's kernel does not tell.\n"
"\n"
"  -p, --pid PID        the process; else -n, else the libvirt daemon that runs QEMU guests\n"
"  -n, --name NAME\n"
"  -e, --probe PROBE    what shall be traced; without any the preset block-info for libvirt daemons\n"
"      --preset NAME\n"
"  -a, --all            every file mapped in the process, not only those that matter for it\n"
"      --no-debuginfod  do not ask debuginfod\n"
"      --max-debuginfo MIB  read at most so much of one file, unpack at most so much of all (512)\n"
"  -h, --help\n"
"\n"
"Examples:\n"
"  virtrace doctor\n"
"  virtrace doctor -p 2114 -e 'qemuDomainObjBeginJob*'\n"
"\n"
"Exit status: 0 all is well, 1 something is in the way, 2 usage, 5 not permitted.\n", out);
}

static int print_gates(struct doctor *doctor)
{
	static const char *const marks[] = { [GATE_OPEN] = "ok", [GATE_NOTE] = "note", [GATE_CLOSED] = "NO" };
	struct gate gates[GATE_COUNT];
	int error = 0;

	gate_list(doctor->pid, gates);
	for (size_t i = 0; i < GATE_COUNT; i++) {
		log_answer("%-11s %-4s %s", gates[i].name, marks[gates[i].state], gates[i].text);
		if (gates[i].remedy[0])
			log_answer("%-16s -> %s", "", gates[i].remedy);
		if (gates[i].state == GATE_CLOSED) {
			error = error ? error : gates[i].error;
			doctor->problems++;
		}
	}
	return error;
}

/* What newer kernels tell of a process, and older ones do not. */
static const struct lack {
	unsigned major, minor; /* the first that tells */
	const char *what;
} lacks[] = {
	{ 5, 13, "whether a thread is in a restartable sequence (rseq)" },
	{ 6, 4, "whether a thread has its system calls sent to itself (user dispatch)" },
};

/* Of this machine, for any process. */
static void print_host(void)
{
	struct utsname host;
	unsigned major = 0, minor = 0;
	bool complete = true;

	uname(&host);
	sscanf(host.release, "%u.%u", &major, &minor);
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
		if (major > lacks[i].major || (major == lacks[i].major && minor >= lacks[i].minor))
			continue;
		log_answer("%-11s note Linux %s does not tell %s", "kernel", host.release, lacks[i].what);
		complete = false;
	}
	if (complete)
		log_answer("%-11s ok   Linux %s", "kernel", host.release);
	urgency_start();
	bool urgent = urgency_is_real_time();

	urgency_stop();
	log_answer("%-11s %s", "priority", urgent ? "ok   virtrace may run before the threads that it holds"
						 : "note virtrace may have no real-time priority (CAP_SYS_NICE, RLIMIT_RTPRIO): where "
						   "CPUs are short, threads are held longer");
}

/* Files that matter: the program itself and what a probe's module pattern names. */
static bool matters(const struct doctor *doctor, const struct mapped_file *file, size_t i)
{
	const char *slash = strrchr(file->path, '/');
	struct arena arena = { 0 };
	bool found = doctor->all || i == 0;

	for (size_t k = 0; k < doctor->requests.n && !found; k++) {
		struct pattern pattern;

		found = pattern_parse(doctor->requests.items[k].pattern, &arena, &pattern) == 0 &&
			pattern.module && pattern_wants_file(&pattern, slash ? slash + 1 : file->path);
	}
	arena_free(&arena);
	return found;
}

static void print_remedy(const struct mapped_file *file, struct module *module)
{
	char command[512];

	if (package_debug_command(file->path, command, sizeof(command)) == 0)
		log_answer("%-16s -> %s", "", command);
	if (module_build_id_hex(module)[0])
		log_answer("%-16s -> debuginfod-find debuginfo %s   (on any machine that reaches a debuginfod server; "
			      "then --debuginfo DIR)", "", module_build_id_hex(module));
	else
		log_answer("%-16s -> it has no build-id: build it with -g", "");
}

static void print_module(struct doctor *doctor, struct mapped_file *file)
{
	struct module *module = module_set_open(doctor->modules, file, true);

	if (!module) {
		log_answer("%-11s NO   %s: %s", "module", file->path, strerror(-file->error));
		doctor->problems++;
		return;
	}
	enum debug_level level = module_debug_level(module);
	const char *where = module_debug_file(module);

	log_answer("%-11s %-4s %s  build-id %.8s  %s%s", "module", level == DEBUG_DWARF ? "ok" : "NO",
		      module_name(module), module_build_id_hex(module)[0] ? module_build_id_hex(module) : "none",
		      level == DEBUG_DWARF ? "DWARF in " : level == DEBUG_SYMTAB ? "names only, no types"
									      : "stripped: exported names only",
		      level == DEBUG_DWARF ? where ? where : file->path : "");
	if (file->deleted)
		log_answer("%-16s replaced on disk since the process mapped it: %s", "", file->path);
	if (level != DEBUG_DWARF) {
		int code;
		const char *why = module_tell_refusal(module, &code);

		if (why)
			log_answer("%-16s not read: %s%s", "", why, code == -EFBIG ? " (see --max-debuginfo)" : "");
		else
			print_remedy(file, module);
		doctor->problems++;
	}
}

static void print_modules(struct doctor *doctor)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(doctor->modules, &files);

	for (size_t i = 0; i < n; i++)
		if (files[i]->executable && matters(doctor, files[i], i))
			print_module(doctor, files[i]);
}

/* What tracing them would take. */
static void print_need(struct doctor *doctor, struct binding_list *bindings)
{
	const struct probe_code **codes = calloc(bindings->n + 1, sizeof(*codes));
	struct headroom headroom;
	size_t n = 0;
	char need[32], left[32];

	if (resolve_mark_doubles(bindings, 0) < 0)
		log_warn("%s", err_text());
	for (size_t i = 0; codes && i < bindings->n; i++) {
		struct probe_code *code;

		if (!bindings->items[i].is_double && probe_code_read(bindings->items[i].function, &code) == 0)
			codes[n++] = code;
	}
	headroom_read(doctor->pid, &headroom);
	if (n && need_check(doctor->pid, codes, n) < 0) {
		log_answer("%-11s NO   %s", "memory", err_text());
		doctor->problems++;
	} else if (n) {
		log_answer("%-11s ok   up to %s for these functions; %s are left%s%s", "memory", need_text(need_of(codes, n), need),
			   headroom.left == UINT64_MAX ? "all" : need_text(headroom.left, left),
			   headroom.cgroup[0] ? " in its cgroup " : "", headroom.cgroup);
	}
	while (n)
		probe_code_free((struct probe_code *)codes[--n]);
	free(codes);
}

static void print_probes(struct doctor *doctor)
{
	struct resolve_options options = { .limits = LIMITS_DEFAULT };
	struct binding_list bindings = { 0 };

	for (size_t i = 0; i < doctor->requests.n; i++) {
		const struct request *request = &doctor->requests.items[i];
		size_t first = bindings.n;
		int r = resolve_request(doctor->modules, all_files, request, &options, &bindings);

		for (size_t k = first; k < bindings.n && r >= 0; k++) {
			const struct function *function = bindings.items[k].function;

			log_answer("%-11s ok   %s in %s%s%s", "function", function->name,
				      module_name(function->module), function->file ? ", " : "",
				      function->file ? function->file : "");
		}
		if (r <= 0) {
			log_answer("%-11s NO   %s", "function", err_text());
			doctor->problems++;
		}
	}
	print_need(doctor, &bindings);
	array_free(&bindings);
}

static const struct option long_options[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "name", required_argument, NULL, 'n' },
	{ "probe", required_argument, NULL, 'e' },
	{ "preset", required_argument, NULL, 'P' },
	{ "all", no_argument, NULL, 'a' },
	{ "no-debuginfod", no_argument, NULL, 'D' },
	{ "max-debuginfo", required_argument, NULL, 'M' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int find_target(struct doctor *doctor, const char *name)
{
	bool given = doctor->pid != 0;
	int r = name ? target_by_name(name, &doctor->pid) : given ? 0 : target_libvirt(&doctor->pid);

	if (!r && !doctor->requests.n && !given && !name)
		r = request_add_preset(&doctor->requests, "block-info");
	return r;
}

static int examine(struct doctor *doctor, const struct module_options *options)
{
	int error = print_gates(doctor);

	print_host();
	if (error == -ESRCH || error == -ENOTSUP)
		return EXIT_ERROR;
	int r = module_set_new(doctor->pid, options, &doctor->modules);

	if (r < 0) {
		log_error("%s", err_text());
		return error ? exit_status(error) : exit_status(r);
	}
	print_modules(doctor);
	print_probes(doctor);
	if (!doctor->problems)
		log_answer("all is well: nothing stands in the way of tracing %d", (int)doctor->pid);
	return error ? exit_status(error) : doctor->problems ? EXIT_ERROR : EXIT_OK;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor doctor = { 0 };
	struct module_options options = { 0 };
	const char *name = NULL;
	int opt, r = 0, status = EXIT_USAGE;

	while (!r && (opt = option_next(argc, argv, ":p:n:e:ah", long_options)) != OPTION_END) {
		switch (opt) {
		case 'p':
			r = target_parse_pid(optarg, &doctor.pid);
			break;
		case 'n':
			name = optarg;
			break;
		case 'e':
			r = request_add(&doctor.requests, optarg);
			break;
		case 'P':
			r = request_add_preset(&doctor.requests, optarg);
			break;
		case 'a':
			doctor.all = true;
			break;
		case 'D':
			options.no_debuginfod = true;
			break;
		case 'M':
			r = target_parse_max_debuginfo(optarg, &options.max_mib);
			break;
		case 'h':
			print_help(stdout);
			status = EXIT_OK;
			goto out;
		default: /* OPTION_WRONG */
			r = -EINVAL;
		}
	}
	if (!r && optind < argc)
		r = err_set(-EINVAL, "what is '%s' for?  A process is named by -p or -n", argv[optind]);
	if (r < 0) {
		log_error("%s", err_text());
		goto out;
	}
	r = find_target(&doctor, name);
	if (r < 0)
		log_error("%s", err_text());
	status = r < 0 ? exit_status(r) : examine(&doctor, &options);
out:
	module_set_free(doctor.modules);
	request_list_free(&doctor.requests);
	return status;
}
