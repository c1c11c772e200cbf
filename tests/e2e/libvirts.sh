#!/usr/bin/env bash
# The presets on a daemon with functions and structs of older libvirts (libvirts.c): what they record, `report` and
# `explain` say of it is what the daemon itself says that it sent, received and told its clients.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# build VERSION: the daemon and its two libraries, in a folder of that name.
build() {
	local dir=$WORK/$1
	local how=(-std=gnu17 -g -O2 -Wall -Wextra -Werror "-DVERSION=$1" -pthread "$E2E/libvirts.c" "-Wl,-rpath,$dir")
	mkdir "$dir"
	"${CC:-gcc}" -fPIC -shared -DPART_LIBVIRT "${how[@]}" -o "$dir/libvirt.so.0"
	"${CC:-gcc}" -fPIC -shared -DPART_QEMU "${how[@]}" "$dir/libvirt.so.0" -o "$dir/libvirt_driver_qemu.so"
	"${CC:-gcc}" "${how[@]}" "$dir/libvirt_driver_qemu.so" "$dir/libvirt.so.0" -o "$dir/daemon"
}

# What the daemon says, and the calls it made, as lines of JSON.
said() { jq -c "$1" "$WORK/daemon.said"; }
named='def member(name): with_entries(select(.key | test("(->|[.])" + name + "$")))[];'
calls() { jq -c "$named $1" "$WORK/calls"; }

# run VERSION: the daemon's whole life, recorded with all presets.
run() {
	local daemon go
	rm -f "$WORK/go"
	mkfifo "$WORK/go"
	"$WORK/$1/daemon" <"$WORK/go" >"$WORK/daemon.said" &
	daemon=$!
	exec {go}>"$WORK/go"
	wait_until 30 grep -q ready "$WORK/daemon.said" || give_up "version $1 starts"
	start_record "$WORK/said" --force -o "$WORK/trace" -p $daemon --preset "$ROOT/tracer/presets/block-info-qmp.ini" \
		--preset "$ROOT/tracer/presets/job-lock.ini" --preset "$ROOT/tracer/presets/domain-lifecycle.ini" ||
		give_up "version $1 is recorded" "$WORK/said"
	echo >&"$go"
	exec {go}>&-
	wait $daemon || failed "the daemon ends as it should"
	stop_record || true # the daemon ended first
	"$VIRTRACE" export -f jsonl "$WORK/trace" | jq -cs 'sort_by(.id)[]' >"$WORK/calls"
}

