/* A block of vectors transposed in registers, for the kernels that turn rows to columns. */
#ifndef GR_TRANSPOSE_H
#define GR_TRANSPOSE_H

#include "core/kernels/kernels.h"

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

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE 1
#endif
#endif

#ifdef HAS_SHUFFLE
/* The lower halves of two vectors, number by number in turn, and the upper ones. */
#define LOW_2 0, 2
#define HIGH_2 1, 3
#define LOW_4 0, 4, 1, 5
#define HIGH_4 2, 6, 3, 7
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

/* With row and column written in binary, one after the other, a round moves their first digit to
 * the end; as many rounds as a column has digits exchange the two. */
static inline __attribute__((always_inline)) void transpose_block(vec *v) {
    UNROLL for (int round = 1; round < LANES; round *= 2) {
        vec next[LANES];
        UNROLL for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = __builtin_shufflevector(v[i], v[i + LANES / 2], GR_JOIN(LOW, LANES));
            next[2 * i + 1] = __builtin_shufflevector(v[i], v[i + LANES / 2], GR_JOIN(HIGH, LANES));
        }
        UNROLL for (int i = 0; i < LANES; i++) v[i] = next[i];
    }
}
#else
static inline void transpose_block(vec *v) {
    for (int i = 0; i < LANES; i++)
        for (int j = 0; j < i; j++) {
            gr_real kept = v[i][j];
            v[i][j] = v[j][i];
            v[j][i] = kept;
        }
}
#endif

#endif
