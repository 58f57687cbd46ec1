/* Rows of a data set that several trainings share: which of them, and a copy of one's own.
 *
 *     gr_tensor *rows = rows_of_classes(g, shared->train_y, wanted, .each = 1000);
 *     gr_tensor *x = rows_copy(g, shared->train_x, rows), *y = rows_copy(g, shared->train_y, rows);
 *
 * The data set's graph is only read, so that trainings may do this at the same time.
 */
#ifndef EXAMPLES_ROWS_H
#define EXAMPLES_ROWS_H

#include "gradus.h"

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

/* gr_take_rows into another graph: the named rows of x, lasting in g. */
gr_tensor *rows_copy(gr_graph *g, const gr_tensor *x, const gr_tensor *rows);

#endif
