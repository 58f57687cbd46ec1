#include "nn/adaptive_softmax.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "nn/linear.h"
#include "nn/sequential.h"

#include <math.h>

typedef struct adaptive_softmax {
    gr_module module;
    gr_module *head, **tail; /* tail[i] scores the classes from cutoffs[i] to cutoffs[i+1] */
    int in, clusters;
    int *cutoffs; /* ends with the number of classes */
} adaptive_softmax;

/* The logarithms of the softmax of a module's scores. */
static gr_tensor *log_probabilities(gr_module *m, gr_tensor *x) {
    return gr_log_softmax(gr_forward(m, x), .axes = GR_AXES(-1));
}

static bool check_input(const adaptive_softmax *l, const gr_tensor *x) {
    if (x->kind == GR_REAL && x->shape.ndim == 2 && x->shape.dim[1] == l->in) return true;
    return gr_fail(x->graph, "gr_adaptive_softmax: %s, expected (N,%d)", gr_describe(x, "x").text,
                   l->in);
}

static gr_tensor *adaptive_forward(gr_module *m, gr_tensor *x) {
    adaptive_softmax *l = (adaptive_softmax *)m;
    if (!check_input(l, x)) return NULL;
    int shortlist = l->cutoffs[0];
    size_t bytes = (size_t)(l->clusters + 1) * sizeof(gr_tensor *);
    gr_tensor **parts = gr_arena_alloc(&m->graph->step, bytes, GR_ALIGN_STRUCT);
    if (parts == NULL) return gr_fail(m->graph, "gr_adaptive_softmax: no memory");
    gr_tensor *head = log_probabilities(l->head, x);
    parts[0] = gr_slice(head, 1, 0, shortlist, 1);
    for (int i = 0; i < l->clusters; i++) {
        gr_tensor *cluster = gr_slice(head, 1, shortlist + i, shortlist + i + 1, 1);
        parts[i + 1] = gr_add(log_probabilities(l->tail[i], x), cluster);
    }
    return gr_concat((gr_list){l->clusters + 1, parts}, 1);
}

static const gr_module_type adaptive_type = {"adaptive_softmax", adaptive_forward};

/* -- The targets' probabilities -- */

static bool check_target(const adaptive_softmax *l, const gr_tensor *x, const gr_tensor *target,
                         const char *who) {
    gr_text text = gr_describe(target, "target");
    if (target->kind != GR_INDEX || target->shape.ndim != 1 ||
        target->shape.dim[0] != x->shape.dim[0] || target->size == 0)
        return gr_fail(x->graph, "%s: %s for %s, expected (%d) class indices, at least one", who,
                       text.text, gr_describe(x, "x").text, x->shape.dim[0]);
    int classes = l->cutoffs[l->clusters];
    for (int n = 0; n < target->size; n++)
        if (target->index[n] < 0 || target->index[n] >= classes)
            return gr_fail(x->graph, "%s: %s has %d at (%d), expected 0 to %d", who, text.text,
                           target->index[n], n, classes - 1);
    return true;
}

static int cluster_of(const adaptive_softmax *l, int class) {
    int i = -1;
    while (class >= l->cutoffs[i + 1]) i++;
    return i;
}

static gr_tensor *new_index(gr_graph *g, gr_shape shape) {
    return gr_tensor_new(g, "gr_adaptive_log_prob", GR_INDEX, shape, false);
}

/* Where the head scores each target, or its cluster: (N,1). */
static gr_tensor *places_in_head(const adaptive_softmax *l, const gr_tensor *target) {
    gr_tensor *places = new_index(target->graph, GR_SHAPE((int)target->size, 1));
    for (int n = 0; places != NULL && n < target->size; n++) {
        int i = cluster_of(l, target->index[n]);
        places->index[n] = i < 0 ? target->index[n] : l->cutoffs[0] + i;
    }
    return places;
}

/* The log-probabilities `sum` (N,1) with those within cluster i added in the rows whose target it
 * holds. */
static gr_tensor *add_cluster(const adaptive_softmax *l, int i, gr_tensor *x,
                              const gr_tensor *target, gr_tensor *sum) {
    int count = 0, k = 0;
    for (int n = 0; n < target->size; n++) count += cluster_of(l, target->index[n]) == i;
    if (count == 0) return sum;
    gr_tensor *rows = new_index(x->graph, GR_SHAPE(count)),
              *class = new_index(x->graph, GR_SHAPE(count, 1));
    if (rows == NULL || class == NULL) return NULL;
    for (int n = 0; n < target->size; n++) {
        if (cluster_of(l, target->index[n]) != i) continue;
        rows->index[k] = n;
        class->index[k++] = target->index[n] - l->cutoffs[i];
    }
    gr_tensor *within = log_probabilities(l->tail[i], gr_index_select(x, 0, rows));
    return gr_scatter_add(sum, 0, gr_reshape(rows, GR_SHAPE(count, 1)),
                          gr_gather(within, 1, class));
}

