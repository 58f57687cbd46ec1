#include "examples/cli/curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/plot.h"
#include "examples/common/stats.h"

/* -- Points -- */

bool curve_exists(const gr_loss_info *loss) {
    const char *shape = loss->operands[0].shape;
    if (strcmp(loss->family, "combination") == 0) return false; /* a loss of other losses */
    if (shape == NULL || strstr(loss->reductions, "none") == NULL) return false;
    if (strcmp(shape, "any") != 0 && strcmp(shape, "(N)") != 0) return false;
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        const gr_operand_info *o = &loss->operands[i];
        if (!o->optional && (o->kind != GR_OPERAND_REAL || strcmp(o->shape, shape) != 0))
            return false;
    }
    return true;
}

static void default_range(gr_domain domain, double *from, double *to) {
    *from = domain == GR_ANY_VALUE          ? -4
            : domain == GR_LOG_DISTRIBUTION ? -5
            : domain == GR_POSITIVE         ? 0.01
                                            : 0;
    *to = domain == GR_ANY_VALUE || domain == GR_POSITIVE ? 4
          : domain == GR_LOG_DISTRIBUTION                 ? 0
                                                          : 1;
}

void curve_init(curve *c, const gr_loss_info *loss) {
    c->loss = loss;
    gr_loss_call defaults = gr_loss_defaults(NULL, loss);
    memcpy(c->parameter, defaults.parameter, sizeof c->parameter);
    /* eps guards a division or a logarithm: 0 would show nothing but eps. */
    bool zero = gr_loss_parameter(loss, "eps") < 0;
    for (int i = 0; i < GR_LOSS_OPERANDS; i++)
        c->operand[i] = loss->operands[i].domain == GR_ANY_VALUE && zero ? 0 : 1;
    default_range(loss->operands[0].domain, &c->from, &c->to);
    snprintf(c->label, sizeof c->label, "%s", loss->name);
}

static gr_tensor *points_of(gr_graph *g, const curve *c) {
    gr_real x[POINTS];
    for (int i = 0; i < POINTS; i++) {
        double share = (double)i / (POINTS - 1);
        x[i] = (gr_real)((1 - share) * c->from + share * c->to);
    }
    return gr_name(gr_from(g, GR_SHAPE(POINTS), x), c->loss->operands[0].name);
}

bool curve_compute(gr_graph *g, curve *c) {
    gr_loss_call call = gr_loss_defaults(g, c->loss);
    memcpy(call.parameter, c->parameter, sizeof call.parameter);
    call.reduction = GR_NONE;
    for (int i = 0; i < GR_LOSS_OPERANDS && c->loss->operands[i].name != NULL; i++) {
        const gr_operand_info *o = &c->loss->operands[i];
        if (i == 0)
            call.operand[i] = gr_requires_grad(points_of(g, c));
        else if (!o->optional)
            call.operand[i] = gr_name(gr_full(g, GR_SHAPE(POINTS), c->operand[i]), o->name);
    }
    gr_tensor *x = call.operand[0], *loss = gr_loss_apply(c->loss, &call);
    gr_tensor *gradient = loss == NULL ? NULL : gr_grad(loss, x);
    if (gradient == NULL) return false;
    if (!gr_shape_equal(loss->shape, x->shape))
        return gr_fail(g, "gr_%s: %s, expected one element for each of %s", c->loss->name,
                       gr_describe(loss, "the loss").text, gr_describe(x, "x").text);
    for (int i = 0; i < POINTS; i++) {
        c->x[i] = gr_at(x, i);
        c->value[i] = gr_at(loss, i);
        c->gradient[i] = gr_at(gradient, i);
    }
    return true;
}

/* -- Picture -- */

static void write_number(FILE *to, double value) {
    if (isfinite(value))
        fprintf(to, " %.9g", value);
    else
        fputs(" NaN", to);
}

static void write_data(const curve *curves, int n, FILE *to) {
    for (int k = 0; k < n; k++) {
        fprintf(to, "# %s: %s, value, gradient\n", curves[k].label,
                curves[k].loss->operands[0].name);
        for (int i = 0; i < POINTS; i++) {
            write_number(to, curves[k].x[i]);
            write_number(to, curves[k].value[i]);
            write_number(to, curves[k].gradient[i]);
            fputc('\n', to);
        }
        fputs("\n\n", to);
    }
}

/* A loss may grow without bound at the end of its domain. The axis then shows what most points
 * need: from the 4% quantile to the 96% one and half as much beyond. */
