/* Functions of one number that several kernels compute alike. */
#ifndef GR_FUNCTIONS_H
#define GR_FUNCTIONS_H

#include <stdint.h>

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

#ifndef GR_DOUBLE
static inline float float_of_bits(uint32_t bits) {
    union {
        uint32_t bits;
        float x;
    } same = {.bits = bits};
    return same.x;
}

static inline uint32_t bits_of_float(float x) {
    union {
        float x;
        uint32_t bits;
    } same = {.x = x};
    return same.bits;
}
#endif

/* e^x for x <= 0, in float 0 where it would be subnormal. Within a loop that has sums, too, it saves
 * the call of the vector function, around which all registers are stored and loaded. In float
 * e^x = 2^k e^r with |r| <= log(2)/2: adding 1.5 2^23 rounds x / log 2 to the integer k, which then
 * stands in the sum's lowest bits, from where it is added to the exponent of e^r, a polynomial; at
 * most 1.4 units of 2^-24 are lost. k log 2 is subtracted in two parts, the first of them exact. */
static inline gr_real exp_of_negative(gr_real x) {
#ifdef GR_DOUBLE
    return exp(x);
#else
    const float to_integer = 12582912;
    float sum = x * 1.44269504f + to_integer, k = sum - to_integer;
    float r = x - k * 0.693359375f + k * 2.12194440e-4f;
    float q = 1.9875691500e-4f;
    q = q * r + 1.3981999507e-3f;
    q = q * r + 8.3334519073e-3f;
    q = q * r + 4.1665795894e-2f;
    q = q * r + 1.6666665459e-1f;
    q = q * r + 5.0000001201e-1f;
    q = q * (r * r) + r + 1;
    return x < -87 ? 0 : float_of_bits(bits_of_float(q) + (bits_of_float(sum) << 23));
#endif
}

/* 1/x for x from 1 to 2, where a division takes three times as long. In float the quadratic q with
 * 1 - x q = T3(3 - 2x)/99 (T3 Chebyshev's polynomial, at most 1 here), and two of Newton's steps,
 * each of which squares the error of 1/99. */
static inline gr_real inverse_of_1_to_2(gr_real x) {
#ifdef GR_DOUBLE
    return 1 / x;
#else
    float q = (32.0f / 99 * x - 16.0f / 11) * x + 70.0f / 33;
    q += q * (1 - x * q);
    return q + q * (1 - x * q);
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
    gr_real tail = e * inverse_of_1_to_2(1 + e);
    return z < 0 ? tail - y : (1 - y) - tail;
}

#endif
