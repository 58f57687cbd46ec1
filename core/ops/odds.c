#include "core/ops/odds.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce_internal.h"

#include <math.h>
#include <string.h>

/* Logits, and scalar logarithms, that are worth another thread. */
enum { LOGITS_SHARE = 1 << 12, ODDS_SHARE = 1 << 10 };
enum { TILE = GR_REDUCE_TILE }; /* columns that are worked on side by side */

/* In place of -infinity: its softplus and its sigmoid are 0, and products with it stay finite. */
static const gr_real NO_ODDS = (gr_real)-1e30;

typedef struct odds_params {
    int ignore_index;
    bool others_only; /* of the gradient: leave out the part of the target's own logit */
} odds_params;

/* `count` neighbouring columns, the first of them at `first` of the results and `logits` of x */
typedef struct tile {
    int64_t first, logits, count;
} tile;

/* Three operations share the work: the fold of the others' logits x into their maximum m and the
 * sum s of e^(x - m), which is kept for the gradient; the odds; and the gradient. s is 0 where
 * there are no others, or where the target is ignored.
 *
 * x is walked as (outer, n, inner) with the classes in the middle: rows where inner is 1, tiles of
 * columns otherwise. */
typedef struct odds_work odds_work;
struct odds_work {
    const gr_kernels *kernels;
    int64_t outer, n, inner, tiles;
    const gr_real *x, *grad;
    const int32_t *target;
    gr_real *m, *s; /* (outer, inner) */
    gr_real *y;     /* the odds or the gradient */
    odds_params p;
    void (*columns)(const odds_work *w, tile at);
};

/* `fold` is NULL for the sum, which makes do without. */
static odds_work work_of(const gr_node *n, const gr_tensor *x, const gr_tensor *target,
                         const gr_tensor *fold) {
    odds_work w = {.kernels = n->graph->kernels,
                   .outer = x->shape.dim[0],
                   .n = x->shape.dim[1],
                   .inner = 1,
                   .x = x->data,
                   .target = target->index,
                   .y = n->out->data,
                   .p = *(const odds_params *)n->params};
    if (fold != NULL) w.m = fold->data, w.s = fold->data + target->size;
    for (int i = 2; i < x->shape.ndim; i++) w.inner *= x->shape.dim[i];
    w.tiles = (w.inner + TILE - 1) / TILE;
    return w;
}

/* Rows, or tiles, that are a piece of work. */
static int64_t share_of(const odds_work *w) {
    return 1 + LOGITS_SHARE / (w->n * (w->inner < TILE ? w->inner : TILE) + 1);
}

static tile tile_of(const odds_work *w, int64_t t) {
    const int64_t n = t / w->tiles, from = t % w->tiles * TILE, rest = w->inner - from;
    return (tile){.first = n * w->inner + from,
                  .logits = n * w->n * w->inner + from,
                  .count = rest < TILE ? rest : TILE};
}

/* -- Rows -- */

/* Columns before and behind that of the target are folded one after the other. */
static void fold_row(const odds_work *w, int64_t r) {
    const gr_fold *max = &w->kernels->reduce->max, *sum = &w->kernels->reduce->exponentials;
    const int64_t c = w->target[r], rest = w->n - c - 1;
    const gr_real *x = w->x + r * w->n;
    double m = -INFINITY, s = 0;
    w->m[r] = w->s[r] = 0;
    if (c == w->p.ignore_index) return;
    max->along(1, c, x, c, NULL, &m);
    max->along(1, rest, x + c + 1, rest, NULL, &m);
    if (m == -INFINITY) return;
    w->m[r] = (gr_real)m;
    sum->along(1, c, x, c, w->m + r, &s);
    sum->along(1, rest, x + c + 1, rest, w->m + r, &s);
    w->s[r] = (gr_real)s;
}

static void fold_rows(void *context, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) fold_row(context, r);
}

