#include "core/data/balance.h"

#include "core/data/classes_internal.h"
#include "core/data/neighbours_internal.h"
#include "core/data/rows_internal.h"
#include "core/graph/graph_internal.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* -- Sizes -- */

/* Rows by class, and the size of the class that is the measure of others. */
typedef struct balance {
    gr_graph *graph;
    gr_classes classes;
    int rows, largest, smallest;
} balance;

static bool begin(balance *b, const char *who, const gr_tensor *labels, double ratio) {
    gr_graph *g = labels->graph;
    if (!(ratio > 0 && ratio <= 1))
        return gr_fail(g, "%s: ratio is %g, expected more than 0 and at most 1", who, ratio);
    *b = (balance){.graph = g, .smallest = INT_MAX};
    if (!gr_classes_of(&b->classes, labels, who, "labels", false)) return false;
    b->rows = labels->shape.dim[0];
    if (b->rows == 0)
        return gr_fail(g, "%s: %s, expected one row or more", who,
                       gr_describe(labels, "labels").text);
    for (int c = 0; c < b->classes.n; c++) {
        int size = gr_class_size(&b->classes, c);
        if (size > b->largest) b->largest = size;
        if (size < b->smallest) b->smallest = size;
    }
    return true;
}

/* The rows that class c lacks. */
static int missing(const balance *b, int c, double ratio) {
    int lack = (int)lround(ratio * b->largest) - gr_class_size(&b->classes, c);
    return lack > 0 ? lack : 0;
}

/* The rows of all classes once they are filled up; -1 after an error. */
static int filled_rows(const balance *b, const char *who, double ratio) {
    int64_t rows = b->rows;
    for (int c = 0; c < b->classes.n; c++) rows += missing(b, c, ratio);
    if (rows <= INT_MAX) return (int)rows;
    gr_fail(b->graph, "%s: %lld rows would be more than a tensor can have", who, (long long)rows);
    return -1;
}

/* -- Repeating and leaving out -- */

gr_tensor *gr_oversample_(gr_oversample_args a) {
    const char *who = "gr_oversample";
    balance b;
    if (a.labels == NULL || !begin(&b, who, a.labels, a.ratio)) return NULL;
    int n = filled_rows(&b, who, a.ratio);
    gr_tensor *rows = n < 0 ? NULL : gr_tensor_new(b.graph, who, GR_INDEX, GR_SHAPE(n), true);
    if (rows == NULL) return NULL;
    for (int i = 0; i < b.rows; i++) rows->index[i] = i;
    int32_t *next = rows->index + b.rows;
    for (int c = 0; c < b.classes.n; c++) {
        const int32_t *of_class = b.classes.row + b.classes.begin[c];
        uint32_t size = (uint32_t)gr_class_size(&b.classes, c);
        for (int i = missing(&b, c, a.ratio); i > 0; i--)
            *next++ = of_class[gr_random_below(b.graph, size)];
    }
    return rows;
}

gr_tensor *gr_undersample_(gr_undersample_args a) {
    const char *who = "gr_undersample";
    balance b;
    if (a.labels == NULL || !begin(&b, who, a.labels, a.ratio)) return NULL;
    double most = round(b.smallest / a.ratio);
    bool *left_out = gr_arena_alloc(&b.graph->step, (size_t)b.rows, 1);
    if (left_out == NULL) return gr_fail(b.graph, "%s: no memory for %d bytes", who, b.rows);
    memset(left_out, 0, (size_t)b.rows);
    int kept = b.rows;
    for (int c = 0; c < b.classes.n; c++) {
        int32_t *of_class = b.classes.row + b.classes.begin[c];
        int size = gr_class_size(&b.classes, c);
        if (size <= most) continue;
        gr_shuffle(b.graph, of_class, size);
        for (int i = (int)most; i < size; i++) left_out[of_class[i]] = true;
        kept -= size - (int)most;
    }
    gr_tensor *rows = gr_tensor_new(b.graph, who, GR_INDEX, GR_SHAPE(kept), true);
    for (int i = 0, k = 0; rows != NULL && i < b.rows; i++)
        if (!left_out[i]) rows->index[k++] = i;
    return rows;
}

/* -- SMOTE -- */

/* The rows of class c one after another, scaled by a power of two so that squares of their
 * differences neither overflow nor, unless others are far larger, vanish; NULL after an error. */
static gr_real *gather(const balance *b, int c, const gr_tensor *x) {
    int64_t width = gr_row_size(x), size = gr_class_size(&b->classes, c);
    const int32_t *row = b->classes.row + b->classes.begin[c];
    size_t bytes = (size_t)(size * width) * sizeof(gr_real);
    gr_real *rows = gr_arena_alloc(&b->graph->step, bytes, GR_ALIGN_DATA), *to = rows;
    if (rows == NULL) return gr_fail(b->graph, "gr_smote: no memory for %zu bytes", bytes);
    double largest = 0;
    for (int64_t i = 0; i < size; i++)
        for (int64_t d = 0; d < width; d++, to++) {
            *to = x->data[row[i] * width + d];
            if (!isfinite(*to))
                return gr_fail(b->graph, "gr_smote: %s has %g at %s, expected finite numbers",
                               gr_describe(x, "x").text, (double)*to,
                               gr_place_text(x->shape, row[i] * width + d).text);
            largest = fmax(largest, fabs((double)*to));
        }
    int exponent;
    frexp(largest, &exponent);
    for (int64_t i = 0; i < size * width; i++) rows[i] = (gr_real)ldexp(rows[i], -exponent);
    return rows;
}

