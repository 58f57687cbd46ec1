/* "Loss Functions - Complete Guide". */
#include <math.h>
#include <string.h>

#include "examples/documents/claims.h"

/* -- Values -- */

static void errors_compared(claims *c) {
    gr_tensor *error = VECTOR(c, 1, 2, 10), *perfect = gr_scalar(c->g, 0);
    claim_numbers(c, "MSE at errors 1, 2, 10", "1, 4, 100",
                  gr_mse(error, perfect, .reduction = GR_NONE));
    claim_numbers(c, "MAE at errors 1, 2, 10", "1, 2, 10",
                  gr_l1(error, perfect, .reduction = GR_NONE));
}

static double reduction_percent(gr_tensor *from, gr_tensor *to) {
    return 100 * (1 - gr_item(to) / gr_item(from));
}

static void focal_easy(claims *c) {
    gr_tensor *p = VECTOR(c, 0.9), *ce = cross_entropy_at(p), *focal = focal_at(p, 2);
    claim_numbers(c, "cross-entropy at p_t = 0.9", "0.105", ce);
    claim_numbers(c, "focal loss there, gamma = 2", "0.001", focal);
    claim_number(c, "reduction by focal at p_t = 0.9", "99%", reduction_percent(ce, focal));
}

static void focal_hard(claims *c) {
    gr_tensor *p = VECTOR(c, 0.1), *ce = cross_entropy_at(p), *focal = focal_at(p, 2);
    claim_numbers(c, "cross-entropy at p_t = 0.1", "2.303", ce);
    claim_numbers(c, "focal loss there, gamma = 2", "1.863", focal);
    double factor = gr_item(focal) / gr_item(ce), rounded = floor(gr_item(ce) * 10 + 0.5) / 10;
    claim_why_not(
        c,
        "Arithmetic slip: the cross-entropy was rounded to %.1f before it was multiplied: "
        "%.2f x %.1f = %.3f.",
        rounded, factor, rounded, factor * rounded);
    claim_number(c, "reduction by focal at p_t = 0.1", "19%", reduction_percent(ce, focal));
}

static void class_weights(claims *c) {
    claim_numbers(c, "inverse-frequency weights of 100 and 900", "5.0, 0.56",
                  gr_inverse_frequency_weights(VECTOR(c, 100, 900)));
}

/* -- Quantile 0.5 and MAE -- */

/* The candidate (K,1) with the least mean loss over the sample (N); `losses` (K,N). */
static double best_candidate(gr_tensor *candidates, gr_tensor *losses) {
    gr_tensor *best = gr_argmin(gr_mean(losses, .axes = GR_AXES(1)), 0);
    return best == NULL ? NAN : gr_at(candidates, best->index[0]);
}

static void median_quantile(claims *c) {
    gr_tensor *y = VECTOR(c, 1, 2, 4, 7, 50), *pred = VECTOR(c, 3, 3, 3, 3, 3);
    double half = gr_item(gr_quantile(pred, y, .tau = 0.5)) / gr_item(gr_l1(pred, y));
    claim_holds(c, "quantile loss at tau = 0.5 equals MAE in value", "equivalent", half == 1,
                "%.4g times MAE", half);
    claim_why_not(c, "Wrong by a factor: max(u/2, -u/2) is |u|/2, half of MAE, and so are its "
                     "gradients; with one learning rate the two train differently.");
    gr_tensor *candidates = gr_reshape(gr_arange(c->g, 60), GR_SHAPE(60, 1));
    double quantile =
        best_candidate(candidates, gr_quantile(candidates, y, .tau = 0.5, .reduction = GR_NONE));
    double mae = best_candidate(candidates, gr_l1(candidates, y, .reduction = GR_NONE));
    double mse = best_candidate(candidates, gr_mse(candidates, y, .reduction = GR_NONE));
    claim_holds(c, "quantile loss at tau = 0.5 has MAE's minimiser", "equivalent", quantile == mae,
                "both at %g, the median of 1, 2, 4, 7, 50 (MSE: %g)", mae, mse);
}

/* -- Contrastive loss: who is similar? -- */

/* (1 - Y) D^2 / 2 + Y max(0, m - D)^2 / 2, as printed. */
static gr_tensor *printed_contrastive(gr_tensor *distance, double label, double margin) {
    gr_tensor *near = gr_square(distance);
    gr_tensor *far = gr_square(gr_relu(gr_shift(gr_neg(distance), margin)));
    return gr_add(gr_scale(near, 0.5 * (1 - label)), gr_scale(far, 0.5 * label));
}

