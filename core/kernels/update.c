/* Optimizers' rules over plain arrays; the formulas are in core/ops/update.h. */
#include <float.h>
#include <stddef.h>

#include "core/kernels/kernels.h"
#include "core/kernels/vector_math.h"

#ifdef GR_DOUBLE
#define SMALLEST DBL_MIN
#else
#define SMALLEST FLT_MIN
#endif

/* A moving average of gradients that have become 0 (a weight of a pixel that is always black)
 * shrinks to subnormal numbers, which cost a processor a hundred times the cycles and change
 * nothing. */
static inline gr_real normal_or_zero(gr_real x) { return GR_MATH(fabs)(x) < SMALLEST ? 0 : x; }

/* With the choice as a constant, so that each loop is vectorised. */
static inline void momentum(bool nesterov, int64_t n, gr_real *restrict p,
                            const gr_real *restrict grad, gr_real *restrict v,
                            const gr_sgd_numbers *r) {
    for (int64_t i = 0; i < n; i++) {
        gr_real g = grad[i] + r->weight_decay * p[i];
        gr_real moved = v[i] = normal_or_zero(r->keep * v[i] + r->take * g);
        p[i] -= r->lr * (nesterov ? g + r->momentum * moved : moved);
    }
}

static void k_sgd(int64_t n, gr_real *restrict p, const gr_real *restrict grad, gr_real *restrict v,
                  const gr_sgd_numbers *r) {
    if (r->momentum == 0)
        for (int64_t i = 0; i < n; i++) p[i] -= r->lr * (grad[i] + r->weight_decay * p[i]);
    else if (r->nesterov)
        momentum(true, n, p, grad, v, r);
    else
        momentum(false, n, p, grad, v, r);
}

static void k_adam(int64_t n, gr_real *restrict p, const gr_real *restrict grad,
                   gr_real *restrict m, gr_real *restrict v, const gr_adam_numbers *r) {
    for (int64_t i = 0; i < n; i++) {
        gr_real g = grad[i] + r->weight_decay * p[i];
        m[i] = normal_or_zero(m[i] + r->one_minus_beta1 * (g - m[i]));
        v[i] = normal_or_zero(r->beta2 * v[i] + r->one_minus_beta2 * g * g);
        gr_real move = r->step_size * m[i] / (GR_MATH(sqrt)(v[i]) * r->root_correction + r->eps);
        p[i] -= r->decay * p[i] + move;
    }
}

static inline void rmsprop(bool centered, bool momentum, int64_t n, gr_real *restrict p,
                           const gr_real *restrict grad, gr_real *restrict square,
                           gr_real *restrict mean, gr_real *restrict velocity,
                           const gr_rmsprop_numbers *r) {
    for (int64_t i = 0; i < n; i++) {
        gr_real g = grad[i] + r->weight_decay * p[i];
        gr_real variance = square[i] =
            normal_or_zero(r->alpha * square[i] + r->one_minus_alpha * g * g);
        if (centered) {
            mean[i] = normal_or_zero(mean[i] + r->one_minus_alpha * (g - mean[i]));
            variance -= mean[i] * mean[i];
            variance = variance < 0 ? 0 : variance; /* by rounding; NaN stays */
        }
        gr_real move = g / (GR_MATH(sqrt)(variance) + r->eps);
        if (momentum) move = velocity[i] = normal_or_zero(r->momentum * velocity[i] + move);
        p[i] -= r->lr * move;
    }
}

static void k_rmsprop(int64_t n, gr_real *restrict p, const gr_real *restrict grad,
                      gr_real *restrict square, gr_real *restrict mean, gr_real *restrict velocity,
                      const gr_rmsprop_numbers *r) {
    if (mean != NULL && velocity != NULL)
        rmsprop(true, true, n, p, grad, square, mean, velocity, r);
    else if (mean != NULL)
        rmsprop(true, false, n, p, grad, square, mean, NULL, r);
    else if (velocity != NULL)
        rmsprop(false, true, n, p, grad, square, NULL, velocity, r);
    else
        rmsprop(false, false, n, p, grad, square, NULL, NULL, r);
}

static void k_adagrad(int64_t n, gr_real *restrict p, const gr_real *restrict grad,
                      gr_real *restrict sum, const gr_adagrad_numbers *r) {
    for (int64_t i = 0; i < n; i++) {
        gr_real g = grad[i] + r->weight_decay * p[i];
        sum[i] += r->start + g * g;
        p[i] -= r->lr * g / (GR_MATH(sqrt)(sum[i]) + r->eps);
    }
}

const gr_update_kernels GR_FOR_ISA(gr_update) = {
    .sgd = k_sgd, .adam = k_adam, .rmsprop = k_rmsprop, .adagrad = k_adagrad};
