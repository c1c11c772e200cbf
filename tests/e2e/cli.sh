#!/usr/bin/env bash
# What virtrace says and how it exits when it is asked for what cannot be: every message names what is wrong and what helps.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=tests/e2e/victim.sh
. "$E2E/victim.sh"

cp "$WORK/victim" "$WORK/stripped"
strip "$WORK/stripped"
cc -O1 -c -DONE -o "$WORK/one.o" "$ROOT/tests/e2e/twins.c"
cp "$ROOT/tests/e2e/twins.c" "$WORK/other.c"
cc -O1 -c -o "$WORK/two.o" "$WORK/other.c"
cc -o "$WORK/twins" "$WORK/one.o" "$WORK/two.o"

# usage
fails "no command" 2 "usage: virtrace"
fails "unknown command" 2 "no command 'recrod'" recrod
# Every command says in the same words what is wrong with an option.
for command in record list doctor repair selftest report tree stats diff info explain export pack unpack recover; do
	fails "$command: unknown option" 2 "^virtrace: there is no option '--nonsense'$" "$command" --nonsense
	says "$command: where the options are" "^'virtrace $command --help' lists them$"
	fails "$command: unknown letter" 2 "^virtrace: there is no option '-Z'$" "$command" -Z
	fails "$command: value too many" 2 "^virtrace: option '--help' takes no value$" "$command" --help=no
done
fails "misspelt option" 2 "did you mean '--preset'" record --prest x
fails "too little of an option" 2 "'--no-d' may mean '--no-decoders', '--no-debuginfod'" record --no-d
fails "option without its value" 2 "^virtrace: option '--pid' needs a value$" record --pid
fails "letter without its value" 2 "^virtrace: option '-p' needs a value$" list -tp
fails "a pid that is no number" 2 "-p needs a number" record -p abc
fails "pid and name" 2 "exclude each other" record -p 1 -n x
fails "no such preset" 2 "no preset 'nope'" record --preset nope
says "no such preset: what there is" "block-info"

# target
fails "no such pid" 1 "no process .*99999999|no such process" record -p 99999999 -e f -o "$WORK/t"
fails "no such name" 1 "no process is called 'no-such-daemon'" record -n no-such-daemon -e f -o "$WORK/t"
fails "no such command" 1 "no-such-program" record -e main -o "$WORK/t" -- "$WORK/no-such-program"
rm -rf "$WORK/t"
start_victim
cp "$WORK/victim" "$WORK/second"
(exec -a victim "$WORK/victim") </dev/zero >/dev/null &
second=$!
fails "two of one name" 2 "2 processes are called 'victim'" record -n victim -e work -o "$WORK/t"
says "two of one name: candidates" "-p $victim "
kill -KILL $second
wait $second 2>/dev/null || true

# functions and expressions
record_fails() {
	local what=$1 status=$2 pattern=$3
	shift 3
	fails "$what" "$status" "$pattern" record -p "$victim" -o "$WORK/t" "$@"
	succeeds "$what: no trace is left" test ! -e "$WORK/t"
}
record_fails "no such function" 4 "no function 'wrok'" -e wrok
says "no such function: near match" "did you mean.*work"
fails "a module that may come" 0 "waiting for nope.so!work" record -p "$victim" -o "$WORK/later" -e 'nope.so!work' -d 0.01
record_fails "syntax error" 2 "\^" -e 'work request->'
record_fails "unknown member" 2 "no member|has no" -e 'work request->numbr'
says "unknown member: near match" "number"
says "unknown member: caret" '^ *\^'
record_fails "unknown parameter" 2 "reqest" -e 'work reqest->number'
record_fails "filter that means nothing" 2 "--if" -e work --if 'nothing == 1'
mkdir "$WORK/t2"
touch "$WORK/t2/mine"
# Alternatives in presets: names that other versions of a program have.
printf '%s\n' '[newer]' 'in = what' '[work]' 'instead-of = newer' 'in = times' '[main]' 'instead-of = newer' >"$WORK/first.ini"
fails "the first function there is stands in for the others" 0 " 1 function, " \
	record -p "$victim" --preset "$WORK/first.ini" -o "$WORK/alternatives" -d 0.01
