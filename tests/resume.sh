#!/bin/sh
# Kills a training with kill -9 at random moments, lets it go on from its last checkpoint each time, and
# compares what it ends with: the same bits as a run that never stopped.
#
#   tests/resume.sh build/resume [KILLS [STEPS]]
#
# After each kill the checkpoint must be there, whole. At least one kill has to hit while a file is being
# written, which PATH.tmp shows; runs that end before KILLS were made are compared and begun anew.

set -u
program=$1
kills=${2:-5}
steps=${3:-400}

dir=$(mktemp -d "${TMPDIR:-/tmp}/gradus-resume-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

fail() {
    echo "resume: $*" >&2
    exit 1
}

# A number from 0 to $1 - 1.
random() {
    echo $(($(od -An -N4 -tu4 /dev/urandom | tr -d ' ') % $1))
}

begin=$(date +%s%N)
"$program" "$dir/whole" "$steps" || fail "the run that never stops failed"
span=$((($(date +%s%N) - begin) / 1000000))

last=$dir/last
killed=0 writing=0 ends=0

compare() {
    cmp -s "$dir/whole" "$last" || fail "after $killed kills a run ended with other bits"
    ends=$((ends + 1))
}

while [ "$killed" -lt "$kills" ] || { [ "$writing" -eq 0 ] && [ "$killed" -lt $((kills + 50)) ]; }; do
    there=
    [ -e "$last" ] && there=yes
    "$program" "$last" "$steps" &
    pid=$!
    # Within a third of what the whole run takes, so that most runs are killed more than once.
    sleep "$(printf '0.%03d' $((10 + $(random $((span / 3 < 900 ? span / 3 + 1 : 900))))))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    status=$?
    if [ $status -eq 0 ]; then
        compare
        rm -f "$last" "$last.tmp"
        continue
    fi
    [ $status -eq 137 ] || fail "a run that went on from a checkpoint ended with status $status"
    killed=$((killed + 1))
    [ -e "$last.tmp" ] && writing=$((writing + 1))
    if [ -e "$last" ]; then
        at=$("$program" "$last") || fail "the checkpoint is damaged after kill $killed"
        echo "resume: kill $killed: checkpoint of step $at$([ -e "$last.tmp" ] && echo ', while the next one was written')"
    else
        [ -z "$there" ] || fail "the checkpoint is gone after kill $killed"
        echo "resume: kill $killed: before the first checkpoint"
    fi
done

"$program" "$last" "$steps" || fail "the last run failed"
compare
[ "$writing" -gt 0 ] || fail "none of $killed kills hit while a file was written"
echo "resume: $killed kills, $writing of them while a checkpoint was written, $ends runs ended with the same bits"
