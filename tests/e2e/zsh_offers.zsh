#!/usr/bin/env -S zsh -f
# What an interactive zsh offers for a command line, of which the last word is being typed, one a line:
#
#	zsh_offers.zsh FOLDER-OF-COMPLETIONS WORD...
#
# A zsh in a terminal of its own is sent the words and a tab. There all that is to be offered goes through compadd.
zmodload zsh/zpty zsh/parameter

SETUP=$(mktemp)
trap 'rm -f $SETUP' EXIT
cat >$SETUP <<'END'
PROMPT= RPROMPT=
stty -echo
autoload -U compinit
compinit -D -u
compadd() {
	local -a offered
	# Those with -O, -A and -D ask what would be offered.
	if [[ ${(j: :)@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
		builtin compadd "$@"
		return
	fi
	builtin compadd -O offered "$@"
	print -rl -- offered:${^offered}
	builtin compadd "$@"
}
offer() {
	unset 'compstate[vared]'
	_main_complete
	print -r -- offered-all
}
zle -C offer complete-word offer
bindkey '^I' offer
print ready-to-offer
END

zpty shell zsh -f -i
zpty -w shell "fpath=(${(q)1} \$fpath); . $SETUP"
zpty -r -m shell said '*ready-to-offer*' || exit
zpty -w -n shell "${(j: :)@[2,-1]}"$'\t'
zpty -r -m shell said '*offered-all*' || exit
print -rl -- ${${(M)${(f)${said//$'\r'/}}:#*offered:*}#*offered:}
zpty -d shell
