/* Rows to columns. */
#include "core/kernels/transpose.h"

const gr_transpose_kernels GR_FOR_ISA(gr_transpose) = {.transpose = transpose};
