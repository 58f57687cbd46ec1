/* "Understanding Loss Functions: A Complete Guide from Theory to Practice". Its three trainings are
 * in training.c. */
#include <math.h>

#include "examples/documents/claims.h"
#include "examples/documents/training.h"

/* -- Regression -- */

static void fivefold_error(claims *c) {
    gr_tensor *error = VECTOR(c, 2, 10), *perfect = gr_scalar(c->g, 0);
    gr_tensor *mse = gr_mse(error, perfect, .reduction = GR_NONE);
    gr_tensor *mae = gr_l1(error, perfect, .reduction = GR_NONE);
    claim_number(c, "an error five times as large under MSE", "25x", gr_at(mse, 1) / gr_at(mse, 0));
    claim_number(c, "and under MAE", "5x", gr_at(mae, 1) / gr_at(mae, 0));
}

static void five_points(claims *c) {
    gr_tensor *y = VECTOR(c, 2.5, 1.0, 3.2, 0.5, 4.1), *pred = VECTOR(c, 2.3, 1.2, 3.0, 0.8, 3.9);
    gr_tensor *squares = gr_mse(pred, y, .reduction = GR_NONE);
    claim_numbers(c, "MSE of five points", "0.0380", gr_mse(pred, y));
    double slip = (gr_item(gr_sum(squares)) - gr_at(squares, 3) + 0.03) / 5;
    claim_why_not(c,
                  "Arithmetic slip: the squares are %s and add up to %.2f; 0.0380 comes out if 0.3 "
                  "squared is taken for 0.03: %.4f.",
                  claim_list(squares, 2).text, gr_item(gr_sum(squares)), slip);
}

static void one_outlier(claims *c) {
    gr_tensor *y = VECTOR(c, 1, 2, 3, 4, 5), *pred = VECTOR(c, 1.1, 2.2, 2.9, 4.1, 15.0);
    gr_tensor *errors = gr_l1(pred, y, .reduction = GR_NONE);
    double total = gr_item(gr_sum(errors)), mae = gr_item(gr_l1(pred, y));
    double huber = gr_item(gr_huber(pred, y)), mse = gr_item(gr_mse(pred, y));
    claim_number(c, "MSE with an outlier", "20.0140", mse);
    claim_number(c, "MAE with an outlier", "2.0600", mae);
    double short_sum = (total - gr_at(errors, 1)) / 5;
    claim_why_not(
        c,
        "Arithmetic slip: the errors %s add up to %.1f; without the second one, %.1f, the "
        "mean is %.4f.",
        claim_list(errors, 2).text, total, gr_at(errors, 1), short_sum);
    claim_number(c, "Huber with an outlier, delta = 1", "2.5600", huber);
    claim_why_not(c,
                  "Wrong sign, on top of the wrong MAE: %.2f + delta^2/2 = %.2f, where Huber "
                  "subtracts delta^2/2 from the outlier's error and squares the others.",
                  short_sum, short_sum + 0.5);
    claim_holds(c, "Huber lies between MAE and MSE there", "MAE < Huber < MSE",
                mae < huber && huber < mse, "Huber %.3f, MAE %.3f, MSE %.3f", huber, mae, mse);
    claim_why_not(c, "With delta = 1 Huber never exceeds MAE: |d| - 1/2 and d^2/2 for |d| <= 1 are "
                     "both below |d|.");
}

/* -- Binary -- */

static void bce_of_probabilities(claims *c) {
    gr_tensor *p = VECTOR(c, 0.9, 0.1), *other = VECTOR(c, 0.1, 0.9);
    claim_numbers(c, "BCE of p = 0.9 and 0.1, label 1", "0.105, 2.303",
                  gr_bce(p, VECTOR(c, 1, 1), .reduction = GR_NONE));
    claim_numbers(c, "BCE of p = 0.1 and 0.9, label 0", "0.105, 2.303",
                  gr_bce(other, VECTOR(c, 0, 0), .reduction = GR_NONE));
}

