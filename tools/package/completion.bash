# bash completion for bramble, bramble-ctl, bramble-passwd and bramble-bench: they are asked what they take.

# The options, or with -c the commands, that `$@ --help` tells of.
_bramble_words() {
    local pattern='(^|[[:space:],(|[])-{1,2}[[:alnum:]][[:alnum:].-]*'
    "$@" --help 2>/dev/null | grep -oE -- "$pattern" | grep -oE -- '-{1,2}[[:alnum:]][[:alnum:].-]*' | sort -u
}

_bramble_commands() {
    local name=${1##*/}
    "$1" --help 2>/dev/null | sed -nE "s/^(Usage:|usage:| ) *$name ([a-z][a-z-]+) .*/\2/p; s/^  ([a-z]+)  +.*/\1/p"
}

_bramble() {
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} command=()
    COMPREPLY=()
    case ${program##*/} in
        bramble-ctl | bramble-bench)
            if [ "$COMP_CWORD" = 1 ] && [ "${word#-}" = "$word" ]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_bramble_commands "$program")" -- "$word")
                return
            fi
            [ "${program##*/}" = bramble-bench ] || command=("${COMP_WORDS[1]}")
            ;;
    esac
    if [ "${word#-}" != "$word" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_bramble_words "$program" "${command[@]}")" -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

complete -F _bramble bramble bramble-ctl bramble-passwd bramble-bench
