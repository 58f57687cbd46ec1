/* What a convolution with steps of 1 needs besides the product of matrices.
 *
 * Let an image be copied between zeros, with `pitch` numbers from row to row: position (p,q) is
 * number p pitch + q, and what tap (i,j) sees there is the number i pitch + j further on, for all
 * positions alike. The matrix of patches, whose row (i,j) has what that tap sees, need not be made:
 * its rows are the framed image itself from i pitch + j on. Positions q beyond the row's end are
 * computed, too, and left out when the result is copied; with one zero between two rows, since the
 * zero to the right of one is to the left of the next, that is one position in 29 for rows of 28.
 *
 * The convolution, and its gradient to the image, which is a convolution of the gradient, are then
 * products with such a B (gemm.c). The gradient to the weight is, for each pair of a channel of y
 * and a tap, the dot product of two such images. Vectors lie along the positions, and a tile of
 * dot products is kept in registers: each vector of y meets that of several taps, and each of these
 * several of y.
 */
#include <string.h>

#include "core/kernels/shuffle.h"

/* A tile's sums, TAPS vectors of x and one of y fill the registers. Few channels of y meet more
 * taps. FLOATS or DOUBLES are in a vector. */
#if defined(__AVX512F__)
#define FLOATS 16
#define DOUBLES 8
enum { ROWS = 8, TAPS = 3, FEW_ROWS = 4, MANY_TAPS = 6 };
#elif defined(__AVX__)
#define FLOATS 8
#define DOUBLES 4
enum { ROWS = 4, TAPS = 3, FEW_ROWS = 2, MANY_TAPS = 5 };
#else
#define FLOATS 4
#define DOUBLES 2
enum { ROWS = 3, TAPS = 3, FEW_ROWS = 1, MANY_TAPS = 6 };
#endif

#ifdef GR_DOUBLE
#define LANES DOUBLES
#else
#define LANES FLOATS
#endif
_Static_assert(GR_DIRECT_LANES % LANES == 0, "positions are whole vectors");
typedef gr_real vec __attribute__((vector_size(LANES * sizeof(gr_real))));
typedef gr_real loose_vec
    __attribute__((vector_size(LANES * sizeof(gr_real)), aligned(sizeof(gr_real)), may_alias));

/* gcc would rather read an operand from memory again for each use. */
#if defined(__GNUC__) && defined(__x86_64__)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v)
#endif

/* -- Frames -- */

/* `piece` numbers, a constant, with `more` added. */
static inline __attribute__((always_inline)) void copy_piece(int piece, const gr_real *from,
                                                             gr_real more, gr_real *to) {
    gr_real numbers[16];
    for (int i = 0; i < piece; i++) numbers[i] = from[i] + more;
    memcpy(to, numbers, (size_t)piece * sizeof *to);
}

#define COPY_IN(piece)                                                                             \
    {                                                                                              \
        for (int64_t i = 0; i + piece < n; i += piece) copy_piece(piece, from + i, more, to + i);  \
        copy_piece(piece, from + n - piece, more, to + n - piece);                                 \
    }

/* to[i] = from[i] + more. Rows are short: pieces of a vector, the last moved back to end with the
 * row. */
static inline void copy_row(int64_t n, const gr_real *restrict from, gr_real more,
                            gr_real *restrict to) {
    if (n >= 16)
        COPY_IN(16)
    else if (n >= 8)
        COPY_IN(8)
    else if (n >= 4)
        COPY_IN(4)
    else
        for (int64_t i = 0; i < n; i++) to[i] = from[i] + more;
}

static void k_frame(const gr_frame *f, int64_t channels, const gr_real *image, int64_t first,
                    int64_t rows, gr_real *planes) {
    int64_t begin = first < 0 ? 0 : first,
            end = first + rows < f->height ? first + rows : f->height;
    for (int64_t c = 0; c < channels; c++, image += f->height * f->width, planes += f->plane) {
        memset(planes, 0, (size_t)f->plane * sizeof *planes);
        for (int64_t row = begin; row < end; row++)
            copy_row(f->width, image + row * f->width, 0,
                     planes + (row - first) * f->pitch + f->left);
    }
}

static void k_unframe(const gr_frame *f, int64_t channels, const gr_real *planes, int64_t rows,
                      const gr_real *bias, gr_real *image) {
    for (int64_t c = 0; c < channels; c++, image += f->height * f->width, planes += f->plane)
        for (int64_t row = 0; row < rows; row++)
            copy_row(f->width, planes + row * f->pitch, bias != NULL ? bias[c] : 0,
                     image + row * f->width);
}

/* -- Correlation -- */

typedef struct tile {
    int64_t images, positions;
    const gr_real *y[ROWS], *x[MANY_TAPS];
    int64_t y_image, x_image;
} tile;

