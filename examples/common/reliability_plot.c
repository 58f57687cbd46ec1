#include "examples/common/reliability_plot.h"

#include "examples/common/plot.h"

enum { MOST_BINS = 100 };

typedef struct bin {
    double confidence, right, n; /* sums over the predictions */
} bin;

static void add(const gr_tensor *kept, bin *bins) {
    for (int b = 0; kept != NULL && b < kept->shape.dim[0] && b < MOST_BINS; b++) {
        double n = gr_at(kept, 3 * b + 2);
        bins[b].confidence += n * gr_at(kept, 3 * b);
        bins[b].right += n * gr_at(kept, 3 * b + 1);
        bins[b].n += n;
    }
}

static void write_bins(const experiment *e, gr_graph *g, const char *kept, int condition,
                       int method, int least, FILE *to) {
    bin bins[MOST_BINS] = {{0}};
    for (int seed = 0; seed < e->complete; seed++)
        add(experiment_kept(e, g, condition, method, seed, kept), bins);
    int lines = 0;
    for (int b = 0; b < MOST_BINS; b++)
        if (bins[b].n >= least && bins[b].n > 0) {
            fprintf(to, "%.6g %.6g %.0f\n", bins[b].confidence / bins[b].n,
                    bins[b].right / bins[b].n, bins[b].n);
            lines++;
        }
    if (lines == 0) fprintf(to, "NaN NaN 0\n");
    fprintf(to, "\n\n");
}

static const double LEFT = 62, KEY = 190, GAP = 48, PANEL = 330, HEIGHT = 360; /* pixels */

bool plot_reliability_bins(const experiment *e, gr_graph *g, const char *kept, int least,
                           const char *name) {
    double width = LEFT + KEY + PANEL * e->n_conditions;
    plot *p = plot_begin(e->settings->out, name, (int)width, (int)HEIGHT);
    char file[256];
    snprintf(file, sizeof file, "%s.dat", name);
    FILE *data = plot_data(p, file), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    fprintf(data, "# mean confidence, share that is right, predictions; a block for each method\n");
    for (int c = 0; c < e->n_conditions; c++)
        for (int m = 0; m < e->n_methods; m++) write_bins(e, g, kept, c, m, least, data);
    plot_data_end(p, data);
    fprintf(script,
            "set multiplot layout 1,%d margins %.4f,%.4f,0.13,0.92 spacing %.4f,0\n"
            "set xrange [0:1]\nset yrange [0:1]\n"
            "set xlabel 'confidence: the largest probability' offset 0,0.4\n",
            e->n_conditions, LEFT / width, 1 - KEY / width, GAP / width);
    for (int c = 0; c < e->n_conditions; c++) {
        fprintf(script, "set title '%s' offset 0,-0.5\nset ylabel '%s' offset 0.5,0\n%s\nplot ",
                e->n_conditions > 1 ? e->conditions[c] : "", c == 0 ? "share that is right" : "",
                c == 0 ? "set key at screen 0.995,0.92 right top Left reverse" : "unset key");
        for (int m = 0; m < e->n_methods; m++)
            fprintf(script, "'%s' index %d using 1:2 with linespoints ls %d title '%s', ", file,
                    c * e->n_methods + m, m % 7 + 1, e->methods[m]);
        fprintf(script, "x with lines linecolor rgb '#666666' dashtype 3 title 'calibrated'\n");
    }
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
