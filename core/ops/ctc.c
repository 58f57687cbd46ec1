#include "core/ops/ctc_internal.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

#include <math.h>
#include <string.h>

/* Two operations: the losses, and their derivative for a gradient (N) that comes from above, which
 * is that gradient times the posteriors. Both run over all alignments in a kernel. What the second
 * one is differentiated by is put together from operations. */

enum { PIECE_WORK = 1 << 12 }; /* states at all times, in a piece of work for one thread */

static const int32_t *sample_of(const gr_tensor *samples, int64_t i) {
    return samples->index + i * samples->shape.dim[1];
}

static int32_t largest(const gr_tensor *samples, int column) {
    int32_t y = 0;
    for (int i = 0; i < samples->shape.dim[0]; i++)
        if (sample_of(samples, i)[column] > y) y = sample_of(samples, i)[column];
    return y;
}

/* -- Running the kernel -- */

typedef struct ctc_run {
    const gr_ctc_kernels *kernels;
    const gr_tensor *log_probs, *samples;
    int blank;
    const gr_real *weights; /* (N), of the posteriors; NULL if they are not asked for */
    gr_real *losses, *grad; /* either is NULL */
    gr_real impossible;
    double *scratch;
    int64_t per_worker;
    int workers;
} ctc_run;

static void run_sample(const ctc_run *r, int64_t i, double *scratch) {
    const int *dim = r->log_probs->shape.dim;
    const int32_t *sample = sample_of(r->samples, i);
    gr_ctc_sample s = {.time = sample[GR_CTC_TIME],
                       .labels = sample[GR_CTC_LABELS],
                       .label = sample + GR_CTC_FIRST_LABEL,
                       .blank = r->blank,
                       .log_probs = r->log_probs->data + i * dim[2],
                       .stride = (int64_t)dim[1] * dim[2]};
    gr_real *grad = r->grad == NULL ? NULL : r->grad + i * dim[2];
    double loss = r->kernels->loss(&s, scratch, grad == NULL ? 0 : (double)r->weights[i], grad);
    if (r->losses != NULL) r->losses[i] = loss == INFINITY ? r->impossible : (gr_real)loss;
}

static void worker_range(void *context, int64_t begin, int64_t end) {
    const ctc_run *r = context;
    for (int64_t worker = begin; worker < end; worker++)
        for (int64_t i = worker; i < r->samples->shape.dim[0]; i += r->workers)
            run_sample(r, i, r->scratch + worker * r->per_worker);
}

static int workers_for(const ctc_run *r, const gr_graph *g, int64_t time, int64_t labels) {
    int64_t n = r->samples->shape.dim[0], by_work = 1 + n * time * (labels + 1) / PIECE_WORK;
    int64_t most = n < g->threads ? n : g->threads;
    return (int)(by_work < most ? by_work : most);
}

static void run(gr_graph *g, ctc_run *r) {
    int32_t time = largest(r->samples, GR_CTC_TIME), labels = largest(r->samples, GR_CTC_LABELS);
    r->kernels = g->kernels->ctc;
    r->per_worker = r->kernels->scratch(time, labels);
    r->workers = workers_for(r, g, time, labels);
    size_t bytes = (size_t)r->workers * (size_t)r->per_worker * sizeof *r->scratch;
    r->scratch = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    if (r->scratch == NULL) {
        gr_fail(g, "gr_ctc: no memory for %s, %zu bytes",
                gr_describe(r->log_probs, "log_probs").text, bytes);
        return;
    }
    gr_for(g, r->workers, 1, worker_range, r);
    gr_arena_give_back(&g->step, r->scratch, bytes, GR_ALIGN_DATA);
}

typedef struct ctc_params {
    int blank;
    gr_real impossible; /* the loss of a sample that has no alignment */
} ctc_params;

static int blank_of(const gr_node *n) { return ((const ctc_params *)n->params)->blank; }

/* NULL if there was no memory to run it, too. */
static gr_tensor *apply(const gr_op *op, gr_list in, ctc_params params) {
    gr_graph *g = in.items[0] == NULL ? NULL : in.items[0]->graph;
    bool failed = gr_failed(g);
    gr_tensor *y = gr_apply(op, in, &params, sizeof params);
    return gr_failed(g) == failed ? y : NULL;
}

/* -- The same, put together from operations -- */

/* What does not change from step to step; N samples, L = 2 S + 1 states. */
typedef struct chain {
    gr_tensor *samples;
    gr_tensor
        *no_skip;    /* (N,L): -inf in states that the one before last does not lead to, else 0 */
    gr_tensor *ends; /* (N,L): 0 in the states where alignments end, else -inf */
    int shortest;    /* of the samples' times */
} chain;

