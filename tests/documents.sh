#!/bin/sh
# documents.sh PROGRAM: what build/documents says of the documents. The numbers were computed apart from it,
# by PyTorch or on paper; the verdicts are the same in both precisions. Run from the repository's root by
# `make documents-test`.
set -u

program=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checks=0 failures=0

fail() {
    failures=$((failures + 1))
    printf 'documents: %s\n' "$*" >&2
}

# expect WHAT EXPECTED FOUND
expect() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1: $3, expected $2"
}

# field NAME ROW: a row of JSON's text
field() {
    printf '%s\n' "$2" | sed "s/.*\"$1\": \"\([^\"]*\)\".*/\1/"
}

# row VERDICT ID PLACE COMPUTED: the row of that id and place says so, COMPUTED and nothing else
row() {
    line=$(grep "\"id\": \"$2\"," "$scratch/json" | sed -n "$3p")
    expect "$2, row $3, verdict" "$1" "$(field verdict "$line")"
    expect "$2, row $3" "$4" "$(field computed "$line")"
}

# counts DOCUMENT AGREEING DIFFERING
counts() {
    rows=$(grep "\"document\": \"$1\"," "$scratch/json")
    expect "rows of $1 that agree" "$2" "$(printf '%s\n' "$rows" | grep -c '"verdict": "agrees"')"
    expect "rows of $1 that differ" "$3" "$(printf '%s\n' "$rows" | grep -c '"verdict": "differs"')"
}

"$program" --json >"$scratch/json" || fail "--json: status $?"

# -- Verdicts --

