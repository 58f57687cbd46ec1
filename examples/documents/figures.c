#include "examples/documents/figures.h"

#include <string.h>

#include "examples/cli/curves.h"
#include "examples/common/plot.h"
#include "examples/documents/training.h"

enum { STEPS = 401 };

typedef struct album {
    gr_graph *g;
    const char *directory, *data;
    picture *pictures;
    int n;
} album;

static bool add(album *a, bool drawn, const char *name, const char *caption) {
    if (!drawn || a->n == MOST_PICTURES) return false;
    picture *p = &a->pictures[a->n++];
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->caption, sizeof p->caption, "%s", caption);
    return true;
}

/* Columns of one line for each point: x, then y[0] .. y[n - 1]. */
static void write_columns(FILE *to, gr_tensor *x, gr_tensor **y, int n) {
    for (int64_t i = 0; x != NULL && i < x->size; i++) {
        fprintf(to, "%.9g", gr_at(x, i));
        for (int k = 0; k < n; k++) fprintf(to, " %.9g", gr_at(y[k], i));
        fputc('\n', to);
    }
}

static gr_tensor *range(gr_graph *g, double low, double high) {
    return gr_shift(gr_scale(gr_arange(g, STEPS), (high - low) / (STEPS - 1)), low);
}

/* -- theory: focal_loss_analysis -- */

enum { GAMMAS = 5 };
static const double gammas[GAMMAS] = {0, 0.5, 1, 2, 5};

/* For each gamma the loss, its ratio to cross-entropy, and the ratio of the logit's gradients. */
static bool write_focal(album *a, FILE *data) {
    gr_tensor *p = range(a->g, 0.01, 0.99), *y[3 * GAMMAS];
    gr_tensor *z = gr_requires_grad(gr_detach(gr_sub(gr_log(p), gr_log1p(gr_neg(p)))));
    gr_tensor *one = gr_full(a->g, GR_SHAPE(STEPS), 1);
    gr_tensor *ce = gr_bce_with_logits(z, one, .reduction = GR_NONE), *ce_slope = gr_grad(ce, z);
    for (int k = 0; k < GAMMAS; k++) {
        gr_tensor *loss = gr_focal(z, one, .alpha = -1, .gamma = gammas[k], .reduction = GR_NONE);
        y[k] = loss;
        y[GAMMAS + k] = gr_div(loss, ce);
        y[2 * GAMMAS + k] = gr_div(gr_grad(loss, z), ce_slope);
    }
    write_columns(data, p, y, 3 * GAMMAS);
    return !gr_failed(a->g);
}

static void focal_panel(FILE *script, int panel, int first, const char *title) {
    fprintf(script, "set title '%s' font ',11' offset 0,-0.4\nplot ", title);
    for (int k = first; k < GAMMAS; k++)
        fprintf(
            script,
            "%s'focal_loss_analysis.dat' using 1:%d with lines ls %d linewidth 2.5 title '%s%g%s'",
            k > first ? ", " : "", 2 + panel * GAMMAS + k, k == 0 ? 8 : k, "γ = ", gammas[k],
            k == 0 ? ", cross-entropy" : "");
    fprintf(script, "\n");
}

static bool draw_focal(album *a) {
    plot *p = plot_begin(a->directory, "focal_loss_analysis", 1260, 400);
    FILE *data = plot_data(p, "focal_loss_analysis.dat"), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    fprintf(data,
            "# p_t; focal loss, its ratio to cross-entropy and its gradient's, for gamma = 0, "
            "0.5, 1, 2, 5 each\n");
    bool computed = write_focal(a, data);
    plot_data_end(p, data);
    fprintf(script,
            "set multiplot layout 1,3 margins 0.045,0.985,0.135,0.91 spacing 0.055\n"
            "set xlabel 'probability p_t of the true class' offset 0,0.3\n"
            "set xrange [0:1]\nset xtics 0.2\nset yrange [0:5]\nset key top right Left reverse\n");
    focal_panel(script, 0, 0, "focal loss");
    fprintf(script, "set logscale y\nset yrange [1e-10:3]\n"
                    "set ytics ('1' 1, '0.01' 1e-2, '10⁻⁴' 1e-4, '10⁻⁶' 1e-6, '10⁻⁸' 1e-8, "
                    "'10⁻¹⁰' 1e-10)\nset key bottom left Left reverse\n");
    focal_panel(script, 1, 1, "loss, divided by cross-entropy");
    fprintf(script, "unset logscale y\nset yrange [0:1.8]\nset ytics 0.2\n"
                    "set key top right Left reverse\n");
    focal_panel(script, 2, 1, "gradient, divided by cross-entropy''s");
    fprintf(script, "unset multiplot\n");
    return plot_end(p) && computed;
}

