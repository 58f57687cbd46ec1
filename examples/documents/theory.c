/* "Loss Functions Theory: From Mean Squared Error to Contrastive Learning". */
#include <math.h>

#include "examples/documents/claims.h"

/* -- The focal loss's table of values -- */

static void table_row(claims *c, double p_t, const char *ce, const char *first, const char *fifth) {
    gr_tensor *p = VECTOR(c, p_t);
    char claim[96];
    snprintf(claim, sizeof claim, "table at p_t = %g: CE, gamma = 0, 1, 2", p_t);
    char stated[96];
    snprintf(stated, sizeof stated, "%s, %s, %s", ce, ce, first);
    claim_numbers(
        c, claim, stated,
        gr_concat(GR_LIST(cross_entropy_at(p), focal_at(p, 0), focal_at(p, 1), focal_at(p, 2)), 0));
    snprintf(claim, sizeof claim, "table at p_t = %g: gamma = 5", p_t);
    gr_tensor *focal = focal_at(p, 5);
    claim_numbers(c, claim, fifth, focal);
    double factor = gr_item(focal) / gr_item(cross_entropy_at(p));
    claim_why_not(c,
                  "An order of magnitude: this is about the factor (1 - p_t)^5 = %.1e alone; the "
                  "loss is that times %.3f.",
                  factor, gr_item(cross_entropy_at(p)));
}

static void value_table(claims *c) {
    table_row(c, 0.9, "0.105", "0.011, 0.001", "0.00001");
    table_row(c, 0.95, "0.051", "0.003, 0.0001", "10^-7");
    table_row(c, 0.99, "0.010", "0.0001, 10^-6", "10^-12");
    gr_tensor *p = VECTOR(c, 0.9);
    claim_number(c, "CE over focal at p_t = 0.9, gamma = 2", "100x",
                 gr_item(cross_entropy_at(p)) / gr_item(focal_at(p, 2)));
}

/* -- Gradients by the logit -- */

/* |d loss / d z| at p = s(z), by differentiation. */
static gr_tensor *slope_of_ce(claims *c, gr_tensor *p) {
    gr_tensor *z = claim_variable(logit_of(p));
    return gr_abs(
        gr_grad(gr_bce_with_logits(z, gr_full(c->g, p->shape, 1), .reduction = GR_SUM), z));
}

static gr_tensor *slope_of_focal(claims *c, gr_tensor *p, double gamma) {
    gr_tensor *z = claim_variable(logit_of(p)), *one = gr_full(c->g, p->shape, 1);
    return gr_grad(gr_focal(z, one, .alpha = -1, .gamma = gamma, .reduction = GR_SUM), z);
}

/* (1-p)^gamma (p-1) - gamma (1-p)^(gamma-1) p log p, the first of the three forms printed. */
static gr_tensor *printed_slope(gr_tensor *p, double gamma) {
    gr_tensor *rest = gr_shift(gr_neg(p), 1), *plogp = gr_mul(p, gr_log(p));
    gr_tensor *first = gr_neg(gr_power(rest, gamma + 1));
    return gr_sub(first, gr_scale(gr_mul(gr_power(rest, gamma - 1), plogp), gamma));
}

/* (1-p)^(gamma-1) [(1-p)(p-1) - gamma p log p] */
static gr_tensor *second_slope(gr_tensor *p, double gamma) {
    gr_tensor *rest = gr_shift(gr_neg(p), 1), *plogp = gr_mul(p, gr_log(p));
    gr_tensor *bracket = gr_sub(gr_mul(rest, gr_neg(rest)), gr_scale(plogp, gamma));
    return gr_mul(gr_power(rest, gamma - 1), bracket);
}

/* -(1-p)^(gamma-1) [(1-p)^2 + gamma p log p] */
static gr_tensor *third_slope(gr_tensor *p, double gamma) {
    gr_tensor *rest = gr_shift(gr_neg(p), 1), *plogp = gr_mul(p, gr_log(p));
    gr_tensor *bracket = gr_add(gr_square(rest), gr_scale(plogp, gamma));
    return gr_neg(gr_mul(gr_power(rest, gamma - 1), bracket));
}

