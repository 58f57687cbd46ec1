#include "core/ops/odds.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"

#include <math.h>

/* Logits in a piece of work, and columns that are worked on side by side. */
enum { GRAIN = 1 << 14, TILE = GR_REDUCE_TILE };

/* In place of -infinity: its softplus and its sigmoid are 0, and products with it stay finite. */
static const gr_real NO_ODDS = (gr_real)-1e30;

typedef struct odds_params {
    int ignore_index;
    bool others_only; /* of the gradient: leave out the part of the target's own logit */
} odds_params;

/* x as (outer, n, inner) with the classes in the middle. Both operations walk it so: rows where
 * inner is 1, tiles of columns otherwise. y is the result; grad NULL for the odds themselves. */
typedef struct odds_work {
    const gr_kernels *kernels;
    int64_t outer, n, inner, tiles;
    const gr_real *x, *grad;
    const int32_t *target;
    gr_real *y;
    odds_params p;
} odds_work;

static odds_work work_of(const gr_node *n, const gr_tensor *x, const gr_tensor *target) {
    odds_work w = {.kernels = n->graph->kernels,
                   .outer = x->shape.dim[0],
                   .n = x->shape.dim[1],
                   .inner = 1,
                   .x = x->data,
                   .target = target->index,
                   .y = n->out->data,
                   .p = *(const odds_params *)n->params};
    for (int i = 2; i < x->shape.ndim; i++) w.inner *= x->shape.dim[i];
    w.tiles = (w.inner + TILE - 1) / TILE;
    return w;
}

/* Operands `at` and `at` + 1 are x and target. */
static bool check(const gr_node *n, int at) {
    const gr_tensor *x = n->in[at], *target = n->in[at + 1];
    const odds_params *p = n->params;
    bool fits = x->shape.ndim >= 2 && target->shape.ndim == x->shape.ndim - 1;
    for (int i = 0; fits && i < target->shape.ndim; i++)
        fits = target->shape.dim[i] == x->shape.dim[i == 0 ? 0 : i + 1];
    if (!fits)
        return gr_fail(n->graph,
                       "%s: %s and %s, expected (N,C) and (N), or (N,C,d1..) and (N,d1..)",
                       n->op->name, gr_operand(n, at).text, gr_operand(n, at + 1).text);
    for (int64_t i = 0; i < target->size; i++) {
        int c = target->index[i];
        if ((c < 0 || c >= x->shape.dim[1]) && c != p->ignore_index)
            return gr_fail(n->graph, "%s: %s has %d at %s, expected 0 to %d", n->op->name,
                           gr_operand(n, at + 1).text, c, gr_place_text(target->shape, i).text,
                           x->shape.dim[1] - 1);
    }
    return true;
}

/* -- Rows -- */

/* The maximum m of the others' logits, and the sum of e^(x - m) over them. */
static double row_maximum(const odds_work *w, const gr_real *x, int64_t c) {
    const gr_fold *max = &w->kernels->reduce->max;
    double m = -INFINITY;
    max->along(1, c, x, c, NULL, &m);
    max->along(1, w->n - c - 1, x + c + 1, w->n, NULL, &m);
    return m;
}
static double row_sum(const odds_work *w, const gr_real *x, int64_t c, gr_real m) {
    const gr_fold *exponentials = &w->kernels->reduce->exponentials;
    double s = 0;
    exponentials->along(1, c, x, c, &m, &s);
    exponentials->along(1, w->n - c - 1, x + c + 1, w->n, &m, &s);
    return s;
}

/* grad e^(x_j - m) / s for the others, -grad (or 0) for the target */
static void row_gradient(const odds_work *w, const gr_real *x, int64_t c, gr_real m, double s,
                         gr_real grad, gr_real *y) {
    const gr_elementwise_kernels *k = w->kernels->elementwise;
    gr_real minus_m = -m, factor = (gr_real)(grad / s);
    k->shift(w->n, x, y, &minus_m);
    k->exp(w->n, y, y, NULL);
    k->scale(w->n, y, y, &factor);
    y[c] = w->p.others_only ? 0 : -grad;
}

static void rows_range(void *context, int64_t begin, int64_t end) {
    const odds_work *w = context;
    for (int64_t r = begin; r < end; r++) {
        const gr_real *x = w->x + r * w->n;
        int64_t c = w->target[r];
        bool ignored = c == w->p.ignore_index;
        double m = ignored ? -INFINITY : row_maximum(w, x, c);
        bool nothing = m == -INFINITY;
        double s = nothing ? 0 : row_sum(w, x, c, (gr_real)m);
        if (w->grad == NULL)
            w->y[r] = nothing ? NO_ODDS : (gr_real)(m - (double)x[c] + log(s));
        else if (nothing)
            for (int64_t j = 0; j < w->n; j++) w->y[r * w->n + j] = 0;
        else
            row_gradient(w, x, c, (gr_real)m, s, w->grad[r], w->y + r * w->n);
    }
}

/* -- Columns -- */

/* The others' maximum, kept finite where there are none, and the sum of e^(x - m), for each of
 * `count` columns. */
typedef struct columns {
    gr_real m[TILE], s[TILE];
    bool nothing[TILE];
} columns;

