/* The kernels: loops over plain arrays, which know no tensor and no graph.
 *
 * Each file of kernels is compiled once for each instruction set (the Makefile's ISA list) and ends
 * with a table of its functions, named for that set by GR_FOR_ISA. The processor's best is chosen
 * when a graph is made, so that one binary runs at full speed everywhere. Kernels run in one
 * thread; operations cut large work into pieces (parallel.h).
 */
#ifndef GR_KERNELS_H
#define GR_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernels/real.h"

#pragma GCC visibility push(hidden)

/* y[i] = f(x[i]); p are the function's parameters, two of them, or NULL if it has none. y may be
 * x. */
typedef void gr_unary_kernel(int64_t n, const gr_real *x, gr_real *y, const gr_real *p);
/* y[i] = f(a[i * sa], b[i * sb]) with strides of 1, or 0 for one element used n times. */
typedef void gr_binary_kernel(int64_t n, const gr_real *a, int sa, const gr_real *b, int sb,
                              gr_real *y);
/* y[i] = c[i * sc] != 0 ? a[i * sa] : b[i * sb] */
typedef void gr_select_kernel(int64_t n, const gr_real *c, int sc, const gr_real *a, int sa,
                              const gr_real *b, int sb, gr_real *y);

typedef struct gr_elementwise_kernels {
    gr_unary_kernel *neg, *abs, *sign, *square, *sqrt, *rsqrt, *reciprocal, *reciprocal_or_zero;
    gr_unary_kernel *exp, *log, *log1p, *expm1, *sin, *cos, *tanh, *erf, *normal_cdf, *log_of_cosh;
    gr_unary_kernel *sigmoid, *relu, *gelu, *gelu_tanh, *silu;
    gr_unary_kernel *leaky_relu, *elu, *scale, *shift, *power; /* one parameter */
    gr_unary_kernel *clamp, *inside;                           /* two: low, high */
    gr_unary_kernel *softplus;                                 /* two: beta, threshold */
    gr_unary_kernel *affine;                                   /* two: p[0] x + p[1] */
    gr_unary_kernel *scaled_exp;                               /* two: p[1] e^(x - p[0]) */
    gr_binary_kernel *add, *sub, *mul, *div, *pow, *atan2, *minimum, *maximum;
    gr_binary_kernel *eq, *ne, *lt, *le, *gt, *ge;
    gr_binary_kernel *relu_grad, *tanh_grad, *sigmoid_grad;
    gr_binary_kernel *mul_or_zero, *sigmoid_cross_entropy, *sigmoid_residual;
    gr_select_kernel *where;
    /* y[i] = x[i] > 0 ? grad[i] : slope grad[i] */
    void (*leaky_relu_grad)(int64_t n, const gr_real *grad, const gr_real *x, gr_real slope,
                            gr_real *y);
} gr_elementwise_kernels;

/* A function f(a, b) with parameters p and q, element by element, and in one pass each: its values,
 * their sum, their sum with y[i] = scale df/da, and y[i] = scale g[i * sg] df/da (df/db). */
typedef void gr_pointwise_slope(int64_t n, const gr_real *g, int sg, gr_real scale,
                                const gr_real *a, const gr_real *b, gr_real p, gr_real q,
                                gr_real *y);
typedef struct gr_pointwise_kernel {
    void (*each)(int64_t n, const gr_real *a, const gr_real *b, gr_real p, gr_real q, gr_real *y);
    double (*sum)(int64_t n, const gr_real *a, const gr_real *b, gr_real p, gr_real q);
    double (*sum_and_slope)(int64_t n, const gr_real *a, const gr_real *b, gr_real p, gr_real q,
                            gr_real scale, gr_real *y);
    gr_pointwise_slope *to_a, *to_b;
} gr_pointwise_kernel;
typedef struct gr_pointwise_kernels {
    gr_pointwise_kernel square, abs, huber, smooth_l1, log_cosh, quantile;
    gr_pointwise_kernel bce, bce_with_logits, divergence, hinge, squared_hinge, soft_margin, focal;
    gr_pointwise_kernel focal_squared; /* focal with q = 2 */
} gr_pointwise_kernels;

