/* Layers for images (N,C,H,W): the operations of conv.h and pool.h as modules.
 *
 *     gr_sequential(g, gr_conv2d_layer(g, 1, 6, 5, .padding = 2), gr_relu_layer(g),
 *                   gr_max_pool2d_layer(g, 2), gr_flatten_layer(g), gr_linear(g, 6 * 14 * 14, 10));
 *
 * Options are those of the operations, GR_PAIR(height, width) included.
 */
#ifndef GR_NN_CONV_H
#define GR_NN_CONV_H

#include "core/ops/conv.h"
#include "core/ops/pool.h"
#include "nn/init.h"
#include "nn/module.h"

typedef struct gr_conv2d_layer_args {
    gr_graph *graph;
    int in, out;
    gr_pair kernel, stride, padding, dilation;
    int groups;
    bool bias;
    gr_init init;
} gr_conv2d_layer_args;
/* gr_conv2d_layer(g, in, out, kernel, .stride = 1, .padding = 0, .dilation = 1, .groups = 1,
 * .bias = true, .init = GR_INIT_DEFAULT): x (N,in,H,W) to (N,out,P,Q) by gr_conv2d, with weight
 * (out,in/groups,kh,kw) and bias (out). GR_INIT_DEFAULT draws both uniformly from
 * +-1/sqrt(in/groups kh kw), as PyTorch does; the others draw the weight as init.h says and leave
 * the bias 0. in and out are multiples of groups. */
#define gr_conv2d_layer(...)                                                                       \
    gr_conv2d_layer_((gr_conv2d_layer_args){                                                       \
        .stride = 1, .dilation = 1, .groups = 1, .bias = true, .graph = __VA_ARGS__})
gr_module *gr_conv2d_layer_(gr_conv2d_layer_args args);

typedef struct gr_conv_transpose2d_layer_args {
    gr_graph *graph;
    int in, out;
    gr_pair kernel, stride, padding, output_padding, dilation;
    int groups;
    bool bias;
    gr_init init;
} gr_conv_transpose2d_layer_args;
/* gr_conv_transpose2d_layer(g, in, out, kernel, ..): the same by gr_conv_transpose2d, with
 * .output_padding = 0, weight (in,out/groups,kh,kw) and bias (out); by GR_INIT_DEFAULT in
 * +-1/sqrt(out/groups kh kw), as PyTorch has it. */
#define gr_conv_transpose2d_layer(...)                                                             \
    gr_conv_transpose2d_layer_((gr_conv_transpose2d_layer_args){                                   \
        .stride = 1, .dilation = 1, .groups = 1, .bias = true, .graph = __VA_ARGS__})
gr_module *gr_conv_transpose2d_layer_(gr_conv_transpose2d_layer_args args);

/* pool.h's operations with their options: gr_max_pool2d_layer(g, 2), gr_avg_pool2d_layer(g, 3,
 * .stride = 2), gr_upsample2d_layer(g, 2, .mode = GR_UPSAMPLE_BILINEAR). */
typedef struct gr_max_pool2d_layer_args {
    gr_graph *graph;
    gr_pair kernel, stride, padding, dilation;
} gr_max_pool2d_layer_args;
#define gr_max_pool2d_layer(...)                                                                   \
    gr_max_pool2d_layer_((gr_max_pool2d_layer_args){.dilation = 1, .graph = __VA_ARGS__})
gr_module *gr_max_pool2d_layer_(gr_max_pool2d_layer_args args);

typedef struct gr_avg_pool2d_layer_args {
    gr_graph *graph;
    gr_pair kernel, stride, padding;
    bool count_include_pad;
} gr_avg_pool2d_layer_args;
#define gr_avg_pool2d_layer(...)                                                                   \
    gr_avg_pool2d_layer_(                                                                          \
        (gr_avg_pool2d_layer_args){.count_include_pad = true, .graph = __VA_ARGS__})
gr_module *gr_avg_pool2d_layer_(gr_avg_pool2d_layer_args args);

/* (N,C,H,W) to (N,C) */
gr_module *gr_global_avg_pool2d_layer(gr_graph *g);

typedef struct gr_upsample2d_layer_args {
    gr_graph *graph;
    gr_pair scale;
    gr_upsampling mode;
    bool align_corners;
} gr_upsample2d_layer_args;
#define gr_upsample2d_layer(...)                                                                   \
    gr_upsample2d_layer_((gr_upsample2d_layer_args){.graph = __VA_ARGS__})
gr_module *gr_upsample2d_layer_(gr_upsample2d_layer_args args);

/* (N,C,H,W) to (N,C H W): all dimensions but the first become one. */
gr_module *gr_flatten_layer(gr_graph *g);

#endif
