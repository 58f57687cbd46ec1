/* What operations that move a window over an image share. */
#ifndef GR_WINDOW_INTERNAL_H
#define GR_WINDOW_INTERNAL_H

#include "core/ops/conv.h"

#pragma GCC visibility push(hidden)

/* Options of a window, each for height and width. */
typedef struct gr_window {
    int kernel[2], stride[2], padding[2], dilation[2];
} gr_window;

/* "(2,1)" */
gr_text gr_pair_text(const int pair[2]);
void gr_pair_split(gr_pair pair, int parts[2]);
/* False after an error that names the option if it is less than `low`. */
bool gr_pair_at_least(const gr_node *n, const char *name, const int pair[2], int low);
/* False after an error unless operand 0 is (N,C,H,W) and all numbers of the window are possible. */
bool gr_window_check(const gr_node *n, const gr_window *w);
/* The number of the window's places in each direction of operand 0; false after an error if there
 * are none. */
bool gr_window_places(const gr_node *n, const gr_window *w, int places[2]);

#pragma GCC visibility pop

#endif