/* Optimizers' rules with their numbers worked out for one step. */
typedef struct gr_sgd_numbers {
    gr_real lr, momentum, weight_decay;
    gr_real keep, take; /* of the old velocity and of the gradient */
    bool nesterov;
} gr_sgd_numbers;
typedef struct gr_adam_numbers {
    gr_real weight_decay; /* into the gradient */
    gr_real decay;        /* of the parameter itself: lr weight_decay, if decoupled */
    gr_real one_minus_beta1, beta2, one_minus_beta2, eps;
    gr_real step_size;       /* lr / (1 - beta1^step) */
    gr_real root_correction; /* 1 / sqrt(1 - beta2^step) */
} gr_adam_numbers;
typedef struct gr_rmsprop_numbers {
    gr_real lr, alpha, one_minus_alpha, eps, weight_decay, momentum;
} gr_rmsprop_numbers;
typedef struct gr_adagrad_numbers {
    gr_real lr, weight_decay, eps;
    gr_real start; /* added to the sum before the gradient's square */
} gr_adagrad_numbers;
typedef struct gr_update_kernels {
    void (*sgd)(int64_t n, gr_real *restrict p, const gr_real *restrict grad, gr_real *restrict v,
                const gr_sgd_numbers *rule);
    void (*adam)(int64_t n, gr_real *restrict p, const gr_real *restrict grad, gr_real *restrict m,
                 gr_real *restrict v, const gr_adam_numbers *rule);
    /* mean and velocity are NULL where the rule has none. */
    void (*rmsprop)(int64_t n, gr_real *restrict p, const gr_real *restrict grad,
                    gr_real *restrict square, gr_real *restrict mean, gr_real *restrict velocity,
                    const gr_rmsprop_numbers *rule);
    void (*adagrad)(int64_t n, gr_real *restrict p, const gr_real *restrict grad,
                    gr_real *restrict sum, const gr_adagrad_numbers *rule);
} gr_update_kernels;

/* C = start + A B with A (m,k), B (k,n) and C (m,n); element (i,j) of A is
 * a[i * a_row + j * a_col], so that a transposed matrix is one whose two strides are exchanged. C's
 * rows are contiguous. `start` is a matrix with its own distance of rows: C itself (AB is added to
 * it), a row for all with a distance of 0 (a bias), or NULL for zeros. If b_offset is not NULL, row
 * k of B begins at b + b_offset[k] instead, b_row is 0 and b_col 1; only `multiply` knows of it. */
typedef struct gr_product {
    int64_t m, n, k;
    const gr_real *a, *b, *start;
    int64_t a_row, a_col, b_row, b_col, start_row;
    const int64_t *b_offset;
    gr_real *c;
    int64_t c_row;
} gr_product;

/* The parts of which product.c makes a product. C is computed in tiles of `rows` by at most
 * `columns` numbers, in vectors of `lanes`; a strip is a column of tiles. */
typedef struct gr_gemm_kernels {
    int rows, lanes, columns;
    int64_t (*strips)(int64_t n); /* into which n columns are cut */
    /* The whole product, and a part of one with several rows and columns: a vector's is summed in
     * another order, which a row or column of a matrix must not be. */
    void (*multiply)(const gr_product *p);
    void (*multiply_part)(const gr_product *p);
    /* Copies the rows of tiles begin ... end-1 of A; the product with such an A (p->a is not read,
     * k is at most GR_PRODUCT_DEPTH). */
    void (*pack_a)(const gr_product *p, gr_real *to, int64_t begin, int64_t end);
    void (*multiply_packed_a)(const gr_product *p, const gr_real *a);
    /* The same for the strips begin ... end-1 of B. */
    void (*pack_b)(const gr_product *p, gr_real *to, int64_t begin, int64_t end);
    void (*multiply_packed_b)(const gr_product *p, const gr_real *b);
} gr_gemm_kernels;

/* Columns that a kernel works on at once; operations cut wider rows. */
enum { GR_REDUCE_TILE = 256 };
/* How many sums `overlap` makes. */
enum { GR_OVERLAP_SUMS = 3 };

/* Folds a matrix x whose rows begin `stride` apart: along its rows, acc[r] += f(x[r][i], m[r]) over
 * all i < n, or across them, acc[j] += f(x[r][j], m[j]) over all r, with n <= GR_REDUCE_TILE. For
 * some folds += stands for the maximum or minimum. m is NULL where f has no such parameter. */
typedef void gr_fold_kernel(int64_t rows, int64_t n, const gr_real *x, int64_t stride,
                            const gr_real *m, double *acc);
