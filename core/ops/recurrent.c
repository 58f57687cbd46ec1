#include "core/ops/recurrent_internal.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/kernels/product.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

#include <string.h>

/* Samples don't know of each other, so that a thread takes some of them through all steps: a
 * multiple of PIECE_ROWS, and so many that a piece has PIECE_WORK multiplications. */
enum { PIECE_ROWS = 16, PIECE_WORK = 1 << 19 };

/* Operands; the last one is c0 in an LSTM, the bias in a GRU. */
enum { GATES, WEIGHT, H0, LAST };

/* `sums` (L,N,G H) and, in an LSTM, `cells` (L,N,H) are what the cell's kernels call so. They are
 * kept for the gradient; where none will be asked for they have room for one step. */
typedef struct recurrence {
    gr_cell cell;
    bool reverse;
    gr_tensor *lengths, *sums, *cells;
} recurrence;

int gr_cell_gates(gr_cell cell) { return cell == GR_CELL_LSTM ? 4 : cell == GR_CELL_GRU ? 3 : 1; }

/* -- The walk through the steps -- */

typedef struct walk {
    const gr_graph *graph;
    const gr_cell_kernel *kernel;
    int64_t steps, samples, hidden, width; /* width = G H */
    bool reverse;
    const int32_t *lengths;
    const gr_real *gates, *h0, *c0;
    gr_real *states, *sums, *cells;
    int64_t sums_step, cells_step; /* from a step to the next; 0 where they are not kept */
    gr_product product;            /* of the state and the weight, or of the gates' gradient */
    gr_real *packed;               /* its B */
    const gr_real *grad;           /* to states; what follows is computed from it */
    gr_real *to_gates, *to_sums, *to_h, *to_c;
} walk;

static const gr_cell_kernel *kernel_of(const gr_graph *g, gr_cell cell) {
    const gr_cell_kernels *k = g->kernels->cell;
    const gr_cell_kernel *const kernels[] = {&k->tanh, &k->relu, &k->lstm, &k->gru};
    return kernels[cell];
}

static int64_t distance(const gr_tensor *t) {
    return t->shape.dim[0] > 1 ? (int64_t)t->shape.dim[1] * t->shape.dim[2] : 0;
}

/* `in` are the recurrence's operands. */
static walk walk_of(const gr_graph *g, const recurrence *r, gr_tensor *const *in, gr_real *states) {
    gr_shape gates = in[GATES]->shape;
    walk w = {.graph = g,
              .kernel = kernel_of(g, r->cell),
              .steps = gates.dim[0],
              .samples = gates.dim[1],
              .width = gates.dim[2],
              .hidden = in[WEIGHT]->shape.dim[1],
              .reverse = r->reverse,
              .lengths = r->lengths == NULL ? NULL : r->lengths->index,
              .gates = in[GATES]->data,
              .h0 = in[H0]->data,
              .states = states,
              .sums = r->sums->data,
              .sums_step = distance(r->sums)};
    if (r->cell == GR_CELL_LSTM) {
        w.c0 = in[LAST]->data;
        w.cells = r->cells->data;
        w.cells_step = distance(r->cells);
    }
    return w;
}

/* The number of the step that is taken as the i-th one. */
static int64_t time_of(const walk *w, int64_t i) { return w->reverse ? w->steps - 1 - i : i; }

/* The i-th step for samples begin ... end-1. */
static gr_cell_step step_of(const walk *w, int64_t i, int64_t begin, int64_t end) {
    int64_t time = time_of(w, i), before = time_of(w, i - 1), row = begin * w->hidden;
    int64_t matrix = w->samples * w->hidden;
    gr_cell_step s = {.rows = end - begin,
                      .hidden = w->hidden,
                      .time = time,
                      .lengths = w->lengths == NULL ? NULL : w->lengths + begin,
                      .gates = w->gates + (time * w->samples + begin) * w->width,
                      .sums = w->sums + time * w->sums_step + begin * w->width,
                      .h = i == 0 ? w->h0 + row : w->states + before * matrix + row,
                      .h_next = w->states + time * matrix + row};
    if (w->cells == NULL) return s;
    s.c = i == 0 ? w->c0 + row : w->cells + before * w->cells_step + row;
    s.c_next = w->cells + time * w->cells_step + row;
    return s;
}

