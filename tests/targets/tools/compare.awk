# Compare what virtrace recorded of a target with what gdb saw.
#
#	awk -v name=CELL/TARGET -v optimized=0|1 -v own=OWN -v doubts=DOUBTS -f compare.awk \
#		TRUTH GDB OURS
#
# OWN is a list of source files whose functions are compared in backtraces.  DOUBTS are the `unsure`
# lines of the target.
#
# TRUTH is what gdb saw of the unoptimised build: the same calls with the same values (but for
# addresses), so what the true values are.  In an optimised build gdb often says <optimized out>, and
# now and then shows a wrong value, at a function's first instruction; ours must be what gdb says, or
# else the true value.  It must be the true value even if gdb agrees with it.

function fail(key, why)
{
	failed++
	printf "FAIL %s: %s: %s\n", name, key, why
	printf "     gdb   %s\n     ours  %s\n", gdb[key], ours[key]
	if (optimized)
		printf "     true  %s\n", truth[key]
}

# `// unsure: FUNCTION EXPR`: ours may say <optimized out>, though gdb trusts it.
function unsure(key)
{
	split(key, parts, "[# ]")
	sub(/^[^ ]* [^ ]* /, "", key)
	return ours[parts[1] "#" parts[2] " " parts[3] " " key] == "<optimized out>" && \
		index(doubts, ";" parts[1] " " key ";")
}

# Addresses differ between builds.
function masked(value)
{
	gsub(/0x[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]+/, "0xADDRESS", value)
	return value
}

# In a backtrace frame 0 stands before the prologue here and behind it there.
function comparable(key, value)
{
	if (key ~ / bt 0$/)
		sub(/ .*/, "", value)
	# gdb does not tell a NULL pointer from a bad one.
	if (value ~ /^<error: Cannot access memory at address 0x[0-9a-f][0-9a-f]?[0-9a-f]?>$/)
		value = "<null>"
	return value
}

FNR == 1 {
	pass++ # not FILENAME: TRUTH and GDB may be the same file
}

{
	at = index($0, " = ")
	if ($2 == "bt") {
		# Only the targets' own code: the C library may have debug information or not.
		if (!index(" " own " ", " " substr($4, 1, index($4, ":") - 1) " "))
			next
		key = $1 " bt " frames[pass, $1]++ + 0
		value = $3 " " $4
	} else if (at) {
		key = substr($0, 1, at - 1)
		value = substr($0, at + 3)
	} else {
		key = $0
		value = ""
	}
	value = comparable(key, value)
	split($1, call, "#")
}

pass == 1 {
	truth[key] = value
	true_calls[call[1]] = call[2]
}

pass == 2 {
	gdb[key] = value
	gdb_calls[call[1]] = call[2]
	order[++n] = key
}

pass == 3 {
	ours[key] = value
	if (!(key in gdb)) {
		fail(key, "gdb has nothing of this")
		order[++n] = key
	}
}

# Copies and inlining may have changed how often a function is called.
function truth_known(key)
{
	split(key, parts, "#")
	return key !~ / bt / && (key in truth) && true_calls[parts[1]] == gdb_calls[parts[1]]
}

# gdb 13 prefers the line of a statement's start to that of the call itself.
function is_true_frame(key)
{
	return key ~ / bt / && ours[key] == truth[key]
}

END {
	for (i = 1; i <= n; i++) {
		key = order[i]
		if (!(key in gdb))
			continue
		if (!(key in ours)) {
			fail(key, "not recorded")
			continue
		}
		is_true = truth_known(key) && masked(ours[key]) == masked(truth[key])
		gdb_lies = truth_known(key) && masked(gdb[key]) != masked(truth[key])
		if (optimized && truth_known(key) && !is_true && ours[key] != "<optimized out>")
			fail(key, "not the true value")
		else if (ours[key] != gdb[key] && \
			 !(optimized && (gdb_lies || unsure(key) || is_true_frame(key))))
			fail(key, "not what gdb says")
		else
			passed++
	}
	printf "%s: %d passed, %d failed\n", name, passed, failed
	exit failed != 0
}