/* max(z,0) - z y + log(1 + e^-|z|) */
static gr_tensor *printed_bce(gr_tensor *z, gr_tensor *y) {
    gr_tensor *tail = gr_log1p(gr_exp(gr_neg(gr_abs(z))));
    return gr_add(gr_sub(gr_relu(z), gr_mul(z, y)), tail);
}

static void five_logits(claims *c) {
    gr_tensor *z = claim_variable(VECTOR(c, 2.3, -1.5, 0.8, -0.3, 1.7));
    gr_tensor *y = VECTOR(c, 1, 0, 1, 0, 1);
    claim_equal(c, "BCE with logits of five logits", NO_NUMBER, gr_mean(printed_bce(z, y)),
                gr_bce_with_logits(z, y));
    claim_equal(c, "gradient by the logit is s(z) - y", "s(z) - y", gr_sub(gr_sigmoid(z), y),
                gr_grad(gr_bce_with_logits(z, y, .reduction = GR_SUM), z));
    claim_why(c, "Of one element; the mean's is a fifth of that.");
}

static void imbalanced_ten(claims *c) {
    gr_tensor *y = VECTOR(c, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1);
    gr_tensor *p = VECTOR(c, 0.1, 0.2, 0.15, 0.1, 0.05, 0.12, 0.08, 0.11, 0.85, 0.9);
    gr_tensor *p_true = gr_where(y, p, gr_shift(gr_neg(p), 1)), *z = logit_of(p);
    double bce = gr_item(gr_bce(p, y)),
           focal = gr_item(gr_scale(gr_mean(focal_at(p_true, 2)), 0.25));
    claim_holds(c, "focal is lower than BCE on ten imbalanced samples", "focal < BCE", focal < bce,
                "BCE %.4f, focal %.5f", bce, focal);
    claim_why(c,
              "Of the factor %.0f between them, 4 is alpha and %.0f the modulating factor; a lower "
              "number is no better training.",
              bce / focal, bce / (4 * focal));
    double library = gr_item(gr_focal(z, y));
    claim_equal(c, "its focal code is its formula, with alpha_t", "alpha_t", gr_scalar(c->g, focal),
                gr_scalar(c->g, library));
    claim_why_not(c,
                  "Wrong convention: the code multiplies both classes by alpha, which balances "
                  "nothing; alpha_t of its formula is alpha for label 1 and 1 - alpha for 0, as in "
                  "gr_focal.");
}

static void modulating_factor(claims *c) {
    gr_tensor *p = VECTOR(c, 0.9, 0.5, 0.1);
    claim_numbers(c, "focal's factor at p_t = 0.9, 0.5, 0.1, gamma = 2", "0.01, 0.25, 0.81",
                  gr_div(focal_at(p, 2), cross_entropy_at(p)));
}

/* -- More classes -- */

static void three_animals(claims *c) {
    gr_tensor *p = MATRIX(c, 2, 3, 0.8, 0.15, 0.05, 0.2, 0.5, 0.3);
    gr_tensor *one_hot = MATRIX(c, 2, 3, 1, 0, 0, 1, 0, 0);
    claim_numbers(c, "cross-entropy of a good and a bad prediction", "0.223, 1.609",
                  gr_categorical_cross_entropy(p, one_hot, .reduction = GR_NONE));
    gr_tensor *x = claim_variable(p), *z = claim_variable(gr_log(p));
    claim_equal(c, "its gradient by a probability is -y/p", "-y/p", gr_neg(gr_div(one_hot, x)),
                gr_grad(gr_categorical_cross_entropy(x, one_hot, .reduction = GR_SUM), x));
    claim_equal(c, "its gradient by a logit is softmax(z) - y", "p - y",
                gr_sub(gr_softmax(z, .axes = GR_AXES(1)), one_hot),
                gr_grad(gr_cross_entropy(z, CLASSES(c, 0, 0), .reduction = GR_SUM), z));
}