/* Calls f for pieces of the samples, with the product's B packed. */
static void run(const gr_node *n, walk *w, gr_range_function *f) {
    gr_graph *g = n->graph;
    const gr_gemm_kernels *gemm = g->kernels->gemm;
    size_t bytes = gr_product_packed_size(gemm, &w->product) * sizeof(gr_real);
    double work = (double)w->steps * (double)w->width * (double)w->hidden * PIECE_ROWS;
    w->packed = gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA);
    if (w->packed == NULL) {
        gr_fail(g, "%s: no memory for %zu bytes", n->op->name, bytes);
        return;
    }
    gr_product_pack(gemm, g->threads, &w->product, w->packed);
    gr_for(g, w->samples, PIECE_ROWS * (1 + (int64_t)(PIECE_WORK / work)), f, w);
    gr_arena_give_back(&g->step, w->packed, bytes, GR_ALIGN_DATA);
}

/* -- Forward -- */

static void forward_range(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    gr_product p = w->product;
    gr_cell_step s;
    p.m = end - begin;
    for (int64_t i = 0; i < w->steps; i++) {
        s = step_of(w, i, begin, end);
        p.a = s.h;
        p.c = (gr_real *)s.sums;
        if (p.start_row > 0) p.start = s.gates;
        gr_product_run_packed(w->graph->kernels->gemm, &p, w->packed);
        w->kernel->forward(&s);
    }
    if (w->cells == NULL) return;
    gr_real *last = w->states + (w->steps * w->samples + begin) * w->hidden;
    memcpy(last, s.c_next, (size_t)(p.m * w->hidden) * sizeof *last);
}

static void recurrence_forward(const gr_node *n) {
    const recurrence *r = n->params;
    walk w = walk_of(n->graph, r, n->in, n->out->data);
    w.product = (gr_product){.n = w.width,
                             .k = w.hidden,
                             .a_row = w.hidden,
                             .a_col = 1,
                             .b = n->in[WEIGHT]->data,
                             .b_row = 1,
                             .b_col = w.hidden,
                             .c_row = w.width};
    if (r->cell != GR_CELL_GRU)
        w.product.start_row = w.width; /* begins with the gates */
    else if (n->n_in > LAST)
        w.product.start = n->in[LAST]->data;
    run(n, &w, forward_range);
}

static bool recurrence_shape(const gr_node *n, gr_shape *shape) {
    const recurrence *r = n->params;
    *shape = n->in[GATES]->shape;
    shape->dim[0] += r->cell == GR_CELL_LSTM;
    shape->dim[2] = n->in[WEIGHT]->shape.dim[1];
    return true;
}

/* -- Backward, where nothing is recorded: to gates, of operands grad, states and the recurrence's
 * -- */

enum { GRAD, STATES, OPERANDS };

typedef struct gradient {
    recurrence r;
    gr_tensor *to_sums; /* (L,N,G H); NULL: those to gates */
    gr_tensor *to_h0, *to_c0;
} gradient;

