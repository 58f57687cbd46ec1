/* Products of matrices: C = start + A B.
 *
 * The scheme is that of Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication
 * (ACM TOMS 34, 2008), in the form of BLIS (Van Zee and van de Geijn, ACM TOMS 41, 2015):
 *
 * - The micro-kernel keeps a tile of C, say 8 by 48 numbers, in registers and walks along K. A step
 *   takes one column of A's piece and one row of B's, 8 + 48 numbers, for 8 * 48 multiplications:
 *   the larger the tile, the fewer numbers move for each multiplication.
 * - K is cut so that a strip of B of a tile's width stays in the first cache while the tiles of all
 *   rows go over it; rows are cut so that their piece of A stays in the second cache; columns are
 *   cut so that the piece of B stays in the third.
 * - The pieces are copied before use ("packed") into the order in which the micro-kernel reads
 *   them: transposed or not, it then meets consecutive numbers. Small products read in place what
 *   can be read in place.
 * - B's rows may lie anywhere, even overlap: a convolution's patches are rows of one image, each
 *   shifted by another tap of the kernel, and need not be copied.
 *
 * Differently from BLIS, edges are not padded. The micro-kernel comes in several widths, of which
 * the widest that fits into a row of C is taken, and the last vector of a row is moved back so that
 * it ends with the row: numbers where it overlaps the one before are computed twice, alike.
 *
 * This file has what is compiled for an instruction set; product.c runs it.
 */
#include <stddef.h>

#include "core/kernels/product.h"

/* The tile: as large as the registers hold, with one row of B's strip beside it. MAX_ROWS rows,
 * or half of them at the lower edge; up to MAX_VECTORS vectors of VECTOR_BYTES. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
enum { MAX_ROWS = 8, MAX_VECTORS = 3 };
#define TILES(of) of(4, 1) of(4, 2) of(4, 3) of(8, 1) of(8, 2) of(8, 3)
#elif defined(__AVX__)
#define VECTOR_BYTES 32
enum { MAX_ROWS = 6, MAX_VECTORS = 2 };
#define TILES(of) of(3, 1) of(3, 2) of(6, 1) of(6, 2)
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
enum { MAX_ROWS = 8, MAX_VECTORS = 2 };
#define TILES(of) of(4, 1) of(4, 2) of(8, 1) of(8, 2)
#else
#define VECTOR_BYTES 16
enum { MAX_ROWS = 4, MAX_VECTORS = 2 };
#define TILES(of) of(2, 1) of(2, 2) of(4, 1) of(4, 2)
#endif

#ifdef GR_DOUBLE
#define MAX_LANES (VECTOR_BYTES / 8)
#else
#define MAX_LANES (VECTOR_BYTES / 4)
#endif

enum { STRIP = MAX_VECTORS * MAX_LANES }; /* columns of a tile */
enum { DEPTH = GR_PRODUCT_DEPTH };

/* A tile of C: `rows` rows and vectors that begin at columns 0, LANES, ... and the last one at
 * `last`. */
typedef struct tile_work {
    int64_t rows, k, last;
    const gr_real *a, *b, *start;
    int64_t a_row, a_col, b_row, start_row;
    const int64_t *b_offset;
    gr_real *c;
    int64_t c_row;
} tile_work;
typedef void tile_kernel(const tile_work *w);

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

#define LANES 1
#include "core/kernels/gemm_tile.h"
#undef LANES
#define LANES 2
#include "core/kernels/gemm_tile.h"
#undef LANES
#if MAX_LANES >= 4
#define LANES 4
#include "core/kernels/gemm_tile.h"
#undef LANES
#endif
#if MAX_LANES >= 8
#define LANES 8
#include "core/kernels/gemm_tile.h"
#undef LANES
#endif
#if MAX_LANES >= 16
#define LANES 16
#include "core/kernels/gemm_tile.h"
#undef LANES
#endif

/* Micro-kernels for vectors of so many lanes: tiles of half the rows with 1, 2, ... vectors, then
 * those of all rows. */
