/* Fused multiply-adds by instruction set: returns how many operations `rounds` rounds were. */
#ifndef PEAK_H
#define PEAK_H

#include "core/kernels/real.h"

double peak_base(long rounds, gr_real *sink);
double peak_avx2(long rounds, gr_real *sink);
double peak_avx512(long rounds, gr_real *sink);

#endif
