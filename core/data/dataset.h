/* Data sets: rows split into parts, columns standardised; batches.h goes through them.
 *
 *     gr_parts parts = gr_split_rows(g, x->shape.dim[0], .validation = 0.1, .test = 0.2);
 *     gr_tensor *train_x = gr_take_rows(x, parts.train), *train_y = gr_take_rows(y, parts.train);
 *     gr_scaler *scaler = gr_scaler_fit(train_x);
 *     gr_batches *train = gr_batches_new(gr_keep(gr_scaler_apply(scaler, train_x)), train_y,
 *                                        .batch = 32, .shuffle = true);
 *     for (int epoch = 0; epoch < epochs; epoch++)
 *         while (gr_batch_next(train, &x, &y)) { ...; gr_graph_reset(g); }
 *
 * A row is a position of the first dimension, whatever the others: (N), (N,D) or (N,C,H,W). All
 * that is random comes from the graph's generator.
 */
#ifndef GR_DATASET_H
#define GR_DATASET_H

#include "core/graph/graph.h"

/* -- Parts -- */

/* Row numbers, integers of shape (n), lasting; all NULL if the split failed. */
typedef struct gr_parts {
    gr_tensor *train, *validation, *test;
} gr_parts;

typedef struct gr_split_rows_args {
    int rows;
    double validation, test;
    gr_tensor *stratify;
} gr_split_rows_args;
/* gr_split_rows(g, rows, .validation = 0.1, .test = 0.2, .stratify = labels): shuffles the numbers
 * 0 ... rows-1 and cuts them: round(rows validation) and round(rows test) of them go to those
 * parts, all others to train. Both shares are 0 unless given, 0 or more, and together at most 1.
 *
 * With stratify, integers (rows), each part has the classes' shares of the whole set: of class c
 * with n_c rows, a part of m has m n_c / rows, to less than one row in validation, and to less than
 * two in test and train. Classes are the integers that occur. */
#define gr_split_rows(g, ...) gr_split_rows_(g, (gr_split_rows_args){.rows = __VA_ARGS__})
gr_parts gr_split_rows_(gr_graph *g, gr_split_rows_args args);

/* The named rows of x (reals or integers) in the order of `rows` (K), as a lasting tensor of K
 * rows. A number that is no row of x is an error. */
gr_tensor *gr_take_rows(const gr_tensor *x, const gr_tensor *rows);

/* -- Scaling -- */

typedef struct gr_scaler {
    gr_tensor *mean, *deviation; /* of a row's shape, lasting */
    bool fill_missing;
} gr_scaler;

typedef struct gr_scaler_args {
    gr_tensor *x;
    bool fill_missing;
} gr_scaler_args;
/* gr_scaler_fit(x) or gr_scaler_fit(x, .fill_missing = true): the mean and the deviation
 * sqrt(sum (x - mean)^2 / n) of each column of x (N,..), missing values (NaN) left out. A column
 * that is constant or wholly missing gets the deviation 1. No rows, or an infinite element, is an
 * error. */
#define gr_scaler_fit(...) gr_scaler_fit_((gr_scaler_args){.x = __VA_ARGS__})
gr_scaler *gr_scaler_fit_(gr_scaler_args args);
/* (x - mean) / deviation, and with fill_missing 0, the mean, in place of NaN. Made of the graph's
 * operations: gradients flow through, and the result is the step's (gr_keep makes it last). */
gr_tensor *gr_scaler_apply(const gr_scaler *scaler, gr_tensor *x);
/* x deviation + mean: the way back. */
gr_tensor *gr_scaler_invert(const gr_scaler *scaler, gr_tensor *x);

#endif
