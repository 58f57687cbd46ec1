/* Reverse-mode differentiation over the tape.
 *
 * Source: Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3. The order in which
 * operations ran is a topological order, so a backward pass walks the tape once, from the end.
 */
#ifndef GR_AUTODIFF_H
#define GR_AUTODIFF_H

#include "core/graph/graph.h"

/* Adds d loss / d leaf to leaf->grad, for every leaf with requires_grad that `loss` depends on.
 * `loss` has one element; anything else is an error, as is a loss that depends on no such leaf.
 * Gradients of several calls add up until gr_step or gr_clear_grad takes them. Returns false if it
 * failed; a NULL loss fails too. */
bool gr_backward(gr_tensor *loss);

/* Forgets leaf->grad: it becomes NULL. */
void gr_clear_grad(gr_tensor *leaf);

typedef struct gr_grad_args {
    gr_tensor *y, *x;
    gr_tensor *grad_output; /* d loss / d y in y's shape; NULL: ones, the gradient of y's sum */
    bool create_graph; /* record the gradient's own operations, so that it can be differentiated */
} gr_grad_args;

/* gr_grad(y, x, .grad_output = v, .create_graph = true): the gradient with respect to x of
 * sum(v * y), as a tensor of x's shape; x may be a leaf or the result of an operation. Zeros if y
 * does not depend on x. Leaves' grad fields stay as they are. */
#define gr_grad(...) gr_grad_((gr_grad_args){.y = __VA_ARGS__})
gr_tensor *gr_grad_(gr_grad_args args);

typedef struct gr_grads_args {
    gr_list y, x;
    gr_tensor **grads;       /* x.n tensors are written here; NULL each if it failed */
    gr_tensor **grad_output; /* y.n tensors, each NULL for ones; NULL: all ones */
    bool create_graph;
} gr_grads_args;

/* The same for several outputs and inputs in one pass:
 * gr_grads(GR_LIST(y1, y2), GR_LIST(x1, x2), grads, .create_graph = true). */
#define gr_grads(...) gr_grads_((gr_grads_args){.y = __VA_ARGS__})
bool gr_grads_(gr_grads_args args);

/* t's elements as a leaf: no gradient flows back through it. */
gr_tensor *gr_detach(gr_tensor *t);

#endif
