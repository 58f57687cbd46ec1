/* Dropout as layers, which act in training and pass x on in evaluation (gr_set_training). */
#ifndef GR_NN_DROPOUT_H
#define GR_NN_DROPOUT_H

#include "core/ops/dropout.h"
#include "nn/module.h"

typedef struct gr_dropout_layer_args {
    gr_graph *graph;
    double p;
} gr_dropout_layer_args;
/* gr_dropout_layer(g, .p = 0.5): gr_dropout of x (..). gr_dropout2d_layer(g, .p = 0.5):
 * gr_dropout2d of images (N,C,H,W). A p outside [0, 1] is an error. */
#define gr_dropout_layer(...)                                                                      \
    gr_dropout_layer_((gr_dropout_layer_args){.p = 0.5, .graph = __VA_ARGS__})
#define gr_dropout2d_layer(...)                                                                    \
    gr_dropout2d_layer_((gr_dropout_layer_args){.p = 0.5, .graph = __VA_ARGS__})
gr_module *gr_dropout_layer_(gr_dropout_layer_args args);
gr_module *gr_dropout2d_layer_(gr_dropout_layer_args args);

#endif
