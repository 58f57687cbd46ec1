#include "examples/common/curve_plot.h"

#include <math.h>

#include "examples/common/plot.h"
#include "examples/common/stats.h"

typedef struct range {
    double low, high;
} range;

/* -- One panel for all methods -- */

/* A block of lines: epoch, mean - spread, mean, mean + spread. */
static void write_curve(const experiment *e, gr_graph *g, const char *kept, int condition,
                        int method, FILE *to, range *all) {
    gr_tensor *curve[EXPERIMENT_MOST_SEEDS];
    double now[EXPERIMENT_MOST_SEEDS];
    int64_t epochs = INT64_MAX;
    for (int seed = 0; seed < e->complete; seed++) {
        curve[seed] = experiment_kept(e, g, condition, method, seed, kept);
        int64_t size = curve[seed] == NULL ? 0 : curve[seed]->size;
        if (size < epochs) epochs = size;
    }
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        for (int seed = 0; seed < e->complete; seed++) now[seed] = gr_at(curve[seed], epoch);
        double mean = stats_mean(now, e->complete);
        double spread = e->complete > 1 ? stats_deviation(now, e->complete) : 0;
        fprintf(to, "%d %.6g %.6g %.6g\n", (int)epoch + 1, mean - spread, mean, mean + spread);
        all->low = fmin(all->low, mean - spread);
        all->high = fmax(all->high, mean + spread);
    }
    fprintf(to, "\n\n");
}

static void draw_panel(const experiment *e, const curve_plot *curves, int condition, FILE *script) {
    fprintf(script, "set title '%s' offset 0,-0.5\nset ylabel '%s' offset 0.5,0\n%s\nplot ",
            e->n_conditions > 1 ? e->conditions[condition] : "",
            condition == 0 ? curves->y_title : "",
            condition == 0 ? "set key at screen 0.995,0.92 right top Left reverse" : "unset key");
    for (int m = 0; m < e->n_methods; m++)
        fprintf(script,
                "'%s.dat' index %d using 1:2:4 with filledcurves linecolor rgb '%s' fillstyle "
                "transparent solid 0.2 noborder notitle, ",
                curves->name, condition * e->n_methods + m, plot_colour(m % 7 + 1));
    for (int m = 0; m < e->n_methods; m++)
        fprintf(script, "%s'' index %d using 1:3 with linespoints ls %d title '%s'",
                m > 0 ? ", " : "", condition * e->n_methods + m, m % 7 + 1, e->methods[m]);
    fprintf(script, "\n");
}

static const double LEFT = 62, KEY = 190, GAP = 48, PANEL = 330; /* pixels */

bool plot_curves(const experiment *e, gr_graph *g, curve_plot curves) {
    double width = LEFT + KEY + PANEL * e->n_conditions;
    plot *p = plot_begin(e->settings->out, curves.name, (int)width, 330);
    char name[256];
    snprintf(name, sizeof name, "%s.dat", curves.name);
    FILE *data = plot_data(p, name), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    range all = {INFINITY, -INFINITY};
    fprintf(data, "# epoch, mean - spread, mean, mean + spread; a block for each method\n");
    for (int c = 0; c < e->n_conditions; c++)
        for (int m = 0; m < e->n_methods; m++) write_curve(e, g, curves.kept, c, m, data, &all);
    plot_data_end(p, data);
    all.low = fmax(all.low, curves.low);
    if (all.low < all.high)
        fprintf(script, "set yrange [%g:%g]\n", all.low, all.high + 0.03 * (all.high - all.low));
    fprintf(script,
            "set multiplot layout 1,%d margins %.4f,%.4f,0.14,0.91 spacing %.4f,0\n"
            "set xlabel '%s' offset 0,0.4\nset xrange [0.5:%d.5]\nset xtics %g\n",
            e->n_conditions, LEFT / width, 1 - KEY / width, GAP / width, curves.x_title,
            e->settings->epochs, fmax(1, plot_step(e->settings->epochs, 6)));
    for (int c = 0; c < e->n_conditions; c++) draw_panel(e, &curves, c, script);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}

/* -- A panel for each method -- */

/* A block of lines: epoch, the mean over the seeds, each seed's value, which widen the range. */
static void write_seeds(const experiment *e, gr_graph *g, const char *kept, int condition,
                        int method, FILE *to, range *all) {
    gr_tensor **curve = gr_alloc_lasting(g, (size_t)e->complete * sizeof *curve);
    for (int seed = 0; curve != NULL && seed < e->complete; seed++)
        curve[seed] = experiment_kept(e, g, condition, method, seed, kept);
    int epochs = curve == NULL || curve[0] == NULL ? 0 : (int)curve[0]->size;
    for (int epoch = 0; epoch < epochs; epoch++) {
        double sum = 0;
        for (int seed = 0; seed < e->complete; seed++) sum += gr_at(curve[seed], epoch);
        fprintf(to, "%d %.6g", epoch + 1, sum / e->complete);
        for (int seed = 0; seed < e->complete; seed++) {
            double now = gr_at(curve[seed], epoch);
            fprintf(to, " %.6g", now);
            all->low = fmin(all->low, now);
            all->high = fmax(all->high, now);
        }
        fprintf(to, "\n");
    }
    fprintf(to, "\n\n");
}

static void draw_seeds(const experiment *e, const seed_curves *curves, int condition, int k,
                       FILE *script) {
    bool first = k == 0, last = condition == e->n_conditions - 1;
    int i = condition * curves->n_methods + k;
    fprintf(script, "set title '%s' offset 0,-0.6\n",
            condition == 0 ? e->methods[curves->methods[k]] : "");
    fprintf(script, "set ylabel '%s%s%s' offset 0.5,0\nset format y '%s'\n",
            first ? e->conditions[condition] : "", first ? ": " : "", first ? curves->title : "",
            first ? "%g" : "");
    fprintf(script, "set xlabel '%s' offset 0,0.5\n", last ? "epoch" : "");
    fprintf(script,
            "plot for [seed=3:%d] 'seeds.dat' index %d using 1:seed with lines linewidth 0.5 "
            "linecolor rgb '#C8C8C8', 'seeds.dat' index %d using 1:2 with lines linewidth 2 "
            "linecolor rgb '%s'\n",
            e->complete + 2, i, i, plot_colour(k % 7 + 1));
}

bool plot_seed_curves(const experiment *e, gr_graph *g, seed_curves curves) {
    if (curves.n_methods == 0) return false;
    plot *p = plot_begin(e->settings->out, curves.name, 90 + 180 * curves.n_methods,
                         60 + 190 * e->n_conditions);
    FILE *data = plot_data(p, "seeds.dat"), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    fprintf(script,
            "set multiplot layout %d,%d margins %.3f,0.99,%.3f,%.3f spacing 0.012,0.07\n"
            "unset key\n",
            e->n_conditions, curves.n_methods, 70.0 / (90 + 180 * curves.n_methods),
            42.0 / (60 + 190 * e->n_conditions), 1 - 24.0 / (60 + 190 * e->n_conditions));
    for (int c = 0; c < e->n_conditions; c++) {
        range all = {INFINITY, -INFINITY};
        for (int k = 0; k < curves.n_methods; k++)
            write_seeds(e, g, curves.kept, c, curves.methods[k], data, &all);
        if (all.low < all.high) fprintf(script, "set yrange [%g:%g]\n", all.low, all.high);
        for (int k = 0; k < curves.n_methods; k++) draw_seeds(e, &curves, c, k, script);
    }
    plot_data_end(p, data);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
