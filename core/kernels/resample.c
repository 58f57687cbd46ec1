/* Images twice as high and wide, between whose numbers is interpolated, and the transposed map.
 *
 * Numbers 2 i + 1 and 2 i + 2 of a row lie a quarter and three quarters of the way from number i to
 * the next one; the first and the last are copies. All rows are computed as if they were one, so
 * that vectors need not end with a row, and the ends, where two rows met, are set afterwards.
 */
#include <string.h>

#include "core/kernels/kernels.h"

static const gr_real NEAR = (gr_real)0.75, FAR = (gr_real)0.25;

/* to (rows,2 width) */
static void widen(int64_t rows, int64_t width, const gr_real *restrict from, gr_real *restrict to) {
    for (int64_t i = 0; i < rows * width - 1; i++) {
        to[2 * i + 1] = NEAR * from[i] + FAR * from[i + 1];
        to[2 * i + 2] = FAR * from[i] + NEAR * from[i + 1];
    }
    for (int64_t row = 0; row < rows; row++) {
        to[2 * row * width] = from[row * width];
        to[2 * (row + 1) * width - 1] = from[(row + 1) * width - 1];
    }
}

/* The same of columns: to (2 height,width) */
static void heighten(int64_t height, int64_t width, const gr_real *restrict from,
                     gr_real *restrict to) {
    size_t row = (size_t)width * sizeof *to;
    memcpy(to, from, row);
    to += width;
    for (int64_t i = 0; i < height - 1; i++, from += width, to += 2 * width)
        for (int64_t j = 0; j < width; j++) {
            to[j] = NEAR * from[j] + FAR * from[width + j];
            to[width + j] = FAR * from[j] + NEAR * from[width + j];
        }
    memcpy(to, from, row);
}

/* The numbers that come from one, 2 i - 1 ... 2 i + 2, but beyond the ends; from (rows,2 width) */
static void narrow(int64_t rows, int64_t width, const gr_real *restrict from,
                   gr_real *restrict to) {
    for (int64_t i = 1; i < rows * width - 1; i++)
        to[i] = FAR * (from[2 * i - 1] + from[2 * i + 2]) + NEAR * (from[2 * i] + from[2 * i + 1]);
    for (int64_t row = 0; row < rows; row++, from += 2 * width, to += width) {
        const gr_real *last = from + 2 * width - 1;
        if (width == 1) {
            to[0] = from[0] + from[1];
            continue;
        }
        to[0] = from[0] + NEAR * from[1] + FAR * from[2];
        to[width - 1] = FAR * last[-2] + NEAR * last[-1] + last[0];
    }
}

/* from (2 height,width) */
static void flatten(int64_t height, int64_t width, const gr_real *restrict from,
                    gr_real *restrict to) {
    for (int64_t i = 0; i < height; i++, from += 2 * width, to += width) {
        const gr_real near_first = i == 0 ? 1 : NEAR, near_last = i == height - 1 ? 1 : NEAR;
        for (int64_t j = 0; j < width; j++)
            to[j] = near_first * from[j] + near_last * from[width + j];
        for (int64_t j = 0; i > 0 && j < width; j++) to[j] += FAR * from[j - width];
        for (int64_t j = 0; i < height - 1 && j < width; j++) to[j] += FAR * from[2 * width + j];
    }
}

static void k_enlarge(int64_t height, int64_t width, const gr_real *x, gr_real *middle,
                      gr_real *y) {
    widen(height, width, x, middle);
    heighten(height, 2 * width, middle, y);
}

static void k_enlarge_back(int64_t height, int64_t width, const gr_real *y, gr_real *middle,
                           gr_real *x) {
    flatten(height, 2 * width, y, middle);
    narrow(height, width, middle, x);
}

const gr_resample_kernels GR_FOR_ISA(gr_resample) = {.enlarge = k_enlarge,
                                                     .enlarge_back = k_enlarge_back};
