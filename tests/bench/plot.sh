#!/bin/sh
# plot.sh DIRECTORY: draws DIRECTORY/bench.png from bench.tsv there: how many times as long as Gradus
# each peer takes, and which share of the limit Gradus reaches. Filled points are of the first number
# of threads, hollow ones of others. Run by `make bench`.
set -eu

table=$1/bench.tsv picture=$1/bench.png
if ! command -v gnuplot >/dev/null; then
    echo "No picture without gnuplot: make deps, or apt-get install gnuplot-nox"
    exit 0
fi
first=$(awk -F '\t' 'NR == 2 { print $2 }' "$table")
rows=$(awk -F '\t' -v t="$first" 'NR > 1 && $2 == t' "$table" | wc -l)
# The row of each workload, counted from the bottom, before its line; lines of other threads alike.
numbered=$1/bench.points
awk -F '\t' -v n="$rows" 'NR > 1 {
    if (!($1 in row)) row[$1] = n - length(row) + 1
    print row[$1] "\t" $0
}' "$table" >"$numbered"

gnuplot <<END
peers = system("head -n 1 '$table' | cut -f 4- | tr ' \t' '_ '")
n = words(peers)
peer(i) = system(sprintf("echo '%s' | tr _ ' '", word(peers, i)))
set terminal pngcairo size 1300, 200 + 16 * $rows font "sans,10" noenhanced
set output "$picture"
set datafile separator tab missing "nan"
set multiplot layout 1, 2
set yrange [0.3:$rows + 0.7]
set grid xtics ytics back linetype 1 linewidth 1 linecolor rgb "#d8d8d8"
set key outside top center horizontal
set tmargin 4
array colour[4] = ["#2166ac", "#b2182b", "#1b7837", "#762a83"]
set style line 9 linecolor rgb "#333333" linewidth 1.5

set logscale x
if (n == 0) set xrange [0.1:10]
set xlabel "time of the peer / time of Gradus"
set lmargin 28
set arrow 1 from 1, graph 0 to 1, graph 1 nohead linestyle 9
plot for [i = 1:n] "$numbered" using (column(4 + i) > 0 && \$3 == $first ? column(4 + i) : NaN):1:ytic(2) \
         with points pointtype 7 pointsize 0.9 linecolor rgb colour[i] title peer(i), \
     for [i = 1:n] "$numbered" using (column(4 + i) > 0 && \$3 != $first ? column(4 + i) : NaN):1 \
         with points pointtype 6 pointsize 0.9 linecolor rgb colour[i] notitle, \
     NaN with lines linestyle 9 title (n > 0 ? "as fast as Gradus" : "no peer")

unset logscale x
set xrange [*:*]
unset arrow 1
set lmargin 3
set format y ""
set xlabel "share of the limit"
set xrange [0:*]
set arrow 2 from 1, graph 0 to 1, graph 1 nohead linestyle 9
plot "$numbered" using (\$3 == $first ? \$4 : NaN):1 with points pointtype 7 pointsize 0.9 \
         linecolor rgb "#333333" title "$first thread(s)", \
     "$numbered" using (\$3 != $first ? \$4 : NaN):1 with points pointtype 6 pointsize 0.9 \
         linecolor rgb "#333333" title "more"
unset multiplot
END
rm -f "$numbered"
echo "$picture"
