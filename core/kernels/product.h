/* Products of matrices of any size, in any number of threads. */
#ifndef GR_PRODUCT_H
#define GR_PRODUCT_H

#include <stddef.h>

#include "core/kernels/kernels.h"

#pragma GCC visibility push(hidden)

/* Numbers of scratch memory with which gr_product_run is at its fastest; 0 for a small product. */
size_t gr_product_scratch(const gr_gemm_kernels *kernels, const gr_product *p);

/* Computes C. `scratch`, aligned to 64 bytes, may be NULL: that is right, but slow if the product
 * is large. The result's bits do not depend on `threads`. */
void gr_product_run(const gr_gemm_kernels *kernels, int threads, const gr_product *p,
                    gr_real *scratch);

/* -- One B for many products -- */

/* Numbers of memory, aligned to 64 bytes, that gr_product_pack fills from p's B. */
size_t gr_product_packed_size(const gr_gemm_kernels *kernels, const gr_product *p);
void gr_product_pack(const gr_gemm_kernels *kernels, int threads, const gr_product *p,
                     gr_real *packed);
/* Computes C in the calling thread, with a B of the same k and n packed before (p->b is not read).
 */
void gr_product_run_packed(const gr_gemm_kernels *kernels, const gr_product *p,
                           const gr_real *packed);

/* -- Parts of a product -- */

/* K is cut into pieces of at most so many, as equal as possible. */
enum { GR_PRODUCT_DEPTH = 1024 / (int)sizeof(gr_real) };

static inline int64_t gr_product_depths(const gr_product *p) {
    return p->k > 0 ? (p->k + GR_PRODUCT_DEPTH - 1) / GR_PRODUCT_DEPTH : 1;
}

/* The i-th piece of K: the first begins with p's start, the others add to C. */
static inline gr_product gr_product_depth(const gr_product *p, int64_t i) {
    gr_product part = *p;
    int64_t pieces = gr_product_depths(p), from = i * p->k / pieces;
    part.k = (i + 1) * p->k / pieces - from;
    part.a += from * p->a_col;
    part.b += from * p->b_row;
    if (p->b_offset != NULL) part.b_offset += from;
    if (i > 0) {
        part.start = p->c;
        part.start_row = p->c_row;
    }
    return part;
}

static inline gr_product gr_product_rows(const gr_product *p, int64_t from, int64_t count) {
    gr_product part = *p;
    part.m = count;
    part.a += from * p->a_row;
    part.c += from * p->c_row;
    if (p->start != NULL) part.start += from * p->start_row;
    return part;
}

static inline gr_product gr_product_columns(const gr_product *p, int64_t from, int64_t count) {
    gr_product part = *p;
    part.n = count;
    part.b += from * p->b_col;
    part.c += from;
    if (p->start != NULL) part.start += from;
    return part;
}

#pragma GCC visibility pop

#endif