static void set_y_range(FILE *script, const curve *curves, int n, bool gradient) {
    double *y = malloc((size_t)n * POINTS * sizeof *y), low = INFINITY, high = -INFINITY;
    int count = 0;
    for (int k = 0; y != NULL && k < n; k++)
        for (int i = 0; i < POINTS; i++) {
            double value = gradient ? curves[k].gradient[i] : curves[k].value[i];
            if (!isfinite(value)) continue;
            y[count++] = value;
            low = fmin(low, value);
            high = fmax(high, value);
        }
    double bottom = count == 0 ? 0 : stats_quantile(y, count, 0.04);
    double top = count == 0 ? 1 : stats_quantile(y, count, 0.96);
    free(y);
    double spread = top - bottom;
    if (spread > 0 && low < bottom - 2 * spread) low = bottom - 0.5 * spread;
    if (spread > 0 && high > top + 2 * spread) high = top + 0.5 * spread;
    double margin = low < high ? 0.04 * (high - low) : 0.5;
    if (count > 0) fprintf(script, "set yrange [%g:%g]\n", low - margin, high + margin);
}

/* A picture of one loss says which; others name each curve. */
static const char *only_loss(const curve *curves, int n) {
    for (int k = 1; k < n; k++)
        if (curves[k].loss != curves[0].loss) return NULL;
    return curves[0].loss->name;
}

/* Every other curve is dashed, so that one below it can be seen. */
static void draw_panel(FILE *script, const curve *curves, int n, bool gradient, const char *data) {
    const char *loss = only_loss(curves, n);
    set_y_range(script, curves, n, gradient);
    fprintf(script, "set title '%s%s%s' font ',11' offset 0,-0.4\n", loss == NULL ? "" : loss,
            loss == NULL ? "" : ": ", gradient ? "gradient" : "value");
    for (int k = 0; k < n; k++)
        fprintf(script,
                "%s '%s' index %d using 1:%d with lines ls %d linewidth 2 dashtype %s title '%s'",
                k == 0 ? "plot" : ",", data, k, gradient ? 3 : 2, k + 1,
                k % 2 == 0 ? "solid" : "'-'", curves[k].label);
    fprintf(script, "\n");
}

/* Adds the word to the text unless it is there. */
static void add_once(char *text, size_t size, const char *between, const char *word) {
    size_t used = strlen(text);
    if (strstr(text, word) == NULL)
        snprintf(text + used, size - used, "%s%s", used == 0 ? "" : between, word);
}

/* "pred; target = 0", or "pred, prob; ..." where the losses call it differently. */
static void write_axis_name(FILE *script, const curve *curves, int n) {
    char predictions[128] = "", others[128] = "", word[64];
    for (int k = 0; k < n; k++) {
        const gr_loss_info *loss = curves[k].loss;
        add_once(predictions, sizeof predictions, ", ", loss->operands[0].name);
        for (int i = 1; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
            if (loss->operands[i].optional) continue;
            snprintf(word, sizeof word, "%s = %g", loss->operands[i].name, curves[k].operand[i]);
            add_once(others, sizeof others, ", ", word);
        }
    }
    fprintf(script, "set xlabel '%s%s%s' offset 0,0.3\n", predictions,
            others[0] == '\0' ? "" : "; ", others);
}

bool curves_draw(const curve *curves, int n, const char *directory, const char *name) {
    char data_name[300];
    snprintf(data_name, sizeof data_name, "%s.dat", name);
    plot *p = plot_begin(directory, name, 960, 420);
    FILE *data = plot_data(p, data_name), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    write_data(curves, n, data);
    plot_data_end(p, data);
    double from = INFINITY, to = -INFINITY;
    for (int k = 0; k < n; k++) {
        from = fmin(from, curves[k].from);
        to = fmax(to, curves[k].to);
    }
    fprintf(script,
            "set multiplot layout 1,2 margins 0.065,0.985,0.12,0.92 spacing 0.08\n"
            "set xrange [%g:%g]\nset xtics %g\n"
            "set xzeroaxis linecolor rgb '#777777' linetype 1 linewidth 0.7\n",
            from, to, plot_step(to - from, 8));
    write_axis_name(script, curves, n);
    fprintf(script, "set key %s\n", n == 1 ? "off" : "top center Left reverse samplen 3");
    draw_panel(script, curves, n, false, data_name);
    fprintf(script, "set key off\n");
    draw_panel(script, curves, n, true, data_name);
    fprintf(script, "unset multiplot\n");
    return plot_end(p);
}
