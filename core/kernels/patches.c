/* The patches of images as columns of a matrix, so that a convolution is a product. */
#include "core/kernels/tap.h"

/* A run of positions in one row, [from, to), cut to those at which the tap is within the image:
 * [low, high), the first of which reads `image`. */
typedef struct run {
    int64_t from, to, low, high;
    int64_t offset; /* in the image, of position `low` */
} run;

/* The run in row y that begins at column `from` and has at most `left` positions. */
static inline run run_at(const gr_patches *p, const tap *t, int64_t y, int64_t from, int64_t left) {
    int64_t to = from + left < p->out_width ? from + left : p->out_width;
    int64_t row = y * p->stride[0] + t->row;
    run r = {.from = from, .to = to, .low = to, .high = to};
    if (row < 0 || row >= p->height) return r;
    int64_t low = t->low > from ? t->low : from, high = t->high < to ? t->high : to;
    if (low >= high) return r;
    r.low = low;
    r.high = high;
    r.offset = row * p->width + low * p->stride[1] + t->column;
    return r;
}

static void gather_tap(const gr_patches *p, const tap *t, const gr_real *image, int64_t begin,
                       int64_t end, gr_real *to) {
    int64_t step = p->stride[1], y = begin / p->out_width, column = begin % p->out_width;
    for (; begin < end; y++, column = 0) {
        run r = run_at(p, t, y, column, end - begin);
        const gr_real *from = image + r.offset;
        int64_t before = r.low - r.from, inside = r.high - r.low, all = r.to - r.from;
        for (int64_t k = 0; k < before; k++) to[k] = 0;
        if (step == 1)
            for (int64_t k = 0; k < inside; k++) to[before + k] = from[k];
        else
            for (int64_t k = 0; k < inside; k++) to[before + k] = from[k * step];
        for (int64_t k = before + inside; k < all; k++) to[k] = 0;
        to += all;
        begin += all;
    }
}

static void scatter_tap(const gr_patches *p, const tap *t, const gr_real *from, int64_t begin,
                        int64_t end, gr_real *image) {
    int64_t step = p->stride[1], y = begin / p->out_width, column = begin % p->out_width;
    for (; begin < end; y++, column = 0) {
        run r = run_at(p, t, y, column, end - begin);
        gr_real *to = image + r.offset;
        const gr_real *inside = from + (r.low - r.from);
        if (step == 1)
            for (int64_t k = 0; k < r.high - r.low; k++) to[k] += inside[k];
        else
            for (int64_t k = 0; k < r.high - r.low; k++) to[k * step] += inside[k];
        from += r.to - r.from;
        begin += r.to - r.from;
    }
}

static void k_gather(const gr_patches *p, int64_t channels, const gr_real *image, int64_t begin,
                     int64_t end, gr_real *matrix) {
    for (int64_t c = 0; c < channels; c++, image += p->height * p->width)
        for (int i = 0; i < p->kernel[0]; i++)
            for (int j = 0; j < p->kernel[1]; j++, matrix += end - begin) {
                tap t = tap_at(p, i, j);
                gather_tap(p, &t, image, begin, end, matrix);
            }
}

static void k_scatter(const gr_patches *p, int64_t channels, const gr_real *matrix, int64_t begin,
                      int64_t end, gr_real *image) {
    for (int64_t c = 0; c < channels; c++, image += p->height * p->width)
        for (int i = 0; i < p->kernel[0]; i++)
            for (int j = 0; j < p->kernel[1]; j++, matrix += end - begin) {
                tap t = tap_at(p, i, j);
                scatter_tap(p, &t, matrix, begin, end, image);
            }
}

const gr_patch_kernels GR_FOR_ISA(gr_patch) = {.gather = k_gather, .scatter = k_scatter};