check() {
	local version=$1 missing=$2 receives=$3
	run "$version"
	is "$version: of what the daemon has only this is not there" "$missing" \
		"$(sed -n 's/^virtrace: warning: \(.*:.*\)/\1/p' "$WORK/said")"

	said 'select(.sent) | [.tid, .mon, .sent]' | sort >"$WORK/expected"
	calls 'select(.function == "qemuMonitorSend")
		| [.tid, .entry.mon, (.entry["msg->txBuffer"] | rtrimstr("\r\n") | fromjson)]' | sort >"$WORK/actual"
	is "$version: it sent 24 requests" 24 "$(wc -l <"$WORK/expected")"
	same "$version: every request is recorded" "$WORK/expected" "$WORK/actual"
	said 'select(.received) | [.tid, .mon, .received]' | sort >"$WORK/expected"
	calls "select(.function == \"$receives\") | .tid as \$tid | .entry.mon as \$mon | .entry | (.line // .data)
		| if \"$receives\" == \"qemuMonitorJSONIOProcess\" then split(\"\\r\\n\")[:-1][] else . end | [\$tid, \$mon, fromjson]" |
		sort >"$WORK/actual"
	same "$version: every message is recorded, by $receives()" "$WORK/expected" "$WORK/actual"

	# A reply is received by the event loop and belongs to the call that waited: its size, in that thread's line.
	sed -n 's/^{"answered": \(.*\), "mon": .*"tid": \([0-9]*\)}$/\2 \1/p' "$WORK/daemon.said" |
		awk '{ tid = $1; sub(/^[0-9]+ /, ""); print tid, length($0) }' | sort >"$WORK/expected"
	"$VIRTRACE" report "$WORK/trace" |
		sed -nE 's/^#[0-9]+ +[0-9:.]+ +([0-9]+) .* qemuMonitorSend\(.*QMP query-[a-z]+ -> ([0-9]+) bytes, .*/\1 \2/p' |
		sort >"$WORK/actual"
	same "$version: report has every reply at the call that waited for it" "$WORK/expected" "$WORK/actual"

	# No two replies have a number in common.
	said 'select(.told) | [.tid, (.capacity, .allocation, .physical | tostring)]' | sort >"$WORK/expected"
	calls 'select(.function == "virDomainGetBlockInfo")
		| [.tid, (.return["*info"] | .capacity, .allocation, .physical | tostring)]' | sort >"$WORK/actual"
	same "$version: clients were told what is recorded" "$WORK/expected" "$WORK/actual"
	jq -r '.told // empty | "capacity return[0].inserted.image.virtual-size",
		"allocation return[0].parent.stats.wr_highest_offset",
		"physical return[0].inserted.image.actual-size"' "$WORK/daemon.said" | sort >"$WORK/expected"
	: >"$WORK/explained"
	for id in $(jq 'select(.function == "virDomainGetBlockInfo").id' "$WORK/calls"); do
		for member in capacity allocation physical; do
			"$VIRTRACE" explain --json "$WORK/trace" "#$id.info->$member" >>"$WORK/explained" ||
				failed "#$id.info->$member can be explained"
		done
	done
	jq -r '"\(.path | sub("info->"; "")) \(.steps[-1].path)"' "$WORK/explained" | sort >"$WORK/actual"
	same "$version: explain names the place in the reply" "$WORK/expected" "$WORK/actual"
	is "$version: explain answers for all" 36 "$(wc -l <"$WORK/explained")"
	is "$version: and the reply that has this number" 0 "$(jq --slurpfile said "$WORK/daemon.said" '. as $it
		| [$said[] | select(.received.id == $it.steps[-1].id and (.received | [.. | numbers | tostring] | index($it.value)))]
		| select(length != 1)' "$WORK/explained" | wc -l)"

	said 'select(.job) | [.tid, .job, .holder, .tid]' >"$WORK/expected"
	calls 'select(.function == "qemuDomainObjBeginJobInternal" and .return["$ret"] == 0)
		| [.tid, .entry["obj->def->name"], (.entry | member("owner")), (.return | member("owner"))]' >"$WORK/actual"
	# The daemon says it when it has the lock, and there are two of them.
	same "$version: who held the lock, and who got it" <(sort "$WORK/expected") <(sort "$WORK/actual")
	succeeds "$version: some waited for it" jq -se 'any(.[2] != 0)' "$WORK/expected"
	is "$version: it was let go as often" 12 "$(calls 'select(.function == "qemuDomainObjEndJob"
		and (.entry | member("ownerAPI")) == "remoteDispatchDomainGetBlockInfo")' | wc -l)"

	said 'select(.state) | [.state, .from, .to, .reason]' >"$WORK/expected"
	calls '{ VIR_DOMAIN_NOSTATE: 0, VIR_DOMAIN_RUNNING: 1, VIR_DOMAIN_SHUTOFF: 5 } as $states
		| select(.function == "virDomainObjSetState") | .entry
		| [.["dom->def->name"], $states[.["(virDomainState)dom->state.state"]], $states[.state], .reason]' >"$WORK/actual"
	same "$version: the states of the guests" "$WORK/expected" "$WORK/actual"
	calls 'select(.function == "qemuProcessStart")
		| [.function, .entry["vm->def->name"], .entry.flags, .return["vm->pid"]]' \
		>"$WORK/actual"
	calls 'select(.function == "qemuProcessStop")
		| [.function, .entry["vm->def->name"], .entry.reason, .entry["vm->pid"]]' \
		>>"$WORK/actual"
	cat >"$WORK/expected" <<-END
		["qemuProcessStart","alpha",1,4000]
		["qemuProcessStart","beta",1,4001]
		["qemuProcessStop","alpha","VIR_DOMAIN_SHUTOFF_DESTROYED",4000]
		["qemuProcessStop","beta","VIR_DOMAIN_SHUTOFF_DESTROYED",4001]
	END
	same "$version: they were started and stopped" "$WORK/expected" "$WORK/actual"
}

build 1
check 1 "qemuProcessStop: 'asyncJob' is neither a parameter of qemuProcessStop() nor a variable of libvirt_driver_qemu.so" \
	qemuMonitorJSONIOProcess
build 7
check 7 "" qemuMonitorJSONIOProcessLine
finish
