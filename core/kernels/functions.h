/* Functions of one number that several kernels compute alike. */
#ifndef GR_FUNCTIONS_H
#define GR_FUNCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernels/vector_math.h"

/* -- Choices --
 *
 * By bits, since of a?b:c over several conditions compilers make branches, and stores under masks.
 */

#ifdef GR_DOUBLE
typedef uint64_t real_bits;
#else
typedef uint32_t real_bits;
#endif

static inline gr_real real_of_bits(real_bits bits) {
    union {
        real_bits bits;
        gr_real x;
    } same = {.bits = bits};
    return same.x;
}

static inline real_bits bits_of_real(gr_real x) {
    union {
        gr_real x;
        real_bits bits;
    } same = {.x = x};
    return same.bits;
}

/* x or 0 */
static inline gr_real zero_unless(bool kept, gr_real x) {
    return real_of_bits(bits_of_real(x) & -(real_bits)kept);
}

/* x or not a number */
static inline gr_real nan_if(bool wrong, gr_real x) {
    return real_of_bits(bits_of_real(x) | -(real_bits)wrong);
}

/* a or b */
static inline gr_real either(bool first, gr_real a, gr_real b) {
    const real_bits mask = -(real_bits)first;
    return real_of_bits((bits_of_real(a) & mask) | (bits_of_real(b) & ~mask));
}

/* -- Exponentials and logarithms --
 *
 * Within a loop they save the call of the vector function, around which all registers are stored
 * and loaded. Polynomials are cut into parts that a processor can work on at once (Estrin's
 * scheme): in Horner's it would wait for each multiplication. */

/* log(1 + x) for x from 0 to 1, such as e^-|z|, where the vector function takes three times as
 * long. In float x + x^2 q(x), with q the minimax polynomial of degree 7 for the relative error (by
 * Lawson's iteration), 3.4e-8; at most 2.7 units of 2^-24 are lost with the roundings. */
static inline gr_real log1p_of_unit(gr_real x) {
#ifdef GR_DOUBLE
    return log1p(x);
#else
    float x2 = x * x, q0 = 0.33321324f * x + -0.499996483f, q1 = 0.191536546f * x + -0.248571634f;
    float q2 = 0.0792045221f * x + -0.137538016f, q3 = 0.00536482269f * x + -0.0300657861f;
    return x + x2 * ((q3 * x2 + q2) * (x2 * x2) + (q1 * x2 + q0));
#endif
}

/* e^x for x <= 0, in float 0 where it would be subnormal. In float e^x = 2^k e^r with
 * |r| <= log(2)/2: adding 1.5 2^23 + 127 rounds x / log 2 to the integer k, and k + 127 then
 * stands in the sum's lowest bits, which are moved to where 2^k has its exponent; e^r is a
 * polynomial. At most 1.4 units of 2^-24 are lost. k log 2 is subtracted in two parts, the first of
 * them exact. */
static inline gr_real exp_of_negative(gr_real x) {
#ifdef GR_DOUBLE
    return exp(x);
#else
    const float to_integer = 12582912 + 127;
    float sum = x * 1.44269504f + to_integer, k = sum - to_integer;
    float r = x - k * 0.693359375f + k * 2.12194440e-4f;
    float r2 = r * r, q0 = 1.6666665459e-1f * r + 5.0000001201e-1f;
    float q1 = 8.3334519073e-3f * r + 4.1665795894e-2f,
          q2 = 1.9875691500e-4f * r + 1.3981999507e-3f;
    float q = ((q2 * r2 + q1) * r2 + q0) * r2 + r + 1;
    return zero_unless(!(x < -87), q * real_of_bits(bits_of_real(sum) << 23));
#endif
}

#ifndef GR_DOUBLE
/* log(2^-shift x) where 2^-shift x may be subnormal, but x is a positive normal number. With
 * x = 2^k (1 + f), 2/3 <= 1 + f < 4/3, found in x's bits, it is (k - shift) log 2 + f + f^2 q(f), q
 * the minimax polynomial of degree 7 for the relative error, 3.3e-8; at most 2.4 units of 2^-24 are
 * lost with the roundings, of all floats. */