typedef struct gr_fold {
    double start; /* the result over no elements */
    gr_fold_kernel *along, *across;
    void (*join)(int64_t n, const double *partial, double *acc); /* acc[j] += partial[j] */
} gr_fold;

typedef struct gr_reduce_kernels {
    gr_fold sum, squares, max, min, abs_max;
    gr_fold scaled_squares; /* (x m)^2 */
    gr_fold exponentials;   /* e^(x - m) */
    /* Adds sum a b, sum a and sum b to sums. */
    void (*overlap)(int64_t n, const gr_real *a, const gr_real *b, double *sums);
    /* Running sums down n <= GR_REDUCE_TILE columns; upwards if stride is negative and x and y
     * point to the last row. */
    void (*cumsum)(int64_t rows, int64_t n, const gr_real *x, gr_real *y, int64_t stride);
    /* y[j] += log(acc[j]) */
    void (*add_logarithm)(int64_t n, const double *acc, double unused, gr_real *y);
} gr_reduce_kernels;

/* Of each row of n elements, or of each of n <= GR_REDUCE_TILE columns of a matrix whose rows begin
 * `stride` apart: */
typedef struct gr_softmax_kernels {
    /* Rows of n elements that are computed together. The last digit of a result depends on its place
     * among them, for a vector's exponential is not that of one number: cut rows at multiples. */
    int64_t (*together)(int64_t n);
    /* The softmax, or its logarithm. y is not x. */
    void (*rows)(int64_t rows, int64_t n, const gr_real *x, gr_real *y, bool logarithm);
    void (*columns)(int64_t rows, int64_t n, const gr_real *x, gr_real *y, int64_t stride,
                    bool logarithm);
    /* The gradient of x, given y and that of y. */
    void (*rows_back)(int64_t rows, int64_t n, const gr_real *grad, const gr_real *y,
                      bool logarithm, gr_real *to);
    void (*columns_back)(int64_t rows, int64_t n, const gr_real *grad, const gr_real *y,
                         int64_t stride, bool logarithm, gr_real *to);
    /* The sum over the rows of n logits x of log(1 + sum e^(x_j - x_c)) over all j but c, the row's
     * class, and scale times its gradient in y. Rows whose class is `ignored`, or alone, count
     * 0. */
    double (*cross_entropy_rows)(int64_t rows, int64_t n, const gr_real *x, const int32_t *classes,
                                 int32_t ignored, gr_real scale, gr_real *y);
    double (*cross_entropy_columns)(int64_t rows, int64_t n, const gr_real *x, int64_t stride,
                                    const int32_t *classes, int32_t ignored, gr_real scale,
                                    gr_real *y);
} gr_softmax_kernels;

/* At most `width` vectors b_j of d numbers, side by side: number k of vector j is panel[k width + j],
 * and 0 for j >= n. `stride` is from row to row of the matrix of which a panel sees n columns. */
typedef struct gr_panel {
    int64_t n, d, stride;
    const gr_real *panel;
} gr_panel;
typedef struct gr_distance_kernels {
    /* y[j] = |a - b_j|^2 of a vector a (d) and the n rows of b (n,d) */
    void (*squared)(int64_t n, int64_t d, const gr_real *a, const gr_real *b, gr_real *y);
    /* y[j] = |a - b_j| where y[j] is the square */
    void (*root)(int64_t n, int64_t d, const gr_real *a, const gr_real *b, gr_real *y);
    int width;
    /* Of a (m,d) and a panel, y (m,n) in rows `stride` apart: y_ij = |a_i - b_j|^2, without weights,
     * and y_ij = weights_i . (a_i - b_j) with weights (m,d); with `signs` the sums of |a_ik - b_jk|
     * and of weights_ik sign(a_ik - b_jk) */
    void (*panel)(const gr_panel *p, bool signs, int64_t m, const gr_real *weights,
                  const gr_real *a, gr_real *y);
    /* y_j = sum over i < m of weights_ij (b_j - a_i) for the first `rows` rows of b and y (n,d), of
     * a (m,d) and weights (m,n); with `signs` that of weights_ij sign(b_j - a_i) */
    void (*sums)(bool signs, int64_t rows, int64_t m, int64_t n, int64_t d, const gr_real *weights,
                 const gr_real *a, const gr_real *b, gr_real *y);
} gr_distance_kernels;