/* (1-p)^(gamma-1) [1 + gamma p log p / (1-p)^2] */
static gr_tensor *printed_ratio(gr_tensor *p, double gamma) {
    gr_tensor *rest = gr_shift(gr_neg(p), 1), *plogp = gr_mul(p, gr_log(p));
    gr_tensor *bracket = gr_shift(gr_scale(gr_div(plogp, gr_square(rest)), gamma), 1);
    return gr_mul(gr_power(rest, gamma - 1), bracket);
}

/* (1-p)^gamma (p - 1 + gamma p log p), which it should be: by the chain rule both terms get dp/dz =
 * p (1 - p). Lin et al., ICCV 2017, appendix B. */
static gr_tensor *right_slope(gr_tensor *p, double gamma) {
    gr_tensor *bracket = gr_add(gr_shift(p, -1), gr_scale(gr_mul(p, gr_log(p)), gamma));
    return gr_mul(gr_power(gr_shift(gr_neg(p), 1), gamma), bracket);
}

static void gradient_row(claims *c, double p_t, const char *stated) {
    gr_tensor *p = VECTOR(c, p_t), *ce = slope_of_ce(c, p),
              *focal = gr_abs(slope_of_focal(c, p, 2));
    char claim[96];
    snprintf(claim, sizeof claim, "gradients at p_t = %g: CE, focal, ratio", p_t);
    claim_numbers(c, claim, stated, gr_concat(GR_LIST(ce, focal, gr_div(focal, ce)), 0));
}

/* Of a gradient printed that none of the document's formulas explains. */
static void no_formula(claims *c, double p_t, double printed) {
    gr_tensor *p = VECTOR(c, p_t);
    claim_why_not(
        c,
        "%.2g times too large; the document's own closed form, wrong too (theory-4), gives "
        "%.2g there, so that no formula printed leads to this number.",
        printed / fabs(gr_item(slope_of_focal(c, p, 2))), fabs(gr_item(printed_slope(p, 2))));
}

static void gradient_table(claims *c) {
    gradient_row(c, 0.5, "0.50, 0.29, 0.58");
    claim_why_not(c,
                  "Cut off where it should be rounded, and the ratio taken of the cut number: 0.29 "
                  "/ 0.50 = %.2f.",
                  0.29 / gr_item(slope_of_ce(c, VECTOR(c, 0.5))));
    gradient_row(c, 0.7, "0.30, 0.09, 0.30");
    claim_why_not(
        c, "Another quantity: (1 - p_t)^2 = %.2f is the factor of the loss, not its gradient.",
        gr_item(gr_square(gr_shift(gr_neg(VECTOR(c, 0.7)), 1))));
    gradient_row(c, 0.9, "0.10, 0.006, 0.06");
    no_formula(c, 0.9, 0.006);
    gradient_row(c, 0.99, "0.01, 5e-5, 0.005");
    no_formula(c, 0.99, 5e-5);
}

static void gradient_contrast(claims *c) {
    gr_tensor *hard = VECTOR(c, 0.5), *easy = VECTOR(c, 0.99);
    double ours = gr_item(slope_of_focal(c, hard, 2)) / gr_item(slope_of_focal(c, easy, 2));
    double ce = gr_item(slope_of_ce(c, hard)) / gr_item(slope_of_ce(c, easy));
    claim_number(c, "focal's gradient at p_t = 0.5 over that at 0.99", "5800x", ours);
    claim_why_not(c,
                  "It divides two entries of the wrong table, 0.29 / 5e-5 = %.0f. (Cross-entropy's "
                  "ratio is %.0f.)",
                  0.29 / 5e-5, ce);
}

