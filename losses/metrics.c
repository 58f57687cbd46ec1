#include "losses/metrics_internal.h"

#include <string.h>

/* -- Checks -- */

static const char *elements_of(gr_kind kind) {
    return kind == GR_REAL ? "real numbers" : "integers";
}

static bool has_kind(const char *who, const gr_metric_operand *o) {
    if (o->kind == GR_METRIC_EITHER) return true;
    gr_kind expected = o->kind == GR_METRIC_REAL ? GR_REAL : GR_INDEX;
    return o->t->kind == expected ||
           gr_fail(o->t->graph, "gr_%s: %s holds %s, expected %s", who,
                   gr_describe(o->t, o->name).text, elements_of(o->t->kind), elements_of(expected));
}

static bool has_values(const char *who, const gr_metric_operand *o) {
    const gr_tensor *t = o->t;
    if (o->kind == GR_METRIC_SYMBOLS) return true;
    if (t->size == 0 && !o->may_be_empty)
        return gr_fail(t->graph, "gr_%s: %s has no elements", who, gr_describe(t, o->name).text);
    for (int64_t i = 0; i < t->size; i++) {
        if (t->kind == GR_REAL ? isfinite(t->data[i]) != 0 : t->index[i] >= 0) continue;
        return gr_fail(t->graph, "gr_%s: %s has %g at %s, expected %s", who,
                       gr_describe(t, o->name).text, gr_at(t, i), gr_place_text(t->shape, i).text,
                       t->kind == GR_REAL ? "finite numbers" : "0 or more");
    }
    return true;
}

gr_graph *gr_metric_check(const char *who, const gr_metric_operand *o, int n) {
    gr_graph *g = NULL;
    for (int i = 0; i < n && g == NULL; i++)
        if (o[i].t != NULL) g = o[i].t->graph;
    for (int i = 0; i < n; i++) {
        if (o[i].t == NULL) return gr_fail(g, "gr_%s: %s is NULL", who, o[i].name);
        if (o[i].t->graph != g)
            return gr_fail(g, "gr_%s: %s belongs to another graph than %s", who,
                           gr_describe(o[i].t, o[i].name).text,
                           gr_describe(o[0].t, o[0].name).text);
        if (!has_kind(who, &o[i])) return NULL;
    }
    for (int i = 0; i < n; i++)
        if (!has_values(who, &o[i])) return NULL;
    return g;
}

bool gr_metric_misfit(const char *who, const gr_tensor *a, const char *a_name, const gr_tensor *b,
                      const char *b_name, const char *expected) {
    return gr_fail(a->graph, "gr_%s: %s and %s: %s", who, gr_describe(a, a_name).text,
                   gr_describe(b, b_name).text, expected);
}

bool gr_metric_same_shape(const char *who, const gr_tensor *a, const char *a_name,
                          const gr_tensor *b, const char *b_name) {
    return gr_shape_equal(a->shape, b->shape) ||
           gr_metric_misfit(who, a, a_name, b, b_name, "expected equal shapes");
}

bool gr_metric_one_each(const char *who, const gr_tensor *x, const char *x_name, const gr_tensor *t,
                        const char *name) {
    return (x->shape.ndim > 0 && gr_shape_equal(t->shape, GR_SHAPE(x->shape.dim[0]))) ||
           gr_metric_misfit(who, x, x_name, t, name, "expected one for each row");
}

bool gr_metric_below(const char *who, const gr_tensor *t, const char *name, int classes) {
    for (int64_t i = 0; i < t->size; i++)
        if (t->index[i] >= classes)
            return gr_fail(t->graph, "gr_%s: %s has %d at %s, expected 0 to %d", who,
                           gr_describe(t, name).text, t->index[i], gr_place_text(t->shape, i).text,
                           classes - 1);
    return true;
}

/* -- Classes and scores -- */

static bool is_without_classes(gr_shape target, gr_shape x) {
    if (x.ndim < 2 || target.ndim != x.ndim - 1) return false;
    for (int i = 0; i < target.ndim; i++)
        if (target.dim[i] != x.dim[i == 0 ? 0 : i + 1]) return false;
    return true;
}

