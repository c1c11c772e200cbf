#!/usr/bin/env bash
# The first instruction of every function of libvirt and its QEMU driver, run at
# its place and in a slot: registers, flags, memory and faults are the same.
#
#	tests/e2e/entries.sh
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

src=$("$ROOT/scripts/testbed" where)/build/src
for library in "$src/libvirt.so.0" "$src/libvirt_driver_qemu.so"; do
	succeeds "entries of ${library##*/}" env VIRTRACE_LIBRARY="$library" CMOCKA_TEST_FILTER=every_entry \
		"$ROOT/$BUILD/tests/unit/probe/test_insn"
	grep 'entries executed' "$WORK/out" | note
done
finish
