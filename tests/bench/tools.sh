# The contestants: how each tool is told to record the work, and how many events
# it recorded. What it is told is in a file of its own, hot.d/TOOL or
# blockinfo.d/TOOL, in which @NAME@ stands for the variable NAME. Sourced.
# shellcheck shell=bash

TRACEFS=/sys/kernel/tracing
READY_SECONDS=20
tool=0 # the pid of the tool that runs
mounted=

# telling FOLDER TOOL: the file it is told with, names filled in.
telling() {
	local file=$WORK/$2.told name
	cp "$BENCH/$1/$2" "$file"
	for name in VICTIM LINE LIBVIRT DRIVER GATHER WORK TARGET; do
		sed -i "s|@$name@|${!name-}|g" "$file"
	done
	echo "$file"
}

# perf keeps its probes in tracefs, and mounts it where nobody else does.
mount_tracefs() {
	[ -e $TRACEFS/uprobe_events ] && return
	mount -t tracefs nodev $TRACEFS 2>"$WORK/err" || return
	mounted=yes
}

unmount_tracefs() {
	[ -z "$mounted" ] || umount $TRACEFS 2>/dev/null || true
	mounted=
}

plant_perf() {
	local file probe
	mount_tracefs || return
	perf probe -q -d 'virtrace_bench:*' 2>/dev/null || true
	while read -r file probe; do
		# Some words of it are arguments of their own.
		# shellcheck disable=SC2086
		perf probe -f -x "$file" "virtrace_bench:${probe%% *}" ${probe#* } 2>>"$WORK/err" || return
	done <"$1"
}

# attach FOLDER TOOL PID FUNCTION...: records until detach; returns when it is
# ready. False, and the reason in $WORK/err, if the tool cannot.
attach() {
	local folder=$1 name=$2 pid=$3 told TARGET=$3
	shift 3
	: >"$WORK/err"
	: >"$WORK/out"
	rm -rf "$WORK/trace" "$WORK/ready"
	told=$(telling "$folder" "$name")
	[ "$name" != perf ] || plant_perf "$told" || return
	start_tool "$name" "$pid" "$told"
	tool=$!
	wait_until $READY_SECONDS planted_or_ended "$pid" "$@" || echo "error: it was not ready after $READY_SECONDS s" >>"$WORK/err"
	planted "$pid" "$@"
}

start_tool() {
	local name=$1 pid=$2 told=$3 probes=()
	case $name in
	virtrace) run "$VIRTRACE" record -p "$pid" -o "$WORK/trace" --preset "$told" ;;
	gdb | dprintf) run gdb -nx -q -batch -p "$pid" -x "$told" ;;
	bpftrace) run bpftrace -p "$pid" "$told" ;;
	ltrace)
		while read -r probe; do probes+=(-x "$probe"); done < <(sed 's|^[a-z]* \([A-Za-z_]*\)(.*|\1|' "$told")
		run ltrace -f -L "${probes[@]}" -F "$told" -o "$WORK/out" -p "$pid"
		;;
	perf) run perf record -q -e 'virtrace_bench:*' -p "$pid" -o "$WORK/trace" ;;
	esac
}

# A background process of a script ignores Ctrl-C unless told otherwise.
run() { env --default-signal=INT "$@" >>"$WORK/out" 2>>"$WORK/err" & }

is_int3() { [ "$(dd if="/proc/$1/mem" bs=1 count=1 skip="$2" status=none | od -An -tx1)" = ' cc' ]; }

# Ready is a tool that has planted its breakpoints, and waits. The sign of it is an
# int3 at each function; gdb has them behind the prologue, and tells.
planted() {
	local pid=$1 address
	[ ! -e "$WORK/ready" ] || return 0
	for address in "${@:2}"; do
		is_int3 "$pid" "$address" || return
	done
	grep -q '^State:[[:space:]]*S' "/proc/$tool/status"
}

planted_or_ended() { planted "$@" || ! kill -0 $tool; }

detach() {
	[ "$tool" != 0 ] || return 0 # signals to 0 go to ourselves
	kill -INT $tool 2>/dev/null || true
	wait $tool 2>/dev/null || true
	tool=0
}

# recorded TOOL: how many entries and returns it has.
recorded() {
	case $1 in
	virtrace) babeltrace2 "$WORK/trace" | grep -vc ' virtrace:' ;;
	ltrace) echo $(($(grep -c ' = ' "$WORK/out") * 2)) ;;
	perf)
		perf script -i "$WORK/trace" 2>/dev/null | grep -c 'virtrace_bench:'
		perf probe -q -d 'virtrace_bench:*' 2>/dev/null
		;;
	*) grep -Ec '^(enter|leave) ' "$WORK/out" ;;
	esac || true
}

# Why a tool could not: its errors, or else the last it said, on one line.
excuse() {
	local said
	said=$(grep -i error "$WORK/err" | grep -v RLIMIT_MEMLOCK | head -n 2 | paste -s -d " ") || true
	[ -n "$said" ] || said=$(grep -v -e '^[[:space:]]*$' -e RLIMIT_MEMLOCK "$WORK/err" | tail -n 1) || true
	[ -n "$said" ] || said=$(tail -n 1 "$WORK/out")
	cut -c 1-200 <<<"${said:-it did not get ready, and did not say why}"
}