/* grad e^(x_j - m) / s for the others, -grad (or 0) for the target */
static void gradient_rows(void *context, int64_t begin, int64_t end) {
    const odds_work *w = context;
    for (int64_t r = begin; r < end; r++) {
        gr_real *y = w->y + r * w->n;
        gr_real p[2] = {w->m[r], w->grad[r] / w->s[r]};
        if (w->s[r] == 0) {
            for (int64_t j = 0; j < w->n; j++) y[j] = 0;
            continue;
        }
        w->kernels->elementwise->scaled_exp(w->n, w->x + r * w->n, y, p);
        y[w->target[r]] = w->p.others_only ? 0 : -w->grad[r];
    }
}

/* -- Columns -- */

static void fold_columns(const odds_work *w, tile at) {
    gr_real e[TILE], *m = w->m + at.first, *s = w->s + at.first;
    const int32_t *target = w->target + at.first;
    const gr_real *x = w->x + at.logits;
    const int64_t count = at.count;
    bool nothing[TILE];
    for (int64_t j = 0; j < count; j++) m[j] = -INFINITY, s[j] = 0;
    for (int64_t r = 0; r < w->n; r++)
        for (int64_t j = 0; j < count; j++) {
            gr_real v = x[r * w->inner + j];
            m[j] = target[j] != r && (v > m[j] || v != v) ? v : m[j];
        }
    for (int64_t j = 0; j < count; j++) {
        nothing[j] = target[j] == w->p.ignore_index || m[j] == -INFINITY;
        if (nothing[j]) m[j] = 0;
    }
    for (int64_t r = 0; r < w->n; r++) {
        w->kernels->elementwise->sub(count, x + r * w->inner, 1, m, 1, e);
        w->kernels->elementwise->exp(count, e, e, NULL);
        for (int64_t j = 0; j < count; j++) s[j] += target[j] == r ? 0 : e[j];
    }
    for (int64_t j = 0; j < count; j++) s[j] = nothing[j] ? 0 : s[j];
}

static void gradient_columns(const odds_work *w, tile at) {
    gr_real factor[TILE], e[TILE];
    const gr_real *m = w->m + at.first, *s = w->s + at.first, *grad = w->grad + at.first;
    const int32_t *target = w->target + at.first;
    const int64_t count = at.count;
    for (int64_t j = 0; j < count; j++) factor[j] = s[j] == 0 ? 0 : grad[j] / s[j];
    for (int64_t r = 0; r < w->n; r++) {
        gr_real *y = w->y + at.logits + r * w->inner;
        w->kernels->elementwise->sub(count, w->x + at.logits + r * w->inner, 1, m, 1, e);
        w->kernels->elementwise->exp(count, e, e, NULL);
        for (int64_t j = 0; j < count; j++) {
            gr_real own = w->p.others_only ? 0 : -grad[j];
            y[j] = s[j] == 0 ? 0 : target[j] == r ? own : factor[j] * e[j];
        }
    }
}

static void columns_range(void *context, int64_t begin, int64_t end) {
    const odds_work *w = context;
    for (int64_t t = begin; t < end; t++) w->columns(w, tile_of(w, t));
}

static void run(const gr_node *n, odds_work *w, gr_range_function *rows) {
    gr_for_rows(n->graph, w->outer * w->tiles, share_of(w), w->inner == 1 ? rows : columns_range,
                w);
}

/* -- The fold: m and s, (2,N,d1..), of which no gradient is asked -- */

static bool check_target(const gr_node *n, int ignore_index) {
    const gr_tensor *x = n->in[0], *target = n->in[1];
    bool fits = x->shape.ndim >= 2 && target->shape.ndim == x->shape.ndim - 1;
    for (int i = 0; fits && i < target->shape.ndim; i++)
        fits = target->shape.dim[i] == x->shape.dim[i == 0 ? 0 : i + 1];
    if (!fits)
        return gr_fail(n->graph,
                       "%s: %s and %s, expected (N,C) and (N), or (N,C,d1..) and (N,d1..)",
                       n->op->name, gr_operand(n, 0).text, gr_operand(n, 1).text);
    int64_t i = gr_first_outside(target, x->shape.dim[1], &ignore_index);
    if (i < 0) return true;
    return gr_fail(n->graph, "%s: %s has %d at %s, expected 0 to %d", n->op->name,
                   gr_operand(n, 1).text, target->index[i], gr_place_text(target->shape, i).text,
                   x->shape.dim[1] - 1);
}