typedef struct width {
    int lanes;
    tile_kernel *const *tiles;
    tile_kernel *const *tiles_at; /* for a B with b_offset */
} width;

static const width widths[] = {
#if MAX_LANES >= 16
    {16, tiles_16, tiles_at_16},
#endif
#if MAX_LANES >= 8
    {8, tiles_8, tiles_at_8},
#endif
#if MAX_LANES >= 4
    {4, tiles_4, tiles_at_4},
#endif
    {2, tiles_2, tiles_at_2},    {1, tiles_1, tiles_at_1},
};

/* The widest that is no wider than a row of n columns. */
static const width *width_for(int64_t n) {
    const width *w = widths;
    while (w->lanes > n && w->lanes > 1) w++;
    return w;
}

/* Columns are cut into strips of a tile's width, as equal as whole vectors allow. */
typedef struct strip {
    int64_t begin, columns;
    int vectors;
} strip;

static int64_t strips_of(int64_t n, int lanes) {
    int64_t vectors = (n + lanes - 1) / lanes;
    return (vectors + MAX_VECTORS - 1) / MAX_VECTORS;
}

static strip strip_of(int64_t n, int lanes, int64_t i) {
    int64_t vectors = (n + lanes - 1) / lanes, strips = strips_of(n, lanes);
    int64_t from = i * vectors / strips, to = (i + 1) * vectors / strips;
    int64_t end = to * lanes < n ? to * lanes : n;
    return (strip){from * lanes, end - from * lanes, (int)(to - from)};
}

/* -- Packing -- */

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE 1
#endif
#endif

#ifdef HAS_SHUFFLE
typedef gr_real four __attribute__((vector_size(4 * sizeof(gr_real))));
typedef gr_real loose_four
    __attribute__((vector_size(4 * sizeof(gr_real)), aligned(sizeof(gr_real)), may_alias));