/* The gradient to a vector d of this length: p d + q d/length. */
typedef struct gr_length_slope {
    gr_real p, q, length;
} gr_length_slope;
/* On vectors of n elements. */
typedef struct gr_vector_kernels {
    /* sums = a.b, a.a, b.b */
    void (*products)(int64_t n, const gr_real *a, const gr_real *b, double *sums);
    /* y = p a + q b */
    void (*combination)(int64_t n, gr_real p, const gr_real *a, gr_real q, const gr_real *b,
                        gr_real *y);
    /* sum d^2 of d = a - b + shift */
    double (*squares)(int64_t n, const gr_real *a, const gr_real *b, gr_real shift);
    /* The slope of d = a - b + shift, added to y if `more`. */
    void (*length_slope)(int64_t n, gr_length_slope slope, const gr_real *a, const gr_real *b,
                         gr_real shift, bool more, gr_real *y);
} gr_vector_kernels;

/* A sample of connectionist temporal classification: `labels` symbols to be emitted, with blanks
 * between them, in `time` steps. */
typedef struct gr_ctc_sample {
    int64_t time, labels;
    const int32_t *label; /* none of them is the blank */
    int32_t blank;
    const gr_real *log_probs; /* of symbol k at time t: log_probs[t * stride + k] */
    int64_t stride;
} gr_ctc_sample;
typedef struct gr_ctc_kernels {
    /* -log of the labels' probability, inf if they are impossible. Unless grad is NULL (or the
     * labels impossible), weight times the posterior of emitting symbol k at time t is subtracted
     * from grad[t * stride + k]. */
    double (*loss)(const gr_ctc_sample *s, double *scratch, double weight, gr_real *grad);
    int64_t (*scratch)(int64_t time, int64_t labels); /* how many doubles `loss` needs */
} gr_ctc_kernels;

/* How a kernel of kh kw taps goes over an image (height,width): position (p,q), of which there are
 * out_width in a row, has its tap (i,j) at row p stride + i dilation - padding, and so on; outside
 * of the image are zeros. Pairs are of height and width. */
typedef struct gr_patches {
    int64_t height, width, out_width;
    int kernel[2], stride[2], padding[2], dilation[2];
} gr_patches;
/* Between images (channels,height,width) and a matrix (channels kh kw, end - begin), whose columns
 * are what the kernel sees at positions begin ... end-1, counted row by row. */
typedef struct gr_patch_kernels {
    void (*gather)(const gr_patches *p, int64_t channels, const gr_real *image, int64_t begin,
                   int64_t end, gr_real *matrix);
    /* Adds each number to the element that gather would have read. */
    void (*scatter)(const gr_patches *p, int64_t channels, const gr_real *matrix, int64_t begin,
                    int64_t end, gr_real *image);
} gr_patch_kernels;

/* Count, mean, and sum of the squares of the distances from the mean; begins as {0}. */
typedef struct gr_moments {
    double count, mean, squares;
} gr_moments;
typedef void gr_moments_kernel(int64_t rows, int64_t n, const gr_real *x, int64_t stride,
                               gr_moments *m);
/* Rows of n numbers, `stride` apart, and s = (x - mean - rest) rstd. Each row has its statistics,
 * `statistics_step` further on (0: all have the same), or each column has. Weight and bias are one
 * for all or one for each column. */
typedef struct gr_normalize_rows {
    int64_t rows, n, stride;
    const gr_real *x, *grad;
    gr_real *to;
    const gr_real *mean, *rest, *rstd;
    int64_t statistics_step;
    const gr_real *weight, *bias;
    const gr_real *grad_mean, *product_mean; /* of grad weight and of grad weight s */
    int64_t means_step;                      /* of these two */
} gr_normalize_rows;
typedef void gr_normalize_kernel(const gr_normalize_rows *p);
typedef void gr_normalize_sums(const gr_normalize_rows *p, double *grads, double *products);
typedef void gr_normalize_row_sums(const gr_normalize_rows *p, double *grads, double *products,
                                   int64_t step);
