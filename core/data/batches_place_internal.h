/* Where batches stand in their epoch, for checkpoints. */
#ifndef GR_BATCHES_PLACE_INTERNAL_H
#define GR_BATCHES_PLACE_INTERNAL_H

#include "core/data/dataset.h"

#pragma GCC visibility push(hidden)

typedef struct gr_batches_place {
    gr_graph *graph;
    int32_t *order; /* of this epoch's rows: `rows` numbers from 0 to rows - 1 */
    int rows;
    int *at; /* rows used in this epoch, 0 to rows; -1 before its first batch */
} gr_batches_place;
gr_batches_place gr_batches_place_of(gr_batches *b);

#pragma GCC visibility pop

#endif
