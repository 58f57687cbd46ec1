/* Rows to columns, in blocks of vectors that are transposed in registers: a line of the cache is read
 * once and written once, whole. */
#ifndef GR_TRANSPOSE_H
#define GR_TRANSPOSE_H

#include "core/kernels/shuffle.h"

#if defined(__AVX512F__)
#define FLOATS 16
#define DOUBLES 8
#elif defined(__AVX__)
#define FLOATS 8
#define DOUBLES 4
#else
#define FLOATS 4
#define DOUBLES 2
#endif

#ifdef GR_DOUBLE
#define LANES DOUBLES
#else
#define LANES FLOATS
#endif
typedef gr_real vec __attribute__((vector_size(LANES * sizeof(gr_real))));
typedef gr_real loose_vec
    __attribute__((vector_size(LANES * sizeof(gr_real)), aligned(sizeof(gr_real)), may_alias));

DEFINE_TRANSPOSE(transpose_block, vec, LANES)

static inline void transpose_at(const gr_real *from, int64_t from_row, gr_real *to,
                                int64_t to_row) {
    vec v[LANES];
    UNROLL for (int i = 0; i < LANES; i++) v[i] = *(const loose_vec *)(from + i * from_row);
    transpose_block(v);
    UNROLL for (int i = 0; i < LANES; i++) * (loose_vec *)(to + i * to_row) = v[i];
}

/* Where the block begins that has element i of n: the last one is moved back to end with them. */
static inline int64_t start_of_block(int64_t i, int64_t n) {
    return i + LANES <= n ? i : n - LANES;
}

/* to[j][i] = from[i][j] */
static __attribute__((noinline, unused)) void transpose(int64_t rows, int64_t columns,
                                                        const gr_real *from, int64_t from_row,
                                                        gr_real *to, int64_t to_row) {
    if (columns < LANES) {
        for (int64_t j = 0; j < columns; j++)
            for (int64_t i = 0; i < rows; i++) to[j * to_row + i] = from[i * from_row + j];
    } else if (rows < LANES) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) to[j * to_row + i] = from[i * from_row + j];
    } else {
        for (int64_t j = 0; j < columns; j += LANES)
            for (int64_t i = 0; i < rows; i += LANES) {
                int64_t row = start_of_block(i, rows), column = start_of_block(j, columns);
                transpose_at(from + row * from_row + column, from_row, to + column * to_row + row,
                             to_row);
            }
    }
}

#endif