/* -- theory: MSE, MAE and Huber -- */

static bool draw_regression(album *a) {
    plot *p = plot_begin(a->directory, "regression_losses", 720, 430);
    FILE *data = plot_data(p, "regression_losses.dat"), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    gr_tensor *x = range(a->g, -3, 3), *zero = gr_scalar(a->g, 0);
    gr_tensor *y[] = {gr_mse(x, zero, .reduction = GR_NONE), gr_l1(x, zero, .reduction = GR_NONE),
                      gr_huber(x, zero, .reduction = GR_NONE)};
    fprintf(data, "# error, MSE, MAE, Huber with delta = 1\n");
    write_columns(data, x, y, 3);
    plot_data_end(p, data);
    fprintf(script,
            "set xrange [-3:3]\nset yrange [0:9]\nset xtics 1\nset key top center Left reverse\n"
            "set xlabel 'error' offset 0,0.3\nset ylabel 'loss' offset 1,0\n"
            "set lmargin 6\nset rmargin 2\n"
            "plot 'regression_losses.dat' using 1:2 with lines ls 2 linewidth 2.5 title 'MSE', "
            "'' using 1:3 with lines ls 3 linewidth 2.5 title 'MAE', "
            "'' using 1:4 with lines ls 1 linewidth 2.5 title 'Huber, δ = 1'\n");
    return plot_end(p) && !gr_failed(a->g);
}

/* -- practice: the loss curves -- */

static void training_panel(FILE *script, int which, const training *t) {
    fprintf(script,
            "set title '%s' font ',11' offset 0,-0.4\nplot 'practice_training.dat' index %d using "
            "1:3 with points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '%s' title "
            "'PyTorch', '' index %d using 1:2 with lines ls 1 linewidth 2.5 title 'Gradus'\n",
            t->title, which, plot_colour(2), which);
}

static bool draw_training(album *a) {
    plot *p = plot_begin(a->directory, "practice_training", 1260, 380);
    FILE *data = plot_data(p, "practice_training.dat"), *script = plot_script(p);
    if (data == NULL) return plot_end(p);
    fprintf(data, "# epoch, the library's mean loss, PyTorch's\n");
    fprintf(script, "set multiplot layout 1,3 margins 0.045,0.985,0.14,0.9 spacing 0.055\n"
                    "set xlabel 'epoch' offset 0,0.3\nset xrange [0.5:10.5]\nset xtics 1\n"
                    "set yrange [0:*]\nset key top right Left reverse\n");
    bool trained = true;
    for (int which = 0; which < TRAININGS && trained; which++) {
        training t;
        trained = training_run(a->g, a->data, which, &t);
        for (int i = 0; trained && i < t.epochs; i++)
            fprintf(data, "%d %.9g %.9g\n", i + 1, t.ours[i], t.theirs[i]);
        fprintf(data, "\n\n");
        if (trained) training_panel(script, which, &t);
    }
    plot_data_end(p, data);
    fprintf(script, "unset multiplot\n");
    return plot_end(p) && trained;
}

/* -- Every elementwise loss -- */

