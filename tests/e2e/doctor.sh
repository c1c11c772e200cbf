#!/usr/bin/env bash
# What `virtrace doctor` says about a daemon that can be traced, and about a
# program without debug information.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start_testbed libvirtd
LIBVIRT=$("$TESTBED" where)

build_id() { readelf -n "$1" | sed -n 's/.*Build ID: //p'; }

# doctor ARGUMENT...: prints its exit status, what it says is in $WORK/said.
doctor() {
	local status=0
	"$VIRTRACE" doctor --no-debuginfod "$@" >"$WORK/said" 2>&1 || status=$?
	echo $status
}

is "a daemon that can be traced: exit status" 0 "$(doctor -p "$DAEMON" --preset block-info)"
for module in libvirtd libvirt_driver_qemu.so libvirt.so.0; do
	id=$(build_id "$LIBVIRT/build/src/$module")
	matches "its $module has debug info, and the right build-id" \
		"ok .*${module//./\\.}.*build-id ${id:0:8}.*DWARF" "$WORK/said"
done
for function in virDomainGetBlockInfo qemuDomainGetBlockInfo qemuDomainBlocksStatsGather; do
	matches "$function is found" "function +ok +$function in " "$WORK/said"
done
matches "all is well" '^all is well' "$WORK/said"
succeeds "doctor leaves the daemon alone" untraced "$DAEMON"

sleep 1000 &
sleeper=$!
is "a stripped program: exit status" 1 "$(doctor -p $sleeper)"
matches "it is said to be stripped" 'NO .*sleep.*stripped' "$WORK/said"
matches "with the command that brings its debug info" \
	"debuginfod-find debuginfo $(build_id "$(command -v sleep)")" "$WORK/said"
kill $sleeper

finish
