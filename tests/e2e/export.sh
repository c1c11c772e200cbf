#!/usr/bin/env bash
# Every export of a usual trace, and of one that is made to break it: opened by the programs that it is for, and compared
# with the calls as jsonl has them; the text of the usual one against golden files (tests/e2e/golden; `export.sh --update`
# writes them anew). With KEEP=DIR the exports and screenshots of them stay there.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

export NODE_PATH=$NODE_MODULES
export TZ=UTC
OUT=${KEEP:-$WORK/exports}
mkdir -p "$OUT"
update=
[ "${1-}" != --update ] || update=yes

tool() { make -s -C "$ROOT" BUILD="$BUILD" "$BUILD/tests/review/$1" >&2 && echo "$ROOT/$BUILD/tests/review/$1"; }
consumer() { timeout 120 node "$E2E/consumers.js" "$@"; }
check() { python3 "$E2E/export_check.py" "$1" "$OUT/jsonl" "$2" ${all:+"$all"}; }
all= # the calls of the whole trace, if only some are exported

# opened FORMAT CHECK COMMAND...: what the command makes of the export, and whether it is right.
opened() {
	local format=$1 kind=$2
	shift 2
	if "$@" >"$OUT/$kind" 2>"$WORK/err"; then
		passed "$name: $1 opens $format"
		succeeds "$name: $1 finds in $format what was recorded" check "$kind" "$OUT/$kind"
	else
		failed "$name: $1 opens $format"
		tail -n 10 "$WORK/err" | note
	fi
}

# Every format of trace $1, called $name; options follow.
exports() {
	local format
	for format in jsonl chrome csv dot folded mermaid svg xmind; do
		succeeds "$name: $format" timeout 60 "$VIRTRACE" export --force -f "$format" -o "$OUT/$format" "$@"
	done
	succeeds "$name: jsonl is JSON" jq -e . "$OUT/jsonl"
	succeeds "$name: chrome is what was recorded" check chrome "$OUT/chrome"
	succeeds "$name: csv is what was recorded" check csv "$OUT/csv"
	succeeds "$name: folded is what was recorded" check folded "$OUT/folded"
	succeeds "$name: svg is XML" xmllint --noout --huge "$OUT/svg"
	succeeds "$name: svg is what was recorded" check svg "$OUT/svg"
	opened dot dot-svg dot -Tsvg "$OUT/dot"
	opened chrome speedscope-chrome consumer speedscope "$OUT/chrome" "$OUT/$name-chrome.png"
	opened folded speedscope-folded consumer speedscope "$OUT/folded" "$OUT/$name-folded.png"
	opened mermaid mermaid-texts consumer mermaid "$OUT/mermaid" "$OUT/$name-mermaid.png"
	opened xmind xmind-content consumer xmind "$OUT/xmind"
}

# golden NAME: its text, but for times of day, is that of the golden file.
golden() {
	local expected=$E2E/golden/export-$1.txt
	sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/; s/"(time|ts_zero)_ns":"?[0-9]+/"\1_ns":N/' "$OUT/$1" >"$WORK/golden"
	if [ -n "$update" ]; then cp "$WORK/golden" "$expected"; fi
	same "text of $1" "$expected" "$WORK/golden"
}

generate=$(tool generate) || give_up "traces are made"
"$generate" "$WORK/usual" 12
name=usual
exports "$WORK/usual"
for format in jsonl chrome csv dot folded mermaid svg xmind-content; do golden "$format"; done
"$VIRTRACE" export -f chrome --counter '(*retstats)->wr_bytes' "$WORK/usual" >"$OUT/counters"
is "a counter has the values that were recorded" \
	"$(jq -sc 'map(.return["**retstats"].wr_bytes // empty)' "$OUT/jsonl")" \
	"$(jq -c '[.traceEvents[] | select(.ph == "C") | .args.value]' "$OUT/counters")"
is "a counter is called as the expression" '["(*retstats)->wr_bytes"]' \
	"$(jq -c '[.traceEvents[] | select(.ph == "C") | .name] | unique' "$OUT/counters")"

hostile=$(tool hostile) || give_up "the hostile trace is made"
"$hostile" "$WORK/hostile" || give_up "the hostile trace is made"
name=hostile
exports "$WORK/hostile"
all=$OUT/jsonl-all
cp "$OUT/jsonl" "$all"
name=one-tree
exports "$WORK/hostile" '#30'
name=one-function
exports "$WORK/hostile" --function '*SUM*' --if '$ret == 0'

"$VIRTRACE" export -f list >"$WORK/list"
for format in chrome csv dot folded jsonl mermaid svg xmind; do
	matches "-f list names $format" "^$format +[^ ]" "$WORK/list"
done

status=0
script -qec "$VIRTRACE export -f xmind $WORK/hostile" /dev/null >"$WORK/out" 2>&1 || status=$?
is "a binary format is nothing for a terminal: exit status" 2 "$status"
matches "a binary format is nothing for a terminal: message" "say '-o FILE'" "$WORK/out"
status=0
"$VIRTRACE" export -f csv "$WORK/hostile" '#99999' >"$WORK/out" 2>"$WORK/err" || status=$?
is "no such call: exit status" 1 "$status"
matches "no such call: message" "no such call" "$WORK/err"
status=0
"$VIRTRACE" export -f csv "$WORK/hostile" >/dev/full 2>"$WORK/err" || status=$?
is "a full disk: exit status" 1 "$status"
matches "a full disk: message" "cannot write" "$WORK/err"

finish
