/* Rows of a data set that several trainings share.
 *
 * Tensors belong to one graph, and each training has its own. So the data set stays in a graph that
 * all trainings only read, a training's batches go over row numbers, and a batch of them fetches
 * its rows: no training copies the data set.
 *
 *     gr_tensor *numbers = rows_of_classes(g, data->train_y, wanted, .each = 1000);
 *     gr_batches *batches = gr_batches_new(numbers, .shuffle = true);
 *     while (gr_batch_next(batches, &rows, NULL)) {
 *         gr_tensor *x = rows_take(data->train_x, rows), *y = rows_take(data->train_y, rows);
 */
#ifndef EXAMPLES_ROWS_H
#define EXAMPLES_ROWS_H

#include "gradus.h"

/* The numbers from, ..., to - 1 as integers that last. */
gr_tensor *rows_range(gr_graph *g, int from, int to);

typedef struct rows_args {
    const bool *wanted;
    int each, begin, end;
    bool shuffled;
} rows_args;
/* rows_of_classes(g, labels, wanted, .each = 1000, .shuffled = true): row numbers (K), lasting in
 * g: of every class c with wanted[c] the first `each` rows, fewer where there are no more, in the
 * order of the rows or, with `shuffled`, in one drawn from g's generator. Of rows `begin` to
 * `end` - 1 if these are given. labels (N) are integers from 0, below `wanted`'s length. */
#define rows_of_classes(g, labels, ...)                                                            \
    rows_of_classes_(g, labels, (rows_args){.wanted = __VA_ARGS__})
gr_tensor *rows_of_classes_(gr_graph *g, const gr_tensor *labels, rows_args args);

/* The rows (K) of x (N,..), reals or integers of any graph, as (K,..) in the graph of `rows`: a
 * tensor of the step, for gr_keep if it is to last. A number that is no row of x is an error, of
 * the graph of `rows`. */
gr_tensor *rows_take(const gr_tensor *x, const gr_tensor *rows);

#endif
