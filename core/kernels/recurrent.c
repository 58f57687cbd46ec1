/* Recurrent cells: all gates of a step in one pass, their gradients in another.
 *
 * The gradients compute the gates again from the sums that they were made of. That takes an
 * exponential for each, but keeps the digits of saturated gates' slopes, which s (1 - s) and
 * 1 - tanh^2 lose.
 *
 * An element of the state depends on its own place of the state before only, so that a step may
 * overwrite it. */
#include <stddef.h>
#include <string.h>

#include "core/kernels/functions.h"
#include "core/kernels/kernels.h"

/* -- Gates -- */

typedef struct gate {
    gr_real value, slope;
    gr_real rest; /* of a sigmoid: 1 - value */
} gate;

static inline gate sigmoid(gr_real x) {
    gr_real e = exp_of_negative(-GR_MATH(fabs)(x)), head = inverse_of_1_to_2(1 + e),
            tail = e * head;
    return (gate){x < 0 ? tail : head, tail * head, x < 0 ? head : tail};
}

static inline gate hyperbolic(gr_real x) {
    gr_real e = exp_of_negative(-2 * GR_MATH(fabs)(x)), part = inverse_of_1_to_2(1 + e);
    return (gate){.value = tanh_of_tail(x, e), .slope = 4 * e * part * part};
}

static inline gate rectified(gr_real x) { return (gate){x < 0 ? 0 : x, x > 0 ? 1 : 0, 0}; }

/* -- Samples that are over -- */

static bool takes_part(const gr_cell_step *s, int64_t row) {
    return s->lengths == NULL || s->time < s->lengths[row];
}

static void keep_state(const gr_cell_step *s, int64_t row) {
    size_t bytes = (size_t)s->hidden * sizeof(gr_real);
    int64_t at = row * s->hidden;
    memmove(s->h_next + at, s->h + at, bytes);
    if (s->c_next != NULL) memmove(s->c_next + at, s->c + at, bytes);
}

static void hand_on_gradient(const gr_cell_step *s, const gr_cell_gradient *d, int64_t row,
                             int64_t gates) {
    int64_t at = row * s->hidden;
    size_t bytes = (size_t)(gates * s->hidden) * sizeof(gr_real);
    for (int64_t i = 0; i < s->hidden; i++) d->h[at + i] += d->arriving[at + i];
    memset(d->gates + gates * at, 0, bytes);
    if (d->sums != d->gates) memset(d->sums + gates * at, 0, bytes);
}

/* -- Cells of one gate: h = f(a) -- */

#define SIMPLE_CELL(name, f)                                                                       \
    static void name##_forward(const gr_cell_step *s) {                                            \
        for (int64_t row = 0; row < s->rows; row++) {                                              \
            const gr_real *a = s->sums + row * s->hidden;                                          \
            gr_real *h = s->h_next + row * s->hidden;                                              \
            if (!takes_part(s, row))                                                               \
                keep_state(s, row);                                                                \
            else                                                                                   \
                _Pragma("omp simd") for (int64_t i = 0; i < s->hidden; i++) h[i] = f(a[i]).value;  \
        }                                                                                          \
    }                                                                                              \
    static void name##_row_gradient(int64_t n, const gr_real *a, const gr_real *arriving,          \
                                    gr_real *dh, gr_real *da) {                                    \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                      \
            da[i] = (dh[i] + arriving[i]) * f(a[i]).slope;                                         \
            dh[i] = 0;                                                                             \
        }                                                                                          \
    }                                                                                              \
    static void name##_backward(const gr_cell_step *s, const gr_cell_gradient *d) {                \
        for (int64_t row = 0; row < s->rows; row++) {                                              \
            int64_t at = row * s->hidden;                                                          \
            if (takes_part(s, row))                                                                \
                name##_row_gradient(s->hidden, s->sums + at, d->arriving + at, d->h + at,          \
                                    d->gates + at);                                                \
            else                                                                                   \
                hand_on_gradient(s, d, row, 1);                                                    \
        }                                                                                          \
    }

SIMPLE_CELL(tanh_cell, hyperbolic)
SIMPLE_CELL(relu_cell, rectified)

/* -- Long short-term memory: a = (i,f,g,o), c' = f c + i g, h = o tanh(c') -- */

static void lstm_row(int64_t n, const gr_real *a, const gr_real *c, gr_real *c_next, gr_real *h) {
    const gr_real *ai = a, *af = a + n, *ag = a + 2 * n, *ao = a + 3 * n;
#pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        gr_real new = sigmoid(ai[k]).value *hyperbolic(ag[k]).value;
        gr_real cell = sigmoid(af[k]).value * c[k] + new;
        c_next[k] = cell;
        h[k] = sigmoid(ao[k]).value * hyperbolic(cell).value;
    }
}

