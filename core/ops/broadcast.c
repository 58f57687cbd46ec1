#include "core/ops/broadcast_internal.h"

#include "core/graph/graph_internal.h"

/* Dimension i of a shape that is aligned at the last of `ndim` dimensions. */
static int aligned_dim(gr_shape s, int ndim, int i) {
    int own = i - (ndim - s.ndim);
    return own < 0 ? 1 : s.dim[own];
}

static bool all_have(const gr_shape *shape, gr_tensor *const *in, int n_in) {
    for (int k = 0; k < n_in; k++)
        if (!gr_same_dims(&in[k]->shape, shape)) return false;
    return true;
}

bool gr_broadcast_shape(const gr_node *n, gr_shape *shape) {
    if (all_have(&n->in[0]->shape, n->in + 1, n->n_in - 1)) {
        *shape = n->in[0]->shape;
        return true;
    }
    int ndim = 0;
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k]->shape.ndim > ndim) ndim = n->in[k]->shape.ndim;
    *shape = (gr_shape){.ndim = ndim};
    for (int i = 0; i < ndim; i++) {
        int dim = 1, widest = 0; /* the operand that has it */
        for (int k = 0; k < n->n_in; k++) {
            int d = aligned_dim(n->in[k]->shape, ndim, i);
            if (d != 1 && dim != 1 && d != dim)
                return gr_fail(n->graph, "%s: %s and %s don't broadcast: %d and %d in dimension %d",
                               n->op->name, gr_operand(n, widest).text, gr_operand(n, k).text, dim,
                               d, i - ndim);
            if (d == 1) continue;
            dim = d;
            widest = k;
        }
        shape->dim[i] = dim;
    }
    return true;
}

gr_broadcast gr_broadcast_plan(const gr_tensor *y, gr_tensor *const *in, int n_in) {
    if (all_have(&y->shape, in, n_in))
        return (gr_broadcast){.rows = 1, .length = y->size, .operands = n_in, .step = {1, 1, 1}};
    const gr_shape shape = y->shape;
    /* Strides of each operand in the result's dimensions, 0 where it is repeated. Dimensions of 1
     * are left out. */
    int64_t dim[GR_MAX_DIMS], stride[GR_BROADCAST_OPERANDS][GR_MAX_DIMS] = {{0}};
    int64_t step[GR_BROADCAST_OPERANDS] = {1, 1, 1};
    int dims = 0;
    for (int i = shape.ndim - 1; i >= 0; i--) {
        bool merge = dims > 0 && shape.dim[i] != 1;
        for (int k = 0; k < n_in; k++) {
            int own = aligned_dim(in[k]->shape, shape.ndim, i);
            int64_t s = own == 1 ? 0 : step[k];
            step[k] *= own;
            if (shape.dim[i] == 1) continue;
            stride[k][dims] = s;
            /* A dimension continues the one inside it if it starts where that one ends. */
            merge = merge && s == stride[k][dims - 1] * dim[dims - 1];
        }
        if (shape.dim[i] == 1) continue;
        if (merge)
            dim[dims - 1] *= shape.dim[i];
        else
            dim[dims++] = shape.dim[i];
    }
    gr_broadcast b = {.rows = 1, .length = dims > 0 ? dim[0] : 1, .operands = n_in};
    for (int k = 0; k < n_in; k++) b.step[k] = dims > 0 && stride[k][0] != 0;
    for (int d = 1; d < dims; d++) {
        b.rows *= dim[d];
        b.outer_dim[b.outer] = dim[d];
        for (int k = 0; k < n_in; k++) b.outer_stride[k][b.outer] = stride[k][d];
        b.outer++;
    }
    return b;
}

void gr_broadcast_row(const gr_broadcast *b, int64_t row, int64_t offset[GR_BROADCAST_OPERANDS]) {
    for (int k = 0; k < b->operands; k++) offset[k] = 0;
    for (int d = 0; d < b->outer; d++) {
        int64_t i = row % b->outer_dim[d];
        row /= b->outer_dim[d];
        for (int k = 0; k < b->operands; k++) offset[k] += i * b->outer_stride[k][d];
    }
}
