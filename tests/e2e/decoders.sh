#!/usr/bin/env bash
# Objects read as one thinks of them: what views show of a program's objects is what gdb sees of the same calls,
# whatever version of the types; and what they show of a real libvirtd's is what virsh and libvirt itself make of them.
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
# A real table of GLib, of which the program happens to know the struct.
# shellcheck disable=SC2046 # options are words
gcc -g -O1 -DVERSION=2 -DPROGRAM -o "$WORK/table" "$ROOT/tests/unit/symbols/tables.c" $(pkg-config --cflags --libs glib-2.0)
mkfifo "$WORK/go"
"$WORK/table" <"$WORK/go" >"$WORK/theirs" &
victim=$!
exec {go}>"$WORK/go"
start_record "$WORK/said" --force -o "$WORK/trace" -p $victim -e 'use table => ' ||
	give_up "a program with a table is recorded" "$WORK/said"
echo >&"$go"
wait $victim
stop_record || true # the process ended first
"$VIRTRACE" export -f jsonl "$WORK/trace" | jq -c .entry.table >"$WORK/ours"
is "GLib saw two tables" 2 "$(wc -l <"$WORK/theirs")"
same "tables are what GLib itself finds in them" "$WORK/theirs" "$WORK/ours"

"$VIRTRACE" record --force --no-decoders -o "$WORK/trace" -e start -- "$WORK/objects1" 2>"$WORK/said"
is "--no-decoders: objects as they are" 5 "$("$VIRTRACE" export -f jsonl "$WORK/trace" | jq -c '.entry["*vm"]' | wc -l)"

# The real thing.
start_testbed libvirtd
virsh() { "$TESTBED" virsh "$@"; }
start_record "$WORK/said" --force -o "$WORK/trace" -p "$DAEMON" -s 30000 -e 'virDomainGetBlockInfo domain' \
	-e 'qemuDomainGetBlockInfo dom' -e '*DomainObjBeginJob obj' -e 'virJSONValueFromString jsonstring => $ret' ||
	give_up "libvirtd is recorded" "$WORK/said"
virsh domblkinfo demo vda >/dev/null
virsh domstats demo >/dev/null
virsh qemu-monitor-command demo '{"execute":"query-block"}' >/dev/null
stop_record || failed "virtrace ends with status 0"
"$VIRTRACE" export -f jsonl "$WORK/trace" >"$WORK/calls"
is "virDomainPtr is the domain that virsh named" "demo $(virsh domid demo | head -n 1)" \
	"$(jq -r 'select(.function == "virDomainGetBlockInfo") | .entry.domain.value | "\(.name) \(.id)"' "$WORK/calls")"
is "so is virDomainObjPtr, in all calls" "demo $(virsh domid demo | head -n 1)" \
	"$(jq -r 'select(.function | endswith("DomainObjBeginJob")) | .entry.obj.value | "\(.name) \(.id)"' "$WORK/calls" | sort -u)"
jq -c 'select(.function == "virJSONValueFromString" and (.return["$ret"] | has("truncated") | not))
	| [(.entry.jsonstring | fromjson), .return["$ret"]]' "$WORK/calls" >"$WORK/parsed"
succeeds "libvirt parsed some JSON" [ "$(wc -l <"$WORK/parsed")" -ge 5 ]
is "what libvirt made of it is the same JSON" 0 "$(jq -c 'select(.[0] != .[1])' "$WORK/parsed" | wc -l)"
succeeds "the daemon is untraced and alive" untraced "$DAEMON"
finish