static void contrastive_label(claims *c) {
    gr_tensor *at_zero = printed_contrastive(VECTOR(c, 0), 1, 1);
    gr_tensor *distance = claim_variable(VECTOR(c, 0.5));
    double slope = gr_item(gr_grad(printed_contrastive(distance, 1, 1), distance));
    double library = gr_item(gr_contrastive_distance(VECTOR(c, 0), VECTOR(c, 1)));
    claim_holds(c, "contrastive loss with Y = 1 for similar pairs draws them together",
                "distance is minimised", gr_item(at_zero) == 0 && slope > 0,
                "a similar pair at D = 0 costs %g; its slope at D = 0.5 is %g", gr_item(at_zero),
                slope);
    claim_why_not(
        c,
        "Wrong convention: the formula is Hadsell's, in which Y = 1 means dissimilar, the "
        "legend says the reverse: similar pairs are pushed apart, m^2/2 at D = 0. With y = "
        "1 for similar, gr_contrastive costs %g there.",
        library);
}

/* -- Stable forms -- */

/* log(1 + e^-z) where y = 1, log(1 + e^z) where y = 0. */
static gr_tensor *printed_bce(gr_tensor *z, gr_tensor *y) {
    gr_tensor *sign = gr_shift(gr_scale(y, -2), 1);
    return gr_log(gr_shift(gr_exp(gr_mul(sign, z)), 1));
}

static gr_tensor *defined_bce(gr_tensor *z, gr_tensor *y) {
    gr_tensor *s = gr_sigmoid(z), *rest = gr_shift(gr_neg(y), 1);
    return gr_neg(gr_add(gr_mul(y, gr_log(s)), gr_mul(rest, gr_log(gr_shift(gr_neg(s), 1)))));
}

static gr_tensor *library_bce(gr_tensor *z, gr_tensor *y) {
    return gr_bce_with_logits(z, y, .reduction = GR_NONE);
}

static void stable_bce(claims *c) {
    gr_tensor *y = VECTOR(c, 1, 0, 1, 0, 1, 0);
    gr_tensor *z = claim_variable(VECTOR(c, 0, 0, 5, 5, -5, -5));
    claim_equal(c, "stable BCE equals its definition at z = 0, 5, -5", "identical",
                defined_bce(z, y), printed_bce(z, y));
    claim_equal(c, "and so does its gradient", "identical", gr_grad(defined_bce(z, y), z),
                gr_grad(printed_bce(z, y), z));
    z = claim_variable(VECTOR(c, 50, 50, -50, -50));
    y = VECTOR(c, 1, 0, 1, 0);
    claim_equal(c, "stable BCE at z = 50, -50", "stable", printed_bce(z, y), library_bce(z, y));
    claim_equal(c, "its gradient there", "stable", gr_grad(printed_bce(z, y), z),
                gr_grad(library_bce(z, y), z));
    z = claim_variable(VECTOR(c, 1000, 1000, -1000, -1000));
    claim_equal(c, "stable BCE at z = 1000, -1000", "stable", printed_bce(z, y), library_bce(z, y));
    claim_why_not(c, "Not stable: e^1000 overflows, and with it the logarithm; max(z,0) - zy + "
                     "log(1 + e^-|z|) is right for every z.");
    claim_equal(c, "its gradient there", "stable", gr_grad(printed_bce(z, y), z),
                gr_grad(library_bce(z, y), z));
    claim_why_not(
        c, "Infinity divided by infinity, where e^1000 overflowed: one such logit makes every "
           "weight NaN.");
}

static void log_sum_exp(claims *c) {
    gr_tensor *z = MATRIX(c, 3, 3, 1, 2, 3, 10, 0, -10, 50, 0, -30);
    gr_tensor *t = CLASSES(c, 0, 1, 2), *place = gr_reshape(t, GR_SHAPE(3, 1));
    gr_tensor *separate = gr_neg(gr_log(gr_gather(gr_softmax(z, .axes = GR_AXES(1)), 1, place)));
    gr_tensor *combined = gr_sub(gr_logsumexp(z, .axes = GR_AXES(1)),
                                 gr_reshape(gr_gather(z, 1, place), GR_SHAPE(3)));
    claim_equal(c, "log-sum-exp minus the logit equals -log softmax", "identical",
                gr_reshape(separate, GR_SHAPE(3)), combined);
    z = MATRIX(c, 1, 3, 1000, 0, -1000);
    combined = gr_sub(gr_logsumexp(z), gr_select(gr_flatten(z), 0, 2));
    gr_tensor *bad = gr_neg(gr_log(gr_select(gr_flatten(gr_softmax(z)), 0, 2)));
    claim_holds(c, "for logits up to 1000 only the combined form holds", "separate form is bad",
                gr_item(combined) == 2000 && isinf(gr_item(bad)), "combined %g, separate %g",
                gr_item(combined), gr_item(bad));
}