static void lstm_forward(const gr_cell_step *s) {
    for (int64_t row = 0; row < s->rows; row++) {
        int64_t at = row * s->hidden;
        if (takes_part(s, row))
            lstm_row(s->hidden, s->sums + 4 * at, s->c + at, s->c_next + at, s->h_next + at);
        else
            keep_state(s, row);
    }
}

static void lstm_row_gradient(int64_t n, const gr_real *a, const gr_real *c, const gr_real *c_next,
                              const gr_real *arriving, gr_real *dh, gr_real *dc, gr_real *da) {
    const gr_real *ai = a, *af = a + n, *ag = a + 2 * n, *ao = a + 3 * n;
    gr_real *di = da, *df = da + n, *dg = da + 2 * n, *d_o = da + 3 * n;
#pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        gate i = sigmoid(ai[k]), f = sigmoid(af[k]), o = sigmoid(ao[k]);
        gate g = hyperbolic(ag[k]), t = hyperbolic(c_next[k]);
        gr_real to_h = dh[k] + arriving[k], to_c = dc[k] + to_h * o.value * t.slope;
        di[k] = to_c * g.value * i.slope;
        df[k] = to_c * c[k] * f.slope;
        dg[k] = to_c * i.value * g.slope;
        d_o[k] = to_h * t.value * o.slope;
        dc[k] = to_c * f.value;
        dh[k] = 0;
    }
}

static void lstm_backward(const gr_cell_step *s, const gr_cell_gradient *d) {
    for (int64_t row = 0; row < s->rows; row++) {
        int64_t at = row * s->hidden;
        if (takes_part(s, row))
            lstm_row_gradient(s->hidden, s->sums + 4 * at, s->c + at, s->c_next + at,
                              d->arriving + at, d->h + at, d->c + at, d->gates + 4 * at);
        else
            hand_on_gradient(s, d, row, 4);
    }
}

/* -- Gated recurrent unit: x = (r,z,n) from the input, a = (r,z,n) from the state,
 *    n = tanh(x_n + r a_n), h' = (1 - z) n + z h -- */

static void gru_row(int64_t n, const gr_real *x, const gr_real *a, const gr_real *h,
                    gr_real *h_next) {
#pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        gate r = sigmoid(x[k] + a[k]), z = sigmoid(x[n + k] + a[n + k]);
        gr_real new = hyperbolic(x[2 * n + k] + r.value * a[2 * n + k]).value;
        h_next[k] = z.rest * new + z.value *h[k];
    }
}

static void gru_forward(const gr_cell_step *s) {
    for (int64_t row = 0; row < s->rows; row++) {
        int64_t at = row * s->hidden;
        if (takes_part(s, row))
            gru_row(s->hidden, s->gates + 3 * at, s->sums + 3 * at, s->h + at, s->h_next + at);
        else
            keep_state(s, row);
    }
}

static void gru_row_gradient(int64_t n, const gr_real *x, const gr_real *a, const gr_real *h,
                             const gr_real *arriving, gr_real *dh, gr_real *dx, gr_real *da) {
#pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        gate r = sigmoid(x[k] + a[k]), z = sigmoid(x[n + k] + a[n + k]);
        gate new = hyperbolic(x[2 * n + k] + r.value * a[2 * n + k]);
        gr_real to_h = dh[k] + arriving[k], to_n = to_h * z.rest * new.slope;
        gr_real to_r = to_n * a[2 * n + k] * r.slope;
        gr_real to_z = to_h * (h[k] - new.value) * z.slope;
        dx[k] = da[k] = to_r;
        dx[n + k] = da[n + k] = to_z;
        dx[2 * n + k] = to_n;
        da[2 * n + k] = to_n * r.value;
        dh[k] = to_h * z.value;
    }
}

static void gru_backward(const gr_cell_step *s, const gr_cell_gradient *d) {
    for (int64_t row = 0; row < s->rows; row++) {
        int64_t at = row * s->hidden;
        if (takes_part(s, row))
            gru_row_gradient(s->hidden, s->gates + 3 * at, s->sums + 3 * at, s->h + at,
                             d->arriving + at, d->h + at, d->gates + 3 * at, d->sums + 3 * at);
        else
            hand_on_gradient(s, d, row, 3);
    }
}

const gr_cell_kernels GR_FOR_ISA(gr_cell) = {
    .tanh = {tanh_cell_forward, tanh_cell_backward},
    .relu = {relu_cell_forward, relu_cell_backward},
    .lstm = {lstm_forward, lstm_backward},
    .gru = {gru_forward, gru_backward},
};
