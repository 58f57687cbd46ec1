#include "core/data/rows_internal.h"

#include <string.h>

int64_t gr_row_size(const gr_tensor *t) {
    int64_t size = 1;
    for (int i = 1; i < t->shape.ndim; i++) size *= t->shape.dim[i];
    return size;
}

void gr_copy_rows(gr_tensor *to, const gr_tensor *from, const int32_t *rows) {
    size_t size = (size_t)gr_row_size(from);
    if (size == 0) return;
    for (int i = 0; i < gr_row_count(to); i++) {
        if (from->kind == GR_REAL)
            memcpy(to->data + (size_t)i * size, from->data + (size_t)rows[i] * size,
                   size * sizeof(gr_real));
        else
            memcpy(to->index + (size_t)i * size, from->index + (size_t)rows[i] * size,
                   size * sizeof(int32_t));
    }
}
