/* By instruction set: what limits.c measures the machine with. */
#ifndef PEAK_H
#define PEAK_H

#include "core/kernels/real.h"

/* Rounds of fused multiply-adds; returns how many operations they were. */
double peak_base(long rounds, gr_real *sink);
double peak_avx2(long rounds, gr_real *sink);
double peak_avx512(long rounds, gr_real *sink);

/* a = b + 3 c, n numbers each. */
void triad_base(long n, gr_real *a, const gr_real *b, const gr_real *c);
void triad_avx2(long n, gr_real *a, const gr_real *b, const gr_real *c);
void triad_avx512(long n, gr_real *a, const gr_real *b, const gr_real *c);

/* a = a + 3 b, in place. */
void update_base(long n, gr_real *a, const gr_real *b);
void update_avx2(long n, gr_real *a, const gr_real *b);
void update_avx512(long n, gr_real *a, const gr_real *b);

#endif