static bool fold_shape(const gr_node *n, gr_shape *shape) {
    const gr_tensor *x = n->in[0], *target = n->in[1];
    const odds_params *p = n->params;
    if (!check_target(n, p->ignore_index)) return false;
    *shape = (gr_shape){.ndim = x->shape.ndim, .dim = {2}};
    for (int i = 0; i < target->shape.ndim; i++) shape->dim[i + 1] = target->shape.dim[i];
    return true;
}
static void fold_forward(const gr_node *n) {
    odds_work w = work_of(n, n->in[0], n->in[1], n->out);
    w.columns = fold_columns;
    if (w.n == 0) memset(n->out->data, 0, (size_t)n->out->size * sizeof *n->out->data);
    run(n, &w, fold_rows);
}
static const gr_op fold_op = {.name = "gr_odds_against",
                              .operands = {"x", "target"},
                              .operand_kinds = {GR_REAL, GR_INDEX},
                              .shape = fold_shape,
                              .forward = fold_forward};

/* -- The gradient: with the others' softmax q, grad (q_j for the others, -1 for the target) -- */

static gr_tensor *gradient(gr_tensor *grad, gr_tensor *x, gr_tensor *target, gr_tensor *fold,
                           odds_params p);

static bool gradient_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}
static void gradient_forward(const gr_node *n) {
    odds_work w = work_of(n, n->in[1], n->in[2], n->in[3]);
    w.grad = n->in[0]->data;
    w.columns = gradient_columns;
    run(n, &w, gradient_rows);
}
static void gradient_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *inner = n->in[0], *x = n->in[1], *target = n->in[2], *fold = n->in[3];
    odds_params p = *(const odds_params *)n->params, others = p;
    others.others_only = true;
    if (gr_wants(n, 0)) {
        gr_tensor *slope = gradient(gr_full(n->graph, inner->shape, 1), x, target, fold, p);
        grads[0] = gr_sum(gr_mul(grad, slope), .axes = GR_AXES(1));
    }
    if (gr_wants(n, 1)) {
        gr_tensor *part = gr_mul(grad, gradient(inner, x, target, fold, others));
        gr_tensor *sum = gr_sum(part, .axes = GR_AXES(1));
        grads[1] = gr_sub(part, gradient(sum, x, target, fold, others));
    }
}
static const gr_op gradient_op = {.name = "gr_odds_against",
                                  .operands = {"grad", "x", "target", "fold"},
                                  .operand_kinds = {GR_REAL, GR_REAL, GR_INDEX, GR_REAL},
                                  .shape = gradient_shape,
                                  .forward = gradient_forward,
                                  .vjp = gradient_vjp};
static gr_tensor *gradient(gr_tensor *grad, gr_tensor *x, gr_tensor *target, gr_tensor *fold,
                           odds_params p) {
    return gr_apply(&gradient_op, GR_LIST(grad, x, target, fold), &p, sizeof p);
}

/* -- The odds: m - x_target + log s -- */

static bool odds_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}
static void odds_range(void *context, int64_t begin, int64_t end) {
    const odds_work *w = context;
    int64_t outer = begin / w->inner, inner = begin % w->inner;
    for (int64_t i = begin; i < end; i++) {
        w->y[i] = NO_ODDS;
        if (w->s[i] != 0) {
            double x = w->x[(outer * w->n + w->target[i]) * w->inner + inner];
            w->y[i] = (gr_real)((double)w->m[i] - x + log((double)w->s[i]));
        }
        if (++inner == w->inner) inner = 0, outer++;
    }
}
static void odds_forward(const gr_node *n) {
    odds_work w = work_of(n, n->in[0], n->in[1], n->in[2]);
    gr_for_each(n->graph, n->out->size, ODDS_SHARE, odds_range, &w);
}
static void odds_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_list in = GR_LIST(grad, n->in[0], n->in[1], n->in[2]);
    grads[0] = gr_apply_gradient(n, 0, &gradient_op, in, n->params, sizeof(odds_params));
}
static const gr_op odds_op = {.name = "gr_odds_against",
                              .operands = {"x", "target", "fold"},
                              .operand_kinds = {GR_REAL, GR_INDEX, GR_REAL},
                              .shape = odds_shape,
                              .forward = odds_forward,
                              .vjp = odds_vjp};
