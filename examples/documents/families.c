/* The article on loss families. It prints no result, so each check computes what its snippet
 * computes, step by step, and compares the library's loss with that. Its table of properties is in
 * properties.c. */
#include <math.h>

#include "examples/documents/claims.h"

/* -- Regression -- */

static gr_tensor *four_targets(claims *c) { return VECTOR(c, 3.0, -0.5, 2.0, 7.0); }
static gr_tensor *four_predictions(claims *c) { return VECTOR(c, 2.5, 0.0, 2.0, 8.0); }
static gr_tensor *four_errors(claims *c) { return gr_sub(four_predictions(c), four_targets(c)); }

static void mse(claims *c) {
    claim_equal(c, "MSE of four points", NO_NUMBER, gr_mean(gr_square(four_errors(c))),
                gr_mse(four_predictions(c), four_targets(c)));
}

static void mae(claims *c) {
    claim_equal(c, "MAE of four points", NO_NUMBER, gr_mean(gr_abs(four_errors(c))),
                gr_l1(four_predictions(c), four_targets(c)));
}

/* d^2/2 up to 1, |d| - 1/2 beyond. */
static gr_tensor *huber_code(gr_tensor *error) {
    gr_tensor *size = gr_abs(error), *inside = gr_le(size, gr_scalar(error->graph, 1));
    return gr_mean(gr_where(inside, gr_scale(gr_square(error), 0.5), gr_shift(size, -0.5)));
}

static void huber(claims *c) {
    claim_equal(c, "Huber of four points, delta 1", NO_NUMBER, huber_code(four_errors(c)),
                gr_huber(four_predictions(c), four_targets(c)));
}

static void smooth_l1(claims *c) {
    claim_equal(c, "smooth L1 of four points, beta 1", NO_NUMBER, huber_code(four_errors(c)),
                gr_smooth_l1(four_predictions(c), four_targets(c)));
    claim_why(c, "Equal to Huber since beta is 1.");
}

static void log_cosh(claims *c) {
    gr_tensor *e = four_errors(c);
    gr_tensor *cosh = gr_scale(gr_add(gr_exp(e), gr_exp(gr_neg(e))), 0.5);
    claim_equal(c, "log-cosh of four points", NO_NUMBER, gr_mean(gr_log(cosh)),
                gr_log_cosh(four_predictions(c), four_targets(c)));
    claim_why(c, "Its code overflows from an error of 710 on (89 in float).");
}

static void quantile(claims *c) {
    gr_tensor *u = gr_neg(four_errors(c)), *above = gr_ge(u, gr_scalar(c->g, 0));
    claim_equal(c, "quantile loss of four points, tau 0.8", NO_NUMBER,
                gr_mean(gr_where(above, gr_scale(u, 0.8), gr_scale(u, -0.2))),
                gr_quantile(four_predictions(c), four_targets(c), .tau = 0.8));
}

static void mape(claims *c) {
    gr_tensor *y = VECTOR(c, 100, 200, 300), *p = VECTOR(c, 90, 210, 290);
    claim_equal(c, "MAPE of three points, a fraction", NO_NUMBER,
                gr_mean(gr_abs(gr_div(gr_sub(y, p), y))), gr_mape(p, y));
}

static void msle(claims *c) {
    gr_tensor *y = VECTOR(c, 100, 200, 300), *p = VECTOR(c, 90, 210, 290);
    claim_equal(c, "MSLE of three points", NO_NUMBER,
                gr_mean(gr_square(gr_sub(gr_log1p(y), gr_log1p(p)))), gr_msle(p, y));
}

static void poisson_nll(claims *c) {
    gr_tensor *y = VECTOR(c, 2, 0, 4), *rate = VECTOR(c, 1.5, 0.5, 3);
    claim_equal(c, "Poisson NLL of three counts", NO_NUMBER,
                gr_mean(gr_sub(rate, gr_mul(y, gr_log(rate)))),
                gr_poisson_nll(rate, y, .log_input = false));
}

