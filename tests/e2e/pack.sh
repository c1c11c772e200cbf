#!/usr/bin/env bash
# A trace as one file: packed, read as it is, unpacked, redacted; archives made to do harm; torn traces mended. The
# oracles are tar, zstd, babeltrace2 and grep.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

export TMPDIR=$WORK/tmp
mkdir "$TMPDIR"
make -s -C "$ROOT" BUILD="$BUILD" "$BUILD/tests/review/hostile" || give_up "the trace is made"
"$ROOT/$BUILD/tests/review/hostile" "$WORK/calls" || give_up "the trace is made"
cd "$WORK"

# said WHAT STATUS PATTERN ARGUMENT...: virtrace exits so, and a line on stderr matches.
said() {
	local what=$1 expected=$2 pattern=$3 status=0
	shift 3
	timeout 60 "$VIRTRACE" "$@" >out 2>err </dev/null || status=$?
	is "$what: exit status" "$expected" "$status"
	matches "$what: message" "$pattern" err
}

nothing_left() { is "$1: nothing is left in TMPDIR" "" "$(ls -A "$TMPDIR")"; }
nothing_there() { [ -z "$(ls -A "$TMPDIR")" ]; }
something_there() { ! nothing_there; }
events() { babeltrace2 --clock-cycles --no-delta "$1"; }

# pack
said "pack" 0 "^virtrace: calls.tar.zst: [0-9]+ events, [0-9]+ bytes" pack calls
nothing_left "pack"
is "only its owner can read it" 600 "$(stat -c %a calls.tar.zst)"
zstd -dc calls.tar.zst | tar tvf - >list || give_up "tar reads it"
is "all is in one directory, the owner's alone" "" "$(grep -vE '^(drwx|-rw-)------ 0/0 .* calls/' list || true)"
said "pack again" 1 "calls.tar.zst exists already" pack calls
said "pack with --force" 0 "calls.tar.zst" pack --force calls
"$VIRTRACE" pack -o - calls >piped 2>err || give_up "pack to a pipe" err
mkdir through
zstd -dc piped | tar xf - -C through
events calls >expected
events through/calls >got
same "pack to a pipe" expected got
said "pack what is no trace" 1 "is not a trace" pack "$TMPDIR"

cp -r -- calls "-k\$(x)äse"
said "pack a trace of an odd name" 0 "calls|se" pack -- "-k\$(x)äse"
is "its directory has a plain one" "trace/" "$(zstd -dc -- "-k\$(x)äse.tar.zst" | tar tf - | head -n 1 | cut -d/ -f1)/"

# read as it is
for arguments in "report --plain" "export -f jsonl" "export -f csv"; do
	# shellcheck disable=SC2086
	"$VIRTRACE" $arguments calls >expected 2>err || give_up "$arguments" err
	# shellcheck disable=SC2086
	"$VIRTRACE" $arguments calls.tar.zst >got 2>err || give_up "$arguments of a packed trace" err
	same "$arguments of a packed trace" expected got
	nothing_left "$arguments of a packed trace"
done

# However it ends, the unpacked trace goes.
for signal in INT TERM KILL; do
	mkfifo held
	env --default-signal=INT "$VIRTRACE" report --plain calls.tar.zst >held &
	reader=$!
	exec 3<held
	wait_until 20 something_there || failed "a packed trace is unpacked into TMPDIR"
	kill -"$signal" "$reader"
	wait "$reader" 2>/dev/null || true
	exec 3<&-
	rm held
	succeeds "killed by SIG$signal while it reads: nothing is left" wait_until 20 nothing_there
done

# unpack
said "unpack" 1 "calls exists already" unpack calls.tar.zst
said "unpack -o" 0 "unpacked into other" unpack -o other calls.tar.zst
is "the directory is its owner's alone" 700 "$(stat -c %a other)"
events calls >expected
events other >got
same "babeltrace2 reads the same of it" expected got
zstd -dc calls.tar.zst | tar xf - -C "$TMPDIR"
events "$TMPDIR/calls" >got
same "tar unpacks it too" expected got
rm -r "$TMPDIR/calls"

