#!/usr/bin/env bash
# Every command that reads a trace (the table in `commands`), over traces that are large: its memory does not grow with
# them; and over traces made to do harm: it ends, soon, within its memory, and no byte that steers a terminal comes out.
#
#	reading.sh           large is 6,000 calls against 24,000
#	reading.sh million   large is a million calls: at most 512 MiB
# shellcheck disable=SC2016
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

FEW=6000
MANY=24000
GROWTH_KIB=$((8 * 1024))  # 18,000 calls more take less than that: less than each takes while it is held
KEYS_KIB=$((16 * 1024))   # where each call has a key of its own: up to a number of keys
LIMIT_KIB=$((512 * 1024)) # whatever the trace
SECONDS_MAX=10            # for one that does harm
size=${1-few}

export TMPDIR=$WORK/tmp
export TZ=UTC LC_ALL=C.UTF-8
mkdir "$TMPDIR"
cd "$WORK"

for maker in generate traces hostile; do
	make -s -C "$ROOT" BUILD="$BUILD" "$BUILD/tests/review/$maker" || give_up "$maker is built"
done
MAKERS=$ROOT/$BUILD/tests/review

# commands TRACE FIRST MIDDLE LAST EXPR BY: a line for each way of reading it, tabs between the arguments; the calls have
# EXPR, a number, and are told apart BY another. What they write is thrown away, or stands in a folder that is.
commands() {
	local trace=$1 first=$2 middle=$3 last=$4 expr=$5 by=$6 id
	row() { (IFS=$'\t' && echo "$*"); }
	row report "$trace"
	row report -v "$trace"
	row report --plain "$trace"
	row report --follow "$trace"
	row report --if "$expr == 0 || \$duration > 5" "$trace"
	row report --changed "$expr" --by "$by" "$trace"
	row report --changed '$duration' --by '$id / 2' "$trace"
	row report -v "$trace" "#$last"
	row tree "$trace"
	row tree --by "$by" "$trace"
	row tree --by '$id' "$trace"
	row stats --hist "$trace" "$expr"
	row stats --by "$by" "$trace" '$duration'
	row stats --by '$id' "$trace" '$duration'
	row diff "$trace" "$trace"
	row diff --by '$id' "$trace" "$trace"
	row diff "$trace" small
	row diff "$trace" "#$first" "#$last"
	row info --count "$trace"
	for id in "$first" "$middle" "$last"; do
		row explain "$trace" "#$id.$expr"
		row explain --json "$trace" "#$id.$expr"
	done
	for format in $("$VIRTRACE" export -f list | awk '$1 != "xmind" { print $1 }'); do
		row export -f "$format" "$trace"
	done
	row export --force -f xmind -o written/calls.xmind "$trace"
	row export -f html "$trace" "#$last"
	row export -f chrome --counter "$expr" "$trace"
	row pack -o written/packed.tar.zst "$trace"
	row pack --redact strings -o written/redacted.tar.zst "$trace"
	row pack --redact "$expr" -o written/less.tar.zst "$trace"
	row unpack -o written/unpacked packed.tar.zst
	row report packed.tar.zst
	row report written/redacted.tar.zst
	row recover -o written/mended torn
	row recover -o written/again "$trace"
}

# read_all TRACE ARGUMENT...: runs the table; `peaks`, `said` and `statuses` have a line for each row, `rows` what it is
# called: the arguments without the names of traces.
read_all() {
	local trace=$1 row status
	local -a arguments
	rm -rf written torn packed.tar.zst
	mkdir written
	"$VIRTRACE" pack -o packed.tar.zst "$trace" 2>err.txt || give_up "$trace is packed" err.txt
	cp -r "$trace" torn
	rm torn/metadata
	truncate -s -5 "$(find torn -name 'stream_*' | sort | tail -n 1)"
	rows=() peaks=() statuses=() steering=()
	while IFS= read -r row; do
		IFS=$'\t' read -ra arguments <<<"$row"
		status=0
		/usr/bin/time -q -f %M -o peak.txt timeout "$seconds_max" "$VIRTRACE" "${arguments[@]}" >"$output" 2>err.txt </dev/null || status=$?
		rows+=("${row//$'\t'/ }")
		peaks+=("$(tail -n 1 peak.txt)")
		statuses+=("$status")
		steering+=("$(steers "$output" || steers err.txt || true)")
	done < <(commands "$@")
}