static void closed_forms(claims *c) {
    gr_tensor *p = VECTOR(c, 0.1, 0.5, 0.9), *ours = slope_of_focal(c, p, 2);
    gr_tensor *first = printed_slope(p, 2), *third = third_slope(p, 2), *ce = slope_of_ce(c, p);
    bool right = claim_close(right_slope(p, 2), ours) &&
                 claim_close(right_slope(p, 5), slope_of_focal(c, p, 5));
    claim_equal(c, "dFL/dz at p_t = 0.1, 0.5, 0.9, gamma = 2",
                "(1-p)^g (p-1) - g (1-p)^(g-1) p log p", first, ours);
    claim_why_not(c,
                  "Wrong formula: the second term lacks a factor 1 - p_t and has the wrong sign. "
                  "d/dz = (1-p)^g (p - 1 + g p log p), which %s autodiff at gamma = 2 and 5.",
                  right ? "equals" : "does not equal");
    claim_equal(c, "the same, simplified", "(1-p)^(g-1) [(1-p)(p-1) - g p log p]",
                second_slope(p, 2), ours);
    claim_why_not(c, "%s",
                  claim_close(second_slope(p, 2), first)
                      ? "Rearranged rightly from the form before, and as wrong."
                      : "Not even the form before.");
    claim_equal(c, "the same, simplified again", "-(1-p)^(g-1) [(1-p)^2 + g p log p]", third, ours);
    claim_why_not(c, "%s The document's third panel draws this form.",
                  claim_close(third, first) ? "As wrong as the first." : "Not even the first.");
    claim_equal(c, "ratio of focal's gradient to CE's there",
                "(1-p)^(g-1) [1 + g p log p / (1-p)^2]", printed_ratio(p, 2),
                gr_div(gr_abs(ours), ce));
    gr_tensor *own = gr_div(gr_neg(third), ce);
    claim_why_not(c,
                  "A ratio of sizes that is negative. And its own form divided by 1 - p has the "
                  "exponent g, not g - 1: %s. Right: (1-p)^g (1 - g p log p / (1-p)).",
                  claim_list(own, 3).text);
}

/* -- Effective number of samples -- */

typedef struct draws {
    double mean, spread, low, high;
} draws;

static draws describe(gr_tensor *x) {
    return (draws){gr_item(gr_mean(x)), sqrt(gr_item(gr_var(x))), gr_item(gr_min(x)),
                   gr_item(gr_max(x))};
}

/* The sums of (1 - p)^gamma over the rows of p (draws, samples). */
static gr_tensor *weights_of(gr_tensor *p, double gamma) {
    return gr_sum(gr_power(gr_shift(gr_neg(p), 1), gamma), .axes = GR_AXES(1));
}

enum { DRAWS = 1000, HARD = 10, EASY = 990 };

static bool within(const draws *d, double x) { return x >= d->low - 0.005 && x <= d->high + 0.005; }

static void effective_row(claims *c, gr_tensor *hard, gr_tensor *easy, double gamma,
                          double printed_hard, double printed_easy) {
    draws h = describe(weights_of(hard, gamma)), e = describe(weights_of(easy, gamma));
    draws both = describe(gr_add(weights_of(hard, gamma), weights_of(easy, gamma)));
    char claim[96], stated[96];
    snprintf(claim, sizeof claim, "effective samples at gamma = %g: hard, easy, together", gamma);
    snprintf(stated, sizeof stated, "%.2f, %.2f, %.2f", printed_hard, printed_easy,
             printed_hard + printed_easy);
    claim_holds(c, claim, stated, within(&h, printed_hard) && within(&e, printed_easy),
                "%.2f +- %.2f, %.4g +- %.2g, %.4g +- %.2g", h.mean, h.spread, e.mean, e.spread,
                both.mean, both.spread);
    if (!within(&e, printed_easy))
        claim_why_not(c, "In %d draws the easy samples' sum is never above %.4g.", DRAWS, e.high);
}

