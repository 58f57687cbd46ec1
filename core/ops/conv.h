/* Convolutions of images (N,C,H,W), with PyTorch's conventions: N samples of C channels, each H
 * rows of W numbers.
 *
 * An option for both directions is one number, or GR_PAIR(height, width) for two:
 *
 *     gr_conv2d(x, weight, bias, .stride = 2, .padding = GR_PAIR(0, 1))
 *
 * All functions are differentiable to any order.
 */
#ifndef GR_CONV_H
#define GR_CONV_H

#include "core/graph/op.h"

/* A number that holds for both directions, or two of them. */
typedef int64_t gr_pair;
#define GR_PAIR(height, width)                                                                     \
    ((gr_pair)(((uint64_t)1 << 62) + ((uint64_t)(height) << 32) + (uint64_t)(width)))
/* Its parts: 0 the height's, 1 the width's. */
int gr_pair_part(gr_pair pair, int i);

typedef struct gr_conv2d_args {
    gr_tensor *x, *weight, *bias;
    gr_pair stride, padding, dilation;
    int groups;
} gr_conv2d_args;
/* gr_conv2d(x, weight, bias, .stride = 1, .padding = 0, .dilation = 1, .groups = 1): x (N,C,H,W),
 * weight (O,C/groups,kh,kw), bias (O) or NULL, to y (N,O,P,Q) with
 *
 *     y[n,o,p,q] = bias[o] + sum over c,i,j of weight[o,c,i,j]
 *                      x[n, c, p stride + i dilation - padding, q stride + j dilation - padding]
 *     P = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1, Q alike,
 *
 * where x is 0 outside of the image. With groups, channel o sees the C/groups channels of its own
 * group only; groups divides C and O. An error if the kernel is larger than the padded image. */
#define gr_conv2d(...)                                                                             \
    gr_conv2d_((gr_conv2d_args){.stride = 1, .dilation = 1, .groups = 1, .x = __VA_ARGS__})
gr_tensor *gr_conv2d_(gr_conv2d_args args);

typedef struct gr_conv_transpose2d_args {
    gr_tensor *x, *weight, *bias;
    gr_pair stride, padding, output_padding, dilation;
    int groups;
} gr_conv_transpose2d_args;
/* gr_conv_transpose2d(x, weight, bias, .stride = 1, .padding = 0, .output_padding = 0,
 * .dilation = 1, .groups = 1): the gradient of a convolution with respect to its input, as an
 * operation of its own. x (N,C,P,Q), weight (C,O/groups,kh,kw), bias (O) or NULL, to (N,O,H,W),
 *
 *     H = (P - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1, W alike.
 *
 * Several H have the same P; output_padding, which is less than stride or dilation, chooses among
 * them. */
#define gr_conv_transpose2d(...)                                                                   \
    gr_conv_transpose2d_(                                                                          \
        (gr_conv_transpose2d_args){.stride = 1, .dilation = 1, .groups = 1, .x = __VA_ARGS__})
gr_tensor *gr_conv_transpose2d_(gr_conv_transpose2d_args args);

#endif
