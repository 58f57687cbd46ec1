#include "examples/common/difference_plot.h"

#include <math.h>
#include <stdlib.h>

#include "examples/common/experiment_report.h"
#include "examples/common/plot.h"

static double value(const experiment *e, int condition, int method, int seed, int measure) {
    return experiment_run_at(e, condition, method, seed)->values[measure];
}

/* Rows are places from the top. */
static void write_differences(const experiment *e, int base, int measure, FILE *seeds,
                              FILE *means) {
    fprintf(seeds, "# place, difference of a seed; a block for each condition\n");
    fprintf(means, "# place, mean, half of the interval; a block for each condition\n");
    for (int c = 0; c < e->n_conditions; c++) {
        for (int m = 0, place = 0; m < e->n_methods; m++) {
            if (m == base) continue;
            for (int seed = 0; seed < e->complete; seed++)
                fprintf(seeds, "%d %.6g\n", place,
                        value(e, c, m, seed, measure) - value(e, c, base, seed, measure));
            difference d = experiment_difference(e, c, m, base, measure);
            fprintf(means, "%d %.6g %.6g\n", place, d.mean,
                    isfinite(d.half_width) ? d.half_width : 0);
            place++;
        }
        fprintf(seeds, "\n\n");
        fprintf(means, "\n\n");
    }
}

static void write_names(const experiment *e, int base, bool shown, FILE *script) {
    fprintf(script, "set ytics (");
    for (int m = 0, place = 0; m < e->n_methods; m++)
        if (m != base)
            fprintf(script, "%s'%s' %d", place == 0 ? "" : ", ", shown ? e->methods[m] : "", place),
                place++;
    fprintf(script, ")\n");
}

bool plot_differences(const experiment *e, int base, int measure, const char *name) {
    const char *directory = e->settings->out;
    plot *p = plot_begin(directory, name, 230 + 380 * e->n_conditions, 90 + 24 * e->n_methods);
    FILE *seeds = plot_data(p, "differences.dat"), *means = plot_data(p, "intervals.dat");
    FILE *script = plot_script(p);
    if (seeds != NULL && means != NULL) write_differences(e, base, measure, seeds, means);
    plot_data_end(p, seeds);
    plot_data_end(p, means);
    if (script == NULL) return plot_end(p);
    double left = 220.0 / (230 + 380 * e->n_conditions);
    fprintf(
        script,
        "set multiplot layout 1,%d margins %.3f,0.98,0.17,0.9 spacing 0.04,0\nunset key\n"
        "set yrange [%d.5:-0.5]\nset border 1\nset ytics scale 0\n"
        "set arrow from first 0, graph 0 to first 0, graph 1 nohead linewidth 0.8 linecolor rgb "
        "'#333333'\nset xlabel '%s, minus that of %s'\n",
        e->n_conditions, left, e->n_methods - 2, e->measures[measure].title, e->methods[base]);
    for (int c = 0; c < e->n_conditions; c++) {
        write_names(e, base, c == 0, script);
        fprintf(script,
                "set title '%s' offset 0,-0.5\n"
                "plot 'differences.dat' index %d using 2:1 with points pointtype 7 pointsize 0.3 "
                "linecolor rgb '#90%s', 'intervals.dat' index %d using 2:1:3 with xerrorbars "
                "pointtype 7 pointsize 0.7 linewidth 1.8 linecolor rgb '%s'\n",
                e->conditions[c], c, plot_colour(6) + 1, c, plot_colour(1));
    }
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