/* -- Properties -- */

static void add_name(char *list, size_t size, const char *name) {
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", name);
}

static bool is_loss(const gr_loss_info *loss) {
    return loss->reductions[0] != '\0' && strcmp(loss->family, "weights") != 0 &&
           strcmp(loss->family, "combination") != 0;
}

static void properties(claims *c) {
    char negative[256] = "", costly[512] = "";
    int losses = 0, below = 0, nonzero = 0;
    for (int i = 0; i < gr_loss_count(); i++) {
        const gr_loss_info *loss = gr_loss_at(i);
        if (!is_loss(loss)) continue;
        losses++;
        if (loss->low < 0) below++, add_name(negative, sizeof negative, loss->name);
        if (!loss->zero_at_perfect) nonzero++, add_name(costly, sizeof costly, loss->name);
    }
    double count = gr_item(gr_poisson_nll(gr_log(VECTOR(c, 3)), VECTOR(c, 3)));
    double sure = gr_item(gr_gaussian_nll(VECTOR(c, 1), VECTOR(c, 1), VECTOR(c, 0.01)));
    claim_holds(c, "every loss is at least 0", "always", below == 0, "%d of %d losses may be below",
                below, losses);
    claim_why_not(
        c,
        "Not a property of losses: densities exceed 1, and critics' scores have no bottom. "
        "Gaussian NLL of a right prediction with variance 0.01 is %.3f, Poisson NLL of 3 "
        "predicted as 3 is %.3f. Below 0 (kl_div: an element, not the sum): %s.",
        sure, count, negative);
    gr_tensor *soft =
        gr_cross_entropy(gr_log(MATRIX(c, 1, 2, 0.7, 0.3)), MATRIX(c, 1, 2, 0.7, 0.3));
    claim_holds(c, "every loss is 0 for a perfect prediction", "always", nonzero == 0,
                "%d of %d losses are not, or know no perfect prediction", nonzero, losses);
    claim_why_not(
        c,
        "Cross-entropy of the distribution 0.7, 0.3 with itself is its entropy, %.3f; and "
        "where vectors or critics' scores are compared, no prediction equals a target. Not "
        "0: %s.",
        gr_item(soft), costly);
}

static void gradients(claims *c) {
    gr_tensor *y = VECTOR(c, 1, 0.5, -2, 3);
    gr_tensor *x = claim_variable(VECTOR(c, 0.25, 2, -2.5, 2.75));
    claim_equal(c, "gradient of MSE is -2(y - p)", "-2(y - p)", gr_scale(gr_sub(y, x), -2),
                gr_grad(gr_mse(x, y, .reduction = GR_SUM), x));
    claim_equal(c, "gradient of MAE is -sign(y - p)", "-sign(y - p)", gr_neg(gr_sign(gr_sub(y, x))),
                gr_grad(gr_l1(x, y, .reduction = GR_SUM), x));
    y = VECTOR(c, 1, 0, 1, 0);
    x = claim_variable(VECTOR(c, 0.9, 0.9, 0.2, 0.3));
    gr_tensor *rest = gr_div(gr_shift(gr_neg(y), 1), gr_shift(gr_neg(x), 1));
    claim_equal(c, "gradient of BCE is -(y/p - (1-y)/(1-p))", "-(y/p - (1-y)/(1-p))",
                gr_neg(gr_sub(gr_div(y, x), rest)), gr_grad(gr_bce(x, y, .reduction = GR_SUM), x));
}

/* -- Approximations -- */

/* The largest |a/b - 1|. */
static double farthest(gr_tensor *a, gr_tensor *b) {
    return gr_item(gr_max(gr_abs(gr_shift(gr_div(a, b), -1))));
}

