/* Rows: positions of a tensor's first dimension. */
#ifndef GR_DATA_ROWS_INTERNAL_H
#define GR_DATA_ROWS_INTERNAL_H

#include "core/graph/tensor.h"

#pragma GCC visibility push(hidden)

/* A scalar is one row. */
static inline int gr_row_count(const gr_tensor *t) {
    return t->shape.ndim == 0 ? 1 : t->shape.dim[0];
}
/* Elements in a row; also right where there are no rows. */
int64_t gr_row_size(const gr_tensor *t);
/* Fills `to` with the rows of `from`, a tensor of its kind and row size, that `rows` names. */
void gr_copy_rows(gr_tensor *to, const gr_tensor *from, const int32_t *rows);

#pragma GCC visibility pop

#endif
