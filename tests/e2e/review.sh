#!/usr/bin/env bash
# The commands that review a trace: their text against golden files (tests/e2e/golden; `review.sh --update` writes
# them anew), their numbers against jq's and awk's over the exported calls, their memory where one call makes a million.
# Memory and time of all commands: reading.sh.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

GENERATE=$ROOT/build/tests/review/generate
update=
[ "${1-}" != --update ] || update=yes
make -s -C "$ROOT" build/tests/review/generate
export TZ=UTC LC_ALL=C.UTF-8
cd "$WORK"
"$GENERATE" small 60
"$GENERATE" blk 3000
"$VIRTRACE" export -f jsonl blk >blk.jsonl

# What is another each time: times of day, the size of a trace; and with $mask_spans set how long calls took.
mask_spans=
mask() {
	sed -E 's/[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}/HH:MM:SS.UUUUUU/; s/[0-9]+ bytes in/N bytes in/' |
		if [ -n "$mask_spans" ]; then
			sed -E 's/ +[0-9]+( ns)? -> +[0-9]+( ns)? +[-+][0-9]+ %/   T -> T   N %/'
		else
			cat
		fi
}

# golden NAME ARGUMENT...: what virtrace says is tests/e2e/golden/NAME.txt.
golden() {
	local name=$1 expected=$E2E/golden/$1.txt
	shift
	"$VIRTRACE" "$@" 2>&1 | mask >out.txt
	if [ -n "$update" ]; then cp out.txt "$expected"; fi
	same "text of $name" "$expected" out.txt
}

# fails WHAT STATUS PATTERN ARGUMENT...
fails() {
	local what=$1 expected=$2 pattern=$3 status=0
	shift 3
	timeout 60 "$VIRTRACE" "$@" >out.txt 2>err.txt </dev/null || status=$?
	is "$what: exit status" "$expected" "$status"
	matches "$what: message" "$pattern" err.txt
}

# on_terminal ARGUMENT...: what virtrace writes to a terminal of 80 columns.
on_terminal() { script -qec "stty cols 80; $VIRTRACE $*" /dev/null </dev/null | tr -d '\r'; }

# small_enough WHAT ARGUMENT...: the most memory it has with a million calls is below 512 MiB.
small_enough() {
	local what=$1 kib
	shift
	/usr/bin/time -o time.txt -f %M "$VIRTRACE" "$@" >out.txt
	kib=$(tail -n 1 time.txt)
	succeeds "$what: a million calls in ${kib} KiB" test "$kib" -lt $((512 * 1024))
}

# tree
golden tree tree small
golden tree-by tree --by disk small
golden tree-help tree --help
jq -rs 'group_by(.function)[] | "\(.[0].function) \(length) \(map(.duration_ns) | add)"' blk.jsonl | sort >expected.txt
"$VIRTRACE" tree --by path blk | awk '$1 + 0 { for (i = 4; $i !~ /^[a-z]/; i++); n[$i] += $3; ns[$i] += $1 }
	END { for (f in n) printf "%s %.0f %.0f\n", f, n[f], ns[f] }' | sort >actual.txt
same "tree: calls and times as jq adds them up" expected.txt actual.txt
fails "tree: no such name" 2 "did you mean 'disk'" tree --by dsk blk
fails "tree: no such call" 1 "no such call" tree blk '#99999'
fails "tree: no such option" 2 "did you mean '--by'" tree --bi disk blk
on_terminal tree --no-pager small >out.txt
matches "tree: rounded times on a terminal" ' ms ' out.txt
on_terminal tree --no-pager --raw small >out.txt
matches "tree: exact ones with --raw" 'TOTAL_NS' out.txt
NO_COLOR=1 on_terminal tree --no-pager small >out.txt
succeeds "tree: no colours with NO_COLOR" sh -c '! grep -q "$(printf "\033")" out.txt'

