/* How far an epoch has come: what a checkpoint saves to go on in the middle of one. */
#ifndef GR_BATCHES_INTERNAL_H
#define GR_BATCHES_INTERNAL_H

#include "core/data/batches.h"

#pragma GCC visibility push(hidden)

typedef struct gr_strata gr_strata;

/* An order of an epoch depends on the generator's state at the epoch's beginning and on nothing
 * from the epochs before. */
struct gr_batches {
    gr_tensor *x, *y; /* y is NULL if there is none */
    int32_t *order;   /* the epoch's rows, `length` of them, made at its beginning */
    int length, batch;
    int at; /* how many of `order` the epoch has used; -1 before its first batch */
    bool shuffle, drop_last;
    double *cumulative; /* weights added up; NULL unless rows are drawn by weight */
    gr_strata *strata;  /* NULL unless the batches have the classes' shares */
};

/* What it takes to make stratified orders of labels (N) in batches of that size; lasting. NULL
 * after an error. */
gr_strata *gr_strata_new(const gr_tensor *labels, int batch);
/* Writes the next epoch's order, of N rows. */
void gr_strata_order(const gr_strata *strata, gr_graph *g, int32_t *order);

#pragma GCC visibility pop

#endif