static void sparse_five(claims *c) {
    gr_tensor *p =
        MATRIX(c, 5, 3, 0.7, 0.2, 0.1, 0.1, 0.2, 0.7, 0.2, 0.6, 0.2, 0.8, 0.1, 0.1, 0.3, 0.3, 0.4);
    gr_tensor *y = CLASSES(c, 0, 2, 1, 0, 2);
    claim_equal(c, "sparse cross-entropy of five rows", NO_NUMBER,
                gr_categorical_cross_entropy(p, gr_one_hot(y, 3)),
                gr_sparse_categorical_cross_entropy(p, y));
}

/* Bytes that the graph's step has taken since it had taken `before`. */
static double taken_since(const gr_graph *g, size_t before) {
    return (double)(gr_memory_use(g).step - before);
}

/* Measured on fewer samples than a million where they are large. */
static void targets_in_memory(claims *c) {
    enum { CLASSES_N = 1000, DENSE = 1000, SPARSE = 1000000 };
    size_t before = gr_memory_use(c->g).step;
    gr_scalar(c->g, 0);
    double one = taken_since(c->g, before); /* what a tensor takes beside its elements, and one */
    before = gr_memory_use(c->g).step;
    gr_zeros(c->g, GR_SHAPE(DENSE, CLASSES_N));
    double dense = (taken_since(c->g, before) - one) / DENSE;
    before = gr_memory_use(c->g).step;
    gr_permutation(c->g, SPARSE);
    double sparse = (taken_since(c->g, before) - one) / SPARSE;
    claim_number(c, "one-hot targets against class indices, 1000 classes: numbers stored", "1000x",
                 dense / sizeof(gr_real) / (sparse / sizeof(int32_t)));
    claim_why(
        c,
        "Measured: %.4g bytes a sample, %.2g GB for a million, against %.2g bytes, %.2g MB: the "
        "classes are 32 bits here, numbers %d. Where classes are 64 bits and numbers 32, as in "
        "PyTorch, it is 500 times the memory.",
        dense, dense * SPARSE / 1e9, sparse, sparse * SPARSE / 1e6, (int)(8 * sizeof(gr_real)));
}

static void classes_that_occur(claims *c) {
    gr_tensor *x = gr_normal(c->g, GR_SHAPE(1000, 10), 0, 1), *zero = gr_scalar(c->g, 0);
    gr_tensor *sum = gr_sum(x, .axes = GR_AXES(1)), *mean = gr_mean(x, .axes = GR_AXES(1));
    gr_tensor *y = gr_clamp(gr_add(gr_gt(sum, zero), gr_gt(mean, zero)), 0, 2);
    int counts[3] = {0}, occur = 0;
    for (int64_t i = 0; y != NULL && i < y->size; i++) counts[(int)gr_at(y, i)]++;
    for (int i = 0; i < 3; i++) occur += counts[i] > 0;
    claim_number(c, "classes among the labels (sum > 0) + (mean > 0)", "3", occur);
    claim_why_not(
        c,
        "The mean is a tenth of the sum, so both are positive or neither: of 1000 samples "
        "%d, %d and %d are of class 0, 1 and 2. It is a problem of two classes with an "
        "output that never occurs.",
        counts[0], counts[1], counts[2]);
}

/* -- Distributions, masks, vectors -- */

static gr_tensor *divergence(gr_tensor *p, gr_tensor *q) {
    return gr_kl_div(gr_log(q), p, .reduction = GR_SUM);
}

static void kl_divergence(claims *c) {
    gr_tensor *p = VECTOR(c, 0.5, 0.3, 0.2), *q = VECTOR(c, 0.33, 0.33, 0.34);
    double same = gr_item(divergence(p, p));
    double there = gr_item(divergence(p, q)), back = gr_item(divergence(q, p));
    claim_holds(c, "KL to itself is about 0", "~0", fabs(same) < 1e-6, "%.4g", fabs(same));
    claim_holds(c, "KL to another distribution is positive", ">0", there > 0, "%.5f", there);
    claim_why(c,
              "In nats, since the logarithm is natural; in bits, of which the text speaks, %.5f.",
              there / log(2));
    claim_holds(c, "KL is not symmetric", "KL(P||Q) != KL(Q||P)", fabs(there - back) > 1e-4,
                "%.5f and %.5f", there, back);
}

