/* Images side by side, one in each lane of a vector.
 *
 * Rows of a small image, or those that a window visits in steps of 2 or more, are too short or too
 * scattered for vectors along them. With GR_LANES images interleaved, element e of image n at
 * number e GR_LANES + n, whatever is done to one element is done to GR_LANES of them, which are
 * contiguous, and an element may lie anywhere. The price is a transposition on the way in and out,
 * of blocks that fill the registers: log2 of a vector's lanes shuffles for each vector.
 */
#include <stddef.h>

#include "core/kernels/transpose.h"

_Static_assert(GR_LANES % LANES == 0, "images are whole vectors");

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
