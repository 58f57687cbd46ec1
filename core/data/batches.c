#include "core/data/batches_internal.h"
#include "core/data/rows_internal.h"
#include "core/graph/graph_internal.h"

static bool usable(const gr_tensor *t, const char *formal, int rows) {
    if (t->lasting && t->shape.ndim > 0 && t->shape.dim[0] == rows) return true;
    gr_fail(t->graph, "gr_batches_new: %s%s, expected a lasting tensor with as many rows as x",
            gr_describe(t, formal).text, t->lasting ? "" : " of the step");
    return false;
}

gr_batches *gr_batches_new_(gr_batches_args a) {
    if (a.x == NULL) return NULL;
    gr_graph *g = a.x->graph;
    if (a.batch < 1) return gr_fail(g, "gr_batches_new: batch is %d, expected 1 or more", a.batch);
    int rows = gr_row_count(a.x);
    if (!usable(a.x, "x", rows) || (a.y != NULL && !usable(a.y, "y", rows))) return NULL;
    gr_batches *b = gr_alloc_lasting(g, sizeof *b);
    int32_t *order = gr_alloc_lasting(g, (size_t)rows * sizeof *order);
    if (b == NULL || order == NULL) return NULL;
    for (int i = 0; i < rows; i++) order[i] = i;
    *b = (gr_batches){.x = a.x,
                      .y = a.y,
                      .order = order,
                      .length = rows,
                      .batch = a.batch,
                      .at = -1,
                      .shuffle = a.shuffle,
                      .drop_last = a.drop_last};
    return b;
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
    if (b->at < 0) {
        b->at = 0;
        if (b->shuffle) gr_fill_permutation(b->x->graph, b->order, b->length);
    }
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
