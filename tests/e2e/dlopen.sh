#!/usr/bin/env bash
# Libraries that are loaded while virtrace records.  Searching one takes as long as the disk does, and here the disk stands still:
# all other calls go on and are recorded meanwhile, the thread in dlopen() is held as long as it may be, and whatever the process
# does then, it comes to no harm.  The process itself counts what it does.
# shellcheck disable=SC2016
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# An order to the process; prints its answer.
tell() {
	local answer
	echo "$1" >&"${LOADS[1]}"
	read -t 60 -r answer <&"${LOADS[0]}"
	echo "$answer"
}

stop_disk() {
	rm -f "$WORK/stopped.reached"
	touch "$WORK/stopped"
}
start_disk() { rm -f "$WORK/stopped"; }
reached() { [ -e "$WORK/stopped.reached" ]; }
loaded() { [ "$(tell loaded)" = "$1" ]; }
has_called() { [ "$(tell calls)" -ge "$1" ]; }
said() { grep -q -e "$1" "$WORK/said"; }

# begin TRACE OPTION...: a process with a hot thread, and a recording of it for which the disk stands still
begin() {
	local line trace=$1
	shift
	coproc LOADS { exec "$WORK/loads"; }
	loads=$LOADS_PID
	read -r line <&"${LOADS[0]}"
	[ "$line" = ready ]
	checksum=$(text_checksum "$loads")
	stop_disk
	LD_PRELOAD=$WORK/stopped_file.so STOPPED=$WORK/stopped STOPPED_NAME=_plug.so start_record "$WORK/said" -p "$loads" \
		-e 'hot n => $ret' -e 'one_plug.so!plug_one n' -e 'two_plug.so!plug_two n' -o "$WORK/$trace" "$@" ||
		give_up "$trace" "$WORK/said"
	tell go >/dev/null
}

# goes_on WHAT: calls are made, though the search of a library does not end
goes_on() {
	succeeds "$1: the library is being searched" wait_until 60 reached
	local now
	now=$(tell calls)
	succeeds "$1: the other thread goes on" wait_until 60 has_called $((now + 5000))
}

# quit WHAT: the process ends by itself, with its text as it was
quit() {
	tell unload >/dev/null
	is "$1: its text is as it was" "$checksum" "$(text_checksum "$loads")"
	echo quit >&"${LOADS[1]}"
	succeeds "$1: the process ends well" wait "$loads"
}

# of a function; that of a library that was loaded once more has another name
entries() { babeltrace2 "$WORK/$1" 2>/dev/null | grep -v ':return: ' | grep -c " [^ ]*\<$2\>[^ ]*: {" || true; }

# is_exact WHAT TRACE: each call of hot() is in the trace or lost, whole or what it returned, and told so
is_exact() {
	local calls lost cut
	read -r calls lost _ <<<"$(grep '  hot$' "$WORK/said")"
	cut=$(babeltrace2 "$WORK/$2" 2>/dev/null | grep -c ' virtrace:closed: .*"lost"' || true)
	is "$1: the summary tells the calls that are in the trace" "$(entries "$2" hot)" "$calls"
	is "$1: each call of the other thread is in the trace or lost" "$total" $((calls + lost - cut))
}

gcc -O1 -g -rdynamic -o "$WORK/loads" "$ROOT/tests/e2e/loads.c" -lpthread
gcc -O1 -g -shared -fPIC -DPLUG=plug_one -o "$WORK/one_plug.so" "$ROOT/tests/e2e/plug.c"
gcc -O1 -g -shared -fPIC -DPLUG=plug_two -o "$WORK/two_plug.so" "$ROOT/tests/e2e/plug.c"
gcc -O1 -shared -fPIC -D_GNU_SOURCE -o "$WORK/stopped_file.so" "$ROOT/tests/e2e/stopped_file.c"

