#include "core/data/neighbours_internal.h"

#include "core/graph/graph_internal.h"

typedef struct search {
    const gr_kernels *kernels;
    const gr_real *x; /* (n,width) */
    int n, k;
    int64_t width;
    int32_t *nearest;  /* (n,k) */
    gr_real *distance; /* theirs, squared */
} search;

enum {
    BLOCK = 256,         /* distances computed at once */
    PIECE_WORK = 1 << 16 /* differences in a piece of work for one thread */
};

/* Puts row j into a list of the k nearest, of which `filled` are known. */
static void insert(const search *s, int32_t *nearest, gr_real *distance, int filled, int32_t j,
                   gr_real d) {
    int at = filled < s->k ? filled : s->k - 1;
    for (; at > 0 && distance[at - 1] > d; at--) {
        distance[at] = distance[at - 1];
        nearest[at] = nearest[at - 1];
    }
    distance[at] = d;
    nearest[at] = j;
}

static void search_for(const search *s, int i) {
    int32_t *nearest = s->nearest + (int64_t)i * s->k;
    gr_real *distance = s->distance + (int64_t)i * s->k, block[BLOCK];
    int filled = 0;
    for (int begin = 0; begin < s->n; begin += BLOCK) {
        int size = s->n - begin < BLOCK ? s->n - begin : BLOCK;
        s->kernels->distance->squared(size, s->width, s->x + i * s->width, s->x + begin * s->width,
                                      block);
        for (int j = 0; j < size; j++) {
            if (begin + j == i || (filled == s->k && block[j] >= distance[filled - 1])) continue;
            insert(s, nearest, distance, filled, begin + j, block[j]);
            if (filled < s->k) filled++;
        }
    }
}

static void search_range(void *context, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) search_for(context, (int)i);
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
    gr_for(g, n, 1 + PIECE_WORK / (n * (width + 1)), search_range, &s);
    return nearest->index;
}
