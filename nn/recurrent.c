#include "nn/recurrent.h"

#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/recurrent_internal.h"
#include "core/ops/shape.h"
#include "nn/init.h"

#include <limits.h>
#include <math.h>

/* The parameters of one direction of a layer; biases are NULL if there are none. */
typedef struct direction {
    gr_tensor *weight_ih, *weight_hh, *bias_ih, *bias_hh;
} direction;

typedef struct recurrent_layer {
    gr_module module;
    gr_cell cell;
    gr_recurrent_layer_args a;
    direction *directions;        /* layer 0, layer 0 reverse, layer 1, .. */
    gr_tensor **last_h, **last_c; /* room for a call's last states of each of them */
} recurrent_layer;

static int directions_of(const recurrent_layer *l) { return l->a.bidirectional ? 2 : 1; }
static int rows_of(const recurrent_layer *l) { return l->a.layers * directions_of(l); }

/* -- Running -- */

/* A call whose x is (L,N,in) and whose states are (layers D,N,hidden), or NULL for zeros. */
typedef struct call {
    recurrent_layer *layer;
    gr_tensor *x, *h0, *c0, *lengths;
    bool wants_h, wants_c;
} call;

/* One direction of one layer, the i-th of all: (L,N,hidden). */
static gr_tensor *run_direction(const call *c, gr_tensor *x, int i) {
    const recurrent_layer *l = c->layer;
    const direction *d = &l->directions[i];
    gr_shape state = GR_SHAPE(x->shape.dim[1], l->a.hidden);
    gr_graph *g = x->graph;
    bool reverse = l->a.bidirectional && i % 2 == 1, gru = l->cell == GR_CELL_GRU;
    gr_tensor *bias = gru || !l->a.bias ? d->bias_ih : gr_add(d->bias_ih, d->bias_hh);
    gr_recurrence_args a = {.cell = l->cell,
                            .gates = gr_affine(x, d->weight_ih, bias),
                            .weight = d->weight_hh,
                            .h0 = c->h0 == NULL ? gr_zeros(g, state) : gr_select(c->h0, 0, i),
                            .bias = gru ? d->bias_hh : NULL,
                            .lengths = c->lengths,
                            .reverse = reverse};
    if (l->cell == GR_CELL_LSTM) a.c0 = c->c0 == NULL ? gr_zeros(g, state) : gr_select(c->c0, 0, i);
    gr_tensor *states = gr_recurrence(a);
    int steps = x->shape.dim[0];
    if (c->wants_h) l->last_h[i] = gr_select(states, 0, reverse ? 0 : steps - 1);
    if (c->wants_c) l->last_c[i] = gr_select(states, 0, steps);
    return l->cell == GR_CELL_LSTM ? gr_slice(states, 0, 0, steps, 1) : states;
}

static gr_tensor *run_layers(const call *c) {
    const recurrent_layer *l = c->layer;
    gr_tensor *x = c->x;
    for (int k = 0; k < l->a.layers && x != NULL; k++) {
        if (k > 0 && l->module.training && l->a.dropout > 0) x = gr_dropout(x, l->a.dropout);
        if (x == NULL) return NULL;
        if (!l->a.bidirectional) {
            x = run_direction(c, x, k);
            continue;
        }
        gr_tensor *ahead = run_direction(c, x, 2 * k), *back = run_direction(c, x, 2 * k + 1);
        x = gr_concat(GR_LIST(ahead, back), 2);
    }
    if (c->lengths == NULL || x == NULL) return x;
    return gr_mul(x, gr_steps_within(c->lengths, x->shape.dim[0]));
}

/* -- Checking what a call was given -- */

/* Whether t, which may be NULL, is of x's graph and of this kind. */
static bool check_kind(const gr_tensor *t, const char *name, gr_kind kind, const gr_tensor *x) {
    if (t == NULL) return true;
    if (t->graph != x->graph)
        return gr_fail(x->graph, "gr_recurrent: %s belongs to another graph than %s",
                       gr_describe(t, name).text, gr_describe(x, "x").text);
    if (t->kind != kind)
        return gr_fail(x->graph, "gr_recurrent: %s holds %s, expected %s",
                       gr_describe(t, name).text, kind == GR_REAL ? "integers" : "real numbers",
                       kind == GR_REAL ? "real numbers" : "integers");
    return true;
}

