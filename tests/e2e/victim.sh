# Programs under test that do what they are told (victim.c), and what virtrace says to what cannot be.  Sourced after lib.sh.
# shellcheck shell=bash

# fails WHAT STATUS PATTERN ARGUMENT...: virtrace exits so and a line on stderr matches.
fails() {
	local what=$1 expected=$2 pattern=$3 status=0
	shift 3
	timeout 60 "$VIRTRACE" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
	is "$what: exit status" "$expected" "$status"
	matches "$what: message" "$pattern" "$WORK/err"
}

says() { matches "$1" "$2" "$WORK/err"; }

# A victim with pipes to its stdin and from its stdout; waits until it is ready.
start_victim() {
	local program=${1:-$WORK/victim}
	coproc VICTIM { exec "$program"; }
	victim=$VICTIM_PID
	answer ready
}

answer() {
	local line
	read -r line <&"${VICTIM[0]}"
	[ "$line" = "$1" ]
}

# One order that the victim answers; `order` alone for those that end it.
order() { echo "$1" >&"${VICTIM[1]}"; }
tell() { order "$1" && answer "done"; }

end_victim() {
	kill -KILL "$victim" 2>/dev/null || true
	wait "$victim" 2>/dev/null || true
}

cc() { "${CC:-gcc}" -g "$@"; }

cc -O1 -o "$WORK/victim" "$ROOT/tests/e2e/victim.c"
