#!/usr/bin/env bash
# The code that is copied into the traced process stands alone: nothing in it
# refers to anything outside, and it uses no register that it does not save.
#
#	tests/e2e/inside.sh
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

for build in build build-clang; do
	object=$ROOT/$build/tracer/probe/inside.o
	readelf -rW "$object" | sed -n "/'.relavirtrace_inside'/,/^$/p" >"$WORK/relocations"
	objdump -d -j virtrace_inside "$object" >"$WORK/code"
	is "$build: it refers to its own beginning only" "" \
		"$(awk '/R_X86_64/ && $5 != "__start_virtrace_inside"' "$WORK/relocations")"
	is "$build: it calls nothing but itself" "" "$(grep -P '\tcall' "$WORK/code" | grep -vP 'call +[0-9a-f]+ <on_trap>$' || true)"
	is "$build: no vector, no thread-local storage" "" "$(grep -E '%([xyz]mm|fs|gs|st)' "$WORK/code" || true)"
	matches "$build: the handler begins where branches may go" 'endbr64' "$WORK/code"
done
finish
