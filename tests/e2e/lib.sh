# What the end to end tests share beside session.sh: checks that print "ok N -
# what" or "not ok N - what". A test sources this, checks, ends with `finish`.
# shellcheck shell=bash

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/e2e/session.sh
. "$E2E/session.sh"

checks=0
failures=0
finished=

clean_up() {
	local status=$?
	trap - EXIT
	if [ -z "$finished" ]; then
		echo "not ok $((checks + 1)) - the test ran to its end (status $status)"
		status=1
	fi
	end_session
	exit $status
}
trap clean_up EXIT

finish() {
	finished=yes
	echo "1..$checks"
	[ "$failures" = 0 ]
}

passed() { echo "ok $((checks += 1)) - $1"; }

failed() {
	echo "not ok $((checks += 1)) - $1"
	failures=$((failures + 1))
}

note() { sed 's/^/# /'; }

# is WHAT EXPECTED ACTUAL
is() {
	if [ "$2" = "$3" ]; then
		passed "$1"
	else
		failed "$1"
		printf 'expected: %s\ngot:      %s\n' "$2" "$3" | note
	fi
}

# succeeds WHAT COMMAND...
succeeds() {
	local what=$1
	shift
	if "$@" >"$WORK/out" 2>&1; then
		passed "$what"
	else
		failed "$what"
		{
			echo "failed: $*"
			tail -n 20 "$WORK/out"
		} | note
	fi
}

# same WHAT EXPECTED-FILE ACTUAL-FILE
same() { succeeds "$1" diff -u "$2" "$3"; }

# matches WHAT PATTERN FILE: some line of it matches the extended expression.
matches() {
	if grep -Eq -e "$2" "$3"; then
		passed "$1"
	else
		failed "$1"
		{
			echo "no line matches: $2"
			head -n 30 "$3"
		} | note
	fi
}

give_up() {
	failed "$1"
	if [ -f "${2-}" ]; then tail -n 20 "$2" | note; fi
	exit 1
}