static void gaussian_nll(claims *c) {
    gr_tensor *y = VECTOR(c, 0, 1), *mu = VECTOR(c, 0, 1.5), *var = VECTOR(c, 1, 0.25);
    gr_tensor *scaled = gr_div(gr_square(gr_sub(y, mu)), var);
    claim_equal(c, "Gaussian NLL of two points", NO_NUMBER,
                gr_scale(gr_mean(gr_add(gr_log(var), scaled)), 0.5), gr_gaussian_nll(mu, y, var));
}

/* -- Classification -- */

/* -w y log s(z) - (1 - y) log(1 - s(z)) */
static gr_tensor *bce_code(gr_tensor *z, gr_tensor *y, double w) {
    gr_tensor *yes = gr_mul(y, gr_log(gr_sigmoid(z)));
    gr_tensor *no = gr_mul(gr_shift(gr_neg(y), 1), gr_log(gr_sigmoid(gr_neg(z))));
    return gr_neg(gr_add(gr_scale(yes, w), no));
}

static void bce_with_logits(claims *c) {
    gr_tensor *z = VECTOR(c, 2, -1, 0), *y = VECTOR(c, 1, 0, 1);
    claim_equal(c, "BCE with logits of three", NO_NUMBER, gr_mean(bce_code(z, y, 1)),
                gr_bce_with_logits(z, y));
}

/* -log softmax of each row at its class, (N). */
static gr_tensor *row_losses(gr_tensor *z, gr_tensor *y) {
    gr_tensor *p = gr_softmax(z, .axes = GR_AXES(1));
    gr_tensor *place = gr_reshape(y, GR_SHAPE(-1, 1));
    return gr_neg(gr_log(gr_flatten(gr_gather(p, 1, place))));
}

static gr_tensor *two_rows(claims *c) { return MATRIX(c, 2, 3, 2.0, 0.5, -1.0, 0.0, 1.0, 0.0); }

static void cross_entropy(claims *c) {
    gr_tensor *z = two_rows(c), *y = CLASSES(c, 0, 2);
    claim_equal(c, "cross-entropy of two rows", NO_NUMBER, gr_mean(row_losses(z, y)),
                gr_cross_entropy(z, y));
}

static void label_smoothing(claims *c) {
    gr_tensor *z = two_rows(c), *y = CLASSES(c, 0, 2);
    gr_tensor *all = gr_neg(gr_mean(gr_log(gr_softmax(z, .axes = GR_AXES(1)))));
    claim_equal(c, "cross-entropy of two rows, label smoothing 0.1", NO_NUMBER,
                gr_add(gr_scale(gr_mean(row_losses(z, y)), 0.9), gr_scale(all, 0.1)),
                gr_cross_entropy(z, y, .label_smoothing = 0.1));
    gr_tensor *others = MATRIX(c, 2, 3, 0.9, 0.05, 0.05, 0.05, 0.05, 0.9);
    claim_equal(c, "smoothing spreads the tenth over the remaining classes",
                "over the remaining classes", gr_cross_entropy(z, others),
                gr_cross_entropy(z, y, .label_smoothing = 0.1));
    claim_why_not(c,
                  "Wrong convention in the text: its code, as PyTorch, spreads it over all "
                  "classes, the right one too, which keeps 0.9 + 0.1/3 = %.4f.",
                  0.9 + 0.1 / 3);
}

static void hinge(claims *c) {
    gr_tensor *y = VECTOR(c, 1, -1, 1), *score = VECTOR(c, 0.2, 0.4, 1.2);
    claim_equal(c, "hinge loss of three scores", NO_NUMBER,
                gr_mean(gr_relu(gr_shift(gr_neg(gr_mul(y, score)), 1))), gr_hinge(score, y));
}

static gr_tensor *divergence(gr_tensor *p, gr_tensor *q) {
    return gr_sum(gr_mul(p, gr_log(gr_div(p, q))));
}

static void kl_batchmean(claims *c) {
    gr_tensor *p = MATRIX(c, 1, 3, 0.7, 0.2, 0.1), *q = MATRIX(c, 1, 3, 0.6, 0.3, 0.1);
    claim_equal(c, "KL of one row, batchmean", NO_NUMBER, divergence(p, q),
                gr_kl_div(gr_log(q), p, .reduction = GR_BATCHMEAN));
}

