/* Elements' memory that a backward pass uses again.
 *
 * What gr_backward makes lives shortly: an intermediate result as long as the vjp that made it, a
 * gradient until the walk has passed its tensor. So the memory of what has come to its end becomes
 * that of the next tensor of about its size, which finds it in a near cache; the step's arena grows
 * by the gradients that live at once and not by all there are. */
#ifndef GR_REUSE_INTERNAL_H
#define GR_REUSE_INTERNAL_H

#include "core/graph/tensor.h"

#pragma GCC visibility push(hidden)

typedef struct gr_storage {
    struct gr_storage *next; /* in the list where it stands */
    void *elements;
    size_t bytes;
    int holders; /* tensors whose adjoint has its elements here */
    bool fresh;  /* made by the vjp at work */
} gr_storage;

/* The lists of a graph. */
typedef struct gr_reuse {
    bool on;
    gr_storage *fresh; /* made since the last gr_reuse_collect */
    gr_storage *spare; /* the last to come to its end first */
} gr_reuse;

/* Memory for so many bytes of elements; NULL if there is none. */
gr_storage *gr_reuse_new(gr_graph *g, size_t bytes);
/* For tensors that are kept: their memory is not used again before it is released as often. */
void gr_reuse_hold(const gr_tensor *t);
void gr_reuse_release(const gr_tensor *t);
/* True if an adjoint alone holds t's memory, and no vjp that is still at work has made it. */
bool gr_reuse_single(const gr_tensor *t);
/* A vjp is done and what it has made that nobody holds has come to its end. */
void gr_reuse_collect(gr_graph *g);

#pragma GCC visibility pop

#endif
