# From the lines "work, contestant, measure, value" that the benchmark writes to
# what is kept of it: all values, their medians, and the aims.

def median: sort | if length == 0 then null else .[(length - 1) / 2 | floor] end;

# Values of two contestants, divided round by round: the median.
def ratio($a; $b):
	if $a == null or $b == null then null
	else [range([$a, $b | length] | min) as $i | select($b[$i] > 0) | $a[$i] / $b[$i]] | median
	end;

# The lowest value of each round.
def lowest: map(select(. != null)) | if length == 0 then null else transpose | map(map(select(. != null)) | min) end;

def aim($work; $text; $sense; $limit; $value):
	select($value != null)
	| { work: $work, aim: $text, limit: $limit, sense: $sense, value: $value,
	    met: (if $sense == "at most" then $value <= $limit else $value >= $limit end) };

def values($work; $name; $measure): .[$work] | if . then map(select(.name == $name)) | .[0].values[$measure] else null end;

def best_floor($measure): [values("hot"; "floor, same", "floor, kernel", "floor, apart"; $measure)] | lowest;

def aims:
	. as $works
	| ("1 thread", "4 threads") as $n
	| [ aim("hot"; "virtrace : the best floor, \($n)"; "at most"; 1.3; ratio(values("hot"; "virtrace"; $n); best_floor($n))),
	    aim("hot"; "gdb : virtrace, \($n)"; "at least"; 20; ratio(values("hot"; "gdb"; $n); values("hot"; "virtrace"; $n))),
	    aim("hot"; "bpftrace : virtrace, \($n)"; "at least"; 1; ratio(values("hot"; "bpftrace"; $n); values("hot"; "virtrace"; $n))) ];

def other_aims:
	[ aim("hot"; "virtrace, 4 threads : 1 thread"; "at most"; 1;
	      ratio(values("hot"; "virtrace"; "4 threads"); values("hot"; "virtrace"; "1 thread"))),
	  (("1 client", "4 clients") as $n
	   | aim("blockinfo"; "virtrace : untraced, \($n)"; "at most"; 1.05;
		 ratio(values("blockinfo"; "virtrace"; $n); values("blockinfo"; "untraced"; $n)))),
	  aim("blockinfo"; "bytes of trace a call"; "at most"; 200; values("blockinfo"; "virtrace"; "bytes") | values | median),
	  aim("pause"; "gdb : virtrace"; "at least"; 15;
	      ratio(values("pause"; "gdb"; "pause"); values("pause"; "virtrace"; "pause"))),
	  aim("trace"; "virtrace report : babeltrace2, time"; "at most"; 3;
	      ratio(values("trace"; "virtrace report"; "seconds"); values("trace"; "babeltrace2"; "seconds"))),
	  aim("trace"; "memory of virtrace report, MB"; "at most"; 512;
	      values("trace"; "virtrace report"; "memory") | values | median) ];

def contestants: group_by(.[1]) | map({
	name: .[0][1],
	first: (map(.[4]) | min),
	excuse: (map(select(.[2] == "excuse") | .[3]) | first // null),
	values: (map(select(.[2] != "excuse")) | group_by(.[2]) | map({ key: .[0][2], value: map(.[3] | tonumber) }) | from_entries),
}) | sort_by(.first) | map(del(.first));

split("\n") | map(select(length > 0) | split("\t")) | to_entries | map(.value + [.key])
| group_by(.[0]) | map({ key: .[0][0], value: contestants }) | from_entries
| { version: $version, machine: $machine, works: ., aims: ([aims[]] + other_aims) }
