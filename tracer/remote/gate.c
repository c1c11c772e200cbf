#include "tracer/remote/gate.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/remote/maps.h"

/* What /proc/PID/status says (proc_pid_status(5)); -1 where a line is missing. */
struct process {
	int error; /* of reading about it: ENOENT if there is none */
	char name[32], state;
	long pid, tracer, uid, gid, seccomp, is_kernel_thread, threads;
	unsigned long long permitted; /* capabilities */
	bool shadow_stack;
};

static void read_line(const char *line, struct process *process)
{
	sscanf(line, "Name:\t%31[^\n]", process->name);
	sscanf(line, "State:\t%c", &process->state);
	sscanf(line, "Tgid:\t%ld", &process->pid);
	sscanf(line, "TracerPid:\t%ld", &process->tracer);
	sscanf(line, "Uid:\t%ld", &process->uid);
	sscanf(line, "Gid:\t%ld", &process->gid);
	sscanf(line, "Seccomp:\t%ld", &process->seccomp);
	sscanf(line, "Threads:\t%ld", &process->threads);
	sscanf(line, "Kthread:\t%ld", &process->is_kernel_thread);
	if (!strncmp(line, "x86_Thread_features:", 20))
		process->shadow_stack = strstr(line, "shstk") != NULL;
	sscanf(line, "CapPrm:\t%llx", &process->permitted);
}

static struct process read_process(pid_t pid)
{
	struct process process = { .tracer = -1, .uid = -1, .gid = -1, .seccomp = -1 };
	char path[64], line[512];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");

	process.error = f ? 0 : errno;
	if (!f)
		return process;
	while (fgets(line, sizeof(line), f))
		read_line(line, &process);
	fclose(f);
	return process;
}

static void set_text(struct gate *gate, enum gate_state state, int error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void set_text(struct gate *gate, enum gate_state state, int error, const char *fmt, ...)
{
	va_list ap;

	gate->state = state;
	gate->error = error;
	va_start(ap, fmt);
	vsnprintf(gate->text, sizeof(gate->text), fmt, ap);
	va_end(ap);
}

static void set_remedy(struct gate *gate, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void set_remedy(struct gate *gate, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(gate->remedy, sizeof(gate->remedy), fmt, ap);
	va_end(ap);
}

static void check_process(pid_t pid, const struct process *process, struct gate *gate)
{
	gate->name = "process";
	if (process->error == ENOENT || process->error == ESRCH) {
		set_text(gate, GATE_CLOSED, -ESRCH, "no process %d", (int)pid);
	} else if (process->error) {
		set_text(gate, GATE_CLOSED, -process->error, "cannot read /proc/%d/status: %s", (int)pid, strerror(process->error));
	} else if (pid == getpid()) {
		set_text(gate, GATE_CLOSED, -EINVAL, "process %d is virtrace itself", (int)pid);
	} else if (process->state == 'Z' && process->threads > 1) {
		/* The kernel says nothing of its end before theirs, and its files in /proc are empty. */
		set_text(gate, GATE_CLOSED, -ENOTSUP, "the main thread of %s[%d] has ended, and others run on: that cannot "
			 "be traced", process->name, (int)pid);
	} else if (process->state == 'Z' || process->state == 'X') {
		set_text(gate, GATE_CLOSED, -ESRCH, "%s[%d] has ended already (it is a zombie)", process->name,
			 (int)pid);
	} else if (process->is_kernel_thread == 1) {
		set_text(gate, GATE_CLOSED, -ENOTSUP, "%s[%d] is a thread of the kernel", process->name,
			 (int)pid);
	} else {
		set_text(gate, GATE_OPEN, 0, "%s[%d], uid %ld", process->name, (int)pid, process->uid);
	}
}

/* The class of the executable is that of the process: the kernel decides by it what to run. */
static void check_machine(pid_t pid, const struct process *process, struct gate *gate)
{
	char path[64];
	Elf64_Ehdr header = { 0 };

	gate->name = "machine";
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, &header, sizeof(header));

	if (fd >= 0)
		close(fd);
	if (process->shadow_stack)
		set_text(gate, GATE_CLOSED, -ENOTSUP, "%s[%d] uses a shadow stack (Intel CET): that is not supported yet",
			 process->name, (int)pid);
	else if (n < EI_NIDENT + 4)
		set_text(gate, GATE_NOTE, 0, "its executable cannot be read");
	else if (header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64)
		set_text(gate, GATE_OPEN, 0, "x86-64");
	else
		set_text(gate, GATE_CLOSED, -ENOTSUP, "%s[%d] is a %s program; only 64-bit x86 ones can be traced",
			 process->name, (int)pid,
			 header.e_ident[EI_CLASS] == ELFCLASS32 ? "32-bit" : "foreign-architecture");
}

/*
 * Who translates a program runs code of his own making; what is mapped of the program's files is only read, by him.  They are known by
 * names: of their own executable, which runs instead of the program's, or of what they bring into the process.
 */
static const struct translator {
	const char *name;
	const char *file; /* a pattern: fnmatch(3) */
} translators[] = {
	{ "Valgrind", "*-amd64-linux" },
	{ "Valgrind", "vgpreload_core-*.so" },
	{ "qemu-user", "qemu-x86_64" },
	{ "qemu-user", "qemu-x86_64-static" },
	{ "DynamoRIO", "libdynamorio.so*" },
	{ "Intel Pin", "pinbin" },
};

static const char *translator_of(const struct maps *maps)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->items[i];
		const char *slash = m->executable && m->inode ? strrchr(m->path, '/') : NULL;

		for (size_t k = 0; slash && k < sizeof(translators) / sizeof(translators[0]); k++)
			if (!fnmatch(translators[k].file, slash + 1, 0))
				return translators[k].name;
	}
	return NULL;
}