typedef struct gr_normalize_kernels {
    /* Add rows of n numbers, `stride` apart: all to one's moments, each row or each column to its
     * own; columns are at most GR_REDUCE_TILE. */
    gr_moments_kernel *moments, *row_moments, *column_moments;
    void (*join)(int64_t n, const gr_moments *from, gr_moments *to); /* to[i] += from[i] */
    /* to = s weight + bias, and to = rstd (grad weight - grad_mean - s product_mean):
     * [statistics by column][weights by column] */
    gr_normalize_kernel *apply[2][2], *to_x[2][2];
    /* Add the sums of g and of g s in row r to element r * step: g = grad, or grad weight with
     * weights by column. */
    gr_normalize_row_sums *sums, *weighted_sums;
    /* Add the sums of grad and of grad s in each column: [statistics by column] */
    gr_normalize_sums *column_sums[2];
} gr_normalize_kernels;
/* A step of a recurrent cell over `rows` samples: matrices (rows,hidden), and (rows,gates hidden)
 * for gates and sums, a block for each gate. Sample r takes part while time < lengths[r] (NULL: all
 * do), and keeps its state afterwards. */
typedef struct gr_cell_step {
    int64_t rows, hidden, time;
    const int32_t *lengths;
    const gr_real *gates; /* the input's part, read by gru alone */
    const gr_real *sums;  /* the state's part in gru, elsewhere both parts added */
    const gr_real *h, *c; /* the state before; c in lstm alone */
    gr_real *h_next, *c_next;
} gr_cell_step;
/* What the backward kernels change: h and c, the gradients to the state after the step, become
 * those to the state before, but for what goes through the sums. */
typedef struct gr_cell_gradient {
    const gr_real *arriving; /* to h_next, from elsewhere */
    gr_real *h, *c;
    gr_real *gates, *sums; /* those to gates and sums; the same memory but in gru */
} gr_cell_gradient;
typedef struct gr_cell_kernel {
    void (*forward)(const gr_cell_step *s);
    void (*backward)(const gr_cell_step *s, const gr_cell_gradient *d);
} gr_cell_kernel;
typedef struct gr_cell_kernels {
    gr_cell_kernel tanh, relu, lstm, gru;
} gr_cell_kernels;
/* Words that `words` makes at once, of a quarter as many blocks of Philox (core/graph/random.h). */
enum { GR_RANDOM_WORDS = 256 };
typedef struct gr_random_kernels {
    /* batches * GR_RANDOM_WORDS random words, from blocks `counter` and following. */
    void (*words)(uint64_t seed, uint64_t counter, int64_t batches, uint32_t *out);
    /* y[i] = word[i] < threshold ? 0 : factor x[i] */
    void (*drop)(int64_t n, const uint32_t *word, uint32_t threshold, gr_real factor,
                 const gr_real *x, gr_real *y);
} gr_random_kernels;
/* How images are copied between zeros so that each shift of an image is a shift of its numbers: a
 * channel's plane has rows of `pitch` numbers, of which `left` zeros come first, then a row of the
 * image, then zeros. */
typedef struct gr_frame {
    int64_t height, width; /* of the image */
    int64_t left, pitch;
    int64_t plane; /* from channel to channel, at least rows pitch; zeros to its end */
} gr_frame;
typedef struct gr_direct_kernels {
    /* Rows first ... first+rows-1 of the image; those that it has not are zeros. */
    void (*frame)(const gr_frame *f, int64_t channels, const gr_real *image, int64_t first,
                  int64_t rows, gr_real *planes);
    /* Back: `rows` rows of an image from the beginning of each plane (left is not looked at), with
     * the channel's bias added unless that is NULL. `image` points to the first of these rows. */
    void (*unframe)(const gr_frame *f, int64_t channels, const gr_real *planes, int64_t rows,
                    const gr_real *bias, gr_real *image);
    /* sum[o * taps + r] += sum over n of y[o * y_row + n] x[offset[r] + n], for o < channels,
     * r < taps and n < positions, over `images` that lie `y_image` and `x_image` apart. Positions
     * are a multiple of GR_DIRECT_LANES. */
    void (*correlate)(int64_t channels, int64_t taps, int64_t images, int64_t positions,
                      const gr_real *y, int64_t y_row, int64_t y_image, const gr_real *x,
                      const int64_t *offset, int64_t x_image, gr_real *sum);
} gr_direct_kernels;
enum { GR_DIRECT_LANES = 16 };

/* Images in the lanes of vectors: element e of image n is number place[e] GR_LANES + n, or
 * e GR_LANES + n where place is NULL. Images lie `image` numbers apart. */