is "it is the one that comes first" " work" "$(sed -n 's/^ .*us\( .*\)$/\1/p' "$WORK/err" | tr -s ' ')"
is "nothing is said of the others" "" "$(grep warning "$WORK/err" || true)"
printf '%s\n' '[newer]' 'in = what' '[older]' 'instead-of = newer' '[work]' 'in = times' >"$WORK/none.ini"
fails "none of several functions is there" 0 "warning: no function 'newer'" \
	record -p "$victim" --preset "$WORK/none.ini" -o "$WORK/lenient" -d 0.01
is "which is said once" 1 "$(grep -c warning "$WORK/err")"
# What several missing functions have in common is said once, and no other names are guessed.
printf '%s\n' '[wrok]' 'in = what' '[wokr]' 'in = what' '[work]' 'in = times' >"$WORK/lacking.ini"
fails "functions of a preset are not there" 0 "warning: no function 'wokr'" \
	record -p "$victim" --preset "$WORK/lacking.ini" -o "$WORK/lacking" -d 0.01
is "no other is proposed" "" "$(grep 'did you mean' "$WORK/err" || true)"
fails "existing output" 1 "exists|is there" record -p "$victim" -e work -o "$WORK/t2"
fails "existing output that is no trace, with --force" 1 "not a trace" record --force -p "$victim" -e work -o "$WORK/t2"
succeeds "it is left alone" test -e "$WORK/t2/mine"
fails "output in no folder" 1 "No such file" record -p "$victim" -e work -o "$WORK/no/t"

# permission
if command -v setpriv >/dev/null; then
	chmod 711 "$WORK"
	status=0
	setpriv --reuid=65534 --regid=65534 --clear-groups "$VIRTRACE" record -p "$victim" -e work -o /tmp/none.$$ \
		>"$WORK/out" 2>"$WORK/err" || status=$?
	is "not permitted: exit status" 5 $status
	says "not permitted: remedy" "root"
	status=0
	env -u XDG_RUNTIME_DIR setpriv --reuid=65534 --regid=65534 --clear-groups "$VIRTRACE" record -e 'libc.so.6!getpid' \
		-o /tmp/none.$$ -- sh -c : >"$WORK/out" 2>"$WORK/err" || status=$?
	is "no place for the journal: exit status" 1 $status
	says "no place for the journal: message" "XDG_RUNTIME_DIR is not set"
	says "no place for the journal: remedy" "export XDG_RUNTIME_DIR="
fi

# already traced: by another of us
start_record "$WORK/said" -p "$victim" -e work -o "$WORK/first" || give_up "recording the victim" "$WORK/said"
fails "already traced" 5 "already traced by virtrace\[$recorder\]" record -p "$victim" -e work -o "$WORK/t"
tell call
stop_record
matches "the first one recorded the call" "1 calls, 0 lost" "$WORK/said"
fails "existing trace" 1 "force" record -p "$victim" -e work -o "$WORK/first"
end_victim

# a program that ends or becomes another while it is recorded
ends() {
	local what=$1 last=$2 pattern=$3 status=0
	rm -rf "$WORK/t"
	start_victim
	start_record "$WORK/said" -p "$victim" -e work -o "$WORK/t" || give_up "$what" "$WORK/said"
	tell call
	order "$last"
	wait "$recorder" || status=$?
	recorder=
	wait "$victim" 2>/dev/null || true
	is "$what: exit status" 3 $status
	matches "$what: message" "$pattern" "$WORK/said"
	is "$what: the call is in the trace" 1 \
		"$("$VIRTRACE" export -f jsonl "$WORK/t" | jq -s 'map(select(.status == "returned")) | length')"
}
ends "exit while recording" exit "exited with status 7"
ends "death while recording" die "killed by SIGKILL"
ends "exec while recording" "exec" "executed another program"

# stripped, foreign, ambiguous
start_victim "$WORK/stripped"
printf '%s\n' '[work]' 'module = stripped' '[other]' 'module = stripped' '[getpid]' 'module = libc.so.6' >"$WORK/static.ini"
fails "a preset for a stripped program" 0 "warning: no function 'other' in stripped" \
	record -p "$victim" --preset "$WORK/static.ini" -o "$WORK/static" -d 0.01