# redact
said "redact strings" 0 "[0-9]+ values are redacted" pack --redact strings -o hidden.tar.zst calls
said "unpack it" 0 "unpacked" unpack hidden.tar.zst
for text in "own parent" "of the one before" "4711,.*=<x>"; do
	succeeds "'$text' was there" grep -rqaE -- "$text" calls calls/.virtrace
	is "'$text' is not there any more" 1 "$(grep -rqaE -- "$text" hidden hidden/.virtrace && echo 0 || echo $?)"
done
is "babeltrace2 reads as many events" "$(wc -l <expected)" "$(events hidden | wc -l)"
"$VIRTRACE" export -f jsonl hidden.tar.zst >hidden.jsonl
is "all that is left of strings is why" '[{"unavailable":"redacted"}]' \
	"$(jq -sc 'map(.entry.name) | unique' hidden.jsonl)"
is "numbers are left" "$("$VIRTRACE" export -f jsonl calls | jq -s 'map(.return."$ret" // 0) | add')" \
	"$(jq -s 'map(.return."$ret" // 0) | add' hidden.jsonl)"
"$VIRTRACE" report --plain hidden.tar.zst >out
matches "report says so" "name = .*<redacted>" out
matches "report says what" "^# redacted, so not in this copy: strings" <("$VIRTRACE" report hidden.tar.zst)
matches "the command line is redacted" '"<redacted>"' hidden/.virtrace/info.json
said "redact an expression" 0 "[0-9]+ values are redacted" pack --redact real -o real.tar.zst calls
is "only that is redacted" '[{"unavailable":"redacted"}] ["again"]' \
	"$("$VIRTRACE" export -f jsonl real.tar.zst | jq -sc 'map(select(.return).return.real) | unique' | tr '\n' ' ')$(
		"$VIRTRACE" export -f jsonl real.tar.zst | jq -sc 'map(.entry.name) | unique | map(select(. == "again"))')"
said "redact what was not recorded" 2 "nothing was recorded of 'nope'" pack --redact nope -o nope.tar.zst calls
matches "redact what was not recorded: what there is" "^ *.?virtrace:? *  name|^  name" err
is "redact what was not recorded: no file" no "$([ -e nope.tar.zst ] && echo yes || echo no)"

