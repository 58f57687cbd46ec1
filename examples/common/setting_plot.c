#include "examples/common/setting_plot.h"

#include <math.h>

#include "examples/common/experiment_report.h"
#include "examples/common/plot.h"

/* The least and the largest setting of the panel, with room around. */
static void find_range(const setting_panel *panel, double *low, double *high) {
    *low = INFINITY;
    *high = 0;
    for (int i = 0; i < panel->n; i++)
        for (int k = 0; k < panel->lines[i].n && !panel->lines[i].flat; k++) {
            *low = fmin(*low, panel->lines[i].x[k]);
            *high = fmax(*high, panel->lines[i].x[k]);
        }
    if (*high == 0) *low = *high = 1;
    *low /= 1.5;
    *high *= 1.5;
}

/* A block for each line: setting, mean, spread. */
static void write_points(const experiment *e, const setting_panel *panel, FILE *to) {
    double low, high;
    find_range(panel, &low, &high);
    for (int i = 0; i < panel->n; i++) {
        const setting_line *line = &panel->lines[i];
        for (int k = 0; k < line->n; k++) {
            double mean = experiment_mean(e, 0, line->methods[k], line->measure);
            double spread =
                e->complete > 1 ? experiment_spread(e, 0, line->methods[k], line->measure) : 0;
            if (line->flat)
                fprintf(to, "%g %.6g 0\n%g %.6g 0\n", low, mean, high, mean);
            else
                fprintf(to, "%g %.6g %.6g\n", line->x[k], mean, spread);
        }
        fprintf(to, "\n\n");
    }
}

/* Settings that methods have are the tics. */
static void write_tics(const setting_panel *panel, FILE *script) {
    double low, high;
    find_range(panel, &low, &high);
    fprintf(script, "set logscale x\nset xrange [%g:%g]\nset xtics (", low, high);
    int written = 0;
    for (int i = 0; i < panel->n; i++)
        for (int k = 0; k < panel->lines[i].n && !panel->lines[i].flat; k++)
            fprintf(script, "%s'%g' %g", written++ > 0 ? ", " : "", panel->lines[i].x[k],
                    panel->lines[i].x[k]);
    fprintf(script, ")\n");
}

static void draw_panel(const setting_panel *panel, const char *name, int first, FILE *script) {
    fprintf(script, "set xlabel '%s' offset 0,0.4\nset ylabel '%s' offset 0.8,0\n", panel->x_title,
            panel->y_title);
    write_tics(panel, script);
    for (int i = 0; i < panel->n; i++) {
        const setting_line *line = &panel->lines[i];
        fprintf(script, "%s'%s.dat' index %d using 1:2", i == 0 ? "plot " : ", ", name, first + i);
        if (line->flat)
            fprintf(script, " with lines ls %d dashtype 2", line->style);
        else
            fprintf(script,
                    " with lines ls %d notitle, '' index %d using 1:2:3 with yerrorbars ls %d",
                    line->style, first + i, line->style);
        fprintf(script, " title '%s'", line->title);
    }
    fprintf(script, "\n");
}

bool plot_settings(const experiment *e, const setting_panel *panels, int n, int columns,
                   const char *name) {
    enum { WIDTH = 370, HEIGHT = 300 };
    int rows = (n + columns - 1) / columns, first = 0;
    plot *p = plot_begin(e->settings->out, name, columns * WIDTH, rows * HEIGHT);
    char data_name[256];
    snprintf(data_name, sizeof data_name, "%s.dat", name);
    FILE *data = plot_data(p, data_name), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    fprintf(data, "# setting, mean, spread; a block for each line\n");
    for (int i = 0; i < n; i++) write_points(e, &panels[i], data);
    plot_data_end(p, data);
    fprintf(script,
            "set multiplot layout %d,%d\nset key above left Left reverse maxrows 3 font ',8'\n"
            "set lmargin 8\nset rmargin 2\n",
            rows, columns);
    for (int i = 0; i < n; i++) {
        draw_panel(&panels[i], name, first, script);
        first += panels[i].n;
    }
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
