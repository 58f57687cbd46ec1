/* Copying between arrays that are walked in different orders. */
#ifndef GR_COPY_H
#define GR_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "core/kernels/kernels.h"

#pragma GCC visibility push(hidden)

enum { GR_COPY_DIMS = 6 };

/* target[i to[0] + j to[1] + ..] = source[i from[0] + j from[1] + ..] for all i < dim[0],
 * j < dim[1] and so on. Strides count elements; those of the source may be 0 or negative. The last
 * dimension should be the one in which the target runs fastest. The arrays don't overlap. */
typedef struct gr_copy {
    void *target;
    const void *source;
    size_t element; /* bytes of one: 4 or 8 */
    int ndim;
    int64_t dim[GR_COPY_DIMS], to[GR_COPY_DIMS], from[GR_COPY_DIMS];
    const gr_transpose_kernels *kernels; /* used for elements of gr_real's size */
} gr_copy;

void gr_copy_strided(const gr_copy *copy, int threads);

#pragma GCC visibility pop

#endif
