/* A table of trained vectors: one for each word, category or the like. */
#ifndef GR_EMBEDDING_H
#define GR_EMBEDDING_H

#include "nn/module.h"

typedef struct gr_embedding_args {
    gr_graph *graph;
    int n, dim;
    int padding_idx;
} gr_embedding_args;
/* gr_embedding(g, n, dim, .padding_idx = -1): x (..), integers in 0 ... n-1, to the rows of the
 * weight (n,dim) that they choose, (..,dim). The weight is drawn from the normal distribution of
 * mean 0 and deviation 1. The row padding_idx, unless it is -1, is 0 at first and gets no gradient.
 * n and dim are at least 1; an index outside is an error that names its value and place.
 *
 * The weight's gradient is dense: a step costs n dim additions however few rows were chosen. Rows
 * chosen several times get the sum, in the order of x. */
#define gr_embedding(...)                                                                          \
    gr_embedding_((gr_embedding_args){.padding_idx = -1, .graph = __VA_ARGS__})
gr_module *gr_embedding_(gr_embedding_args args);

#endif
