/* Tensors: arrays of up to 6 dimensions, contiguous, the last dimension running fastest.
 *
 * A tensor holds real numbers (gr_real) or 32-bit integers (class indices, lengths). Its contents
 * are written once, by the operation that made it; only leaves (parameters, buffers) change, and
 * only between steps. Read the fields freely; write none but the elements of a leaf.
 *
 * Every function that returns a tensor returns NULL when it fails, and the graph then says why
 * (gr_error in graph.h). Tensors are freed by their graph, never one by one.
 */
#ifndef GR_TENSOR_H
#define GR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/kernels/real.h"

enum { GR_MAX_DIMS = 6 };

typedef struct gr_graph gr_graph;
typedef struct gr_node gr_node;
typedef struct gr_tensor gr_tensor;

/* ndim = 0 is a scalar, one element. A dimension may be 0: the tensor is then empty. */
typedef struct gr_shape {
    int ndim;
    int dim[GR_MAX_DIMS];
} gr_shape;

/* GR_SHAPE(2, 3) is a shape of two rows and three columns; GR_SCALAR has no dimensions. */
#define GR_SHAPE(...)                                                                              \
    ((gr_shape){.ndim = (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), .dim = {__VA_ARGS__}})
#define GR_SCALAR ((gr_shape){.ndim = 0})

typedef enum gr_kind { GR_REAL, GR_INDEX } gr_kind;

struct gr_tensor {
    gr_shape shape;
    gr_kind kind;
    int64_t size;       /* number of elements: the product of the dimensions */
    gr_real *data;      /* the elements, NULL unless kind is GR_REAL */
    int32_t *index;     /* the elements, NULL unless kind is GR_INDEX */
    bool requires_grad; /* gradients flow into or through this tensor */
    bool lasting;       /* survives gr_graph_reset */
    gr_tensor *grad;    /* of a leaf: what gr_backward added up; NULL where there is none (yet) */
    const char *name;   /* for messages, "0.weight"; NULL where nobody gave one */
    gr_graph *graph;
    gr_node *node;              /* the operation that made it; NULL for a leaf */
    gr_tensor *adjoint;         /* used by autodiff.c during a backward pass */
    gr_tensor *gradient;        /* used by autodiff.c: where grad is kept from step to step */
    uint64_t wanted;            /* used by autodiff.c: the last pass that asked for its gradient */
    struct gr_storage *storage; /* used by reuse.c: where its elements are, in a backward pass */
};

/* Several tensors as one argument: gr_concat(GR_LIST(a, b, c), 0). */
typedef struct gr_list {
    int n;
    gr_tensor **items;
} gr_list;
#define GR_LIST(...)                                                                               \
    ((gr_list){.n = (int)(sizeof((gr_tensor *[]){__VA_ARGS__}) / sizeof(gr_tensor *)),             \
               .items = (gr_tensor *[]){__VA_ARGS__}})

/* -- Making tensors. They are leaves of the step: gr_graph_reset takes them away. -- */

/* A copy of the shape's number of elements at `data`; NULL there is an error. */
gr_tensor *gr_from(gr_graph *g, gr_shape shape, const gr_real *data);
/* The same for integers (class indices, lengths). */
gr_tensor *gr_from_index(gr_graph *g, gr_shape shape, const int32_t *index);
/* All elements 0, or all `value`. */
gr_tensor *gr_zeros(gr_graph *g, gr_shape shape);
gr_tensor *gr_full(gr_graph *g, gr_shape shape, double value);
/* One number, of shape (). */
gr_tensor *gr_scalar(gr_graph *g, double value);
/* 0, 1, ..., n-1 as reals, of shape (n). */
gr_tensor *gr_arange(gr_graph *g, int n);

/* -- Making tensors that last as long as the graph. -- */

/* A leaf that is trained: requires_grad is true, elements are 0. `name` is copied; it may be NULL.
 */
gr_tensor *gr_parameter(gr_graph *g, gr_shape shape, const char *name);
/* A copy of t's elements that survives gr_graph_reset: a leaf without gradient (a buffer, a data
 * set). */
gr_tensor *gr_keep(gr_tensor *t);

/* -- About a tensor -- */

/* Gives t a name for messages and pictures (copied, lives as long as t), or with NULL takes it
 * away; returns t. */
gr_tensor *gr_name(gr_tensor *t, const char *name);
/* Lets gradients flow into the leaf t; returns t. An error for a tensor of integers, or for one
 * that an operation made. */
gr_tensor *gr_requires_grad(gr_tensor *t);
/* The value of a tensor of one element; NaN for NULL, and an error for any other size. */
double gr_item(const gr_tensor *t);
/* The element at position i of the flat array; NaN for NULL or beyond the end. */
double gr_at(const gr_tensor *t, int64_t i);

/* Number of elements, or -1 if a dimension is negative or the product exceeds 2^40. */
int64_t gr_shape_size(gr_shape shape);
bool gr_shape_equal(gr_shape a, gr_shape b);

/* "(2,3)" and "x (2,3)" for messages: the tensor's name, else `formal`. Held by value, so that a
 * message can be put together without memory: printf("%s", gr_describe(t, "x").text). */
typedef struct gr_text {
    char text[128];
} gr_text;
gr_text gr_shape_text(gr_shape shape);
/* The place of element i in the shape, "(1,0)". */
gr_text gr_place_text(gr_shape shape, int64_t i);
gr_text gr_describe(const gr_tensor *t, const char *formal);

#endif