static gr_tensor *log_prob_of(gr_module *m, gr_tensor *x, gr_tensor *target, const char *who) {
    gr_graph *g = m != NULL        ? m->graph
                  : x != NULL      ? x->graph
                  : target != NULL ? target->graph
                                   : NULL;
    if (m == NULL || x == NULL || target == NULL)
        return gr_fail(g, "%s: %s is NULL", who,
                       m == NULL   ? "the module"
                       : x == NULL ? "x"
                                   : "target");
    if (m->type != &adaptive_type)
        return gr_fail(g, "%s: the module is a %s, expected an adaptive_softmax", who,
                       m->type->name);
    adaptive_softmax *l = (adaptive_softmax *)m;
    if (!check_input(l, x) || !check_target(l, x, target, who)) return NULL;
    gr_tensor *log_prob = gr_gather(log_probabilities(l->head, x), 1, places_in_head(l, target));
    for (int i = 0; i < l->clusters && log_prob != NULL; i++)
        log_prob = add_cluster(l, i, x, target, log_prob);
    return gr_squeeze(log_prob, 1);
}

gr_tensor *gr_adaptive_log_prob(gr_module *m, gr_tensor *x, gr_tensor *target) {
    return log_prob_of(m, x, target, "gr_adaptive_log_prob");
}

gr_tensor *gr_adaptive_log_softmax(gr_module *m, gr_tensor *x, gr_tensor *target) {
    return gr_neg(gr_mean(log_prob_of(m, x, target, "gr_adaptive_log_softmax")));
}

/* -- Making one -- */

static bool check_args(const gr_adaptive_softmax_args *a) {
    if (a->in < 1 || a->classes < 2 || a->cutoffs.n < 1 || !(a->div_value > 0))
        return gr_fail(a->graph,
                       "gr_adaptive_softmax: %d inputs, %d classes, %d cutoffs and div_value = "
                       "%g, expected at least 1, 2 and 1, and more than 0",
                       a->in, a->classes, a->cutoffs.n, a->div_value);
    for (int i = 0, last = 0; i < a->cutoffs.n; last = a->cutoffs.at[i++])
        if (a->cutoffs.at[i] <= last || a->cutoffs.at[i] >= a->classes)
            return gr_fail(a->graph, "gr_adaptive_softmax: cutoff %d is %d, expected %d to %d", i,
                           a->cutoffs.at[i], last + 1, a->classes - 1);
    double features = floor(a->in / pow(a->div_value, a->cutoffs.n));
    double first = floor(a->in / a->div_value);
    if (!(features >= 1 && first >= 1 && features <= INT32_MAX && first <= INT32_MAX))
        return gr_fail(a->graph,
                       "gr_adaptive_softmax: with div_value = %g and %d inputs %d clusters have "
                       "%g to %g features, expected at least 1",
                       a->div_value, a->in, a->cutoffs.n, first, features);
    return true;
}

static gr_module *new_cluster(const gr_adaptive_softmax_args *a, int i, int size) {
    int features = (int)floor(a->in / pow(a->div_value, i + 1));
    return gr_sequential(a->graph, gr_linear(a->graph, a->in, features, .bias = false),
                         gr_linear(a->graph, features, size, .bias = false));
}

gr_module *gr_adaptive_softmax_(gr_adaptive_softmax_args a) {
    if (gr_failed(a.graph) || !check_args(&a)) return NULL;
    gr_graph *g = a.graph;
    int n = a.cutoffs.n;
    adaptive_softmax *l = gr_module_new(g, &adaptive_type, sizeof *l);
    if (l == NULL) return NULL;
    l->in = a.in;
    l->clusters = n;
    l->cutoffs = gr_alloc_lasting(g, (size_t)(n + 1) * sizeof *l->cutoffs);
    l->tail = gr_alloc_lasting(g, (size_t)n * sizeof *l->tail);
    if (l->cutoffs == NULL || l->tail == NULL) return NULL;
    for (int i = 0; i <= n; i++) l->cutoffs[i] = i < n ? a.cutoffs.at[i] : a.classes;
    l->head = gr_linear(g, a.in, l->cutoffs[0] + n, .bias = a.head_bias);
    for (int i = 0; i < n; i++) l->tail[i] = new_cluster(&a, i, l->cutoffs[i + 1] - l->cutoffs[i]);
    if (!gr_add_child(&l->module, "head", l->head) ||
        !gr_add_child(&l->module, "tail", gr_sequential_(g, l->tail, n)))
        return NULL;
    return gr_failed(g) ? NULL : &l->module;
}
