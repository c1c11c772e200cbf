# Work "pause": how long a client of the busy daemon is kept waiting while a tool
# attaches, gets ready and detaches; and what the tool needs until it is ready.
# Measured by the client: its longest call.
# shellcheck shell=bash

PAUSE_SECONDS=6
PAUSE_TOOLS=(untraced virtrace bpftrace ltrace gdb)

# usage_of PID: its CPU seconds and its peak memory in MB.
usage_of() {
	local ticks peak
	ticks=$(sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }')
	peak=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$1/status")
	awk -v t="$ticks" -v hz="$(getconf CLK_TCK)" -v kb="$peak" 'BEGIN { printf "%.2f %.1f\n", t / hz, kb / 1024 }'
}

# pause_attach TOOL: false if it cannot.
pause_attach() {
	local from=$EPOCHREALTIME cpu memory
	attach blockinfo.d "$1" "$DAEMON" "${PLANTED[@]}" || return
	result pause "$1" ready "$(calc "$EPOCHREALTIME - $from")"
	read -r cpu memory < <(usage_of $tool)
	result pause "$1" CPU "$cpu"
	result pause "$1" memory "$memory"
}

pause_tool() {
	local client good=yes
	"$WORK/client" -s $PAUSE_SECONDS -o "$WORK/calls" "$URI" demo vda 1 $ENOUGH_CALLS 2>/dev/null &
	client=$!
	sleep 0.5
	[ "$1" = untraced ] || pause_attach "$1" || good=
	[ "$1" = untraced ] || detach
	[ -z "$good" ] || kill -0 $client 2>/dev/null || good=late
	wait $client || die "a call failed under $1"
	case $good in
	yes) result pause "$1" pause "$(awk '$3 > max { max = $3 } END { print max / 1e6 }' "$WORK/calls")" ;;
	late) no_result pause "$1" "it was not ready and gone again within $PAUSE_SECONDS s" ;;
	*) no_result pause "$1" "$(excuse)" ;;
	esac
}

work_pause() {
	local round name
	blockinfo_start
	for ((round = 1; round <= ROUNDS; round++)); do
		say "pause, round $round of $ROUNDS"
		for name in "${PAUSE_TOOLS[@]}"; do
			is_out pause "$name" || pause_tool "$name"
		done
	done
}
