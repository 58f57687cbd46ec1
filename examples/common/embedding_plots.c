#include "examples/common/embedding_plots.h"

#include <math.h>
#include <stdlib.h>

#include "examples/common/pca.h"
#include "examples/common/plot.h"

enum { COLUMNS = 3 }; /* of panels */

static int panel_rows(const embedding_plots *plots) {
    return (plots->n_panels + COLUMNS - 1) / COLUMNS;
}

/* -- In the plane -- */

/* P. Tol, "Colour schemes", 2021: muted, which people blind to some colours can tell apart. */
static const char *const class_colours[EMBEDDING_PLOTS_CLASSES] = {
    "#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE",
    "#882255", "#44AA99", "#999933", "#AA4499", "#888888"};

/* For each panel and class a block of points; no block is empty. */
static bool write_points(const embedding_plots *plots, FILE *to) {
    for (int panel = 0; panel < plots->n_panels; panel++) {
        gr_tensor *plane = pca_project(plots->panels[panel].x, 2, NULL);
        if (plane == NULL) return false;
        for (int class = 0; class < EMBEDDING_PLOTS_CLASSES; class ++) {
            fprintf(to, "# %s, %s\n", plots->panels[panel].title, plots->class_names[class]);
            for (int i = 0; i < plane->shape.dim[0]; i++)
                if (plots->classes->index[i] == class)
                    fprintf(to, "%.5g %.5g\n", gr_at(plane, 2 * i), gr_at(plane, 2 * i + 1));
            fprintf(to, "NaN NaN\n\n\n");
        }
    }
    return true;
}

static void draw_points(FILE *script, const embedding_plots *plots, int panel) {
    fprintf(script, "set title '%s: %s %.3f' offset 0,-0.6\nplot ", plots->panels[panel].title,
            plots->score_name, plots->panels[panel].score);
    for (int pass = 0, drawn = 0; pass < 2; pass++) /* marked classes above the others */
        for (int class = 0; class < EMBEDDING_PLOTS_CLASSES; class ++)
            if (plots->marked[class] == (pass == 1))
                fprintf(script,
                        "%s'points.dat' index %d using 1:2 with points pointtype %d pointsize %g "
                        "linecolor rgb '%s%s'",
                        drawn++ == 0 ? "" : ", ", panel * EMBEDDING_PLOTS_CLASSES + class,
                        pass == 1 ? 9 : 7, pass == 1 ? 0.5 : 0.2, pass == 1 ? "#30" : "#50",
                        class_colours[class] + 1);
    fprintf(script, "\n");
}

/* A strip below the panels that says what the colours mean. */
static void draw_legend(FILE *script, const embedding_plots *plots, double height) {
    fprintf(
        script,
        "set title ''\nset lmargin at screen 0.02\nset rmargin at screen 0.98\n"
        "set bmargin at screen 0\nset tmargin at screen %.4f\nset key at screen 0.5,%.4f center "
        "center maxrows 2 horizontal width 1 samplen 1\nset xrange [0:1]\nset yrange [0:1]\n"
        "plot ",
        height, height / 2);
    for (int class = 0; class < EMBEDDING_PLOTS_CLASSES; class ++)
        fprintf(script,
                "%sNaN with points pointtype %d pointsize %g linecolor rgb '%s' title '%s%s'",
                class == 0 ? "" : ", ", plots->marked[class] ? 9 : 7,
                plots->marked[class] ? 0.9 : 0.6, class_colours[class], plots->class_names[class],
                plots->marked[class] ? " (unseen)" : "");
    fprintf(script, "\n");
}

bool plot_embeddings(const embedding_plots *plots, const char *name) {
    enum { PANEL = 260, LEGEND = 60 };
    int rows = panel_rows(plots), height = rows * PANEL + LEGEND;
    plot *p = plot_begin(plots->directory, name, COLUMNS * PANEL, height);
    FILE *data = plot_data(p, "points.dat"), *script = plot_script(p);
    bool written = data != NULL && write_points(plots, data);
    plot_data_end(p, data);
    if (!written) return plot_end(p) && false;
    double legend = (double)LEGEND / height;
    fprintf(script, "set multiplot\nunset key\nunset tics\nunset grid\nset border 15\n"
                    "set offsets graph 0.04, graph 0.04, graph 0.04, graph 0.04\n");
    for (int panel = 0; panel < plots->n_panels; panel++) {
        double left = (double)(panel % COLUMNS) / COLUMNS, above = (1 - legend) / rows;
        double bottom = 1 - (panel / COLUMNS + 1) * above;
        fprintf(script,
                "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
                "set bmargin at screen %.4f\nset tmargin at screen %.4f\n",
                left + 0.01, left + 1.0 / COLUMNS - 0.01, bottom + 0.02 * above,
                bottom + 0.89 * above);
        draw_points(script, plots, panel);
    }
    fprintf(script, "unset border\n");
    draw_legend(script, plots, legend);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}