/* What shows most of a loss: a parameter or an operand, and values of it. */
static const struct variation {
    const char *loss, *what;
    int n;
    double values[MOST_CURVES];
} variations[] = {{"huber", "delta", 3, {0.5, 1, 2}},
                  {"smooth_l1", "beta", 3, {0.2, 1, 2}},
                  {"quantile", "tau", 3, {0.1, 0.5, 0.9}},
                  {"gaussian_nll", "var", 3, {0.25, 1, 4}},
                  {"poisson_nll", "target", 3, {1, 5, 15}},
                  {"kl_div", "p", 3, {0.2, 0.5, 1}},
                  {"focal", "gamma", 4, {0, 1, 2, 5}},
                  {"gan_discriminator", "variant", 5, {0, 1, 2, 3, 4}},
                  {"gan_generator", "variant", 5, {0, 1, 2, 3, 4}}};
enum { VARIATIONS = sizeof variations / sizeof *variations };

/* Labels of two values, the two sides of a loss with labels or masks. */
static struct variation both_labels(const gr_loss_info *loss) {
    for (int i = 1; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        const gr_operand_info *o = &loss->operands[i];
        if (o->optional) continue;
        if (o->domain == GR_SIGNS) return (struct variation){loss->name, o->name, 2, {1, -1}};
        if (o->domain == GR_BINARY || o->domain == GR_UNIT_INTERVAL)
            return (struct variation){loss->name, o->name, 2, {1, 0}};
    }
    return (struct variation){.n = 0};
}

static struct variation variation_of(const gr_loss_info *loss) {
    for (int i = 0; i < VARIATIONS; i++)
        if (strcmp(variations[i].loss, loss->name) == 0) return variations[i];
    return both_labels(loss);
}

/* The word of a choice, "hinge", or "delta = 0.5". */
static void write_label(const gr_parameter_info *p, const char *what, double value, char *label,
                        size_t size) {
    if (p == NULL || p->kind != GR_CHOICE) {
        snprintf(label, size, "%s = %g", what, value);
        return;
    }
    const char *word = p->choices;
    for (int i = 0; i < (int)value; i++) word = strchr(word, ' ') + 1;
    snprintf(label, size, "%.*s", (int)strcspn(word, " "), word);
}

static int curves_of(const gr_loss_info *loss, curve *curves) {
    struct variation v = variation_of(loss);
    curve_init(&curves[0], loss);
    for (int k = 0; k < v.n; k++) {
        int parameter = gr_loss_parameter(loss, v.what), operand = gr_loss_operand(loss, v.what);
        curve_init(&curves[k], loss);
        if (parameter >= 0)
            curves[k].parameter[parameter] = v.values[k];
        else if (operand >= 0)
            curves[k].operand[operand] = v.values[k];
        write_label(parameter >= 0 ? &loss->parameters[parameter] : NULL, v.what, v.values[k],
                    curves[k].label, sizeof curves[k].label);
    }
    return v.n == 0 ? 1 : v.n;
}

static bool draw_loss(album *a, const gr_loss_info *loss) {
    static curve curves[MOST_CURVES];
    char name[64], caption[160];
    int n = curves_of(loss, curves);
    bool drawn = true;
    for (int k = 0; k < n && drawn; k++) {
        drawn = curve_compute(a->g, &curves[k]);
        gr_graph_reset(a->g);
    }
    snprintf(name, sizeof name, "loss_%s", loss->name);
    snprintf(caption, sizeof caption, "%s: value and gradient", loss->name);
    return add(a, drawn && curves_draw(curves, n, a->directory, name), name, caption);
}

bool figures_draw(gr_graph *g, const char *directory, const char *data, picture *drawn, int *n) {
    album a = {.g = g, .directory = directory, .data = data, .pictures = drawn};
    bool good =
        add(&a, draw_focal(&a), "focal_loss_analysis",
            "the focal loss, its ratio to cross-entropy, and the ratio of their gradients (where "
            "the document draws its wrong formula, theory-4)");
    good = good &&
           add(&a, draw_regression(&a), "regression_losses", "MSE, MAE and Huber over the error");
    gr_graph_reset(g);
    good = good && add(&a, draw_training(&a), "practice_training",
                       "the three trainings of practice, and PyTorch's curves of the same");
    for (int i = 0; i < gr_loss_count() && good; i++)
        if (curve_exists(gr_loss_at(i))) good = draw_loss(&a, gr_loss_at(i));
    *n = a.n;
    return good;
}