static void huber_limits(claims *c) {
    gr_tensor *error = VECTOR(c, -3, -1, -0.5, 0.5, 1, 3), *perfect = gr_scalar(c->g, 0);
    gr_tensor *small = gr_huber(error, perfect, .delta = 0.01, .reduction = GR_NONE);
    gr_tensor *large = gr_huber(error, perfect, .delta = 100, .reduction = GR_NONE);
    gr_tensor *mae = gr_l1(error, perfect, .reduction = GR_NONE);
    gr_tensor *mse = gr_mse(error, perfect, .reduction = GR_NONE);
    double off = farthest(gr_scale(small, 100), mae);
    claim_holds(c, "Huber with a small delta is like MAE", "more like MAE", off < 0.02,
                "delta = 0.01: 0.01 times MAE, to %.2g%% for errors 0.5 to 3", 100 * off);
    claim_why(c, "But for the factor delta, which shrinks the gradient as well: smooth L1, Huber "
                 "divided by delta, has no such factor.");
    off = farthest(gr_scale(large, 2), mse);
    claim_holds(c, "Huber with a large delta is like MSE", "more like MSE", off < 1e-5,
                "delta = 100: half of MSE, exactly up to |error| = 100");
}

static void log_cosh_limits(claims *c) {
    gr_tensor *perfect = gr_scalar(c->g, 0), *tiny = VECTOR(c, 0.01), *huge = VECTOR(c, 1000);
    double to_mse = gr_item(gr_log_cosh(tiny, perfect)) / gr_item(gr_mse(tiny, perfect));
    double to_mae = gr_item(gr_log_cosh(huge, perfect)) / gr_item(gr_l1(huge, perfect));
    double below = gr_item(gr_l1(huge, perfect)) - gr_item(gr_log_cosh(huge, perfect));
    claim_holds(c, "log-cosh is about MSE for small errors", "approximately MSE",
                fabs(to_mse - 1) < 0.01, "%.4g times MSE at error 0.01", to_mse);
    claim_why_not(c, "Wrong by a factor: log cosh d = d^2/2 - d^4/12 + ..., half of MSE, in its "
                     "gradient too.");
    claim_holds(c, "log-cosh is about MAE for large errors", "approximately MAE",
                fabs(to_mae - 1) < 0.01, "%.4g times MAE at error 1000", to_mae);
    claim_why(c, "It stays below MAE by log 2 = %.4f; the gradient is MAE's.", below);
}

/* -- A loss of one's own -- */

/* The document's custom loss: Huber by its definition, and a penalty on large predictions. */
static gr_tensor *smooth_l1_with_penalty(gr_tensor *y, gr_tensor *pred, double delta,
                                         double lambda) {
    gr_tensor *error = gr_sub(y, pred), *size = gr_abs(error);
    gr_tensor *inner = gr_scale(gr_square(error), 0.5);
    gr_tensor *outer = gr_shift(gr_scale(size, delta), -0.5 * delta * delta);
    gr_tensor *is_small = gr_lt(size, gr_scalar(y->graph, delta));
    gr_tensor *penalty = gr_mean(gr_square(pred));
    return gr_add(gr_mean(gr_where(is_small, inner, outer)), gr_scale(penalty, lambda));
}

static void custom_loss(claims *c) {
    gr_tensor *y = VECTOR(c, 1, -0.5, 2, 7), *x = claim_variable(VECTOR(c, 2.5, 0, 2, 8.25));
    gr_tensor *own = smooth_l1_with_penalty(y, x, 1, 0.01);
    gr_tensor *library = gr_add(gr_huber(x, y), gr_scale(gr_mse(x, gr_scalar(c->g, 0)), 0.01));
    claim_equal(c, "smooth L1 with a penalty, composed from operations", NO_NUMBER, own, library);
    claim_why(c, "At another delta than 1 it is Huber, delta times smooth L1.");
    claim_equal(c, "its gradient", NO_NUMBER, gr_grad(own, x), gr_grad(library, x));
}

const claim_check guide_checks[] = {{"guide-1", errors_compared}, {"guide-2", focal_easy},
                                    {"guide-3", focal_hard},      {"guide-4", class_weights},
                                    {"guide-5", median_quantile}, {"guide-6", contrastive_label},
                                    {"guide-7", stable_bce},      {"guide-8", properties},
                                    {"guide-9", log_sum_exp},     {"guide-10", gradients},
                                    {"guide-11", huber_limits},   {"guide-12", log_cosh_limits},
                                    {"guide-13", custom_loss},    {0}};
