#!/usr/bin/env bash
# virtrace selftest: it passes here, installed and stripped, as root and as an ordinary user; it fails when the victim is harmed; it
# leaves nothing behind. The harm is done by hand, by this script, to the victim of a run that is under way.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

export TMPDIR=$WORK/tmp
mkdir -m 777 "$TMPDIR"
chmod 711 "$WORK"

make -s -C "$ROOT" install BUILD="${BUILD:-build}" DESTDIR="$WORK/root" PREFIX=/usr >/dev/null
installed=$WORK/root/usr/bin/virtrace
strip "$installed"
is "the installed program is stripped" "" "$(readelf -SW "$installed" | grep -E '\.(symtab|debug_info)' || true)"

# Processes and files that a run has left. A guardian may outlive it by a moment.
victim=none
leftovers() {
	for _ in $(seq 200); do
		[ -n "$(find /run/virtrace -name "$victim.*")" ] || break
		sleep 0.01
	done
	find /run/virtrace -name "$victim.*"
	pgrep -f 'selftest --victim' | while read -r pid; do
		[ "$(readlink "/proc/$pid/exe")" != "$installed" ] || echo "process $pid"
	done
	find "$TMPDIR" -mindepth 1
}

# passes WHAT COMMAND...
passes() {
	local what=$1 status=0
	shift
	timeout 120 "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
	is "$what: exit status" 0 "$status"
	matches "$what: verdict" '^virtrace selftest: passed: [0-9]+ checks in [0-9.]+ s; ' "$WORK/out"
	is "$what: no line says FAILED, nothing on stderr" "" "$(grep FAILED "$WORK/out" || true)$(cat "$WORK/err")"
	is "$what: nothing is left behind" "" "$(leftovers)"
}

passes "the stripped program" "$installed" selftest --kill9 6
matches "calls are compared" '^trace +ok +[0-9]+ calls of 4 functions in 3 threads' "$WORK/out"
matches "as many kills as asked for" '^kill -9 +ok +6 times' "$WORK/out"
matches "the handler" '^handler +ok' "$WORK/out"
matches "the guardian" '^guardian +ok' "$WORK/out"

passes "the program with debug info" "$VIRTRACE" selftest --kill9 2
passes "without kills" "$installed" selftest --kill9 0
matches "without kills: it says so" 'was not tried' "$WORK/out"

mkdir -m 700 "$WORK/runtime"
chown nobody "$WORK/runtime"
as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups env "XDG_RUNTIME_DIR=$WORK/runtime")
if [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ]; then
	passes "an ordinary user" "${as_nobody[@]}" "$installed" selftest --kill9 3
else
	status=0
	"${as_nobody[@]}" "$installed" selftest >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
	is "an ordinary user where Yama forbids it: exit status" 5 "$status"
	matches "an ordinary user where Yama forbids it: message" 'ptrace_scope' "$WORK/err"
fi

# A guardian that may not trace virtrace, as under a stricter Yama: the kernel's answer to that one request is forged.
cat >"$WORK/refuse.c" <<'END'
#include <errno.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

long ptrace(enum __ptrace_request request, ...)
{
	va_list ap;

	va_start(ap, request);
	long pid = va_arg(ap, long), addr = va_arg(ap, long), data = va_arg(ap, long);
	va_end(ap);
	if (request == PTRACE_SEIZE && data == PTRACE_O_TRACEEXIT) {
		errno = EPERM;
		return -1;
	}
	return syscall(SYS_ptrace, (long)request, pid, addr, data);
}
END
"${CC:-gcc}" -shared -fPIC -o "$WORK/refuse.so" "$WORK/refuse.c"
passes "a guardian that may not trace" env LD_PRELOAD="$WORK/refuse.so" "$installed" selftest --kill9 0
matches "a guardian that may not trace: it says so" '^guardian +note +may not trace virtrace' "$WORK/out"

# start_run: a run that goes on for long; $run and $victim are its processes.
start_run() {
	"$installed" selftest --kill9 1000 >"$WORK/out" 2>"$WORK/err" </dev/null &
	run=$!
	for _ in $(seq 2000); do
		victim=$(pgrep -P "$run" -f 'selftest --victim' | head -n 1) || true
		[ -z "$victim" ] || ! grep -q '^kill\|^guardian' "$WORK/out" || return 0
		sleep 0.01
	done
	die "the run does not start"
}

# fails_with WHAT PATTERN: the run that was started fails, and says why.
fails_with() {
	local status=0
	wait "$run" || status=$?
	is "$1: exit status" 1 "$status"
	matches "$1: what is said" "$2" "$WORK/out"
	matches "$1: verdict" '^virtrace selftest: FAILED: 1 of [0-9]+ checks' "$WORK/out"
	is "$1: nothing is left behind" "" "$(leftovers)"
}

# An int3 in code of the program that the victim never comes to.
start_run
base=$(awk '$6 ~ /virtrace$/ { split($1, range, "-"); print range[1]; exit }' "/proc/$victim/maps")
entry=$(readelf -hW "$installed" | awk '/Entry point/ { print $NF }')
printf '\xcc' | dd of="/proc/$victim/mem" bs=1 seek=$((0x$base + entry)) conv=notrunc status=none
fails_with "a stray breakpoint" "FAILED a second later: $installed\+0x[0-9a-f]+ is cc, was [0-9a-f]{2}$"

start_run
kill -SEGV "$victim"
fails_with "a victim that dies" 'FAILED the traced process died of signal 11'

start_run
kill -STOP "$victim"
fails_with "a victim that hangs" 'FAILED a thread does not go on'

start_run
kill -INT "$run"
status=0
wait "$run" || status=$?
is "interrupted: exit status" 130 "$status"
is "interrupted: nothing is left behind" "" "$(leftovers)"

start_run
kill -KILL "$run"
{ wait "$run" || true; } 2>/dev/null
for _ in $(seq 500); do
	pgrep -f 'selftest --victim' | grep -qx "$victim" || break
	sleep 0.01
done
rm -rf "$TMPDIR"/virtrace-selftest-*
is "killed: the victim goes with it" "" "$(leftovers)"

"$installed" selftest --kill9 x >"$WORK/out" 2>"$WORK/err" && status=0 || status=$?
is "usage: exit status" 2 "$status"
matches "usage: message" '--kill9 needs a number' "$WORK/err"
finish
