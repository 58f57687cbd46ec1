/* families-30: whether each loss of the article's table is convex in the output, differentiable and
 * robust, tried out rather than proved.
 *
 *   convex          no pair of random outputs whose middle costs more than their mean
 *   differentiable  the gradients just before and just after the likeliest kink are one
 *   robust          the gradient at an error of 1000 is about that at 10; only of the losses of
 *                   which the article says yes or no
 */
#include <math.h>
#include <string.h>

#include "examples/documents/claims.h"

enum { PAIRS = 2000, MOST_NUMBERS = 6 };

typedef struct loss_row {
    const char *name, *convex, *smooth, *robust; /* stated; robust "-" where it says neither */
    gr_tensor *(*loss)(gr_tensor *x);            /* outputs (K,size) to (K) */
    int size;
    double low, high; /* of random outputs */
    double at[MOST_NUMBERS],
        along[MOST_NUMBERS]; /* where a kink is likeliest, and how to cross it */
    const char *note;
} loss_row;

/* -- The losses, of outputs x (K,size) and fixed targets -- */

/* The same n numbers for each row of x, (K,n). */
static gr_tensor *for_each_row(gr_tensor *x, int n, const gr_real *values) {
    gr_tensor *row = gr_from(x->graph, GR_SHAPE(1, n), values);
    return gr_expand(row, GR_SHAPE(x->shape.dim[0], n));
}
#define SAME(x, ...)                                                                               \
    for_each_row(x, (int)(sizeof((gr_real[]){__VA_ARGS__}) / sizeof(gr_real)),                     \
                 (gr_real[]){__VA_ARGS__})

static gr_tensor *mse(gr_tensor *x) {
    return gr_flatten(gr_mse(x, SAME(x, 0), .reduction = GR_NONE));
}
static gr_tensor *mae(gr_tensor *x) {
    return gr_flatten(gr_l1(x, SAME(x, 0), .reduction = GR_NONE));
}
static gr_tensor *huber(gr_tensor *x) {
    return gr_flatten(gr_huber(x, SAME(x, 0), .reduction = GR_NONE));
}
static gr_tensor *smooth_l1(gr_tensor *x) {
    return gr_flatten(gr_smooth_l1(x, SAME(x, 0), .reduction = GR_NONE));
}
static gr_tensor *log_cosh(gr_tensor *x) {
    return gr_flatten(gr_log_cosh(x, SAME(x, 0), .reduction = GR_NONE));
}
static gr_tensor *pinball(gr_tensor *x) {
    return gr_flatten(gr_quantile(x, SAME(x, 0), .tau = 0.8, .reduction = GR_NONE));
}
static gr_tensor *poisson(gr_tensor *x) {
    return gr_flatten(gr_poisson_nll(x, SAME(x, 2), .log_input = false, .reduction = GR_NONE));
}
static gr_tensor *gaussian(gr_tensor *x) {
    return gr_flatten(gr_gaussian_nll(x, SAME(x, 0), SAME(x, 0.25), .reduction = GR_NONE));
}
static gr_tensor *bce(gr_tensor *x) {
    return gr_flatten(gr_bce_with_logits(x, SAME(x, 1), .reduction = GR_NONE));
}
static gr_tensor *cross_entropy(gr_tensor *x) {
    return gr_cross_entropy(x, SAME(x, 0, 1, 0), .reduction = GR_NONE);
}
static gr_tensor *hinge(gr_tensor *x) {
    return gr_flatten(gr_hinge(x, SAME(x, 1), .reduction = GR_NONE));
}
static gr_tensor *focal(gr_tensor *x) {
    return gr_flatten(gr_focal(x, SAME(x, 1), .reduction = GR_NONE));
}
static gr_tensor *kl(gr_tensor *x) {
    return gr_sum(gr_kl_div(gr_log(x), SAME(x, 0.7, 0.2, 0.1), .reduction = GR_NONE),
                  .axes = GR_AXES(1));
}

/* (K,4) as K pictures of four pixels. */
static gr_tensor *pictures(gr_tensor *x) { return gr_reshape(x, GR_SHAPE(-1, 1, 4)); }
static gr_tensor *masks(gr_tensor *x) { return pictures(SAME(x, 1, 1, 0, 0)); }

