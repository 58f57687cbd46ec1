#include "examples/common/regression_plots.h"

#include <math.h>
#include <stdlib.h>

#include "examples/common/plot.h"
#include "examples/common/stats.h"

static const predictions *at(const regression_plots *plots, int row, int method, int seed) {
    return &plots->each[(seed * plots->rows + row) * plots->methods + method];
}

static const char *panel_colour(int method) { return plot_colour(method % 7 + 1); }

/* In the unit of the axes. */
static double mean_error(const regression_plots *plots, int row, int method, int seed) {
    const predictions *p = at(plots, row, method, seed);
    double sum = 0;
    for (int i = 0; i < p->n; i++) sum += fabs(p->predicted[i] - p->truth[i]);
    return plots->scale * sum / p->n;
}

static double mean_over_seeds(const regression_plots *plots, int row, int method) {
    double sum = 0;
    for (int seed = 0; seed < plots->seeds; seed++) sum += mean_error(plots, row, method, seed);
    return sum / plots->seeds;
}

/* -- Predicted against true -- */

enum { PANEL = 165, LEFT = 92, MARGIN = 40 }; /* pixels */

static void place_panel(FILE *script, const regression_plots *plots, int row, int method) {
    const double left = (double)LEFT / (LEFT + PANEL * plots->methods);
    const double width = (1 - left) / plots->methods, below = 0.05;
    const double height = (0.965 - below) / plots->rows;
    double bottom = below + (plots->rows - 1 - row) * height;
    fprintf(script, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n",
            left + method * width, left + (method + 0.9) * width);
    fprintf(script, "set bmargin at screen %.4f\nset tmargin at screen %.4f\n", bottom + 0.03,
            bottom + height - 0.015);
    if (method == 0)
        fprintf(script, "set label 2 '%s' at screen %.4f,%.4f center rotate font ',10'\n",
                plots->row_titles[row], 0.16 * left, bottom + height / 2);
    else
        fprintf(script, "unset label 2\n");
}

static void draw_panel(FILE *script, const regression_plots *plots, int row, int method) {
    bool first = method == 0, last = row == plots->rows - 1;
    place_panel(script, plots, row, method);
    fprintf(script, "set title '%s' offset 0,-0.7\n", row == 0 ? plots->labels[method] : "");
    fprintf(script, "set ylabel '%s%s' offset 0.3,0\nset format y '%s'\n",
            first ? "predicted, " : "", first ? plots->unit : "", first ? "%g" : "");
    fprintf(script, "set xlabel '%s%s' offset 0,0.5\nset format x '%s'\n", last ? "true, " : "",
            last ? plots->unit : "", last ? "%g" : "");
    fprintf(script, "set label 1 'MAE %.1f' at graph 0.05,0.93 textcolor rgb '#333333'\n",
            mean_over_seeds(plots, row, method));
    fprintf(script,
            "plot 'predicted.dat' index %d using 1:2 with points pointtype 7 pointsize 0.22 "
            "linecolor rgb '#70%s', x with lines linecolor rgb '#333333' linewidth 0.8\n",
            row * plots->methods + method, panel_colour(method) + 1);
}

static void write_points(const regression_plots *plots, FILE *to) {
    fprintf(to, "# true and predicted, of the first seed\n");
    for (int row = 0; row < plots->rows; row++)
        for (int method = 0; method < plots->methods; method++) {
            const predictions *p = at(plots, row, method, 0);
            for (int i = 0; i < p->n; i++)
                fprintf(to, "%.6g %.6g\n", plots->scale * p->truth[i],
                        plots->scale * p->predicted[i]);
            fprintf(to, "\n\n");
        }
}

bool plot_predictions(const regression_plots *plots, const char *name) {
    plot *p = plot_begin(plots->directory, name, LEFT + PANEL * plots->methods,
                         MARGIN + PANEL * plots->rows);
    FILE *data = plot_data(p, "predicted.dat"), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    write_points(plots, data);
    plot_data_end(p, data);
    double step = plot_step(plots->high - plots->low, 3);
    fprintf(script,
            "set multiplot\nset xrange [%g:%g]\nset yrange [%g:%g]\nset xtics %g\n"
            "set ytics %g\nunset key\n",
            plots->low, plots->high, plots->low, plots->high, step, step);
    for (int row = 0; row < plots->rows; row++)
        for (int method = 0; method < plots->methods; method++)
            draw_panel(script, plots, row, method);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}

/* -- Errors -- */

typedef struct range {
    double low, high;
} range;

static void widen(range *r, double value) {
    r->low = fmin(r->low, value);
    r->high = fmax(r->high, value);
}

