#include "examples/common/rows.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CLASSES = 256 };

static gr_tensor *zero_integers(gr_graph *g, gr_shape shape) {
    int32_t *zeros = calloc((size_t)gr_shape_size(shape) + 1, sizeof *zeros);
    gr_tensor *t = zeros == NULL ? gr_fail(g, "no memory") : gr_from_index(g, shape, zeros);
    free(zeros);
    return t;
}

gr_tensor *rows_range(gr_graph *g, int from, int to) {
    gr_tensor *rows = gr_keep(zero_integers(g, GR_SHAPE(to - from)));
    for (int i = from; rows != NULL && i < to; i++) rows->index[i - from] = i;
    return rows;
}

gr_tensor *rows_of_classes_(gr_graph *g, const gr_tensor *labels, rows_args args) {
    if (labels == NULL) return NULL;
    int end = args.end > 0 && args.end < labels->size ? args.end : (int)labels->size;
    int n = end > args.begin ? end - args.begin : 0, taken = 0, count[MOST_CLASSES] = {0};
    int32_t *order = gr_alloc_lasting(g, ((size_t)n + 1) * sizeof *order);
    if (order == NULL) return NULL;
    for (int i = 0; i < n; i++) order[i] = args.begin + i;
    if (args.shuffled) gr_shuffle(g, order, n);
    for (int i = 0; i < n; i++) {
        int32_t class = labels->index[order[i]];
        if (class < 0 || class >= MOST_CLASSES)
            return gr_fail(g, "rows_of_classes: class %d, expected 0 to %d", class,
                           MOST_CLASSES - 1);
        if (args.wanted[class] && count[class]++ < args.each) order[taken++] = order[i];
    }
    return gr_keep(gr_from_index(g, GR_SHAPE(taken), order));
}

static bool exist(const gr_tensor *x, const gr_tensor *rows) {
    int n = x->shape.dim[0];
    for (int64_t i = 0; i < rows->size; i++)
        if (rows->index[i] < 0 || rows->index[i] >= n)
            return gr_fail(rows->graph, "row %d of a data set of %d", (int)rows->index[i], n);
    return true;
}

gr_tensor *rows_take(const gr_tensor *x, const gr_tensor *rows) {
    if (x == NULL || rows == NULL || !exist(x, rows)) return NULL;
    gr_shape shape = x->shape;
    shape.dim[0] = (int)rows->size;
    gr_tensor *y =
        x->kind == GR_REAL ? gr_zeros(rows->graph, shape) : zero_integers(rows->graph, shape);
    size_t width = x->shape.dim[0] == 0 ? 0 : (size_t)(x->size / x->shape.dim[0]);
    for (int64_t i = 0; y != NULL && i < rows->size; i++) {
        size_t from = (size_t)rows->index[i] * width, to = (size_t)i * width;
        if (x->kind == GR_REAL)
            memcpy(y->data + to, x->data + from, width * sizeof *y->data);
        else
            memcpy(y->index + to, x->index + from, width * sizeof *y->index);
    }
    return y;
}
