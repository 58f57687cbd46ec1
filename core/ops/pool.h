/* Images (N,C,H,W) made smaller or larger, channel by channel.
 *
 * Options for both directions are one number or GR_PAIR(height, width), as in conv.h; a window
 * moves as there, P = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. All
 * functions are differentiable to any order.
 */
#ifndef GR_POOL_H
#define GR_POOL_H

#include "core/ops/conv.h"

typedef struct gr_max_pool2d_args {
    gr_tensor *x;
    gr_pair kernel, stride, padding, dilation;
} gr_max_pool2d_args;
/* gr_max_pool2d(x, kernel, .stride = kernel, .padding = 0, .dilation = 1): the largest element of
 * each window, in (N,C,P,Q); the first of equal ones, and a NaN wins. The gradient goes to the
 * element that was chosen. Padding is never chosen; it is at most half of the kernel, and a window
 * without an element (dilation can step over a small image) is an error. */
#define gr_max_pool2d(...) gr_max_pool2d_((gr_max_pool2d_args){.dilation = 1, .x = __VA_ARGS__})
gr_tensor *gr_max_pool2d_(gr_max_pool2d_args args);

typedef struct gr_avg_pool2d_args {
    gr_tensor *x;
    gr_pair kernel, stride, padding;
    bool count_include_pad;
} gr_avg_pool2d_args;
/* gr_avg_pool2d(x, kernel, .stride = kernel, .padding = 0, .count_include_pad = true): the mean of
 * each window, in (N,C,P,Q). Padding counts as zeros; without count_include_pad the mean is over
 * the image's elements only. Padding is at most half of the kernel. */
#define gr_avg_pool2d(...)                                                                         \
    gr_avg_pool2d_((gr_avg_pool2d_args){.count_include_pad = true, .x = __VA_ARGS__})
gr_tensor *gr_avg_pool2d_(gr_avg_pool2d_args args);

/* The mean of each channel: (N,C,H,W) to (N,C). */
gr_tensor *gr_global_avg_pool2d(gr_tensor *x);

typedef enum gr_upsampling { GR_UPSAMPLE_NEAREST, GR_UPSAMPLE_BILINEAR } gr_upsampling;
typedef struct gr_upsample2d_args {
    gr_tensor *x;
    gr_pair scale;
    gr_upsampling mode;
    bool align_corners;
} gr_upsample2d_args;
/* gr_upsample2d(x, scale, .mode = GR_UPSAMPLE_NEAREST, .align_corners = false): (N,C,H,W) to
 * (N,C,H scale,W scale) with a whole number as scale. Nearest repeats each element; bilinear
 * interpolates between the two nearest ones in each direction, at
 *
 *     max((p + 1/2) / scale - 1/2, 0)         or, with align_corners,
 *     p (H - 1) / (H scale - 1),
 *
 * so that the corners of both images have the same centres. */
#define gr_upsample2d(...) gr_upsample2d_((gr_upsample2d_args){.x = __VA_ARGS__})
gr_tensor *gr_upsample2d_(gr_upsample2d_args args);

#endif
