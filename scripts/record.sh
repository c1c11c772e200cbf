# `virtrace record` in the background, as the demo and the tests run it.
# Sourced after common.sh.
# shellcheck shell=bash

BUILD=${BUILD:-build}
VIRTRACE=${VIRTRACE:-$ROOT/$BUILD/virtrace}
RECORD_OPTIONS=() # for every recording
recorder=

# start_record SAID ARGUMENT...: returns when it records; false when it ended
# instead, or does not get there. What it says goes to the file SAID.
start_record() {
	local said=$1
	shift
	: >"$said" # what an earlier recording said there is not said by this one
	# A background process of a script ignores Ctrl-C unless told otherwise.
	env --default-signal=INT "$VIRTRACE" record "${RECORD_OPTIONS[@]}" "$@" 2>"$said" &
	recorder=$!
	wait_until 60 recording_or_ended "$said" && recording "$said"
}

recording() { grep -q '^virtrace: recording' "$1"; }
recording_or_ended() { recording "$1" || ! kill -0 "$recorder"; }

# Stops it as Ctrl-C does; the exit status is that of virtrace.
stop_record() {
	local pid=$recorder
	kill -INT "$pid" 2>/dev/null || true
	recorder=
	wait "$pid"
}

# For clean-up: whatever state it is in.
kill_record() {
	[ -z "$recorder" ] || kill -KILL "$recorder" 2>/dev/null || true
}