# stats
golden stats stats small '(*retstats)->wr_bytes' --by path --hist
golden stats-duration stats small '$duration' --by '$function'
golden stats-help stats --help
# rank P: the smallest that P percent of the sorted numbers do not exceed
jq -rs 'def rank(p): sort | .[([(length * p / 100 | ceil) - 1, 0] | max)];
	map(select(.function == "qemuDomainBlocksStatsGather")
		| { path: .entry.path, n: .return["**retstats"].rd_bytes, t: .time_ns })
	| group_by(.path)[] | sort_by(.t) | . as $calls | map(.n)
	| "\(length) \(min) \(rank(50)) \(rank(99)) \(max) \(last) \(add / length * 1000 | round) \"\($calls[0].path)\""' \
	blk.jsonl | sort >expected.txt
"$VIRTRACE" stats blk '(*retstats)->rd_bytes' --by path |
	awk '$1 + 0 { printf "%.0f %.0f %.0f %.0f %.0f %.0f %.0f %s\n", $1, $2, $4, $5, $6, $7, $3 * 1000, $NF }' | sort >actual.txt
same "stats: numbers as jq finds them" expected.txt actual.txt
# in a second, and in each range
jq -rs 'map(select(.function == "qemuDomainBlocksStatsGather") | { path: .entry.path, n: .return["**retstats"].rd_bytes, t: .time_ns })
	| group_by(.path)[] | sort_by(.t) | "\(.[0].path | @json) \((.[-1].n - .[0].n) * 1e6 / (.[-1].t - .[0].t) | round)"' \
	blk.jsonl >expected.txt
"$VIRTRACE" stats blk '(*retstats)->rd_bytes' --by path | awk '$1 + 0 { printf "%s %.0f\n", $NF, $8 / 1000 }' >actual.txt
same "stats: growth in a second as jq finds it" expected.txt actual.txt
jq -r 'select(.function == "qemuDomainBlocksStatsGather") | "\(.entry.path | @json) \(.return["**retstats"].rd_bytes)"' blk.jsonl >numbers.txt
"$VIRTRACE" stats --hist blk '(*retstats)->rd_bytes' --by path >out.txt
awk 'NR == FNR { number[$1, n[$1]++] = $2; next }
	/^path = / { path = $3 }
	$2 == ".." { for (i = k = 0; i < n[path]; i++) k += number[path, i] >= $1 && number[path, i] < $3
		print path, $1, $2, $3, k }' numbers.txt out.txt >expected.txt
awk '/^path = / { path = $3 } $2 == ".." { print path, $1, $2, $3, $4 }' out.txt >actual.txt
succeeds "stats --hist: there are ranges" test -s expected.txt
same "stats --hist: each range has as many as jq's numbers" expected.txt actual.txt
is "stats --hist: all are counted" "$(jq -s 'map(select(.function == "virDomainGetBlockInfo")) | length' blk.jsonl)" \
	"$("$VIRTRACE" stats --hist --function virDomainGetBlockInfo blk '$duration' | awk '$2 == ".." { n += $4 } END { print n }')"
fails "stats: a text" 2 "'disk' is no number" stats blk disk
fails "stats: a member without its object" 2 "did you mean '\(\*retstats\)->rd_bytes'" stats blk rd_bytes
fails "stats: no expression" 2 "numbers of what" stats blk
fails "stats: no such unit" 2 "bytes, ns or none" stats --unit kB blk '$duration'
on_terminal stats --no-pager small "'(*retstats)->wr_bytes'" --by path >out.txt
matches "stats: sizes on a terminal" 'KiB' out.txt

# report --changed
golden changed report --changed '**retstats' --by path small
golden changed-verbose report -v -n 2 --changed 'info->allocation' small
jq -s 'map(select(.function == "qemuDomainBlocksStatsGather")) | group_by(.entry.path)[] | . as $c
	| range(1; length) | select($c[.].return["**retstats"].rd_bytes != $c[. - 1].return["**retstats"].rd_bytes)
	| $c[.].id' blk.jsonl | sort -n >expected.txt
"$VIRTRACE" report --plain --changed '(*retstats)->rd_bytes' --by path blk |
	sed -n 's/^#\([0-9]*\) previous = .*/\1/p' >actual.txt
same "report --changed: the calls that jq finds" expected.txt actual.txt
fails "report --changed: no such name" 2 "did you mean 'path'" report --changed '$ret' --by pth blk
fails "report --by alone" 2 "for --changed" report --by path blk