static bool check_x(const recurrent_layer *l, const gr_tensor *x) {
    int ndim = x->shape.ndim, in = l->a.in;
    if (!check_kind(x, "x", GR_REAL, x)) return false;
    if (ndim < 2 || ndim > 3 || x->shape.dim[ndim - 1] != in)
        return gr_fail(x->graph, "gr_recurrent: %s for %s (%d,%d), expected (%s,%d) or (L,%d)",
                       gr_describe(x, "x").text, l->module.type->name, in, l->a.hidden,
                       l->a.batch_first ? "N,L" : "L,N", in, in);
    int steps = x->shape.dim[ndim == 3 && l->a.batch_first];
    if (steps < 1 || steps == INT_MAX) /* the states of an LSTM have a row more */
        return gr_fail(x->graph, "gr_recurrent: %s has %d steps, expected 1 to %d",
                       gr_describe(x, "x").text, steps, INT_MAX - 1);
    return true;
}

static bool check_shape(const gr_tensor *t, const char *name, gr_shape shape, const gr_tensor *x) {
    if (t == NULL || gr_shape_equal(t->shape, shape)) return true;
    return gr_fail(x->graph, "gr_recurrent: %s for %s, expected %s", gr_describe(t, name).text,
                   gr_describe(x, "x").text, gr_shape_text(shape).text);
}

static bool check_range(const gr_tensor *lengths, int steps) {
    for (int64_t i = 0; lengths != NULL && i < lengths->size; i++)
        if (lengths->index[i] < 0 || lengths->index[i] > steps)
            return gr_fail(lengths->graph, "gr_recurrent: %s has %d at (%d), expected 0 to %d",
                           gr_describe(lengths, "lengths").text, (int)lengths->index[i], (int)i,
                           steps);
    return true;
}

static bool check_call(const recurrent_layer *l, const gr_recurrent_args *a) {
    const gr_tensor *x = a->x;
    if (!check_x(l, x)) return false;
    bool one = x->shape.ndim == 2;
    int steps = x->shape.dim[!one && l->a.batch_first];
    int samples = one ? 1 : x->shape.dim[!l->a.batch_first], rows = rows_of(l);
    gr_shape state = one ? GR_SHAPE(rows, l->a.hidden) : GR_SHAPE(rows, samples, l->a.hidden);
    if (l->cell != GR_CELL_LSTM && (a->c0 != NULL || a->c_n != NULL))
        return gr_fail(x->graph, "gr_recurrent: %s of %s (%d,%d), which has no cell state",
                       a->c0 != NULL ? "c0" : "c_n", l->module.type->name, l->a.in, l->a.hidden);
    return check_kind(a->h0, "h0", GR_REAL, x) && check_shape(a->h0, "h0", state, x) &&
           check_kind(a->c0, "c0", GR_REAL, x) && check_shape(a->c0, "c0", state, x) &&
           check_kind(a->lengths, "lengths", GR_INDEX, x) &&
           check_shape(a->lengths, "lengths", GR_SHAPE(samples), x) &&
           check_range(a->lengths, steps);
}

/* -- The call -- */

/* Puts a dimension of one sample into the states of a sequence (rows,hidden). */
static gr_tensor *state_of(gr_tensor *state, bool one) {
    return state == NULL || !one ? state : gr_unsqueeze(state, 1);
}

static bool give_states(const recurrent_layer *l, gr_tensor **states, bool one, gr_tensor **to) {
    if (to == NULL) return true;
    *to = gr_stack((gr_list){rows_of(l), states}, 0);
    if (one) *to = gr_squeeze(*to, 1);
    return *to != NULL;
}

static gr_tensor *run(recurrent_layer *l, const gr_recurrent_args *a) {
    bool one = a->x->shape.ndim == 2, exchange = !one && l->a.batch_first;
    call c = {.layer = l,
              .x = one        ? gr_unsqueeze(a->x, 1)
                   : exchange ? gr_transpose(a->x, 0, 1)
                              : a->x,
              .h0 = state_of(a->h0, one),
              .c0 = state_of(a->c0, one),
              .lengths = a->lengths,
              .wants_h = a->h_n != NULL,
              .wants_c = a->c_n != NULL};
    gr_tensor *y = run_layers(&c);
    if (y == NULL || !give_states(l, l->last_h, one, a->h_n) ||
        !give_states(l, l->last_c, one, a->c_n))
        return NULL;
    return one ? gr_squeeze(y, 1) : exchange ? gr_transpose(y, 0, 1) : y;
}

static gr_tensor *recurrent_forward(gr_module *m, gr_tensor *x) { return gr_recurrent(m, x); }

static const gr_module_type rnn_type = {"rnn", recurrent_forward};
static const gr_module_type lstm_type = {"lstm", recurrent_forward};
static const gr_module_type gru_type = {"gru", recurrent_forward};

