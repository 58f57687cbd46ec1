/* Rows to columns, in blocks that fill the registers: a line of the cache is read once and written
 * once, whole. */
#include "core/kernels/transpose.h"

static void transpose_at(const gr_real *from, int64_t from_row, gr_real *to, int64_t to_row) {
    vec v[LANES];
    UNROLL for (int i = 0; i < LANES; i++) v[i] = *(const loose_vec *)(from + i * from_row);
    transpose_block(v);
    UNROLL for (int i = 0; i < LANES; i++) * (loose_vec *)(to + i * to_row) = v[i];
}

/* Where the block begins that has element i of n: the last one is moved back to end with them. */
static inline int64_t block_at(int64_t i, int64_t n) { return i + LANES <= n ? i : n - LANES; }

static void k_transpose(int64_t rows, int64_t columns, const gr_real *from, int64_t from_row,
                        gr_real *to, int64_t to_row) {
    if (rows < LANES || columns < LANES) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) to[j * to_row + i] = from[i * from_row + j];
        return;
    }
    for (int64_t j = 0; j < columns; j += LANES)
        for (int64_t i = 0; i < rows; i += LANES) {
            int64_t row = block_at(i, rows), column = block_at(j, columns);
            transpose_at(from + row * from_row + column, from_row, to + column * to_row + row,
                         to_row);
        }
}

const gr_transpose_kernels GR_FOR_ISA(gr_transpose) = {.transpose = k_transpose};