static void effective_samples(claims *c) {
    gr_tensor *hard = gr_uniform(c->g, GR_SHAPE(DRAWS, HARD), 0.1, 0.5);
    gr_tensor *easy = gr_uniform(c->g, GR_SHAPE(DRAWS, EASY), 0.9, 0.99);
    effective_row(c, hard, easy, 0, 10.00, 990.00);
    effective_row(c, hard, easy, 1, 6.74, 76.47);
    claim_why_not(c, "That is %.0f deviations off; the hard samples' sum is a possible draw.",
                  (76.47 - gr_item(gr_mean(weights_of(easy, 1)))) /
                      sqrt(gr_item(gr_var(weights_of(easy, 1)))));
    effective_row(c, hard, easy, 2, 5.86, 10.46);
    double mean = 6.74 / HARD, variance = 5.86 / HARD - mean * mean;
    claim_why_not(
        c,
        "Nor can it ever be: an easy weight is at most 0.1^2, so 990 are at most 9.9. The "
        "hard sum belongs to no draw either that gave 6.74 at gamma = 1: the weights would "
        "have the variance %.3f, and none between 0.5 and 0.9 exceeds 0.04.",
        variance);
    effective_row(c, hard, easy, 5, 5.08, 0.05);
    draws fifth = describe(weights_of(hard, 5));
    claim_why_not(
        c,
        "990 times 0.1^5 is 0.0099 at most; and 5.08 for the hard ones is %.1f deviations "
        "off.",
        (5.08 - fifth.mean) / fifth.spread);
}

static void effective_rule(claims *c) {
    gr_tensor *hard = gr_uniform(c->g, GR_SHAPE(DRAWS, HARD), 0.1, 0.5);
    gr_tensor *easy = gr_uniform(c->g, GR_SHAPE(DRAWS, EASY), 0.9, 0.99);
    double h = gr_item(gr_mean(weights_of(hard, 2))), e = gr_item(gr_mean(weights_of(easy, 2)));
    double rule = HARD + 0.01 * EASY;
    claim_holds(c, "at gamma = 2 N_eff is about N_h + 0.01 N_e",
                "N_h + 0.01 N_e: 19.9 of 10 and 990", fabs(h + e - rule) < 0.1 * rule, "%.2f",
                h + e);
    claim_why_not(
        c,
        "Bounds taken for values: 1 and 0.01 are the most that a hard and an easy sample can "
        "weigh; on average they weigh %.2f and %.4f, so the rule is %.1f times too large.",
        h / HARD, e / EASY, rule / (h + e));
}

/* -- Limits -- */

/* The slope of log y over log x between two points. */
static double order(double y_far, double y_near, double x_far, double x_near) {
    return log(y_far / y_near) / log(x_far / x_near);
}

/* From 1 - p = 0.01 to 0.001 and on to 0.0001: the order of a power stays, that of an exponential
 * grows with each step. */
static void easy_limit(claims *c) {
    gr_tensor *p = VECTOR(c, 0.99, 0.999, 0.9999);
    double gammas[] = {2, 5}, first[2], second[2];
    for (int i = 0; i < 2; i++) {
        gr_tensor *loss = focal_at(p, gammas[i]), *rest = gr_shift(gr_neg(p), 1);
        first[i] = order(gr_at(loss, 0), gr_at(loss, 1), gr_at(rest, 0), gr_at(rest, 1));
        second[i] = order(gr_at(loss, 1), gr_at(loss, 2), gr_at(rest, 1), gr_at(rest, 2));
    }
    gr_tensor *z = VECTOR(c, 6, 8), *one = VECTOR(c, 1, 1);
    gr_tensor *loss = gr_focal(z, one, .alpha = -1, .reduction = GR_NONE);
    claim_holds(c, "focal goes to 0 exponentially as p_t goes to 1", "exponentially",
                second[0] > 1.5 * first[0] && second[1] > 1.5 * first[1],
                "as (1 - p_t)^%.2f at gamma = 2, ^%.2f at 5", second[0], second[1]);
    claim_why_not(
        c,
        "A power, of order gamma + 1 (cross-entropy's is 1). It is exponential in the logit "
        "only, as is cross-entropy: from z = 6 to 8 focal falls by e^-%.2f for each unit of "
        "z.",
        log(gr_at(loss, 0) / gr_at(loss, 1)) / 2);
}

