#include "core/ops/dropout.h"

#include "core/graph/graph_internal.h"
#include "core/ops/axis_internal.h"

#include <string.h>

/* Batches of random words that fit on the stack, and in a piece of work for one thread; blocks of
 * the generator in a batch. */
enum { FEW = 4, GRAIN = 64, BLOCKS = GR_RANDOM_WORDS / 4 };

/* The operation is linear in x, and its own gradient: `from` says which draws it makes. */
typedef struct dropout_params {
    gr_random_state from;
    double p;
} dropout_params;

typedef struct dropout_work {
    const gr_random_kernels *kernels;
    gr_random_state from;
    uint32_t threshold; /* words below it drop */
    gr_real factor;
    int64_t draws, inner; /* each draw decides over `inner` elements */
    const gr_real *x;
    gr_real *y;
} dropout_work;

static void drop_channels(const dropout_work *w, int64_t first, int64_t count,
                          const uint32_t *word) {
    for (int64_t i = 0; i < count; i++) {
        const gr_real *x = w->x + (first + i) * w->inner;
        gr_real *y = w->y + (first + i) * w->inner;
        bool dropped = word[i] < w->threshold;
        for (int64_t k = 0; k < w->inner; k++) y[k] = dropped ? 0 : w->factor * x[k];
    }
}

/* Items are batches of random words. */
static void drop_range(void *context, int64_t begin, int64_t end) {
    const dropout_work *w = context;
    uint32_t word[FEW * GR_RANDOM_WORDS];
    for (int64_t b = begin; b < end; b += FEW) {
        int64_t batches = end - b < FEW ? end - b : FEW, first = b * GR_RANDOM_WORDS;
        int64_t left = w->draws - first, count = batches * GR_RANDOM_WORDS;
        if (count > left) count = left;
        uint64_t counter = w->from.counter + (uint64_t)b * BLOCKS;
        w->kernels->words(w->from.seed, counter, batches, word);
        if (w->inner == 1)
            w->kernels->drop(count, word, w->threshold, w->factor, w->x + first, w->y + first);
        else
            drop_channels(w, first, count, word);
    }
}

static int64_t batches_of(int64_t draws) { return (draws + GR_RANDOM_WORDS - 1) / GR_RANDOM_WORDS; }

static void run(const gr_node *n, int64_t inner) {
    const dropout_params *params = n->params;
    const gr_tensor *x = n->in[0];
    uint64_t threshold = (uint64_t)(params->p * 0x1p32 + 0.5);
    if (x->size == 0) return;
    if (threshold > UINT32_MAX) {
        memset(n->out->data, 0, (size_t)x->size * sizeof(gr_real));
        return;
    }
    dropout_work w = {.kernels = n->graph->kernels->random,
                      .from = params->from,
                      .threshold = (uint32_t)threshold,
                      .factor = (gr_real)(1 / (1 - params->p)),
                      .draws = x->size / inner,
                      .inner = inner,
                      .x = x->data,
                      .y = n->out->data};
    gr_for_rows(n->graph, batches_of(w.draws), 1 + GRAIN / inner, drop_range, &w);
}

static bool dropout_shape(const gr_node *n, gr_shape *shape) {
    double p = ((const dropout_params *)n->params)->p;
    *shape = n->in[0]->shape;
    if (p >= 0 && p <= 1) return true;
    return gr_fail(n->graph, "%s: p is %g, expected a probability in [0, 1]", n->op->name, p);
}
static void dropout_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_apply(n->op, GR_LIST(grad), n->params, sizeof(dropout_params));
}

static void dropout_forward(const gr_node *n) { run(n, 1); }
static const gr_op dropout_op = {.name = "gr_dropout",
                                 .operands = {"x"},
                                 .shape = dropout_shape,
                                 .forward = dropout_forward,
                                 .vjp = dropout_vjp};

static bool dropout2d_shape(const gr_node *n, gr_shape *shape) {
    if (n->in[0]->shape.ndim != 4)
        return gr_fail(n->graph, "gr_dropout2d: %s, expected (N,C,H,W)", gr_operand(n, 0).text);
    return dropout_shape(n, shape);
}
static void dropout2d_forward(const gr_node *n) { run(n, gr_inner_size(n->in[0]->shape, 1)); }
static const gr_op dropout2d_op = {.name = "gr_dropout2d",
                                   .operands = {"x"},
                                   .shape = dropout2d_shape,
                                   .forward = dropout2d_forward,
                                   .vjp = dropout_vjp};

/* x itself, if the operation would take it. */
static gr_tensor *unchanged(const gr_op *op, gr_tensor *x, const dropout_params *params) {
    gr_shape shape;
    gr_graph *g = gr_operands_graph(op, GR_LIST(x));
    gr_node call = {.op = op, .graph = g, .n_in = 1, .in = &x, .params = params};
    return g != NULL && op->shape(&call, &shape) ? x : NULL;
}

/* Runs the operation and leaves the generator behind the draws that it made. */
static gr_tensor *drop(const gr_op *op, gr_tensor *x, double p, int64_t draws) {
    gr_graph *g = x != NULL ? x->graph : NULL;
    dropout_params params = {gr_random_get(g), p};
    if (p == 0) return unchanged(op, x, &params);
    gr_tensor *y = gr_apply(op, GR_LIST(x), &params, sizeof params);
    if (y != NULL) g->random.counter += (uint64_t)batches_of(draws) * BLOCKS;
    return y;
}

gr_tensor *gr_dropout(gr_tensor *x, double p) {
    return drop(&dropout_op, x, p, x != NULL ? x->size : 0);
}

gr_tensor *gr_dropout2d(gr_tensor *x, double p) {
    bool image = x != NULL && x->shape.ndim == 4;
    return drop(&dropout2d_op, x, p, image ? gr_dims_product(x->shape, 0, 2) : 0);
}