# held as long as it takes, longer than the guardian waits for a tracer that hangs; another dlopen() comes meanwhile
begin held.trace --max-pause 0
tell "load $WORK/one_plug.so" >/dev/null
goes_on held
tell "load $WORK/two_plug.so" >/dev/null
sleep 3
goes_on "held for long"
is "held: dlopen() has not returned" 0 "$(tell loaded)"
is "held: no constructor has run" 0 "$(tell plugs)"
start_disk
succeeds "held: dlopen() returns" wait_until 60 loaded 2
tell "call 10" >/dev/null
total=$(tell stop)
plugs=$(tell plugs)
stop_record || failed "held: virtrace ends well"
is "held: constructors and calls" $((2 * (3 + 10))) "$plugs"
is "held: all of one are recorded" 13 "$(entries held.trace plug_one)"
is "held: all of the other" 13 "$(entries held.trace plug_two)"
matches "held: nothing is missing" "armed plug_one in one_plug.so, which was just loaded$" "$WORK/said"
is_exact held held.trace
quit held

# not held for longer than --max-pause (a second, as on a busy machine a hit may take long); the next library, and the end of the
# first one, come before that has been searched
begin late.trace --max-pause 1000
tell "load $WORK/one_plug.so" >/dev/null
goes_on late
succeeds "late: dlopen() returns" wait_until 60 loaded 1
tell "load $WORK/two_plug.so" >/dev/null
succeeds "late: the next one too" wait_until 60 loaded 2
start_disk
succeeds "late: the library is armed" wait_until 60 said "armed plug_one in one_plug.so, which was just loaded; its first calls may be missing"
succeeds "late: the next one too" wait_until 60 said "armed plug_two in two_plug.so, which was just loaded; its first calls may be missing"
tell "call 10" >/dev/null
stop_disk
tell unload >/dev/null
tell "load $WORK/one_plug.so" >/dev/null
succeeds "the same again: dlopen() returns, nothing is searched" wait_until 60 loaded 1
tell unload >/dev/null
cp "$WORK/one_plug.so" "$WORK/other"
mv "$WORK/other" "$WORK/one_plug.so"
tell "load $WORK/one_plug.so" >/dev/null
goes_on "late again"
succeeds "late again: dlopen() returns" wait_until 60 loaded 1
tell unload >/dev/null
start_disk
succeeds "gone: that is said" wait_until 60 said "waiting for plug_one: its library was just unloaded"
tell "load $WORK/one_plug.so" >/dev/null
succeeds "back: dlopen() returns" wait_until 60 loaded 1
tell "call 10" >/dev/null
total=$(tell stop)
stop_record || failed "late: virtrace ends well"
is "late: calls from then on are recorded" 10 "$(entries late.trace plug_two)"
is "the same again, and back: those of the constructor too" $((10 + 3 + 3 + 10)) "$(entries late.trace plug_one)"
is_exact late late.trace
quit late

# Ctrl-C while a thread is held
begin stopped.trace --max-pause 0
tell "load $WORK/one_plug.so" >/dev/null
goes_on interrupted
kill -INT "$recorder"
succeeds "interrupted: dlopen() returns" wait_until 60 loaded 1
succeeds "interrupted: the process is free" wait_until 60 untraced "$loads"
succeeds "interrupted: virtrace says what it waits for" wait_until 60 said "is free; a library it has loaded is still being searched"
start_disk
stop_record || failed "interrupted: virtrace ends well"
tell stop >/dev/null
quit interrupted

# The process ends, or is another one, while a thread is held.
for end in exit exec kill; do
	begin $end.trace --max-pause 0
	tell "load $WORK/one_plug.so" >/dev/null
	goes_on $end
	if [ $end = kill ]; then kill -KILL "$loads"; else echo $end >&"${LOADS[1]}"; fi
	status=0
	wait "$loads" || status=$?
	is "$end: the process ends as it would" "$(case $end in exit) echo 7 ;; exec) echo 0 ;; kill) echo 137 ;; esac)" $status
	start_disk
	status=0
	wait "$recorder" || status=$?
	recorder=
	is "$end: virtrace says that it has" 3 $status
	succeeds "$end: the trace can be read" "$VIRTRACE" report "$WORK/$end.trace"
done
finish