enum { GR_LANES = 16 };
typedef struct gr_lane_kernels {
    /* To lanes, so many elements of count <= GR_LANES images; the other lanes become 0. */
    void (*interleave)(int64_t count, int64_t elements, const gr_real *images, int64_t image,
                       const int32_t *place, gr_real *to);
    /* Back, of the first `count` lanes. */
    void (*separate)(int64_t count, int64_t elements, const gr_real *from, const int32_t *place,
                     gr_real *images, int64_t image);
    /* to[offset[r] + i] += from[r * n + i] for all r < rows and i < n, a multiple of GR_LANES. */
    void (*add_rows)(int64_t rows, int64_t n, const gr_real *restrict from, const int64_t *offset,
                     gr_real *restrict to);
} gr_lane_kernels;

typedef struct gr_transpose_kernels {
    /* to[j * to_row + i] = from[i * from_row + j] for i < rows and j < columns. */
    void (*transpose)(int64_t rows, int64_t columns, const gr_real *from, int64_t from_row,
                      gr_real *to, int64_t to_row);
} gr_transpose_kernels;

/* Bilinear interpolation of an image x (height,width) to y (2 height,2 width), pixels being areas,
 * and the transposed map from y to x. `middle` is memory for 2 height width numbers. */
typedef struct gr_resample_kernels {
    void (*enlarge)(int64_t height, int64_t width, const gr_real *x, gr_real *middle, gr_real *y);
    void (*enlarge_back)(int64_t height, int64_t width, const gr_real *y, gr_real *middle,
                         gr_real *x);
} gr_resample_kernels;

/* Pooling of one image (height,width) to `rows` rows of positions. A place is an element's index in
 * the image. */
typedef struct gr_pool_kernels {
    /* Each window's largest element and its place: the first of equal ones, and the first NaN if
     * there is one. Every window has an element. */
    void (*largest)(const gr_patches *p, int64_t rows, const gr_real *image, gr_real *y,
                    int32_t *place);
    /* The image of zeros to which each y is added at its place, which is in its window. */
    void (*put)(const gr_patches *p, int64_t rows, const gr_real *y, const int32_t *place,
                gr_real *image);
    /* Windows of 2 by 2 that move by 2, of images with an even height, and an even width of at
     * least 4, between planes and all windows (channels,height/2,width/2). NULL if the compiler
     * can't shuffle vectors.
     *
     * The largest of relu(x + bias) and its place in `rows` rows of the image, both even, from
     * `first` on, each plane beginning with the first of them (left is not looked at). */
    void (*finish)(const gr_frame *f, int64_t channels, const gr_real *planes, int64_t first,
                   int64_t rows, const gr_real *bias, gr_real *y, int32_t *place);
    /* What the direct kernels' `frame` makes of the image to which y is put. */
    void (*frame_put)(const gr_frame *f, int64_t channels, const gr_real *y, const int32_t *place,
                      int64_t first, int64_t rows, gr_real *planes);
} gr_pool_kernels;

typedef struct gr_kernels {
    const char *isa;
    const gr_elementwise_kernels *elementwise;
    const gr_pointwise_kernels *pointwise;
    const gr_update_kernels *update;
    const gr_gemm_kernels *gemm;
    const gr_distance_kernels *distance;
    const gr_vector_kernels *vector;
    const gr_reduce_kernels *reduce;
    const gr_softmax_kernels *softmax;
    const gr_ctc_kernels *ctc;
    const gr_patch_kernels *patch;
    const gr_normalize_kernels *normalize;
    const gr_cell_kernels *cell;
    const gr_random_kernels *random;
    const gr_pool_kernels *pool;
    const gr_direct_kernels *direct;
    const gr_lane_kernels *lane;
    const gr_transpose_kernels *transpose;
    const gr_resample_kernels *resample;
} gr_kernels;

/* The kernels for "avx512", "avx2" or "base"; NULL stands for the best that this processor has.
 * NULL if the name is unknown or the processor lacks it. */
const gr_kernels *gr_kernels_find(const char *isa);

/* GR_FOR_ISA(gr_gemm) defines gr_gemm_avx512 in the files compiled with -DGR_ISA=avx512; the tables
 * are not exported. */
#define GR_JOIN_(name, isa) name##_##isa
#define GR_JOIN(name, isa) GR_JOIN_(name, isa)
#define GR_FOR_ISA(name) __attribute__((visibility("hidden"))) GR_JOIN(name, GR_ISA)

#pragma GCC visibility pop

#endif
