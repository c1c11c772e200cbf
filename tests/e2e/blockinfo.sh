#!/usr/bin/env bash
# The main job on the real thing: every block-info call that concurrent clients
# make of a busy daemon is recorded, nested, and with the very values that the
# clients received; and the daemon is afterwards what it was before.
#
#	tests/e2e/blockinfo.sh [libvirtd|virtqemud]
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

THREADS=4
CALLS=500
TOTAL=$((THREADS * CALLS))

fact() { jq -r ".$1" "$WORK/facts"; }

start_testbed "${1:-libvirtd}"
build_client
"$WORK/client" "$URI" demo vda 1 10 >"$WORK/warm" 2>&1 || give_up "the daemon answers" "$WORK/warm"
text_checksum "$DAEMON" >"$WORK/text.before"

start_record "$WORK/said" -p "$DAEMON" -o "$WORK/trace" ||
	give_up "virtrace starts to record" "$WORK/said"
succeeds "all $TOTAL calls of $THREADS clients succeed while recorded" \
	"$WORK/client" -o "$WORK/client.calls" "$URI" demo vda $THREADS $CALLS
status=0
stop_record || status=$?
is "virtrace ends with status 0 on Ctrl-C" 0 $status
matches "nothing is lost" '(^|[^0-9])(lost 0|0 lost)([^0-9]|$)' "$WORK/said"
is "the trace is its owner's alone" 700 "$(stat -c %a "$WORK/trace")"

succeeds "the daemon is alive" alive "$DAEMON"
succeeds "the daemon is not traced any more" untraced "$DAEMON"
text_checksum "$DAEMON" >"$WORK/text.after"
same "the daemon's text is what it was" "$WORK/text.before" "$WORK/text.after"
succeeds "the daemon answers after the recording" "$WORK/client" "$URI" demo vda 2 20

succeeds "babeltrace2 reads the trace" babeltrace2 "$WORK/trace" --output "$WORK/events"
is "it has an entry and a return of every call" $((TOTAL * 3 * 2)) \
	"$(grep -vc ' virtrace:' "$WORK/events" || true)"

"$VIRTRACE" export -f jsonl "$WORK/trace" >"$WORK/calls.jsonl" 2>"$WORK/export.err" ||
	give_up "the trace can be exported" "$WORK/export.err"
jq --slurp -f "$E2E/blockinfo.jq" "$WORK/calls.jsonl" >"$WORK/facts" 2>"$WORK/jq.err" ||
	give_up "the exported calls have the documented members" "$WORK/jq.err"

is "nothing but the three functions' calls is there" $((TOTAL * 3)) "$(fact objects)"
is "every call has a number of its own" $((TOTAL * 3)) "$(fact unique_ids)"
is "virDomainGetBlockInfo is recorded $TOTAL times" $TOTAL "$(fact calls)"
is "each called qemuDomainGetBlockInfo once" $TOTAL "$(fact with_one_driver_call)"
is "which called qemuDomainBlocksStatsGather once" $TOTAL "$(fact with_one_stats_call)"
is "all three returned" $TOTAL "$(fact returned)"
is "the outer two returned 0" $TOTAL "$(fact ret_is_0)"
is "the inner one returned how many statistics it filled in" $TOTAL "$(fact ret_is_count)"
is "all three ran on one thread" $TOTAL "$(fact same_thread)"
is "an inner call lies within the outer one's time" $TOTAL "$(fact nested_in_time)"
is "an inner call is one deeper than the outer one" $TOTAL "$(fact depth_grows)"
is "the domain's name is recorded" $TOTAL "$(fact domain_named)"
is "the disk's name is recorded" $TOTAL "$(fact disk_named)"
is "*info is the same at both outer levels" $TOTAL "$(fact info_passed_up)"
is "its allocation is the physical of **retstats, as the image is qcow2" $TOTAL \
	"$(fact allocation_is_physical_of_stats)"
is "its capacity is the capacity of **retstats" $TOTAL "$(fact capacity_is_capacity_of_stats)"
is "wr_highest_offset moved meanwhile" true "$(fact offset_moves)"

jq -r 'select(.function == "virDomainGetBlockInfo") | .return["*info"]
	| "\(.capacity) \(.allocation) \(.physical)"' "$WORK/calls.jsonl" | sort >"$WORK/recorded.values"
cut -d ' ' -f 5-7 "$WORK/client.calls" | sort >"$WORK/client.values"
same "the recorded values are those the clients received" "$WORK/client.values" "$WORK/recorded.values"

finish
