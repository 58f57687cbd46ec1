/* What layers with a convolution share. */
#ifndef GR_NN_CONV_INTERNAL_H
#define GR_NN_CONV_INTERNAL_H

#include "nn/conv.h"

#pragma GCC visibility push(hidden)

/* False after an error naming `who` if there is no such layer. */
bool gr_conv_layer_check(const gr_conv_transpose2d_layer_args *a, const char *who);

#pragma GCC visibility pop

#endif