static void hard_limit(claims *c) {
    gr_tensor *p = VECTOR(c, 0.1, 0.05, 0.02), *log_p = gr_log(p);
    gr_tensor *expansion = gr_sub(gr_scale(gr_mul(p, log_p), 2), log_p);
    gr_tensor *left = gr_sub(focal_at(p, 2), expansion);
    gr_tensor *ratio = gr_div(left, gr_mul(gr_square(p), log_p));
    bool bounded = gr_item(gr_max(gr_abs(ratio))) < 2;
    claim_holds(c, "small p_t: -log p + gamma p log p + O(p^2 log p)", "O(p^2 log p)", bounded,
                "what is left over p^2 log p, at gamma = 2: %s", claim_list(ratio, 2).text);
    claim_why(c, "It is -gamma (gamma - 1)/2 p^2 log p.");
}

/* -- Definitions -- */

static void negative_sample(claims *c) {
    gr_tensor *p = claim_variable(VECTOR(c, 0.9)), *y = VECTOR(c, 0);
    gr_tensor *rest = gr_square(gr_shift(gr_neg(p), 1));
    gr_tensor *printed = gr_scale(gr_mul(gr_mul(rest, y), gr_log(p)), -0.25);
    double theirs = gr_item(printed), slope = gr_item(gr_grad(printed, p));
    double ours = gr_item(gr_focal(logit_of(p), y));
    claim_holds(c, "definition of focal, for a negative sample at p = 0.9", "-a (1-p)^g y log p",
                fabs(theirs - ours) < 1e-5, "the definition %.4g, slope %.4g; gr_focal %.4f",
                fabs(theirs), fabs(slope), ours);
    claim_why_not(c,
                  "Wrong formula for two classes: it has no term for y = 0, so negatives cost "
                  "nothing and predicting 1 always is best. Right as a sum over classes of one-hot "
                  "y, or with p_t as in the document's next formula.");
}

/* -- The document's seven classes beside its definitions -- */

static void class_huber(claims *c) {
    gr_tensor *pred = VECTOR(c, -3, -0.5, 0.2, 1.5, 4), *y = VECTOR(c, 0, 0, 0, 0, 0);
    gr_tensor *size = gr_abs(gr_sub(pred, y)), *inner = gr_clamp(size, -INFINITY, 1.5);
    gr_tensor *code = gr_add(gr_scale(gr_square(inner), 0.5), gr_scale(gr_sub(size, inner), 1.5));
    claim_equal(c, "its Huber class is its definition, delta = 1.5", "definition 3.1",
                gr_mean(code), gr_huber(pred, y, .delta = 1.5));
}

static void class_focal(claims *c, gr_tensor *z, gr_tensor *y) {
    gr_tensor *ce = gr_cross_entropy(z, y, .reduction = GR_NONE), *p = gr_exp(gr_neg(ce));
    gr_tensor *factor = gr_square(gr_shift(gr_neg(p), 1));
    claim_equal(c, "its focal class is its definition", "definition 2.1",
                gr_scale(gr_mean(gr_mul(factor, ce)), 0.25), gr_softmax_focal(z, y));
    claim_why(c, "As the sum over classes; one alpha for all of them weights no class.");
}

static void class_smoothing(claims *c, gr_tensor *z, gr_tensor *y) {
    gr_tensor *smooth = gr_shift(gr_scale(gr_one_hot(y, 3), 0.9), 0.1 / 3);
    gr_tensor *code = gr_neg(gr_sum(gr_mul(smooth, gr_log_softmax(z, .axes = GR_AXES(1)))));
    claim_equal(c, "its label smoothing class is its definition", "definition 3.1",
                gr_scale(code, 1.0 / 3), gr_cross_entropy(z, y, .label_smoothing = 0.1));
}

static void class_contrastive(claims *c, gr_tensor *a, gr_tensor *b) {
    gr_tensor *y = VECTOR(c, 1, 0), *d = torch_distance(a, b), *rest = gr_shift(gr_neg(y), 1);
    gr_tensor *gap = gr_square(gr_relu(gr_shift(gr_neg(d), 1)));
    claim_equal(c, "its contrastive class is its definition", "definition 1.1",
                gr_mean(gr_add(gr_mul(y, gr_square(d)), gr_mul(rest, gap))),
                gr_contrastive(a, b, y, .factor = 1));
}

