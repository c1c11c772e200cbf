#!/usr/bin/env bash
# What is installed beside the program: man pages that name all commands and options the program has and no others, and
# that mandoc takes; completion that offers them, in bash, zsh and fish.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

PREFIX_DIR=$WORK/usr
SHARE=$PREFIX_DIR/share
into() { make -s -C "$ROOT" -j "$JOBS" "$@" >"$WORK/make.log" 2>&1 || give_up "make $*" "$WORK/make.log"; }
into install PREFIX="$PREFIX_DIR"
into install PREFIX=/usr DESTDIR="$WORK/root"
into all # as it was
export PATH=$PREFIX_DIR/bin:$PATH HOME=$WORK LC_ALL=C.UTF-8
cd "$WORK"

# options_in FILE: the long options that lines begin with, as "--help" and "-h, --help" do.
options_in() { sed -nE 's/^ *(-[a-z0-9], )?(--[a-z0-9-]+).*/\2/p' "$1" | sort -u; }

# page NAME.SECTION: as plain text.
page() { mandoc -T utf8 -O width=1000 "$SHARE/man/man${1##*.}/$1" | sed 's/.\x08//g'; }

# one_line: all words of the standard input.
one_line() { tr -s ' \n' ' '; }

# ---- installing
same "the same files with DESTDIR" <(cd usr && find . | sort) <(cd root/usr && find . | sort)
virtrace record --preset nope >said 2>&1 || true
matches "the program finds the presets installed with it" block-info-qmp said
virtrace list --decoders >said 2>&1 || true
matches "and the decoders" virDomainObj said

# ---- pages
virtrace --help | sed -nE '/^Examples/q; s/^  ([a-z]+) .*/\1/p' >commands
succeeds "there are commands" grep -qx record commands
page virtrace.1 >virtrace.txt
while read -r command; do
	virtrace "$command" --help >help
	page "virtrace-$command.1" >text
	options_in help >expected
	options_in text >named
	same "$command: the options of its page are those of its help" expected named
	# "--if EXPR" wants a word behind it, "--raw" none
	sed -nE 's/^ *(-[a-z0-9], )?(--[a-z0-9-]+)( [A-Z]+| strings)?.*/\2\3/p' help | sed -E 's/ .*/ VALUE/; /^--help$/d' >expected
	while read -r option _; do
		timeout 10 virtrace "$command" "$option" >said 2>&1 </dev/null || true
		grep -Eq -e "$option' needs a value" said && echo "$option VALUE" || echo "$option"
	done <expected >took
	same "$command: options take values where its help has one" expected took
	sed -n '/^Exit status: /,/^$/s/^Exit status: //p' help | one_line >status
	succeeds "$command: so is the exit status" grep -qiF -f status <(one_line <text)
	succeeds "$command: virtrace(1) names its page" grep -qF "virtrace-$command(1)" virtrace.txt
done <commands

for path in "$SHARE"/man/man?/*; do
	name=${path##*/}
	succeeds "$name: mandoc finds no error" mandoc -T lint -W error "$path"
	page "$name" | grep -oE 'virtrace(-[a-z]+)?\([15]\)' | sort -u >links
	while IFS='()' read -r link section; do
		[ -e "$SHARE/man/man$section/$link.$section" ] || echo "$link($section)"
	done <links >dangling
	same "$name: the pages it names are there" /dev/null dangling
done

virtrace export -f list | cut -d ' ' -f 1 | sort >formats
page virtrace-export.1 >export.txt
while read -r format; do
	matches "virtrace-export(1) has the format $format" "^ +$format\$" export.txt
done <formats

(cd "$ROOT/tracer/presets" && printf '%s\n' *.ini) | sed 's/\.ini$//' | sort >presets
page virtrace-probes.5 >probes.txt
while read -r preset; do
	matches "virtrace-probes(5) has the preset $preset" "^ +$preset\$" probes.txt
done <presets

# ---- completion
mkdir -p good.trace/.virtrace
touch good.tar.zst notes.txt

# Each prints what the shell offers for a command line of these words, the last of which is being typed.
in_bash() {
	# shellcheck disable=SC2016
	bash --norc -c 'source "$0" || exit
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		function=$(complete -p virtrace | sed "s/.*-F \([^ ]*\).*/\1/")
		"$function" virtrace "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' "$SHARE/bash-completion/completions/virtrace" "$@"
}
in_fish() {
	# shellcheck disable=SC2016
	fish --no-config -c 'source $argv[1]; complete -C "$argv[2..]"' "$SHARE/fish/vendor_completions.d/virtrace.fish" "$@" |
		cut -f 1 | sed 's,/$,,'
}

in_zsh() { "$E2E/zsh_offers.zsh" "$SHARE/zsh/site-functions" "$@"; }

for shell in bash fish zsh; do
	"in_$shell" virtrace '' | grep -v '^--' | sort >offered
	same "$shell: commands" <(sort commands) offered
	while read -r command; do
		virtrace "$command" --help >help
		options_in help >expected
		"in_$shell" virtrace "$command" -- | sort -u >offered
		same "$shell: options of $command" expected offered
	done <commands
	"in_$shell" virtrace export -f '' | sort >offered
	same "$shell: formats" formats offered
	"in_$shell" virtrace record --preset '' | sort -u >offered
	same "$shell: presets" presets offered
	is "$shell: a value after a short option" --unit "$("in_$shell" virtrace stats --uni)"
	is "$shell: colours" always "$("in_$shell" virtrace report --color al)"
	is "$shell: nothing for an expression" "" "$("in_$shell" virtrace report --if '')"
	is "$shell: nothing for an expression, short" "" "$("in_$shell" virtrace record -x '')"
	"in_$shell" virtrace record -p '' >offered
	matches "$shell: processes" "^$$\$" offered
	is "$shell: traces, also packed" "good.tar.zst good.trace" "$("in_$shell" virtrace report good | sort | one_line | sed 's/ $//')"
	is "$shell: no other files" "" "$("in_$shell" virtrace report not)"
	matches "$shell: commands to start" '^babeltrace2$' <("in_$shell" virtrace record -- babeltr)
done
finish
