/* Functions of one number that several kernels compute alike. */
#ifndef GR_FUNCTIONS_H
#define GR_FUNCTIONS_H

#include "core/kernels/vector_math.h"

/* log(1 + x) for x from 0 to 1, such as e^-|z|, where the vector function takes three times as
 * long. In float x + x^2 q(x), with q the minimax polynomial of degree 7 for the relative error (by
 * Lawson's iteration), 3.4e-8; at most 2.7 units of 2^-24 are lost with the roundings. */
static inline gr_real log1p_of_unit(gr_real x) {
#ifdef GR_DOUBLE
    return log1p(x);
#else
    gr_real q = 0.00536482269f;
    q = q * x + -0.0300657861f;
    q = q * x + 0.0792045221f;
    q = q * x + -0.137538016f;
    q = q * x + 0.191536546f;
    q = q * x + -0.248571634f;
    q = q * x + 0.33321324f;
    q = q * x + -0.499996483f;
    return x + x * x * q;
#endif
}

/* log cosh x: 2 sinh^2(x/2) = cosh x - 1 keeps the digits near 0, and t + t/(1+t) with
 * t = e^(|x|/2) - 1 is 2 sinh(|x|/2). */
static inline gr_real log_of_cosh(gr_real x) {
    gr_real a = GR_MATH(fabs)(x), t = GR_MATH(expm1)(a / 2), sinh2 = t + t / (1 + t);
    gr_real near = GR_MATH(log1p)(sinh2 * sinh2 / 2);
    gr_real far = a - (gr_real)0.69314718055994531 + log1p_of_unit(GR_MATH(exp)(-2 * a));
    return a < 1 ? near : far;
}

/* x (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), as x s(2 u), which keeps the digits of
 * a negative x. Beyond +-64 the sigmoid s is 0 or 1 and x^3 could overflow. */
static inline gr_real gelu_tanh(gr_real x) {
    gr_real c = x < -64 ? -64 : x > 64 ? 64 : x;
    gr_real z = c * ((gr_real)1.5957691216057308 + (gr_real)0.071354816272600249 * c * c);
    gr_real e = GR_MATH(exp)(-GR_MATH(fabs)(z));
    return x * (z < 0 ? e : 1) / (1 + e);
}

/* max(z, 0) - z y for the logit z and the target y. For targets of 0 and 1 nothing is subtracted,
 * so that small losses keep their digits; 0 where an infinite z is right. */
static inline gr_real wrong_side(gr_real z, gr_real y) {
    gr_real share = z > 0 ? 1 - y : y;
    return share == 0 ? 0 : GR_MATH(fabs)(z) * share;
}

/* s(z) - y, where e = e^-|z| keeps the digits of s(z) - 1 for a large z and y = 1. */
static inline gr_real sigmoid_minus(gr_real z, gr_real y, gr_real e) {
    gr_real tail = e / (1 + e);
    return z < 0 ? tail - y : (1 - y) - tail;
}

#endif
