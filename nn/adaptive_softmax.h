/* The adaptive softmax: class probabilities for very many classes, most of which are rare.
 *
 * Classes are ordered from frequent to rare. The head scores the first cutoffs[0] of them and, with them,
 * each of the tail's clusters; cluster i holds the classes from cutoffs[i] up to cutoffs[i+1] (the last one
 * up to `classes`) and scores them from fewer features, in / div_value^(i+1) rounded down. A class of a
 * cluster has the probability of its cluster times its own within it. Grave, Joulin, Cisse, Grangier and
 * Jegou, "Efficient softmax approximation for GPUs", ICML 2017; PyTorch's AdaptiveLogSoftmaxWithLoss.
 *
 * It is a module, and no entry of the losses' registry, since it has parameters: head.weight
 * (cutoffs[0] + clusters, in), head.bias if asked for, and for each cluster i tail.i.0.weight (features, in)
 * and tail.i.1.weight (size of the cluster, features).
 */
#ifndef GR_ADAPTIVE_SOFTMAX_H
#define GR_ADAPTIVE_SOFTMAX_H

#include "nn/module.h"

typedef struct gr_cutoffs {
    int n;
    const int *at;
} gr_cutoffs;
#define GR_CUTOFFS(...)                                                                            \
    ((gr_cutoffs){.n = (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), .at = (int[]){__VA_ARGS__}})

typedef struct gr_adaptive_softmax_args {
    gr_graph *graph;
    int in, classes;
    gr_cutoffs cutoffs;
    double div_value;
    bool head_bias;
} gr_adaptive_softmax_args;
/* gr_adaptive_softmax(g, in, classes, GR_CUTOFFS(2000, 10000), .div_value = 4, .head_bias = false). The
 * cutoffs, at least one, rise from at least 1 to at most classes - 1; div_value is positive, and leaves
 * each cluster a feature. Weights are initialised as those of gr_linear. gr_forward gives the logarithms of
 * all classes' probabilities: x (N,in) to (N,classes). */
#define gr_adaptive_softmax(...)                                                                   \
    gr_adaptive_softmax_((gr_adaptive_softmax_args){.div_value = 4, .graph = __VA_ARGS__})
gr_module *gr_adaptive_softmax_(gr_adaptive_softmax_args args);

/* The logarithms of the target classes' probabilities: x (N,in) and target (N), class indices, to (N).
 * Costs only the clusters that targets fall into. m is an adaptive softmax. */
gr_tensor *gr_adaptive_log_prob(gr_module *m, gr_tensor *x, gr_tensor *target);
/* The loss: minus the mean of these. */
gr_tensor *gr_adaptive_log_softmax(gr_module *m, gr_tensor *x, gr_tensor *target);

#endif
