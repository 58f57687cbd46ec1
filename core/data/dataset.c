#include "core/data/dataset.h"

#include "core/data/batches_place_internal.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static int rows_of(const gr_tensor *t) { return t->shape.ndim == 0 ? 1 : t->shape.dim[0]; }

/* Elements in a row; also right where there are no rows. */
static int64_t row_size(const gr_tensor *t) {
    int64_t size = 1;
    for (int i = 1; i < t->shape.ndim; i++) size *= t->shape.dim[i];
    return size;
}

static void copy_rows(gr_tensor *to, const gr_tensor *from, const int32_t *rows) {
    size_t size = (size_t)row_size(from);
    if (size == 0) return;
    for (int i = 0; i < rows_of(to); i++) {
        if (from->kind == GR_REAL)
            memcpy(to->data + (size_t)i * size, from->data + (size_t)rows[i] * size,
                   size * sizeof(gr_real));
        else
            memcpy(to->index + (size_t)i * size, from->index + (size_t)rows[i] * size,
                   size * sizeof(int32_t));
    }
}

/* -- Parts -- */

static gr_tensor *keep_part(gr_graph *g, const int32_t *rows, int n) {
    gr_tensor *t = gr_tensor_new(g, "gr_split_rows", GR_INDEX, GR_SHAPE(n), true);
    if (t != NULL && n > 0) memcpy(t->index, rows, (size_t)n * sizeof *rows);
    return t;
}

gr_parts gr_split_rows_(gr_graph *g, gr_split_rows_args a) {
    const gr_parts failed = {NULL, NULL, NULL};
    if (g == NULL) return failed;
    if (a.rows < 0 || !(a.validation >= 0) || !(a.test >= 0) || !(a.validation + a.test <= 1)) {
        gr_fail(g,
                "gr_split_rows: %d rows, shares %g for validation and %g for test: expected no "
                "negative number and shares that add up to at most 1",
                a.rows, a.validation, a.test);
        return failed;
    }
    gr_tensor *order = gr_permutation(g, a.rows);
    if (order == NULL) return failed;
    int validation = (int)lround(a.rows * a.validation), test = (int)lround(a.rows * a.test);
    if (validation + test > a.rows) test = a.rows - validation; /* both were rounded up */
    int train = a.rows - validation - test;
    gr_parts parts = {.train = keep_part(g, order->index, train),
                      .validation = keep_part(g, order->index + train, validation),
                      .test = keep_part(g, order->index + train + validation, test)};
    bool made = parts.train != NULL && parts.validation != NULL && parts.test != NULL;
    return made ? parts : failed;
}

gr_tensor *gr_take_rows(const gr_tensor *x, const gr_tensor *rows) {
    if (x == NULL || rows == NULL) return NULL;
    if (x->shape.ndim == 0 || rows->kind != GR_INDEX || rows->shape.ndim != 1)
        return gr_fail(x->graph, "gr_take_rows: %s and %s, expected rows, and integers (K)",
                       gr_describe(x, "x").text, gr_describe(rows, "rows").text);
    for (int i = 0; i < rows->shape.dim[0]; i++)
        if (rows->index[i] < 0 || rows->index[i] >= rows_of(x))
            return gr_fail(x->graph, "gr_take_rows: rows[%d] is %d, expected 0 to %d for %s", i,
                           rows->index[i], rows_of(x) - 1, gr_describe(x, "x").text);
    gr_shape shape = x->shape;
    shape.dim[0] = rows->shape.dim[0];
    gr_tensor *taken = gr_tensor_new(x->graph, "gr_take_rows", x->kind, shape, true);
    if (taken != NULL) copy_rows(taken, x, rows->index);
    return taken;
}

/* -- Scaling -- */

/* Mean and deviation of one column, `stride` elements from row to row. Sums are in long double,
 * whose range holds the squares of any double on most machines. */
