/* The outer loops of a matrix product; gemm.c explains the scheme. */
#include "core/kernels/product.h"

#include "core/kernels/parallel.h"

/* If C has more rows and columns than these, A is packed, ROWS at once: with a piece of K they take
 * 1.5 MB, which stays in the second cache or near it. */
enum { FEW_ROWS = 256, FEW_COLUMNS = 128, ROWS = 1536 };
/* Multiplications that are worth another thread, and numbers to pack: some 3 us, for a parallel
 * region costs 1 us and more. A number that is read or written takes as long as some
 * multiplications. */
enum { PIECE_WORK = 1 << 18, PACK_PIECE = 1 << 15, NUMBER = 8 };

typedef struct work {
    const gr_gemm_kernels *kernels;
    gr_product p;
    gr_real *a; /* packed, or NULL */
} work;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t pieces_of(int64_t n, int64_t piece) { return (n + piece - 1) / piece; }

static bool in_place(const gr_product *p) {
    return p->m <= FEW_ROWS || p->n <= FEW_COLUMNS || p->k == 0;
}

static int64_t rows_at_once(const gr_gemm_kernels *kernels, const gr_product *p) {
    int64_t tiles = pieces_of(p->m, kernels->rows);
    return pieces_of(tiles, pieces_of(p->m, ROWS)) * kernels->rows;
}

size_t gr_product_scratch(const gr_gemm_kernels *kernels, const gr_product *p) {
    if (in_place(p)) return 0;
    return (size_t)(rows_at_once(kernels, p) * least(p->k, GR_PRODUCT_DEPTH));
}

static void multiply(const work *w, const gr_product *part, int64_t row) {
    if (w->a != NULL)
        w->kernels->multiply_packed_a(part, w->a + row * part->k);
    else if (w->p.m == 1 || w->p.n == 1)
        w->kernels->multiply(part);
    else
        w->kernels->multiply_part(part);
}

static void columns_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    gr_product part = gr_product_columns(&w->p, begin, end - begin);
    multiply(w, &part, 0);
}

static void rows_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    gr_product part = gr_product_rows(&w->p, begin, end - begin);
    multiply(w, &part, begin);
}

/* How many of the threads have enough to do. */
static int useful_threads(int threads, const gr_product *p) {
    if (threads <= 1) return 1;
    double m = (double)p->m, n = (double)p->n, k = (double)p->k;
    double pieces = (m * n * k + NUMBER * (m * n + m * k + n * k)) / PIECE_WORK;
    return pieces >= threads ? threads : pieces > 1 ? (int)pieces : 1;
}

/* Each thread has a piece of C's longer side. */
static void multiply_pieces(int threads, work *w) {
    const gr_product *p = &w->p;
    threads = useful_threads(threads, p);
    if (threads <= 1) {
        multiply(w, p, 0);
        return;
    }
    /* Rows of C are one piece of memory, which the same thread meets again in what is computed
     * element by element; but only where B is read in place, else each thread would pack all of
     * it. */
    bool by_rows = p->b_col == 1 && p->m <= FEW_ROWS && p->m >= 4 * threads * w->kernels->rows;
    bool by_columns = p->n >= p->m && !by_rows;
    int64_t unit = by_columns ? w->kernels->lanes : w->kernels->rows;
    int64_t length = by_columns ? p->n : p->m;
    int64_t piece = pieces_of(pieces_of(length, unit), threads) * unit;
    gr_parallel_for(threads, length, piece, by_columns ? columns_range : rows_range, w);
}

static void pack_a_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernels->pack_a(&w->p, w->a, begin, end);
}

void gr_product_run(const gr_gemm_kernels *kernels, int threads, const gr_product *p,
                    gr_real *scratch) {
    if (p->m == 0 || p->n == 0) return;
    bool packed = scratch != NULL && !in_place(p);
    if (!packed && useful_threads(threads, p) == 1) {
        kernels->multiply(p);
        return;
    }
    work w = {.kernels = kernels, .p = *p, .a = packed ? scratch : NULL};
    if (!packed) {
        multiply_pieces(threads, &w);
        return;
    }
    int64_t rows = rows_at_once(kernels, p);
    for (int64_t row = 0; row < p->m; row += rows) {
        gr_product block = gr_product_rows(p, row, least(rows, p->m - row));
        int64_t tiles = pieces_of(block.m, kernels->rows);
        for (int64_t i = 0; i < gr_product_depths(p); i++) {
            w.p = gr_product_depth(&block, i);
            gr_parallel_for(threads, tiles, most(1, PACK_PIECE / (w.p.k * kernels->rows)),
                            pack_a_range, &w);
            multiply_pieces(threads, &w);
        }
    }
}

/* -- One B for many products: the pieces of K one after the other -- */

typedef struct packing {
    const gr_gemm_kernels *kernels;
    gr_product p;
    gr_real *to;
} packing;

static void pack_b_range(void *context, int64_t begin, int64_t end) {
    const packing *w = context;
    w->kernels->pack_b(&w->p, w->to, begin, end);
}

static int64_t packed_size(const gr_gemm_kernels *kernels, const gr_product *p) {
    return kernels->strips(p->n) * kernels->columns * p->k;
}

size_t gr_product_packed_size(const gr_gemm_kernels *kernels, const gr_product *p) {
    return (size_t)packed_size(kernels, p);
}

void gr_product_pack(const gr_gemm_kernels *kernels, int threads, const gr_product *p,
                     gr_real *packed) {
    for (int64_t k = 0; k < gr_product_depths(p); k++) {
        packing w = {.kernels = kernels, .p = gr_product_depth(p, k), .to = packed};
        gr_parallel_for(threads, kernels->strips(p->n),
                        most(1, PACK_PIECE / (w.p.k * kernels->columns)), pack_b_range, &w);
        packed += packed_size(kernels, &w.p);
    }
}

void gr_product_run_packed(const gr_gemm_kernels *kernels, const gr_product *p,
                           const gr_real *packed) {
    for (int64_t k = 0; k < gr_product_depths(p); k++) {
        gr_product piece = gr_product_depth(p, k);
        kernels->multiply_packed_b(&piece, packed);
        packed += packed_size(kernels, &piece);
    }
}
