/* The mathematical functions under one name for both precisions, declared so that loops over them
 * are vectorised: glibc has vector forms of most (libmvec, at most 4 units in the last place off).
 */
#ifndef GR_VECTOR_MATH_H
#define GR_VECTOR_MATH_H

#include <math.h>

#include "core/kernels/real.h"

#ifdef GR_DOUBLE
#define GR_MATH(name) name
#else
#define GR_MATH(name) name##f
#endif

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define GR_VECTOR_FORM __attribute__((simd("notinbranch")))
#if __GLIBC_PREREQ(2, 22)
GR_VECTOR_FORM gr_real GR_MATH(exp)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(log)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(sin)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(cos)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(pow)(gr_real, gr_real);
#ifndef GR_DOUBLE
GR_VECTOR_FORM double exp(double);
GR_VECTOR_FORM double log(double);
#endif
#endif
#if __GLIBC_PREREQ(2, 35)
GR_VECTOR_FORM gr_real GR_MATH(log1p)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(expm1)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(tanh)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(erf)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(erfc)(gr_real);
GR_VECTOR_FORM gr_real GR_MATH(atan2)(gr_real, gr_real);
#endif
#endif

#endif
