# Work "blockinfo": virDomainGetBlockInfo of a real libvirtd with a guest, called
# by 1 and by 4 clients, three functions recorded. Measured by the clients: the
# median of their calls.
# shellcheck shell=bash

BLOCKINFO_SECONDS=2
BLOCKINFO_TOOLS=(untraced virtrace perf bpftrace ltrace dprintf gdb)
ENOUGH_CALLS=1000000

# address_of FILE FUNCTION: where the daemon has it.
address_of() {
	local base offset
	base=$(awk -v file="$1" '$6 == file { sub("-.*", "", $1); print $1; exit }' "/proc/$DAEMON/maps")
	offset=$(nm "$1" | awk -v name="$2" '{ sub("@.*", "", $3) } $3 == name && !n++ { print $1 }')
	echo $((0x$base + 0x$offset))
}

blockinfo_start() {
	[ -z "${DAEMON-}" ] || return 0
	say "starting a libvirtd with a guest"
	start_testbed libvirtd
	build_client
	LIBVIRT=$(mapped libvirt.so.0)
	DRIVER=$(mapped libvirt_driver_qemu.so)
	GATHER=$(nm "$DRIVER" | awk '$3 ~ /^qemuDomainBlocksStatsGather/ && !/cold/ { print $3 }') # its name may have got a suffix
	PLANTED=("$(address_of "$LIBVIRT" virDomainGetBlockInfo)"
		"$(address_of "$DRIVER" qemuDomainGetBlockInfo)"
		"$(address_of "$DRIVER" "$GATHER")")
}

mapped() { awk -v name="/$1" 'index($6, name) { print $6; exit }' "/proc/$DAEMON/maps"; }

# blockinfo_clients TOOL CLIENTS: runs them; adds to calls.
blockinfo_clients() {
	"$WORK/client" -s $BLOCKINFO_SECONDS -o "$WORK/calls" "$URI" demo vda "$2" $ENOUGH_CALLS 2>"$WORK/client.err" ||
		die "a call failed under $1: $(cat "$WORK/client.err")"
	calls=$((calls + $(wc -l <"$WORK/calls")))
	result blockinfo "$1" "$2 client$([ "$2" = 1 ] || echo s)" \
		"$(cut -d ' ' -f 3 "$WORK/calls" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] / 1e6 }')"
}

blockinfo_measure() {
	calls=0
	blockinfo_clients "$1" 1
	blockinfo_clients "$1" 4
}

# The three gdb stops at are entries; the others' are entries and returns.
events_per_call() { case $1 in gdb | dprintf) echo 3 ;; *) echo 6 ;; esac; }

blockinfo_tool() {
	if [ "$1" = untraced ]; then
		blockinfo_measure "$1"
		return
	fi
	if ! attach blockinfo.d "$1" "$DAEMON" "${PLANTED[@]}"; then
		detach
		no_result blockinfo "$1" "$(excuse)"
		return
	fi
	blockinfo_measure "$1"
	detach
	alive "$DAEMON" || die "the daemon did not survive $1"
	result blockinfo "$1" recorded "$(calc "100 * $(recorded "$1") / ($(events_per_call "$1") * $calls)")"
	[ "$1" != virtrace ] ||
		result blockinfo virtrace bytes "$(calc "$(du -sb "$WORK/trace" | cut -f 1) / (3 * $calls)")"
}

work_blockinfo() {
	local round name
	blockinfo_start
	for ((round = 1; round <= ROUNDS; round++)); do
		say "blockinfo, round $round of $ROUNDS"
		for name in "${BLOCKINFO_TOOLS[@]}"; do
			is_out blockinfo "$name" || blockinfo_tool "$name"
		done
	done
}
