# Work "trace": what it costs to print a trace of a million calls (of the three
# functions of block-info, made by tests/review/generate), beside babeltrace2, which
# knows nothing of calls. CPU time, as all of them are one thread.
# shellcheck shell=bash

TRACE_CALLS=${TRACE_CALLS:-1000000}
TRACE_ROUNDS=3

# trace_print NAME COMMAND...
trace_print() {
	local user system kb
	/usr/bin/time -o "$WORK/time" -f '%U %S %M' "${@:2}" >/dev/null 2>"$WORK/err" || die "$1 failed: $(cat "$WORK/err")"
	read -r user system kb <"$WORK/time"
	result trace "$1" seconds "$(calc "$user + $system")"
	result trace "$1" memory "$(calc "$kb / 1024")"
}

work_trace() {
	local round
	rm -rf "$WORK/trace"
	"$ROOT/$BUILD/tests/review/generate" "$WORK/trace" "$TRACE_CALLS"
	for ((round = 1; round <= TRACE_ROUNDS; round++)); do
		say "trace, round $round of $TRACE_ROUNDS"
		trace_print babeltrace2 babeltrace2 "$WORK/trace"
		trace_print "virtrace report" "$VIRTRACE" report "$WORK/trace"
		trace_print "virtrace export" "$VIRTRACE" export -f jsonl "$WORK/trace"
	done
}