# What is redacted is nowhere in the copy: the texts that jq finds, in the bytes of all its files.
make -s -C "$ROOT" BUILD="$BUILD" "$BUILD/tests/review/traces" || give_up "the trace with messages is made"
"$ROOT/$BUILD/tests/review/traces" qmp asked
"$VIRTRACE" export -f jsonl asked >asked.jsonl
# texts FILTER: what it finds in the calls, a JSON string a line; no addresses
texts() { jq -r "[$1 | .. | strings | select(startswith(\"0x\") | not)] | unique[] | @json" asked.jsonl | sort -u; }
# found: those that are in the files of the folder `copy`
found() {
	python3 -c 'import json, os, sys
blob = b"".join(open(os.path.join(d, f), "rb").read() for d, _, files in os.walk("copy") for f in files)
for line in sys.stdin:
    if json.loads(line).encode() in blob: print(line, end="")'
}
# leaves_out WHAT FILTER OPTION...
leaves_out() {
	local what=$1
	texts "$2" >texts.txt
	shift 2
	rm -rf copy
	cp -r asked copy
	same "$what: all of it was there" texts.txt <(found <texts.txt)
	rm -rf copy
	"$VIRTRACE" pack --force "$@" -o copy.tar.zst asked 2>err && "$VIRTRACE" unpack -o copy copy.tar.zst 2>err || give_up "$what" err
	succeeds "$what: there were some" test -s texts.txt
	is "$what: none of it is there any more" "" "$(found <texts.txt)"
}
leaves_out "redact strings" '.entry, .return' --redact strings
leaves_out "redact a name" '.entry["domain->name"]' --redact 'domain->name'
leaves_out "redact an expression of several functions" '.entry.path' --redact path
leaves_out "redact QMP messages" '.entry.line, .entry["msg->txBuffer"]' --redact line --redact 'msg->txBuffer'
is "there is no QMP any more" 0 "$("$VIRTRACE" export -f jsonl copy.tar.zst | grep -c query-blockstats)"
said "redact a member: all of its struct goes" 0 "the same recorded of something else is not" pack --force --redact 'info->allocation' -o copy.tar.zst asked
is "a number that came with a reply stays in it" "1 0" "$("$VIRTRACE" export -f jsonl copy.tar.zst | jq -sr '
	[any(.[]; (.entry.line // "") | contains("\"wr_highest_offset\": 135168")), any(.[]; .return["*info"].allocation)] | map(if . then 1 else 0 end) | join(" ")')"

# Archives made to do harm
harm() {
	local what=$1 pattern=$2
	said "$what" 1 "$pattern" report "$what.tar.zst"
	nothing_left "$what"
	said "$what, unpacked" 1 "$pattern" unpack -o harm "$what.tar.zst"
	is "$what, unpacked: no directory" no "$([ -e harm ] && echo yes || echo no)"
}
python3 - calls "$WORK" <<'END'
import io, os, sys, tarfile
trace, where = sys.argv[1:]
def archive(name, *entries):
    with tarfile.open(f"{where}/{name}.tar", "w") as tar:
        tar.add(trace, "calls")
        for path, kind, data in entries:
            info = tarfile.TarInfo(path)
            info.type, info.linkname = kind, data if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            content = data if kind == tarfile.REGTYPE else b""
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
FILE = tarfile.REGTYPE
archive("traversal", ("calls/../../evil", FILE, b"x"))
archive("absolute", (f"{where}/evil", FILE, b"x"))
archive("symlink", ("calls/stream_000009", tarfile.SYMTYPE, f"{where}/evil"))
archive("through-symlink", ("calls/sub", tarfile.SYMTYPE, where), ("calls/sub/evil", FILE, b"x"))
archive("hardlink", ("calls/stream_000009", tarfile.LNKTYPE, "calls/metadata"))
archive("device", ("calls/stream_000009", tarfile.CHRTYPE, b""))
archive("fifo", ("calls/stream_000009", tarfile.FIFOTYPE, b""))
archive("twice", ("calls/metadata", FILE, b"x"))
archive("stranger", ("calls/README", FILE, b"x"))
with tarfile.open(f"{where}/bomb.tar", "w") as tar:
    info = tarfile.TarInfo("calls/stream_000000")
    info.size = 3 << 30
    tar.addfile(info, open("/dev/zero", "rb"))
END
for file in *.tar; do zstd -q --rm "$file" 2>err || give_up "zstd" err; done
for what in traversal absolute symlink through-symlink hardlink device fifo stranger; do
	harm "$what" "is not a trace, nor a packed one"
done
harm twice "has a file twice: metadata"
harm bomb "would become 1000 times as large"
is "nothing was written outside" no "$([ -e evil ] || [ -e ../evil ] && echo yes || echo no)"
head -c 3000 calls.tar.zst >cut.tar.zst
harm cut "damaged|not a trace"
head -c 3000 /dev/urandom >noise.tar.zst
harm noise "is not a trace, nor a packed one"
: >empty.tar.zst
harm empty "is not a trace, nor a packed one"
gzip -c expected >gzip.tar.zst
harm gzip "is not a trace, nor a packed one"
said "a FIFO" 1 "is not a trace" report <(true)

# recover
said "a whole trace" 0 "nothing to mend" recover calls
is "a whole trace: no copy" no "$([ -e calls.recovered ] && echo yes || echo no)"
cp -r calls torn
last=$(ls torn/stream_* | tail -n 1)
truncate -s -5 "$last"
rm torn/metadata
is "babeltrace2 refuses the torn trace" no "$(babeltrace2 torn >/dev/null 2>&1 && echo yes || echo no)"
said "a torn trace" 0 "lost: events of [0-9]+ bytes" recover torn
matches "a torn trace: what else" "metadata was lost: made anew" err
# One event is lost, and one says so.
is "babeltrace2 reads all but the last event, and that one is lost" "$(wc -l <expected)" "$(events torn.recovered | wc -l)"
matches "the copy says what it lacks" "1 lost" <("$VIRTRACE" report torn.recovered)
said "the copy is whole" 0 "nothing to mend" recover torn.recovered
said "again" 1 "torn.recovered exists already" recover torn
said "in place" 0 "^virtrace: torn: [0-9]+ events" recover --in-place torn
is "in place: the torn one is kept" yes "$([ -e "torn.torn/${last#*/}" ] && echo yes || echo no)"
events torn >got || true
events torn.recovered >expected
same "in place: the same copy" expected got
nothing_left "recover"

finish
