/* Products of matrices: C = start + A B.
 *
 * The scheme is that of Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication
 * (ACM TOMS 34, 2008), in the form of BLIS (Van Zee and van de Geijn, ACM TOMS 41, 2015):
 *
 * - The micro-kernel keeps a tile of C, say 8 by 48 numbers, in registers and walks along K. A step
 *   takes one column of A's piece and one row of B's, 8 + 48 numbers, for 8 * 48 multiplications:
 *   the larger the tile, the fewer numbers move for each multiplication.
 * - K is cut so that a strip of B of a tile's width stays in the nearest caches while the tiles of
 *   all rows go over it; rows are cut so that their piece of A stays in the second cache.
 * - The pieces are copied before use ("packed") into the order in which the micro-kernel reads
 *   them: transposed or not, it then meets consecutive numbers. A strip of B is packed right before
 *   its use, while it is near; what is used too seldom to be worth a copy is read in place.
 * - B's rows may lie anywhere, even overlap: a convolution's patches are rows of one image, each
 *   shifted by another tap of the kernel, and need not be copied.
 *
 * Differently from BLIS, edges are not padded. The micro-kernel comes for each number of rows and
 * in several widths, of which the widest that fits into a row of C is taken, and the last vector of
 * a row is moved back so that it ends with the row: numbers where it overlaps the one before are
 * computed twice, alike. Only a C narrower than the widest vector is padded, or computed as its
 * transpose, where that is faster.
 *
 * Whichever way is taken, an element is start + a[i][0] b[0][j] + a[i][1] b[1][j] + ..., added up in
 * this order, but for a matrix times a vector.
 *
 * This file has what is compiled for an instruction set; product.c runs it.
 */
#include <stddef.h>
#include <string.h>

#include "core/kernels/product.h"
#include "core/kernels/shuffle.h"

/* The tile: as large as the registers hold, with one row of B's strip beside it. MAX_ROWS rows, or
 * fewer at the lower edge; up to MAX_VECTORS vectors of VECTOR_BYTES. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
enum { MAX_ROWS = 8, MAX_VECTORS = 3 };
#define EACH_ROWS(of, v) of(1, v) of(2, v) of(3, v) of(4, v) of(5, v) of(6, v) of(7, v) of(8, v)
#define WIDEST_TILES(of) EACH_ROWS(of, 1) EACH_ROWS(of, 2) EACH_ROWS(of, 3)
#elif defined(__AVX__)
#define VECTOR_BYTES 32
enum { MAX_ROWS = 6, MAX_VECTORS = 2 };
#define EACH_ROWS(of, v) of(1, v) of(2, v) of(3, v) of(4, v) of(5, v) of(6, v)
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
enum { MAX_ROWS = 8, MAX_VECTORS = 2 };
#define EACH_ROWS(of, v) of(1, v) of(2, v) of(3, v) of(4, v) of(5, v) of(6, v) of(7, v) of(8, v)
#else
#define VECTOR_BYTES 16
enum { MAX_ROWS = 4, MAX_VECTORS = 2 };
#define EACH_ROWS(of, v) of(1, v) of(2, v) of(3, v) of(4, v)
#endif
/* Narrow vectors serve a C that two of them cover, else the next width would fit. */
#define NARROW_TILES(of) EACH_ROWS(of, 1) EACH_ROWS(of, 2)
#ifndef WIDEST_TILES
#define WIDEST_TILES NARROW_TILES
#endif

#ifdef GR_DOUBLE
#define MAX_LANES (VECTOR_BYTES / 8)
#else
#define MAX_LANES (VECTOR_BYTES / 4)
#endif

enum { STRIP = MAX_VECTORS * MAX_LANES }; /* columns of a tile */
enum { DEPTH = GR_PRODUCT_DEPTH };

