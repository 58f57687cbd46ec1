/* Rows of a data set that several trainings share.
 *
 * Tensors belong to one graph, and each training has its own. So the data set stays in a graph that
 * all trainings only read, a training's batches go over row numbers, and a batch of them fetches
 * its rows: no training copies the data set.
 *
 *     gr_batches *batches = gr_batches_new(row_numbers, .shuffle = true);
 *     while (gr_batch_next(batches, &rows, NULL)) {
 *         gr_tensor *x = shared_rows(data->train_x, rows), *y = shared_rows(data->train_y, rows);
 */
#ifndef EXAMPLES_SHARED_ROWS_H
#define EXAMPLES_SHARED_ROWS_H

#include "gradus.h"

/* The rows (K) of x (N,..), reals or integers of any graph, as (K,..) in the graph of `rows`: a
 * tensor of the step. A number that is no row of x is an error, of the graph of `rows`. */
gr_tensor *shared_rows(const gr_tensor *x, const gr_tensor *rows);

/* The numbers from, ..., to - 1 as integers that last. */
gr_tensor *shared_rows_range(gr_graph *g, int from, int to);

#endif
