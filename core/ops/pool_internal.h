/* What pooling lends to operations that contain it. */
#ifndef GR_POOL_INTERNAL_H
#define GR_POOL_INTERNAL_H

#include "core/ops/window_internal.h"

#pragma GCC visibility push(hidden)

/* Max pooling's gradient: an image of the given shape (N,C,H,W), in which each number of grad
 * (N,C,P,Q) is added at its place, an index into its image. */
gr_tensor *gr_max_pool2d_put(gr_tensor *grad, gr_tensor *place, const gr_window *w, gr_shape shape);

#pragma GCC visibility pop

#endif
