/* Orders of an epoch in which each batch has the classes' shares. */
#include "core/data/batches_internal.h"
#include "core/data/classes_internal.h"
#include "core/graph/random.h"

#include <string.h>

/* N rows are F full batches of b and a last one of r < b. Class c has n_c rows; its exact share of
 * a full batch is b n_c / N. Each full batch gets the whole part of that, and
 *
 *     e_c = n_c - F floor(b n_c / N) - last_c
 *
 * of them get one row more, where last_c is r n_c / N rounded down or up. e_c is from 0 to F, and
 * the e_c add up to a multiple of F. So dealing the batches around in a circle, the first e_0 to
 * class 0, the next e_1 to class 1 and so on, gives a class no batch twice, and each batch as many
 * rows as it needs. */
struct gr_strata {
    gr_classes classes;
    int rows, batch, full; /* N, b, F */
    int32_t *last;         /* of each class */
    int32_t *pool;         /* rows by class, in random order */
    int32_t *next;         /* of each class, where in the pool */
    int32_t *turn;         /* full batches in random order */
};

gr_strata *gr_strata_new(const gr_tensor *labels, int batch) {
    const char *who = "gr_batches_new";
    gr_graph *g = labels->graph;
    gr_strata *s = gr_alloc_lasting(g, sizeof *s);
    if (s == NULL || !gr_classes_of(&s->classes, labels, who, "stratify", true)) return NULL;
    s->rows = labels->shape.dim[0];
    s->batch = batch;
    s->full = s->rows / batch;
    s->last = gr_integers(g, who, s->classes.n, true);
    s->pool = gr_integers(g, who, s->rows, true);
    s->next = gr_integers(g, who, s->classes.n, true);
    s->turn = gr_integers(g, who, s->full, true);
    if (s->last == NULL || s->pool == NULL || s->next == NULL || s->turn == NULL) return NULL;
    for (int c = 0; c < s->classes.n; c++) s->next[c] = gr_class_size(&s->classes, c);
    bool shared = gr_share_out(g, who, s->classes.n, s->next, s->rows % batch, s->last);
    return shared ? s : NULL;
}

static void shuffle_classes(const gr_strata *s, gr_graph *g) {
    if (s->rows > 0) memcpy(s->pool, s->classes.row, (size_t)s->rows * sizeof *s->pool);
    for (int c = 0; c < s->classes.n; c++) {
        s->next[c] = s->classes.begin[c];
        gr_shuffle(g, s->pool + s->next[c], gr_class_size(&s->classes, c));
    }
    gr_fill_permutation(g, s->turn, s->full);
}

/* The next n rows of class c. */
static int32_t *take(const gr_strata *s, int c, int n, int32_t *to) {
    for (int i = 0; i < n; i++) *to++ = s->pool[s->next[c]++];
    return to;
}

/* The full batch that is the p-th on the circle. */
static void fill_batch(const gr_strata *s, int p, int32_t *to) {
    int64_t first = 0; /* on the circle, of those with one row more of class c */
    for (int c = 0; c < s->classes.n; c++) {
        int64_t size = gr_class_size(&s->classes, c), whole = s->batch * size / s->rows;
        int64_t more = size - s->full * whole - s->last[c];
        bool one_more = (p - first + s->full) % s->full < more;
        to = take(s, c, (int)whole + one_more, to);
        first = (first + more) % s->full;
    }
}

void gr_strata_order(const gr_strata *s, gr_graph *g, int32_t *order) {
    shuffle_classes(s, g);
    for (int p = 0; p < s->full; p++) {
        int32_t *batch = order + (int64_t)s->turn[p] * s->batch;
        fill_batch(s, p, batch);
        gr_shuffle(g, batch, s->batch);
    }
    int32_t *last = order + (int64_t)s->full * s->batch, *to = last;
    for (int c = 0; c < s->classes.n; c++) to = take(s, c, s->last[c], to);
    gr_shuffle(g, last, s->rows % s->batch);
}
