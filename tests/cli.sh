#!/bin/sh
# The program gradus as its users call it: exit statuses, outputs to the letter, messages, files.
# tests/cli.sh build/gradus; run by `make test` in both precisions.
set -u

program=$1
case $program in /*) ;; *) program=$PWD/$program ;; esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
unset COLUMNS
checks=0 failures=0

fail() {
    failures=$((failures + 1))
    printf 'cli: %s\n' "$*" >&2
}

# run ARGUMENTS: leaves $status, out and err
run() {
    checks=$((checks + 1))
    "$program" "$@" >out 2>err
    status=$?
}

# gives OUTPUT ARGUMENTS: status 0 and exactly this output
gives() {
    expected=$1
    shift
    run "$@"
    [ $status -eq 0 ] || fail "gradus $*: status $status: $(cat err)"
    [ "$(cat out)" = "$expected" ] || fail "gradus $*: $(cat out), expected $expected"
}

# refuses STATUS TEXT ARGUMENTS: that status, one line on stderr that contains the text, nothing else
refuses() {
    expected=$1 text=$2
    shift 2
    run "$@"
    [ $status -eq "$expected" ] || fail "gradus $*: status $status, expected $expected"
    [ ! -s out ] || fail "gradus $*: wrote $(cat out)"
    [ "$(wc -l <err)" -eq 1 ] || fail "gradus $*: not one line: $(cat err)"
    grep -qF -e "$text" err || fail "gradus $*: $(cat err), expected $text"
}

# shows TEXT ARGUMENTS: status 0 and an output that contains the text
shows() {
    text=$1
    shift
    run "$@"
    [ $status -eq 0 ] || fail "gradus $*: status $status: $(cat err)"
    grep -qF -e "$text" out || fail "gradus $*: no $text in its output"
}

# -- Values and gradients. Numbers that are exact in both precisions read the same. ------------------

gives '{"loss": [0.125, 4]}' eval huber --delta 2 pred='[0.5,3]' target='[0,0]' --reduction none
gives '{"loss": [0.125, 4], "grad": {"pred": [0.5, 2], "target": [-0.5, -2]}}' \
    eval huber --delta 2 pred='[0.5,3]' target='[0,0]' --reduction none --grad
gives '{"loss": 4.125, "grad": {"pred": [0.5, 2], "target": [-0.5, -2]}, "grad2": {"pred": [0, 0], "target": [0, 0]}}' \
    eval huber target='[0,0]' pred=' [ 0.5 , 3e0 ] ' --grad --reduction=sum --grad2 --delta=2
gives '{"loss": 2, "grad": {"pred": [2, 0], "target": [-2, 0], "weight": 2}, "grad2": {"pred": [2, 0], "target": [-2, 0], "weight": 0}}' \
    eval mse pred='[2,0]' target='[0,0]' weight=1 --grad --grad2
gives '{"loss": 0.25}' eval mse pred=0.5 target=0
gives '{"loss": [[1, 4], [9, 16]]}' eval mse pred='[[1,2],[3,4]]' target=0 --reduction none
gives '{"loss": [NaN, Infinity, Infinity]}' \
    eval mse pred='[NaN,Infinity,-Infinity]' target=0 --reduction none
gives '{"loss": [1, 0]}' eval l1 pred='[true,false]' target=0 --reduction none
gives '{"loss": 3}' eval pinball --tau 0.75 pred=1 target=5
gives '{"loss": 0.5, "grad": {"prob": [[-0.375, 0.125, 0.125, 0.125]], "target": [[-0.375, -0.375, -0.375, 0.125]]}}' \
    eval dice --smooth 0 --over all prob='[[1,1,1,0]]' target='[[1,0,0,0]]' --grad
gives '{"loss": 0}' eval iou_box pred='[[0,0,1,1]]' target='[[0,0,1,1]]' --eps 1e-300

# A third, to the last digit.
case $("$program" --version) in
*float*)
    gives '{"loss": 0.11111112, "grad": {"pred": 0.6666667, "target": -0.6666667}}' \
        eval mse pred=0.3333333333333333333 target=0 --grad
    gives '{"loss": 0.1}' eval l1 pred=0.1 target=0
    gives '{"loss": Infinity}' eval l1 pred=1e39 target=0
    ;;
*double*)
    gives '{"loss": 0.1111111111111111, "grad": {"pred": 0.66666666666666663, "target": -0.66666666666666663}}' \
        eval mse pred=0.3333333333333333333 target=0 --grad
    gives '{"loss": 0.10000000000000001}' eval l1 pred=0.1 target=0
    gives '{"loss": 9.9999999999999994e+38}' eval l1 pred=1e39 target=0
    ;;
*) fail "gradus --version: neither float nor double" ;;
esac

# -- Operands from files -----------------------------------------------------------------------------

# {'descr': '<f4', ...} in a header of 64 bytes less 10, then 1, 2.5
printf '\223NUMPY\001\000\066\000%-53s\n' \
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}" >long.npy
header="{'descr':'<f4','fortran_order':False,'shape':(2,)}"
printf '\223NUMPY\001\000\066\000%-53s\n\000\000\200\077\000\000\040\100' "$header" >x.npy
printf '\223NUMPY\001\000\066\000%-53s\n\000\000\200\077\000\000\040' "$header" >cut.npy
printf '[[1, 2], [3, NaN]]' >x.json
printf 'a\n1\n2.5\n' >column.csv
printf '1\n2.5\n' >plain.csv
printf 'a,b\n1,2\n3,4\n' >matrix.csv
printf 'a,b\n1,2\n3,four\n' >text.csv
printf 'a,b\n1,2\n3\n' >ragged.csv
gives '{"loss": [1, 2.5]}' eval l1 pred=@x.npy target=0 --reduction none
gives '{"loss": [1, 2.5]}' eval l1 pred=@column.csv target=0 --reduction none
gives '{"loss": [1, 2.5]}' eval l1 pred=@plain.csv target=0 --reduction none
gives '{"loss": [[1, 2], [3, 4]]}' eval l1 pred=@matrix.csv target=0 --reduction none
gives '{"loss": [[1, 2], [3, NaN]]}' eval l1 pred=@x.json target=0 --reduction none
refuses 1 'cut.npy' eval l1 pred=@cut.npy target=0
refuses 1 'long.npy' eval l1 pred=@long.npy target=0
refuses 1 'nowhere.npy' eval l1 pred=@nowhere.npy target=0
refuses 1 'nowhere.csv' eval l1 pred=@nowhere.csv target=0
refuses 1 'text.csv:3' eval l1 pred=@text.csv target=0
refuses 1 'ragged.csv:3' eval l1 pred=@ragged.csv target=0
refuses 2 '.npy, .csv or .json' eval l1 pred=@x.txt target=0

# -- What the library refuses ---------------------------------------------------------------------------

refuses 1 "gr_huber: pred (3) and target (2)" eval huber pred='[1,2,3]' target='[1,2]'
refuses 1 'gr_huber: delta is -1' eval huber --delta -1 pred=1 target=1
refuses 1 'gr_huber: delta is inf' eval huber --delta inf pred=1 target=1
refuses 1 'gr_mse: pred (0) is empty' eval mse pred='[]' target='[]'
refuses 1 'gr_giou' eval giou pred='[[1,1,0,0]]' target='[[0,0,1,1]]'

# -- Misuse --------------------------------------------------------------------------------------------

refuses 2 'expected a command'
refuses 2 'did you mean eval?' evla
refuses 2 'did you mean huber?' eval hubr
refuses 2 'name of a loss' eval
refuses 2 'name of a loss' eval --grad
refuses 2 'did you mean --delta? Expected --delta, --reduction, --grad or --grad2' \
    eval huber --dleta 2 pred=1 target=1
refuses 2 'did you mean target? Expected pred, target or weight' eval huber pred=1 taregt=1
refuses 2 'operand target is missing' eval huber pred=1
refuses 2 'pred is given twice' eval huber pred=1 pred=2 target=1
refuses 2 'delta is given twice' eval huber --delta 1 --delta 1 pred=1 target=1
refuses 2 'expected a number' eval huber --delta x pred=1 target=1
refuses 2 'expected a value' eval huber pred=1 target=1 --delta
refuses 2 'OPERAND=ARRAY' eval huber 3
refuses 2 'did you mean batch? Expected sample, batch or all' eval dice --over bacth prob=1 target=1
refuses 2 'Expected mean, sum or none' eval huber --reduction men pred=1 target=1
refuses 2 'pred[1] has 1 element, expected 2' eval mse pred='[[1,2],[3]]' target=1
refuses 2 'pred[1] is an array' eval mse pred='[1,[2]]' target=1
refuses 2 'pred[1][0] is a number' eval mse pred='[[[1]],[2]]' target=1
refuses 2 'pred[1] is a number' eval mse pred='[[],1]' target=1
refuses 2 'found the end' eval mse pred='[1,2' target=1
refuses 2 'found the end' eval mse pred= target=1
refuses 2 'another element' eval mse pred='[1,]' target=1
refuses 2 'behind the array' eval mse pred='[1]]' target=1
refuses 2 'found "nan"' eval mse pred='[nan]' target=1
refuses 2 'found "0x10"' eval mse pred='[0x10]' target=1
refuses 2 '6 dimensions' eval mse pred='[[[[[[[1]]]]]]]' target=1
refuses 2 'did you mean regression?' losses regresion
refuses 2 'at most one' losses huber mse
refuses 2 'expected the name of a loss' plot
refuses 2 'not elementwise' plot dice
refuses 2 'no parameter --gamma' plot huber --gamma 1
refuses 2 'at most 8' plot huber --delta 1,2,3,4,5,6,7,8,9
refuses 2 '--from to be less' plot huber --from 2 --to 1

# Families that a smaller library may be without.
has() { "$program" losses --names | grep -qx "$1"; }
if has cross_entropy; then
    gives '{"loss": 0, "grad": {"logits": [[0, 0], [0, 0]]}}' \
        eval cross_entropy logits='[[2000,0],[0,2000]]' target='[0,1]' --grad
    gives '{"loss": [0, 2000], "grad": {"logits": [[0, 0], [-1, 1]], "target": [[0, 2000], [2000, 0]]}}' \
        eval cross_entropy logits='[[2000,0],[0,2000]]' target='[[1,0],[1,0]]' --grad --reduction none
    refuses 1 'target (2) has 2 at (1)' eval cross_entropy logits='[[1,2],[3,4]]' target='[0,2]'
    refuses 2 'element 1 is 0.5, expected a whole number' eval nll log_prob='[[0,0],[0,0]]' target='[0,0.5]'
    refuses 2 'expected a whole number' eval nll log_prob='[[0,0]]' target='[0]' --ignore_index 0.5
    gives '{"loss": 0}' eval nll log_prob='[[0,0]]' target='[0]' --ignore-index -1
fi
if has inverse_frequency_weights; then
    gives '{"loss": [0.625, 2.5], "grad": {"counts": [0.46875, -1.875]}}' \
        eval inverse_frequency_weights counts='[4,1]' --grad
fi
if has poisson_nll; then
    gives '{"loss": 2}' eval poisson_nll pred=2 target=0 --log_input false --full
    gives '{"loss": 2}' eval poisson_nll --log-input=false --full true pred=2 target=0
    refuses 2 'expected true or false' eval poisson_nll --full=2 pred=2 target=0
fi
if has batch_hard; then
    gives '{"loss": [[0, 1, 2], [1, 0, 2], [2, 3, 0], [3, 2, 1]]}' \
        eval batch_hard embeddings='[[0,0],[1,0],[0,3],[1,4]]' labels='[0,0,1,1]'
    gives '{"loss": []}' eval batch_hard embeddings='[[0],[1]]' labels='[0,1]'
    refuses 2 'no gradient' eval batch_hard embeddings='[[0],[1]]' labels='[0,1]' --grad
    refuses 2 'has no reduction' eval batch_hard embeddings='[[0]]' labels='[0]' --reduction sum
fi
if has perceptual; then
    gives '{"loss": 1, "grad": {"x": [[[[0, 1]]], [[[0]], [[1]]]], "y": [[[[0, -1]]], [[[0]], [[-1]]]]}}' \
        eval perceptual x='[[[[1,2]]],[[[3]],[[4]]]]' y='[[[[1,1]]],[[[3]],[[3]]]]' --grad
    refuses 2 'x[1][1] has 0 elements' eval perceptual x='[[[[1,2]]],[[[3]],[]]]' y='[[[[1]]]]'
fi

# -- The catalogue ------------------------------------------------------------------------------------

for word in --help help; do shows 'Usage: gradus COMMAND' $word; done
for command in losses eval plot; do
    shows "Usage: gradus $command" help $command
    shows "Usage: gradus $command" $command --help
done
shows 'gradus ' --version
shows 'Huber, Ann. Math. Statist.' eval huber --help
shows 'iou' losses segmentation
shows '(0, inf)' losses huber
shows 'jaccard' losses jaccard
run losses
cp out table
for name in $("$program" losses --names); do
    shows "gradus eval $name" losses "$name"
    for title in Formula Operands 'When to use it' 'When not' Reference; do
        grep -qx "$title" out || fail "the page of $name has no $title"
    done
    grep -q "^$name\\>" table || fail "the table has no $name"
    shows '"operands": [' losses "$name" --json
done
run losses --json
[ "$(grep -c '^  {"name": ' out)" -eq "$("$program" losses --names | wc -l)" ] ||
    fail "losses --json has not as many entries as losses --names"
if command -v jq >/dev/null; then
    sed 's/-\{0,1\}Infinity/null/g' out | jq -e 'all(.[]; .name and .operands)' >/dev/null ||
        fail "losses --json is no JSON"
fi

# -- Choosing ------------------------------------------------------------------------------------------

printf '2\nno\n9\n1\n1\n' | "$program" choose >out 2>err || fail "choose: status $?: $(cat err)"
grep -q '^  bce_with_logits ' out || fail "choose, a balanced binary task: $(tail -n 6 out)"
[ "$(grep -c 'Expected a number from 1 to 4' out)" -eq 2 ] || fail "choose takes wrong answers"
checks=$((checks + 1))
for answers in '1 1' '1 2' '1 3' '1 4' '1 5' '1 6' '2 1 2' '2 1 3' '2 2 1' '2 2 2' '2 2 3' '2 3' '2 4' '3 1' \
    '3 2' '4 1' '4 2' '4 3' '4 4' '5 1' '5 2' '6 1' '6 2' '6 3' '6 4' '7' '8'; do
    echo "$answers" | tr ' ' '\n' | "$program" choose >out 2>err || fail "choose $answers: $(cat err)"
    grep -q 'gradus losses NAME' out || fail "choose $answers does not end"
    checks=$((checks + 1))
done
echo 2 | "$program" choose >out 2>err && fail "choose: the answers end, and status 0"

awk 'BEGIN {
    print "x,kind,even,rare,normal,far,count,note"
    for (i = 0; i < 200; i++) {
        u = (i * 37 % 200 + 0.5) / 200; normal = 6 * u - 3
        printf "%.3f,%s,%s,%d,%.4f,%.4f,%d,%s\n", i % 20 / 7, substr("abc", i % 3 + 1, 1), i % 2 ? "yes" : "no",
            i % 25 == 0, normal, i % 40 == 3 ? 900 : normal, -log(u) * 2, i == 5 ? "NA" : "row" i
    }
}' >data.csv
chosen() { # TARGET FIRST TEXT
    shows "$3" choose data.csv --target "$1"
    sed -n '/^Losses that fit/{n;p;}' out | grep -q "^  $2 " || fail "choose $1: not $2 first: $(cat out)"
}
chosen normal mse 'no outliers and little skew'
chosen far huber '2.5 % have a robust z-score beyond 3.5'
chosen count poisson_nll 'a count (whole numbers from 0, larger ones rarer)'
chosen kind cross_entropy '3 classes of similar size'
chosen even bce_with_logits '50 % are no: balanced enough'
chosen rare bce_with_logits 'pos_weight'
shows 'one of several classes (as --task says)' choose data.csv --target count --task classes
shows '7 other columns with 1 missing values' choose data.csv --target x
shows 'left out: note, 199 different texts' choose data.csv --target kind --try --folds 2 --steps 20
grep -q ' best *$' out || fail "choose --try names no best: $(cat out)"
for target in normal far count even rare; do
    shows ' best' choose data.csv --target $target --try --folds 3 --steps 30
done
refuses 2 'did you mean kind?' choose data.csv --target kinds
refuses 2 'expected --target COLUMN' choose data.csv
refuses 2 'holds texts, expected numbers' choose data.csv --target kind --task counts
refuses 2 'expected counts from 0' choose data.csv --target normal --task counts
refuses 2 'expected regression, counts or classes' choose data.csv --target x --task other
refuses 2 'expected a whole number from 2 to 20' choose data.csv --target x --try --folds 1
refuses 2 '--foldz' choose data.csv --target x --foldz 3
refuses 1 'nothing.csv' choose nothing.csv --target x

# -- Pictures ------------------------------------------------------------------------------------------

if command -v gnuplot >/dev/null; then
    gives 'out.d/huber-mse.png
out.d/huber-mse.svg' plot huber mse --delta 0.5,1 --from -2 --to 2 target=0 --out out.d
    gives './one.png
./one.svg' plot l1 --out one.png
    for picture in out.d/huber-mse.png out.d/huber-mse.svg one.png one.svg; do
        [ -s $picture ] || fail "no picture $picture"
    done
    refuses 1 'gr_huber: delta is 0' plot huber --delta 0,1
fi

echo "cli: $checks calls of $program, $failures wrong"
[ "$failures" -eq 0 ]
