/* Max pooling and its gradient.
 *
 * Which element of a window is the largest is as good as random, so that branches would be
 * predicted wrongly every other time. Windows of 2 by 2 that move by 2, by far the most common, are
 * therefore compared as vectors: the even and the odd elements of two rows are the four elements of
 * as many windows, and a mask with the outcome of a comparison selects both the value and its
 * place. Rows of small images are hardly longer than a vector; the last vector of a row is moved
 * back so that it ends with the row, and what it has in common with the one before is computed
 * twice, alike.
 *
 * Other windows are looked at tap by tap, with the best so far in the result.
 */
#include <string.h>

#include "core/kernels/shuffle.h"
#include "core/kernels/tap.h"

#define INLINE static inline __attribute__((always_inline))

/* -- Windows of 2 by 2 that move by 2 -- */

/* Two rows of an image and the windows in them; `first` is the place of the first element. In
 * memory the second row begins `pitch` numbers after the first. */
typedef struct row_pair {
    int64_t first, width, columns, pitch;
    gr_real bias;
} row_pair;

#ifdef HAS_SHUFFLE

/* An integer as large as a number. */
#ifdef GR_DOUBLE
typedef int64_t whole;
#else
typedef int32_t whole;
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#ifdef GR_DOUBLE
#define MAX_LANES (VECTOR_BYTES / 8)
#else
#define MAX_LANES (VECTOR_BYTES / 4)
#endif

static inline void next_pair(row_pair *r) { r->first += 2 * r->width; }

/* Indices in vectors, for pool_rows.h. */
#define EVEN_2 0, 2
#define ODD_2 1, 3
#define TWICE_2 0, 0, 1, 1
#define COUNT_2 0, 1, 2, 3
#define LANES 2
#define PUTS
#include "core/kernels/pool_rows.h"
#undef PUTS
#undef LANES
#if MAX_LANES >= 4
#define EVEN_4 0, 2, 4, 6
#define ODD_4 1, 3, 5, 7
#define TWICE_4 TWICE_2, 2, 2, 3, 3
#define COUNT_4 COUNT_2, 4, 5, 6, 7
#define LANES 4
#if MAX_LANES >= 8
#define PUTS
#define PUT_4 put_rows_4
#else
#define PUT_4 put_rows_2
#endif
#include "core/kernels/pool_rows.h"
#undef PUTS
#undef LANES
#endif
#if MAX_LANES >= 8
#define EVEN_8 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_8 1, 3, 5, 7, 9, 11, 13, 15
#define TWICE_8 TWICE_4, 4, 4, 5, 5, 6, 6, 7, 7
#define COUNT_8 COUNT_4, 8, 9, 10, 11, 12, 13, 14, 15
#define LANES 8
#if MAX_LANES >= 16
#define PUTS
#define PUT_8 put_rows_8
#else
#define PUT_8 put_rows_4
#endif
#include "core/kernels/pool_rows.h"
#undef PUTS
#undef LANES
#endif

typedef void largest_kernel(const row_pair *r, int64_t pairs, const gr_real *upper, gr_real *y,
                            int32_t *place);
typedef void put_kernel(const row_pair *r, int64_t pairs, const gr_real *y, const int32_t *place,
                        gr_real *upper);
typedef struct width {
    int lanes;
    largest_kernel *largest, *finished;
    put_kernel *put;
} width;
static const width widths[] = {
#if MAX_LANES >= 8
    {8, largest_rows_8, finished_rows_8, PUT_8},
#endif
#if MAX_LANES >= 4
    {4, largest_rows_4, finished_rows_4, PUT_4},
#endif
    {2, largest_rows_2, finished_rows_2, put_rows_2},
};

/* The widest that is no wider than a row of windows; NULL if there is none. */
static const width *width_of(int64_t columns) {
    for (const width *w = widths; w < widths + sizeof widths / sizeof *widths; w++)
        if (w->lanes <= columns) return w;
    return NULL;
}
/* NULL also if the windows are others. */
static const width *width_for(const gr_patches *p) {
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] != 2 || p->stride[i] != 2 || p->padding[i] != 0 || p->dilation[i] != 1)
            return NULL;
    return width_of(p->out_width);
}

static row_pair rows_of(const gr_patches *p) {
    return (row_pair){.width = p->width, .columns = p->out_width, .pitch = p->width};
}

static bool largest_of_pairs(const gr_patches *p, int64_t rows, const gr_real *image, gr_real *y,
                             int32_t *place) {
    const width *w = width_for(p);
    row_pair r = rows_of(p);
    if (w != NULL) w->largest(&r, rows, image, y, place);
    return w != NULL;
}

static bool put_to_pairs(const gr_patches *p, int64_t rows, const gr_real *y, const int32_t *place,
                         gr_real *image) {
    const width *w = width_for(p);
    if (w == NULL) return false;
    row_pair r = rows_of(p);
    w->put(&r, rows, y, place, image);
    /* A last column and a last row that no window sees. */
    for (int64_t at = r.width - 1; 2 * r.columns < r.width && at < 2 * rows * r.width;
         at += r.width)
        image[at] = 0;
    int64_t seen = 2 * rows * r.width, all = p->height * p->width;
    if (seen < all) memset(image + seen, 0, (size_t)(all - seen) * sizeof *image);
    return true;
}

/* -- The same of planes, in the middle of a convolution -- */

