#!/usr/bin/env bash
# The presets on a real libvirtd: all of each is there, and what they record is
# what libvirt's own log says: whole QMP messages, with the monitor's address.
# With VIRTRACE_LIBVIRT_SUITE=bullseye on the libvirt of that release, see scripts/testbed.d/build.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

PRESETS=$ROOT/tracer/presets
start_testbed libvirtd --guests 2 --log '2:qemu.qemu_monitor'
LOG=$VIRTRACE_TESTBED_DIR/libvirt.log

# record_preset NAME COMMAND...: its calls while the command runs, as JSON.
record_preset() {
	local name=$1 status=0
	shift
	start_record "$WORK/said" -p "$DAEMON" --preset "$PRESETS/$name.ini" -o "$WORK/$name" ||
		give_up "preset $name can be recorded" "$WORK/said"
	succeeds "$name: the daemon answers" "$@"
	stop_record || status=$?
	is "$name: virtrace ends with status 0" 0 $status
	is "$name: everything in it is there" "" "$(grep -i 'warning' "$WORK/said" || true)"
	"$VIRTRACE" export -f jsonl "$WORK/$name" >"$WORK/$name.jsonl" ||
		give_up "$name: the trace can be exported"
}

calls() { jq -c "$1" "$WORK/$preset.jsonl"; }

ask_both() {
	local i
	for i in 1 2 3; do
		"$TESTBED" virsh domblkinfo demo vda
		"$TESTBED" virsh domblkinfo demo2 vda
	done
	# the longest reply there is
	"$TESTBED" virsh qemu-monitor-command demo '{"execute": "query-qmp-schema"}'
}

# What libvirt logs of messages: "... QEMU_MONITOR_RECV_REPLY: mon=0x7f.. reply={...}".
logged() { sed -n "s/.*$1: mon=\(0x[0-9a-f]*\) [a-z]*=\({.*}\).*/\1 \2/p" "$WORK/log" | tr -d '\r' | sort; }

preset=block-info-qmp
before=$(wc -c <"$LOG")
record_preset $preset ask_both
tail -c +$((before + 1)) "$LOG" >"$WORK/log"
logged QEMU_MONITOR_SEND_MSG >"$WORK/sent.logged"
logged QEMU_MONITOR_RECV_REPLY >"$WORK/received.logged"
calls 'select(.function == "qemuMonitorSend") | .entry' |
	jq -r '"\(.mon) \(.["msg->txBuffer"])"' | tr -d '\r' | grep . | sort >"$WORK/sent"
calls 'select(.function == "qemuMonitorJSONIOProcessLine") | .entry' |
	jq -r '"\(.mon) \(.line)"' | sort >"$WORK/received"
succeeds "messages were logged" test -s "$WORK/received.logged"
same "every request libvirt sent is recorded, whole" "$WORK/sent.logged" "$WORK/sent"
same "every reply libvirt received is recorded, whole" "$WORK/received.logged" "$WORK/received"
succeeds "also one of more than 100,000 characters" \
	awk 'length > 100000 { found = 1 } END { exit !found }' "$WORK/received"

preset=job-lock
build_client
record_preset $preset "$WORK/client" "$URI" demo vda 4 25
# The lock's functions and members as any libvirt names them.
lock='def begins: .function | endswith("ObjBeginJobInternal"); def ends: .function | endswith("ObjEndJob");
	def member(name): with_entries(select(.key | test("(->|[.])" + name + "$")))[];'
locks() { calls "$lock $1"; }
is "the lock was taken as often as it was let go" \
	"$(locks 'select(ends)' | wc -l)" "$(locks 'select(begins and .return["$ret"] == 0)' | wc -l)"
is "who got the lock holds it: all calls but those that did not" 0 \
	"$(locks 'select(begins and .return["$ret"] == 0 and (.return | member("owner")) != .tid)' | wc -l)"
is "it is held by the API that libvirt says" '"remoteDispatchDomainGetBlockInfo"' \
	"$(locks 'select(ends) | .entry | member("ownerAPI")' | sort -u)"
# While others waited for it, the holder's thread let it go before the waiter got it.
is "some waited for a lock that another thread held" true \
	"$(locks 'select(begins) | (.entry | member("owner")) as $holder | $holder != 0 and $holder != .tid' | sort -u | tail -n 1)"

preset=domain-lifecycle
life() {
	"$TESTBED" virsh suspend demo && "$TESTBED" virsh resume demo &&
		"$TESTBED" virsh destroy demo2 && "$TESTBED" virsh start demo2
}
record_preset $preset life
is "the states of a guest that is paused and goes on" \
	'"VIR_DOMAIN_RUNNING VIR_DOMAIN_PAUSED" "VIR_DOMAIN_PAUSED VIR_DOMAIN_RUNNING" ' \
	"$(calls 'select(.function == "virDomainObjSetState" and .entry["dom->def->name"] == "demo")
		| "\(.entry["(virDomainState)dom->state.state"]) \(.entry.state)"' | tr '\n' ' ')"
is "a guest that is ended and started anew: its end" '"VIR_DOMAIN_SHUTOFF_DESTROYED"' \
	"$(calls 'select(.function == "qemuProcessStop") | .entry.reason')"
is "and the process it has then" "$(cat "$VIRTRACE_TESTBED_DIR/var/run/libvirt/qemu/demo2.pid")" \
	"$(calls 'select(.function == "qemuProcessStart") | .return["vm->pid"]')"

finish