/* Writes four rows of four numbers as columns. */
static inline void transpose_four(const gr_real *from, int64_t from_row, gr_real *to,
                                  int64_t to_row) {
    four a = *(const loose_four *)from, b = *(const loose_four *)(from + from_row);
    four c = *(const loose_four *)(from + 2 * from_row);
    four d = *(const loose_four *)(from + 3 * from_row);
    four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    *(loose_four *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(loose_four *)(to + to_row) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(loose_four *)(to + 2 * to_row) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(loose_four *)(to + 3 * to_row) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}
#endif

/* to[k][i] = from[i][k] */
static void pack_transposed(int64_t depth, int64_t count, const gr_real *from, int64_t from_row,
                            gr_real *to, int64_t to_row) {
    int64_t i = 0;
#ifdef HAS_SHUFFLE
    for (; i + 4 <= count; i += 4) {
        int64_t k = 0;
        for (; k + 4 <= depth; k += 4)
            transpose_four(from + i * from_row + k, from_row, to + k * to_row + i, to_row);
        for (; k < depth; k++)
            for (int j = 0; j < 4; j++) to[k * to_row + i + j] = from[(i + j) * from_row + k];
    }
#endif
    for (; i < count; i++)
        for (int64_t k = 0; k < depth; k++) to[k * to_row + i] = from[i * from_row + k];
}

/* to[k][i] = from[k * step + i * across], for `count` columns of A or B's rows side by side. One of
 * step and across is 1. */
static void pack(int64_t depth, int64_t count, const gr_real *from, int64_t step, int64_t across,
                 gr_real *to, int64_t to_row) {
    if (across != 1) {
        pack_transposed(depth, count, from, across, to, to_row);
        return;
    }
    for (int64_t k = 0; k < depth; k++)
        for (int64_t i = 0; i < count; i++) to[k * to_row + i] = from[k * step + i];
}

/* -- Tiles -- */

/* All rows of C in one strip: `t` is its first tile, a_tile the distance from a tile's rows of A to
 * the next one's. */
static void multiply_strip(const width *w, int vectors, int64_t rows, int64_t a_tile, tile_work t) {
    tile_kernel *const *tiles = t.b_offset != NULL ? w->tiles_at : w->tiles;
    for (int64_t i = 0; i < rows; i += MAX_ROWS) {
        t.rows = rows - i < MAX_ROWS ? rows - i : MAX_ROWS;
        bool half = t.rows <= MAX_ROWS / 2;
        tiles[(half ? 0 : MAX_VECTORS) + vectors - 1](&t);
        t.a += a_tile;
        if (t.start != NULL) t.start += MAX_ROWS * t.start_row;
        t.c += MAX_ROWS * t.c_row;
    }
}

/* The tile work at a strip's first row. */
static tile_work strip_work(const gr_product *p, const width *w, strip at) {
    return (tile_work){.k = p->k,
                       .last = at.columns - w->lanes,
                       .a = p->a,
                       .a_row = p->a_row,
                       .a_col = p->a_col,
                       .b = p->b + at.begin * p->b_col,
                       .b_row = p->b_row,
                       .b_offset = p->b_offset,
                       .start = p->start == NULL ? NULL : p->start + at.begin,
                       .start_row = p->start_row,
                       .c = p->c + at.begin,
                       .c_row = p->c_row};
}

/* -- Small products: A is read in place, and so is B if its rows are contiguous -- */

static void multiply_in_place(const gr_product *p) {
    gr_real packed[DEPTH * STRIP] __attribute__((aligned(64)));
    const width *w = width_for(p->n);
    int64_t strips = strips_of(p->n, w->lanes);
    for (int64_t i = 0; i < gr_product_depths(p); i++) {
        gr_product piece = gr_product_depth(p, i);
        for (int64_t s = 0; s < strips; s++) {
            strip at = strip_of(p->n, w->lanes, s);
            tile_work t = strip_work(&piece, w, at);
            if (p->b_col != 1) {
                pack(t.k, at.columns, t.b, p->b_row, p->b_col, packed, STRIP);
                t.b = packed;
                t.b_row = STRIP;
            }
            multiply_strip(w, at.vectors, p->m, MAX_ROWS * p->a_row, t);
        }
    }
}

/* -- Products of a matrix and a vector -- */

enum { ROWS_AT_ONCE = 4 };
typedef gr_real wide __attribute__((vector_size(VECTOR_BYTES)));
typedef gr_real loose_wide
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(gr_real)), may_alias));

/* dot[r] = x . row r, for `rows` rows, a constant */
static inline __attribute__((always_inline)) void dots(int rows, int64_t k, const gr_real *row,
                                                       int64_t distance, const gr_real *x,
                                                       gr_real *dot) {
    wide sum[ROWS_AT_ONCE];
    int64_t i = 0;
    UNROLL for (int r = 0; r < rows; r++) sum[r] = (wide){0};
    for (; i + MAX_LANES <= k; i += MAX_LANES) {
        wide piece = *(const loose_wide *)(x + i);
        UNROLL for (int r = 0; r < rows; r++) sum[r] +=
            piece * *(const loose_wide *)(row + r * distance + i);
    }
    UNROLL for (int r = 0; r < rows; r++) {
        gr_real lanes[MAX_LANES];
        *(loose_wide *)lanes = sum[r];
        for (int half = MAX_LANES / 2; half > 0; half /= 2)
            for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
        dot[r] = lanes[0];
        for (int64_t l = i; l < k; l++) dot[r] += x[l] * row[r * distance + l];
    }
}

/* y[i * y_step] = start[i * start_step] + x . row i, for n rows of a matrix */
static void multiply_vector(int64_t n, int64_t k, const gr_real *row, int64_t distance,
                            const gr_real *x, const gr_real *start, int64_t start_step, gr_real *y,
                            int64_t y_step) {
    gr_real dot[ROWS_AT_ONCE];
    for (int64_t i = 0; i < n; i += ROWS_AT_ONCE) {
        int rows = n - i < ROWS_AT_ONCE ? (int)(n - i) : ROWS_AT_ONCE;
        if (rows == ROWS_AT_ONCE)
            dots(ROWS_AT_ONCE, k, row + i * distance, distance, x, dot);
        else
            for (int r = 0; r < rows; r++)
                dots(1, k, row + (i + r) * distance, distance, x, dot + r);
        for (int r = 0; r < rows; r++)
            y[(i + r) * y_step] = (start != NULL ? start[(i + r) * start_step] : 0) + dot[r];
    }
}