static void kl_mean(claims *c) {
    gr_tensor *p = MATRIX(c, 1, 3, 0.7, 0.2, 0.1), *q = MATRIX(c, 1, 3, 0.6, 0.3, 0.1);
    claim_equal(c, "KL of one row, mean", NO_NUMBER, gr_scale(divergence(p, q), 1.0 / 3),
                gr_kl_div(gr_log(q), p));
    claim_why(c, "A third of the divergence, as the article warns: divided by the number of "
                 "elements.");
}

static void vae_total(claims *c) {
    gr_tensor *total = gr_weighted_sum(GR_LIST(gr_scalar(c->g, 12.5), gr_scalar(c->g, 3.2)));
    claim_equal(c, "VAE loss of reconstruction 12.5 and KL 3.2", NO_NUMBER,
                gr_scalar(c->g, 12.5 + 3.2), total);
    claim_why(c,
              "The code calls it elbo: it is the negative ELBO, to be minimised, as gr_elbo is.");
}

/* -- Imbalance -- */

static void class_weighted(claims *c) {
    gr_tensor *z = MATRIX(c, 3, 3, 2.0, 0.5, -1.0, 0.0, 1.0, 0.0, 0.2, -0.1, 1.5);
    gr_tensor *y = CLASSES(c, 0, 1, 2), *weight = VECTOR(c, 1, 2, 3);
    gr_tensor *weighted = gr_mul(weight, row_losses(z, y)); /* row i is of class i */
    claim_equal(c, "class-weighted cross-entropy of three rows", NO_NUMBER,
                gr_scale(gr_sum(weighted), 1.0 / 6),
                gr_cross_entropy(z, y, .class_weight = weight));
    claim_why(c, "Divided by the weights' sum 6, not by 3.");
}

static void pos_weight(claims *c) {
    gr_tensor *z = VECTOR(c, 2, -1, 0.5), *y = VECTOR(c, 1, 0, 1);
    claim_equal(c, "BCE with logits of three, pos_weight 3", NO_NUMBER, gr_mean(bce_code(z, y, 3)),
                gr_bce_with_logits(z, y, .pos_weight = VECTOR(c, 3)));
}

static void focal(claims *c) {
    gr_tensor *z = VECTOR(c, 2, -1, 0.5), *y = VECTOR(c, 1, 0, 1), *s = gr_sigmoid(z);
    gr_tensor *p_t = gr_where(y, s, gr_shift(gr_neg(s), 1));
    gr_tensor *factor = gr_square(gr_shift(gr_neg(p_t), 1));
    gr_tensor *code = gr_scale(gr_mean(gr_mul(factor, bce_code(z, y, 1))), 0.25);
    claim_equal(c, "focal loss of three, alpha 0.25, gamma 2", NO_NUMBER, code,
                gr_scale(gr_focal(z, y, .alpha = -1), 0.25));
    claim_equal(c, "its alpha balances the classes", "alpha balances the classes", code,
                gr_focal(z, y));
    claim_why_not(
        c, "Wrong convention: the code multiplies both classes by alpha, which changes "
           "nothing but the learning rate; alpha_t is alpha for label 1 and 1 - alpha for 0.");
}

static void class_balanced(claims *c) {
    gr_tensor *counts = VECTOR(c, 1000, 100, 10);
    /* 1 - 0.999^n without loss of digits in float */
    gr_tensor *effective = gr_neg(gr_expm1(gr_scale(counts, log(0.999))));
    gr_tensor *weights = gr_scale(gr_reciprocal(effective), 0.001);
    claim_equal(c, "class-balanced weights of 1000, 100, 10, beta 0.999", NO_NUMBER,
                gr_scale(gr_div(weights, gr_sum(weights)), 3), gr_class_balanced_weights(counts));
}

/* -- Segmentation -- */