is "that it is stripped is said once" 1 "$(grep -c 'stripped is stripped' "$WORK/err")"
is "so is the remedy" 1 "$(grep -c 'virtrace doctor' "$WORK/err")"
fails "stripped program" 4 "no function 'work'" record -p "$victim" -e 'stripped!work' -o "$WORK/t"
says "stripped program: why" "stripped|debug info"
end_victim
start_victim "$WORK/twins"
fails "ambiguous name" 2 "'twin' means several functions" record -p "$victim" -e twin -o "$WORK/t"
says "ambiguous name: candidates" "other.c:twin"
start_record "$WORK/said" -p "$victim" -e 'other.c:twin' -o "$WORK/twin" || give_up "one of the two" "$WORK/said"
stop_record
passed "the file's name chooses one of them"
start_record "$WORK/said" -p "$victim" -e 'o*.c:twin' -e 'other.c:twin' -e 'other.c:twin x' -o "$WORK/once" || give_up "named twice" "$WORK/said"
stop_record
matches "named twice: it is one function" "1 thread, 1 function" "$WORK/said"
matches "named twice: it is said" "warning: twin is named twice" "$WORK/said"
end_victim

# pause(2) for ever, for the i386: 29 is its number there
printf '.globl _start\n_start: mov $29, %%eax\n int $0x80\n jmp _start\n' | as --32 -o "$WORK/i386.o"
ld -m elf_i386 -o "$WORK/i386" "$WORK/i386.o"
"$WORK/i386" &
victim=$!
fails "32-bit program" 1 "32-bit" record -p "$victim" -e _start -o "$WORK/t"
end_victim

# the disk is full: the trace stays readable, the rest is counted
if mkdir "$WORK/small" && mount -t tmpfs -o size=256k none "$WORK/small" 2>/dev/null; then
	trap 'umount "$WORK/small"; clean_up' EXIT
	start_victim
	start_record "$WORK/said" -p "$victim" -e work -o "$WORK/small/t" || give_up "full disk" "$WORK/said"
	for ((i = 0; i < 4000; i++)); do tell call; done
	stop_record || true
	matches "full disk: it is told" "No space left" "$WORK/said"
	matches "full disk: what is lost is counted" " [1-9][0-9]* lost" "$WORK/said"
	succeeds "full disk: the program goes on" tell call
	succeeds "full disk: the trace is readable" "$VIRTRACE" report "$WORK/small/t"
	succeeds "full disk: babeltrace2 reads it" babeltrace2 "$WORK/small/t"
	end_victim
	umount "$WORK/small"
	trap clean_up EXIT
else
	echo "ok $((checks += 1)) - full disk # SKIP cannot mount a small file system"
fi

# a command begins with the signals that virtrace began with
grep '^Sig[BI]' /proc/self/status >"$WORK/expected"
"$VIRTRACE" record -o "$WORK/signals" -e 'libc.so.6!getpid' -- grep '^Sig[BI]' /proc/self/status \
	>"$WORK/actual" 2>"$WORK/err" || true
same "started command: signals" "$WORK/expected" "$WORK/actual"

# traces
fails "no such trace" 1 "No such file|no trace" report "$WORK/none"
mkdir "$WORK/empty"
fails "an empty directory" 1 "not a trace" report "$WORK/empty"
cp -r "$WORK/first" "$WORK/torn"
truncate -s 100 "$WORK/torn/metadata"
fails "torn metadata" 1 "metadata" report "$WORK/torn"
cp -r "$WORK/first" "$WORK/noise"
for file in "$WORK"/noise/stream*; do
	dd if=/dev/urandom of="$file" bs=1k count=64 conv=notrunc status=none
done
status=0
"$VIRTRACE" report "$WORK/noise" >"$WORK/out" 2>&1 || status=$?
is "noise for a stream: exit status" 1 $status
matches "noise for a stream: it is said, and what to do" "the trace is damaged: stream.* 'virtrace recover'" "$WORK/out"
fails "unknown format" 2 "no format 'pdf'|unknown format 'pdf'" export -f pdf "$WORK/first"
fails "bad filter" 2 '\^' report --if '$ret <' "$WORK/first"
fails "list: no such function" 4 "wrok" list "$WORK/victim" wrok
fails "list: no such type" 4 "nope" list "$WORK/victim" --types nope
fails "list: no ELF file" 1 "not an ELF" list "$ROOT/README.md"

finish
