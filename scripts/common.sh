# What every script here needs: where things are, how to say what is going on,
# and how to run something long without filling the screen. Sourced, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/virtrace
# What the tests have from npm: of tests/e2e/package.json, installed by scripts/setup test.
NODE_MODULES=$CACHE/npm/$(cksum <"$ROOT/tests/e2e/package-lock.json" | tr ' ' -)/node_modules
JOBS=${JOBS:-$(nproc)}
export LC_ALL=C.UTF-8

say() { printf '==> %s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$@"; exit 1; }

need_root() {
	[ "$(id -u)" = 0 ] || die "$1 needs root; run it again as root, for example: sudo $0"
}

# run_logged LOG COMMAND...: output to LOG; when it fails, its end and its path.
run_logged() {
	local log=$1
	shift
	mkdir -p "${log%/*}"
	if ! "$@" >"$log" 2>&1; then
		tail -n 8 "$log" | sed 's/^/    /' >&2
		warn "failed: $* (whole output in $log)"
		return 1
	fi
}

# As run_logged, but once more after a failure: networks have bad moments.
run_logged_twice() {
	mkdir -p "${1%/*}"
	"${@:2}" >"$1" 2>&1 && return
	say "once more, in 5 seconds: ${*:2}"
	sleep 5
	run_logged "$@"
}

# wait_until SECONDS COMMAND...: polls ten times a second, false when time is up.
wait_until() {
	local left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((left -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}