/* Writes a line with the method and the quantiles of predicted - true over all seeds. */
static void write_quantiles(const regression_plots *plots, int row, int method, FILE *to,
                            range *all) {
    static const double shares[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    int n = 0;
    for (int seed = 0; seed < plots->seeds; seed++) n += at(plots, row, method, seed)->n;
    double *errors = malloc(((size_t)n + 1) * sizeof *errors);
    if (errors == NULL) return;
    n = 0;
    for (int seed = 0; seed < plots->seeds; seed++) {
        const predictions *p = at(plots, row, method, seed);
        for (int i = 0; i < p->n; i++) errors[n++] = plots->scale * (p->predicted[i] - p->truth[i]);
    }
    fprintf(to, "%d", method);
    for (int i = 0; i < 5; i++) {
        double quantile = stats_quantile(errors, n, shares[i]);
        fprintf(to, " %.6g", quantile);
        widen(all, quantile);
    }
    fprintf(to, "\n");
    free(errors);
}

/* Both files have a block for each row; returns the range of the quantiles. */
static range write_error_data(const regression_plots *plots, FILE *quantiles, FILE *each) {
    range all = {INFINITY, -INFINITY};
    fprintf(quantiles, "# method, and 5, 25, 50, 75, 95 %% quantiles of predicted - true\n");
    fprintf(each, "# method, mean absolute error of a seed, and the mean of that over the seeds\n");
    for (int row = 0; row < plots->rows; row++) {
        for (int method = 0; method < plots->methods; method++) {
            write_quantiles(plots, row, method, quantiles, &all);
            for (int seed = 0; seed < plots->seeds; seed++)
                fprintf(each, "%d %.6g %.6g\n", method, mean_error(plots, row, method, seed),
                        mean_over_seeds(plots, row, method));
        }
        fprintf(quantiles, "\n\n");
        fprintf(each, "\n\n");
    }
    return all;
}

static range mae_range(const regression_plots *plots, int row) {
    range r = {INFINITY, -INFINITY};
    for (int method = 0; method < plots->methods; method++)
        for (int seed = 0; seed < plots->seeds; seed++)
            widen(&r, mean_error(plots, row, method, seed));
    return r;
}

static void set_x(FILE *script, const char *label, const char *unit, range r) {
    double size = 1 + fabs(r.high);
    if (r.high - r.low < 1e-4 * size) { /* one number, of which gnuplot draws no axis */
        r.low -= 0.01 * size;
        r.high += 0.01 * size;
    }
    double margin = 0.05 * (r.high - r.low) + 1e-6 * size;
    if (r.low <= r.high)
        fprintf(script, "set xrange [%g:%g]\nset xtics %g\n", r.low - margin, r.high + margin,
                plot_step(r.high - r.low, 5));
    fprintf(script, "set xlabel '%s, %s' offset 0,0.4\n", label, unit);
}

static void draw_error_panels(FILE *script, const regression_plots *plots, int row, range errors) {
    const char *bar = "with vectors nohead linewidth 2 linecolor rgb variable";
    fprintf(script, "set ytics (");
    for (int method = 0; method < plots->methods; method++)
        fprintf(script, "%s'%s' %d", method == 0 ? "" : ", ", row == 0 ? plots->labels[method] : "",
                method);
    fprintf(script, ")\nset title '%s' font ',10' offset 0,-0.3\nunset arrow\n",
            plots->row_titles[row]);
    set_x(script, "MAE: seeds (dots), their mean (bar)", plots->unit, mae_range(plots, row));
    fprintf(script,
            "plot 'mae.dat' index %d using 3:($1-0.32):(0):(0.64):(colour($1)) %s, '' index %d "
            "using 2:1:(colour($1)) with points pointtype 7 pointsize 0.5 linecolor rgb "
            "variable\n",
            row, bar, row);
    fprintf(script, "set title ''\nset arrow 1 from first 0, graph 0 to first 0, graph 1 nohead "
                    "linewidth 0.8 linecolor rgb '#333333' front\n");
    set_x(script, "predicted - true: 5, 25, 50, 75, 95%", plots->unit, errors);
    fprintf(script,
            "plot 'quantiles.dat' index %d using 2:1:($6-$2):(0):(colour($1)) with vectors "
            "nohead linecolor rgb variable linewidth 1.2, '' index %d using 4:1:3:5:($1-0.3):"
            "($1+0.3):(colour($1)) with boxxyerror linecolor rgb variable, '' index %d using "
            "4:($1-0.3):(0):(0.6):(colour($1)) %s\n",
            row, row, row, bar);
}

bool plot_errors(const regression_plots *plots, const char *name) {
    plot *p = plot_begin(plots->directory, name, 1060, 160 + 50 * plots->methods);
    FILE *quantiles = plot_data(p, "quantiles.dat"), *each = plot_data(p, "mae.dat");
    FILE *script = plot_script(p);
    range errors = {INFINITY, -INFINITY};
    if (quantiles != NULL && each != NULL) errors = write_error_data(plots, quantiles, each);
    plot_data_end(p, quantiles);
    plot_data_end(p, each);
    if (script == NULL) return plot_end(p);
    fprintf(script,
            "set multiplot layout 2,%d columnsfirst margins 0.13,0.985,0.1,0.93 spacing "
            "0.035,0.17\nunset key\nset yrange [%d.5:-0.5]\nset border 1\nset ytics scale 0\n"
            "set style fill solid 0.35 border\ncolour(i) = ",
            plots->rows, plots->methods - 1);
    for (int method = 0; method < plots->methods; method++)
        fprintf(script, "int(i) == %d ? 0x%s : ", method, panel_colour(method) + 1);
    fprintf(script, "0\n");
    for (int row = 0; row < plots->rows; row++) draw_error_panels(script, plots, row, errors);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