/* dot[i] = the sum of v[i]'s lanes, for i < rows; v is overwritten. */
#ifdef HAS_SHUFFLE
#define EVEN_2 0, 2
#define ODD_2 1, 3
#define EVEN_4 EVEN_2, 4, 6
#define ODD_4 ODD_2, 5, 7
#define EVEN_8 EVEN_4, 8, 10, 12, 14
#define ODD_8 ODD_4, 9, 11, 13, 15
#define EVEN_16 EVEN_8, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_16 ODD_8, 17, 19, 21, 23, 25, 27, 29, 31

/* Neighbours are added, of two vectors at once, until a vector has one number of each. */
static inline __attribute__((always_inline)) void add_lanes(int rows, vec *v, gr_real *dot) {
    int count = rows;
    UNROLL for (int lanes = LANES; lanes > 1; lanes /= 2) {
        int half = (count + 1) / 2;
        UNROLL for (int i = 0; i < half; i++) {
            vec a = v[2 * i], b = 2 * i + 1 < count ? v[2 * i + 1] : a;
            v[i] = __builtin_shufflevector(a, b, GR_JOIN(EVEN, LANES)) +
                   __builtin_shufflevector(a, b, GR_JOIN(ODD, LANES));
        }
        count = half;
    }
    memcpy(dot, v, (size_t)rows * sizeof *dot);
}
#else
static inline void add_lanes(int rows, vec *v, gr_real *dot) {
    for (int i = 0; i < rows; i++) {
        gr_real lanes[LANES];
        memcpy(lanes, &v[i], sizeof lanes);
        for (int half = LANES / 2; half > 0; half /= 2)
            for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
        dot[i] = lanes[0];
    }
}
#endif

/* The numbers of rows and taps are constants where this is inlined, so that sums stay in registers.
 */
static inline __attribute__((always_inline)) void correlate_tile(const tile *t, int rows, int taps,
                                                                 gr_real dot[MANY_TAPS][ROWS]) {
    vec sum[MANY_TAPS][ROWS];
    UNROLL for (int r = 0; r < taps; r++) {
        UNROLL for (int o = 0; o < rows; o++) sum[r][o] = (vec){0};
    }
    for (int64_t image = 0; image < t->images; image++) {
        const gr_real *y[ROWS], *x[MANY_TAPS];
        UNROLL for (int o = 0; o < rows; o++) y[o] = t->y[o] + image * t->y_image;
        UNROLL for (int r = 0; r < taps; r++) x[r] = t->x[r] + image * t->x_image;
        for (int64_t n = 0; n < t->positions; n += LANES) {
            vec seen[MANY_TAPS];
            UNROLL for (int r = 0; r < taps; r++) seen[r] = *(const loose_vec *)(x[r] + n);
            UNROLL for (int o = 0; o < rows; o++) {
                vec grad = *(const loose_vec *)(y[o] + n);
                IN_REGISTER(grad);
                UNROLL for (int r = 0; r < taps; r++) sum[r][o] += grad * seen[r];
            }
        }
    }
    UNROLL for (int r = 0; r < taps; r++) add_lanes(rows, sum[r], dot[r]);
}

static void correlate_square(const tile *t, gr_real dot[MANY_TAPS][ROWS]) {
    correlate_tile(t, ROWS, TAPS, dot);
}
static void correlate_flat(const tile *t, gr_real dot[MANY_TAPS][ROWS]) {
    correlate_tile(t, FEW_ROWS, MANY_TAPS, dot);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Tiles of one row of channels after the other, so that their y stays in the first cache while x
 * goes by. Where a tile has more rows or taps than there are, the last one is taken again. */
static void k_correlate(int64_t channels, int64_t taps, int64_t images, int64_t positions,
                        const gr_real *y, int64_t y_row, int64_t y_image, const gr_real *x,
                        const int64_t *offset, int64_t x_image, gr_real *sum) {
    gr_real dot[MANY_TAPS][ROWS];
    tile t = {.images = images, .positions = positions, .y_image = y_image, .x_image = x_image};
    for (int64_t o = 0; o < channels; o += ROWS) {
        bool few = channels - o <= FEW_ROWS;
        int rows = few ? FEW_ROWS : ROWS, columns = few ? MANY_TAPS : TAPS;
        for (int i = 0; i < rows; i++) t.y[i] = y + least(o + i, channels - 1) * y_row;
        for (int64_t r = 0; r < taps; r += columns) {
            for (int i = 0; i < columns; i++) t.x[i] = x + offset[least(r + i, taps - 1)];
            (few ? correlate_flat : correlate_square)(&t, dot);
            for (int64_t i = 0; i < rows && o + i < channels; i++)
                for (int64_t k = 0; k < columns && r + k < taps; k++)
                    sum[(o + i) * taps + r + k] += dot[k][i];
        }
    }
}

const gr_direct_kernels GR_FOR_ISA(gr_direct) = {
    .frame = k_frame, .unframe = k_unframe, .correlate = k_correlate};
