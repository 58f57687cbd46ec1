#include "core/graph/tensor.h"

#include "core/graph/graph_internal.h"

#include <math.h>
#include <string.h>

static const int64_t LARGEST_SIZE = (int64_t)1 << 40;

static int64_t size_of(const gr_shape *shape) {
    if (shape->ndim < 0 || shape->ndim > GR_MAX_DIMS) return -1;
    int64_t size = 1;
    bool empty = false;
    for (int i = 0; i < shape->ndim; i++) {
        if (shape->dim[i] < 0) return -1;
        if (shape->dim[i] == 0) {
            empty = true;
            continue;
        }
        if (__builtin_mul_overflow(size, shape->dim[i], &size) || size > LARGEST_SIZE) return -1;
    }
    return empty ? 0 : size;
}

int64_t gr_shape_size(gr_shape shape) { return size_of(&shape); }

bool gr_shape_equal(gr_shape a, gr_shape b) { return gr_same_dims(&a, &b); }

static void append_shape(gr_text *t, gr_shape shape) {
    size_t at = strlen(t->text);
    const char *before = "(";
    for (int i = 0; i < shape.ndim && i < GR_MAX_DIMS && at < sizeof t->text; i++) {
        at += (size_t)snprintf(t->text + at, sizeof t->text - at, "%s%d", before, shape.dim[i]);
        before = ",";
    }
    if (at < sizeof t->text)
        snprintf(t->text + at, sizeof t->text - at, "%s", shape.ndim == 0 ? "()" : ")");
}

gr_text gr_shape_text(gr_shape shape) {
    gr_text t = {""};
    append_shape(&t, shape);
    return t;
}

gr_text gr_place_text(gr_shape shape, int64_t i) {
    for (int d = shape.ndim - 1; d >= 0; d--) {
        int n = shape.dim[d] > 0 ? shape.dim[d] : 1;
        shape.dim[d] = (int)(i % n);
        i /= n;
    }
    return gr_shape_text(shape);
}

gr_text gr_describe(const gr_tensor *t, const char *formal) {
    gr_text text;
    const char *name = t != NULL && t->name != NULL ? t->name : formal;
    snprintf(text.text, sizeof text.text, "%.40s ", name);
    if (t == NULL)
        strcat(text.text, "NULL");
    else
        append_shape(&text, t->shape);
    return text;
}

/* The tensor alone. */
static gr_tensor *tensor_header(gr_graph *g, const char *who, bool lasting) {
    gr_arena *arena = lasting ? &g->lasting : &g->step;
    gr_tensor *t = gr_arena_alloc_zeroed(arena, sizeof *t, GR_ALIGN_STRUCT);
    if (t == NULL) return gr_fail(g, "%s: no memory for a tensor", who);
    t->lasting = lasting;
    t->graph = g;
    return t;
}

/* In a backward pass, elements below this are left where they are: there are many, for little. */
enum { REUSED_FROM = 1 << 12 };

static void *elements_of(gr_tensor *t, size_t bytes) {
    gr_graph *g = t->graph;
    if (t->lasting || !g->reuse.on || bytes < REUSED_FROM)
        return gr_arena_alloc(t->lasting ? &g->lasting : &g->step, bytes, GR_ALIGN_DATA);
    t->storage = gr_reuse_new(g, bytes);
    return t->storage == NULL ? NULL : t->storage->elements;
}

gr_tensor *gr_tensor_begin(gr_graph *g, const char *who) { return tensor_header(g, who, false); }

bool gr_tensor_finish(gr_tensor *t, const char *who, gr_kind kind) {
    int64_t size = size_of(&t->shape);
    if (t->shape.ndim < 0 || t->shape.ndim > GR_MAX_DIMS)
        return gr_fail(t->graph, "%s: %d dimensions, expected 0 to %d", who, t->shape.ndim,
                       GR_MAX_DIMS);
    if (size < 0)
        return gr_fail(t->graph, "%s: no tensor has the shape %s", who,
                       gr_shape_text(t->shape).text);
    size_t bytes = (size_t)size * (kind == GR_REAL ? sizeof(gr_real) : sizeof(int32_t));
    void *elements = elements_of(t, bytes);
    if (elements == NULL)
        return gr_fail(t->graph, "%s: no memory for a tensor of shape %s, %zu bytes", who,
                       gr_shape_text(t->shape).text, bytes);
    t->size = size;
    t->kind = kind;
    if (kind == GR_REAL)
        t->data = elements;
    else
        t->index = elements;
    return true;
}

void gr_tensor_share(gr_tensor *t, const gr_tensor *with) {
    t->size = with->size;
    t->kind = with->kind;
    t->data = with->data;
    t->index = with->index;
    t->storage = with->storage;
}

gr_tensor *gr_tensor_new(gr_graph *g, const char *who, gr_kind kind, gr_shape shape, bool lasting) {
    gr_tensor *t = g == NULL ? NULL : tensor_header(g, who, lasting);
    if (t == NULL) return NULL;
    t->shape = shape;
    return gr_tensor_finish(t, who, kind) ? t : NULL;
}

gr_tensor *gr_tensor_alias(gr_tensor *t, const char *who, gr_shape shape) {
    gr_tensor *alias = tensor_header(t->graph, who, false);
    if (alias == NULL) return NULL;
    alias->shape = shape;
    gr_tensor_share(alias, t);
    return alias;
}

