/* Where one tap of a window falls, for the kernels that move a window over an image. */
#ifndef GR_TAP_H
#define GR_TAP_H

#include "core/kernels/kernels.h"

/* Beside the window's position, and the columns [low, high) of a row of positions at which it is
 * within the image. */
typedef struct tap {
    int64_t row, column, low, high;
} tap;

static inline int64_t clamped(int64_t x, int64_t high) { return x < 0 ? 0 : x > high ? high : x; }

static inline tap tap_at(const gr_patches *p, int i, int j) {
    tap t = {.row = (int64_t)i * p->dilation[0] - p->padding[0],
             .column = (int64_t)j * p->dilation[1] - p->padding[1]};
    int64_t s = p->stride[1], left = p->width - t.column;
    t.low = t.column < 0 ? clamped((-t.column + s - 1) / s, p->out_width) : 0;
    t.high = left > 0 ? clamped((left + s - 1) / s, p->out_width) : 0;
    if (t.high < t.low) t.high = t.low;
    return t;
}

#endif
