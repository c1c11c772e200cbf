#!/usr/bin/env bash
# `export -f html` in a real browser, Debian's Chromium, opened from disk and without network: what it shows is held
# against `export -f jsonl`, and a hostile trace runs no script and asks for nothing. How long it takes to open 50,000
# calls is printed, not judged. With a directory as argument screenshots are left there.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

HERE=$ROOT/tests/e2e/html
CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
PICTURES=${1-}

# make_page NAME [CALL]: $WORK/NAME.html of the trace $WORK/NAME, or of a call of it; and .jsonl of all.
make_page() {
	"$VIRTRACE" export --force -f jsonl -o "$WORK/$1.jsonl" "$WORK/$1"
	"$VIRTRACE" export --force -f html -o "$WORK/$1.html" "$WORK/$1" "${@:2}"
}

# Its lines "ok WHAT", "not ok WHAT", "# …" become ours.
in_browser() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) passed "${line#ok }" ;;
		"not ok "*) failed "${line#not ok }" ;;
		*) echo "$line" ;;
		esac
	done < <(NODE_PATH=$NODE_MODULES VIRTRACE=$VIRTRACE CHROMIUM=$CHROMIUM PICTURES=$PICTURES TZ=UTC \
		timeout 280 node "$HERE/page.js" "$1" "$WORK/$1" "$WORK/$1.html" "$WORK/$1.jsonl" 2>&1 || echo "not ok $1: the browser test ends well")
}

[ -x "$CHROMIUM" ] || give_up "Chromium is there (scripts/setup test)"
[ -d "$NODE_MODULES/playwright-core" ] || give_up "playwright-core from npm is there (scripts/setup test)"
make -s -C "$ROOT" BUILD="$BUILD" "$BUILD/tests/review/traces" || give_up "traces are made"
traces=$ROOT/$BUILD/tests/review/traces
[ -z "$PICTURES" ] || mkdir -p "$PICTURES"

"$traces" many 3000 "$WORK/calls"
"$traces" qmp "$WORK/qmp"
"$traces" qmp "$WORK/ticket"
"$traces" qmp "$WORK/inner"
"$traces" hostile "$WORK/hostile"
"$traces" many 50000 "$WORK/50000"
"$traces" many 100001 "$WORK/cut"
make_page calls
make_page qmp
make_page ticket '#1'
make_page inner '#2'
make_page hostile
make_page 50000
make_page cut

is "nothing of the trace stands in the page as it is" 0 "$(grep -c hacked "$WORK/hostile.html" || true)"
is "two elements hold script: the data and the program" 2 "$(grep -c '<script' "$WORK/hostile.html")"
for name in calls qmp ticket inner hostile 50000 cut; do
	in_browser "$name"
done
finish