static void check_code(pid_t pid, const struct process *process, struct gate *gate)
{
	struct maps maps = { 0 };
	const char *translator = maps_read(pid, &maps) == 0 ? translator_of(&maps) : NULL;

	gate->name = "code";
	if (translator) {
		set_text(gate, GATE_CLOSED, -ENOTSUP, "%s[%d] is run by %s, which translates its code: what the files hold is not what "
			 "the CPU runs", process->name, (int)pid, translator);
		set_remedy(gate, "Run the program without %s.", translator);
	} else {
		set_text(gate, GATE_OPEN, 0, "runs as its files have it");
	}
	maps_free(&maps);
}

/* Yama's mode (Documentation/admin-guide/LSM/Yama.rst); 0 without it. */
static int yama_scope(void)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (f && fscanf(f, "%d", &scope) != 1)
		scope = 0;
	if (f)
		fclose(f);
	return scope;
}

static void check_owner(const struct process *process, struct gate *gate)
{
	struct process self = read_process(getpid());
	bool capable = self.permitted >> CAP_SYS_PTRACE & 1;
	int scope = yama_scope();

	gate->name = "permission";
	if (scope == 3) {
		set_text(gate, GATE_CLOSED, -EPERM, "kernel.yama.ptrace_scope is 3: nobody may trace");
		set_remedy(gate, "It can be lifted only by a reboot with another setting.");
	} else if (capable) {
		set_text(gate, GATE_OPEN, 0, "CAP_SYS_PTRACE, ptrace_scope %d", scope);
	} else if (process->uid != (long)geteuid() || process->gid != (long)getegid()) {
		set_text(gate, GATE_CLOSED, -EPERM, "%s belongs to uid %ld, you are uid %ld without CAP_SYS_PTRACE",
			 process->name, process->uid, (long)geteuid());
		set_remedy(gate, "Run as root: sudo virtrace …  (in a container also: --cap-add SYS_PTRACE --pid=host)");
	} else if (scope > 0) {
		set_text(gate, GATE_CLOSED, -EPERM, "kernel.yama.ptrace_scope is %d: %s", scope,
			 scope == 1 ? "only one's own children may be traced" : "only root may trace");
		set_remedy(gate, "Run as root: sudo virtrace …  or: sudo sysctl kernel.yama.ptrace_scope=0");
	} else {
		set_text(gate, GATE_OPEN, 0, "same user, ptrace_scope 0");
	}
}

static void check_tracer(const struct process *process, struct gate *gate)
{
	gate->name = "tracer";
	if (process->tracer <= 0) {
		set_text(gate, GATE_OPEN, 0, "nobody traces it");
		return;
	}
	struct process tracer = read_process((pid_t)process->tracer); /* the thread that traces */

	set_text(gate, GATE_CLOSED, -EBUSY, "%s is already traced by %s[%ld]", process->name,
		 tracer.error ? "?" : tracer.name, tracer.error ? process->tracer : tracer.pid);
	set_remedy(gate, "A process can have one tracer: let that one detach first.");
}

static void check_seccomp(const struct process *process, struct gate *gate)
{
	gate->name = "seccomp";
	if (process->seccomp == 1) {
		set_text(gate, GATE_CLOSED, -EPERM, "%s runs in seccomp's strict mode: it may not map the page "
			 "that tracing needs", process->name);
	} else if (process->seccomp == 2) {
		set_text(gate, GATE_NOTE, 0, "has a filter: if that forbids mmap, virtrace cannot trace it and will "
			 "say so");
	} else {
		set_text(gate, GATE_OPEN, 0, "no filter");
	}
}

void gate_list(pid_t pid, struct gate gates[GATE_COUNT])
{
	struct process process = read_process(pid);

	memset(gates, 0, GATE_COUNT * sizeof(gates[0]));
	check_process(pid, &process, &gates[0]);
	check_machine(pid, &process, &gates[1]);
	check_owner(&process, &gates[2]);
	check_code(pid, &process, &gates[3]);
	check_tracer(&process, &gates[4]);
	check_seccomp(&process, &gates[5]);
}

int gate_check(pid_t pid)
{
	struct gate gates[GATE_COUNT];

	gate_list(pid, gates);
	for (size_t i = 0; i < GATE_COUNT; i++) {
		if (gates[i].state != GATE_CLOSED)
			continue;
		err_set(gates[i].error, "%s", gates[i].text);
		if (gates[i].remedy[0])
			err_hint(gates[i].error, "%s", gates[i].remedy);
		return gates[i].error;
	}
	return 0;
}
