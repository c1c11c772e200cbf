#!/usr/bin/env bash
# What `virtrace list` says about a real daemon: static functions of dlopened
# plugins, where they are in the source, and types with their offsets.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start_testbed libvirtd
LIBVIRT=$("$TESTBED" where)

list() { "$VIRTRACE" list "$@" >"$WORK/out" 2>"$WORK/err" || true; }

# The line of the source on which the function's name stands.
line_of() { grep -n "^$1(" "$LIBVIRT/source/src/$2" | cut -d : -f 1; }

list -p "$DAEMON" qemuDomainBlocksStatsGather
matches "a static function of a plugin is listed" qemuDomainBlocksStatsGather "$WORK/out"
matches "with its module" 'libvirt_driver_qemu\.so' "$WORK/out"
matches "with its place in the source" \
	"qemu_driver\.c:$(line_of qemuDomainBlocksStatsGather qemu/qemu_driver.c)" "$WORK/out"
matches "with its prototype" 'qemuBlockStats \*\*retstats' "$WORK/out"

list -p "$DAEMON" 'virDomainGetBlock*'
for function in virDomainGetBlockInfo virDomainGetBlockIoTune virDomainGetBlockJobInfo; do
	matches "a pattern lists $function" "$function" "$WORK/out"
done

list "$LIBVIRT/build/src/libvirt_driver_qemu.so" qemuDomainGetBlockInfo
matches "a file is listed as well" \
	"qemu_driver\.c:$(line_of qemuDomainGetBlockInfo qemu/qemu_driver.c)" "$WORK/out"

list -p "$DAEMON" --types qemuBlockStats
matches "a type is printed with its size" '(^|[^0-9])104([^0-9]|$)' "$WORK/out"
matches "with all members" write_threshold "$WORK/out"
matches "and their offsets" 'wr_highest_offset;.*[^0-9]80 +8[^0-9]' "$WORK/out"

status=0
"$VIRTRACE" list -p "$DAEMON" qemuDomainBlocksStatsGathr >"$WORK/out" 2>"$WORK/err" || status=$?
is "an unknown function: exit status" 4 $status
matches "which says so" '^virtrace: .*qemuDomainBlocksStatsGathr' "$WORK/err"

finish
