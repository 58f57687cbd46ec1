#include "examples/common/gan_plots.h"

#include <math.h>

#include "examples/common/plot.h"

const double gan_snapshot_shares[GAN_SNAPSHOTS] = {0.01, 0.05, 0.15, 0.4, 1};

static const char *colour(int method) { return plot_colour(method % 7 + 1); }

/* -- Points in the plane -- */

enum { POINT_PANEL = 130, LEFT = 34, TOP = 30 }; /* pixels */

static void write_points(const experiment *e, gr_graph *g, int condition, FILE *to) {
    for (int method = 0; method < e->n_methods; method++)
        for (int i = 0; i < GAN_SNAPSHOTS; i++) {
            char name[16];
            snprintf(name, sizeof name, "samples%d", i);
            gr_tensor *x = experiment_kept(e, g, condition, method, 0, name);
            for (int k = 0; x != NULL && k < x->shape.dim[0]; k++)
                fprintf(to, "%.4f %.4f\n", gr_at(x, 2 * k), gr_at(x, 2 * k + 1));
            fprintf(to, "%s\n\n", x == NULL ? "NaN NaN\n" : "");
        }
}

static void place_point_panel(const experiment *e, FILE *script, int method, int i) {
    const double width = LEFT + POINT_PANEL * GAN_SNAPSHOTS;
    const double height = TOP + POINT_PANEL * e->n_methods;
    double left = LEFT + i * POINT_PANEL, top = TOP + method * POINT_PANEL;
    fprintf(script, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n", left / width,
            (left + POINT_PANEL - 6) / width);
    fprintf(script, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", 1 - top / height,
            1 - (top + POINT_PANEL - 6) / height);
    if (method == 0)
        fprintf(script, "set title '%g%% of the steps' offset 0,-0.6\n",
                100 * gan_snapshot_shares[i]);
    else
        fprintf(script, "set title ''\n");
    if (i == 0)
        fprintf(script, "set label 1 '%s' at screen %.4f,%.4f center rotate\n", e->methods[method],
                0.45 * LEFT / width, 1 - (top + POINT_PANEL / 2.0 - 3) / height);
    else
        fprintf(script, "unset label 1\n");
}

bool gan_plot_points(const experiment *e, int condition, const char *name,
                     const gr_tensor *centres) {
    gr_graph *g = gr_graph_new();
    plot *p = plot_begin(e->settings->out, name, LEFT + POINT_PANEL * GAN_SNAPSHOTS,
                         TOP + POINT_PANEL * e->n_methods);
    FILE *data = plot_data(p, "points.dat"), *real = plot_data(p, "centres.dat");
    FILE *script = plot_script(p);
    if (data != NULL) write_points(e, g, condition, data);
    for (int i = 0; real != NULL && centres != NULL && i < centres->shape.dim[0]; i++)
        fprintf(real, "%.4f %.4f\n", gr_at(centres, 2 * i), gr_at(centres, 2 * i + 1));
    plot_data_end(p, data);
    plot_data_end(p, real);
    gr_graph_free(g);
    if (script == NULL) return plot_end(p);
    fprintf(script, "set multiplot\nunset key\nunset tics\nunset grid\nset border 15\n"
                    "set xrange [-3:3]\nset yrange [-3:3]\n");
    for (int method = 0; method < e->n_methods; method++)
        for (int i = 0; i < GAN_SNAPSHOTS; i++) {
            place_point_panel(e, script, method, i);
            fprintf(script,
                    "plot 'centres.dat' with points pointtype 6 pointsize 1.1 linewidth 0.5 "
                    "linecolor rgb '#8C8C8C', 'points.dat' index %d with points pointtype 7 "
                    "pointsize 0.16 linecolor rgb '%s'\n",
                    method * GAN_SNAPSHOTS + i, colour(method));
        }
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}

/* -- Pictures -- */

enum { SIDE = 28, PER_ROW = GAN_PICTURES / 2, PAD = 2 };

/* (blocks GAN_PICTURES,28,28): the real ones, then each method's. */
static gr_tensor *all_pictures(const experiment *e, gr_graph *g, int condition, gr_tensor *real) {
    gr_tensor *list[1 + 64] = {gr_from(g, real->shape, real->data)};
    int n = 1;
    for (int method = 0; method < e->n_methods && n < 65; method++) {
        gr_tensor *x = experiment_kept(e, g, condition, method, 0, "pictures");
        list[n++] = x == NULL ? gr_full(g, real->shape, -1) : x;
    }
    return gr_reshape(gr_concat((gr_list){n, list}, 0), GR_SHAPE(n * GAN_PICTURES, SIDE, SIDE));
}

