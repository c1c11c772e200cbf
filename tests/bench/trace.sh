# Work "trace": how long it takes to print a trace of a million calls, and the
# memory for that, beside babeltrace2, which knows nothing of calls.
# shellcheck shell=bash

TRACE_CALLS=${TRACE_CALLS:-1000000}
TRACE_ROUNDS=${TRACE_ROUNDS:-3}

# Records the hot victim for as long as it takes.
trace_make() {
	say "recording $TRACE_CALLS calls"
	launch "$VICTIM"
	rm -rf "$WORK/trace"
	run "$VIRTRACE" record -q -p "$victim_pid" -o "$WORK/trace" \
		-c "$TRACE_CALLS" --preset "$BENCH/hot.d/virtrace"
	tool=$!
	wait_until $READY_SECONDS planted "$victim_pid" "$victim_function" || die "virtrace does not start: $(excuse)"
	calls=0
	while kill -0 $tool 2>/dev/null; do
		ask 4 1
	done
	detach
	end_victim
}

# trace_print NAME COMMAND...
trace_print() {
	local seconds kb
	/usr/bin/time -o "$WORK/time" -f '%e %M' "${@:2}" >/dev/null 2>"$WORK/err" || die "$1 failed: $(cat "$WORK/err")"
	read -r seconds kb <"$WORK/time"
	result trace "$1" seconds "$seconds"
	result trace "$1" memory "$(calc "$kb / 1024")"
}

work_trace() {
	local round
	trace_make
	for ((round = 1; round <= TRACE_ROUNDS; round++)); do
		say "trace, round $round of $TRACE_ROUNDS"
		trace_print babeltrace2 babeltrace2 "$WORK/trace"
		trace_print "virtrace report" "$VIRTRACE" report "$WORK/trace"
		trace_print "virtrace export" "$VIRTRACE" export -f jsonl "$WORK/trace"
	done
}