static gr_tensor *mask(claims *c) { return VECTOR(c, 1, 1, 0, 0); }
static gr_tensor *soft_mask(claims *c) { return VECTOR(c, 0.9, 0.8, 0.2, 0.1); }
static gr_tensor *as_picture(gr_tensor *x) { return gr_reshape(x, GR_SHAPE(1, 1, 4)); }

/* 1 - (above + 1e-6) / (below + 1e-6) */
static gr_tensor *one_less(gr_tensor *above, gr_tensor *below) {
    gr_tensor *ratio = gr_div(gr_shift(above, 1e-6), gr_shift(below, 1e-6));
    return gr_shift(gr_neg(ratio), 1);
}

static void dice(claims *c) {
    gr_tensor *t = mask(c), *p = soft_mask(c), *both = gr_sum(gr_mul(p, t));
    claim_equal(c, "Dice loss of four pixels", NO_NUMBER,
                one_less(gr_scale(both, 2), gr_add(gr_sum(p), gr_sum(t))),
                gr_dice(as_picture(p), as_picture(t), .smooth = 1e-6));
}

static void iou(claims *c) {
    gr_tensor *t = mask(c), *p = soft_mask(c), *both = gr_sum(gr_mul(p, t));
    claim_equal(c, "IoU loss of four pixels", NO_NUMBER,
                one_less(both, gr_sub(gr_add(gr_sum(p), gr_sum(t)), both)),
                gr_iou(as_picture(p), as_picture(t), .smooth = 1e-6));
}

static void tversky(claims *c) {
    gr_tensor *t = mask(c), *p = soft_mask(c), *tp = gr_sum(gr_mul(p, t));
    gr_tensor *fp = gr_sub(gr_sum(p), tp), *fn = gr_sub(gr_sum(t), tp);
    gr_tensor *below = gr_add(tp, gr_add(gr_scale(fp, 0.3), gr_scale(fn, 0.7)));
    claim_equal(
        c, "Tversky loss of four pixels, alpha 0.3, beta 0.7", NO_NUMBER, one_less(tp, below),
        gr_tversky(as_picture(p), as_picture(t), .alpha = 0.3, .beta = 0.7, .smooth = 1e-6));
}

/* -- Boxes -- */

static gr_tensor *area(gr_tensor *corners) {
    gr_tensor *low = gr_slice(corners, 1, 0, 2, 1), *high = gr_slice(corners, 1, 2, 4, 1);
    gr_tensor *sides = gr_relu(gr_sub(high, low));
    return gr_mul(gr_select(sides, 1, 0), gr_select(sides, 1, 1));
}

typedef struct box_pair {
    gr_tensor *pred, *target, *overlap, *around; /* corners */
    gr_tensor *iou, *united;
} box_pair;

static box_pair two_boxes(claims *c) {
    box_pair b = {.pred = MATRIX(c, 1, 4, 1, 1, 3, 3), .target = MATRIX(c, 1, 4, 2, 2, 4, 4)};
    gr_tensor *highest = gr_maximum(b.pred, b.target), *lowest = gr_minimum(b.pred, b.target);
    gr_tensor *low = gr_slice(highest, 1, 0, 2, 1), *high = gr_slice(lowest, 1, 2, 4, 1);
    b.overlap = gr_concat(GR_LIST(low, high), 1);
    low = gr_slice(lowest, 1, 0, 2, 1), high = gr_slice(highest, 1, 2, 4, 1);
    b.around = gr_concat(GR_LIST(low, high), 1);
    b.united = gr_sub(gr_add(area(b.pred), area(b.target)), area(b.overlap));
    b.iou = gr_div(area(b.overlap), b.united);
    return b;
}

static void giou(claims *c) {
    box_pair b = two_boxes(c);
    gr_tensor *whole = area(b.around), *empty = gr_div(gr_sub(whole, b.united), whole);
    claim_equal(c, "GIoU loss of two boxes", NO_NUMBER, gr_shift(gr_neg(gr_sub(b.iou, empty)), 1),
                gr_giou(b.pred, b.target));
}