static void backward_range(void *context, int64_t begin, int64_t end) {
    const walk *w = context;
    int64_t row = begin * w->hidden, size = (end - begin) * w->hidden;
    const gr_real *last = w->grad + w->steps * w->samples * w->hidden + row;
    gr_product p = w->product;
    p.m = end - begin;
    p.start = p.c = w->to_h + row;
    p.start_row = p.c_row;
    memset(p.c, 0, (size_t)size * sizeof *p.c);
    if (w->to_c != NULL) memcpy(w->to_c + row, last, (size_t)size * sizeof *last);
    for (int64_t i = w->steps - 1; i >= 0; i--) {
        gr_cell_step s = step_of(w, i, begin, end);
        int64_t at = time_of(w, i) * w->samples + begin;
        gr_cell_gradient d = {.arriving = w->grad + at * w->hidden,
                              .h = p.c,
                              .c = w->to_c == NULL ? NULL : w->to_c + row,
                              .gates = w->to_gates + at * w->width,
                              .sums = w->to_sums + at * w->width};
        w->kernel->backward(&s, &d);
        p.a = d.sums;
        gr_product_run_packed(w->graph->kernels->gemm, &p, w->packed);
    }
}

static void gradient_forward(const gr_node *n) {
    const gradient *d = n->params;
    gr_tensor *const *in = n->in + OPERANDS;
    walk w = walk_of(n->graph, &d->r, in, n->in[STATES]->data);
    w.grad = n->in[GRAD]->data;
    w.to_gates = n->out->data;
    w.to_sums = d->to_sums == NULL ? w.to_gates : d->to_sums->data;
    w.to_h = d->to_h0->data;
    w.to_c = d->to_c0 == NULL ? NULL : d->to_c0->data;
    w.product = (gr_product){.n = w.hidden,
                             .k = w.width,
                             .a_row = w.width,
                             .a_col = 1,
                             .b = in[WEIGHT]->data,
                             .b_row = w.hidden,
                             .b_col = 1,
                             .c_row = w.hidden};
    run(n, &w, backward_range);
}

static bool gradient_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[OPERANDS + GATES]->shape;
    return true;
}

static const gr_op gradient_op = {.name = "gr_recurrence",
                                  .operands = {"gradient", "states", "gates", "weight"},
                                  .shape = gradient_shape,
                                  .forward = gradient_forward};

static gr_tensor *new_like(gr_tensor *t) {
    return gr_tensor_new(t->graph, "gr_recurrence", GR_REAL, t->shape, false);
}

/* The states before each step, as rows (L N,H). */
static gr_tensor *states_before(const gr_node *n) {
    const recurrence *r = n->params;
    int steps = n->in[GATES]->shape.dim[0], hidden = n->out->shape.dim[2];
    gr_tensor *h0 = gr_unsqueeze(n->in[H0], 0);
    gr_tensor *others = gr_slice(n->out, 0, r->reverse, steps - !r->reverse, 1);
    gr_tensor *all =
        r->reverse ? gr_concat(GR_LIST(others, h0), 0) : gr_concat(GR_LIST(h0, others), 0);
    return all == NULL ? NULL : gr_reshape(all, GR_SHAPE((int)(all->size / hidden), hidden));
}

static gr_tensor *rows_of(gr_tensor *t) {
    gr_shape s = t->shape;
    return gr_reshape(t, GR_SHAPE(s.dim[0] * s.dim[1], s.dim[2]));
}

static void vjp_unrecorded(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const recurrence *r = n->params;
    gradient d = {.r = *r, .to_h0 = new_like(n->in[H0])};
    if (r->cell == GR_CELL_LSTM) d.to_c0 = new_like(n->in[LAST]);
    if (r->cell == GR_CELL_GRU) d.to_sums = new_like(n->in[GATES]);
    if (n->graph->failed) return;
    gr_tensor *in[OPERANDS + LAST + 1] = {grad, n->out};
    for (int i = 0; i < n->n_in; i++) in[OPERANDS + i] = n->in[i];
    gr_tensor *to_gates = gr_apply(&gradient_op, (gr_list){OPERANDS + n->n_in, in}, &d, sizeof d);
    if (to_gates == NULL) return;
    gr_tensor *to_sums = rows_of(d.to_sums == NULL ? to_gates : d.to_sums);
    grads[GATES] = to_gates;
    if (gr_wants(n,
                 WEIGHT)) /* to be transposed, since the smaller of the two is then packed as A */
        grads[WEIGHT] =
            gr_transpose(gr_matmul(states_before(n), to_sums, .transpose_a = true), 0, 1);
    grads[H0] = d.to_h0;
    if (r->cell == GR_CELL_LSTM)
        grads[LAST] = d.to_c0;
    else if (n->n_in > LAST && gr_wants(n, LAST))
        grads[LAST] = gr_sum(to_sums, .axes = GR_AXES(0));
}

