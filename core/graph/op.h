/* Operations: how they are described, and how to add one.
 *
 * An operation stands in one place, its checks, its values and its derivative next to each other in
 * one descriptor:
 *
 *     static bool cube_shape(const gr_node *n, gr_shape *shape) {
 *         *shape = n->in[0]->shape;
 *         return true;
 *     }
 *     static void cube_forward(const gr_node *n) {
 *         const gr_real *x = n->in[0]->data;
 *         for (int64_t i = 0; i < n->out->size; i++) n->out->data[i] = x[i] * x[i] * x[i];
 *     }
 *     static void cube_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
 *         grads[0] = gr_mul(grad, gr_scale(gr_square(n->in[0]), 3));
 *     }
 *     static const gr_op cube = {.name = "cube", .operands = {"x"}, .shape = cube_shape,
 *                                .forward = cube_forward, .vjp = cube_vjp};
 *     gr_tensor *gr_cube(gr_tensor *x) { return gr_apply(&cube, GR_LIST(x), NULL, 0); }
 *
 * The vjp (vector-Jacobian product) is written with operations of the graph, never with loops: run
 * plainly it costs what the loops would, and where gradients of gradients are asked for the same
 * lines are recorded and differentiated again. A fast special backward is an operation of its own.
 */
#ifndef GR_OP_H
#define GR_OP_H

#include "core/graph/graph.h"

enum { GR_NAMED_OPERANDS = 4 };

typedef struct gr_op {
    const char *name; /* as the caller wrote it, "gr_matmul": messages begin with it */
    const char *operands[GR_NAMED_OPERANDS]; /* what messages call operands that have no name */
    /* The kind of the first operands, others are real: GR_INDEX where class indices are expected.
     */
    gr_kind operand_kinds[GR_NAMED_OPERANDS];
    gr_kind kind; /* of the result */
    /* Moves elements whatever they are: operands said to be real, and the result, are all of the
     * first operand's kind. */
    bool any_kind;
    /* Checks operands and parameters and gives the result's shape; false after gr_fail. */
    bool (*shape)(const gr_node *n, gr_shape *shape);
    /* Writes n->out from n->in and n->params; after a gr_fail here gr_apply returns NULL. */
    void (*forward)(const gr_node *n);
    /* Given the gradient of the loss with respect to n->out, puts that with respect to n->in[i]
     * into grads[i], in in[i]'s shape, for each i where gr_wants(n, i). NULL stands for zero. An
     * operation without vjp ends the flow of gradients. */
    void (*vjp)(const gr_node *n, gr_tensor *grad, gr_tensor **grads);
    /* The result holds its first operand's elements in another shape: no new memory, no forward. */
    bool alias;
} gr_op;

/* One use of an operation: an entry of the tape. */
struct gr_node {
    const gr_op *op;
    gr_graph *graph;
    gr_tensor *out;
    int n_in;
    gr_tensor **in;
    const void *params; /* a copy of what gr_apply was given */
    int position;       /* on the tape */
};

/* Runs an operation on `in` and notes it on the tape if a gradient may be asked for. `params` are
 * `params_size` bytes that shape, forward and vjp find at n->params. NULL if it failed, or if an
 * operand is NULL (which is an error itself unless the graph has failed before). */
gr_tensor *gr_apply(const gr_op *op, gr_list in, const void *params, size_t params_size);

/* gr_apply for the last operation of a vjp, whose result becomes grads[i]. The first gradient of a
 * leaf is written where gr_backward keeps it, which saves copying it there. */
gr_tensor *gr_apply_gradient(const gr_node *n, int i, const gr_op *op, gr_list in,
                             const void *params, size_t params_size);

/* For an operation that is done with its operand once it has its value: the operand's gradient,
 * computed ahead in the forward pass as if that of the result, which is one number, were 1. The
 * vjp then reads the operands no more. */
typedef struct gr_ahead {
    gr_tensor *gradient; /* to be written by forward; NULL once it was taken */
} gr_ahead;
/* Memory for it, in the operand's shape; NULL where no gradient may be asked for, or after an
 * error. What `params` hold of it, forward and vjp find. */
gr_ahead *gr_gradient_ahead(gr_tensor *operand, const char *who);
/* In the vjp: that gradient times `grad`, or NULL if it has to be computed from the operands, since
 * the pass is recorded, or is not the first one. `ahead` may be NULL. */
gr_tensor *gr_take_ahead(gr_ahead *ahead, const gr_tensor *grad);

/* Whether the backward pass at work asks for the gradient of the node's i-th operand. */
bool gr_wants(const gr_node *n, int i);

/* For an operation whose forward was fused for speed: its vjp by differentiating `composition`, the
 * same function written with the graph's operations, which gets operands in the place of n->in.
 * The operation has at most GR_NAMED_OPERANDS of them. */
void gr_vjp_of_composition(const gr_node *n, gr_tensor *grad, gr_tensor **grads,
                           gr_tensor *(*composition)(const gr_node *n, gr_tensor **in));

/* The graph that the operands share; NULL after an error if one is NULL, of another graph or of the
 * wrong kind. gr_apply begins with this; a function that is composed of several operations can,
 * too, so that the message bears its own name. */
gr_graph *gr_operands_graph(const gr_op *op, gr_list in);

/* Operand i of a node for messages: "0.weight (20,10)". */
gr_text gr_operand(const gr_node *n, int i);

#endif