/* A tile of C: vectors that begin at columns 0, LANES, ... and the last one at `last`. */
typedef struct tile_work {
    int64_t k, last;
    const gr_real *a, *b, *start;
    int64_t a_row, a_col, b_row, start_row;
    const int64_t *b_offset;
    gr_real *c;
    int64_t c_row;
} tile_work;
typedef void tile_kernel(const tile_work *w);
typedef void copy_kernel(int64_t rows, int64_t n, const gr_real *from, int64_t from_row,
                         gr_real *to, int64_t to_row);
typedef void pack_kernel(int64_t depth, const gr_real *from, int64_t from_row, gr_real *to,
                         int64_t to_row);

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

/* What is done in vectors of so many lanes: micro-kernels for tiles of 1, 2, ... MAX_ROWS rows with
 * one vector, then those with two, ...; and packing. */
typedef struct width {
    int lanes, shift; /* lanes = 2^shift */
    tile_kernel *const *tiles;
    tile_kernel *const *tiles_at; /* for a B with b_offset */
    copy_kernel *copy_rows;       /* of so many columns at least */
    pack_kernel *pack_rows;       /* so many rows as columns */
} width;

static const width widths[] = {
#if MAX_LANES >= 16
    {16, 4, tiles_16, tiles_at_16, copy_rows_16, pack_rows_16},
#endif
#if MAX_LANES >= 8
    {8, 3, tiles_8, tiles_at_8, copy_rows_8, pack_rows_8},
#endif
#if MAX_LANES >= 4
    {4, 2, tiles_4, tiles_at_4, copy_rows_4, pack_rows_4},
#endif
    {2, 1, tiles_2, tiles_at_2, copy_rows_2, pack_rows_2},
    {1, 0, tiles_1, tiles_at_1, copy_rows_1, pack_rows_1},
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

static int64_t vectors_of(const width *w, int64_t n) { return (n + w->lanes - 1) >> w->shift; }

static int64_t strips_of(const width *w, int64_t n) {
    return (vectors_of(w, n) + MAX_VECTORS - 1) / MAX_VECTORS;
}

static strip strip_of(const width *w, int64_t n, int64_t strips, int64_t i) {
    int64_t vectors = vectors_of(w, n), from = 0, to = vectors;
    if (strips > 1) from = i * vectors / strips, to = (i + 1) * vectors / strips;
    int64_t end = to * w->lanes < n ? to * w->lanes : n;
    return (strip){from * w->lanes, end - from * w->lanes, (int)(to - from)};
}

/* -- Packing -- */

/* to[k][i] = from[k * step + i * across], for `count` columns of A or B's rows side by side. One of
 * step and across is 1. */
static void pack(int64_t depth, int64_t count, const gr_real *from, int64_t step, int64_t across,
                 gr_real *to, int64_t to_row) {
    if (across == 1) {
        width_for(count)->copy_rows(depth, count, from, step, to, to_row);
        return;
    }
    for (int64_t i = 0; i < count;) {
        const width *w = width_for(count - i);
        w->pack_rows(depth, from + i * across, across, to + i, to_row);
        i += w->lanes;
    }
}

/* -- Tiles -- */

/* All rows of C in one strip. B's rows there begin at b, b_row apart; a_tile is the distance from a
 * tile's rows of A to the next one's. */
static void multiply_strip(const gr_product *p, const width *w, strip at, const gr_real *b,
                           int64_t b_row, int64_t a_tile) {
    tile_work t = {.k = p->k,
                   .last = at.columns - w->lanes,
                   .a = p->a,
                   .a_row = p->a_row,
                   .a_col = p->a_col,
                   .b = b,
                   .b_row = b_row,
                   .b_offset = p->b_offset,
                   .start = p->start == NULL ? NULL : p->start + at.begin,
                   .start_row = p->start_row,
                   .c = p->c + at.begin,
                   .c_row = p->c_row};
    tile_kernel *const *tiles = p->b_offset != NULL ? w->tiles_at : w->tiles;
    tiles += (at.vectors - 1) * MAX_ROWS;
    for (int64_t i = 0; i < p->m; i += MAX_ROWS) {
        tiles[(p->m - i < MAX_ROWS ? p->m - i : MAX_ROWS) - 1](&t);
        t.a += a_tile;
        if (t.start != NULL) t.start += MAX_ROWS * t.start_row;
        t.c += MAX_ROWS * t.c_row;
    }
}

/* -- All columns of a piece of K -- */

/* Strips of B that are transposed, or go by so many rows of A that it pays, are packed. */
enum { PACKED_FROM_ROWS = 256 };

/* a_tile: the distance from a tile's rows of A to the next one's. */
static void multiply_strips(const gr_product *p, int64_t a_tile) {
    gr_real packed[DEPTH * STRIP] __attribute__((aligned(64)));
    const width *w = width_for(p->n);
    int64_t strips = strips_of(w, p->n);
    bool in_place = p->b_offset != NULL || (p->b_col == 1 && p->m < PACKED_FROM_ROWS);
    for (int64_t s = 0; s < strips; s++) {
        strip at = strip_of(w, p->n, strips, s);
        const gr_real *b = p->b + at.begin * p->b_col;
        if (in_place) {
            multiply_strip(p, w, at, b, p->b_row, a_tile);
        } else {
            pack(p->k, at.columns, b, p->b_row, p->b_col, packed, STRIP);
            multiply_strip(p, w, at, packed, STRIP, a_tile);
        }
    }
}

/* -- A C narrower than the widest vector -- */

/* Two narrow vectors cover its rows. One wider vector of which a part is not used takes half the
 * time: B is packed so, and a tile of C passes through memory of that width. */
enum { PADDED_FROM_DEPTH = 32, PADDED_FROM_ROWS = 3 * MAX_ROWS };

static bool padding_pays(const gr_product *p, const width *w) {
    return w->lanes < MAX_LANES && p->n > w->lanes && p->m >= PADDED_FROM_ROWS &&
           p->k >= PADDED_FROM_DEPTH && p->b_offset == NULL;
}

static __attribute__((noinline)) void multiply_padded(const gr_product *p, const width *w) {
    const width *wider = w - 1;
    gr_real b[DEPTH * MAX_LANES] __attribute__((aligned(64)));
    gr_real start[MAX_ROWS * MAX_LANES] __attribute__((aligned(64))) = {0};
    gr_real c[MAX_ROWS * MAX_LANES] __attribute__((aligned(64)));
    int lanes = wider->lanes;
    memset(b, 0, (size_t)(p->k * lanes) * sizeof *b);
    pack(p->k, p->n, p->b, p->b_row, p->b_col, b, lanes);
    tile_work t = {.k = p->k,
                   .a = p->a,
                   .a_row = p->a_row,
                   .a_col = p->a_col,
                   .b = b,
                   .b_row = lanes,
                   .start = p->start == NULL ? NULL : start,
                   .start_row = lanes,
                   .c = c,
                   .c_row = lanes};
    for (int64_t i = 0; i < p->m; i += MAX_ROWS, t.a += MAX_ROWS * p->a_row) {
        int64_t rows = p->m - i < MAX_ROWS ? p->m - i : MAX_ROWS;
        if (p->start != NULL)
            w->copy_rows(rows, p->n, p->start + i * p->start_row, p->start_row, start, lanes);
        wider->tiles[rows - 1](&t);
        w->copy_rows(rows, p->n, c, lanes, p->c + i * p->c_row, p->c_row);
    }
}

static void multiply_piece(const gr_product *p) {
    const width *w = width_for(p->n);
    if (padding_pays(p, w))
        multiply_padded(p, w);
    else
        multiply_strips(p, MAX_ROWS * p->a_row);
}

static void multiply_matrices(const gr_product *p) {
    int64_t depths = gr_product_depths(p);
    if (depths == 1) {
        multiply_piece(p);
        return;
    }
    for (int64_t i = 0; i < depths; i++) {
        gr_product piece = gr_product_depth(p, i);
        multiply_piece(&piece);
    }
}

/* -- Products of a matrix and a vector -- */

/* Rows that are walked along together; MAX_LANES of them make a vector of results. */
enum { WALKED = MAX_LANES < 8 ? MAX_LANES : 8 };

typedef gr_real wide __attribute__((vector_size(VECTOR_BYTES)));
typedef gr_real loose_wide
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(gr_real)), may_alias));
#ifdef GR_DOUBLE
typedef int64_t lane_bits;
#else
typedef int32_t lane_bits;
#endif
typedef lane_bits wide_bits __attribute__((vector_size(VECTOR_BYTES)));
typedef lane_bits loose_bits
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(gr_real)), may_alias));