static int states_of(const gr_tensor *samples) { return 2 * largest(samples, GR_CTC_LABELS) + 1; }

/* The symbol of each state; the blank in states that a sample does not have. */
static int32_t symbol(const int32_t *sample, int state, int blank) {
    bool is_label = state % 2 == 1 && state / 2 < sample[GR_CTC_LABELS];
    return is_label ? sample[GR_CTC_FIRST_LABEL + state / 2] : blank;
}

/* (1,N,L) */
static gr_tensor *symbols(gr_tensor *samples, int blank) {
    int n = samples->shape.dim[0], states = states_of(samples);
    gr_tensor *y = gr_tensor_new(samples->graph, "gr_ctc", GR_INDEX, GR_SHAPE(1, n, states), false);
    for (int64_t i = 0; y != NULL && i < y->size; i++)
        y->index[i] = symbol(sample_of(samples, i / states), (int)(i % states), blank);
    return y;
}

static gr_tensor *mask(gr_tensor *samples, bool (*open)(const int32_t *sample, int state)) {
    int n = samples->shape.dim[0], states = states_of(samples);
    gr_tensor *y = gr_zeros(samples->graph, GR_SHAPE(n, states));
    for (int64_t i = 0; y != NULL && i < y->size; i++)
        y->data[i] = open(sample_of(samples, i / states), (int)(i % states)) ? 0 : -INFINITY;
    return y;
}
static bool is_skipped_to(const int32_t *sample, int state) {
    return state >= 3 && symbol(sample, state, -1) != symbol(sample, state - 2, -1);
}
static bool is_end(const int32_t *sample, int state) {
    return state == 2 * sample[GR_CTC_LABELS] || state == 2 * sample[GR_CTC_LABELS] - 1;
}
static bool is_begin(const int32_t *sample, int state) {
    (void)sample;
    return state == 0;
}

/* x minus its largest element along the last axis. These are constants: they move the loss, but not
 * its derivatives, and keep the logarithms' digits. */
static gr_tensor *shifted(gr_tensor *x) {
    if (x == NULL) return NULL;
    gr_shape shape = x->shape;
    int n = shape.dim[shape.ndim - 1];
    shape.dim[shape.ndim - 1] = 1;
    gr_tensor *largest_of = gr_zeros(x->graph, shape);
    if (largest_of == NULL) return NULL;
    for (int64_t i = 0; i < largest_of->size; i++) {
        gr_real m = x->data[i * n];
        for (int64_t k = 1; k < n; k++)
            if (x->data[i * n + k] > m) m = x->data[i * n + k];
        largest_of->data[i] = isfinite(m) ? m : 0;
    }
    return gr_sub(x, largest_of);
}

/* alpha (N,L) where the time of a sample is over. */
static gr_tensor *keep_finished(const chain *c, int t, gr_tensor *next, gr_tensor *alpha) {
    if (t < c->shortest) return next;
    gr_tensor *runs = gr_zeros(c->samples->graph, GR_SHAPE(c->samples->shape.dim[0], 1));
    for (int64_t i = 0; runs != NULL && i < runs->size; i++)
        runs->data[i] = t < sample_of(c->samples, i)[GR_CTC_TIME];
    return gr_where(runs, next, alpha);
}

/* Graves et al. 2006, equation 6, in logarithms. */
static gr_tensor *step(const chain *c, int t, gr_tensor *emission, gr_tensor *alpha) {
    gr_tensor *next = alpha;
    if (alpha != NULL && alpha->shape.dim[1] > 1) {
        gr_tensor *by_one = gr_pad(alpha, 1, 1, -1, -INFINITY);
        gr_tensor *by_two = gr_add(gr_pad(alpha, 1, 2, -2, -INFINITY), c->no_skip);
        next = gr_logsumexp(gr_stack(GR_LIST(alpha, by_one, by_two), 0), .axes = GR_AXES(0));
    }
    return keep_finished(c, t, shifted(gr_add(next, emission)), alpha);
}

/* All steps of the emissions (k,N,L), the first of which belongs to time t. They are cut in halves,
 * since the gradient of a slice is as large as what it was cut from. */
