#!/usr/bin/env bash
# Where disk sizes come from, on a real libvirtd with three guests that write to
# their disks and are asked at the same time: `virtrace explain` must name the
# place in the QMP reply that libvirt's source reads, of the right guest, and
# what it names must be in that reply. For guests that are off there is no QMP.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

CALLS=6 # of each guest
GUESTS="demo demo2 demo3"
MEMBERS="capacity allocation physical"

start_testbed libvirtd --guests 3
build_client

record() {
	start_record "$WORK/said" -p "$DAEMON" --preset block-info-qmp -o "$WORK/$1" ||
		give_up "virtrace starts to record" "$WORK/said"
}

stop() {
	local status=0
	stop_record || status=$?
	is "$1: virtrace ends with status 0" 0 $status
	"$VIRTRACE" export -f jsonl "$WORK/$1" >"$WORK/$1.jsonl" || give_up "$1: the trace can be exported"
}

# ids TRACE: of the calls of virDomainGetBlockInfo.
ids() { jq -r 'select(.function == "virDomainGetBlockInfo") | .id' "$WORK/$1.jsonl"; }

# explain_all TRACE: all members of all calls, one JSON object a line.
explain_all() {
	local id member
	for id in $(ids "$1"); do
		for member in $MEMBERS; do
			"$VIRTRACE" explain --json "$WORK/$1" "#$id.info->$member" ||
				give_up "$1: #$id.info->$member can be explained"
		done
	done >"$WORK/$1.explained"
}

ask_all() {
	local guest pids=()
	for guest in $GUESTS; do
		"$WORK/client" "$URI" "$guest" vda 1 $CALLS >"$WORK/$guest.said" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
}

record running
succeeds "all guests are asked at once" ask_all
stop running
explain_all running
is "every call is there" $((CALLS * 3)) "$(ids running | wc -l)"