static bool measure_column(const gr_real *x, int rows, int64_t stride, double *mean,
                           double *deviation) {
    long double sum = 0, squares = 0;
    double least = INFINITY, most = -INFINITY;
    int n = 0;
    *mean = 0;
    *deviation = 1;
    for (int i = 0; i < rows; i++) {
        double value = x[i * stride];
        if (isnan(value)) continue;
        if (isinf(value)) return false;
        sum += value;
        least = fmin(least, value);
        most = fmax(most, value);
        n++;
    }
    if (n == 0) return true;
    *mean = (double)(sum / n);
    if (least == most) *mean = least; /* exact, where the sum was rounded */
    for (int i = 0; i < rows; i++) {
        long double d = (long double)x[i * stride] - *mean;
        if (!isnan(x[i * stride])) squares += d * d;
    }
    double measured = (double)sqrtl(squares / n);
    if (least < most && (gr_real)measured > 0) *deviation = measured;
    return true;
}

gr_scaler *gr_scaler_fit_(gr_scaler_args args) {
    gr_tensor *x = args.x;
    if (x == NULL) return NULL;
    gr_graph *g = x->graph;
    if (x->kind != GR_REAL || x->shape.ndim == 0 || rows_of(x) == 0)
        return gr_fail(g, "gr_scaler_fit: %s, expected reals with one row or more",
                       gr_describe(x, "x").text);
    gr_shape row = {.ndim = x->shape.ndim - 1};
    for (int i = 0; i < row.ndim; i++) row.dim[i] = x->shape.dim[i + 1];
    gr_scaler *s = gr_alloc_lasting(g, sizeof *s);
    if (s == NULL) return NULL;
    s->fill_missing = args.fill_missing;
    s->mean = gr_tensor_new(g, "gr_scaler_fit", GR_REAL, row, true);
    s->deviation = gr_tensor_new(g, "gr_scaler_fit", GR_REAL, row, true);
    if (s->mean == NULL || s->deviation == NULL) return NULL;
    int64_t columns = row_size(x);
    for (int64_t c = 0; c < columns; c++) {
        double mean, deviation;
        if (!measure_column(x->data + c, rows_of(x), columns, &mean, &deviation))
            return gr_fail(g, "gr_scaler_fit: column %lld of %s holds an infinite number",
                           (long long)c, gr_describe(x, "x").text);
        s->mean->data[c] = (gr_real)mean;
        s->deviation->data[c] = (gr_real)deviation;
    }
    return s;
}

gr_tensor *gr_scaler_apply(const gr_scaler *s, gr_tensor *x) {
    if (s == NULL || x == NULL) return NULL;
    if (s->fill_missing)
        x = gr_where(gr_eq(x, x), x, s->mean); /* only NaN is not equal to itself */
    return gr_div(gr_sub(x, s->mean), s->deviation);
}

gr_tensor *gr_scaler_invert(const gr_scaler *s, gr_tensor *x) {
    if (s == NULL || x == NULL) return NULL;
    return gr_add(gr_mul(x, s->deviation), s->mean);
}

/* -- Batches -- */

struct gr_batches {
    gr_tensor *x, *y;
    int32_t *order;
    int rows, batch;
    int at; /* rows used in this epoch; -1 before its first batch */
    bool shuffle, drop_last;
};

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
    int rows = rows_of(a.x);
    if (!usable(a.x, "x", rows) || (a.y != NULL && !usable(a.y, "y", rows))) return NULL;
    gr_batches *b = gr_alloc_lasting(g, sizeof *b);
    int32_t *order = gr_alloc_lasting(g, (size_t)rows * sizeof *order);
    if (b == NULL || order == NULL) return NULL;
    for (int i = 0; i < rows; i++) order[i] = i;
    *b = (gr_batches){.x = a.x,
                      .y = a.y,
                      .order = order,
                      .rows = rows,
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
    if (t != NULL) copy_rows(t, from, b->order + b->at);
    return t;
}

bool gr_batch_next(gr_batches *b, gr_tensor **x, gr_tensor **y) {
    if (x != NULL) *x = NULL;
    if (y != NULL) *y = NULL;
    if (b == NULL || gr_failed(b->x->graph)) return false;
    if (b->at < 0) {
        b->at = 0;
        if (b->shuffle) gr_fill_permutation(b->x->graph, b->order, b->rows);
    }
    int left = b->rows - b->at, n = left < b->batch ? left : b->batch;
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
    return b->rows / b->batch + (b->rows % b->batch > 0 && !b->drop_last);
}

gr_batches_place gr_batches_place_of(gr_batches *b) {
    return (gr_batches_place){
        .graph = b->x->graph, .order = b->order, .rows = b->rows, .at = &b->at};
}
