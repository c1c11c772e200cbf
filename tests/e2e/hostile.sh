#!/usr/bin/env bash
# What others have put in the way of virtrace: names, files, limits, signals; a daemon that is none.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/victim.sh
. "$E2E/victim.sh"

start_victim
start_record "$WORK/said" -p "$victim" -e work -o "$WORK/one" || give_up "recording" "$WORK/said"
tell call
stop_record

# closed: ARGUMENT...: virtrace without stdin, stdout and stderr; its exit status
closed() {
	local status=0
	timeout 60 "$VIRTRACE" "$@" <&- >&- 2>&- || status=$?
	echo $status
}
is "without descriptors: a recording" 0 "$(closed record -p "$victim" -e work -d 0.1 -o "$WORK/closed")"
is "without descriptors: the trace is one" 0 "$("$VIRTRACE" report "$WORK/closed" >/dev/null && echo $?)"
is "without descriptors: what cannot be told is an error" 1 "$(closed report "$WORK/one")"
is "without descriptors: usage" 2 "$(closed record --nonsense)"

# limited LIMIT ARGUMENT...: virtrace with a limit of prlimit(1)
limited() {
	local limit=$1 status=0
	shift
	timeout 60 prlimit "$limit" "$VIRTRACE" "$@" </dev/null 2>&1 | cat >"$WORK/out" || status=$? # a file would be limited, too
	echo $status
}
for n in 3 4 5 6 8 12 16; do
	for command in "record -p $victim -e work -d 0.1 --force -o $WORK/limited" "report $WORK/one" "export -f jsonl $WORK/one" \
		"list $WORK/victim" "pack --force -o $WORK/limited.pack $WORK/one" "repair --all"; do
		# shellcheck disable=SC2086
		status=$(limited --nofile=$n $command)
		[ "$status" -lt 128 ] || failed "$n descriptors: ${command%% *} ends with $status"
	done
done
passed "with few descriptors nothing dies"
for bytes in 0 1000 8000 100000; do
	for command in "record -p $victim -e work -d 0.1 --force -o $WORK/limited" "export --force -f jsonl -o $WORK/limited.json $WORK/one" \
		"pack --force -o $WORK/limited.pack $WORK/one"; do
		# shellcheck disable=SC2086
		status=$(limited --fsize=$bytes $command)
		[ "$status" = 0 ] || matches "files of $bytes bytes: ${command%% *} says why it ends" "File too large" "$WORK/out"
	done
done
is "files of no bytes: nothing is left half written" "" "$(ls "$WORK"/limited.*.* 2>/dev/null || true)"

# /run is full: the journal is a file there
if unshare -m mount -t tmpfs -o size=8k none /run 2>/dev/null; then
	status=0
	unshare -m sh -c 'mount -t tmpfs -o size=8k none /run && exec timeout 60 "$@"' sh \
		"$VIRTRACE" record -p "$victim" -e work -d 0.1 -o "$WORK/full" 2>"$WORK/err" || status=$?
	is "/run is full: exit status" 1 "$status"
	says "/run is full: it is said" "no room for the journal.*No space left"
	succeeds "/run is full: the program goes on" tell call
else
	echo "ok $((checks += 1)) - /run is full # SKIP cannot mount"
fi

# many signals while it ends
for signal in INT TERM HUP; do # the shell has let what it starts ignore SIGQUIT
	start_record "$WORK/said" -p "$victim" -e work --force -o "$WORK/storm" || give_up "storm of SIG$signal" "$WORK/said"
	pid=$recorder recorder=
	while kill -"$signal" "$pid" 2>/dev/null; do :; done
	status=0
	wait "$pid" || status=$?
	is "a storm of SIG$signal while it ends" 0 "$status"
done
end_victim

# export writes as pack does: for its owner, over nothing, through nothing
export_to() { "$VIRTRACE" export -f jsonl -o "$@" "$WORK/one"; }
succeeds "export: a new file" export_to "$WORK/new.jsonl"
is "export: for its owner alone" 600 "$(stat -c %a "$WORK/new.jsonl")"
echo precious >"$WORK/there"
fails "export: a file that is there" 1 "exists already; --force overwrites it" export -f jsonl -o "$WORK/there" "$WORK/one"
is "export: it stays" precious "$(cat "$WORK/there")"
ln -s there "$WORK/link"
ln -s nowhere "$WORK/dangling"
fails "export: a link" 1 "exists already" export -f jsonl -o "$WORK/link" "$WORK/one"
fails "export: a link that leads nowhere" 1 "exists already" export -f jsonl -o "$WORK/dangling" "$WORK/one"
fails "pack: a link that leads nowhere" 1 "exists already" pack -o "$WORK/dangling" "$WORK/one"
is "export: nothing is written through it" no "$([ -e "$WORK/nowhere" ] && echo yes || echo no)"
succeeds "export --force: the link goes, not what it leads to" export_to "$WORK/link" --force
is "export --force: that stays" "precious file" "$(cat "$WORK/there") $([ -L "$WORK/link" ] && echo link || echo file)"
mkfifo "$WORK/fifo"
for command in "export -f jsonl" pack; do
	# shellcheck disable=SC2086
	fails "${command%% *}: a FIFO is not replaced" 1 "is no file" $command --force -o "$WORK/fifo" "$WORK/one"