gr_graph *gr_metric_check_classes(const char *who, const gr_tensor *pred, const char *name,
                                  const gr_tensor *target) {
    gr_graph *g = GR_METRIC_CHECK(who, {.t = pred, .name = name, .kind = GR_METRIC_EITHER},
                                  {.t = target, .name = "target", .kind = GR_METRIC_INDEX});
    if (g == NULL) return NULL;
    if (pred->kind == GR_INDEX)
        return gr_metric_same_shape(who, pred, name, target, "target") ? g : NULL;
    if (!is_without_classes(target->shape, pred->shape)) {
        gr_metric_misfit(who, pred, name, target, "target",
                         "expected scores (N,C,d1..) and classes (N,d1..)");
        return NULL;
    }
    return gr_metric_below(who, target, "target", pred->shape.dim[1]) ? g : NULL;
}

static int largest(const gr_tensor *t) {
    int32_t most = 0;
    for (int64_t i = 0; i < t->size; i++)
        if (t->index[i] > most) most = t->index[i];
    return most;
}

int gr_metric_classes(const char *who, const gr_tensor *pred, const gr_tensor *target) {
    if (pred->kind == GR_REAL) return pred->shape.dim[1];
    if (!gr_metric_below(who, pred, "pred", GR_METRIC_CLASSES) ||
        !gr_metric_below(who, target, "target", GR_METRIC_CLASSES))
        return 0;
    int a = largest(pred), b = largest(target);
    return (a > b ? a : b) + 1;
}

const gr_real *gr_metric_scores(const gr_tensor *pred, int64_t i, int64_t *stride) {
    int64_t classes = pred->shape.dim[1], inner = 1;
    for (int d = 2; d < pred->shape.ndim; d++) inner *= pred->shape.dim[d];
    *stride = inner;
    return pred->data + i / inner * classes * inner + i % inner;
}

int gr_metric_class(const gr_tensor *pred, int64_t i) {
    if (pred->kind == GR_INDEX) return pred->index[i];
    int64_t stride;
    const gr_real *x = gr_metric_scores(pred, i, &stride);
    int best = 0;
    for (int c = 1; c < pred->shape.dim[1]; c++)
        if (x[c * stride] > x[best * stride]) best = c;
    return best;
}

/* -- Counts of each class -- */

gr_graph *gr_metric_check_counted(const char *who, const gr_tensor *pred, const gr_tensor *target,
                                  int classes) {
    gr_graph *g = gr_metric_check_classes(who, pred, "pred", target);
    if (g == NULL) return NULL;
    if (classes < 1) return gr_fail(g, "gr_%s: classes is %d, expected 1 or more", who, classes);
    if (pred->kind == GR_REAL && pred->shape.dim[1] != classes)
        return gr_fail(g, "gr_%s: %s has scores of %d classes, expected %d", who,
                       gr_describe(pred, "pred").text, pred->shape.dim[1], classes);
    bool fits = (pred->kind == GR_REAL || gr_metric_below(who, pred, "pred", classes)) &&
                gr_metric_below(who, target, "target", classes);
    return fits ? g : NULL;
}

gr_class_count *gr_metric_count(const char *who, const gr_tensor *pred, const gr_tensor *target,
                                int classes) {
    gr_class_count *n = gr_metric_room(target->graph, who, classes, sizeof *n);
    for (int64_t i = 0; n != NULL && i < target->size; i++) {
        int p = gr_metric_class(pred, i), t = target->index[i];
        n[t].in_target++;
        n[p].in_pred++;
        n[t].both += p == t;
    }
    return n;
}

double gr_metric_f1(gr_class_count n) {
    return gr_metric_ratio(2 * n.both, n.in_pred + n.in_target);
}

double gr_metric_macro(const gr_class_count *n, int classes, gr_class_ratio *f) {
    double sum = 0;
    int present = 0;
    for (int c = 0; c < classes; c++) {
        if (n[c].in_pred + n[c].in_target == 0) continue;
        sum += f(n[c]);
        present++;
    }
    return sum / present;
}

/* -- Memory -- */

void *gr_metric_room(gr_graph *g, const char *who, int64_t n, size_t size) {
    size_t bytes = (size_t)n * size;
    bool fits = (uint64_t)n <= SIZE_MAX / size;
    void *room = fits ? gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA) : NULL;
    if (room == NULL)
        return gr_fail(g, "gr_%s: no memory for %lld elements of %d bytes", who, (long long)n,
                       (int)size);
    return memset(room, 0, bytes);
}

void gr_metric_give_back(gr_graph *g, void *room, int64_t n, size_t size) {
    gr_arena_give_back(&g->step, room, (size_t)n * size, GR_ALIGN_DATA);
}
