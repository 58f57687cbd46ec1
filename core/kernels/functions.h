/* Functions of one number that several kernels compute alike. */
#ifndef GR_FUNCTIONS_H
#define GR_FUNCTIONS_H

#include "core/kernels/vector_math.h"

/* log cosh x: 2 sinh^2(x/2) = cosh x - 1 keeps the digits near 0, and t + t/(1+t) with
 * t = e^(|x|/2) - 1 is 2 sinh(|x|/2). */
static inline gr_real log_of_cosh(gr_real x) {
    gr_real a = GR_MATH(fabs)(x), t = GR_MATH(expm1)(a / 2), sinh2 = t + t / (1 + t);
    gr_real near = GR_MATH(log1p)(sinh2 * sinh2 / 2);
    gr_real far = a - (gr_real)0.69314718055994531 + GR_MATH(log1p)(GR_MATH(exp)(-2 * a));
    return a < 1 ? near : far;
}

/* max(z, 0) - z y for the logit z and the target y. For targets of 0 and 1 nothing is subtracted,
 * so that small losses keep their digits; 0 where an infinite z is right. */
static inline gr_real wrong_side(gr_real z, gr_real y) {
    gr_real share = z > 0 ? 1 - y : y;
    return share == 0 ? 0 : GR_MATH(fabs)(z) * share;
}

/* s(z) - y, where e^-|z| keeps the digits of s(z) - 1 for a large z and y = 1. */
static inline gr_real sigmoid_minus(gr_real z, gr_real y) {
    gr_real e = GR_MATH(exp)(-GR_MATH(fabs)(z)), tail = e / (1 + e);
    return z < 0 ? tail - y : (1 - y) - tail;
}

#endif
