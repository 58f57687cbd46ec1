/* Optimizers' rules over plain arrays; the formulas are in core/ops/update.h. */
#include "core/kernels/kernels.h"
#include "core/kernels/vector_math.h"

static void k_sgd(int64_t n, gr_real *restrict p, const gr_real *restrict grad, gr_real *restrict v,
                  const gr_sgd_numbers *r) {
    if (r->momentum == 0) {
        for (int64_t i = 0; i < n; i++) p[i] -= r->lr * (grad[i] + r->weight_decay * p[i]);
        return;
    }
    gr_real ahead = r->nesterov ? r->momentum : 1, now = r->nesterov ? 1 : 0;
    for (int64_t i = 0; i < n; i++) {
        gr_real g = grad[i] + r->weight_decay * p[i];
        v[i] = r->keep * v[i] + r->take * g;
        p[i] -= r->lr * (now * g + ahead * v[i]);
    }
}

static void k_adam(int64_t n, gr_real *restrict p, const gr_real *restrict grad,
                   gr_real *restrict m, gr_real *restrict v, const gr_adam_numbers *r) {
    for (int64_t i = 0; i < n; i++) {
        gr_real g = grad[i] + r->weight_decay * p[i];
        m[i] += r->one_minus_beta1 * (g - m[i]);
        v[i] = r->beta2 * v[i] + r->one_minus_beta2 * g * g;
        p[i] -= r->step_size * m[i] / (GR_MATH(sqrt)(v[i]) * r->root_correction + r->eps);
    }
}

const gr_update_kernels GR_FOR_ISA(gr_update) = {.sgd = k_sgd, .adam = k_adam};
