/* What losses on vectors share: operands whose rows, along the last axis, are vectors. */
#ifndef GR_ROWS_INTERNAL_H
#define GR_ROWS_INTERNAL_H

#include "losses/loss_internal.h"

#pragma GCC visibility push(hidden)

/* All of x, the row's first operands, have one shape (..,D) of `ndim` dimensions, or of any
 * number from 1 on if that is 0; false after an error. */
bool gr_rows_check(const gr_loss_info *row, gr_list x, int ndim);
/* target, operand i of the row, has one number for each vector of x, the row's first operand. */
bool gr_rows_check_target(const gr_loss_info *row, const gr_tensor *x, const gr_tensor *target,
                          int i);

/* All of t, which is not NULL, lies between these; then a loss may take the short way, through
 * squares that neither overflow nor vanish. */
bool gr_rows_within(const gr_tensor *t, double low, double high);
/* |d|^2 and |d| of each d = a - b + shift along the last axis, for one b or two: (2,..) or (4,..);
 * NULL, without an error, if some are so far from 1 that squares, or their derivatives, would leave
 * the range of numbers. */
gr_tensor *gr_rows_distances(gr_tensor *a, gr_list others, double shift);

/* a - b, where it overflows the largest number instead, with gradient 0: no infinity, for a loss
 * that is 0 there would have the gradient 0 times it. */
gr_tensor *gr_rows_difference(gr_tensor *a, gr_tensor *b);
/* sum_k a_k b_k along the last axis. */
gr_tensor *gr_rows_dot(gr_tensor *a, gr_tensor *b);
/* Vectors divided by their Euclidean lengths, however long. Zero vectors stay, with gradient 0. */
gr_tensor *gr_unit_rows(gr_tensor *x);

#pragma GCC visibility pop

#endif
