#!/usr/bin/env bash
# Conditions: `record --if` and `report --if` select the same calls, those that the compiler says.
#
#	tests/e2e/conditions.sh [-n N]	N of the conditions, spread over all (all)
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

SIDE_BY_SIDE=8
CAPTURES='n, sc, uc, s, us, i, u, l, ul, f, d, b, e, text, p, *p, p->next, *p->next, ip, *ip, nul, *nul'
wanted=${2-}

gcc -std=gnu17 -g -w -fwrapv -o "$WORK/conditions" "$E2E/conditions.c"
"$WORK/conditions" truths >"$WORK/truths"
total=$(wc -l <"$WORK/truths")
awk -v step="$((total / ${wanted:-$total}))" 'NR % step == 0' "$WORK/truths" >"$WORK/some"
rows=$(head -n 1 "$WORK/some" | cut -f 2)
succeeds "all calls are recorded" "$VIRTRACE" record -q "${RECORD_OPTIONS[@]}" --force -o "$WORK/all" -e "select_call $CAPTURES" -- "$WORK/conditions"

# Rows of the calls in a trace, as 0s and 1s.
selected() {
	"$VIRTRACE" export -f csv "$@" >"$T/calls.csv" 2>"$T/said" || { echo "$(tail -n 1 "$T/said")" | tr '\t\n' '  '; return; }
	awk -F, -v n=${#rows} '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == "n" || $i == "entry.n") column = i }
		NR > 1 { is[$column] = 1 }
		END { for (i = 0; i < n; i++) printf "%d", i in is }' "$T/calls.csv"
}

# One condition: what the compiler, record and report say of it.
try() {
	T=$(mktemp -d "$WORK/try.XXXXXX")
	local recorded
	if "$VIRTRACE" record -q --max-pause 0 --force -o "$T/t" -x "$1" -e 'select_call n' -- "$WORK/conditions" 2>"$T/said"; then
		recorded=$(selected "$T/t")
	else
		recorded=$(tr '\t\n' '  ' <"$T/said")
	fi
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$recorded" "$(selected --if "$1" "$WORK/all")"
	rm -rf "$T"
}
export -f try selected
export VIRTRACE WORK rows

tr '\t' '\n' <"$WORK/some" | xargs -d '\n' -n 2 -P $SIDE_BY_SIDE bash -c 'try "$@"' try >"$WORK/results"
is "every condition was tried" "$(wc -l <"$WORK/some")" "$(wc -l <"$WORK/results")"
awk -F'\t' '$2 != $3' "$WORK/results" | sort >"$WORK/record.wrong"
awk -F'\t' '$2 != $4' "$WORK/results" | sort >"$WORK/report.wrong"
: >"$WORK/none"
# What has no value is counted by both.
undecided() { sed -n 's/^virtrace: \([0-9]*\) calls are left out: .*/\1/p' "$1"; }
"$VIRTRACE" record --max-pause 0 --force -o "$WORK/t" -x 'nul->a == 1' -e 'select_call n' -- "$WORK/conditions" >"$WORK/ran" 2>"$WORK/said" || true
"$VIRTRACE" report --if 'nul->a == 1' "$WORK/all" >"$WORK/report" 2>"$WORK/reviewed" || true
is "record --if counts the calls for which the condition has no value" "${#rows}" "$(undecided "$WORK/said")"
is "report --if counts as many" "${#rows}" "$(undecided "$WORK/reviewed")"
same "record --if selects what C says" "$WORK/none" "$WORK/record.wrong"
same "report --if selects what C says" "$WORK/none" "$WORK/report.wrong"
finish
