# Completion of virtrace for bash.
#
# Commands, options and formats are asked of the program itself, so that what is completed is what it has.
# shellcheck shell=bash

# _virtrace_presets: their names, in the order in which virtrace searches them.
_virtrace_presets() {
	local program dir
	program=$(type -P "$1") || return 0
	for dir in "${XDG_CONFIG_HOME:-$HOME/.config}/virtrace" /etc/virtrace "${program%/*}"/../{share/virtrace,tracer}; do
		find "$dir/presets" -maxdepth 1 -name '*.ini' -printf '%f\n' 2>/dev/null
	done | sed 's/\.ini$//'
}

# _virtrace_value PROGRAM COMMAND OPTION WORD: completes what follows the option; fails if nothing has to.
_virtrace_value() {
	local words=
	case $2:$3 in
	*:-p | *:--pid) words=$(cd /proc && printf '%s\n' [0-9]*) ;;
	record:-n | list:-n | doctor:-n | *:--name) words=$(cat /proc/[0-9]*/comm 2>/dev/null) ;;
	*:--preset)
		words=$(_virtrace_presets "$1")
		[[ $4 != */* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$4")
		;;
	export:-f | *:--format) words=$("$1" export -f list 2>/dev/null | cut -d ' ' -f 1) ;;
	*:--color) words='auto always never' ;;
	*:--unit) words='bytes ns none' ;;
	*:--redact) words="strings" ;;
	*:-o | *:--output) mapfile -t COMPREPLY < <(compgen -f -- "$4") ;;
	*:--debuginfo) mapfile -t COMPREPLY < <(compgen -d -- "$4") ;;
	# anything else that takes a value, as "-x, --if EXPR" in the help
	*:-*) "$1" "$2" --help 2>/dev/null | grep -Eq -e "^ +(-., +)?$3(, --[a-z0-9-]+)? [A-Z]" || return 1 ;;
	*) return 1 ;;
	esac
	[ -z "$words" ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$4")
}

# _virtrace_argument PROGRAM COMMAND WORD: completes what is no option.
_virtrace_argument() {
	case $2 in
	record | doctor | selftest) ;;
	repair) mapfile -t COMPREPLY < <(compgen -W "$(cd /run/virtrace 2>/dev/null && printf '%s\n' [0-9]*.* | cut -d . -f 1)" -- "$3") ;;
	list) mapfile -t COMPREPLY < <(compgen -f -- "$3") ;;
	# traces: directories, and files that are packed
	*) mapfile -t COMPREPLY < <(compgen -d -- "$3"; compgen -f -X '!*.tar.zst' -- "$3") ;;
	esac
}

_virtrace() {
	local program=${1/#\~/$HOME} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} i
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "--help --version $("$program" --help 2>/dev/null |
			sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p' | grep -vx virtrace)" -- "$word")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
			return
		fi
	done
	compopt -o filenames 2>/dev/null
	_virtrace_value "$program" "$command" "$before" "$word" && return
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$program" "$command" --help 2>/dev/null |
			sed -nE 's/^ +(-., +)?(--[a-z0-9-]+).*/\2/p')" -- "$word")
	else
		_virtrace_argument "$program" "$command" "$word"
	fi
}

complete -F _virtrace virtrace
