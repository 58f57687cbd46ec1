/* Sorting: a stable merge sort of the indices; values and gradients come from gather. */
#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/axis_internal.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"

#include <string.h>

enum {
    RUN = 16,         /* elements that are sorted by insertion before runs are merged */
    FEW = 32,         /* up to so many, the first k are kept in order while the row is read */
    PER_WORKER = 4096 /* elements that are worth a thread */
};

#ifdef GR_DOUBLE
typedef uint64_t sort_key;
#else
typedef uint32_t sort_key;
#endif

typedef struct entry {
    sort_key key;
    int32_t index;
} entry;

/* Rows of n elements; the first k indices of each row's order are the result. */
typedef struct sort_work {
    int64_t rows, n, k;
    int64_t workers; /* each does every workers-th row */
    bool descending;
    entry *scratch; /* 2 n for each worker */
    const gr_real *x;
    int32_t *y;
} sort_work;

/* An unsigned number in the order of the reals: -inf < .. < -0 = 0 < .. < inf < NaN. The bits of a
 * positive float are in order already, those of a negative one in the reverse order. */
static sort_key key_of(gr_real x, bool descending) {
    const sort_key sign = (sort_key)1 << (8 * sizeof(sort_key) - 1);
    sort_key bits;
    x += 0; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    sort_key key = x != x ? ~(sort_key)0 : bits & sign ? ~bits : bits | sign;
    return descending ? ~key : key;
}

static void sort_run(entry *e, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        entry moving = e[i];
        int64_t j = i;
        for (; j > 0 && e[j - 1].key > moving.key; j--) e[j] = e[j - 1];
        e[j] = moving;
    }
}

/* Merges the sorted a (n_a) and b (n_b) to `to`; equal ones from a first. */
static void merge(const entry *a, int64_t n_a, const entry *b, int64_t n_b, entry *to) {
    const entry *a_end = a + n_a, *b_end = b + n_b;
    while (a < a_end && b < b_end) {
        bool from_b = b->key < a->key;
        *to++ = from_b ? *b : *a;
        b += from_b;
        a += !from_b;
    }
    memcpy(to, a, (size_t)(a_end - a) * sizeof *a);
    memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof *b);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Sorts e (n) with the help of `other` (n), and returns which of the two holds the result. */
static entry *merge_sort(entry *e, entry *other, int64_t n) {
    for (int64_t i = 0; i < n; i += RUN) sort_run(e + i, least(RUN, n - i));
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t middle = least(i + width, n), end = least(i + 2 * width, n);
            merge(e + i, middle - i, e + middle, end - middle, other + i);
        }
        entry *sorted = other;
        other = e;
        e = sorted;
    }
    return e;
}

/* The first k of the order of x (n) in e, which has room for them. */
static void keep_first(const sort_work *w, const gr_real *x, entry *e) {
    int64_t kept = 0;
    for (int64_t i = 0; i < w->n; i++) {
        sort_key key = key_of(x[i], w->descending);
        if (kept == w->k && key >= e[kept - 1].key) continue;
        int64_t j = kept < w->k ? kept++ : kept - 1;
        for (; j > 0 && e[j - 1].key > key; j--) e[j] = e[j - 1];
        e[j] = (entry){key, (int32_t)i};
    }
}

static void sort_row(const sort_work *w, int64_t row, entry *e) {
    const gr_real *x = w->x + row * w->n;
    if (w->k <= FEW && w->k < w->n) {
        keep_first(w, x, e);
    } else {
        for (int64_t i = 0; i < w->n; i++) e[i] = (entry){key_of(x[i], w->descending), (int32_t)i};
        e = merge_sort(e, e + w->n, w->n);
    }
    for (int64_t i = 0; i < w->k; i++) w->y[row * w->k + i] = e[i].index;
}

static void sort_range(void *context, int64_t begin, int64_t end) {
    const sort_work *w = context;
    for (int64_t worker = begin; worker < end; worker++)
        for (int64_t row = worker; row < w->rows; row += w->workers)
            sort_row(w, row, w->scratch + worker * 2 * w->n);
}

