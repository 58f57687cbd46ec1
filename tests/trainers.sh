#!/bin/sh
# trainers.sh DIRECTORY: runs every trainer of DIRECTORY (build) in its quick form, and checks that the
# networks learned: by the main measure, the fifth column of runs.csv, the method with the best mean must
# leave the untrained network behind by a bar. What the trainers conclude is not checked. Then: that command
# lines of which nothing can come are errors.
# Run by `make trainers`.
set -eu

build=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

# learned PROGRAM CONDITION up|down BAR [METHOD]: the best is BAR above (up) the untrained network, or at
# most BAR times it (down); of the one METHOD if it is given.
learned() {
    if awk -F, -v condition="$2" -v direction="$3" -v bar="$4" -v only="${5-}" -v program="$1" '
        NR > 1 && $1 == condition && $4 != "" && $5 != "" && (only == "" || $2 == only) {
            sum[$2] += $5; n[$2]++; untrained += $4; rows++
        }
        END {
            if (rows == 0) { print program, condition ": no trainings"; exit 1 }
            untrained /= rows
            for (method in sum) {
                mean = sum[method] / n[method]
                if (best == "" || (direction == "up" ? mean > best : mean < best)) {
                    best = mean; who = method
                }
            }
            good = direction == "up" ? best >= untrained + bar : best <= untrained * bar
            printf "  %s, %s: %s %.4g, untrained %.4g: %s\n", program, condition, who, best, untrained,
                good ? "learned" : "did not learn"
            exit !good
        }' "$out/$1/runs.csv"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# run PROGRAM: its quick form
run() {
    if ! "$build/$1" --quick --out "$out/$1" >"$out/$1.txt" 2>&1; then
        tail -n 3 "$out/$1.txt"
        echo "  $1 failed"
        failed=$((failed + 1))
        return 1
    fi
}

# rejects PROGRAM WORDS...: a command line of which nothing can come is an error
rejects() {
    status=0
    "$build/$@" >/dev/null 2>&1 || status=$?
    if [ "$status" = 2 ]; then
        passed=$((passed + 1))
    else
        echo "  $*: ends with $status, expected 2"
        failed=$((failed + 1))
    fi
}

run outliers && learned outliers clean down 0.5 && learned outliers real down 0.5
if [ -w /dev/full ]; then
    # its trainings are all there: only the report is printed
    if "$build/outliers" --quick --resume --out "$out/outliers" >/dev/full 2>"$out/full.txt" ||
        ! grep -q "outliers: can't write all of the output" "$out/full.txt"; then
        echo "  outliers, its output on a full disk: no error"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
fi
run imbalance && learned imbalance '6 percent' up 0.06 && learned imbalance balanced up 0.15
run classify && learned classify 'many pictures' up 60 && learned classify 'few pictures' up 40
run segmentation && learned segmentation 'small objects' up 15
run siamese && learned siamese all up 0.05
run simclr && learned simclr all up 0.5
run vae && learned vae fashion down 0.5
run wgan && learned wgan ring down 0.5 && learned wgan fashion down 0.75
# One training has one error, of which the picture still has an axis.
"$build/outliers" --quick --loss huber --seeds 1 --out "$out/one" >/dev/null 2>"$out/one.txt"
if [ -s "$out/one.txt" ]; then
    sed 's/^/  outliers, one training: /' "$out/one.txt"
    failed=$((failed + 1))
else
    passed=$((passed + 1))
fi
rejects wgan --loss , --quick --out "$out/none"
rejects summarize "$out/wgan"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
