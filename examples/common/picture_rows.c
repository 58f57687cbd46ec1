#include "examples/common/picture_rows.h"

#include "examples/common/plot.h"

enum { MOST_ROWS = 64, LABEL = 150, ZOOM = 2, PADDING = 2 };

/* Writes the labels, and the grid's file to the right of them, in its own proportions. */
static bool draw(const char *directory, const char *name, const picture_row *rows, int n) {
    const gr_shape shape = rows[0].pictures->shape;
    const int width = ZOOM * (shape.dim[0] * (shape.dim[3] + PADDING) + PADDING);
    const int height = ZOOM * (n * (shape.dim[2] + PADDING) + PADDING);
    plot *p = plot_begin(directory, name, LABEL + width, height);
    FILE *script = plot_script(p);
    if (script == NULL) return false;
    fprintf(script,
            "unset border\nunset tics\nunset grid\nunset key\n"
            "set lmargin at screen %.5f\nset rmargin at screen 1\n"
            "set bmargin at screen 0\nset tmargin at screen 1\nset autoscale fix\n",
            (double)LABEL / (LABEL + width));
    for (int i = 0; i < n; i++)
        fprintf(script, "set label '%s' at screen %.5f,%.5f right\n", rows[i].label,
                (LABEL - 8.0) / (LABEL + width), 1 - (i + 0.5) / n);
    fprintf(script, "plot '%s-grid.png' binary filetype=png with rgbimage\n", name);
    return plot_end(p);
}

bool picture_rows(const char *directory, const char *name, const picture_row *rows, int n) {
    picture_row kept[MOST_ROWS];
    gr_tensor *items[MOST_ROWS];
    int used = 0;
    for (int i = 0; i < n && used < MOST_ROWS; i++) {
        if (rows[i].pictures == NULL) continue;
        kept[used] = rows[i];
        items[used++] = rows[i].pictures;
    }
    if (used == 0) {
        fprintf(stderr, "no picture %s: there are no rows\n", name);
        return false;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-grid.png", directory, name);
    gr_tensor *all = gr_concat((gr_list){used, items}, 0);
    if (all == NULL || !gr_image_write_grid(all, path, .columns = items[0]->shape.dim[0],
                                            .padding = PADDING, .background = 1)) {
        fprintf(stderr, "no picture %s: %s\n", name, gr_error(items[0]->graph));
        return false;
    }
    return draw(directory, name, kept, used);
}
