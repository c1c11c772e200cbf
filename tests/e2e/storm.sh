#!/usr/bin/env bash
# Calls as fast as a process can make them.  A trace that cannot be written as fast: the process goes on, and what is not in the
# trace is counted exactly.  Functions that cost too much: they are left alone, and that is said.
# shellcheck disable=SC2016
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

THREADS=4

# An order to the victim; prints its answer.
tell() {
	local answer
	echo "$1" >&"${STORM[1]}"
	read -r answer <&"${STORM[0]}"
	echo "$answer"
}

start_storm() {
	local line
	coproc STORM { exec "$WORK/storm" $THREADS; }
	storm=$STORM_PID
	read -r line <&"${STORM[0]}"
	[ "$line" = ready ]
}

end_storm() {
	echo quit >&"${STORM[1]}"
	wait "$storm"
}

has_called() { [ "$(tell count)" -ge "$1" ]; }

# check_exact WHAT TRACE: each call is in the trace or counted, in the summary, by babeltrace2 and by report.
check_exact() {
	local what=$1 trace=$2 entries returns cut calls lost discarded
	babeltrace2 "$trace" >"$WORK/events" 2>"$WORK/warnings"
	entries=$(grep -c ' hot: ' "$WORK/events" || true)
	returns=$(grep -c ' hot:return: ' "$WORK/events" || true)
	cut=$(grep -c ' virtrace:closed: .*"lost"' "$WORK/events" || true)
	read -r calls lost _ <<<"$(grep '  hot$' "$WORK/said")"
	is "$what: the summary tells the calls that are in the trace" "$entries" "$calls"
	is "$what: each call is in the trace or lost, whole or what it returned" "$total" $((entries + lost - cut))
	is "$what: none stays open" "$entries" $((returns + cut))
	discarded=$(sed -n 's/.*discarded \([0-9]*\) event.*/\1/p' "$WORK/warnings" | awk '{ n += $1 } END { print n + 0 }')
	is "$what: babeltrace2 says how many are lost" "$lost" "$discarded"
	"$VIRTRACE" report "$trace" >"$WORK/report"
	matches "$what: report says how many are lost" "^# $entries calls, $lost lost" "$WORK/report"
}

gcc -O1 -g -o "$WORK/storm" "$ROOT/tests/e2e/storm.c" -lpthread
gcc -O1 -shared -fPIC -D_GNU_SOURCE -o "$WORK/stopped_disk.so" "$ROOT/tests/e2e/stopped_disk.c"

# a disk that stops
start_storm
touch "$WORK/stopped"
LD_PRELOAD=$WORK/stopped_disk.so STOPPED_DISK=$WORK/stopped start_record "$WORK/said" -p "$storm" \
	-e 'hot n => $ret' --buffer 1 -o "$WORK/stopped.trace" || give_up "stopped disk" "$WORK/said"
tell go >/dev/null
succeeds "stopped disk: the process goes on" wait_until 60 has_called 30000
rm "$WORK/stopped"
now=$(tell count)
succeeds "stopped disk: and goes on" wait_until 60 has_called $((now + 5000))
total=$(tell stop)
stop_record
end_storm
check_exact "stopped disk" "$WORK/stopped.trace"
matches "stopped disk: it is said" "warning: some calls are lost: calls came faster than they could be written" "$WORK/said"
matches "stopped disk: some are lost" "^# lost [1-9][0-9]* of hot: calls came faster" "$WORK/report"

# enough of everything
start_storm
start_record "$WORK/said" -p "$storm" -e 'hot n => $ret' -o "$WORK/whole.trace" || give_up "nothing lost" "$WORK/said"
tell go >/dev/null
succeeds "nothing lost: the process goes on" wait_until 60 has_called 5000
total=$(tell stop)
stop_record
end_storm
is "nothing lost: none is" 0 "$(awk '$NF == "hot" { print $2 }' "$WORK/said")"
check_exact "nothing lost" "$WORK/whole.trace"

# too many hits
start_storm
start_record "$WORK/said" -p "$storm" -e 'hot n' -e 'cool n' --max-rate 100 -o "$WORK/rate.trace" ||
	give_up "max-rate" "$WORK/said"
tell go >/dev/null
succeeds "max-rate: it is told" wait_until 60 grep -q 'warning: hot is disarmed for a while: more than 100 hits' "$WORK/said"
succeeds "max-rate: it is in the trace already" wait_until 60 jq -e '.disarmed[0].function == "hot"' \
	"$WORK/rate.trace/.virtrace/info.json"
now=$(tell count)
succeeds "max-rate: the process goes on" wait_until 60 has_called $((now + 1000000))
tell stop >/dev/null
stop_record || true
end_storm
"$VIRTRACE" report "$WORK/rate.trace" >"$WORK/report"
matches "max-rate: report tells it" "^# hot was disarmed: more than 100 hits in a second" "$WORK/report"
matches "max-rate: the summary tells it" " hot  disarmed: more than 100" "$WORK/said"
times=$(sed -n 's/.* hot  disarmed: .*; \([0-9]*\) times*, .*/\1/p' "$WORK/said")
is "max-rate: it is said each time" "$times" "$(grep -c 'warning: hot is disarmed' "$WORK/said")"
is "max-rate: at most so many were recorded" 1 "$(awk -v most=$((100 * times)) '/^ *[0-9]+ .* hot / { print ($1 <= most) }' "$WORK/report")"

# hits that take too long: virtrace itself is stopped in the middle of them, sooner or later
over_pause() {
	kill -STOP "$recorder"
	sleep 0.01
	kill -CONT "$recorder"
	grep -q 'warning: hot is disarmed for a while: 5 hits in 10 s held a thread' "$WORK/said"
}
start_storm
start_record "$WORK/said" -p "$storm" -e 'hot n' --max-pause 5 -o "$WORK/pause.trace" || give_up "max-pause" "$WORK/said"
tell go >/dev/null
succeeds "max-pause: it is told" wait_until 60 over_pause
now=$(tell count)
succeeds "max-pause: the process goes on" wait_until 60 has_called $((now + 1000000))
tell stop >/dev/null
stop_record || true
end_storm
"$VIRTRACE" report "$WORK/pause.trace" >"$WORK/report"
matches "max-pause: report tells it" "^# hot was disarmed: 5 hits in 10 s held a thread for more than 5 ms, up to [0-9.]* ms \(--max-pause\); " \
	"$WORK/report"

finish