static void class_triplet(claims *c, gr_tensor *a, gr_tensor *p, gr_tensor *n) {
    gr_tensor *lead = gr_sub(torch_distance(a, p), torch_distance(a, n));
    claim_equal(c, "its triplet class is its definition", "definition 2.1",
                gr_mean(gr_relu(gr_shift(lead, 1))), gr_triplet(a, p, n));
}

/* -log of the softmax of q.k / t at the positive. */
static gr_tensor *defined_info_nce(gr_tensor *q, gr_tensor *positive, gr_tensor *keys, double t) {
    gr_tensor *first = gr_sum(gr_mul(q, positive), .axes = GR_AXES(1), .keepdim = true);
    gr_tensor *others = gr_matmul(q, keys, .transpose_b = true);
    gr_tensor *logits = gr_scale(gr_concat(GR_LIST(first, others), 1), 1 / t);
    return gr_neg(gr_mean(gr_select(gr_log_softmax(logits, .axes = GR_AXES(1)), 1, 0)));
}

static void class_info_nce(claims *c, gr_tensor *q, gr_tensor *positive, gr_tensor *keys) {
    gr_tensor *plain = defined_info_nce(q, positive, keys, 0.5);
    gr_tensor *cosines = gr_info_nce(q, positive, keys, .temperature = 0.5);
    claim_equal(c, "its InfoNCE class is its definition", "definition 3.1", plain, cosines);
    gr_tensor *products = gr_info_nce(q, positive, keys, .temperature = 0.5, .normalize = false);
    claim_why_not(c,
                  "Wrong convention: the definition has products of the vectors, the class divides "
                  "them by their lengths first; gr_info_nce does so by default, and with "
                  "normalize = false %s the definition.",
                  claim_close(plain, products) ? "is" : "is not");
}

static void class_dice(claims *c) {
    gr_tensor *p = MATRIX(c, 2, 4, 0.9, 0.2, 0.7, 0.1, 0.4, 0.3, 0.8, 0.6);
    gr_tensor *t = MATRIX(c, 2, 4, 1, 0, 1, 0, 0, 0, 1, 1);
    gr_axes row = GR_AXES(1);
    gr_tensor *both = gr_sum(gr_mul(p, t), .axes = row);
    gr_tensor *sizes = gr_add(gr_sum(p, .axes = row), gr_sum(t, .axes = row));
    gr_tensor *dice = gr_div(gr_shift(gr_scale(both, 2), 1), gr_shift(sizes, 1));
    gr_shape shape = GR_SHAPE(1, 2, 4);
    claim_equal(c, "its Dice class (it has no definition) is 1 - mean Dice", "1 - mean",
                gr_shift(gr_neg(gr_mean(dice)), 1),
                gr_dice(gr_reshape(p, shape), gr_reshape(t, shape)));
}

static void seven_classes(claims *c) {
    gr_tensor *z = MATRIX(c, 3, 3, 2, 0.5, -1, 0, 1, 0, 0.2, -0.1, 1.5), *y = CLASSES(c, 0, 2, 1);
    gr_tensor *a = MATRIX(c, 2, 3, 1, 2, 3, 0.5, 0, 1),
              *b = MATRIX(c, 2, 3, 1.1, 2.1, 2.9, 0.8, 0, 1);
    gr_tensor *n = MATRIX(c, 2, 3, 1.5, 2, 2.5, -0.5, 0.5, 1);
    class_huber(c);
    class_focal(c, z, y);
    class_smoothing(c, z, y);
    class_contrastive(c, a, b);
    class_triplet(c, a, b, n);
    class_info_nce(c, a, b, n);
    class_dice(c);
}

/* -- What losses mean -- */

static void entropies(claims *c) {
    gr_tensor *p = MATRIX(c, 2, 3, 0.5, 0.3, 0.2, 0.1, 0.1, 0.8);
    gr_tensor *z = claim_variable(MATRIX(c, 2, 3, 1, -0.5, 0.3, 0, 2, -1));
    gr_axes classes = GR_AXES(1);
    gr_tensor *log_q = gr_log_softmax(z, .axes = classes);
    gr_tensor *crossed = gr_cross_entropy(z, p, .reduction = GR_SUM);
    gr_tensor *entropy = gr_neg(gr_sum(gr_mul(p, gr_log(p))));
    gr_tensor *kl = gr_kl_div(log_q, p, .reduction = GR_SUM);
    claim_equal(c, "KL(p||q) = H(p,q) - H(p)", "equal", gr_sub(crossed, entropy), kl);
    claim_equal(c, "so both have one gradient by q's logits", "equivalent", gr_grad(crossed, z),
                gr_grad(kl, z));
}

