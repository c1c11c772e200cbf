# Completion of virtrace for fish.
#
# Commands, options and formats are asked of the program itself, so that what is completed is what it has.

function __virtrace_presets
    set -l bin (path dirname (command -s virtrace))
    set -l config $HOME/.config
    set -q XDG_CONFIG_HOME; and set config $XDG_CONFIG_HOME
    for file in {$config/virtrace,/etc/virtrace,$bin/../share/virtrace,$bin/../tracer}/presets/*.ini
        string replace -r '.*/(.*)\.ini$' '$1' $file
    end
end

# What follows an option; fails if nothing has to.
function __virtrace_value --argument-names command option
    switch $command:$option
        case '*:-p' '*:--pid'
            __fish_complete_pids
        case record:-n list:-n doctor:-n '*:--name'
            cat /proc/*/comm 2>/dev/null | sort -u
        case '*:--preset'
            __virtrace_presets
            string match -q '*/*' -- (commandline -ct); and __fish_complete_path
            true
        case 'export:-f' '*:--format'
            virtrace export -f list 2>/dev/null | string replace -r ' +' \t
        case '*:--color'
            printf '%s\n' auto always never
        case '*:--unit'
            printf '%s\n' bytes ns none
        case '*:--redact'
            echo strings
        case '*:-o' '*:--output'
            __fish_complete_path
        case '*:--debuginfo'
            __fish_complete_directories
        case '*:-*'
            # anything else that takes a value, as "-x, --if EXPR" in the help
            virtrace $command --help 2>/dev/null | string match -qr -- "^ +(-., +)?$option(, --[a-z0-9-]+)? [A-Z]"
        case '*'
            return 1
    end
end

function __virtrace_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l command $words[2]
    if test -z "$command"
        virtrace --help 2>/dev/null | string match -v '  virtrace *' | string replace -fr '^  ([a-z]+) +(.*)' '$1\t$2'
        return
    end
    if contains -- -- $words
        __fish_complete_command
        return
    end
    __virtrace_value $command $words[-1]; and return
    if string match -q -- '-*' $word
        virtrace $command --help 2>/dev/null |
            string replace -fr '^ +(?:-., +)?(--[a-z0-9-]+)\S*(?: [A-Z]+)? *(.*)' '$1\t$2'
        return
    end
    switch $command
        case record doctor selftest
        case repair
            string replace -r '.*/(\d+)\..*' '$1' /run/virtrace/*.*
        case list
            __fish_complete_path
        case '*'
            __fish_complete_directories $word
            __fish_complete_suffix .tar.zst | string match '*.tar.zst*'
    end
end

complete -c virtrace -f -a '(__virtrace_complete)'
