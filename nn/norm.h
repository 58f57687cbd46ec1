/* Layers of normalisation: the operations of core/ops/normalize.h with parameters and buffers,
 * named and initialised as PyTorch's: "weight" 1, "bias" 0, "running_mean" 0, "running_var" 1,
 * "num_batches_tracked" 0 (an integer of shape ()).
 */
#ifndef GR_NORM_H
#define GR_NORM_H

#include "core/ops/normalize.h"
#include "nn/module.h"

/* As momentum of a batch normalisation: running mean and variance are the averages over all batches
 * so far. */
#define GR_CUMULATIVE (-1.0)

typedef struct gr_batch_norm_layer_args {
    gr_graph *graph;
    int features;
    double eps, momentum;
    bool affine, track_running_stats;
} gr_batch_norm_layer_args;
/* gr_batch_norm2d_layer(g, features, .eps = 1e-5, .momentum = 0.1, .affine = true,
 * .track_running_stats = true): gr_batch_norm of x (N,features,H,W), or of x (N,features) and
 * (N,features,L) for batch_norm1d. In training (gr_set_training) each channel is normalised by its
 * own mean and variance in the batch, and the running ones follow:
 *
 *     running_mean = (1 - momentum) running_mean + momentum mean,
 *
 * running_var alike, with the unbiased variance; GR_CUMULATIVE stands for 1 / num_batches_tracked,
 * which counts from 1. In evaluation the running ones are used. Without affine there are no
 * parameters; without track_running_stats there are no buffers, and the batch's own mean and
 * variance are used in evaluation, too. */
#define gr_batch_norm1d_layer(...) gr_batch_norm1d_layer_(GR_BATCH_NORM_LAYER_ARGS(__VA_ARGS__))
#define gr_batch_norm2d_layer(...) gr_batch_norm2d_layer_(GR_BATCH_NORM_LAYER_ARGS(__VA_ARGS__))
#define GR_BATCH_NORM_LAYER_ARGS(...)                                                              \
    ((gr_batch_norm_layer_args){.eps = 1e-5,                                                       \
                                .momentum = 0.1,                                                   \
                                .affine = true,                                                    \
                                .track_running_stats = true,                                       \
                                .graph = __VA_ARGS__})
gr_module *gr_batch_norm1d_layer_(gr_batch_norm_layer_args args);
gr_module *gr_batch_norm2d_layer_(gr_batch_norm_layer_args args);

typedef struct gr_layer_norm_layer_args {
    gr_graph *graph;
    gr_shape shape;
    double eps;
    bool affine, bias;
} gr_layer_norm_layer_args;
/* gr_layer_norm_layer(g, shape, .eps = 1e-5, .affine = true, .bias = true): gr_layer_norm over the
 * last dimensions, which `shape` names: gr_layer_norm_layer(g, GR_SHAPE(64)). affine without bias
 * has a weight only; neither is there without affine (PyTorch's elementwise_affine). */
#define gr_layer_norm_layer(...)                                                                   \
    gr_layer_norm_layer_((gr_layer_norm_layer_args){                                               \
        .eps = 1e-5, .affine = true, .bias = true, .graph = __VA_ARGS__})
gr_module *gr_layer_norm_layer_(gr_layer_norm_layer_args args);

typedef struct gr_group_norm_layer_args {
    gr_graph *graph;
    int groups, channels;
    double eps;
    bool affine;
} gr_group_norm_layer_args;
/* gr_group_norm_layer(g, groups, channels, .eps = 1e-5, .affine = true): gr_group_norm of x
 * (N,channels,..); groups divides channels. */
#define gr_group_norm_layer(...)                                                                   \
    gr_group_norm_layer_(                                                                          \
        (gr_group_norm_layer_args){.eps = 1e-5, .affine = true, .graph = __VA_ARGS__})
gr_module *gr_group_norm_layer_(gr_group_norm_layer_args args);

#endif
