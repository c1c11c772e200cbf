# Work "hot": a function called in a loop by 1 and by 4 threads. Its entry is
# recorded with a string, its return with a structure of 104 bytes that is read
# through a pointer to a pointer. Measured by the victim itself, for each call.
# shellcheck shell=bash

HOT_SECONDS=0.5
HOT_TOOLS=(untraced virtrace perf bpftrace ltrace dprintf gdb uftrace)
FLOORS=(same kernel apart)

# launch COMMAND...: a victim, asked on ${victim[1]}, answering on ${victim[0]}.
launch() {
	coproc victim { exec "$@" 2>"$WORK/victim.err"; }
	# shellcheck disable=SC2154
	victim_pid=$victim_PID
	answers=${victim[0]} questions=${victim[1]}
	read -r -u "$answers" victim_function
}

end_victim() {
	exec {questions}>&- {answers}<&-
	wait "$victim_pid" || die "the victim was harmed"
}

# ask THREADS SECONDS: sets ns, and adds to calls.
ask() {
	local n
	echo "$1 $2" >&"$questions"
	read -r -u "$answers" ns n || die "the victim died"
	calls=$((calls + n))
}

hot_measure() {
	local threads
	calls=0
	ask 1 0.02
	for threads in 1 4; do
		ask $threads $HOT_SECONDS
		result hot "$1" "$threads thread$([ $threads = 1 ] || echo s)" "$(calc "$ns / 1000")"
	done
}

hot_uftrace() {
	rm -rf "$WORK/uftrace"
	launch uftrace record -d "$WORK/uftrace" -A block_stats@arg1/s -R block_stats@retval/i32 "$VICTIM-pg"
	hot_measure uftrace
	end_victim
	result hot uftrace recorded \
		"$(calc "100 * $(uftrace replay --no-pager -d "$WORK/uftrace" -F block_stats | grep -c 'block_stats(') / $calls")"
}

hot_tool() {
	if [ "$1" = uftrace ]; then
		hot_uftrace
		return
	fi
	launch "$VICTIM"
	if [ "$1" = untraced ]; then
		hot_measure "$1"
	elif attach hot.d "$1" "$victim_pid" "$victim_function"; then
		hot_measure "$1"
		detach
		result hot "$1" recorded "$(calc "100 * $(recorded "$1") / (2 * $calls)")"
	else
		detach
		no_result hot "$1" "$(excuse)"
	fi
	end_victim
}

hot_floor() {
	local threads
	for threads in 1 4; do
		read -r ns _ < <("$FLOOR" "$1" $threads $HOT_SECONDS) || die "the floor failed"
		result hot "floor, $1" "$threads thread$([ $threads = 1 ] || echo s)" "$(calc "$ns / 1000")"
	done
}

work_hot() {
	local round name
	for ((round = 1; round <= ROUNDS; round++)); do
		say "hot, round $round of $ROUNDS"
		for name in "${FLOORS[@]}"; do
			hot_floor "$name"
		done
		for name in "${HOT_TOOLS[@]}"; do
			is_out hot "$name" || hot_tool "$name"
		done
	done
}