/* Twice the centre of a box. */
static gr_tensor *doubled_centre(gr_tensor *box) {
    return gr_add(gr_slice(box, 1, 0, 2, 1), gr_slice(box, 1, 2, 4, 1));
}

static void diou(claims *c) {
    box_pair b = two_boxes(c);
    gr_tensor *apart = gr_scale(gr_sub(doubled_centre(b.pred), doubled_centre(b.target)), 0.5);
    gr_tensor *sides = gr_sub(gr_slice(b.around, 1, 2, 4, 1), gr_slice(b.around, 1, 0, 2, 1));
    gr_tensor *pull = gr_div(gr_sum(gr_square(apart)), gr_sum(gr_square(sides)));
    claim_equal(c, "DIoU loss of two boxes", NO_NUMBER, gr_shift(gr_neg(gr_sub(b.iou, pull)), 1),
                gr_diou(b.pred, b.target));
}

/* -- Embeddings -- */

static void contrastive(claims *c) {
    gr_tensor *a = MATRIX(c, 1, 2, 1, 2), *b = MATRIX(c, 1, 2, 1.5, 2.5);
    claim_equal(c, "contrastive loss of a similar pair, without the 1/2", NO_NUMBER,
                gr_mean(gr_square(torch_distance(a, b))),
                gr_contrastive(a, b, VECTOR(c, 1), .factor = 1));
    claim_why(c, "To the 1e-6 that PyTorch adds to differences.");
}

static void triplet(claims *c) {
    gr_tensor *a = MATRIX(c, 1, 2, 1, 2), *p = MATRIX(c, 1, 2, 1.1, 2.1);
    gr_tensor *n = MATRIX(c, 1, 2, 3, 4),
              *lead = gr_sub(torch_distance(a, p), torch_distance(a, n));
    claim_equal(c, "triplet loss, margin 1", NO_NUMBER, gr_mean(gr_relu(gr_shift(lead, 1))),
                gr_triplet(a, p, n));
    claim_why(c, "An easy triplet: it costs nothing.");
}

static void info_nce(claims *c) {
    gr_tensor *q = MATRIX(c, 1, 2, 1, 0), *p = MATRIX(c, 1, 2, 0.9, 0.1);
    gr_tensor *n = MATRIX(c, 2, 2, 0, 1, -1, 0);
    gr_tensor *logits = gr_scale(gr_cosine_similarity(q, gr_concat(GR_LIST(p, n), 0)), 1 / 0.1);
    gr_tensor *others = gr_logsumexp(gr_slice(logits, 0, 1, 3, 1));
    gr_tensor *lead = gr_sub(others, gr_select(logits, 0, 0));
    claim_equal(c, "InfoNCE of one query and two negatives, temperature 0.1", NO_NUMBER,
                gr_softplus(lead), gr_info_nce(q, p, n, .temperature = 0.1));
    claim_why(c,
              "NT-Xent, which the heading names too, has all other rows of a batch as negatives: "
              "gr_nt_xent.");
}

const claim_check families_checks[] = {{"families-1", mse},
                                       {"families-2", mae},
                                       {"families-3", huber},
                                       {"families-4", smooth_l1},
                                       {"families-5", log_cosh},
                                       {"families-6", quantile},
                                       {"families-7", mape},
                                       {"families-8", msle},
                                       {"families-9", poisson_nll},
                                       {"families-10", gaussian_nll},
                                       {"families-11", bce_with_logits},
                                       {"families-12", cross_entropy},
                                       {"families-13", label_smoothing},
                                       {"families-14", hinge},
                                       {"families-15", kl_batchmean},
                                       {"families-16", kl_mean},
                                       {"families-17", vae_total},
                                       {"families-18", class_weighted},
                                       {"families-19", pos_weight},
                                       {"families-20", focal},
                                       {"families-21", class_balanced},
                                       {"families-22", dice},
                                       {"families-23", iou},
                                       {"families-24", tversky},
                                       {"families-25", giou},
                                       {"families-26", diou},
                                       {"families-27", contrastive},
                                       {"families-28", triplet},
                                       {"families-29", info_nce},
                                       {"families-30", families_properties},
                                       {0}};