# diff
for version in 1 2 3; do "$GENERATE" "version$version" 300 "$version"; done
"$GENERATE" other 330 1 2
golden diff diff version1 other --by disk
golden diff-versions diff version1 version2
golden diff-calls diff version1 '#151' '#148'
golden diff-help diff --help
"$VIRTRACE" export -f jsonl version1 >a.jsonl
"$VIRTRACE" export -f jsonl other >b.jsonl
# the n-th call here and there, without those that only one has
differing() {
	jq -n --slurpfile a a.jsonl --slurpfile b b.jsonl --arg m "$1" '
		def of(l): [l[] | select(.function == "qemuDomainBlocksStatsGather").return["**retstats"][$m]];
		of($a) as $x | of($b) as $y | [range([$x, $y] | map(length) | min) | select($x[.] != $y[.])] | length'
}
for member in rd_req rd_bytes wr_bytes; do
	is "diff: calls where $member differs, as jq counts them" "$(differing $member)" \
		"$("$VIRTRACE" diff version1 other | sed -n "s/^ *\([0-9]*\)  qemu.*->$member: .*/\1/p")"
done
# exits WHAT STATUS ARGUMENT...
exits() {
	local what=$1 expected=$2 status=0
	shift 2
	"$VIRTRACE" "$@" >out.txt 2>err.txt || status=$?
	is "$what: exit status" "$expected" "$status"
}
exits "diff of a trace with itself" 0 diff --exit-code version1 version1
exits "diff of versions, members in another order" 0 diff --exit-code version2 version3
exits "diff of versions, another member" 1 diff --exit-code version1 version2
exits "diff of other values" 1 diff --exit-code version1 other
exits "diff of other values, not asked" 0 diff version1 other
exits "diff of two calls" 1 diff --exit-code version1 '#1' '#4'
exits "diff of a call with itself" 0 diff --exit-code version1 '#1' '#1'
exits "diff with nothing" 2 diff --exit-code version1 nothing
fails "diff: one trace" 2 "which two traces" diff version1
fails "diff: one call" 2 "which other call" diff version1 '#1'
fails "diff: no such call" 1 "version1 has no call #7777" diff version1 '#1' '#7777'

# three real programs with one struct in three versions
for version in 1 2 3; do
	"${CC:-gcc}" -g -O1 -DVERSION=$version -o "blocks$version" "$E2E/blocks.c"
	succeeds "record version $version" "$VIRTRACE" record -q -o "blocks$version.trace" \
		-e 'virDomainGetBlockInfo disk, flags => $ret, *info' -e 'qemuDomainGetBlockInfo path => $ret' \
		-e 'qemuDomainBlocksStatsGather path, capacity => $ret, **retstats' -- "./blocks$version"
done
mask_spans=yes
golden diff-blocks-1-2 diff --by disk blocks1.trace blocks2.trace
golden diff-blocks-2-3 diff --by disk blocks2.trace blocks3.trace
golden diff-blocks-calls diff blocks1.trace '#6' blocks3.trace '#6'
mask_spans=
# what virtrace says there is of version 3's values, the program says
is "diff: a value of version 3" "21474836480 -> 42949672960" \
	"$("$VIRTRACE" diff blocks1.trace blocks3.trace | sed -n 's/.*info->capacity: \([0-9]* -> [0-9]*\) .*/\1/p')"

# names and texts that are hostile to terminals
"$GENERATE" hostile 90 4
# harmless WHAT ARGUMENT...: it says something, and nothing but printable ASCII and line ends.
harmless() {
	local what=$1
	shift
	"$VIRTRACE" "$@" >out.txt 2>err.txt || true
	is "hostile names: $what" "0 yes" "$(cat out.txt err.txt | LC_ALL=C tr -d '\n -~' | wc -c) $([ -s out.txt ] && echo yes)"
}
harmless report report hostile
harmless "report -v" report -v hostile
harmless "report --plain" report --plain hostile
harmless "report --changed" report --changed '**retstats' --by path hostile
harmless "report -f" report -f hostile
harmless tree tree --by '$thread' hostile
harmless "tree --by path" tree --by path hostile
harmless stats stats --by '$function' --hist hostile '$duration'
harmless diff diff version1 hostile
harmless "diff of calls" diff hostile '#3' '#6'
harmless "diff by function" diff --by '$function' version2 hostile
harmless info info hostile