/* All bits of the last `count` lanes. */
static inline wide_bits last_lanes(int64_t count) {
    wide_bits bits;
    UNROLL for (int l = 0; l < MAX_LANES; l++) bits[l] = l < MAX_LANES - count ? 0 : -1;
    return bits;
}

/* sum[r] += products of x and row r, lane by lane, for `walked` rows, a constant. Of the last
 * numbers those that were there before are 0 (even if they are infinite). */
static inline __attribute__((always_inline)) void add_products(int walked, int64_t k,
                                                               const gr_real *row, int64_t rows,
                                                               int64_t distance, const gr_real *x,
                                                               wide *sum) {
    const gr_real *at[WALKED];
    /* Rows that the matrix has not are the last one again. */
    UNROLL for (int r = 0; r < walked; r++) at[r] = row + (r < rows ? r : rows - 1) * distance;
    int64_t i = 0, end = k - MAX_LANES;
    for (; i <= end; i += MAX_LANES) {
        wide piece = *(const loose_wide *)(x + i);
        UNROLL for (int r = 0; r < walked; r++) sum[r] += piece * *(const loose_wide *)(at[r] + i);
    }
    if (i == k) return;
    wide_bits rest = last_lanes(k - i);
    wide piece = (wide)(*(const loose_bits *)(x + end) & rest);
    UNROLL for (int r = 0; r < walked; r++) sum[r] +=
        piece * (wide)(*(const loose_bits *)(at[r] + end) & rest);
}