static gr_tensor *dice(gr_tensor *x) {
    return gr_flatten(gr_dice(pictures(x), masks(x), .smooth = 1e-6, .reduction = GR_NONE));
}
static gr_tensor *iou(gr_tensor *x) {
    return gr_flatten(gr_iou(pictures(x), masks(x), .smooth = 1e-6, .reduction = GR_NONE));
}
static gr_tensor *tversky(gr_tensor *x) {
    return gr_flatten(gr_tversky(pictures(x), masks(x), .alpha = 0.3, .beta = 0.7, .smooth = 1e-6,
                                 .reduction = GR_NONE));
}

/* Outputs are a corner and the two sides, so that every box is one; corners are linear in them. */
static gr_tensor *boxes(gr_tensor *x) {
    gr_tensor *corner = gr_slice(x, 1, 0, 2, 1);
    return gr_concat(GR_LIST(corner, gr_add(corner, gr_slice(x, 1, 2, 4, 1))), 1);
}
static gr_tensor *giou(gr_tensor *x) {
    return gr_giou(boxes(x), SAME(x, 2, 2, 4, 4), .reduction = GR_NONE);
}
static gr_tensor *diou(gr_tensor *x) {
    return gr_diou(boxes(x), SAME(x, 2, 2, 4, 4), .reduction = GR_NONE);
}

/* Vectors of two numbers: the k-th of x. */
static gr_tensor *vector_of(gr_tensor *x, int k) { return gr_slice(x, 1, 2 * k, 2 * k + 2, 1); }

static gr_tensor *contrastive(gr_tensor *x) {
    gr_tensor *dissimilar = gr_zeros(x->graph, GR_SHAPE(x->shape.dim[0]));
    return gr_contrastive(x, SAME(x, 0, 0), dissimilar, .reduction = GR_NONE);
}
static gr_tensor *triplet(gr_tensor *x) {
    return gr_triplet(vector_of(x, 0), vector_of(x, 1), vector_of(x, 2), .reduction = GR_NONE);
}
static gr_tensor *info_nce(gr_tensor *x) {
    gr_tensor *negatives = gr_unsqueeze(vector_of(x, 2), 1);
    return gr_info_nce(vector_of(x, 0), vector_of(x, 1), negatives, .temperature = 0.5,
                       .reduction = GR_NONE);
}

/* -- The article's table -- */

static const loss_row table[] = {
    {"MSE", "yes", "yes", "no", mse, 1, -4, 4, {0}, {1}, NULL},
    {"MAE", "yes", "no", "yes", mae, 1, -4, 4, {0}, {1}, NULL},
    {"Huber", "yes", "yes", "yes", huber, 1, -4, 4, {1}, {1}, NULL},
    {"smooth L1", "yes", "yes", "yes", smooth_l1, 1, -4, 4, {1}, {1}, NULL},
    {"log-cosh",
     "yes",
     "yes",
     "moderate",
     log_cosh,
     1,
     -4,
     4,
     {0},
     {1},
     "No less robust than Huber: its gradient, tanh, stays below 1 as well."},
    {"pinball", "yes", "no", "yes", pinball, 1, -4, 4, {0}, {1}, NULL},
    {"Poisson NLL", "yes", "yes", "-", poisson, 1, 0.1, 5, {2}, {1}, NULL},
    {"Gaussian NLL",
     "yes",
     "yes",
     "-",
     gaussian,
     1,
     -4,
     4,
     {0},
     {1},
     "In the mean, as it says; not in the variance."},
    {"BCE with logits", "yes", "yes", "-", bce, 1, -4, 4, {0}, {1}, NULL},
    {"cross-entropy", "yes", "yes", "-", cross_entropy, 3, -4, 4, {1, 1, 0}, {1, -1, 0}, NULL},
    {"hinge", "yes", "no", "-", hinge, 1, -4, 4, {1}, {1}, NULL},
    {"focal", "usually no", "yes", "-", focal, 1, -4, 4, {0}, {1}, NULL},
    {"KL",
     "it depends",
     "yes",
     "-",
     kl,
     3,
     0.05,
     1,
     {0.4, 0.3, 0.3},
     {1, -1, 0},
     "Convex in q, tried here, and in both together."},
    {"Dice",
     "no",
     "almost",
     "-",
     dice,
     4,
     0,
     1,
     {1, 1, 0, 0},
     {-1, -1, 1, 1},
     "Differentiable wherever the smoothing is positive."},
    {"IoU", "no", "almost", "-", iou, 4, 0, 1, {1, 1, 0, 0}, {-1, -1, 1, 1}, "As Dice."},
    {"Tversky", "no", "almost", "-", tversky, 4, 0, 1, {1, 1, 0, 0}, {-1, -1, 1, 1}, "As Dice."},
    {"GIoU", "no", "piecewise", "-", giou, 4, 0, 4, {1, 1, 1, 2}, {0, 0, 1, 0}, NULL},
    {"DIoU", "no", "piecewise", "-", diou, 4, 0, 4, {1, 1, 1, 2}, {0, 0, 1, 0}, NULL},
    {"contrastive",
     "no",
     "piecewise",
     "-",
     contrastive,
     2,
     -1,
     1,
     {0, 0},
     {1, 0},
     "For a dissimilar pair; D^2 of a similar one is convex and smooth."},
    {"triplet",
     "no",
     "piecewise",
     "-",
     triplet,
     6,
     -2,
     2,
     {0, 0, 1, 0, 2, 0},
     {0, 0, 1, 0, 0, 0},
     NULL},
    {"InfoNCE",
     "no",
     "yes",
     "-",
     info_nce,
     6,
     -1,
     1,
     {1, 0, 0, 1, -1, 1},
     {0, 1, 0, 0, 0, 0},
     "In the vectors; in the similarities it is a cross-entropy, and convex. At a zero vector "
     "there "
     "is no cosine."}};

