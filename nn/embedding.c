#include "nn/embedding.h"

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"
#include "nn/init.h"

#include <string.h>

typedef struct embedding {
    gr_module module;
    gr_tensor *weight;
    int n, dim;
    int padding_idx; /* -1: none */
} embedding;

static bool check_input(const embedding *l, const gr_tensor *x) {
    gr_text text = gr_describe(x, "x");
    if (x->kind != GR_INDEX)
        return gr_fail(x->graph, "gr_embedding: %s holds real numbers, expected integers",
                       text.text);
    if (x->shape.ndim == GR_MAX_DIMS || x->size > INT32_MAX)
        return gr_fail(x->graph, "gr_embedding: %s, expected at most %d dimensions and %d indices",
                       text.text, GR_MAX_DIMS - 1, INT32_MAX);
    for (int64_t i = 0; i < x->size; i++)
        if (x->index[i] < 0 || x->index[i] >= l->n)
            return gr_fail(x->graph, "gr_embedding: %s has %d at %s, expected 0 to %d", text.text,
                           x->index[i], gr_place_text(x->shape, i).text, l->n - 1);
    return true;
}

/* The chosen rows (K,dim) with those of the padding cut off from the weight. */
static gr_tensor *without_padding(const embedding *l, gr_tensor *x, gr_tensor *rows) {
    gr_tensor *trained = gr_zeros(x->graph, GR_SHAPE((int)x->size, 1));
    if (trained == NULL) return NULL;
    for (int64_t i = 0; i < x->size; i++) trained->data[i] = x->index[i] != l->padding_idx;
    return gr_where(trained, rows, gr_detach(rows));
}

static gr_tensor *embedding_forward(gr_module *m, gr_tensor *x) {
    embedding *l = (embedding *)m;
    if (!check_input(l, x)) return NULL;
    gr_tensor *index = gr_reshape(x, GR_SHAPE((int)x->size));
    gr_tensor *rows = gr_index_select(l->weight, 0, index);
    if (l->padding_idx >= 0) rows = without_padding(l, x, rows);
    gr_shape shape = x->shape;
    shape.dim[shape.ndim++] = l->dim;
    return gr_reshape(rows, shape);
}

static const gr_module_type embedding_type = {"embedding", embedding_forward};

gr_module *gr_embedding_(gr_embedding_args a) {
    if (a.n < 1 || a.dim < 1)
        return gr_fail(a.graph, "gr_embedding: %d rows of %d numbers, expected at least 1", a.n,
                       a.dim);
    if (a.padding_idx < -1 || a.padding_idx >= a.n)
        return gr_fail(a.graph, "gr_embedding: padding_idx is %d, expected 0 to %d, or -1 for none",
                       a.padding_idx, a.n - 1);
    embedding *l = gr_module_new(a.graph, &embedding_type, sizeof *l);
    if (l == NULL) return NULL;
    l->n = a.n;
    l->dim = a.dim;
    l->padding_idx = a.padding_idx;
    l->weight = gr_init_normal(gr_add_parameter(&l->module, "weight", GR_SHAPE(a.n, a.dim)), 0, 1);
    if (l->weight == NULL) return NULL;
    if (a.padding_idx >= 0)
        memset(l->weight->data + (int64_t)a.padding_idx * a.dim, 0,
               (size_t)a.dim * sizeof *l->weight->data);
    return &l->module;
}