# info
golden info info small
cp -r small killed
jq 'del(.end_ns, .end) | .target.comm = "\u001b[31mred" | .host = 7' small/.virtrace/info.json >killed/.virtrace/info.json
golden info-killed info killed
fails "info: no trace" 1 "No such file" info nothing

# report --follow and record --live: a victim that is recorded meanwhile
"${CC:-gcc}" -g -O1 -o victim "$E2E/victim.c"
coproc VICTIM { exec ./victim; }
victim=$VICTIM_PID
answer() {
	local line
	read -r line <&"${VICTIM[0]}" && [ "$line" = "$1" ]
}
tell() { echo "$1" >&"${VICTIM[1]}" && answer "done"; }
answer ready
# calls FILE: how many calls it shows
calls() { grep -c ' = work(' "$1" || true; }
# the next call it shows, from the pipe 5
next_call() {
	local line
	while read -r -t 30 line <&5; do
		[[ $line != *' = work('* ]] || return 0
	done
	return 1
}
start_record said.txt -p "$victim" -e work -o followed || give_up "recording the victim" said.txt
mkfifo pipe
"$VIRTRACE" report -f followed >pipe 2>err.txt &
follower=$!
exec 5<pipe
tell call
succeeds "report -f: a call is shown while it is recorded" next_call
tell call
succeeds "report -f: and the next one" next_call
tell call
stop_record
succeeds "report -f: the last one" next_call
succeeds "report -f: it ends with the recording" wait $follower
exec 5<&-
"$VIRTRACE" report -f followed >out.txt
is "report -f: of a complete trace" 3 "$(calls out.txt)"
is "report -f --if" 1 "$("$VIRTRACE" report -f --if '$id == 2' followed | grep -c ' = work(')"

# a recording that is killed: its guardian writes what is left, and ends it; or is killed as well
guardian() {
	local pid
	for pid in $(pgrep -x virtrace-guard); do
		! ls -l "/proc/$pid/fd" 2>/dev/null | grep -q "/$victim\." || echo "$pid"
	done
}
kill_recorder() {
	kill -KILL "$@"
	wait "$recorder" 2>/dev/null || true
	recorder=
}
start_record said.txt -p "$victim" -e work -o doomed || give_up "recording the victim" said.txt
"$VIRTRACE" report -f doomed >out.txt 2>err.txt &
follower=$!
fails "record --force: not over a trace that is being written" 1 "doomed is being recorded" \
	record --force -e work -o doomed -- ./victim
tell call
kill_recorder "$recorder"
succeeds "report -f: it ends when the recording is killed" wait $follower
is "report -f: with the last call" 1 "$(calls out.txt)"
matches "info: that it was killed" "virtrace was killed" <("$VIRTRACE" info doomed)
start_record said.txt --force -p "$victim" -e work -o doomed || give_up "recording the victim again" said.txt
"$VIRTRACE" report -f doomed >out.txt 2>err.txt &
follower=$!
tell call
kill_recorder "$(guardian)" "$recorder"
succeeds "report -f: it ends when the guardian is killed as well" wait $follower

env --default-signal=INT "$VIRTRACE" record --live -p "$victim" -e work -o live >pipe 2>said.txt &
recorder=$!
exec 5<pipe
wait_until 60 recording said.txt
tell call
succeeds "record --live: a call is shown while it is recorded" next_call
tell call
stop_record
succeeds "record --live: and the last one" next_call
succeeds "record --live: it ends with the recording" timeout 30 cat <&5
matches "record --live: what it says is not among the calls" "2 calls, 0 lost" said.txt
exec 5<&-
kill -KILL "$victim"
wait "$victim" 2>/dev/null || true

# functions that come while their calls are followed: of a library that is loaded then
"${CC:-gcc}" -g -O1 -rdynamic -o loads "$E2E/loads.c" -lpthread
"${CC:-gcc}" -g -O1 -shared -fPIC -DPLUG=plug_one -o one_plug.so "$E2E/plug.c"
coproc LOADS { exec ./loads; }
loads=$LOADS_PID
# order WORD...: to the process, and its answer
order() {
	local line
	echo "$*" >&"${LOADS[1]}"
	read -r -t 60 line <&"${LOADS[0]}" && echo "$line"
}
loaded() { [ "$(order loaded)" = 1 ]; }
read -r -t 60 line <&"${LOADS[0]}"
start_record said.txt -p "$loads" -e 'hot n => $ret' -e 'one_plug.so!plug_one n => $ret' -o late ||
	give_up "recording before the library is there" said.txt