static row_pair pair_of(const gr_frame *f) {
    return (row_pair){.width = f->width, .columns = f->width / 2, .pitch = f->pitch};
}

static void k_finish(const gr_frame *f, int64_t channels, const gr_real *planes, int64_t first,
                     int64_t rows, const gr_real *bias, gr_real *y, int32_t *place) {
    row_pair r = pair_of(f);
    const width *w = width_of(r.columns);
    int64_t windows = f->height / 2 * r.columns;
    r.first = first * f->width;
    y += first / 2 * r.columns, place += first / 2 * r.columns;
    for (int64_t c = 0; c < channels; c++, planes += f->plane, y += windows, place += windows) {
        r.bias = bias != NULL ? bias[c] : 0;
        w->finished(&r, rows / 2, planes, y, place);
    }
}

/* One row of a pair alone. */
static void put_one_row(const row_pair *r, int64_t row, const gr_real *y, const int32_t *place,
                        gr_real *to) {
    y += row / 2 * r->columns, place += row / 2 * r->columns;
    for (int64_t j = 0; j < r->columns; j++) {
        int64_t column = place[j] - row * r->width;
        if (column >= 0 && column < r->width) to[column] = y[j];
    }
}

static void k_frame_put(const gr_frame *f, int64_t channels, const gr_real *y, const int32_t *place,
                        int64_t first, int64_t rows, gr_real *planes) {
    row_pair r = pair_of(f);
    const width *w = width_of(r.columns);
    int64_t windows = f->height / 2 * r.columns, begin = first < 0 ? 0 : first;
    int64_t end = first + rows < f->height ? first + rows : f->height;
    int64_t whole_begin = (begin + 1) / 2,
            whole_end = end / 2; /* pairs of which both rows are seen */
    r.first = 2 * whole_begin * f->width;
    for (int64_t c = 0; c < channels; c++, planes += f->plane, y += windows, place += windows) {
        gr_real *to =
            planes + f->left - first * f->pitch; /* the image's first row, if it is seen */
        int64_t from = whole_begin * r.columns;
        memset(planes, 0, (size_t)f->plane * sizeof *planes);
        w->put(&r, whole_end - whole_begin, y + from, place + from,
               to + 2 * whole_begin * f->pitch);
        if (begin % 2 != 0) put_one_row(&r, begin, y, place, to + begin * f->pitch);
        if (end % 2 != 0) put_one_row(&r, end - 1, y, place, to + (end - 1) * f->pitch);
    }
}

#else

#define k_finish NULL
#define k_frame_put NULL

static bool largest_of_pairs(const gr_patches *p, int64_t rows, const gr_real *image, gr_real *y,
                             int32_t *place) {
    return (void)p, (void)rows, (void)image, (void)y, (void)place, false;
}
static bool put_to_pairs(const gr_patches *p, int64_t rows, const gr_real *y, const int32_t *place,
                         gr_real *image) {
    return (void)p, (void)rows, (void)y, (void)place, (void)image, false;
}

#endif

/* -- All windows -- */

/* Positions low ... high-1 of a row, of which the first sees the element `at`. An element is chosen
 * if there was none, if it is larger, or if it is the first NaN. */
INLINE void look_at(const gr_real *restrict image, int64_t at, int64_t step, int64_t low,
                    int64_t high, gr_real *restrict y, int32_t *restrict place) {
    for (int64_t k = low; k < high; k++) {
        int64_t here = at + (k - low) * step;
        gr_real v = image[here], best = y[k];
        bool take = (place[k] < 0) | (!(v <= best) & (best == best));
        y[k] = take ? v : best;
        place[k] = take ? (int32_t)here : place[k];
    }
}

/* What tap (i,j) sees in all windows. */
static void look_through(const gr_patches *p, int64_t rows, int i, int j, const gr_real *image,
                         gr_real *y, int32_t *place) {
    tap t = tap_at(p, i, j);
    int64_t step = p->stride[1], row = t.row;
    for (int64_t q = 0; q < rows; q++, row += p->stride[0]) {
        if (row < 0 || row >= p->height) continue;
        int64_t first = row * p->width + t.low * step + t.column, to = q * p->out_width;
        if (step == 1)
            look_at(image, first, 1, t.low, t.high, y + to, place + to);
        else
            look_at(image, first, step, t.low, t.high, y + to, place + to);
    }
}

static void k_largest(const gr_patches *p, int64_t rows, const gr_real *image, gr_real *y,
                      int32_t *place) {
    if (largest_of_pairs(p, rows, image, y, place)) return;
    for (int64_t k = 0; k < rows * p->out_width; k++) y[k] = 0, place[k] = -1;
    for (int i = 0; i < p->kernel[0]; i++)
        for (int j = 0; j < p->kernel[1]; j++) look_through(p, rows, i, j, image, y, place);
}

static void k_put(const gr_patches *p, int64_t rows, const gr_real *y, const int32_t *place,
                  gr_real *image) {
    if (put_to_pairs(p, rows, y, place, image)) return;
    memset(image, 0, (size_t)(p->height * p->width) * sizeof *image);
    for (int64_t k = 0; k < rows * p->out_width; k++) image[place[k]] += y[k];
}

const gr_pool_kernels GR_FOR_ISA(gr_pool) = {
    .largest = k_largest, .put = k_put, .finish = k_finish, .frame_put = k_frame_put};