static gr_tensor *printed_dice(gr_tensor *y, gr_tensor *p, double smooth) {
    gr_tensor *above = gr_shift(gr_scale(gr_sum(gr_mul(y, p)), 2), smooth);
    gr_tensor *below = gr_shift(gr_add(gr_sum(y), gr_sum(p)), smooth);
    return gr_shift(gr_neg(gr_div(above, below)), 1);
}

static void two_masks(claims *c) {
    gr_tensor *y = VECTOR(c, 0, 0, 1, 1, 0, 1, 1, 0);
    gr_tensor *good = VECTOR(c, 0.1, 0.1, 0.9, 0.8, 0.2, 0.8, 0.9, 0.1);
    gr_tensor *bad = VECTOR(c, 0.9, 0.8, 0.1, 0.2, 0.9, 0.1, 0.2, 0.8);
    gr_shape shape = GR_SHAPE(1, 1, 8);
    y = gr_reshape(y, shape), good = gr_reshape(good, shape), bad = gr_reshape(bad, shape);
    claim_equal(c, "Dice loss of a good mask, smooth 1", NO_NUMBER, printed_dice(y, good, 1),
                gr_dice(good, y));
    claim_equal(c, "Dice loss of a bad mask, smooth 1", NO_NUMBER, printed_dice(y, bad, 1),
                gr_dice(bad, y));
}

static void three_vectors(claims *c) {
    gr_tensor *a = MATRIX(c, 1, 3, 1, 2, 3), *near = MATRIX(c, 1, 3, 1.1, 2.1, 2.9);
    gr_tensor *far = MATRIX(c, 1, 3, 5, 6, 7);
    gr_tensor *close = gr_sum(gr_square(gr_sub(a, near))),
              *apart = gr_sum(gr_square(gr_sub(a, far)));
    claim_equal(c, "contrastive loss of a similar pair", NO_NUMBER, gr_scale(close, 0.5),
                gr_contrastive(a, near, VECTOR(c, 1)));
    gr_tensor *gap = gr_relu(gr_shift(gr_neg(gr_sqrt(apart)), 1));
    claim_equal(c, "contrastive loss of a dissimilar pair", NO_NUMBER,
                gr_scale(gr_square(gap), 0.5), gr_contrastive(a, far, VECTOR(c, 0)));
    claim_why(c, "Farther apart than the margin: nothing to learn.");
    claim_equal(c, "triplet loss of squared distances", NO_NUMBER,
                gr_relu(gr_shift(gr_sub(close, apart), 1)),
                gr_triplet(a, near, far, .squared = true));
    claim_why(c, "An easy triplet: no gradient either.");
}

/* -- The trainings -- */

static void trainings(claims *c) {
    for (int which = 0; which < TRAININGS; which++) {
        training t;
        char claim[128];
        if (!training_run(c->g, c->data, which, &t)) return;
        snprintf(claim, sizeof claim, "training: %s, loss of epoch 1 and %d", t.title, t.epochs);
        claim_holds(c, claim, NO_NUMBER, t.farthest < 1e-4, "%.4f, %.4f", t.ours[0],
                    t.ours[t.epochs - 1]);
        claim_why(c, "All %d epochs as PyTorch's from the same weights, data and order, to %.1e.",
                  t.epochs, t.farthest);
    }
}

const claim_check practice_checks[] = {
    {"practice-1", fivefold_error},     {"practice-2", five_points},
    {"practice-3", one_outlier},        {"practice-4", bce_of_probabilities},
    {"practice-5", five_logits},        {"practice-6", imbalanced_ten},
    {"practice-7", three_animals},      {"practice-8", sparse_five},
    {"practice-9", targets_in_memory},  {"practice-10", kl_divergence},
    {"practice-11", two_masks},         {"practice-12", three_vectors},
    {"practice-13", modulating_factor}, {"practice-14", classes_that_occur},
    {"practice-runs", trainings},       {0}};
