/* Images side by side, one in each lane of a vector.
 *
 * Rows of a small image, or those that a window visits in steps of 2 or more, are too short or too
 * scattered for vectors along them. With GR_LANES images interleaved, element e of image n at number
 * e GR_LANES + n, whatever is done to one element is done to GR_LANES of them, which are contiguous,
 * and an element may lie anywhere. The price is a transposition on the way in and out, of blocks
 * that fill the registers: log2 of a vector's lanes shuffles for each vector.
 */
#include <stddef.h>

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
_Static_assert(GR_LANES % LANES == 0, "images are whole vectors");
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

/* -- Transposing a block of LANES vectors -- */

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

/* -- To lanes and back -- */

static inline int64_t place_of(const int32_t *place, int64_t e) {
    return (place == NULL ? e : place[e]) * GR_LANES;
}

static void interleave_block(int64_t count, const gr_real *from, int64_t image,
                             const int32_t *place, int64_t e, gr_real *to) {
    vec v[LANES];
    UNROLL for (int n = 0; n < LANES; n++) {
        v[n] = (vec){0};
        if (n < count) v[n] = *(const loose_vec *)(from + n * image + e);
    }
    transpose_block(v);
    UNROLL for (int i = 0; i < LANES; i++) * (loose_vec *)(to + place_of(place, e + i)) = v[i];
}

static void separate_block(int64_t count, const gr_real *from, const int32_t *place, int64_t e,
                           gr_real *to, int64_t image) {
    vec v[LANES];
    UNROLL for (int i = 0; i < LANES; i++) v[i] =
        *(const loose_vec *)(from + place_of(place, e + i));
    transpose_block(v);
    UNROLL for (int n = 0; n < LANES; n++) {
        if (n >= count) break;
        *(loose_vec *)(to + n * image + e) = v[n];
    }
}

/* Where the block begins that has element e: the last one is moved back to end with the image. */
static inline int64_t block_at(int64_t e, int64_t elements) {
    return e + LANES <= elements ? e : elements - LANES;
}

static void k_interleave(int64_t count, int64_t elements, const gr_real *images, int64_t image,
                         const int32_t *place, gr_real *to) {
    if (elements < LANES) {
        for (int64_t e = 0; e < elements; e++)
            for (int64_t n = 0; n < GR_LANES; n++)
                to[place_of(place, e) + n] = n < count ? images[n * image + e] : 0;
        return;
    }
    for (int64_t e = 0; e < elements; e += LANES)
        for (int64_t n = 0; n < GR_LANES; n += LANES)
            interleave_block(count - n, images + n * image, image, place, block_at(e, elements),
                             to + n);
}

static void k_separate(int64_t count, int64_t elements, const gr_real *from, const int32_t *place,
                       gr_real *images, int64_t image) {
    if (elements < LANES) {
        for (int64_t e = 0; e < elements; e++)
            for (int64_t n = 0; n < count; n++)
                images[n * image + e] = from[place_of(place, e) + n];
        return;
    }
    for (int64_t e = 0; e < elements; e += LANES)
        for (int64_t n = 0; n < count; n += LANES)
            separate_block(count - n, from + n, place, block_at(e, elements), images + n * image,
                           image);
}

/* -- Sums -- */

static void k_add_rows(int64_t rows, int64_t n, const gr_real *restrict from, const int64_t *offset,
                       gr_real *restrict to) {
    for (int64_t r = 0; r < rows; r++, from += n) {
        gr_real *row = to + offset[r];
        for (int64_t i = 0; i < n; i += LANES)
            *(loose_vec *)(row + i) += *(const loose_vec *)(from + i);
    }
}

const gr_lane_kernels GR_FOR_ISA(gr_lane) = {
    .interleave = k_interleave, .separate = k_separate, .add_rows = k_add_rows};
