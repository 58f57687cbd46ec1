/* Three ways through a tensor, by where its statistics and weights lie:
 *
 *     images    of all samples, length > 1: a group is `samples` runs with one weight
 *     columns   of all samples, length 1: a group is a column
 *     samples   of one sample: a group is a run, weights change along it
 *
 * What fits the cache is normalised right after its statistics are known. Work is cut by sizes
 * alone, and what several pieces add up is joined in their order. */
#include "core/ops/normalize_internal.h"

#include <math.h>
#include <string.h>

/* Pieces into which the samples are cut at most, each with sums of its own; samples that are taken
 * together at most, if they have not more than BLOCK numbers. */
enum { MOST_PIECES = 16, ROWS = 8, BLOCK = 1 << 13, COLUMNS = GR_REDUCE_TILE };

static const gr_real one = 1, zero = 0;

typedef struct walk {
    const gr_normalize_kernels *kernels;
    const gr_elementwise_kernels *elementwise;
    gr_normalize_view view;
    gr_statistics statistics;
    const gr_real *x, *grad, *weight, *bias;
    gr_real *to, *sums;
    bool relu;           /* forward: of what is normalised */
    const gr_real *kept; /* backward: the results of relu, or NULL */
    int64_t pieces;      /* of the samples */
    int64_t rows;        /* samples in a block */
    gr_moments *moments; /* (pieces, groups), of columns */
    double *partial;     /* (pieces, 2, weights): sums of grad, of grad s; or NULL */
    gr_real *means;      /* (2, groups), of columns: grad_mean, product_mean */
} walk;

/* Rows that begin with element `at`, the statistics s and the weight k. */
static gr_normalize_rows rows_at(const walk *w, int64_t rows, int64_t n, int64_t stride, int64_t at,
                                 int64_t s, int64_t k) {
    return (gr_normalize_rows){.rows = rows,
                               .n = n,
                               .stride = stride,
                               .x = w->x + at,
                               .grad = w->grad == NULL ? NULL : w->grad + at,
                               .to = w->to == NULL ? NULL : w->to + at,
                               .mean = w->statistics.mean + s,
                               .rest = w->statistics.rest + s,
                               .rstd = w->statistics.rstd + s,
                               .weight = w->weight == NULL ? &one : w->weight + k,
                               .bias = w->bias == NULL ? &zero : w->bias + k};
}