counts guide 23 8
counts practice 25 6
counts families 50 2
counts theory 19 18
expect "the rows that differ" \
    "guide-3 guide-5 guide-6 guide-7 guide-7 guide-8 guide-8 guide-12 practice-2 practice-3 practice-3\
 practice-3 practice-6 practice-14 families-13 families-20 theory-1 theory-1 theory-2 theory-2 theory-2\
 theory-2 theory-3 theory-4 theory-4 theory-4 theory-4 theory-5 theory-5 theory-5 theory-6 theory-7\
 theory-9 theory-10" \
    "$(grep '"verdict": "differs"' "$scratch/json" | sed 's/.*"id": "\([^"]*\)".*/\1/' | tr '\n' ' ' |
        sed 's/ $//')"
expect "rows that differ without a reason" 0 \
    "$(grep '"verdict": "differs"' "$scratch/json" | grep -c '"why": null')"
for id in $(seq -f guide-%g 13) $(seq -f practice-%g 14) $(seq -f families-%g 30) $(seq -f theory-%g 13); do
    grep -q "\"id\": \"$id\"," "$scratch/json" || fail "no row $id"
done

# -- Numbers --

row agrees guide-1 1 '1, 4, 100'
row agrees guide-2 2 '0.001054'
row differs guide-3 2 '1.8651'
row agrees guide-4 1 '5, 0.5556'
row differs guide-5 1 '0.5 times MAE'
row agrees guide-13 1 '0.66453'
row agrees guide-13 2 '0.2625, 0.125, 0.01, 0.29125'
row differs practice-2 1 '0.05'
row agrees practice-3 1 '20.014'
row differs practice-3 2 '2.1'
row differs practice-3 3 '1.907'
row agrees practice-5 1 '0.27804'
row differs practice-6 2 '0.0015129; theirs 0.00058282'
row agrees practice-8 1 '0.47272'
row agrees practice-9 1 '1000'
row agrees practice-10 3 '0.07304 and 0.07475'
row agrees practice-11 1 '0.1236'
row agrees practice-11 2 '0.75556'
row agrees practice-12 1 '0.015'
row agrees practice-13 1 '0.01, 0.25, 0.81'
row differs practice-14 1 '2'
row agrees practice-runs 1 '0.6690, 0.0724'
row agrees practice-runs 2 '1.0308, 0.0948'
row agrees practice-runs 3 '0.3479, 0.2839'
place=0
for value in 0.375 0.5 0.1875 0.1875 0.1685 0.175 0.061111 0.0047898 -0.06846 -0.096574 0.37778 0.89638 0.95471 \
    0.73333 0.026812 0.0089375 15.7 0.41817 0.70543 0.0076696 '0.04216, 0.28, 2.6778' 0.15 0.26087 0.15 \
    1.0794 0.96825 0.5 0 4.8264e-05; do
    place=$((place + 1))
    row agrees families-$place 1 "$value"
done
row differs theory-1 2 '1.054e-06'
row differs theory-1 4 '1.603e-08'
row agrees theory-1 6 '1.005e-12'
row differs theory-2 1 '0.5, 0.2983, 0.5966'
row differs theory-2 2 '0.3, 0.07194, 0.2398'
row differs theory-2 4 '0.01, 2.99e-06, 0.000299'
row differs theory-4 1 '-1.102, -0.29829, -0.0028965; theirs -0.31453, 0.22157, 0.017965'
row agrees theory-13 1 '2, 0.5'

# -- Options --

expect "--id" 3 "$("$program" --json --id guide-3 | grep -c '"id": "guide-3"')"
expect "--document" 0 "$("$program" --json --document theory | grep '"id"' | grep -vc '"document": "theory"')"
for wrong in "--id guide-99" "--document quickref" "--document theory --id guide-3" "--frobnicate" "somewhere"; do
    # shellcheck disable=SC2086
    "$program" $wrong >"$scratch/out" 2>"$scratch/err"
    expect "status of $wrong" 2 $?
    expect "lines on stderr of $wrong" 1 "$(wc -l <"$scratch/err")"
done

# misuse MESSAGE ARGUMENT...: that is what it says of them
misuse() {
    message=$1
    shift
    expect "what it says of $*" "documents: $message (documents --help shows all options)" "$("$program" "$@" 2>&1)"
}
misuse '--frobnicate: no such option' --json --frobnicate
misuse '-x: no such option' -xy
misuse '-x: no such option' --json -xy
misuse '--json=3: expected no value' --json=3
misuse '--id: expected a value' --id
if [ -w /dev/full ]; then
    "$program" --help >/dev/full 2>"$scratch/err"
    expect "status of --help on a full disk" 1 $?
    expect "--help on a full disk" "documents: can't write all of the output" "$(cat "$scratch/err")"
fi

"$program" --json --data "$scratch/nowhere" >"$scratch/out" 2>"$scratch/err"
expect "status without data" 1 $?
grep -qF "$scratch/nowhere" "$scratch/err" || fail "without data: $(cat "$scratch/err")"

# -- Markdown: the section is replaced, and nothing else --

printf 'before\n<!-- documents -->\nold\n<!-- end of documents -->\nafter\n' >"$scratch/a.md"
"$program" --markdown "$scratch/a.md" >"$scratch/out" || fail "--markdown: status $?"
cp "$scratch/a.md" "$scratch/b.md"
"$program" --markdown "$scratch/b.md" >"$scratch/out"
cmp -s "$scratch/a.md" "$scratch/b.md" || fail "--markdown twice gives another file"
expect "first and last lines" "before after" "$(sed -n '1p;$p' "$scratch/a.md" | tr '\n' ' ' | sed 's/ $//')"
expect "rows of the Markdown table" 34 "$(grep -cE '^\| (guide|practice|families|theory)-' "$scratch/a.md")"
expect "what stood there before" 0 "$(grep -cx old "$scratch/a.md")"
printf 'no section\n' >"$scratch/c.md"
"$program" --markdown "$scratch/c.md" >"$scratch/out" 2>"$scratch/err"
expect "status without a section" 1 $?
expect "a file without a section" "no section" "$(cat "$scratch/c.md")"

# -- The report --

mkdir "$scratch/trainer"
printf 'advice,program,verdict,why\nguide-a,outliers,held,"because, as ""said"""\n' >"$scratch/trainer/verdicts.csv"
if command -v gnuplot >/dev/null; then
    "$program" --out "$scratch/o" --results "$scratch/trainer" >"$scratch/out" || fail "report: status $?"
    grep -q '^guide-a  *held  *because, as "said"' "$scratch/o/report.txt" || fail "no verdict of the trainer"
    grep -q '^quickref-d  *not run' "$scratch/o/report.txt" || fail "advice without a verdict is missing"
    expect "lines of results.csv" "$(grep -c '"id"' "$scratch/json")" \
        "$(tail -n +2 "$scratch/o/results.csv" | wc -l)"
    expect "head of verdicts.csv" "advice,program,verdict,why" "$(head -n 1 "$scratch/o/verdicts.csv")"
    for name in $(tail -n +2 "$scratch/o/pictures.csv" | cut -d, -f1); do
        [ -s "$scratch/o/$name.png" ] && [ -s "$scratch/o/$name.svg" ] || fail "no picture $name"
    done
    expect "pictures" 25 "$(tail -n +2 "$scratch/o/pictures.csv" | wc -l)"
fi

echo "documents: $checks checks, $failures failures"
[ $failures -eq 0 ]
