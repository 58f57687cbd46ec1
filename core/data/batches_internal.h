/* How far an epoch has come: what a checkpoint saves to go on in the middle of one. */
#ifndef GR_BATCHES_INTERNAL_H
#define GR_BATCHES_INTERNAL_H

#include "core/data/batches.h"

struct gr_batches {
    gr_tensor *x, *y; /* y is NULL if there is none */
    int32_t *order;   /* the epoch's rows, `length` of them, made at its beginning */
    int length, batch;
    int at; /* how many of `order` the epoch has used; -1 before its first batch */
    bool shuffle, drop_last;
};

#endif
