/* A block of vectors transposed in registers, for the kernels that turn rows to columns. */
#ifndef GR_TRANSPOSE_H
#define GR_TRANSPOSE_H

#include "core/kernels/shuffle.h"

#if defined(__AVX512F__)
#define FLOATS 16
#define DOUBLES 8
#elif defined(__AVX__)
#define FLOATS 8
#define DOUBLES 4
#else
#define FLOATS 4
#define DOUBLES 2
#endif

#ifdef GR_DOUBLE
#define LANES DOUBLES
#else
#define LANES FLOATS
#endif
typedef gr_real vec __attribute__((vector_size(LANES * sizeof(gr_real))));
typedef gr_real loose_vec
    __attribute__((vector_size(LANES * sizeof(gr_real)), aligned(sizeof(gr_real)), may_alias));

DEFINE_TRANSPOSE(transpose_block, vec, LANES)

#endif
