# A session on the real thing: a testbed of one's own beside any other, the
# client that calls it, and a folder $WORK; all gone after end_session. Sourced
# by the end to end tests and by the benchmarks.
# shellcheck shell=bash disable=SC2034

# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=scripts/record.sh
. "$ROOT/scripts/record.sh"
# shellcheck source=scripts/testbed.d/prefix.sh
. "$ROOT/scripts/testbed.d/prefix.sh"

RECORD_OPTIONS=(--max-pause 0) # a busy machine is no reason to leave out calls
TESTBED=$ROOT/scripts/testbed
export VIRTRACE_TESTBED_DIR=$PREFIX-e2e.$$
WORK=$(mktemp -d)

end_session() {
	kill_record
	"$TESTBED" stop >/dev/null
	rm -rf "$WORK"
}
trap end_session EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_testbed() {
	"$TESTBED" start "$@" >"$WORK/testbed.log" || die "the testbed does not start"
	DAEMON=$("$TESTBED" pid)
	URI=$("$TESTBED" uri)
}

# The client must come from the same libvirt as the daemon.
build_client() {
	local libvirt
	libvirt=$("$TESTBED" where)
	"${CC:-gcc}" -std=gnu17 -O2 -Wall -Wextra -Werror -o "$WORK/client" \
		-I"$libvirt/source/include" -I"$libvirt/build/include" \
		"$ROOT/tests/e2e/blockinfo_client.c" \
		-L"$libvirt/build/src" -Wl,-rpath,"$libvirt/build/src" -lvirt -lpthread
}

# text_checksum PID: of everything executable that is mapped from a file.
text_checksum() {
	local range perms path start end
	while read -r range perms _ _ _ path; do
		[[ $perms == r-x* && $path == /* && $path != /memfd:* ]] || continue
		start=$((0x${range%-*})) end=$((0x${range#*-}))
		dd if="/proc/$1/mem" bs=4096 skip=$((start / 4096)) \
			count=$(((end - start) / 4096)) status=none
	done <"/proc/$1/maps" | sha256sum
}

alive() { kill -0 "$1"; }
untraced() { grep -q '^TracerPid:[[:space:]]*0$' "/proc/$1/status"; }
