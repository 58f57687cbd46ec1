#include "examples/common/rows.h"

#include <string.h>

enum { MOST_CLASSES = 256 };

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

gr_tensor *rows_copy(gr_graph *g, const gr_tensor *x, const gr_tensor *rows) {
    if (x == NULL || rows == NULL) return NULL;
    gr_shape shape = x->shape;
    int n = (int)rows->size;
    int64_t width = x->size / shape.dim[0];
    shape.dim[0] = n;
    gr_tensor *copy = x->kind == GR_REAL ? gr_keep(gr_zeros(g, shape)) : NULL;
    int32_t *index =
        x->kind == GR_INDEX ? gr_alloc_lasting(g, (size_t)(n * width) * sizeof *index) : NULL;
    for (int i = 0; i < n; i++) {
        int64_t from = rows->index[i] * width, to = i * width;
        if (copy != NULL) memcpy(copy->data + to, x->data + from, (size_t)width * sizeof *x->data);
        if (index != NULL) memcpy(index + to, x->index + from, (size_t)width * sizeof *index);
    }
    return x->kind == GR_REAL ? copy
           : index == NULL    ? NULL
                              : gr_keep(gr_from_index(g, shape, index));
}