static inline float log_of_scaled(float x, int shift) {
    const uint32_t two_thirds = 0x3f2aaaab, from_start = bits_of_real(x) - two_thirds;
    const uint32_t mantissa = from_start & 0x007fffff;
    float k = (float)(int32_t)(from_start - mantissa - ((uint32_t)shift << 23)); /* 2^23 k */
    float f = real_of_bits(mantissa + two_thirds) - 1, f2 = f * f;
    float q0 = 0.33333197f * f + -0.49999937f, q1 = 0.20011169f * f + -0.2500782f;
    float q2 = 0.13995807f * f + -0.16415961f, q3 = 0.14026360f * f + -0.1538854f;
    float q = (q3 * f2 + q2) * (f2 * f2) + (q1 * f2 + q0);
    return k * 8.26295829e-8f + (f2 * q + f); /* 2^-23 log 2 */
}
#endif

/* log x for x from 0 to 1; in float a finite number for 0. */
static inline gr_real log_of_fraction(gr_real x) {
#ifdef GR_DOUBLE
    return log(x);
#else
    return log_of_scaled(x * 16777216, 24);
#endif
}

/* The same for finite x >= 0; others have to be noticed elsewhere. */
static inline gr_real log_of_positive(gr_real x) {
#ifdef GR_DOUBLE
    return log(x);
#else
    const bool tiny = x < 1.17549435e-38f;
    float l = log_of_scaled(x * either(tiny, 16777216, 1), 0);
    return l - zero_unless(tiny, 16.6355324f); /* 24 log 2 */
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

/* Four sums at a time hide the latency of the addition; they begin at whole vectors. */
static __attribute__((noinline, unused)) double sum_of(int64_t n, const gr_real *x) {
    const int64_t q = n / 64 * 16;
    const gr_real *x1 = x + q, *x2 = x + 2 * q, *x3 = x + 3 * q;
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    _Pragma("omp simd reduction(+ : s0, s1, s2, s3)") for (int64_t i = 0; i < q; i++) {
        s0 += (double)x[i];
        s1 += (double)x1[i];
        s2 += (double)x2[i];
        s3 += (double)x3[i];
    }
    _Pragma("omp simd reduction(+ : s0)") for (int64_t i = 4 * q; i < n; i++) s0 += (double)x[i];
    return (s0 + s1) + (s2 + s3);
}

/* tanh x, with e = e^(-2|x|). In float the quotient loses digits near 0, where the series to x^9
 * stands instead; its next term is below 1e-8 of the value. */
static inline gr_real tanh_of_tail(gr_real x, gr_real e) {
#ifdef GR_DOUBLE
    (void)e;
    return tanh(x);
#else
    float square = x * x, series = 62 / 2835.0f, far = (1 - e) * inverse_of_1_to_2(1 + e);
    series = series * square - 17 / 315.0f;
    series = series * square + 2 / 15.0f;
    series = series * square - 1 / 3.0f;
    float near = x + x * square * series;
    return either(fabsf(x) < 0.25f, near, either(x < 0, -far, far));
#endif
}

/* log cosh x, with the same e. Near 0, where |x| - log 2 + log(1 + e) loses digits, it is in float
 * x^2 q(x^2), q the minimax polynomial of degree 6 for the relative error, 6.8e-9; in double
 * log(1 + 2 sinh^2(x/2)), where t + t/(1+t) with t = e^(|x|/2) - 1 is 2 sinh(|x|/2). */
static inline gr_real log_of_cosh(gr_real x, gr_real e) {
    gr_real a = GR_MATH(fabs)(x), far = a - (gr_real)0.69314718055994531 + log1p_of_unit(e);
#ifdef GR_DOUBLE
    double t = expm1(a / 2), sinh2 = t + t / (1 + t), near = log1p(sinh2 * sinh2 / 2);
#else
    float x2 = x * x, q0 = -0.083332993f * x2 + 0.5f, q1 = -0.0067104384f * x2 + 0.022216575f;
    float q2 = -0.00055622644f * x2 + 0.0020773479f, x4 = x2 * x2;
    float near = x2 * (((8.6571225e-5f * x4 + q2) * x4 + q1) * x4 + q0);
#endif
    return either(a < 1, near, far);
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
    gr_real share = either(z > 0, 1 - y, y);
    return zero_unless(share != 0, GR_MATH(fabs)(z) * share);
}

/* s(z) - y, where tail = s(-|z|) keeps the digits of s(z) - 1 for a large z and y = 1. */
static inline gr_real sigmoid_minus(gr_real z, gr_real y, gr_real tail) {
    return either(z < 0, tail - y, (1 - y) - tail);
}

#endif
