#include "examples/common/ranking_plots.h"

#include <math.h>
#include <stdlib.h>

#include "examples/common/plot.h"

enum { STEPS = 100, TENTHS = 10, WIDTH = 560, HEIGHT = 380 };

static const ranked_scores *at(const ranking_plots *plots, int method, int seed) {
    return &plots->each[seed * plots->methods + method];
}

/* -- The panels that both pictures have -- */

/* What is in all panels is black; others get the colours in turn, dashed when those are used up. */
static void write_style(const ranking_plots *plots, int method, FILE *script) {
    static const int colours[] = {1, 2, 3, 4, 5, 6};
    enum { COLOURS = sizeof colours / sizeof *colours };
    int before = 0;
    for (int m = 0; m < method; m++) before += plots->column[m] == plots->column[method];
    if (plots->column[method] == RANKING_ALL_COLUMNS)
        fprintf(script, "linecolor rgb '%s' linewidth 1.8", plot_colour(7));
    else
        fprintf(script, "linecolor rgb '%s' linewidth 1.3 dashtype %d",
                plot_colour(colours[before % COLOURS]), before / COLOURS + 1);
}

/* A panel with a line for each method, block i of the data being that of method i. */
static void draw_panel(const ranking_plots *plots, int column, const bool *shown, const char *data,
                       const char *with, const char *first, FILE *script) {
    fprintf(script, "set title '%s' offset 0,-0.5\nplot %s", plots->titles[column], first);
    bool any = first[0] != '\0';
    for (int m = 0; m < plots->methods; m++) {
        if (plots->column[m] != column && plots->column[m] != RANKING_ALL_COLUMNS) continue;
        if (shown != NULL && !shown[m]) continue;
        fprintf(script, "%s'%s' index %d using 1:2 with %s ", any ? ", " : "", data, m, with);
        write_style(plots, m, script);
        fprintf(script, " title '%s'", plots->labels[m]);
        any = true;
    }
    fprintf(script, "\n");
}

static bool has_panel(const ranking_plots *plots, int column) {
    for (int m = 0; m < plots->methods; m++)
        if (plots->column[m] == column) return true;
    return false;
}

/* The panels that have methods of their own; the first one if none has. */
static int find_panels(const ranking_plots *plots, int *panels) {
    int n = 0;
    for (int column = 0; column < plots->columns; column++)
        if (has_panel(plots, column)) panels[n++] = column;
    if (n == 0) panels[n++] = 0;
    return n;
}

/* -- Precision and recall -- */

/* The precision at the highest threshold whose recall is at least i / STEPS, added to sum[i]. */
static void add_precisions(const gr_tensor *curve, double *sum) {
    int row = curve->shape.dim[0] - 2; /* the highest threshold; after it stands infinity */
    for (int i = 0; i <= STEPS; i++) {
        while (row > 0 && curve->data[3 * row + 1] < (double)i / STEPS - 1e-6) row--;
        sum[i] += curve->data[3 * row];
    }
}

static void write_pr(gr_graph *g, const ranking_plots *plots, int method, FILE *to) {
    double sum[STEPS + 1] = {0};
    int n = 0;
    for (int seed = 0; seed < plots->seeds; seed++) {
        const ranked_scores *s = at(plots, method, seed);
        gr_tensor *curve = s->scores == NULL ? NULL : gr_pr_curve(s->scores, s->labels);
        if (curve == NULL) continue;
        add_precisions(curve, sum);
        n++;
    }
    for (int i = 1; i <= STEPS && n > 0; i++)
        fprintf(to, "%.4g %.6g\n", (double)i / STEPS, sum[i] / n);
    fprintf(to, "\n\n");
    (void)g;
}

bool plot_pr_curves(gr_graph *g, const ranking_plots *plots, const char *name) {
    int panels[16], n = find_panels(plots, panels);
    plot *p = plot_begin(plots->directory, name, WIDTH * n, HEIGHT);
    FILE *data = plot_data(p, "pr.dat"), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    fprintf(data, "# recall, precision; a block for each method\n");
    for (int m = 0; m < plots->methods; m++) write_pr(g, plots, m, data);
    plot_data_end(p, data);
    fprintf(script,
            "set multiplot layout 1,%d\nset xlabel 'recall'\nset ylabel 'precision'\n"
            "set xrange [0:1]\nset yrange [0:*]\nset key outside right top Left reverse width -2\n",
            n);
    for (int i = 0; i < n; i++) draw_panel(plots, panels[i], NULL, "pr.dat", "lines", "", script);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}

/* -- Reliability -- */

typedef struct prediction {
    double probability;
    int32_t label;
} prediction;

static int compare(const void *a, const void *b) {
    double x = ((const prediction *)a)->probability, y = ((const prediction *)b)->probability;
    return (x > y) - (x < y);
}

/* All seeds' predictions in order; returns how many. To be freed. */
static prediction *collect(const ranking_plots *plots, int method, int *n) {
    size_t total = 1;
    for (int seed = 0; seed < plots->seeds; seed++)
        if (at(plots, method, seed)->scores != NULL)
            total += (size_t)at(plots, method, seed)->scores->size;
    prediction *all = malloc(total * sizeof *all);
    *n = 0;
    for (int seed = 0; seed < plots->seeds && all != NULL; seed++) {
        const ranked_scores *s = at(plots, method, seed);
        for (int64_t i = 0; s->scores != NULL && i < s->scores->size; i++)
            all[(*n)++] = (prediction){1 / (1 + exp(-s->scores->data[i])), s->labels->index[i]};
    }
    if (all != NULL) qsort(all, (size_t)*n, sizeof *all, compare);
    return all;
}

/* Returns the largest share. */
static double write_reliability(const ranking_plots *plots, int method, FILE *to) {
    int n;
    double largest = 0;
    prediction *all = collect(plots, method, &n);
    for (int k = 0; k < TENTHS && n >= TENTHS; k++) {
        double probability = 0, positive = 0;
        int begin = (int)((int64_t)n * k / TENTHS), end = (int)((int64_t)n * (k + 1) / TENTHS);
        for (int i = begin; i < end; i++) {
            probability += all[i].probability;
            positive += all[i].label;
        }
        fprintf(to, "%.6g %.6g\n", probability / (end - begin), positive / (end - begin));
        largest = fmax(largest, positive / (end - begin));
    }
    fprintf(to, "\n\n");
    free(all);
    return largest;
}

bool plot_reliability(const ranking_plots *plots, const char *name) {
    int panels[16], n = find_panels(plots, panels);
    plot *p = plot_begin(plots->directory, name, WIDTH * n, HEIGHT);
    FILE *data = plot_data(p, "reliability.dat"), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    fprintf(data, "# mean probability, share of positives; a block for each method\n");
    double largest = 1e-6;
    for (int m = 0; m < plots->methods; m++)
        largest = fmax(largest, write_reliability(plots, m, data));
    plot_data_end(p, data);
    fprintf(script,
            "set multiplot layout 1,%d\nset xlabel 'predicted probability'\n"
            "set ylabel 'share of positives'\nset xrange [0:1]\nset yrange [0:%g]\n"
            "set key outside right top Left reverse width -2\n",
            n, 1.1 * largest);
    for (int i = 0; i < n; i++)
        draw_panel(plots, panels[i], plots->probabilities, "reliability.dat",
                   "linespoints pointtype 7 pointsize 0.4",
                   "x with lines linecolor rgb '#666666' dashtype 3 title 'as predicted'", script);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