bool gan_plot_pictures(const experiment *e, int condition, const char *name, gr_tensor *real) {
    if (real == NULL) return false;
    gr_graph *g = gr_graph_new();
    char path[4096], file[64];
    snprintf(file, sizeof file, "%s-grid.png", name);
    snprintf(path, sizeof path, "%s/%s", e->settings->out, file);
    gr_tensor *all = all_pictures(e, g, condition, real);
    bool written = gr_image_write_grid(all, path, .low = -1, .columns = PER_ROW, .padding = PAD);
    if (!written) fprintf(stderr, "%s: %s\n", e->program, gr_error(g));
    gr_graph_free(g);
    if (!written) return false;
    const int rows = 2 * (e->n_methods + 1), step = SIDE + PAD;
    const int width = PER_ROW * step + PAD, height = rows * step + PAD, left = 130;
    plot *p = plot_begin(e->settings->out, name, left + 3 * width / 2 + 6, 3 * height / 2 + 12);
    FILE *script = plot_script(p);
    if (script == NULL) return plot_end(p);
    fprintf(script,
            "unset key\nunset grid\nunset border\nunset xtics\nset xrange [0:%d]\n"
            "set yrange [0:%d]\nset lmargin at screen %.4f\nset rmargin at screen 0.995\n"
            "set bmargin at screen 0.01\nset tmargin at screen 0.99\nset ytics scale 0 ('real' %d",
            width, height, (double)left / (left + 1.5 * width + 6), height - step - PAD / 2);
    for (int method = 0; method < e->n_methods; method++)
        fprintf(script, ", '%s' %d", e->methods[method], height - (2 * method + 3) * step - 1);
    fprintf(script, ")\nplot '%s' binary filetype=png with rgbimage\n", file);
    return plot_end(p);
}

/* -- Critics -- */

static void write_histories(const experiment *e, FILE *to) {
    gr_graph *g = gr_graph_new();
    for (int condition = 0; condition < e->n_conditions; condition++)
        for (int method = 0; method < e->n_methods; method++) {
            gr_tensor *h = experiment_kept(e, g, condition, method, 0, "history");
            for (int k = 0; h != NULL && k < h->shape.dim[0]; k++)
                fprintf(to, "%g %.6g %.6g\n", gr_at(h, 3 * k), gr_at(h, 3 * k + 1),
                        gr_at(h, 3 * k + 2));
            fprintf(to, "%s\n\n", h == NULL ? "NaN NaN NaN\n" : "");
        }
    gr_graph_free(g);
}

/* The critic's axis leaves out the first tenth, where it knows nothing yet or all. */
static void draw_critic(const experiment *e, FILE *script, const char *title, int condition,
                        int method, int measure) {
    int block = condition * e->n_methods + method;
    fprintf(script, "set title '%s%s%s, rank correlation %.2f' offset 0,-0.5\n",
            e->n_conditions > 1 ? title : "", e->n_conditions > 1 ? ": " : "", e->methods[method],
            experiment_run_at(e, condition, method, 0)->values[measure]);
    fprintf(script,
            "stats 'critics.dat' index %d using 1 nooutput name 'steps'\n"
            "stats 'critics.dat' index %d using ($1 > steps_max / 10 ? $3 : NaN) nooutput name "
            "'critic'\n"
            "margin = 0.05 * (critic_max - critic_min) + 1e-9\n"
            "set xrange [0:steps_max]\nset xtics ceil(steps_max / 3)\n"
            "set y2range [critic_min - margin:critic_max + margin]\n",
            block, block);
    fprintf(script,
            "plot 'critics.dat' index %d using 1:2 axes x1y1 with linespoints ls %d pointsize 0.3 "
            "notitle, '' index %d using 1:3 axes x1y2 with lines ls 7 linewidth 1 "
            "dashtype 2 notitle\n",
            block, method % 7 + 1, block);
}

bool gan_plot_critics(const experiment *e, const char *name, const char *const *titles,
                      int measure) {
    const int columns = e->n_methods < 3 ? e->n_methods : 3;
    const int rows = (e->n_methods + columns - 1) / columns;
    plot *p =
        plot_begin(e->settings->out, name, 20 + 330 * columns, 20 + 190 * rows * e->n_conditions);
    FILE *data = plot_data(p, "critics.dat"), *script = plot_script(p);
    if (data != NULL) write_histories(e, data);
    plot_data_end(p, data);
    if (script == NULL) return plot_end(p);
    fprintf(script,
            "set multiplot layout %d,%d\nset border 11\nunset key\n"
            "set logscale y\nset y2tics scale 0.5\nset format y '%%g'\nset format y2 '%%g'\n"
            "set tics font ',8'\nset xlabel 'steps' offset 0,0.7\n"
            "set ylabel 'distance (dots)' offset 1.5,0\n"
            "set y2label 'critic (dashes)' offset -1,0\n",
            rows * e->n_conditions, columns);
    for (int condition = 0; condition < e->n_conditions; condition++) {
        for (int method = 0; method < e->n_methods; method++)
            draw_critic(e, script, titles[condition], condition, method, measure);
        for (int i = e->n_methods; i < rows * columns; i++) fprintf(script, "set multiplot next\n");
    }
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
