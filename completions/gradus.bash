# Completion of gradus and gradus-double for bash: what there is, the program says itself.
_gradus() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} words=
    compopt +o nospace 2>/dev/null
    case $COMP_CWORD,${COMP_WORDS[1]} in
    1,*) words='losses eval plot choose help --help --version' ;;
    2,help) words='losses eval plot choose' ;;
    2,losses) words="$("$program" losses --names 2>/dev/null) --json --names --help" ;;
    2,eval) words="$("$program" losses --names 2>/dev/null) --help" ;;
    *,losses) words='--json --names' ;;
    *,eval)
        words="$("$program" losses "${COMP_WORDS[2]}" --names 2>/dev/null) --reduction --grad --grad2"
        [ "${COMP_WORDS[COMP_CWORD - 1]}" = --reduction ] && words='mean sum none batchmean'
        ;;
    *,choose) words='--target --task --try --folds --steps --seed --help' ;;
    *,plot) words="$("$program" losses --names 2>/dev/null) --from --to --out --help" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    case ${COMPREPLY[0]} in *=) compopt -o nospace 2>/dev/null ;; esac
}
complete -o default -F _gradus gradus gradus-double