/* -- Trying -- */

static bool is_convex(claims *c, const loss_row *r) {
    gr_shape shape = GR_SHAPE(PAIRS, r->size);
    gr_tensor *a = gr_uniform(c->g, shape, r->low, r->high);
    gr_tensor *b = gr_uniform(c->g, shape, r->low, r->high);
    gr_tensor *mean = gr_scale(gr_add(r->loss(a), r->loss(b)), 0.5);
    gr_tensor *excess = gr_sub(r->loss(gr_scale(gr_add(a, b), 0.5)), mean);
    gr_tensor *rounding = gr_scale(gr_shift(gr_abs(mean), 1), 1e-5);
    return gr_item(gr_max(gr_sub(excess, rounding))) <= 0;
}

/* The gradient along `along` at at + t along. */
static double slope_at(claims *c, const loss_row *r, double t) {
    gr_tensor *x = claim_vector(c, r->size, r->at), *along = claim_vector(c, r->size, r->along);
    x = claim_variable(gr_reshape(gr_add(x, gr_scale(along, t)), GR_SHAPE(1, r->size)));
    return gr_item(gr_sum(gr_mul(gr_grad(r->loss(x), x), along)));
}

static bool is_smooth(claims *c, const loss_row *r) {
    double step = 1e-3, jump = fabs(slope_at(c, r, step) - slope_at(c, r, -step));
    return jump < 0.05;
}

static bool is_robust(claims *c, const loss_row *r) {
    gr_tensor *error = claim_variable(MATRIX(c, 2, 1, 10, 1000));
    gr_tensor *slope = gr_grad(r->loss(error), error);
    return fabs(gr_at(slope, 1)) < 1.5 * fabs(gr_at(slope, 0));
}

static const char *yes(bool is) { return is ? "yes" : "no"; }

/* Whether a word of the table goes with what was found. */
static bool goes_with(const char *stated, bool found) {
    if (strcmp(stated, "-") == 0 || strcmp(stated, "it depends") == 0) return true;
    bool positive = stated[0] == 'y' || stated[0] == 'a' || stated[0] == 'm';
    return positive == found;
}

void families_properties(claims *c) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const loss_row *r = &table[i];
        bool convex = is_convex(c, r), smooth = is_smooth(c, r), asked = r->robust[0] != '-';
        bool robust = asked && is_robust(c, r);
        char claim[64], stated[96];
        snprintf(claim, sizeof claim, "%s: convex, differentiable%s", r->name,
                 asked ? ", robust" : "");
        snprintf(stated, sizeof stated, "%s, %s%s%s", r->convex, r->smooth, asked ? ", " : "",
                 asked ? r->robust : "");
        claim_holds(c, claim, stated,
                    goes_with(r->convex, convex) && goes_with(r->smooth, smooth) &&
                        goes_with(r->robust, robust),
                    "%s, %s%s%s", yes(convex), yes(smooth), asked ? ", " : "",
                    asked ? yes(robust) : "");
        if (r->note != NULL) claim_why(c, "%s", r->note);
    }
}