gr_tensor *gr_recurrent_(gr_recurrent_args a) {
    gr_module *m = a.module;
    if (a.h_n != NULL) *a.h_n = NULL;
    if (a.c_n != NULL) *a.c_n = NULL;
    if (m == NULL)
        return gr_fail(a.x == NULL ? NULL : a.x->graph, "gr_recurrent: the module is NULL");
    if (m->type != &rnn_type && m->type != &lstm_type && m->type != &gru_type)
        return gr_fail(m->graph, "gr_recurrent: the module is a %s, expected an rnn, lstm or gru",
                       m->type->name);
    if (a.x == NULL) return gr_fail(m->graph, "gr_recurrent: x is NULL");
    if (a.x->graph != m->graph)
        return gr_fail(a.x->graph, "gr_recurrent: %s belongs to another graph than the %s",
                       gr_describe(a.x, "x").text, m->type->name);
    recurrent_layer *l = (recurrent_layer *)m;
    gr_tensor *y = check_call(l, &a) ? run(l, &a) : NULL;
    if (y == NULL && a.h_n != NULL) *a.h_n = NULL;
    if (y == NULL && a.c_n != NULL) *a.c_n = NULL;
    return y;
}

/* -- Making layers -- */

static bool check_args(const gr_recurrent_layer_args *a, const char *who) {
    if (a->in < 1 || a->hidden < 1 || a->layers < 1)
        return gr_fail(a->graph, "%s: %d inputs, %d hidden, %d layers, expected at least 1", who,
                       a->in, a->hidden, a->layers);
    if (!(a->dropout >= 0 && a->dropout <= 1))
        return gr_fail(a->graph, "%s: dropout is %g, expected a probability in [0, 1]", who,
                       a->dropout);
    if (a->hidden > INT_MAX / 4 || a->layers > INT_MAX / 2) /* rows of weights and of states */
        return gr_fail(a->graph, "%s: %d hidden and %d layers, expected at most %d and %d", who,
                       a->hidden, a->layers, INT_MAX / 4, INT_MAX / 2);
    return true;
}

static gr_tensor *add(recurrent_layer *l, const char *what, int i, gr_shape shape) {
    int directions = directions_of(l);
    gr_text name;
    snprintf(name.text, sizeof name.text, "%s_l%d%s", what, i / directions,
             i % directions == 1 ? "_reverse" : "");
    gr_tensor *t = gr_add_parameter(&l->module, name.text, shape);
    double bound = 1 / sqrt(l->a.hidden);
    return gr_init_uniform(t, -bound, bound);
}

static bool add_direction(recurrent_layer *l, int i) {
    int directions = directions_of(l), hidden = l->a.hidden;
    int rows = gr_cell_gates(l->cell) * hidden, in = i < directions ? l->a.in : directions * hidden;
    direction *d = &l->directions[i];
    d->weight_ih = add(l, "weight_ih", i, GR_SHAPE(rows, in));
    d->weight_hh = add(l, "weight_hh", i, GR_SHAPE(rows, hidden));
    if (l->a.bias) d->bias_ih = add(l, "bias_ih", i, GR_SHAPE(rows));
    if (l->a.bias) d->bias_hh = add(l, "bias_hh", i, GR_SHAPE(rows));
    return !gr_failed(l->module.graph);
}

static gr_module *new_layer(const gr_module_type *type, gr_cell cell,
                            const gr_recurrent_layer_args *a) {
    recurrent_layer *l = gr_module_new(a->graph, type, sizeof *l);
    if (l == NULL) return NULL;
    l->cell = cell;
    l->a = *a;
    size_t rows = (size_t)rows_of(l);
    l->directions = gr_alloc_lasting(a->graph, rows * sizeof *l->directions);
    l->last_h = gr_alloc_lasting(a->graph, rows * sizeof *l->last_h);
    l->last_c = gr_alloc_lasting(a->graph, rows * sizeof *l->last_c);
    if (gr_failed(a->graph)) return NULL;
    for (int i = 0; i < rows_of(l); i++)
        if (!add_direction(l, i)) return NULL;
    return &l->module;
}

gr_module *gr_rnn_(gr_recurrent_layer_args a) {
    if (!check_args(&a, "gr_rnn")) return NULL;
    return new_layer(&rnn_type, a.relu ? GR_CELL_RELU : GR_CELL_TANH, &a);
}

/* The two that have no choice of a function. */
static gr_module *gated(const gr_module_type *type, gr_cell cell, const char *who,
                        const gr_recurrent_layer_args *a) {
    if (!check_args(a, who)) return NULL;
    if (a->relu) return gr_fail(a->graph, "%s: relu is an option of gr_rnn alone", who);
    return new_layer(type, cell, a);
}

gr_module *gr_lstm_(gr_recurrent_layer_args a) {
    return gated(&lstm_type, GR_CELL_LSTM, "gr_lstm", &a);
}

gr_module *gr_gru_(gr_recurrent_layer_args a) {
    return gated(&gru_type, GR_CELL_GRU, "gr_gru", &a);
}
