/* The outer loops of a matrix product; gemm.c explains the scheme. */
#include "core/kernels/product.h"

#include "core/kernels/parallel.h"

/* Rows and columns of C whose A and B are packed at once; the most rows and strips of C in a piece of
 * work for one thread. Rows are multiples of every tile's. A's piece, 120 rows, takes 120 kB and
 * stays in the second cache. The pieces' number is a multiple of EVEN, so that threads have as much
 * to do, and their rows are as many as can be. */
enum { ROWS = 960, COLUMNS = 1536, PIECE_ROWS = 120, PIECE_STRIPS = 16, EVEN = 4 };
/* Below so many multiplications, or in few rows, packing costs more than it saves. */
enum { SMALL = 80 * 80 * 80, FEW_ROWS = 16, FEW_COLUMNS = 1 };
/* Multiplications in a piece of a product that is not packed, and numbers in a piece of packing: some
 * 10 us, for a parallel region costs 1 us and more. */
enum { PIECE_WORK = 1 << 19, PACK_PIECE = 1 << 16 };

typedef struct block {
    const gr_gemm_kernels *kernels;
    gr_product p;
    gr_real *a, *b; /* packed */
    int64_t strips, strip_pieces, piece_rows;
} block;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t pieces_of(int64_t n, int64_t piece) { return (n + piece - 1) / piece; }

static bool is_small(const gr_product *p) {
    return p->m <= FEW_ROWS || p->n <= FEW_COLUMNS ||
           (double)p->m * (double)p->n * (double)p->k <= SMALL;
}

static int64_t a_scratch(const gr_gemm_kernels *kernels, const gr_product *p) {
    int64_t tiles = pieces_of(least(p->m, ROWS), kernels->rows);
    return tiles * kernels->rows * least(p->k, GR_PRODUCT_DEPTH);
}

size_t gr_product_scratch(const gr_gemm_kernels *kernels, const gr_product *p) {
    if (is_small(p)) return 0;
    int64_t strips = kernels->strips(least(p->n, COLUMNS)) + 1;
    return (size_t)(a_scratch(kernels, p) +
                    strips * kernels->columns * least(p->k, GR_PRODUCT_DEPTH));
}

static void pack_a_range(void *context, int64_t begin, int64_t end) {
    const block *w = context;
    w->kernels->pack_a(&w->p, w->a, begin, end);
}

static void pack_b_range(void *context, int64_t begin, int64_t end) {
    const block *w = context;
    w->kernels->pack_b(&w->p, w->b, begin, end);
}

static void multiply_range(void *context, int64_t begin, int64_t end) {
    const block *w = context;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = i / w->strip_pieces * w->piece_rows, s = i % w->strip_pieces * PIECE_STRIPS;
        w->kernels->packed(&w->p, w->a, w->b, row, least(w->piece_rows, w->p.m - row), s,
                           least(s + PIECE_STRIPS, w->strips));
    }
}

static int64_t rows_of_piece(const block *w) {
    int64_t tile = w->kernels->rows, tiles = pieces_of(w->p.m, tile);
    int64_t pieces = pieces_of(pieces_of(w->p.m, PIECE_ROWS), EVEN) * EVEN;
    return pieces_of(tiles, pieces) * tile;
}

/* A piece of K for a block of columns: B is packed once, A for one group of rows after the other.
 */
static void multiply_columns(block *w, int threads, const gr_product *p) {
    w->p = *p;
    w->strips = w->kernels->strips(p->n);
    w->strip_pieces = pieces_of(w->strips, PIECE_STRIPS);
    gr_parallel_for(threads, w->strips, 1 + PACK_PIECE / (p->k * w->kernels->columns), pack_b_range,
                    w);
    for (int64_t row = 0; row < p->m; row += ROWS) {
        w->p = gr_product_rows(p, row, least(ROWS, p->m - row));
        int64_t tiles = pieces_of(w->p.m, w->kernels->rows);
        gr_parallel_for(threads, tiles, 1 + PACK_PIECE / (p->k * w->kernels->rows), pack_a_range,
                        w);
        w->piece_rows = rows_of_piece(w);
        int64_t pieces = pieces_of(w->p.m, w->piece_rows) * w->strip_pieces;
        gr_parallel_for(threads, pieces, 1, multiply_range, w);
    }
}

static void columns_range(void *context, int64_t begin, int64_t end) {
    const block *w = context;
    gr_product part = gr_product_columns(&w->p, begin, end - begin);
    w->kernels->small(&part);
}

static void rows_range(void *context, int64_t begin, int64_t end) {
    const block *w = context;
    gr_product part = gr_product_rows(&w->p, begin, end - begin);
    w->kernels->small(&part);
}

/* The longer side of C is cut into whole tiles. */
static void multiply_small(const gr_gemm_kernels *kernels, int threads, const gr_product *p) {
    block w = {.kernels = kernels, .p = *p};
    bool by_rows = p->m > p->n;
    int64_t tile = by_rows ? kernels->rows : kernels->columns;
    double work = (double)(by_rows ? p->n : p->m) * (double)p->k * (double)tile;
    int64_t tiles = 1 + (int64_t)(PIECE_WORK / (work + 1));
    gr_parallel_for(threads, by_rows ? p->m : p->n, tiles * tile,
                    by_rows ? rows_range : columns_range, &w);
}

void gr_product_run(const gr_gemm_kernels *kernels, int threads, const gr_product *p,
                    gr_real *scratch) {
    if (p->m == 0 || p->n == 0) return;
    if (scratch == NULL || is_small(p)) {
        multiply_small(kernels, threads, p);
        return;
    }
    block w = {.kernels = kernels, .a = scratch, .b = scratch + a_scratch(kernels, p)};
    int64_t blocks = pieces_of(p->n, COLUMNS);
    for (int64_t i = 0; i < blocks; i++) {
        int64_t from = p->n * i / blocks;
        gr_product columns = gr_product_columns(p, from, p->n * (i + 1) / blocks - from);
        for (int64_t k = 0; k < gr_product_depths(p); k++) {
            gr_product piece = gr_product_depth(&columns, k);
            multiply_columns(&w, threads, &piece);
        }
    }
}

/* -- One B for many products: the pieces of K one after the other -- */

static int64_t packed_size(const gr_gemm_kernels *kernels, const gr_product *p) {
    return kernels->strips(p->n) * kernels->columns * p->k;
}

size_t gr_product_packed_size(const gr_gemm_kernels *kernels, const gr_product *p) {
    return (size_t)packed_size(kernels, p);
}

void gr_product_pack(const gr_gemm_kernels *kernels, int threads, const gr_product *p,
                     gr_real *packed) {
    for (int64_t k = 0; k < gr_product_depths(p); k++) {
        block w = {.kernels = kernels, .p = gr_product_depth(p, k), .b = packed};
        gr_parallel_for(threads, kernels->strips(p->n), 1 + PACK_PIECE / (w.p.k * kernels->columns),
                        pack_b_range, &w);
        packed += packed_size(kernels, &w.p);
    }
}

void gr_product_run_packed(const gr_gemm_kernels *kernels, const gr_product *p,
                           const gr_real *packed) {
    for (int64_t k = 0; k < gr_product_depths(p); k++) {
        gr_product piece = gr_product_depth(p, k);
        kernels->packed_b(&piece, packed);
        packed += packed_size(kernels, &piece);
    }
}
