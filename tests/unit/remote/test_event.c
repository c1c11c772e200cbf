#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>

#include <cmocka.h>

#include "tracer/remote/event.h"

/* ptrace(2), "Stopped states": status is the signal, with the event above it. */
static const struct {
	const char *what;
	int code, status;
	enum event_kind kind;
	int value;
} cases[] = {
	{ "exit 0", CLD_EXITED, 0, EVENT_EXITED, 0 },
	{ "exit 7", CLD_EXITED, 7, EVENT_EXITED, 7 },
	{ "killed", CLD_KILLED, SIGKILL, EVENT_KILLED, SIGKILL },
	{ "core dumped", CLD_DUMPED, SIGSEGV, EVENT_KILLED, SIGSEGV },
	{ "int3", CLD_TRAPPED, SIGTRAP, EVENT_TRAP, SIGTRAP },
	{ "signal", CLD_TRAPPED, SIGUSR1, EVENT_SIGNAL, SIGUSR1 },
	{ "real-time signal", CLD_TRAPPED, 34, EVENT_SIGNAL, 34 },
	{ "SIGSTOP about to be delivered", CLD_TRAPPED, SIGSTOP, EVENT_SIGNAL, SIGSTOP },
	{ "interrupt", CLD_TRAPPED, PTRACE_EVENT_STOP << 8 | SIGTRAP, EVENT_PAUSED, SIGTRAP },
	{ "group stop", CLD_TRAPPED, PTRACE_EVENT_STOP << 8 | SIGSTOP, EVENT_GROUP_STOP, SIGSTOP },
	{ "group stop from a terminal", CLD_TRAPPED, PTRACE_EVENT_STOP << 8 | SIGTSTP, EVENT_GROUP_STOP, SIGTSTP },
	{ "group stop, reading", CLD_TRAPPED, PTRACE_EVENT_STOP << 8 | SIGTTIN, EVENT_GROUP_STOP, SIGTTIN },
	{ "group stop, writing", CLD_TRAPPED, PTRACE_EVENT_STOP << 8 | SIGTTOU, EVENT_GROUP_STOP, SIGTTOU },
	{ "clone", CLD_TRAPPED, PTRACE_EVENT_CLONE << 8 | SIGTRAP, EVENT_NEW_TASK, SIGTRAP },
	{ "fork", CLD_TRAPPED, PTRACE_EVENT_FORK << 8 | SIGTRAP, EVENT_NEW_TASK, SIGTRAP },
	{ "vfork", CLD_TRAPPED, PTRACE_EVENT_VFORK << 8 | SIGTRAP, EVENT_NEW_TASK, SIGTRAP },
	{ "exec", CLD_TRAPPED, PTRACE_EVENT_EXEC << 8 | SIGTRAP, EVENT_EXECED, SIGTRAP },
	{ "vfork done", CLD_TRAPPED, PTRACE_EVENT_VFORK_DONE << 8 | SIGTRAP, EVENT_OTHER, SIGTRAP },
	{ "exit event", CLD_TRAPPED, PTRACE_EVENT_EXIT << 8 | SIGTRAP, EVENT_OTHER, SIGTRAP },
	{ "untraced child, job control", CLD_STOPPED, SIGSTOP, EVENT_NONE, SIGSTOP },
	{ "continued", CLD_CONTINUED, SIGCONT, EVENT_NONE, SIGCONT },
};

static void wait_statuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		siginfo_t info;
		struct event event;

		memset(&info, 0, sizeof(info));
		info.si_code = cases[i].code;
		info.si_status = cases[i].status;
		info.si_pid = 42;
		event_decode(&info, &event);
		if (event.kind != cases[i].kind || event.value != cases[i].value || event.tid != 42)
			fail_msg("%s: kind %d, value %d", cases[i].what, event.kind, event.value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