# The same lines from explain as from the rules.
jq -rn --slurpfile calls "$WORK/running.jsonl" -f "$E2E/explain.jq" | sort >"$WORK/expected"
jq -r --slurpfile calls "$WORK/running.jsonl" '
	(INDEX($calls[]; .id)) as $by_id
	| .steps[-1] as $last
	| ($last.received_by // $last.call) as $holder
	| "\(.call) \(.path | sub("info->"; "")): \($by_id[.call | tostring].entry["domain->name"])"
	+ " \($last.command // $last.function) \($last.path) \($holder)"' "$WORK/running.explained" |
	sort >"$WORK/explained"
is "there is a rule for every value" $((CALLS * 9)) "$(wc -l <"$WORK/expected")"
same "explain names the place libvirt's source reads" "$WORK/expected" "$WORK/explained"
succeeds "among them places in two kinds of reply, and the image file's own size" sh -c \
	"grep -q query-named-block-nodes '$WORK/expected' && grep -q query-blockstats '$WORK/expected' &&
	grep -q st_size '$WORK/expected'"

is "none is more than very likely, none less than likely" '"likely" "very likely" ' \
	"$(jq '.steps[].trust' "$WORK/running.explained" | sort -u | tr '\n' ' ')"
is "the steps go back in time" true \
	"$(jq -s 'all([.time_ns, .steps[].time_ns] | . == (sort | reverse))' "$WORK/running.explained")"
is "what is named is in the reply, with that very number" 0 \
	"$(jq --slurpfile calls "$WORK/running.jsonl" '
		(INDEX($calls[]; .id)) as $by_id
		| .value as $value
		| .steps[] | (., .rivals[]) | select(.at == "reply")
		| ($by_id[.received_by | tostring].entry.line | fromjson) as $reply
		| [.path | scan("[a-z_-]+|[0-9]+") | if test("^[0-9]") then tonumber else . end] as $path
		| select(($reply | getpath($path) | tostring) != $value or $reply.id != .id)' \
		"$WORK/running.explained" | wc -l)"
is "no step and no rival is of another guest" 0 \
	"$(jq --slurpfile calls "$WORK/running.jsonl" '
		(INDEX($calls[]; .id)) as $by_id
		| $by_id[.call | tostring].entry["domain->name"] as $guest
		| .steps[] | (., .rivals[])
		| if .at == "reply" then $by_id[.received_by | tostring].entry["mon->vm->def->name"]
		  else ($by_id[.call | tostring] | .entry["domain->name"] // .entry["mon->vm->def->name"] // $guest) end
		| select(. != $guest)' "$WORK/running.explained" | wc -l)"
is "although their requests have the same numbers" true \
	"$(jq -s '[.[] | select(.function == "qemuMonitorSend")
		| { mon: .entry.mon, id: (.entry["msg->txBuffer"] | rtrimstr("\r\n") | fromjson | .id) }]
		| group_by(.id) | any(map(.mon) | unique | length > 1)' "$WORK/running.jsonl")"

id=$(ids running | head -n 1)
status=0
"$VIRTRACE" explain "$WORK/running" "#$id.\$ret" >"$WORK/out" 2>&1 || status=$?
is "a 0 leads nowhere: exit status" 1 $status
matches "and says why" 'prove nothing' "$WORK/out"

"$VIRTRACE" explain "$WORK/running" "#$id.info->capacity" >"$WORK/out" 2>&1
matches "a person sees what it is" "^info->capacity at the return of #$id virDomainGetBlockInfo = [0-9]+$" "$WORK/out"
matches "the place in the reply" '^<-  return\[[0-9]+\]\.image\.virtual-size of the reply to QMP query-named-block-nodes, id libvirt-[0-9]+$' "$WORK/out"
matches "and that it is no proof" 'not proof' "$WORK/out"

"$VIRTRACE" report "$WORK/running" "#$id" >"$WORK/out" 2>&1
matches "a report has a message in a line" 'qemuMonitorSend\(.*QMP query-blockstats -> [0-9]+ bytes, [0-9]+ ns' "$WORK/out"
"$VIRTRACE" report -v "$WORK/running" "#$id" >"$WORK/out" 2>&1
matches "and whole with -v" '^ *"wr_highest_offset": [0-9]+,$' "$WORK/out"

# Guests that are off: libvirt looks at the files.
for guest in demo demo2; do
	"$TESTBED" virsh destroy $guest >/dev/null
done
record off
for guest in demo demo2; do
	succeeds "$guest, which is off, is asked" "$TESTBED" virsh domblkinfo $guest vda
done
stop off
explain_all off
jq -r --slurpfile calls "$WORK/off.jsonl" '
	(INDEX($calls[]; .id)) as $by_id
	| .steps[-1] as $last
	| "\($by_id[.call | tostring].entry["domain->name"]) \(.path | sub("info->"; "")) \(.value) \($last.function) \($last.path)"' \
	"$WORK/off.explained" | sort >"$WORK/explained"
image() { echo "$VIRTRACE_TESTBED_DIR/images/$1"; }
sort >"$WORK/expected" <<-END
	demo allocation $(($(stat -c %b "$(image demo.qcow2)") * 512)) virStorageSourceUpdateBackingSizes src->allocation
	demo capacity $((2 << 30)) virStorageSourceUpdateCapacity src->capacity
	demo physical $(stat -c %s "$(image demo.qcow2)") virStorageSourceUpdateBackingSizes sb->st_size
	demo2 allocation $(($(stat -c %b "$(image demo2.raw)") * 512)) virStorageSourceUpdateBackingSizes src->allocation
	demo2 capacity $((256 << 20)) virStorageSourceUpdateBackingSizes sb->st_size
	demo2 physical $(stat -c %s "$(image demo2.raw)") virStorageSourceUpdateBackingSizes sb->st_size
END
same "of guests that are off the files' own sizes are named" "$WORK/expected" "$WORK/explained"

finish
