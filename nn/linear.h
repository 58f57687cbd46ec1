/* The fully connected layer. */
#ifndef GR_LINEAR_H
#define GR_LINEAR_H

#include "nn/init.h"
#include "nn/module.h"

typedef struct gr_linear_args {
    gr_graph *graph;
    int in, out;
    bool bias;
    gr_init init;
} gr_linear_args;

/* gr_linear(g, in, out, .bias = true, .init = GR_INIT_DEFAULT): x (..,in) to x weight^T + bias
 * (..,out), weight (out,in), bias (out). GR_INIT_DEFAULT draws weight and bias uniformly from
 * +-1/sqrt(in), as PyTorch does; the others draw the weight as init.h says and leave the bias 0. in
 * and out are at least 1. */
#define gr_linear(...) gr_linear_((gr_linear_args){.bias = true, .graph = __VA_ARGS__})
gr_module *gr_linear_(gr_linear_args args);

#endif
