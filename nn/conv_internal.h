/* What layers with a convolution share. */
#ifndef GR_NN_CONV_INTERNAL_H
#define GR_NN_CONV_INTERNAL_H

#include "nn/conv.h"

#pragma GCC visibility push(hidden)

/* False after an error naming `who` if there is no such layer. */
bool gr_conv_layer_check(const gr_conv_transpose2d_layer_args *a, const char *who);

/* The pooling layer, if m and those that follow are a convolution, relu and max pooling by 2, which
 * gr_forward_conv_pool does at once; else NULL. */
gr_module *gr_conv_pool_end(const gr_module *m);
gr_tensor *gr_forward_conv_pool(gr_module *m, gr_tensor *x);

#pragma GCC visibility pop

#endif