static void fold_columns(const odds_work *w, const gr_real *x, const int32_t *target, int64_t count,
                         columns *f) {
    gr_real e[TILE];
    for (int64_t j = 0; j < count; j++) f->m[j] = -INFINITY, f->s[j] = 0;
    for (int64_t r = 0; r < w->n; r++)
        for (int64_t j = 0; j < count; j++) {
            gr_real v = x[r * w->inner + j];
            f->m[j] = target[j] != r && (v > f->m[j] || v != v) ? v : f->m[j];
        }
    for (int64_t j = 0; j < count; j++) {
        f->nothing[j] = target[j] == w->p.ignore_index || f->m[j] == -INFINITY;
        if (f->nothing[j]) f->m[j] = 0;
    }
    for (int64_t r = 0; r < w->n; r++) {
        w->kernels->elementwise->sub(count, x + r * w->inner, 1, f->m, 1, e);
        w->kernels->elementwise->exp(count, e, e, NULL);
        for (int64_t j = 0; j < count; j++) f->s[j] += target[j] == r ? 0 : e[j];
    }
}

static void column_odds(const odds_work *w, const gr_real *x, const int32_t *target, int64_t count,
                        const columns *f, gr_real *y) {
    gr_real log_s[TILE];
    w->kernels->elementwise->log(count, f->s, log_s, NULL);
    for (int64_t j = 0; j < count; j++)
        y[j] = f->nothing[j] ? NO_ODDS : f->m[j] - x[target[j] * w->inner + j] + log_s[j];
}

static void column_gradient(const odds_work *w, const gr_real *x, const int32_t *target,
                            int64_t count, const columns *f, const gr_real *grad, gr_real *y) {
    gr_real factor[TILE], e[TILE];
    for (int64_t j = 0; j < count; j++) factor[j] = f->nothing[j] ? 0 : grad[j] / f->s[j];
    for (int64_t r = 0; r < w->n; r++) {
        w->kernels->elementwise->sub(count, x + r * w->inner, 1, f->m, 1, e);
        w->kernels->elementwise->exp(count, e, e, NULL);
        gr_real *row = y + r * w->inner;
        for (int64_t j = 0; j < count; j++) {
            gr_real own = w->p.others_only ? 0 : -grad[j];
            row[j] = f->nothing[j] ? 0 : target[j] == r ? own : factor[j] * e[j];
        }
    }
}

static void columns_range(void *context, int64_t begin, int64_t end) {
    const odds_work *w = context;
    columns f;
    for (int64_t t = begin; t < end; t++) {
        int64_t n = t / w->tiles, from = t % w->tiles * TILE;
        int64_t count = w->inner - from < TILE ? w->inner - from : TILE;
        int64_t at = n * w->inner + from, logits = n * w->n * w->inner + from;
        fold_columns(w, w->x + logits, w->target + at, count, &f);
        if (w->grad == NULL)
            column_odds(w, w->x + logits, w->target + at, count, &f, w->y + at);
        else
            column_gradient(w, w->x + logits, w->target + at, count, &f, w->grad + at,
                            w->y + logits);
    }
}

static void run(const gr_node *n, odds_work *w) {
    if (w->outer * w->inner == 0) return;
    if (w->inner == 1)
        gr_for(n->graph, w->outer, 1 + GRAIN / (w->n + 1), rows_range, w);
    else
        gr_for(n->graph, w->outer * w->tiles, 1 + GRAIN / ((w->n + 1) * TILE), columns_range, w);
}

/* -- The operations -- */

static gr_tensor *gradient(gr_tensor *grad, gr_tensor *x, gr_tensor *target, odds_params p);

/* The others' softmax q: grad (q_j for the others, -1 for the target), of x's shape. */
static bool gradient_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return check(n, 1);
}
static void gradient_forward(const gr_node *n) {
    odds_work w = work_of(n, n->in[1], n->in[2]);
    w.grad = n->in[0]->data;
    run(n, &w);
}
static void gradient_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *inner = n->in[0], *x = n->in[1], *target = n->in[2];
    odds_params p = *(const odds_params *)n->params, others = p;
    others.others_only = true;
    if (gr_wants(n, 0)) {
        gr_tensor *slope = gradient(gr_full(n->graph, inner->shape, 1), x, target, p);
        grads[0] = gr_sum(gr_mul(grad, slope), .axes = GR_AXES(1));
    }
    if (gr_wants(n, 1)) {
        gr_tensor *part = gr_mul(grad, gradient(inner, x, target, others));
        gr_tensor *sum = gr_sum(part, .axes = GR_AXES(1));
        grads[1] = gr_sub(part, gradient(sum, x, target, others));
    }
}
static const gr_op gradient_op = {.name = "gr_odds_against",
                                  .operands = {"grad", "x", "target"},
                                  .operand_kinds = {GR_REAL, GR_REAL, GR_INDEX},
                                  .shape = gradient_shape,
                                  .forward = gradient_forward,
                                  .vjp = gradient_vjp};
static gr_tensor *gradient(gr_tensor *grad, gr_tensor *x, gr_tensor *target, odds_params p) {
    return gr_apply(&gradient_op, GR_LIST(grad, x, target), &p, sizeof p);
}

static bool odds_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return check(n, 0);
}
static void odds_forward(const gr_node *n) {
    odds_work w = work_of(n, n->in[0], n->in[1]);
    run(n, &w);
}
static void odds_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gradient(grad, n->in[0], n->in[1], *(const odds_params *)n->params);
}
static const gr_op odds_op = {.name = "gr_odds_against",
                              .operands = {"x", "target"},
                              .operand_kinds = {GR_REAL, GR_INDEX},
                              .shape = odds_shape,
                              .forward = odds_forward,
                              .vjp = odds_vjp};
gr_tensor *gr_odds_against(gr_tensor *x, gr_tensor *target, int ignore_index) {
    odds_params p = {.ignore_index = ignore_index};
    return gr_apply(&odds_op, GR_LIST(x, target), &p, sizeof p);
}
