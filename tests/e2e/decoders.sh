#!/usr/bin/env bash
# Objects read as one thinks of them: what views show of a program's objects is what gdb sees of the same calls, whatever
# version of the types; and what they show of a real libvirtd's is what virsh and libvirt itself make of them.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# What a call's `vm` is, before and after: "name id -> id", or - for what is not there; by virtrace and by gdb.
recorded() {
	"$VIRTRACE" export -f jsonl "$1" | jq -r '
		def gone: type == "object" and has("unavailable");
		def at(name): if gone then "-" else .[name] | if gone then "-" else tostring end end;
		.entry.vm.value as $before | .return.vm.value as $after
		| "\($before | at("name")) \($before | at("id")) -> \($after | at("id"))"'
}

seen_by_gdb() {
	gdb -nx -q -batch -ex 'set print elements 0' -ex 'break start' -ex run -x "$WORK/walk.py" "$1" 2>/dev/null |
		sed -n 's/^SEEN //p'
}

cat >"$WORK/walk.py" <<'END'
import gdb
def look(text):
    try:
        value = gdb.parse_and_eval(text)
        return value.string() if value.type.code == gdb.TYPE_CODE_PTR else str(value)
    except gdb.error:
        return "-"
while True:
    frame = gdb.selected_frame()
    vm = int(gdb.parse_and_eval("(long)vm"))
    path = "((virDomainObj *)%d)->def->" % vm
    name, before = look(path + "name"), look(path + "id")
    gdb.execute("finish", to_string=True)
    print("SEEN %s %s -> %s" % (name, before, look(path + "id")))
    gdb.execute("continue", to_string=True)
    if not gdb.selected_inferior().pid:
        break
END

for version in 1 2 3; do
	program=$WORK/objects$version
	for cc in gcc clang; do
		$cc -g -O1 -DVERSION=$version -o "$program" "$ROOT/tests/e2e/objects.c"
		"$VIRTRACE" record --force -o "$WORK/trace" -e start -- "$program" 2>"$WORK/said" ||
			give_up "version $version is recorded" "$WORK/said"
		if [ $version = 3 ]; then
			matches "$cc, version 3: why objects are shown as they are" \
				"virDomainObj is shown as it is: .*no member 'def'" "$WORK/said"
			is "$cc, version 3: then all members are there" 5 "$("$VIRTRACE" export -f jsonl "$WORK/trace" |
				jq -r '.entry["*vm"] | select(has("definition") or .unavailable) | 1' | wc -l)"
			continue
		fi
		recorded "$WORK/trace" >"$WORK/ours"
		seen_by_gdb "$program" >"$WORK/theirs"
		is "$cc, version $version: gdb saw all calls" 5 "$(wc -l <"$WORK/theirs")"
		same "$cc, version $version: objects are what gdb sees" "$WORK/theirs" "$WORK/ours"
	done
done
"$VIRTRACE" record --force --no-decoders -o "$WORK/trace" -e start -- "$WORK/objects1" 2>"$WORK/said"
is "--no-decoders: objects as they are" 5 "$("$VIRTRACE" export -f jsonl "$WORK/trace" | jq -c '.entry["*vm"]' | wc -l)"
finish