/* y[i * y_step] = start[i * start_step] + x . row i, for n rows of a matrix; k >= MAX_LANES */
static __attribute__((noinline)) void multiply_vector(int64_t n, int64_t k, const gr_real *row,
                                                      int64_t distance, const gr_real *x,
                                                      const gr_real *start, int64_t start_step,
                                                      gr_real *y, int64_t y_step) {
    for (int64_t i = 0; i < n; i += MAX_LANES, row += MAX_LANES * distance) {
        wide sum[MAX_LANES] = {{0}};
        int64_t rows = n - i < MAX_LANES ? n - i : MAX_LANES;
        if (rows == 1)
            add_products(1, k, row, 1, distance, x, sum);
        else
            UNROLL for (int r = 0; r < MAX_LANES; r += WALKED) {
                if (r < rows)
                    add_products(WALKED, k, row + r * distance, rows - r, distance, x, sum + r);
            }
        add_lanes(sum);
        const gr_real *dot = (const gr_real *)sum;
        for (int64_t r = 0; r < rows; r++)
            y[(i + r) * y_step] = (start != NULL ? start[(i + r) * start_step] : 0) + dot[r];
    }
}

/* -- Roles exchanged: C^T = B^T A^T -- */

/* C^T with rows of m numbers, beginning with `start`, C^T as well or NULL. */
static gr_product exchanged(const gr_product *p, const gr_real *start, gr_real *c) {
    return (gr_product){.m = p->n,
                        .n = p->m,
                        .k = p->k,
                        .a = p->b,
                        .a_row = p->b_col,
                        .a_col = p->b_row,
                        .b = p->a,
                        .b_row = p->a_col,
                        .b_col = p->a_row,
                        .start = start,
                        .start_row = p->m,
                        .c = c,
                        .c_row = p->m};
}

enum { EXCHANGED = DEPTH * MAX_LANES }; /* numbers of C at most */

/* A transposed A is read in place either way. Counted in multiplications of vectors; a number that
 * is transposed takes about as long. */
