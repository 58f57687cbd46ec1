/* What the library's own files know of a graph. */
#ifndef GR_GRAPH_INTERNAL_H
#define GR_GRAPH_INTERNAL_H

#include "core/graph/arena_internal.h"
#include "core/graph/op.h"
#include "core/graph/random.h"
#include "core/graph/reuse_internal.h"
#include "core/kernels/kernels.h"
#include "core/kernels/parallel.h"

#pragma GCC visibility push(hidden)

enum { GR_ERROR_SIZE = 1024 };

struct gr_graph {
    gr_budget budget;
    gr_arena lasting, step;
    gr_reuse reuse;

    gr_node **tape; /* the step's operations in the order in which they ran */
    int tape_length, tape_capacity;
    int no_grad;   /* depth of gr_no_grad_begin: recording while it is 0 */
    uint64_t pass; /* number of the gradient pass that gr_wants answers for; 0: gr_backward */
    uint64_t passes;

    const gr_kernels *kernels;
    int threads;
    gr_random_state random;

    bool anomaly;
    const gr_op *gradient_of; /* in a backward pass, the operation whose vjp runs */

    bool failed;
    uint64_t failures; /* calls of gr_fail, of which the first one's message stays */
    char error[GR_ERROR_SIZE];
    void (*on_error)(const char *message, void *context);
    void *on_error_context;
};

/* gr_shape_equal without a copy. Shapes are written number by number, and a copy in larger pieces
 * right behind waits until that has arrived in the cache: longer than all the comparison takes. */
static inline bool gr_same_dims(const gr_shape *a, const gr_shape *b) {
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

/* A tensor with memory for its elements, which are not set yet; NULL and an error naming `who` if
 * the shape is impossible or there is no memory. */
gr_tensor *gr_tensor_new(gr_graph *g, const char *who, gr_kind kind, gr_shape shape, bool lasting);
/* The same in two steps, for a shape that is written where it stays: a tensor of the step without
 * shape and elements; then its elements, false after an error. */
gr_tensor *gr_tensor_begin(gr_graph *g, const char *who);
bool gr_tensor_finish(gr_tensor *t, const char *who, gr_kind kind);
/* ... or those of another tensor of that size. */
void gr_tensor_share(gr_tensor *t, const gr_tensor *with);
/* A tensor that shares t's elements. */
gr_tensor *gr_tensor_alias(gr_tensor *t, const char *who, gr_shape shape);

/* The place of the first index that is neither in 0 ... count-1 nor *ignored (if that is not NULL);
 * -1 if there is none. */
int64_t gr_first_outside(const gr_tensor *index, int count, const int *ignored);

/* Where gr_backward adds up the leaf's gradient, to be kept as long as the leaf; NULL after an
 * error. */
gr_tensor *gr_leaf_gradient(gr_tensor *leaf);

/* In anomaly mode, after a node ran: false after gr_fail if its result is not finite. */
bool gr_check_finite(const gr_node *n);
/* The same for the gradient that has been added up in a leaf. */
bool gr_check_sum(const gr_tensor *leaf);

/* Elements of a few instructions each that are worth another thread, some 3 us: a parallel region
 * costs a little more than 1 us while the threads are awake, and 10 to 40 us when they sleep. */
enum { GR_SHARE = 1 << 14 };

/* Calls f for [0, n), a nearly equal share for each thread that gets `least` elements: for what is
 * computed element by element, and so is the same wherever it is cut. A share begins at a cache
 * line and at a whole vector. */
static inline void gr_for_each(const gr_graph *g, int64_t n, int64_t least, gr_range_function *f,
                               void *context) {
    gr_parallel_share(g->threads, n, least, 64, f, context);
}

/* The same for rows, or whatever has many elements; `least` of them are worth another thread. A row
 * has to be the same whichever are computed before it: where a kernel takes several together, they
 * are one item here. */
static inline void gr_for_rows(const gr_graph *g, int64_t n, int64_t least, gr_range_function *f,
                               void *context) {
    gr_parallel_share(g->threads, n, least, 1, f, context);
}

/* Calls f for [0, n) in pieces of a fixed size: for sums, whose result depends on where they are
 * cut, but so not on the threads. */
static inline void gr_for(const gr_graph *g, int64_t n, int64_t grain, gr_range_function *f,
                          void *context) {
    gr_parallel_for(g->threads, n, grain, f, context);
}

/* The length of the pieces of a sum over n items, a multiple of `unit`: a power of two of pieces,
 * so that threads get equally many, of `least` items or more, and at most GR_MOST_PIECES. */
enum { GR_MOST_PIECES = 256 };
static inline int64_t gr_piece_length(int64_t n, int64_t least, int64_t unit) {
    int64_t pieces = 1;
    while (pieces < GR_MOST_PIECES && n >= 2 * pieces * least) pieces *= 2;
    return (n / pieces / unit + 1) * unit;
}

#pragma GCC visibility pop

#endif
