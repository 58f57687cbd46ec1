/* Operations that rearrange elements.
 *
 * gr_reshape shares the elements and costs nothing; all others copy, since tensors are contiguous.
 * Axes count from 0, negative ones from the end. All but gr_pad take integers as well as reals.
 */
#ifndef GR_SHAPE_H
#define GR_SHAPE_H

#include "core/graph/op.h"

/* The same elements in order, in another shape of as many; one dimension may be -1: the rest. */
gr_tensor *gr_reshape(gr_tensor *x, gr_shape shape);
/* (A,B,C,..) to (A B C..). */
gr_tensor *gr_flatten(gr_tensor *x);
/* Two axes exchanged; (N,C) to (C,N) with gr_transpose(x, 0, 1). */
gr_tensor *gr_transpose(gr_tensor *x, int axis_a, int axis_b);
/* Axis i of the result is axis order[i] of x; `order` names each of x's axes once:
 * gr_permute(x, GR_SHAPE(0, 2, 3, 1)) from (N,C,H,W) to (N,H,W,C). */
gr_tensor *gr_permute(gr_tensor *x, gr_shape order);
/* Elements begin, begin + step, ... before end along an axis; begin and end may be negative
 * (counted from the end) and are cut to the axis; INT_MAX as end is the axis' end. step > 0. */
gr_tensor *gr_slice(gr_tensor *x, int axis, int begin, int end, int step);
/* One position of an axis, which disappears: row i of (N,C) is gr_select(x, 0, i), of shape (C). */
gr_tensor *gr_select(gr_tensor *x, int axis, int position);
/* Side by side along an axis that exists (all other dimensions equal), or along a new one, which
 * becomes axis `axis` (all shapes equal). At least one tensor (NULL for none: there is no graph to
 * note the error), all real or all integers. */
gr_tensor *gr_concat(gr_list tensors, int axis);
gr_tensor *gr_stack(gr_list tensors, int axis);
/* Cuts the axis into pieces of the n given lengths, which add up to it, and writes them to parts;
 * all NULL and false if it failed. */
bool gr_split(gr_tensor *x, int axis, const int *lengths, int n, gr_tensor **parts);
/* Repeats x along dimensions of 1, and along new ones in front, to fill `shape`. */
gr_tensor *gr_expand(gr_tensor *x, gr_shape shape);
/* Dimensions of 1: a new one at `axis`, or one taken away. */
gr_tensor *gr_unsqueeze(gr_tensor *x, int axis);
gr_tensor *gr_squeeze(gr_tensor *x, int axis);
/* Reverses the order along an axis. */
gr_tensor *gr_flip(gr_tensor *x, int axis);
/* `before` and `after` elements of `value` added at the ends of an axis; negative ones cut off,
 * but not more than the axis has. */
gr_tensor *gr_pad(gr_tensor *x, int axis, int before, int after, double value);

#endif