/* -- The operation -- */

static gr_recurrence_args args_of(const recurrence *r, gr_tensor *const *in, int n_in) {
    gr_recurrence_args a = {.cell = r->cell,
                            .gates = in[GATES],
                            .weight = in[WEIGHT],
                            .h0 = in[H0],
                            .lengths = r->lengths,
                            .reverse = r->reverse};
    if (r->cell == GR_CELL_LSTM) a.c0 = in[LAST];
    if (r->cell == GR_CELL_GRU && n_in > LAST) a.bias = in[LAST];
    return a;
}

static gr_tensor *composition(const gr_node *n, gr_tensor **in) {
    return gr_recurrence_composed(args_of(n->params, in, n->n_in));
}

/* Where the gradient will be differentiated, it is that of the composition. */
static void recurrence_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (n->graph->no_grad > 0)
        vjp_unrecorded(n, grad, grads);
    else
        gr_vjp_of_composition(n, grad, grads, composition);
}

static const gr_op recurrence_op = {.name = "gr_recurrence",
                                    .operands = {"gates", "weight", "h0", "c0"},
                                    .shape = recurrence_shape,
                                    .forward = recurrence_forward,
                                    .vjp = recurrence_vjp};

gr_tensor *gr_recurrence(gr_recurrence_args a) {
    gr_tensor *last = a.cell == GR_CELL_LSTM ? a.c0 : a.bias;
    gr_list in = GR_LIST(a.gates, a.weight, a.h0, last);
    if (last == NULL && a.cell != GR_CELL_LSTM) in.n--;
    gr_graph *g = gr_operands_graph(&recurrence_op, in);
    if (g == NULL) return NULL;
    bool kept = false;
    for (int i = 0; i < in.n && g->no_grad == 0; i++) kept |= in.items[i]->requires_grad;
    recurrence r = {.cell = a.cell, .reverse = a.reverse, .lengths = a.lengths};
    gr_shape sums = a.gates->shape, cells = sums;
    if (!kept) sums.dim[0] = cells.dim[0] = 1;
    cells.dim[2] = a.h0->shape.dim[1];
    r.sums = gr_tensor_new(g, recurrence_op.name, GR_REAL, sums, false);
    if (a.cell == GR_CELL_LSTM)
        r.cells = gr_tensor_new(g, recurrence_op.name, GR_REAL, cells, false);
    return g->failed ? NULL : gr_apply(&recurrence_op, in, &r, sizeof r);
}

/* -- The composition -- */

gr_tensor *gr_steps_within(gr_tensor *lengths, int steps) {
    int samples = lengths->shape.dim[0];
    gr_tensor *y = gr_zeros(lengths->graph, GR_SHAPE(steps, samples, 1));
    if (y == NULL) return NULL;
    for (int64_t i = 0; i < y->size; i++) y->data[i] = i / samples < lengths->index[i % samples];
    return y;
}

/* The block of the k-th gate: (N,H) of (N,G H). */
static gr_tensor *block(gr_tensor *gates, int k, int hidden) {
    return gr_slice(gates, 1, k * hidden, (k + 1) * hidden, 1);
}