# Whether it steers a terminal, or is no UTF-8: prints the first line that does.
steers() {
	[ -f "$1" ] || return 1
	iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>&1 || { echo "$1 is no UTF-8" && return; }
	grep -Pa -m 1 '(?!\t)[\p{C}\p{Zl}\p{Zp}]' "$1" | cat -v | cut -c1-200 | grep .
}

# calls_with_info TRACE: the first, the middle and the last call that has one.
calls_with_info() {
	"$VIRTRACE" export -f jsonl --function virDomainGetBlockInfo "$1" | jq -r 'select(.return["*info"]).id' |
		awk '{ id[NR] = $1 } END { print id[1], id[int(NR / 2)], id[NR] }'
}

# ends_well TRACE: every row found something to tell, within LIMIT_KIB
ends_well() {
	local i
	for i in "${!rows[@]}"; do
		is "${rows[i]}: exit status" 0 "${statuses[i]}"
		succeeds "${rows[i]}: ${peaks[i]} KiB" test "${peaks[i]}" -le "$LIMIT_KIB"
	done
}

# read_made N KIND EXPR MAKER...: makes a trace of N calls and reads it; MAKER takes the words N and DIR for what they are
read_made() {
	local -a maker=("${@:4}") calls
	maker=("${maker[@]/#N/$1}")
	rm -rf "$2"
	"${maker[@]/#DIR/$2}" || give_up "$2 is made"
	read -ra calls <<<"$(calls_with_info "$2")"
	read_all "$2" "${calls[@]}" "$3" path
}

# large KIND EXPR MAKER...
large() {
	local i growth
	local -a few
	seconds_max=600 output=/dev/null
	if [ "$size" = million ]; then
		read_made 1000000 "$@"
		ends_well
	else
		read_made $FEW "$@"
		few=("${peaks[@]}")
		read_made $MANY "$@"
		ends_well
		for i in "${!rows[@]}"; do
			growth=$GROWTH_KIB
			[[ ${rows[i]} != *'--by $id'* ]] || growth=$KEYS_KIB
			succeeds "${rows[i]}: ${few[i]} KiB for $FEW calls, ${peaks[i]} KiB for $MANY" test $((peaks[i] - few[i])) -lt "$growth"
		done
	fi
	rm -rf "$1"
}

"$MAKERS/generate" small 60
large plain 'info->capacity' "$MAKERS/generate" DIR N
large asking 'info->allocation' "$MAKERS/traces" asking N DIR

# does_no_harm TRACE CALL EXPR BY
does_no_harm() {
	local i
	seconds_max=$SECONDS_MAX output=out.txt
	read_all "$1" "$2" "$2" "$2" "$3" "$4"
	for i in "${!rows[@]}"; do
		# 0 to 2: it is done, there is nothing to tell, or no such name
		succeeds "${rows[i]}: exit status ${statuses[i]}" test "${statuses[i]}" -le 2
		succeeds "${rows[i]}: ${peaks[i]} KiB" test "${peaks[i]}" -le "$LIMIT_KIB"
		is "${rows[i]}: nothing steers the terminal" "" "${steering[i]}"
	done
}

"$MAKERS/generate" steering 90 4
does_no_harm steering 3 'info->capacity' path
"$MAKERS/hostile" hostile
does_no_harm hostile 30 big name
"$MAKERS/traces" hostile markup
does_no_harm markup 7 toString constructor
"$MAKERS/traces" messages messages
does_no_harm messages 1 'answer' 'text'

# More than fits: what comes first is shown.
"$MAKERS/traces" open 700 open
does_no_harm open 10003 '$tid' '$tid'
fails=0
"$VIRTRACE" report --plain open >out.txt 2>err.txt || fails=$?
is "too many open calls: exit status" 1 "$fails"
matches "too many open calls: message" "calls that have not ended fill [0-9]+ MiB" err.txt
succeeds "too many open calls: the first ones are shown" grep -q '#10003' out.txt

finish
