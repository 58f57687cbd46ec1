/* Batches: the rows of a data set, some at a time, in order or at random.
 *
 * A row is a position of the first dimension, as in dataset.h. All that is random comes from the
 * graph's generator.
 */
#ifndef GR_BATCHES_H
#define GR_BATCHES_H

#include "core/graph/graph.h"

typedef struct gr_batches gr_batches;

typedef struct gr_batches_args {
    gr_tensor *x, *y;
    int batch;
    bool shuffle, drop_last;
    gr_tensor *weights;
    int samples;
    gr_tensor *stratify;
} gr_batches_args;
/* Batches of `batch` rows (32 unless given) of x and y, reals or integers with as many rows N each;
 * y may be left out. Both last (gr_keep, gr_take_rows, gr_csv_tensor): anything else is an error.
 * The last batch of an epoch has what is left, or is left out with `drop_last`. The order is that
 * of the rows, or a new one for each epoch:
 *
 * .shuffle = true: every row once, in random order.
 *
 * .weights (N), .samples: so many rows (N unless given) are drawn with replacement, row i with the
 * probability weights[i] / sum of weights. A row of weight 0 is never drawn; weights that are
 * negative or not finite, or all 0, are an error. To draw the classes equally often, give each row
 * the weight 1 / (rows of its class). (PyTorch's WeightedRandomSampler.)
 *
 * .stratify (N): every row once, in random order, and in each batch the classes' shares of the
 * whole set. Of class c with n_c rows a batch of b has b n_c / N rows, rounded down or up. Classes
 * are the integers that occur. Not together with weights.
 *
 * weights and stratify are read here and need not last; both are random without `shuffle`. */
#define gr_batches_new(...) gr_batches_new_((gr_batches_args){.batch = 32, .x = __VA_ARGS__})
gr_batches *gr_batches_new_(gr_batches_args args);

/* Puts copies of the next rows, tensors of the step, into *x and *y (y may be NULL). False at the
 * end of an epoch, after which the next call begins another one; false too if the graph has failed.
 */
bool gr_batch_next(gr_batches *batches, gr_tensor **x, gr_tensor **y);
/* Lets the next call begin a new epoch: for whoever leaves one before its end. */
void gr_batch_restart(gr_batches *batches);
/* The number of batches in an epoch. */
int gr_batch_count(const gr_batches *batches);

#endif
