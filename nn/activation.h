/* Activations as layers: the operations of elementwise.h and reduce.h, with PyTorch's defaults. */
#ifndef GR_ACTIVATION_H
#define GR_ACTIVATION_H

#include "nn/module.h"

gr_module *gr_relu_layer(gr_graph *g);    /* max(x, 0) */
gr_module *gr_silu_layer(gr_graph *g);    /* x sigmoid(x) */
gr_module *gr_sigmoid_layer(gr_graph *g); /* 1 / (1 + e^-x) */
gr_module *gr_tanh_layer(gr_graph *g);

typedef struct gr_leaky_relu_layer_args {
    gr_graph *graph;
    double slope;
} gr_leaky_relu_layer_args;
/* gr_leaky_relu_layer(g, .slope = 0.01): x where x > 0, else slope x. */
#define gr_leaky_relu_layer(...)                                                                   \
    gr_leaky_relu_layer_((gr_leaky_relu_layer_args){.slope = 0.01, .graph = __VA_ARGS__})
gr_module *gr_leaky_relu_layer_(gr_leaky_relu_layer_args args);

typedef struct gr_elu_layer_args {
    gr_graph *graph;
    double alpha;
} gr_elu_layer_args;
/* gr_elu_layer(g, .alpha = 1): x where x > 0, else alpha (e^x - 1). */
#define gr_elu_layer(...) gr_elu_layer_((gr_elu_layer_args){.alpha = 1, .graph = __VA_ARGS__})
gr_module *gr_elu_layer_(gr_elu_layer_args args);

typedef struct gr_gelu_layer_args {
    gr_graph *graph;
    bool tanh;
} gr_gelu_layer_args;
/* gr_gelu_layer(g, .tanh = false): x Phi(x), or its approximation with tanh. */
#define gr_gelu_layer(...) gr_gelu_layer_((gr_gelu_layer_args){.graph = __VA_ARGS__})
gr_module *gr_gelu_layer_(gr_gelu_layer_args args);

typedef struct gr_softplus_layer_args {
    gr_graph *graph;
    double beta, threshold;
} gr_softplus_layer_args;
/* gr_softplus_layer(g, .beta = 1, .threshold = 20): log(1 + e^(beta x)) / beta, and x where
 * beta x > threshold, where they differ by at most e^-threshold / beta; INFINITY is exact
 * everywhere. */
#define gr_softplus_layer(...)                                                                     \
    gr_softplus_layer_((gr_softplus_layer_args){.beta = 1, .threshold = 20, .graph = __VA_ARGS__})
gr_module *gr_softplus_layer_(gr_softplus_layer_args args);

typedef struct gr_softmax_layer_args {
    gr_graph *graph;
    int axis;
} gr_softmax_layer_args;
/* gr_softmax_layer(g, .axis = -1): along an axis, the last one by default: (N,C) to probabilities
 * (N,C), and their logarithms. Not before a loss that takes logits: gr_cross_entropy has its own.
 */
#define gr_softmax_layer(...)                                                                      \
    gr_softmax_layer_((gr_softmax_layer_args){.axis = -1, .graph = __VA_ARGS__})
#define gr_log_softmax_layer(...)                                                                  \
    gr_log_softmax_layer_((gr_softmax_layer_args){.axis = -1, .graph = __VA_ARGS__})
gr_module *gr_softmax_layer_(gr_softmax_layer_args args);
gr_module *gr_log_softmax_layer_(gr_softmax_layer_args args);

#endif