/* -- Nearest neighbours -- */

enum { FRAME = 2 }; /* pixels around a picture */

typedef struct colour {
    double part[3];
} colour;
static const colour OF_QUERY = {{0.55, 0.55, 0.55}}, RIGHT = {{0, 0.62, 0.45}},
                    WRONG = {{0.84, 0.37, 0}};

/* Paints a row of the pixels and its frame as picture `place` of the grid (K,3,H,W). */
static void paint(const gr_tensor *pixels, int row, colour frame, gr_tensor *grid, int place) {
    int h = grid->shape.dim[2], w = grid->shape.dim[3], inner = pixels->shape.dim[2];
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                bool edge = y < FRAME || x < FRAME || y >= h - FRAME || x >= w - FRAME;
                int64_t from =
                    ((int64_t)row * pixels->shape.dim[1] + y - FRAME) * inner + x - FRAME;
                int64_t to = (((int64_t)place * 3 + c) * h + y) * w + x;
                grid->data[to] = edge ? (gr_real)frame.part[c] : 1 - pixels->data[from];
            }
}

/* The grid of one panel as a file NAME-PANEL.png; its size in pixels goes to *width and *height. */
static bool write_grid(const embedding_plots *plots, const char *path, gr_tensor *x,
                       const gr_tensor *queries, int k) {
    gr_graph *g = x->graph;
    int n = (int)queries->size, side_y = plots->pixels->shape.dim[1] + 2 * FRAME;
    int side_x = plots->pixels->shape.dim[2] + 2 * FRAME, place = 0;
    gr_tensor *nearest,
        *from = gr_index_select(x, 0, gr_from_index(g, GR_SHAPE(n), queries->index));
    gr_tensor *sorted =
        gr_topk(gr_distances(from, x), k + 1, .smallest = true, .indices = &nearest);
    gr_tensor *grid = gr_zeros(g, GR_SHAPE(n * (k + 1), 3, side_y, side_x));
    if (sorted == NULL || grid == NULL) return false;
    for (int q = 0; q < n; q++) {
        int32_t query = queries->index[q];
        paint(plots->pixels, query, OF_QUERY, grid, place++);
        for (int i = 0, shown = 0; i <= k && shown < k; i++) {
            int32_t other = nearest->index[(int64_t)q * (k + 1) + i];
            if (other == query) continue;
            bool right = plots->classes->index[other] == plots->classes->index[query];
            paint(plots->pixels, other, right ? RIGHT : WRONG, grid, place++);
            shown++;
        }
    }
    return gr_image_write_grid(grid, path, .columns = k + 1, .padding = 1, .background = 1);
}

bool plot_neighbours(const embedding_plots *plots, const char *name, const gr_tensor *queries,
                     int k) {
    const int side = plots->pixels->shape.dim[2] + 2 * FRAME + 1, gap = 14, title = 22;
    int wide = (k + 1) * side + gap, high = (int)queries->size * side + title, note = 24;
    int width = COLUMNS * wide, height = panel_rows(plots) * high + note;
    plot *p = plot_begin(plots->directory, name, width, height);
    FILE *script = plot_script(p);
    if (script == NULL) return false;
    fprintf(script,
            "set multiplot\nunset key\nunset tics\nunset grid\nunset border\n"
            "set label 9 'framed grey: the query%s%s; green: of its class; "
            "orange: of another' at screen 0.5,%.4f center\n",
            plots->query == NULL ? "" : ", ", plots->query == NULL ? "" : plots->query,
            0.5 * note / height);
    for (int panel = 0; panel < plots->n_panels; panel++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s-%d.png", plots->directory, name, panel + 1);
        if (!write_grid(plots, path, plots->panels[panel].x, queries, k)) break;
        double left = (double)(panel % COLUMNS * wide + gap / 2) / width;
        double top = 1 - (double)(panel / COLUMNS * high + title) / height;
        fprintf(script,
                "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
                "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
                "set label 1 '%s' at screen %.4f,%.4f center\n"
                "plot '%s-%d.png' binary filetype=png with rgbimage\n",
                left, left + (double)(wide - gap) / width, top,
                top - (double)(high - title) / height, plots->panels[panel].title,
                left + 0.5 * (wide - gap) / width, top + 0.5 * title / height, name, panel + 1);
        fprintf(script, "unset label 9\n");
    }
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
