#include "core/data/classes_internal.h"

#include "core/graph/graph_internal.h"

#include <stdlib.h>

int32_t *gr_integers(gr_graph *g, const char *who, int n, bool lasting) {
    gr_tensor *t = gr_tensor_new(g, who, GR_INDEX, GR_SHAPE(n), lasting);
    return t == NULL ? NULL : t->index;
}

static void *scratch(gr_graph *g, const char *who, size_t bytes) {
    void *p = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    return p != NULL ? p : gr_fail(g, "%s: no memory for %zu bytes", who, bytes);
}

/* -- Grouping -- */

typedef struct labelled {
    int32_t label, row;
} labelled;

static int by_label_and_row(const void *a, const void *b) {
    const labelled *p = a, *q = b;
    if (p->label != q->label) return p->label < q->label ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

static bool group(gr_classes *classes, gr_graph *g, const char *who, const labelled *sorted,
                  int rows, bool lasting) {
    int n = 0;
    for (int i = 0; i < rows; i++) n += i == 0 || sorted[i].label != sorted[i - 1].label;
    *classes = (gr_classes){.n = n,
                            .label = gr_integers(g, who, n, lasting),
                            .begin = gr_integers(g, who, n + 1, lasting),
                            .row = gr_integers(g, who, rows, lasting)};
    if (classes->label == NULL || classes->begin == NULL || classes->row == NULL) return false;
    for (int i = 0, c = -1; i < rows; i++) {
        if (i == 0 || sorted[i].label != sorted[i - 1].label) {
            classes->label[++c] = sorted[i].label;
            classes->begin[c] = i;
        }
        classes->row[i] = sorted[i].row;
    }
    classes->begin[n] = rows;
    return true;
}

bool gr_classes_of(gr_classes *classes, const gr_tensor *labels, const char *who, const char *name,
                   bool lasting) {
    gr_graph *g = labels->graph;
    if (labels->kind != GR_INDEX || labels->shape.ndim != 1)
        return gr_fail(g, "%s: %s%s, expected integers (N)", who, gr_describe(labels, name).text,
                       labels->kind == GR_INDEX ? "" : " holds real numbers");
    int rows = labels->shape.dim[0];
    labelled *sorted = scratch(g, who, (size_t)rows * sizeof *sorted);
    if (sorted == NULL) return false;
    for (int i = 0; i < rows; i++) sorted[i] = (labelled){labels->index[i], i};
    qsort(sorted, (size_t)rows, sizeof *sorted, by_label_and_row);
    return group(classes, g, who, sorted, rows, lasting);
}

/* -- Sharing out -- */

typedef struct remainder {
    int64_t size; /* of the sum of the sizes */
    int class_;
} remainder_of_class;

static int by_remainder(const void *a, const void *b) {
    const remainder_of_class *p = a, *q = b;
    if (p->size != q->size) return p->size > q->size ? -1 : 1;
    return (p->class_ > q->class_) - (p->class_ < q->class_);
}

bool gr_share_out(gr_graph *g, const char *who, int n, const int32_t *size, int total,
                  int32_t *share) {
    size_t bytes = (size_t)n * sizeof(remainder_of_class);
    remainder_of_class *left = scratch(g, who, bytes);
    if (left == NULL) return false;
    int64_t all = 0;
    for (int c = 0; c < n; c++) all += size[c];
    for (int c = 0; c < n; c++) {
        int64_t exact = (int64_t)total * size[c]; /* times the sum of the sizes */
        share[c] = all == 0 ? 0 : (int32_t)(exact / all);
        left[c] = (remainder_of_class){all == 0 ? 0 : exact % all, c};
    }
    qsort(left, (size_t)n, sizeof *left, by_remainder);
    int missing = total;
    for (int c = 0; c < n; c++) missing -= share[c];
    for (int i = 0; i < missing; i++) share[left[i].class_]++;
    gr_arena_give_back(&g->step, left, bytes, GR_ALIGN_DATA);
    return true;
}