gr_tensor *gr_odds_against(gr_tensor *x, gr_tensor *target, int ignore_index) {
    odds_params p = {.ignore_index = ignore_index};
    gr_tensor *fold = gr_apply(&fold_op, GR_LIST(x, target), &p, sizeof p);
    return gr_apply(&odds_op, GR_LIST(x, target, fold), &p, sizeof p);
}

/* -- The sum of log(1 + e^odds), with its gradient in the same pass -- */

typedef struct entropy_params {
    odds_params odds;
    double total;
    gr_ahead *ahead; /* the gradient of x */
} entropy_params;

typedef struct entropy_work {
    odds_work of;
    gr_real total;
    int64_t grain;
    double partial[GR_MOST_PIECES];
} entropy_work;

static void entropy_range(void *context, int64_t begin, int64_t end) {
    entropy_work *w = context;
    const odds_work *of = &w->of;
    const gr_softmax_kernels *k = of->kernels->softmax;
    const int ignored = of->p.ignore_index;
    double sum = 0;
    if (of->inner == 1)
        sum = k->cross_entropy_rows(end - begin, of->n, of->x + begin * of->n, of->target + begin,
                                    ignored, w->total, of->y + begin * of->n);
    for (int64_t t = begin; of->inner != 1 && t < end; t++) {
        const tile at = tile_of(of, t);
        sum +=
            k->cross_entropy_columns(of->n, at.count, of->x + at.logits, of->inner,
                                     of->target + at.first, ignored, w->total, of->y + at.logits);
    }
    w->partial[begin / w->grain] = sum;
}

static void entropy_forward(const gr_node *n) {
    const entropy_params *p = n->params;
    entropy_work w;
    w.of = work_of(n, n->in[0], n->in[1], NULL);
    w.of.y = p->ahead->gradient->data;
    w.total = (gr_real)p->total;
    const int64_t items = w.of.outer * w.of.tiles;
    w.grain = gr_piece_length(items, share_of(&w.of), 1);
    gr_for(n->graph, items, w.grain, entropy_range, &w);
    double sum = 0;
    for (int64_t i = 0; i * w.grain < items; i++) sum += w.partial[i];
    n->out->data[0] = (gr_real)(p->total * sum);
}

static bool entropy_shape(const gr_node *n, gr_shape *shape) {
    const entropy_params *p = n->params;
    *shape = GR_SCALAR;
    return check_target(n, p->odds.ignore_index);
}

static gr_tensor *entropy_composed(gr_tensor *x, gr_tensor *target, const entropy_params *p) {
    gr_tensor *odds = gr_odds_against(x, target, p->odds.ignore_index);
    return gr_sum_times(gr_softplus(odds), p->total);
}

static gr_tensor *entropy_of_node(const gr_node *n, gr_tensor **in) {
    return entropy_composed(in[0], in[1], n->params);
}

static void entropy_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const entropy_params *p = n->params;
    grads[0] = gr_take_ahead(p->ahead, grad);
    if (grads[0] == NULL) gr_vjp_of_composition(n, grad, grads, entropy_of_node);
}

static const gr_op entropy_op = {.name = "gr_odds_entropy",
                                 .operands = {"x", "target"},
                                 .operand_kinds = {GR_REAL, GR_INDEX},
                                 .shape = entropy_shape,
                                 .forward = entropy_forward,
                                 .vjp = entropy_vjp};
gr_tensor *gr_odds_entropy(gr_tensor *x, gr_tensor *target, int ignore_index, double total) {
    entropy_params p = {.odds = {.ignore_index = ignore_index}, .total = total};
    if (x != NULL) p.ahead = gr_gradient_ahead(x, entropy_op.name);
    if (p.ahead == NULL) return entropy_composed(x, target, &p);
    return gr_apply(&entropy_op, GR_LIST(x, target), &p, sizeof p);
}
