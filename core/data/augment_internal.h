/* What augmentations share: pictures in and out, and what was drawn for each. */
#ifndef GR_AUGMENT_INTERNAL_H
#define GR_AUGMENT_INTERNAL_H

#include "core/data/augment.h"
#include "core/graph/graph_internal.h"

#pragma GCC visibility push(hidden)

/* One augmentation of n pictures. */
typedef struct gr_pictures {
    gr_graph *graph;
    const char *who;
    gr_tensor *result;
    const gr_real *x; /* (n,channels,height,width) */
    gr_real *y;       /* (n,channels,rows,columns) */
    int n, channels, height, width, rows, columns;
    void *draws; /* what the augmentation draws for each picture, an array of n */
} gr_pictures;

/* False after an error unless x is pictures. */
bool gr_pictures_check(const char *who, const gr_tensor *x);
/* Checks x, and makes the result, of pictures of another size, and room for n draws of that many
 * bytes. False after an error, and for an x of NULL. */
bool gr_pictures_begin(gr_pictures *p, const char *who, const gr_tensor *x, int rows, int columns,
                       size_t draw_bytes);
/* Calls f for the pictures, in pieces; returns the result. `work` is about the number of operations
 * for a pixel of the result. */
gr_tensor *gr_pictures_run(gr_pictures *p, gr_range_function *f, int work);

/* Picture i, and elements in it. */
static inline int64_t gr_picture_size(const gr_pictures *p) {
    return (int64_t)p->channels * p->height * p->width;
}
static inline const gr_real *gr_picture_in(const gr_pictures *p, int64_t i) {
    return p->x + i * gr_picture_size(p);
}
static inline gr_real *gr_picture_out(const gr_pictures *p, int64_t i) {
    return p->y + i * p->channels * p->rows * p->columns;
}

bool gr_check_probability(gr_graph *g, const char *who, double p);
/* Uniform in [low, high). */
double gr_random_between(gr_graph *g, double low, double high);

#pragma GCC visibility pop

#endif
