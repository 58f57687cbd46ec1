#include "losses/perceptual.h"

#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/loss_internal.h"

#include <math.h>

enum { GRAM, PERCEPTUAL }; /* the rows, in this order */

static const gr_loss_info *row(int i) { return &gr_perceptual_losses[i]; }

/* Divided before the product: sums of squares of large features may overflow. */
static gr_tensor *gram_of(gr_tensor *x) {
    int n = x->shape.dim[0], channels = x->shape.dim[1];
    int64_t features = x->size / n;
    gr_tensor *flat = gr_reshape(x, GR_SHAPE(n, channels, -1));
    return gr_matmul(gr_scale(flat, 1 / (double)features), flat, .transpose_b = true);
}

static bool check_features(int loss, const gr_tensor *x, const char *name) {
    if (x->shape.ndim >= 2) return true;
    return gr_fail(x->graph, "gr_%s: %s, expected (N,C,d1..)", row(loss)->name,
                   gr_describe(x, name).text);
}

gr_tensor *gr_gram(gr_tensor *x) {
    if (gr_loss_check(row(GRAM), GR_LIST(x)) == NULL || !check_features(GRAM, x, "x")) return NULL;
    return gram_of(x);
}

static bool check_perceptual(const gr_perceptual_args *a) {
    const gr_loss_info *r = row(PERCEPTUAL);
    gr_graph *g = gr_loss_check_list(r, "x", a->x);
    if (g == NULL || gr_loss_check_list(r, "y", a->y) == NULL) return false;
    if (a->x.n != a->y.n)
        return gr_fail(g, "gr_perceptual: %d layers of x and %d of y", a->x.n, a->y.n);
    for (int i = 0; i < a->x.n; i++) {
        if (!gr_shape_equal(a->x.items[i]->shape, a->y.items[i]->shape))
            return gr_loss_shape_error(r, a->x.items[i], "x", a->y.items[i], "y",
                                       "the shapes of a layer differ");
        if (a->style && !check_features(PERCEPTUAL, a->x.items[i], "x")) return false;
    }
    return (a->weights == NULL || gr_loss_check_vector(r, a->weights, "weights", a->x.n)) &&
           (a->reduction == GR_MEAN || a->reduction == GR_SUM ||
            gr_fail(g, "gr_perceptual: no such reduction, expected GR_MEAN or GR_SUM"));
}

gr_tensor *gr_perceptual_(gr_perceptual_args a) {
    if (!check_perceptual(&a)) return NULL;
    gr_tensor *total = NULL;
    for (int i = 0; i < a.x.n; i++) {
        gr_tensor *x = a.x.items[i], *y = a.y.items[i];
        if (a.style) x = gram_of(x), y = gram_of(y);
        gr_tensor *layer =
            gr_loss_reduce(row(PERCEPTUAL), gr_square(gr_sub(x, y)), NULL, a.reduction);
        if (a.weights != NULL) layer = gr_mul(layer, gr_select(a.weights, 0, i));
        total = total == NULL ? layer : gr_add(total, layer);
        if (total == NULL) return NULL;
    }
    return total;
}

/* -- The registry's rows -- */

static gr_tensor *gram(const gr_loss_call *c) { return gr_gram(c->operand[0]); }
static gr_tensor *perceptual(const gr_loss_call *c) {
    return gr_perceptual(c->list[0], c->list[1], .weights = c->operand[2],
                         .reduction = c->reduction, .style = c->parameter[0] != 0);
}

const gr_loss_info gr_perceptual_losses[] = {
    {.name = "gram",
     .family = "generative",
     .purpose = "the style of a picture: correlations of its features (no loss)",
     .formula = "sum over positions of x_c x_d, divided by the number of features; (N,C,C)",
     .operands = {{.name = "x", .shape = "(N,C,d1..)", .about = "feature maps"}},
     .reductions = "",
     .use = "texture counts and place does not; perceptual takes it with style",
     .avoid = "the arrangement of things matters",
     .differentiable = "x",
     .low = -INFINITY,
     .high = INFINITY,
     .source = "Gatys, Ecker and Bethge, CVPR 2016",
     .apply = gram},
    {.name = "perceptual",
     .family = "generative",
     .purpose = "comparing pictures by what a network sees in them",
     .formula = "sum over layers of weights[l] mean((x_l - y_l)^2); style: of their Gram matrices",
     .operands = {{.name = "x",
                   .shape = "(N,C,d1..)",
                   .kind = GR_OPERAND_LIST,
                   .about = "feature maps of one image, a layer each"},
                  {.name = "y",
                   .shape = "(N,C,d1..)",
                   .kind = GR_OPERAND_LIST,
                   .about = "and of the other"},
                  {.name = "weights", .shape = "(L)", .optional = true, .about = "one a layer"}},
     .parameters = {{.name = "style",
                     .kind = GR_BOOLEAN,
                     .high = 1,
                     .about = "compare Gram matrices instead of features"}},
     .reductions = "mean sum",
     .use = "pictures should look alike, not agree pixel by pixel",
     .avoid = "there is no network trained on such pictures",
     .convex = "x",
     .differentiable = "x",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Johnson, Alahi and Fei-Fei, ECCV 2016",
     .apply = perceptual},
    {.name = NULL},
};
