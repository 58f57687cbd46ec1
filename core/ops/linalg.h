/* Products of matrices, and distances between vectors. */
#ifndef GR_LINALG_H
#define GR_LINALG_H

#include "core/graph/op.h"

typedef struct gr_matmul_args {
    gr_tensor *a, *b;
    bool transpose_a, transpose_b;
} gr_matmul_args;
/* a (..,M,K) times b (..,K,N) is (..,M,N); leading dimensions are batches and broadcast. A side
 * that is transposed is read so, (..,K,M) or (..,N,K), without a copy: gr_matmul(x, w, .transpose_b
 * = true). Both have two dimensions or more. */
#define gr_matmul(...) gr_matmul_((gr_matmul_args){.a = __VA_ARGS__})
gr_tensor *gr_matmul_(gr_matmul_args args);

/* x (..,in), weight (out,in), bias (out) or NULL: x weight^T + bias, of shape (..,out). (PyTorch's
 * functional linear; gr_linear is the layer.) */
gr_tensor *gr_affine(gr_tensor *x, gr_tensor *weight, gr_tensor *bias);

typedef struct gr_distances_args {
    gr_tensor *a, *b;
    double p;
    bool squared;
} gr_distances_args;
/* All distances between the rows of a (M,D) and of b (N,D): (M,N) of ||a_i - b_j||_p, p = 2 unless
 * given (any p > 0, or INFINITY); squared leaves out the root (p = 2 only). Computed from the
 * differences, so that near points keep their digits; p = 1 and 2 store none of them, other p all
 * M N D. Gradient 0 at distance 0. */
#define gr_distances(...) gr_distances_((gr_distances_args){.p = 2, .a = __VA_ARGS__})
gr_tensor *gr_distances_(gr_distances_args args);

typedef struct gr_cosine_similarity_args {
    gr_tensor *a, *b;
    int axis;
    double eps;
} gr_cosine_similarity_args;
/* a.b / max(|a| |b|, eps), along an axis (-1 unless given), which the result has not; shapes
 * broadcast; eps = 1e-8, and must be positive. Zero vectors give 0, with finite gradients. */
#define gr_cosine_similarity(...)                                                                  \
    gr_cosine_similarity_((gr_cosine_similarity_args){.axis = -1, .eps = 1e-8, .a = __VA_ARGS__})
gr_tensor *gr_cosine_similarity_(gr_cosine_similarity_args args);

#endif
