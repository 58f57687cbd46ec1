#include "core/data/dataset.h"

#include "core/data/classes_internal.h"
#include "core/data/rows_internal.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"

#include <math.h>
#include <string.h>

/* -- Parts -- */

enum { TRAIN, VALIDATION, TEST, PARTS };

/* Writes the rows of class c to their parts; sizes are those of the class in each. */
static void deal(const gr_classes *classes, int c, const int32_t sizes[PARTS],
                 int32_t *next[PARTS]) {
    const int32_t *row = classes->row + classes->begin[c];
    for (int part = 0; part < PARTS; part++)
        for (int i = 0; i < sizes[part]; i++) *next[part]++ = *row++;
}

/* An order in which each part has the classes' shares: validation's are taken from all rows, test's
 * from those that are left. False after an error. */
static bool stratify(const gr_tensor *labels, const int size[PARTS], int32_t *order) {
    const char *who = "gr_split_rows";
    gr_graph *g = labels->graph;
    gr_classes classes;
    if (!gr_classes_of(&classes, labels, who, "stratify", false)) return false;
    int n = classes.n;
    int32_t *left = gr_integers(g, who, n, false), *validation = gr_integers(g, who, n, false),
            *test = gr_integers(g, who, n, false);
    if (left == NULL || validation == NULL || test == NULL) return false;
    for (int c = 0; c < n; c++) left[c] = gr_class_size(&classes, c);
    if (!gr_share_out(g, who, n, left, size[VALIDATION], validation)) return false;
    for (int c = 0; c < n; c++) left[c] -= validation[c];
    if (!gr_share_out(g, who, n, left, size[TEST], test)) return false;
    int32_t *part[PARTS], *next[PARTS];
    for (int k = 0, at = 0; k < PARTS; at += size[k++]) part[k] = next[k] = order + at;
    for (int c = 0; c < n; c++) {
        gr_shuffle(g, classes.row + classes.begin[c], gr_class_size(&classes, c));
        deal(&classes, c, (int32_t[PARTS]){left[c] - test[c], validation[c], test[c]}, next);
    }
    for (int k = 0; k < PARTS; k++) gr_shuffle(g, part[k], size[k]);
    return true;
}

static gr_tensor *keep_part(gr_graph *g, const int32_t *rows, int n) {
    gr_tensor *t = gr_tensor_new(g, "gr_split_rows", GR_INDEX, GR_SHAPE(n), true);
    if (t != NULL && n > 0) memcpy(t->index, rows, (size_t)n * sizeof *rows);
    return t;
}

static bool split_is_possible(gr_graph *g, const gr_split_rows_args *a) {
    if (a->rows < 0 || !(a->validation >= 0) || !(a->test >= 0) || !(a->validation + a->test <= 1))
        return gr_fail(
            g,
            "gr_split_rows: %d rows, shares %g for validation and %g for test: expected no "
            "negative number and shares that add up to at most 1",
            a->rows, a->validation, a->test);
    const gr_tensor *labels = a->stratify;
    if (labels == NULL || (labels->shape.ndim == 1 && labels->shape.dim[0] == a->rows)) return true;
    return gr_fail(g, "gr_split_rows: %s, expected integers (%d), one for each row",
                   gr_describe(labels, "stratify").text, a->rows);
}

gr_parts gr_split_rows_(gr_graph *g, gr_split_rows_args a) {
    const gr_parts failed = {NULL, NULL, NULL};
    if (g == NULL || !split_is_possible(g, &a)) return failed;
    int size[PARTS] = {0, (int)lround(a.rows * a.validation), (int)lround(a.rows * a.test)};
    if (size[VALIDATION] + size[TEST] > a.rows) /* both were rounded up */
        size[TEST] = a.rows - size[VALIDATION];
    size[TRAIN] = a.rows - size[VALIDATION] - size[TEST];
    int32_t *order = gr_integers(g, "gr_split_rows", a.rows, false);
    if (order == NULL) return failed;
    if (a.stratify == NULL)
        gr_fill_permutation(g, order, a.rows);
    else if (!stratify(a.stratify, size, order))
        return failed;
    gr_parts parts = {.train = keep_part(g, order, size[TRAIN]),
                      .validation = keep_part(g, order + size[TRAIN], size[VALIDATION]),
                      .test = keep_part(g, order + size[TRAIN] + size[VALIDATION], size[TEST])};
    bool made = parts.train != NULL && parts.validation != NULL && parts.test != NULL;
    return made ? parts : failed;
}

gr_tensor *gr_take_rows(const gr_tensor *x, const gr_tensor *rows) {
    if (x == NULL || rows == NULL) return NULL;
    if (x->shape.ndim == 0 || rows->kind != GR_INDEX || rows->shape.ndim != 1)
        return gr_fail(x->graph, "gr_take_rows: %s and %s, expected rows, and integers (K)",
                       gr_describe(x, "x").text, gr_describe(rows, "rows").text);
    for (int i = 0; i < rows->shape.dim[0]; i++)
        if (rows->index[i] < 0 || rows->index[i] >= gr_row_count(x))
            return gr_fail(x->graph, "gr_take_rows: rows[%d] is %d, expected 0 to %d for %s", i,
                           rows->index[i], gr_row_count(x) - 1, gr_describe(x, "x").text);
    gr_shape shape = x->shape;
    shape.dim[0] = rows->shape.dim[0];
    gr_tensor *taken = gr_tensor_new(x->graph, "gr_take_rows", x->kind, shape, true);
    if (taken != NULL) gr_copy_rows(taken, x, rows->index);
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
    if (x->kind != GR_REAL || x->shape.ndim == 0 || gr_row_count(x) == 0)
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
    int64_t columns = gr_row_size(x);
    for (int64_t c = 0; c < columns; c++) {
        double mean, deviation;
        if (!measure_column(x->data + c, gr_row_count(x), columns, &mean, &deviation))
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
