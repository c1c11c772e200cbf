#!/usr/bin/env bash
# virtrace is killed, over and over, while clients keep a real libvirtd busy:
# not one of their calls fails, and the daemon is afterwards what it was before.
#
#	tests/e2e/kill9.sh [KILLS]
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

KILLS=${1:-10}
THREADS=4

start_testbed libvirtd
build_client
"$WORK/client" "$URI" demo vda 1 10 >"$WORK/warm" 2>&1 || give_up "the daemon answers" "$WORK/warm"
text_checksum "$DAEMON" >"$WORK/text.before"

# For as long as it takes; SIGTERM ends it, see below.
"$WORK/client" -s 600 -o "$WORK/client.calls" "$URI" demo vda $THREADS 1000000 2>"$WORK/client.said" &
client=$!

text_is_clean() { text_checksum "$DAEMON" | cmp -s - "$WORK/text.before"; }
journal_gone() { ! ls /run/virtrace/"$DAEMON".* >/dev/null 2>&1; }
has_calls() { [ "$(babeltrace2 "$WORK/trace" 2>/dev/null | grep -c 'virDomainGetBlockInfo:return')" -gt 0 ]; }

dirty=0
unreadable=0
empty=0
slow=0
for ((i = 0; i < KILLS; i++)); do
	start_record "$WORK/said" --force -p "$DAEMON" -o "$WORK/trace" ||
		give_up "virtrace starts to record, kill $i" "$WORK/said"
	sleep "0.$((RANDOM % 9))" # a random moment
	kill -KILL "$recorder"
	wait "$recorder" 2>/dev/null || true
	recorder=
	wait_until 1 text_is_clean || dirty=$((dirty + 1))
	wait_until 5 journal_gone || slow=$((slow + 1))
	babeltrace2 "$WORK/trace" --output "$WORK/events" 2>/dev/null || unreadable=$((unreadable + 1))
	grep -q 'virDomainGetBlockInfo:return' "$WORK/events" || empty=$((empty + 1))
	kill -0 "$client" 2>/dev/null || break
done
succeeds "the daemon is alive after $i kills" alive "$DAEMON"
is "$KILLS kills were made" "$KILLS" "$i"
is "the daemon's text is what it was within a second, each time" 0 $dirty
is "the guardian has put its journal away, each time" 0 $slow
is "the trace is readable, each time" 0 $unreadable
[ $empty -lt $((KILLS / 2 + 1)) ] && passed "calls were recorded meanwhile ($empty of $KILLS traces are empty)" ||
	failed "calls were recorded meanwhile ($empty of $KILLS traces are empty)"
succeeds "the daemon is not traced any more" untraced "$DAEMON"

kill -TERM "$client"
status=0
wait "$client" || status=$?
is "the client stopped when it was asked to" 0 $status
is "not one of its $(wc -l <"$WORK/client.calls") calls failed" 0 \
	"$(awk '$4 != 0' "$WORK/client.calls" | wc -l)"

start_record "$WORK/said" --force -p "$DAEMON" -o "$WORK/trace" || give_up "virtrace records again" "$WORK/said"
status=0
stop_record || status=$?
is "an undisturbed recording ends well" 0 $status
is "SIGTRAP is the daemon's own again" 0 \
	$((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$DAEMON/status") >> 4 & 1))
succeeds "the daemon answers afterwards" "$WORK/client" "$URI" demo vda 2 20
finish
