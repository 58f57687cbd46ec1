/* The kernels: loops over plain arrays, which know no tensor and no graph.
 *
 * Each file of kernels is compiled once for each instruction set (the Makefile's ISA list) and ends
 * with a table of its functions, named for that set by GR_FOR_ISA. The processor's best is chosen
 * when a graph is made, so that one binary runs at full speed everywhere. Kernels run in one thread;
 * operations cut large work into pieces (parallel.h).
 */
#ifndef GR_KERNELS_H
#define GR_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernels/real.h"

#pragma GCC visibility push(hidden)

/* y[i] = f(x[i]); p are the function's parameters, if it has any. y may be x. */
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
    gr_unary_kernel *sigmoid, *softplus, *relu, *gelu, *silu;
    gr_unary_kernel *leaky_relu, *elu, *scale, *shift, *power; /* one parameter */
    gr_unary_kernel *clamp, *inside;                           /* two: low, high */
    gr_binary_kernel *add, *sub, *mul, *div, *pow, *minimum, *maximum;
    gr_binary_kernel *eq, *ne, *lt, *le, *gt, *ge;
    gr_binary_kernel *relu_grad, *tanh_grad, *sigmoid_grad;
    gr_select_kernel *where;
} gr_elementwise_kernels;

/* Optimizers' rules with their numbers worked out for one step. */
typedef struct gr_sgd_numbers {
    gr_real lr, momentum, weight_decay;
    gr_real keep, take; /* of the old velocity and of the gradient */
    bool nesterov;
} gr_sgd_numbers;
typedef struct gr_adam_numbers {
    gr_real weight_decay, one_minus_beta1, beta2, one_minus_beta2, eps;
    gr_real step_size;       /* lr / (1 - beta1^step) */
    gr_real root_correction; /* 1 / sqrt(1 - beta2^step) */
} gr_adam_numbers;
typedef struct gr_update_kernels {
    void (*sgd)(int64_t n, gr_real *restrict p, const gr_real *restrict grad, gr_real *restrict v,
                const gr_sgd_numbers *rule);
    void (*adam)(int64_t n, gr_real *restrict p, const gr_real *restrict grad, gr_real *restrict m,
                 gr_real *restrict v, const gr_adam_numbers *rule);
} gr_update_kernels;

typedef struct gr_kernels {
    const char *isa;
    const gr_elementwise_kernels *elementwise;
    const gr_update_kernels *update;
} gr_kernels;

/* The kernels for "avx512", "avx2" or "base"; NULL stands for the best that this processor has.
 * NULL if the name is unknown or the processor lacks it. */
const gr_kernels *gr_kernels_find(const char *isa);

/* GR_FOR_ISA(gr_gemm) is gr_gemm_avx512 in the files compiled with -DGR_ISA=avx512. */
#define GR_JOIN_(name, isa) name##_##isa
#define GR_JOIN(name, isa) GR_JOIN_(name, isa)
#define GR_FOR_ISA(name) GR_JOIN(name, GR_ISA)

#pragma GCC visibility pop

#endif
