/* What the kernels need of the compiler's vectors beyond arithmetic. */
#ifndef GR_SHUFFLE_H
#define GR_SHUFFLE_H

#include "core/kernels/kernels.h"

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_2 _Pragma("clang loop unroll_count(2)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_2 _Pragma("GCC unroll 2")
#endif

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE 1
#endif
#endif

/* The lower halves of two vectors, number by number in turn, and the upper ones. */
#define LOW_2 0, 2
#define HIGH_2 1, 3
#define LOW_4 0, 4, 1, 5
#define HIGH_4 2, 6, 3, 7
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

/* Defines void name(vec *v), which transposes v[0] ... v[lanes - 1] in registers. With row and
 * column written in binary, one after the other, a round moves their first digit to the end; as
 * many rounds as a column has digits exchange the two. */
#ifdef HAS_SHUFFLE
#define DEFINE_TRANSPOSE(name, vec, lanes)                                                         \
    static inline __attribute__((always_inline)) void name(vec *v) {                               \
        UNROLL for (int round = 1; round < lanes; round *= 2) {                                    \
            vec next[lanes];                                                                       \
            UNROLL for (int i = 0; i < lanes / 2; i++) {                                           \
                vec a = v[i], b = v[i + lanes / 2];                                                \
                next[2 * i] = __builtin_shufflevector(a, b, GR_JOIN(LOW, lanes));                  \
                next[2 * i + 1] = __builtin_shufflevector(a, b, GR_JOIN(HIGH, lanes));             \
            }                                                                                      \
            UNROLL for (int i = 0; i < lanes; i++) v[i] = next[i];                                 \
        }                                                                                          \
    }
/* Defines void name(vec *v), which makes of v[0] the sums of the lanes of v[0] ... v[lanes - 1]: a
 * transpose whose vectors are added up as soon as two of them belong to the same sums. */
#define DEFINE_LANE_SUMS(name, vec, lanes)                                                         \
    static inline __attribute__((always_inline)) void name(vec *v) {                               \
        UNROLL for (int half = lanes / 2; half > 0; half /= 2) {                                   \
            UNROLL for (int i = 0; i < half; i++) {                                                \
                vec a = v[i], b = v[i + half];                                                     \
                v[i] = __builtin_shufflevector(a, b, GR_JOIN(LOW, lanes)) +                        \
                       __builtin_shufflevector(a, b, GR_JOIN(HIGH, lanes));                        \
            }                                                                                      \
        }                                                                                          \
    }
#else
#define DEFINE_TRANSPOSE(name, vec, lanes)                                                         \
    static inline void name(vec *v) {                                                              \
        for (int i = 0; i < lanes; i++)                                                            \
            for (int j = 0; j < i; j++) {                                                          \
                gr_real kept = v[i][j];                                                            \
                v[i][j] = v[j][i];                                                                 \
                v[j][i] = kept;                                                                    \
            }                                                                                      \
    }
#define DEFINE_LANE_SUMS(name, vec, lanes)                                                         \
    static inline void name(vec *v) {                                                              \
        for (int i = 0; i < lanes; i++) {                                                          \
            gr_real sum = 0;                                                                       \
            for (int l = 0; l < lanes; l++) sum += v[i][l];                                        \
            v[0][i] = sum;                                                                         \
        }                                                                                          \
    }
#endif

#endif
