/* Many losses at once: how they are weighted against each other, and which elements of one count.
 * Weights that change with the step: schedule.h.
 */
#ifndef GR_COMBINATION_H
#define GR_COMBINATION_H

#include <math.h>

#include "losses/loss.h"

typedef struct gr_weighted_sum_args {
    gr_list losses;
    gr_tensor *weights; /* (K); NULL: all 1 */
    gr_reduction reduction;
} gr_weighted_sum_args;
/* gr_weighted_sum(GR_LIST(a, b, ..), .weights): weights[0] a + weights[1] b + ..., K losses of one
 * shape, mostly scalars. The reduction, of the sum's elements, changes nothing for scalars. */
#define gr_weighted_sum(...) gr_weighted_sum_((gr_weighted_sum_args){.losses = __VA_ARGS__})
gr_tensor *gr_weighted_sum_(gr_weighted_sum_args args);

typedef struct gr_uncertainty_weighting_args {
    gr_list losses;
    gr_tensor *log_vars; /* (K) */
    gr_reduction reduction;
} gr_uncertainty_weighting_args;
/* gr_uncertainty_weighting(GR_LIST(a, b, ..), log_vars): the sum over K losses of one shape of
 *
 *     e^-s_k loss_k / 2 + s_k / 2     with s = log_vars
 *
 * which is loss / (2 sigma^2) + log sigma with s = log sigma^2, the paper's form for regression.
 * log_vars are parameters to be trained with the rest, starting at 0. (For classification the paper
 * has no 1/2 in the first term: s is then smaller by log 2, and nothing else changes.) Where loss_k
 * > 0 the best s_k is log loss_k; where it is 0, s_k falls without end, and the gradient to loss_k
 * is kept within a quarter of the largest number, so that none behind it becomes NaN. Kendall, Gal
 * and Cipolla, "Multi-task learning using uncertainty to weigh losses for scene geometry and
 * semantics", CVPR 2018, eq. 7. */
#define gr_uncertainty_weighting(...)                                                              \
    gr_uncertainty_weighting_((gr_uncertainty_weighting_args){.losses = __VA_ARGS__})
gr_tensor *gr_uncertainty_weighting_(gr_uncertainty_weighting_args args);

typedef struct gr_gradnorm_args {
    gr_list losses;
    gr_tensor *initial, *weights; /* (K) each */
    gr_list shared;
    double alpha;
    gr_reduction reduction;
    bool weights_only;
} gr_gradnorm_args;
/* gr_gradnorm(GR_LIST(a, b, ..), initial, weights, GR_LIST(w, ..), .alpha = 1.5, .weights_only =
 * false): the loss by which GradNorm trains the weights of K scalar losses, so that tasks learn at
 * like rates:
 *
 *     G_k = ||gradient of weights[k] loss_k to the shared parameters||
 *     r_k = (loss_k / initial[k]) / mean of these ratios
 *     sum over k of |G_k - mean(G) r_k^alpha|     with mean(G) r_k^alpha as a constant
 *
 * `initial` holds the losses of the first step, all positive (a buffer: gr_keep); `shared` the
 * tensors whose gradients are compared, as a rule the weights of the last layer that all tasks
 * share. Losses are at least 0; alpha >= 0, larger where the tasks differ more. The losses are
 * differentiated again: gr_backward of the result reaches the weights and, through G, all that the
 * losses depend on. The paper moves the weights alone: weights_only cuts G off from the network,
 * and no second derivatives are needed. After each step the paper scales the weights so that they
 * add up to K. The graph must be recording. Chen, Badrinarayanan, Lee and Rabinovich, "GradNorm",
 * ICML 2018, algorithm 1. */
#define gr_gradnorm(...)                                                                           \
    gr_gradnorm_((gr_gradnorm_args){.alpha = 1.5, .reduction = GR_SUM, .losses = __VA_ARGS__})
gr_tensor *gr_gradnorm_(gr_gradnorm_args args);

typedef struct gr_gradnorm_of_args {
    gr_tensor *norms, *ratios; /* (K) each */
    double alpha;
    gr_reduction reduction;
} gr_gradnorm_of_args;
/* gr_gradnorm_of(norms, ratios, .alpha = 1.5): the same of norms G (K) and ratios loss_k /
 * initial_k (K), at least 0, that the caller computed. No gradient to the ratios, which are part of
 * the constant. The default reduction is the sum. The registry's entry gradnorm. */
#define gr_gradnorm_of(...)                                                                        \
    gr_gradnorm_of_((gr_gradnorm_of_args){.alpha = 1.5, .reduction = GR_SUM, .norms = __VA_ARGS__})
gr_tensor *gr_gradnorm_of_(gr_gradnorm_of_args args);

typedef struct gr_ohem_args {
    gr_tensor *loss;
    gr_reduction reduction;
    int keep;
    double threshold;
} gr_ohem_args;
/* gr_ohem(loss, .keep = 0, .threshold = -INFINITY): online hard example mining: the mean of the
 * elements of `loss` (any shape, from a loss with GR_NONE) that are hardest:
 *
 *     keep = k > 0       the k largest, the first of equal ones (all, if there are not as many)
 *     threshold = t      those larger than t, which may be none: then the loss is 0
 *     both               those larger than t, and at least the k largest
 *     neither            all
 *
 * The gradient goes to the elements that were kept. GR_NONE gives the loss in its shape with 0 in
 * place of the others. Shrivastava, Gupta and Girshick, CVPR 2016. */
#define gr_ohem(...) gr_ohem_((gr_ohem_args){.threshold = -INFINITY, .loss = __VA_ARGS__})
gr_tensor *gr_ohem_(gr_ohem_args args);

#endif