/* The k nearest of its class to each row of class c, as numbers within the class; NULL after an
 * error. */
static const int32_t *neighbours_of(const balance *b, int c, const gr_smote_args *a) {
    int size = gr_class_size(&b->classes, c);
    if (size <= a->k)
        return gr_fail(b->graph, "gr_smote: class %d has %d row%s, expected %d or more for k = %d",
                       b->classes.label[c], size, size == 1 ? "" : "s", a->k + 1, a->k);
    const gr_real *rows = gather(b, c, a->x);
    if (rows == NULL) return NULL;
    return gr_nearest_rows(b->graph, "gr_smote", rows, size, gr_row_size(a->x), a->k);
}

static void put_between(const gr_real *a, const gr_real *b, double u, int64_t n, gr_real *to) {
    for (int64_t d = 0; d < n; d++) /* a long double holds the difference of any two doubles */
        to[d] = (gr_real)(a[d] + u * ((long double)b[d] - a[d]));
}

/* Writes `count` synthetic rows of class c to `to`; false after an error. */
static bool synthesise(const balance *b, int c, int count, const gr_smote_args *a, gr_real *to) {
    const int32_t *nearest = neighbours_of(b, c, a);
    int size = gr_class_size(&b->classes, c);
    int32_t *order = nearest == NULL ? NULL : gr_integers(b->graph, "gr_smote", size, false);
    if (order == NULL) return false;
    gr_fill_permutation(b->graph, order, size);
    const int32_t *row = b->classes.row + b->classes.begin[c];
    int64_t width = gr_row_size(a->x);
    for (int i = 0; i < count; i++, to += width) {
        int32_t from = order[i % size];
        int32_t towards = nearest[(int64_t)from * a->k + gr_random_below(b->graph, (uint32_t)a->k)];
        put_between(a->x->data + row[from] * width, a->x->data + row[towards] * width,
                    gr_random_uniform(b->graph), width, to);
    }
    return true;
}

static bool smote_fits(const gr_smote_args *a) {
    gr_graph *g = a->x->graph;
    if (a->x->kind != GR_REAL || a->x->shape.ndim == 0 || a->labels->shape.ndim != 1 ||
        a->x->shape.dim[0] != a->labels->shape.dim[0])
        return gr_fail(g, "gr_smote: %s%s and %s, expected reals (N,..) and integers (N)",
                       gr_describe(a->x, "x").text, a->x->kind == GR_REAL ? "" : " of integers",
                       gr_describe(a->labels, "labels").text);
    if (a->new_x == NULL || a->new_labels == NULL)
        return gr_fail(g, "gr_smote: new_x or new_labels is NULL, expected places for both");
    return a->k >= 1 || gr_fail(g, "gr_smote: k is %d, expected 1 or more", a->k);
}

/* The results, with the original rows at their beginning. */
static bool results_begin(const balance *b, const gr_smote_args *a, gr_tensor **x,
                          gr_tensor **labels) {
    int rows = filled_rows(b, "gr_smote", a->ratio);
    if (rows < 0) return false;
    gr_shape shape = a->x->shape;
    shape.dim[0] = rows;
    *x = gr_tensor_new(b->graph, "gr_smote", GR_REAL, shape, true);
    *labels = gr_tensor_new(b->graph, "gr_smote", GR_INDEX, GR_SHAPE(rows), true);
    if (*x == NULL || *labels == NULL) return false;
    memcpy((*x)->data, a->x->data, (size_t)a->x->size * sizeof(gr_real));
    memcpy((*labels)->index, a->labels->index, (size_t)b->rows * sizeof(int32_t));
    return true;
}

bool gr_smote_(gr_smote_args a) {
    if (a.new_x != NULL) *a.new_x = NULL;
    if (a.new_labels != NULL) *a.new_labels = NULL;
    balance b;
    gr_tensor *x, *labels;
    if (a.x == NULL || a.labels == NULL || !smote_fits(&a) ||
        !begin(&b, "gr_smote", a.labels, a.ratio) || !results_begin(&b, &a, &x, &labels))
        return false;
    int64_t at = b.rows;
    for (int c = 0; c < b.classes.n; c++) {
        int count = missing(&b, c, a.ratio);
        if (count > 0 && !synthesise(&b, c, count, &a, x->data + at * gr_row_size(x))) return false;
        for (int i = 0; i < count; i++) labels->index[at++] = b.classes.label[c];
    }
    *a.new_x = x;
    *a.new_labels = labels;
    return true;
}