static gr_tensor *steps(const chain *c, int t, gr_tensor *emissions, gr_tensor *alpha) {
    if (emissions == NULL) return NULL;
    int n = emissions->shape.dim[0], half = n / 2;
    if (n == 1) return step(c, t, gr_squeeze(emissions, 0), alpha);
    alpha = steps(c, t, gr_slice(emissions, 0, 0, half, 1), alpha);
    return steps(c, t + half, gr_slice(emissions, 0, half, n, 1), alpha);
}

/* The losses but for constants. */
static gr_tensor *composed(gr_tensor *log_probs, gr_tensor *samples, int blank) {
    int time = log_probs->shape.dim[0], n = samples->shape.dim[0];
    chain c = {.samples = samples,
               .no_skip = mask(samples, is_skipped_to),
               .ends = mask(samples, is_end),
               .shortest = time};
    for (int i = 0; i < n; i++)
        if (sample_of(samples, i)[GR_CTC_TIME] < c.shortest)
            c.shortest = sample_of(samples, i)[GR_CTC_TIME];
    gr_tensor *index = gr_expand(symbols(samples, blank), GR_SHAPE(time, n, states_of(samples)));
    gr_tensor *emissions = shifted(gr_gather(log_probs, 2, index));
    gr_tensor *alpha = steps(&c, 0, emissions, mask(samples, is_begin));
    return gr_neg(gr_logsumexp(gr_add(alpha, c.ends), .axes = GR_AXES(1)));
}

/* -- The derivative: -grad_n times the posterior of emitting k at time t, (T,N,C) -- */

static gr_tensor *derivative(gr_tensor *grad, gr_tensor *log_probs, gr_tensor *samples, int blank);

static bool derivative_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}

static void derivative_forward(const gr_node *n) {
    ctc_run r = {.log_probs = n->in[1],
                 .samples = n->in[2],
                 .blank = blank_of(n),
                 .weights = n->in[0]->data,
                 .grad = n->out->data};
    memset(n->out->data, 0, (size_t)n->out->size * sizeof *n->out->data);
    run(n->graph, &r);
}

static gr_tensor *derivative_composed(const gr_node *n, gr_tensor **in) {
    gr_tensor *losses = composed(in[1], in[2], blank_of(n));
    if (losses == NULL) return NULL;
    return gr_grad(losses, in[1], .grad_output = in[0], .create_graph = true);
}

/* It is linear in grad, so that grad alone needs no composition. */
static void derivative_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (gr_wants(n, 1)) {
        bool anomaly = n->graph->anomaly;
        n->graph->anomaly = false; /* -inf is the logarithm of what is impossible */
        gr_vjp_of_composition(n, grad, grads, derivative_composed);
        n->graph->anomaly = anomaly;
        return;
    }
    gr_tensor *one = gr_full(n->graph, n->in[0]->shape, 1);
    gr_tensor *posteriors = derivative(one, n->in[1], n->in[2], blank_of(n));
    grads[0] = gr_sum(gr_mul(grad, posteriors), .axes = GR_AXES(0, 2));
}

static const gr_op derivative_op = {.name = "gr_ctc",
                                    .operands = {"grad", "log_probs", "samples"},
                                    .operand_kinds = {GR_REAL, GR_REAL, GR_INDEX},
                                    .shape = derivative_shape,
                                    .forward = derivative_forward,
                                    .vjp = derivative_vjp};
static gr_tensor *derivative(gr_tensor *grad, gr_tensor *log_probs, gr_tensor *samples, int blank) {
    return apply(&derivative_op, GR_LIST(grad, log_probs, samples), (ctc_params){.blank = blank});
}

/* -- The losses -- */

static bool losses_shape(const gr_node *n, gr_shape *shape) {
    *shape = GR_SHAPE(n->in[0]->shape.dim[1]);
    return true;
}
static void losses_forward(const gr_node *n) {
    ctc_run r = {.log_probs = n->in[0],
                 .samples = n->in[1],
                 .blank = blank_of(n),
                 .losses = n->out->data,
                 .impossible = ((const ctc_params *)n->params)->impossible};
    run(n->graph, &r);
}
static void losses_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = derivative(grad, n->in[0], n->in[1], blank_of(n));
}
static const gr_op losses_op = {.name = "gr_ctc",
                                .operands = {"log_probs", "samples"},
                                .operand_kinds = {GR_REAL, GR_INDEX},
                                .shape = losses_shape,
                                .forward = losses_forward,
                                .vjp = losses_vjp};

gr_tensor *gr_ctc_losses(gr_tensor *log_probs, gr_tensor *samples, int blank, double impossible) {
    return apply(&losses_op, GR_LIST(log_probs, samples), (ctc_params){blank, (gr_real)impossible});
}