static gr_tensor *lstm_step(gr_tensor *sums, int hidden, gr_tensor **c) {
    gr_tensor *new = gr_mul(gr_sigmoid(block(sums, 0, hidden)), gr_tanh(block(sums, 2, hidden)));
    *c = gr_add(gr_mul(gr_sigmoid(block(sums, 1, hidden)), *c), new);
    return gr_mul(gr_sigmoid(block(sums, 3, hidden)), gr_tanh(*c));
}

static gr_tensor *gru_step(gr_tensor *gates, gr_tensor *sums, int hidden, gr_tensor *h) {
    gr_tensor *r = gr_sigmoid(gr_add(block(gates, 0, hidden), block(sums, 0, hidden)));
    gr_tensor *z = gr_add(block(gates, 1, hidden), block(sums, 1, hidden));
    gr_tensor *n = gr_add(block(gates, 2, hidden), gr_mul(r, block(sums, 2, hidden)));
    gr_tensor *rest = gr_sigmoid(gr_neg(z)); /* 1 - sigmoid(z) with all digits */
    return gr_add(gr_mul(rest, gr_tanh(n)), gr_mul(gr_sigmoid(z), h));
}

static gr_tensor *step(const gr_recurrence_args *a, gr_tensor *gates, gr_tensor *h, gr_tensor **c) {
    int hidden = a->weight->shape.dim[1];
    gr_tensor *sums = gr_affine(h, a->weight, a->bias);
    if (a->cell == GR_CELL_GRU) return gru_step(gates, sums, hidden, h);
    sums = gr_add(gates, sums);
    if (a->cell == GR_CELL_LSTM) return lstm_step(sums, hidden, c);
    return a->cell == GR_CELL_RELU ? gr_relu(sums) : gr_tanh(sums);
}

/* Steps (N,..) of x (end - begin,N,..), by halves: the gradient of a slice is as large as what it
 * was cut from, so that L steps cut from all would take L^2 memory; so it is L log L. */
static void cut(gr_tensor *x, int begin, int end, gr_tensor **steps) {
    int half = (end - begin) / 2;
    if (half == 0) {
        steps[begin] = gr_squeeze(x, 0);
        return;
    }
    cut(gr_slice(x, 0, 0, half, 1), begin, begin + half, steps);
    cut(gr_slice(x, 0, half, end - begin, 1), begin + half, end, steps);
}

static void walk_composed(const gr_recurrence_args *a, int steps, gr_tensor **gates,
                          gr_tensor **states) {
    gr_tensor *h = a->h0, *c = a->c0;
    gr_tensor *within = a->lengths == NULL ? NULL : gr_steps_within(a->lengths, steps);
    for (int i = 0; i < steps; i++) {
        int time = a->reverse ? steps - 1 - i : i;
        gr_tensor *next_c = c, *next_h = step(a, gates[time], h, &next_c);
        if (a->lengths != NULL) {
            gr_tensor *mask = gr_select(within, 0, time);
            next_h = gr_where(mask, next_h, h);
            if (c != NULL) next_c = gr_where(mask, next_c, c);
        }
        states[time] = h = next_h;
        c = next_c;
    }
    if (a->cell == GR_CELL_LSTM) states[steps] = c;
}

gr_tensor *gr_recurrence_composed(gr_recurrence_args a) {
    if (a.gates == NULL || a.weight == NULL || a.h0 == NULL) return NULL;
    gr_graph *g = a.gates->graph;
    int steps = a.gates->shape.dim[0], rows = steps + (a.cell == GR_CELL_LSTM);
    size_t bytes = ((size_t)steps + (size_t)rows) * sizeof(gr_tensor *);
    gr_tensor **gates = gr_arena_alloc(&g->step, bytes, GR_ALIGN_STRUCT);
    if (gates == NULL) return gr_fail(g, "gr_recurrence: no memory for %d steps", steps);
    gr_tensor **states = gates + steps;
    cut(a.gates, 0, steps, gates);
    walk_composed(&a, steps, gates, states);
    return gr_stack((gr_list){rows, states}, 0);
}
