#include "core/data/batches_internal.h"
#include "core/data/rows_internal.h"
#include "core/graph/graph_internal.h"

#include <math.h>

static bool usable(const gr_tensor *t, const char *formal, int rows) {
    if (t->lasting && t->shape.ndim > 0 && t->shape.dim[0] == rows) return true;
    gr_fail(t->graph, "gr_batches_new: %s%s, expected a lasting tensor with as many rows as x",
            gr_describe(t, formal).text, t->lasting ? "" : " of the step");
    return false;
}

static bool options_fit(const gr_batches_args *a, gr_graph *g) {
    if (a->batch < 1)
        return gr_fail(g, "gr_batches_new: batch is %d, expected 1 or more", a->batch);
    if (a->weights != NULL && a->stratify != NULL)
        return gr_fail(g, "gr_batches_new: weights and stratify, expected at most one of them");
    if (a->weights == NULL && a->samples != 0)
        return gr_fail(g, "gr_batches_new: samples is %d without weights to draw them by",
                       a->samples);
    return a->samples >= 0 ||
           gr_fail(g, "gr_batches_new: samples is %d, expected 1 or more", a->samples);
}

/* The sums of the weights up to each row, divided by the largest weight, so that none overflows;
 * NULL after an error. */
static double *add_up(const gr_tensor *weights, int rows) {
    gr_graph *g = weights->graph;
    gr_text text = gr_describe(weights, "weights");
    if (weights->kind != GR_REAL || weights->shape.ndim != 1 || weights->shape.dim[0] != rows)
        return gr_fail(g, "gr_batches_new: %s%s, expected reals (%d), one for each row", text.text,
                       weights->kind == GR_REAL ? "" : " holds integers", rows);
    double largest = 0, sum = 0;
    for (int i = 0; i < rows; i++) {
        double w = weights->data[i];
        if (!(w >= 0) || isinf(w))
            return gr_fail(g, "gr_batches_new: %s has %g at (%d), expected 0 or more, and finite",
                           text.text, w, i);
        largest = fmax(largest, w);
    }
    if (largest == 0)
        return gr_fail(g, "gr_batches_new: %s has none above 0, so that no row can be drawn",
                       text.text);
    double *cumulative = gr_alloc_lasting(g, (size_t)rows * sizeof *cumulative);
    for (int i = 0; cumulative != NULL && i < rows; i++)
        cumulative[i] = sum += weights->data[i] / largest;
    return cumulative;
}

/* False after an error. */
static bool add_sampler(gr_batches *b, const gr_batches_args *a, int rows) {
    gr_graph *g = a->x->graph;
    if (a->weights != NULL) {
        b->cumulative = add_up(a->weights, rows);
        return b->cumulative != NULL;
    }
    if (a->stratify == NULL) return true;
    if (a->stratify->shape.ndim != 1 || a->stratify->shape.dim[0] != rows)
        return gr_fail(g, "gr_batches_new: %s, expected integers (%d), one for each row",
                       gr_describe(a->stratify, "stratify").text, rows);
    b->strata = gr_strata_new(a->stratify, a->batch);
    return b->strata != NULL;
}

gr_batches *gr_batches_new_(gr_batches_args a) {
    if (a.x == NULL) return NULL;
    gr_graph *g = a.x->graph;
    int rows = gr_row_count(a.x), length = a.samples > 0 ? a.samples : rows;
    if (!options_fit(&a, g) || !usable(a.x, "x", rows) || (a.y != NULL && !usable(a.y, "y", rows)))
        return NULL;
    gr_batches *b = gr_alloc_lasting(g, sizeof *b);
    int32_t *order = gr_alloc_lasting(g, (size_t)length * sizeof *order);
    if (b == NULL || order == NULL) return NULL;
    *b = (gr_batches){.x = a.x,
                      .y = a.y,
                      .order = order,
                      .length = length,
                      .batch = a.batch,
                      .at = -1,
                      .shuffle = a.shuffle,
                      .drop_last = a.drop_last};
    if (!add_sampler(b, &a, rows)) return NULL;
    for (int i = 0; i < length; i++) order[i] = i % rows; /* a checkpoint may hold them */
    return b;
}

/* The first row whose sum is above u, which no row of weight 0 is: its sum is its predecessor's. */
static int32_t find(const double *cumulative, int rows, double u) {
    int low = 0, high = rows - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (cumulative[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void begin_epoch(gr_batches *b) {
    gr_graph *g = b->x->graph;
    int rows = gr_row_count(b->x);
    b->at = 0;
    if (b->cumulative != NULL) {
        double sum = b->cumulative[rows - 1]; /* 1 or more, so that u is less than it */
        for (int i = 0; i < b->length; i++)
            b->order[i] = find(b->cumulative, rows, gr_random_uniform(g) * sum);
    } else if (b->strata != NULL) {
        gr_strata_order(b->strata, g, b->order);
    } else if (b->shuffle) {
        gr_fill_permutation(g, b->order, b->length);
    }
}

static gr_tensor *batch_of(const gr_batches *b, const gr_tensor *from, int n) {
    gr_shape shape = from->shape;
    shape.dim[0] = n;
    gr_tensor *t = gr_tensor_new(from->graph, "gr_batch_next", from->kind, shape, false);
    if (t != NULL) gr_copy_rows(t, from, b->order + b->at);
    return t;
}

bool gr_batch_next(gr_batches *b, gr_tensor **x, gr_tensor **y) {
    if (x != NULL) *x = NULL;
    if (y != NULL) *y = NULL;
    if (b == NULL || gr_failed(b->x->graph)) return false;
    if (b->at < 0) begin_epoch(b);
    int left = b->length - b->at, n = left < b->batch ? left : b->batch;
    if (n == 0 || (b->drop_last && n < b->batch)) {
        gr_batch_restart(b);
        return false;
    }
    gr_tensor *batch_x = batch_of(b, b->x, n),
              *batch_y = b->y == NULL ? NULL : batch_of(b, b->y, n);
    if (batch_x == NULL || (b->y != NULL && batch_y == NULL)) return false;
    if (x != NULL) *x = batch_x;
    if (y != NULL) *y = batch_y;
    b->at += n;
    return true;
}

void gr_batch_restart(gr_batches *b) {
    if (b != NULL) b->at = -1;
}

int gr_batch_count(const gr_batches *b) {
    if (b == NULL) return 0;
    return b->length / b->batch + (b->length % b->batch > 0 && !b->drop_last);
}
