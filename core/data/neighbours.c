#include "core/data/neighbours_internal.h"

#include "core/graph/graph_internal.h"

#include <math.h>

typedef struct search {
    const gr_kernels *kernels;
    const gr_real *x; /* (n,width) */
    int n, k;
    int64_t width;
    int32_t *nearest;  /* (n,k) */
    gr_real *distance; /* theirs, squared */
} search;

enum {
    BLOCK = 64,          /* rows that stay in the cache while others are compared with them */
    PIECE = 32,          /* rows, at least, that one thread compares with the block */
    PIECE_WORK = 1 << 16 /* differences in a piece of work for one thread */
};

/* Puts row j into the list of the k nearest, if it is nearer than the last one there. */
static void offer(int k, int32_t *nearest, gr_real *distance, int32_t j, gr_real d) {
    if (!(d < distance[k - 1])) return;
    int at = k - 1;
    for (; at > 0 && distance[at - 1] > d; at--) {
        distance[at] = distance[at - 1];
        nearest[at] = nearest[at - 1];
    }
    distance[at] = d;
    nearest[at] = j;
}

/* Row i beside rows [begin, begin + size). */
static void compare(const search *s, int64_t i, int begin, int size) {
    gr_real d[BLOCK];
    s->kernels->distance->squared(size, s->width, s->x + i * s->width, s->x + begin * s->width, d);
    for (int j = 0; j < size; j++)
        if (begin + j != i)
            offer(s->k, s->nearest + i * s->k, s->distance + i * s->k, begin + j, d[j]);
}

static void search_range(void *context, int64_t first, int64_t end) {
    const search *s = context;
    for (int64_t i = first * s->k; i < end * s->k; i++) s->distance[i] = (gr_real)INFINITY;
    for (int begin = 0; begin < s->n; begin += BLOCK) {
        int size = s->n - begin < BLOCK ? s->n - begin : BLOCK;
        for (int64_t i = first; i < end; i++) compare(s, i, begin, size);
    }
}

const int32_t *gr_nearest_rows(gr_graph *g, const char *who, const gr_real *x, int n, int64_t width,
                               int k) {
    gr_tensor *nearest = gr_tensor_new(g, who, GR_INDEX, GR_SHAPE(n, k), false);
    gr_tensor *distance = gr_tensor_new(g, who, GR_REAL, GR_SHAPE(n, k), false);
    if (nearest == NULL || distance == NULL) return NULL;
    search s = {.kernels = g->kernels,
                .x = x,
                .n = n,
                .k = k,
                .width = width,
                .nearest = nearest->index,
                .distance = distance->data};
    gr_for(g, n, PIECE + PIECE_WORK / (n * (width + 1)), search_range, &s);
    return nearest->index;
}
