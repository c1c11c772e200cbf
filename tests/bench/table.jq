# What summary.jq made, as tables for people.

def median: sort | .[(length - 1) / 2 | floor];
# Three digits.
def digits:
	if . >= 100 or . == 0 then round
	else . as $x | pow(10; 2 - (log10 | floor)) as $scale | $x * $scale | round | . / $scale
	end | tostring;
def left($n): . + " " * ([$n - length, 1] | max);
def right($n): " " * ([$n - length, 1] | max) + .;

# "median ±half of the range"
def cell: if . == null or length == 0 then "-" else "\(median | digits) ±\(((max - min) / 2 / median * 100) | round)%" end;

def against($reference):
	if . == null or $reference == null then "-"
	else . as $v | [range([$v, $reference | length] | min) as $i | select($reference[$i] > 0) | $v[$i] / $reference[$i]]
		| if length == 0 then "-" else "×" + (median | digits) end
	end;

def tables: [
	{ work: "hot", title: "hot: a function called in a loop, entry and return recorded; µs a call", reference: "floor, same",
	  timed: ["1 thread", "4 threads"], other: [["recorded", "recorded %"]] },
	{ work: "blockinfo", title: "blockinfo: virDomainGetBlockInfo of libvirtd, three functions; ms, median of a client's calls",
	  reference: "untraced", timed: ["1 client", "4 clients"], other: [["recorded", "recorded %"], ["bytes", "bytes a call"]] },
	{ work: "pause", title: "pause: a client's longest call while a tool attaches and detaches; ms", reference: "virtrace",
	  timed: ["pause"], other: [["ready", "ready, s"], ["CPU", "CPU, s"], ["memory", "peak, MB"]] },
	{ work: "trace", title: "trace: printing a million calls; s of CPU time", reference: "babeltrace2",
	  timed: ["seconds"], other: [["memory", "peak, MB"]] }
];

def row($table; $reference):
	. as $c
	| ($c.name | left(18))
	+ if $c.excuse then "cannot: \($c.excuse)"
	  else ([$table.timed[] as $m | ($c.values[$m] | cell | right(15)) + ($c.values[$m] | against($reference[$m]) | right(9))] | add)
	     + ([$table.other[] as [$m, $_] | $c.values[$m] | cell | right(15)] | add)
	  end;

.machine as $machine | .works as $works
| "virtrace \(.version | ltrimstr("virtrace ")); \($machine)",
  (tables[] as $t | $works[$t.work] | values
   | (map(select(.name == $t.reference)) | .[0].values // {}) as $reference
   | "", $t.title,
     ("" | left(18)) + ([$t.timed[] | right(15) + ("×" + $t.reference | .[0:8] | right(9))] | add) + ([$t.other[][1] | right(15)] | add),
     (.[] | row($t; $reference))),
  "",
  (.aims[] | (if .met then "met   " else "MISSED" end) + " " + (.aim | left(42)) + (.value | digits | right(8)) + "   \(.sense) \(.limit)")