static bool exchange_pays(const gr_product *p) {
    if (p->a_row != 1 || p->b_offset != NULL || p->m * p->n > EXCHANGED) return false;
    int64_t moved = p->start == NULL ? p->m * p->n : 2 * p->m * p->n;
    int64_t packed = p->b_col == 1 ? 0 : p->k * p->n;
    int64_t across = (p->n + MAX_LANES - 1) / MAX_LANES, down = (p->m + MAX_LANES - 1) / MAX_LANES;
    return p->k * p->n * down + moved < p->k * p->m * across + packed;
}

static __attribute__((noinline)) void multiply_exchanged(const gr_product *p) {
    gr_real c[EXCHANGED] __attribute__((aligned(64)));
    if (p->start != NULL) pack(p->n, p->m, p->start, 1, p->start_row, c, p->m);
    gr_product q = exchanged(p, p->start != NULL ? c : NULL, c);
    multiply_matrices(&q);
    pack(p->m, p->n, c, 1, p->m, p->c, p->c_row);
}

static void multiply_part(const gr_product *p) {
    bool column = p->n == 1 && p->b_row == 1;
    if (column && p->c_row == 1 && (p->start == NULL || p->start_row == 1)) {
        /* C^T lies in memory as C does. */
        gr_product q = exchanged(p, p->start, p->c);
        multiply_matrices(&q);
    } else if (p->k >= MAX_LANES && exchange_pays(p)) {
        multiply_exchanged(p);
    } else {
        multiply_matrices(p);
    }
}

static void multiply(const gr_product *p) {
    bool walked = p->k >= MAX_LANES && p->a_col == 1 && p->b_row == 1;
    if (walked && p->n == 1)
        multiply_vector(p->m, p->k, p->a, p->a_row, p->b, p->start, p->start_row, p->c, p->c_row);
    else if (walked && p->m == 1)
        multiply_vector(p->n, p->k, p->b, p->b_col, p->a, p->start, 1, p->c, 1);
    else
        multiply_part(p);
}

/* -- Products whose A or B was packed before -- */

static void pack_a(const gr_product *p, gr_real *to, int64_t begin, int64_t end) {
    for (int64_t i = begin * MAX_ROWS; i < end * MAX_ROWS && i < p->m; i += MAX_ROWS) {
        int64_t rows = p->m - i < MAX_ROWS ? p->m - i : MAX_ROWS;
        pack(p->k, rows, p->a + i * p->a_row, p->a_col, p->a_row, to + i * p->k, MAX_ROWS);
    }
}

static void multiply_packed_a(const gr_product *p, const gr_real *a) {
    gr_product packed = *p;
    packed.a = a;
    packed.a_row = 1;
    packed.a_col = MAX_ROWS;
    multiply_strips(&packed, MAX_ROWS * p->k);
}

static void pack_b(const gr_product *p, gr_real *to, int64_t begin, int64_t end) {
    const width *w = width_for(p->n);
    int64_t strips = strips_of(w, p->n);
    for (int64_t s = begin; s < end; s++) {
        strip at = strip_of(w, p->n, strips, s);
        pack(p->k, at.columns, p->b + at.begin * p->b_col, p->b_row, p->b_col,
             to + s * STRIP * p->k, STRIP);
    }
}

static void multiply_packed_b(const gr_product *p, const gr_real *b) {
    const width *w = width_for(p->n);
    int64_t strips = strips_of(w, p->n);
    for (int64_t s = 0; s < strips; s++) {
        strip at = strip_of(w, p->n, strips, s);
        multiply_strip(p, w, at, b + s * STRIP * p->k, STRIP, MAX_ROWS * p->a_row);
    }
}

static int64_t product_strips(int64_t n) { return strips_of(width_for(n), n); }

const gr_gemm_kernels GR_FOR_ISA(gr_gemm) = {
    .rows = MAX_ROWS,
    .lanes = MAX_LANES,
    .columns = STRIP,
    .strips = product_strips,
    .multiply = multiply,
    .multiply_part = multiply_part,
    .pack_a = pack_a,
    .multiply_packed_a = multiply_packed_a,
    .pack_b = pack_b,
    .multiply_packed_b = multiply_packed_b,
};