gr_tensor *gr_from(gr_graph *g, gr_shape shape, const gr_real *data) {
    if (data == NULL && gr_shape_size(shape) > 0) return gr_fail(g, "gr_from: data is NULL");
    gr_tensor *t = gr_tensor_new(g, "gr_from", GR_REAL, shape, false);
    if (t != NULL && t->size > 0) memcpy(t->data, data, (size_t)t->size * sizeof *data);
    return t;
}

gr_tensor *gr_from_index(gr_graph *g, gr_shape shape, const int32_t *index) {
    if (index == NULL && gr_shape_size(shape) > 0)
        return gr_fail(g, "gr_from_index: index is NULL");
    gr_tensor *t = gr_tensor_new(g, "gr_from_index", GR_INDEX, shape, false);
    if (t != NULL && t->size > 0) memcpy(t->index, index, (size_t)t->size * sizeof *index);
    return t;
}

static gr_tensor *filled(gr_graph *g, const char *who, gr_shape shape, double value) {
    gr_tensor *t = gr_tensor_new(g, who, GR_REAL, shape, false);
    if (t == NULL) return NULL;
    for (int64_t i = 0; i < t->size; i++) t->data[i] = (gr_real)value;
    return t;
}

gr_tensor *gr_zeros(gr_graph *g, gr_shape shape) { return filled(g, "gr_zeros", shape, 0); }

gr_tensor *gr_full(gr_graph *g, gr_shape shape, double value) {
    return filled(g, "gr_full", shape, value);
}

gr_tensor *gr_scalar(gr_graph *g, double value) { return filled(g, "gr_scalar", GR_SCALAR, value); }

gr_tensor *gr_arange(gr_graph *g, int n) {
    gr_tensor *t = gr_tensor_new(g, "gr_arange", GR_REAL, GR_SHAPE(n), false);
    if (t == NULL) return NULL;
    for (int i = 0; i < n; i++) t->data[i] = (gr_real)i;
    return t;
}

gr_tensor *gr_parameter(gr_graph *g, gr_shape shape, const char *name) {
    gr_tensor *t = gr_tensor_new(g, "gr_parameter", GR_REAL, shape, true);
    if (t == NULL) return NULL;
    memset(t->data, 0, (size_t)t->size * sizeof *t->data);
    t->requires_grad = true;
    return gr_name(t, name);
}

gr_tensor *gr_keep(gr_tensor *t) {
    if (t == NULL) return NULL;
    gr_tensor *copy = gr_tensor_new(t->graph, "gr_keep", t->kind, t->shape, true);
    if (copy == NULL) return NULL;
    if (t->kind == GR_REAL)
        memcpy(copy->data, t->data, (size_t)t->size * sizeof *t->data);
    else
        memcpy(copy->index, t->index, (size_t)t->size * sizeof *t->index);
    return gr_name(copy, t->name);
}

gr_tensor *gr_name(gr_tensor *t, const char *name) {
    if (t == NULL) return NULL;
    t->name = NULL;
    if (name == NULL) return t;
    size_t bytes = strlen(name) + 1;
    char *copy = gr_arena_alloc(t->lasting ? &t->graph->lasting : &t->graph->step, bytes, 1);
    if (copy == NULL) return gr_fail(t->graph, "gr_name: no memory for \"%.40s\"", name);
    t->name = memcpy(copy, name, bytes);
    return t;
}

gr_tensor *gr_requires_grad(gr_tensor *t) {
    if (t == NULL) return NULL;
    if (t->kind != GR_REAL)
        return gr_fail(t->graph, "gr_requires_grad: %s holds integers, which have no gradient",
                       gr_describe(t, "t").text);
    if (t->node != NULL)
        return gr_fail(t->graph, "gr_requires_grad: %s is the result of %s, expected a leaf",
                       gr_describe(t, "t").text, t->node->op->name);
    t->requires_grad = true;
    return t;
}

double gr_item(const gr_tensor *t) {
    if (t == NULL) return NAN;
    if (t->size != 1) {
        gr_fail(t->graph, "gr_item: %s, expected one element", gr_describe(t, "t").text);
        return NAN;
    }
    return gr_at(t, 0);
}

double gr_at(const gr_tensor *t, int64_t i) {
    if (t == NULL || i < 0 || i >= t->size) return NAN;
    return t->kind == GR_REAL ? (double)t->data[i] : t->index[i];
}

/* -- Indices -- */

static inline int is_outside(int c, int count, int all, int ignored) {
    return ((c < 0) | (c >= count)) & (all | (c != ignored));
}

/* A block at a time without a branch for each, which is what compilers make vectors of. */
int64_t gr_first_outside(const gr_tensor *index, int count, const int *ignored) {
    enum { BLOCK = 1024 };
    const int all = ignored == NULL, other = all ? 0 : *ignored;
    for (int64_t begin = 0; begin < index->size; begin += BLOCK) {
        int64_t end = begin + BLOCK < index->size ? begin + BLOCK : index->size;
        int outside = 0;
        for (int64_t i = begin; i < end; i++)
            outside |= is_outside(index->index[i], count, all, other);
        for (int64_t i = begin; outside && i < end; i++)
            if (is_outside(index->index[i], count, all, other)) return i;
    }
    return -1;
}