static bool sort_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    shape->dim[shape->ndim - 1] = (int)((const sort_work *)n->params)->k;
    return true;
}
static void sort_forward(const gr_node *n) {
    sort_work w = *(const sort_work *)n->params;
    w.x = n->in[0]->data;
    w.y = n->out->index;
    if (n->out->size > 0) gr_for(n->graph, w.workers, 1, sort_range, &w);
}

/* The one operation, which sorts along the last axis, under the names of its users. */
#define SORT_OP(name_)                                                                             \
    static const gr_op name_##_op = {.name = "gr_" #name_,                                         \
                                     .operands = {"x"},                                            \
                                     .kind = GR_INDEX,                                             \
                                     .shape = sort_shape,                                          \
                                     .forward = sort_forward};

SORT_OP(argsort)
SORT_OP(sort)
SORT_OP(topk)

static gr_tensor *sort_last_axis(const gr_op *op, gr_tensor *x, int k, bool descending) {
    int n = x->shape.dim[x->shape.ndim - 1];
    sort_work w = {.rows = gr_outer_size(x->shape, x->shape.ndim - 1),
                   .n = n,
                   .k = k,
                   .descending = descending};
    w.workers = least(least(1 + x->size / PER_WORKER, x->graph->threads), w.rows);
    size_t bytes = (size_t)w.workers * 2 * (size_t)n * sizeof(entry);
    w.scratch = gr_arena_alloc(&x->graph->step, bytes, GR_ALIGN_DATA);
    if (w.scratch == NULL)
        return gr_fail(x->graph, "%s: no memory for sorting %s, %zu bytes", op->name,
                       gr_describe(x, "x").text, bytes);
    return gr_apply(op, GR_LIST(x), &w, sizeof w);
}

/* The indices of the first k in order along the axis, which counts from 0. */
static gr_tensor *first_indices(const gr_op *op, gr_tensor *x, int axis, int k, bool descending) {
    if (x->kind != GR_REAL)
        return gr_fail(x->graph, "%s: %s holds integers, expected real numbers", op->name,
                       gr_describe(x, "x").text);
    if (axis == x->shape.ndim - 1) return sort_last_axis(op, x, k, descending);
    gr_tensor *rows = gr_transpose(gr_detach(x), axis, -1);
    if (rows == NULL) return NULL;
    return gr_transpose(sort_last_axis(op, rows, k, descending), axis, -1);
}

gr_tensor *gr_argsort(gr_tensor *x, int axis, bool descending) {
    if (x == NULL || !gr_resolve_axis(x, &axis, "gr_argsort")) return NULL;
    return first_indices(&argsort_op, x, axis, x->shape.dim[axis], descending);
}

gr_tensor *gr_sort_(gr_sort_args a) {
    if (a.indices != NULL) *a.indices = NULL;
    if (a.x == NULL || !gr_resolve_axis(a.x, &a.axis, "gr_sort")) return NULL;
    gr_tensor *order = first_indices(&sort_op, a.x, a.axis, a.x->shape.dim[a.axis], a.descending);
    if (order == NULL) return NULL;
    gr_tensor *y = gr_gather(a.x, a.axis, order);
    if (a.indices != NULL && y != NULL) *a.indices = order;
    return y;
}

gr_tensor *gr_topk_(gr_topk_args a) {
    if (a.indices != NULL) *a.indices = NULL;
    if (a.x == NULL || !gr_resolve_axis(a.x, &a.axis, "gr_topk")) return NULL;
    int length = a.x->shape.dim[a.axis];
    if (a.k < 0 || a.k > length)
        return gr_fail(a.x->graph,
                       "gr_topk: k is %d, expected 0 to %d, the length of axis %d of %s", a.k,
                       length, a.axis, gr_describe(a.x, "x").text);
    gr_tensor *order = first_indices(&topk_op, a.x, a.axis, a.k, !a.smallest);
    if (order == NULL) return NULL;
    gr_tensor *y = gr_gather(a.x, a.axis, order);
    if (a.indices != NULL && y != NULL) *a.indices = order;
    return y;
}
