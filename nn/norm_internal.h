/* Normalisation with what follows it. */
#ifndef GR_NN_NORM_INTERNAL_H
#define GR_NN_NORM_INTERNAL_H

#include "nn/norm.h"

#pragma GCC visibility push(hidden)

/* The relu layer, if m and the next are batch normalisation of images and relu, which
 * gr_forward_norm_relu does at once; else NULL. */
gr_module *gr_norm_relu_end(const gr_module *m);
gr_tensor *gr_forward_norm_relu(gr_module *m, gr_tensor *x);

#pragma GCC visibility pop

#endif