/* Whether two gradients have one ratio at every residual: then one minimum is the other. */
static bool one_direction(gr_tensor *a, gr_tensor *b, double *ratio) {
    gr_tensor *r = gr_div(a, b);
    *ratio = r == NULL ? NAN : gr_at(r, 0);
    return claim_close(r, gr_full(a->graph, a->shape, *ratio));
}

/* -log density of Laplace noise of scale b. */
static gr_tensor *laplace_nll(gr_tensor *x, gr_tensor *y, double b) {
    return gr_shift(gr_scale(gr_abs(gr_sub(x, y)), 1 / b), log(2 * b));
}

static void likelihoods(claims *c) {
    gr_tensor *y = VECTOR(c, 0, 1, -2, 5), *x = claim_variable(VECTOR(c, 0.1, 3, -2.5, -4));
    gr_tensor *mse = gr_grad(gr_mse(x, y, .reduction = GR_SUM), x);
    gr_tensor *mae = gr_grad(gr_l1(x, y, .reduction = GR_SUM), x);
    gr_tensor *variance = gr_full(c->g, y->shape, 4);
    double ratio;
    bool same = one_direction(gr_grad(gr_gaussian_nll(x, y, variance, .reduction = GR_SUM), x), mse,
                              &ratio);
    claim_holds(c, "Gaussian noise makes MSE the maximum-likelihood loss", "equivalent", same,
                "NLL's gradient is %.4g times MSE's at every residual, sigma = 2: 1/(2 sigma^2)",
                ratio);
    same = one_direction(gr_grad(gr_sum(laplace_nll(x, y, 2)), x), mae, &ratio);
    claim_holds(c, "Laplace noise makes MAE so", "the median", same,
                "NLL's gradient is %.4g times MAE's at every residual, b = 2: 1/b", ratio);
}

static void uncertainty(claims *c) {
    gr_tensor *log_vars = gr_parameter(c->g, GR_SHAPE(2), "log_vars");
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(log_vars), .lr = 0.5);
    for (int step = 0; step < 200 && opt != NULL; step++) {
        gr_list losses = GR_LIST(gr_scalar(c->g, 4), gr_scalar(c->g, 0.25));
        gr_backward(gr_uncertainty_weighting(losses, log_vars));
        gr_step(opt);
        gr_graph_reset(c->g);
    }
    gr_tensor *losses = VECTOR(c, 4, 0.25), *sigma = gr_exp(gr_scale(log_vars, 0.5));
    gr_tensor *weighted = gr_div(losses, gr_scale(gr_square(sigma), 2));
    gr_tensor *printed = gr_sum(gr_add(weighted, gr_log(sigma)));
    gr_list list = GR_LIST(gr_scalar(c->g, 4), gr_scalar(c->g, 0.25));
    claim_equal(c, "uncertainty weighting: where sigma settles for losses 4 and 1/4", NO_NUMBER,
                gr_sqrt(losses), sigma);
    claim_why(c, "At sigma^2 = loss, so that each weighted loss ends at 1/2, whatever its scale.");
    claim_equal(c, "its value there", NO_NUMBER, printed, gr_uncertainty_weighting(list, log_vars));
}

const claim_check theory_checks[] = {{"theory-1", value_table},       {"theory-2", gradient_table},
                                     {"theory-3", gradient_contrast}, {"theory-4", closed_forms},
                                     {"theory-5", effective_samples}, {"theory-6", effective_rule},
                                     {"theory-7", easy_limit},        {"theory-8", hard_limit},
                                     {"theory-9", negative_sample},   {"theory-10", seven_classes},
                                     {"theory-11", entropies},        {"theory-12", likelihoods},
                                     {"theory-13", uncertainty},      {0}};
