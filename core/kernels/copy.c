#include "core/kernels/copy.h"

#include "core/kernels/parallel.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 16,       /* a cache line of floats */
    BLOCK = 128,     /* rows and columns that are transposed at a time */
    SHORT_ROW = 16,  /* elements for which a call of memcpy doesn't pay */
    PIECE = 1 << 14, /* elements that are copied at a time, */
    GRAIN = 1 << 15  /* and by a thread */
};

/* One dimension: its length, and the strides in bytes. */
typedef struct axis {
    int64_t n, to, from;
} axis;

/* The walk: planes of rows and columns, cut into pieces, at each place of the outer dimensions. */
typedef struct plan {
    char *target;
    const char *source;
    size_t element;
    bool transposed; /* the source runs faster along the rows than along the columns */
    const gr_transpose_kernels *kernels; /* of a transposed matrix; else NULL */
    axis row, column;
    int64_t piece_rows, piece_columns, row_pieces, column_pieces;
    int outer;
    axis outer_axis[GR_COPY_DIMS];
} plan;

static inline void copy_line(char *to, int64_t to_step, const char *from, int64_t from_step,
                             int64_t n, size_t element) {
    for (int64_t i = 0; i < n; i++) memcpy(to + i * to_step, from + i * from_step, element);
}

/* copy_line with the size of the elements known to the compiler. */
static inline void copy_row(const plan *p, char *to, const char *from, int64_t n) {
    if (p->element == 4)
        copy_line(to, p->column.to, from, p->column.from, n, 4);
    else
        copy_line(to, p->column.to, from, p->column.from, n, 8);
}

static void copy_rows(const plan *p, char *to, const char *from, int64_t rows, int64_t columns) {
    int64_t element = (int64_t)p->element;
    bool whole = p->column.to == element && p->column.from == element && columns >= SHORT_ROW;
    for (int64_t i = 0; i < rows; i++) {
        if (whole)
            memcpy(to + i * p->row.to, from + i * p->row.from, (size_t)(columns * element));
        else
            copy_row(p, to + i * p->row.to, from + i * p->row.from, columns);
    }
}

/* By tiles, so that each line of the source that is fetched is used up before it leaves the cache.
 */
static void copy_tiles(const plan *p, char *to, const char *from, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i += TILE)
        for (int64_t j = 0; j < columns; j += TILE)
            copy_rows(p, to + i * p->row.to + j * p->column.to,
                      from + i * p->row.from + j * p->column.from,
                      rows - i < TILE ? rows - i : TILE, columns - j < TILE ? columns - j : TILE);
}

static void transpose_tiles(const plan *p, char *to, const char *from, int64_t rows,
                            int64_t columns) {
    int64_t element = sizeof(gr_real);
    for (int64_t j = 0; j < columns; j += BLOCK)
        for (int64_t i = 0; i < rows; i += BLOCK)
            p->kernels->transpose(
                columns - j < BLOCK ? columns - j : BLOCK, rows - i < BLOCK ? rows - i : BLOCK,
                (const gr_real *)(from + j * p->column.from + i * element),
                p->column.from / element, (gr_real *)(to + i * p->row.to + j * element),
                p->row.to / element);
}

static void copy_piece(const plan *p, int64_t item) {
    int64_t j = item % p->column_pieces * p->piece_columns;
    item /= p->column_pieces;
    int64_t i = item % p->row_pieces * p->piece_rows;
    item /= p->row_pieces;
    int64_t to = i * p->row.to + j * p->column.to, from = i * p->row.from + j * p->column.from;
    for (int k = 0; k < p->outer; k++) {
        const axis *a = &p->outer_axis[k];
        to += item % a->n * a->to;
        from += item % a->n * a->from;
        item /= a->n;
    }
    int64_t rows = p->row.n - i, columns = p->column.n - j;
    (p->kernels != NULL ? transpose_tiles
     : p->transposed    ? copy_tiles
                        : copy_rows)(p, p->target + to, p->source + from,
                                  rows < p->piece_rows ? rows : p->piece_rows,
                                  columns < p->piece_columns ? columns : p->piece_columns);
}

static void copy_range(void *context, int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) copy_piece(context, item);
}

/* The dimensions, the innermost first, without those of 1; two that continue each other are one. */
static int merged_axes(const gr_copy *c, axis merged[GR_COPY_DIMS]) {
    int n = 0;
    int64_t element = (int64_t)c->element;
    for (int i = c->ndim - 1; i >= 0; i--) {
        axis a = {c->dim[i], c->to[i] * element, c->from[i] * element};
        if (a.n == 1) continue;
        axis *inner = n > 0 ? &merged[n - 1] : NULL;
        if (inner != NULL && a.to == inner->to * inner->n && a.from == inner->from * inner->n)
            inner->n *= a.n;
        else
            merged[n++] = a;
    }
    return n;
}

/* The dimension besides the innermost that makes a plane with it: that along which the source runs
 * fastest, if that is not the innermost, else the next one. */
static int choose_rows(const axis *axes, int n, bool *transposed) {
    int best = 0;
    for (int k = 1; k < n; k++)
        if (axes[k].from != 0 && llabs(axes[k].from) < llabs(axes[best].from)) best = k;
    *transposed = best > 0;
    return best > 0 ? best : 1;
}

/* Tiles are whole, and so are blocks, which are more than a PIECE if there are several. */
static void set_piece(plan *p) {
    int64_t tile = p->kernels != NULL ? BLOCK : p->transposed ? TILE : 1;
    int64_t most = p->kernels != NULL ? 4 * BLOCK : PIECE;
    p->piece_columns = p->column.n < most ? p->column.n : most;
    p->piece_rows = PIECE / p->piece_columns;
    if (p->piece_rows < tile) p->piece_rows = tile;
    if (p->piece_rows > p->row.n) p->piece_rows = p->row.n;
}

void gr_copy_strided(const gr_copy *copy, int threads) {
    for (int i = 0; i < copy->ndim; i++)
        if (copy->dim[i] == 0) return;
    axis axes[GR_COPY_DIMS];
    int n = merged_axes(copy, axes);
    plan p = {.target = copy->target, .source = copy->source, .element = copy->element};
    p.column = n > 0 ? axes[0] : (axis){.n = 1};
    int rows = choose_rows(axes, n, &p.transposed);
    p.row = rows < n ? axes[rows] : (axis){.n = 1};
    int64_t planes = 1;
    for (int k = 1; k < n; k++) {
        if (k == rows) continue;
        p.outer_axis[p.outer++] = axes[k];
        planes *= axes[k].n;
    }
    int64_t element = (int64_t)p.element;
    if (p.transposed && element == sizeof(gr_real) && p.row.from == element &&
        p.column.to == element)
        p.kernels = copy->kernels;
    set_piece(&p);
    p.row_pieces = (p.row.n + p.piece_rows - 1) / p.piece_rows;
    p.column_pieces = (p.column.n + p.piece_columns - 1) / p.piece_columns;
    gr_parallel_for(threads, planes * p.row_pieces * p.column_pieces,
                    1 + (GRAIN - 1) / (p.piece_rows * p.piece_columns), copy_range, &p);
}