static void write_statistics(const gr_statistics *s, int64_t i, const gr_moments *m) {
    double variance = m->squares / m->count;
    s->mean[i] = (gr_real)m->mean;
    s->rest[i] = (gr_real)(m->mean - (double)s->mean[i]);
    s->variance[i] = (gr_real)variance;
    s->rstd[i] = (gr_real)(1 / sqrt(variance + s->eps));
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* A power of two, so that threads get equally many; pieces of GR_SHARE numbers of each group, and of
 * ROWS samples, or more. */
static int64_t pieces_of(const gr_normalize_view *v) {
    double sample = (double)v->channels * (double)v->length * (v->across ? (double)v->groups : 1);
    int64_t pieces = 1;
    while (pieces < MOST_PIECES && v->samples >= 2 * pieces * ROWS &&
           (double)v->samples * sample >= 2.0 * GR_SHARE * (double)pieces)
        pieces *= 2;
    return pieces;
}

static int64_t piece_begin(const walk *w, int64_t piece) {
    return w->view.samples * piece / w->pieces;
}

/* -- Images -- */

static gr_normalize_rows image_rows(const walk *w, int64_t c) {
    const gr_normalize_view *v = &w->view;
    return rows_at(w, v->samples, v->length, v->groups * v->length, c * v->length, c, c);
}

/* Image by image, so that relu finds it in the first cache. */
static void apply_and_relu(const walk *w, gr_normalize_rows p) {
    int64_t images = p.rows;
    p.rows = 1;
    for (; images > 0; images--, p.x += p.stride, p.to += p.stride) {
        w->kernels->apply[0][0](&p);
        w->elementwise->relu(p.n, p.to, p.to, NULL);
    }
}

/* The gradient of what is normalised, to where that to x will stand. */
static void put_relu_grad(const walk *w, const gr_normalize_rows *p) {
    const gr_real *kept = w->kept + (p->to - w->to);
    for (int64_t at = 0; at < p->rows * p->stride; at += p->stride)
        w->elementwise->relu_grad(p->n, p->grad + at, 1, kept + at, 1, p->to + at);
}

static void images_forward(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    for (int64_t c = begin; c < end; c++) {
        gr_normalize_rows p = image_rows(w, c);
        if (!w->statistics.known) {
            gr_moments m = {0};
            w->kernels->moments(p.rows, p.n, p.x, p.stride, &m);
            write_statistics(&w->statistics, c, &m);
        }
        if (w->relu)
            apply_and_relu(w, p);
        else
            w->kernels->apply[0][0](&p);
    }
}

static void images_backward(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    const double n = (double)gr_normalize_count(&w->view);
    for (int64_t c = begin; c < end; c++) {
        gr_normalize_rows p = image_rows(w, c);
        double grads = 0, products = 0;
        if (w->kept != NULL) {
            put_relu_grad(w, &p);
            p.grad = p.to;
        }
        w->kernels->sums(&p, &grads, &products, 0);
        if (w->sums != NULL) {
            w->sums[c] = (gr_real)products;
            w->sums[w->view.groups + c] = (gr_real)grads;
        }
        if (w->to == NULL) continue;
        const gr_real grad_mean = (gr_real)(grads * (double)*p.weight / n);
        const gr_real product_mean = (gr_real)(products * (double)*p.weight / n);
        p.grad_mean = &grad_mean;
        p.product_mean = &product_mean;
        w->kernels->to_x[0][0](&p);
    }
}

/* -- Columns: pieces of samples give moments or sums, which are joined before the samples are gone
 * through again -- */

static gr_normalize_rows column_rows(const walk *w, int64_t begin, int64_t end) {
    const gr_normalize_view *v = &w->view;
    return rows_at(w, end - begin, v->groups, v->groups, begin * v->groups, 0, 0);
}

static void columns_moments(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    const int64_t groups = w->view.groups;
    for (int64_t piece = begin; piece < end; piece++) {
        gr_normalize_rows p = column_rows(w, piece_begin(w, piece), piece_begin(w, piece + 1));
        for (int64_t c = 0; c < groups; c += COLUMNS)
            w->kernels->column_moments(p.rows, least(groups - c, COLUMNS), p.x + c, groups,
                                       w->moments + piece * groups + c);
    }
}

static void columns_apply(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    gr_normalize_rows p = column_rows(w, begin, end);
    w->kernels->apply[1][w->weight != NULL](&p);
}

static bool columns_forward(gr_graph *g, walk *w) {
    const int64_t groups = w->view.groups;
    if (!w->statistics.known) {
        size_t bytes = (size_t)(w->pieces * groups) * sizeof *w->moments;
        w->moments = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
        if (w->moments == NULL) return false;
        memset(w->moments, 0, bytes);
        gr_for(g, w->pieces, 1, columns_moments, w);
        for (int64_t piece = 1; piece < w->pieces; piece++)
            w->kernels->join(groups, w->moments + piece * groups, w->moments);
        for (int64_t c = 0; c < groups; c++) write_statistics(&w->statistics, c, &w->moments[c]);
        gr_arena_give_back(&g->step, w->moments, bytes, GR_ALIGN_DATA);
    }
    gr_for_rows(g, w->view.samples, 1 + GR_SHARE / groups, columns_apply, w);
    return true;
}

static void columns_sums(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    for (int64_t piece = begin; piece < end; piece++) {
        gr_normalize_rows p = column_rows(w, piece_begin(w, piece), piece_begin(w, piece + 1));
        double *grads = w->partial + piece * 2 * w->view.groups;
        w->kernels->column_sums[1](&p, grads, grads + w->view.groups);
    }
}

static void columns_to_x(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    gr_normalize_rows p = column_rows(w, begin, end);
    p.grad_mean = w->means;
    p.product_mean = w->means + w->view.groups;
    w->kernels->to_x[1][w->weight != NULL](&p);
}

/* -- Samples: an item is a block of samples, or a piece of such blocks, and a group -- */

/* n numbers from the group's `offset` on, in each sample of a block that begins with the group i.
 */
static gr_normalize_rows group_rows(const walk *w, int64_t i, int64_t samples, int64_t offset,
                                    int64_t n) {
    const gr_normalize_view *v = &w->view;
    const int64_t size = v->channels * v->length;
    const int64_t weight = i % v->groups * v->channels + offset / v->length;
    gr_normalize_rows p = rows_at(w, samples, n, v->groups * size, i * size + offset, i, weight);
    p.statistics_step = v->groups;
    return p;
}

/* Applies one of the kernels with statistics by row. */
static void each_run(const walk *w, int64_t i, int64_t samples, gr_normalize_kernel *const k[2],
                     const gr_real *means) {
    const gr_normalize_view *v = &w->view;
    bool runs = w->weight != NULL && v->length > 1;
    const int64_t size = v->channels * v->length, n = runs ? v->length : size;
    for (int64_t offset = 0; offset < size; offset += n) {
        gr_normalize_rows p = group_rows(w, i, samples, offset, n);
        p.grad_mean = means;
        p.product_mean = means == NULL ? NULL : means + ROWS;
        p.means_step = 1;
        k[w->weight != NULL && !runs](&p);
    }
}

static void samples_forward(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    const gr_normalize_view *v = &w->view;
    for (int64_t item = begin; item < end; item++) {
        int64_t from = item / v->groups * w->rows, samples = least(w->rows, v->samples - from);
        int64_t i = from * v->groups + item % v->groups;
        if (!w->statistics.known) {
            gr_moments m[ROWS] = {{0}};
            gr_normalize_rows p = group_rows(w, i, samples, 0, v->channels * v->length);
            w->kernels->row_moments(samples, p.n, p.x, p.stride, m);
            for (int64_t s = 0; s < samples; s++)
                write_statistics(&w->statistics, i + s * v->groups, &m[s]);
        }
        each_run(w, i, samples, w->kernels->apply[0], NULL);
    }
}

/* The sums of each sample, and where channels are runs also of each channel. */
static void block_sums(const walk *w, int64_t i, int64_t samples, double *grads, double *products,
                       double *to_bias, double *to_weight) {
    const gr_normalize_view *v = &w->view;
    const int64_t size = v->channels * v->length;
    if (v->length == 1 || (w->weight == NULL && to_bias == NULL)) {
        gr_normalize_rows p = group_rows(w, i, samples, 0, size);
        (w->weight == NULL ? w->kernels->sums : w->kernels->weighted_sums)(&p, grads, products, 1);
        return;
    }
    for (int64_t c = 0; c < v->channels; c++) {
        gr_normalize_rows p = group_rows(w, i, samples, c * v->length, v->length);
        double of_grad[ROWS] = {0}, of_product[ROWS] = {0};
        w->kernels->sums(&p, of_grad, of_product, 1);
        for (int64_t s = 0; s < samples; s++) {
            grads[s] += (double)*p.weight * of_grad[s];
            products[s] += (double)*p.weight * of_product[s];
            if (to_bias == NULL) continue;
            to_bias[c] += of_grad[s];
            to_weight[c] += of_product[s];
        }
    }
}

static void block_backward(const walk *w, int64_t i, int64_t samples, double *to_bias,
                           double *to_weight) {
    const gr_normalize_view *v = &w->view;
    const int64_t size = v->channels * v->length;
    if (w->to != NULL || v->length > 1) {
        double grads[ROWS] = {0}, products[ROWS] = {0};
        gr_real means[2 * ROWS];
        block_sums(w, i, samples, grads, products, to_bias, to_weight);
        for (int64_t s = 0; s < samples; s++) {
            means[s] = (gr_real)(grads[s] / (double)size);
            means[ROWS + s] = (gr_real)(products[s] / (double)size);
        }
        if (w->to != NULL) each_run(w, i, samples, w->kernels->to_x[0], means);
    }
    if (to_bias == NULL || v->length > 1) return;
    gr_normalize_rows p = group_rows(w, i, samples, 0, size);
    w->kernels->column_sums[0](&p, to_bias, to_weight);
}

static void samples_backward(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    const gr_normalize_view *v = &w->view;
    const int64_t weights = v->groups * v->channels;
    for (int64_t item = begin; item < end; item++) {
        int64_t piece = item / v->groups, group = item % v->groups;
        int64_t last = piece_begin(w, piece + 1);
        double *to_bias = NULL, *to_weight = NULL;
        if (w->partial != NULL) {
            to_bias = w->partial + piece * 2 * weights + group * v->channels;
            to_weight = to_bias + weights;
        }
        for (int64_t s = piece_begin(w, piece); s < last; s += w->rows)
            block_backward(w, s * v->groups + group, least(w->rows, last - s), to_bias, to_weight);
    }
}

/* -- Both ways -- */

static walk walk_over(const gr_graph *g, const gr_normalize_view *v, const gr_statistics *s) {
    int64_t rows = BLOCK / (1 + v->channels * v->length);
    return (walk){.kernels = g->kernels->normalize,
                  .elementwise = g->kernels->elementwise,
                  .view = *v,
                  .statistics = *s,
                  .pieces = pieces_of(v),
                  .rows = rows < 1 ? 1 : least(rows, ROWS)};
}

bool gr_normalize_forward(gr_graph *g, const gr_normalize_view *v, const gr_statistics *s,
                          const gr_real *x, const gr_real *weight, const gr_real *bias, bool relu,
                          gr_real *y) {
    const int64_t count = gr_normalize_count(v), groups = v->groups;
    if (gr_normalize_statistics(v) == 0 || count == 0) return true;
    walk w = walk_over(g, v, s);
    w.x = x;
    w.weight = weight;
    w.bias = bias;
    w.relu = relu;
    w.to = y;
    if (v->across && v->length == 1) return columns_forward(g, &w);
    if (v->across) {
        gr_for_rows(g, groups, 1 + GR_SHARE / count, images_forward, &w);
    } else {
        int64_t blocks = (v->samples + w.rows - 1) / w.rows;
        gr_for_rows(g, blocks * groups, 1 + GR_SHARE / (count * w.rows), samples_forward, &w);
    }
    return true;
}

/* Adds the sums of the pieces in those of the first, and writes what is wanted of them. */
static void add_pieces(const walk *w, int64_t weights) {
    double *grads = w->partial, *products = w->partial + weights;
    for (int64_t piece = 1; piece < w->pieces; piece++)
        for (int64_t k = 0; k < 2 * weights; k++) grads[k] += w->partial[piece * 2 * weights + k];
    for (int64_t k = 0; k < weights; k++) {
        double scale = w->weight == NULL ? 1 : (double)w->weight[k];
        if (w->sums != NULL) {
            w->sums[k] = (gr_real)products[k];
            w->sums[weights + k] = (gr_real)grads[k];
        }
        if (w->means == NULL) continue;
        w->means[k] = (gr_real)(grads[k] * scale / (double)w->view.samples);
        w->means[weights + k] = (gr_real)(products[k] * scale / (double)w->view.samples);
    }
}

/* Columns or samples, with memory for sums of pieces. */
static void run_pieces(gr_graph *g, walk *w) {
    const gr_normalize_view *v = &w->view;
    const int64_t weights = v->groups * v->channels;
    if (v->across) {
        gr_for(g, w->pieces, 1, columns_sums, w);
        add_pieces(w, weights);
        if (w->to != NULL) gr_for_rows(g, v->samples, 1 + GR_SHARE / v->groups, columns_to_x, w);
        return;
    }
    int64_t item = v->samples / w->pieces * v->channels * v->length;
    gr_for_rows(g, w->pieces * v->groups, 1 + GR_SHARE / (item + 1), samples_backward, w);
    if (w->partial != NULL) add_pieces(w, weights);
}

bool gr_normalize_backward(gr_graph *g, const gr_normalize_view *v, const gr_statistics *s,
                           const gr_real *grad, const gr_real *x, const gr_real *weight,
                           const gr_real *relu, gr_real *to_x, gr_real *sums) {
    const int64_t count = gr_normalize_count(v), weights = v->groups * v->channels;
    if (gr_normalize_statistics(v) == 0 || count == 0) {
        if (sums != NULL) memset(sums, 0, (size_t)(2 * weights) * sizeof *sums);
        return true;
    }
    if (count == 1 && to_x != NULL) { /* each its own mean: not even rounding is left */
        memset(to_x, 0, (size_t)gr_normalize_statistics(v) * sizeof *to_x);
        to_x = NULL;
    }
    walk w = walk_over(g, v, s);
    w.x = x;
    w.grad = grad;
    w.weight = weight;
    w.kept = relu;
    w.to = to_x;
    w.sums = sums;
    if (v->across && v->length > 1) {
        gr_for_rows(g, v->groups, 1 + GR_SHARE / count, images_backward, &w);
        return true;
    }
    if (!v->across && sums == NULL) {
        run_pieces(g, &w);
        return true;
    }
    size_t of_sums = (size_t)(w.pieces * 2 * weights) * sizeof *w.partial;
    size_t bytes = of_sums + (v->across ? (size_t)(2 * weights) * sizeof *w.means : 0);
    w.partial = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    if (w.partial == NULL) return false;
    memset(w.partial, 0, bytes);
    if (v->across) w.means = (gr_real *)(w.partial + w.pieces * 2 * weights);
    run_pieces(g, &w);
    gr_arena_give_back(&g->step, w.partial, bytes, GR_ALIGN_DATA);
    return true;
}