static void multiply_small(const gr_product *p) {
    bool a_rows = p->a_col == 1, b_column = p->n == 1 && p->b_row == 1;
    if (b_column && a_rows) {
        multiply_vector(p->m, p->k, p->a, p->a_row, p->b, p->start, p->start_row, p->c, p->c_row);
    } else if (p->m == 1 && a_rows && p->b_row == 1) {
        multiply_vector(p->n, p->k, p->b, p->b_col, p->a, p->start, 1, p->c, 1);
    } else if (b_column && p->c_row == 1 && (p->start == NULL || p->start_row == 1)) {
        /* A's columns times b, added up, are b^T A^T. */
        gr_product swapped = {.m = 1,
                              .n = p->m,
                              .k = p->k,
                              .a = p->b,
                              .a_row = 1,
                              .a_col = 1,
                              .b = p->a,
                              .b_row = p->a_col,
                              .b_col = p->a_row,
                              .start = p->start,
                              .c = p->c,
                              .c_row = p->m};
        multiply_in_place(&swapped);
    } else {
        multiply_in_place(p);
    }
}

/* -- Large products: pieces of A and B are packed first -- */

static void pack_a(const gr_product *p, gr_real *to, int64_t begin, int64_t end) {
    for (int64_t i = begin * MAX_ROWS; i < end * MAX_ROWS && i < p->m; i += MAX_ROWS) {
        int64_t rows = p->m - i < MAX_ROWS ? p->m - i : MAX_ROWS;
        pack(p->k, rows, p->a + i * p->a_row, p->a_col, p->a_row, to + i * p->k, MAX_ROWS);
    }
}

static void pack_b(const gr_product *p, gr_real *to, int64_t begin, int64_t end) {
    const width *w = width_for(p->n);
    for (int64_t s = begin; s < end; s++) {
        strip at = strip_of(p->n, w->lanes, s);
        pack(p->k, at.columns, p->b + at.begin * p->b_col, p->b_row, p->b_col,
             to + s * STRIP * p->k, STRIP);
    }
}

static void multiply_packed(const gr_product *p, const gr_real *a, const gr_real *b, int64_t row,
                            int64_t rows, int64_t begin, int64_t end) {
    const width *w = width_for(p->n);
    gr_product part = gr_product_rows(p, row, rows);
    part.a = a + row * p->k;
    part.a_row = 1;
    part.a_col = MAX_ROWS;
    for (int64_t s = begin; s < end; s++) {
        strip at = strip_of(p->n, w->lanes, s);
        tile_work t = strip_work(&part, w, at);
        t.b = b + s * STRIP * p->k;
        t.b_row = STRIP;
        multiply_strip(w, at.vectors, rows, MAX_ROWS * p->k, t);
    }
}

static void multiply_packed_b(const gr_product *p, const gr_real *b) {
    const width *w = width_for(p->n);
    int64_t strips = strips_of(p->n, w->lanes);
    for (int64_t s = 0; s < strips; s++) {
        strip at = strip_of(p->n, w->lanes, s);
        tile_work t = strip_work(p, w, at);
        t.b = b + s * STRIP * p->k;
        t.b_row = STRIP;
        multiply_strip(w, at.vectors, p->m, MAX_ROWS * p->a_row, t);
    }
}

static int64_t product_strips(int64_t n) { return strips_of(n, width_for(n)->lanes); }

const gr_gemm_kernels GR_FOR_ISA(gr_gemm) = {
    .rows = MAX_ROWS,
    .columns = STRIP,
    .strips = product_strips,
    .small = multiply_small,
    .pack_a = pack_a,
    .pack_b = pack_b,
    .packed = multiply_packed,
    .packed_b = multiply_packed_b,
};
