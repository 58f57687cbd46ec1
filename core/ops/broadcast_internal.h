/* How operands of different shapes are walked together. */
#ifndef GR_BROADCAST_INTERNAL_H
#define GR_BROADCAST_INTERNAL_H

#include "core/graph/op.h"

#pragma GCC visibility push(hidden)

enum { GR_BROADCAST_OPERANDS = 3 };

/* The result is `rows` runs of `length` elements, one after the other. Within a run each operand
 * advances by its step of 0 or 1; where a run begins in each operand, gr_broadcast_row says. */
typedef struct gr_broadcast {
    int64_t rows, length;
    int operands, step[GR_BROADCAST_OPERANDS];
    int outer; /* dimensions over which the rows are spread */
    int64_t outer_dim[GR_MAX_DIMS], outer_stride[GR_BROADCAST_OPERANDS][GR_MAX_DIMS];
} gr_broadcast;

/* The common shape of the node's operands; false after an error that names the pair that differs.
 */
bool gr_broadcast_shape(const gr_node *n, gr_shape *shape);

/* The walk over y of up to three tensors that broadcast to its shape. */
gr_broadcast gr_broadcast_plan(const gr_tensor *y, gr_tensor *const *in, int n_in);

/* Offsets of the operands' elements at the beginning of a row. */
void gr_broadcast_row(const gr_broadcast *b, int64_t row, int64_t offset[GR_BROADCAST_OPERANDS]);

#pragma GCC visibility pop

#endif