done

# a hostile name
cc -O2 -o "$WORK/comm" "$ROOT/tests/harm/comm.c"
for name in "'';id;#" '$(id)' '`id`' "a b'c" '-rf *' $'x\n\ty'; do
	(
		cd "$WORK"
		rm -rf virtrace.*
		"$WORK/comm" "$name" 20 >comm.said &
		pid=$!
		trap 'kill $pid' EXIT
		wait_until 20 grep -q '^pid ' comm.said
		"$VIRTRACE" record -p $pid -e hot_f -d 0.1 2>err
	) || give_up "recording $name" "$WORK/err"
	directory=$(basename "$WORK"/virtrace.*)
	succeeds "called ${name@Q}: only safe characters in the name of the trace" grep -Exq '[A-Za-z0-9._+-]+' <<<"$directory"
	(cd "$WORK" && PATH=$(dirname "$VIRTRACE"):$PATH bash -c "$(sed -n 's/^virtrace: next: *//p' err)") >"$WORK/pasted" 2>&1 || true
	matches "called ${name@Q}: the hint, pasted" " hot_f" "$WORK/pasted"
	succeeds "called ${name@Q}: nothing else is run" sh -c '! grep -q "uid=" "$1"' sh "$WORK/pasted"
done
odd="$WORK/it's; id #"
cp -r "$WORK/one" "$odd"
"$VIRTRACE" stats "$odd" 2>"$WORK/err" || true
# shellcheck disable=SC2016
PATH=$(dirname "$VIRTRACE"):$PATH bash -c "$(sed -n 's/.*As in: //p' "$WORK/err")" >"$WORK/pasted" 2>&1 || true
matches "a trace of a hostile name: the hint, pasted" "PER_SEC" "$WORK/pasted"

# A process that has mapped libvirt's driver: only code of one's own makes it the daemon.
cc -shared -fPIC -x c -o "$WORK/libvirt_driver_qemu.so" - <<<'int driver;'
cc -O1 -o "$WORK/daemon" "$ROOT/tests/e2e/victim.c" -Wl,--no-as-needed "$WORK/libvirt_driver_qemu.so" "-Wl,-rpath,$WORK"
chmod 755 "$WORK"
# found WHO...: record in a world with these processes: "other" has the code mapped, "reader" only reads it, "own" is root's
found() {
	timeout 60 unshare -p -f --mount-proc bash -c '
		work=$1 virtrace=$2
		shift 2
		for who; do
			case $who in
			own) coproc V { exec "$work/daemon"; } ;;
			other) coproc V { exec setpriv --reuid=65534 --clear-groups "$work/daemon"; } ;;
			reader) coproc V { exec python3 -c "if True:
				import mmap, sys
				m = mmap.mmap(open(sys.argv[1]).fileno(), 0, prot=mmap.PROT_READ)
				print(\"ready\", flush=True)
				sys.stdin.read()" "$work/libvirt_driver_qemu.so"; } ;;
			esac 2>/dev/null
			read -r line <&"${V[0]}"
			eval "exec {in$who}>&${V[1]}" # so that the next one does not end it
			pids+=" $who=$V_PID"
		done
		"$virtrace" record -e work -d 0.1 --force -o "$work/found" && echo "traced$pids"
		kill -KILL $(jobs -p)
	' bash "$WORK" "$VIRTRACE" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || true
	sed -n 's/.*recording daemon\[\([0-9]*\)\].*/\1/p' "$WORK/err"
}
is "another user's process is not taken for the daemon" "" "$(found other)"
says "it is said how to trace it nevertheless" "another user's: to trace it nevertheless, say -p [0-9]"
is "who only reads the file is not" "" "$(found reader)"
says "none was found" "no running libvirtd or virtqemud was found"
for others in "" other reader "other reader"; do
	# shellcheck disable=SC2086
	pid=$(found own $others)
	matches "one's own is${others:+, beside $others}" "traced own=$pid( |$)" "$WORK/out"
done

finish