# follow NAME OPTION...: `report -f` into NAME.txt; it has begun once it has written its titles, or waits
declare -A followers
begun() { [ -s "$1.txt" ]; }
follow() {
	local name=$1
	shift
	"$VIRTRACE" report -f "$@" late >"$name.txt" 2>"$name.err" &
	followers[$name]=$!
	succeeds "report -f $*: it waits" wait_until 60 begun "$name"
}
waits_for_plug() { grep -q "no function 'plug_\*' yet" by-name.err; }
follow all
follow by-name --function 'plug_*'
follow by-condition --if '$function == "plug_one" && n % 2 == 0'
follow by-change --changed '$ret' --if 'n >= 1'
follow misspelt --function 'plog_*'
succeeds "report -f --function: it says that the function is not there yet" wait_until 60 waits_for_plug
order load "$PWD/one_plug.so" >/dev/null
succeeds "the library is loaded" wait_until 60 loaded
order call 10 >/dev/null
plugs=$(order plugs)
stop_record
for name in all by-name by-condition by-change; do
	succeeds "report -f, $name: it ends with the recording" wait "${followers[$name]}"
done
# of plug_one(): what is shown in FILE
shown() { grep -o 'plug_one(n=[0-9]*) = [0-9]*' "$1.txt"; }
for ((n = 1; n <= plugs; n++)); do echo "plug_one(n=$n) = $((n + 13))"; done >expected.txt
for name in all by-name; do same "report -f, $name: every call of the library that came late" expected.txt <(shown $name); done
same "report -f, by-condition: the calls it holds for" <(awk 'NR % 2 == 0' expected.txt) <(shown by-condition)
same "report -f, by-change: all but the first" <(tail -n +2 expected.txt) <(shown by-change)
status=0
wait "${followers[misspelt]}" || status=$?
is "report -f: a function that never came: exit status" 2 "$status"
matches "report -f: a function that never came: message" "no function 'plog_\*'; it has" misspelt.err
fails "report -f: no such function in a trace that is complete" 2 "no function 'plog_\*'; it has" report -f --function 'plog_*' late
"$VIRTRACE" pack late 2>err.txt
same "report -f of a packed trace" all.txt <("$VIRTRACE" report -f late.tar.zst)
echo quit >&"${LOADS[1]}"
wait "$loads" || true

# a million calls
if [ -n "$update" ]; then
	finish
	exit
fi
"$GENERATE" million 1000000
"$VIRTRACE" tree million >out.txt 2>err.txt
is "no progress where there is no terminal" "" "$(cat err.txt)"
"$GENERATE" within 1000000 1 1 within
small_enough "report of a call that makes a million" report within
is "all of them are shown" 999999 "$(grep -c '^#[0-9]* .* [=<] ' out.txt)"
is "the call that made them first, and its return last" '> qemuDomainGetBlockInfo(path="all") #1 < qemuDomainGetBlockInfo #1' \
	"$(awk '/^#[0-9]/ { line = $4 ~ /[0-9]/ ? $6 " " $7 " " $1 : $4 " " $5 " " $1 } /^#1 / { said = said (said ? " " : "") line; last = NR }
		/^#[0-9]/ && !first { first = $1 } END { print first == "#1" && last == NR ? said : "it stands elsewhere" }' out.txt)"
"$VIRTRACE" report within '#1' >out.txt
is "alone it says what is not there" 1 "$(grep -c '^#1 .* made [0-9]* calls more, not shown with it' out.txt)"
small_enough "tree of a call that makes a million" tree within
is "it is their way" 1 "$(grep -c '^ *[0-9]* *[0-9]* *1  qemuDomainGetBlockInfo$' out.txt)"
is "and they are below it" 334482 "$(awk '/`- virDomainGetBlockInfo/ { print $3 }' out.txt)"

finish
