#include "core/graph/op.h"

#include "core/graph/graph_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *formal_name(const gr_op *op, int i) {
    return i < GR_NAMED_OPERANDS && op->operands[i] != NULL ? op->operands[i] : "operand";
}

gr_text gr_operand(const gr_node *n, int i) { return gr_describe(n->in[i], formal_name(n->op, i)); }

static gr_kind expected_kind(const gr_op *op, gr_list in, int i) {
    gr_kind kind = i < GR_NAMED_OPERANDS ? op->operand_kinds[i] : GR_REAL;
    return kind == GR_REAL && op->any_kind ? in.items[0]->kind : kind;
}

gr_graph *gr_operands_graph(const gr_op *op, gr_list in) {
    gr_graph *g = NULL;
    for (int i = 0; i < in.n && g == NULL; i++)
        if (in.items[i] != NULL) g = in.items[i]->graph;
    for (int i = 0; i < in.n; i++) {
        const gr_tensor *t = in.items[i];
        if (t == NULL) return gr_fail(g, "%s: %s is NULL", op->name, formal_name(op, i));
        if (t->graph != g)
            return gr_fail(g, "%s: %s belongs to another graph than %s", op->name,
                           gr_describe(t, formal_name(op, i)).text,
                           gr_describe(in.items[0], formal_name(op, 0)).text);
        gr_kind expected = expected_kind(op, in, i);
        if (t->kind != expected)
            return gr_fail(g, "%s: %s holds %s, expected %s", op->name,
                           gr_describe(t, formal_name(op, i)).text,
                           t->kind == GR_REAL ? "real numbers" : "integers",
                           expected == GR_REAL ? "real numbers" : "integers");
    }
    return g;
}

static bool tape_has_room(gr_graph *g) {
    if (g->tape_length < g->tape_capacity) return true;
    if (g->tape_capacity > INT_MAX / 2) return false;
    int capacity = g->tape_capacity > 0 ? 2 * g->tape_capacity : 256;
    size_t bytes = (size_t)(capacity - g->tape_capacity) * sizeof *g->tape;
    if (g->budget.limit > 0 && g->budget.reserved + bytes > g->budget.limit) return false;
    gr_node **tape = realloc(g->tape, (size_t)capacity * sizeof *tape);
    if (tape == NULL) return false;
    g->budget.reserved += bytes;
    g->budget.requests++;
    g->tape = tape;
    g->tape_capacity = capacity;
    return true;
}

/* Copies the call into the step's arena and puts it on the tape. */
static bool record(const gr_node *call, size_t params_size) {
    gr_graph *g = call->graph;
    size_t in_bytes = (size_t)call->n_in * sizeof *call->in;
    char *memory =
        gr_arena_alloc(&g->step, sizeof(gr_node) + in_bytes + params_size, GR_ALIGN_STRUCT);
    if (memory == NULL || !tape_has_room(g)) return false;
    gr_node *n = (gr_node *)memory;
    *n = *call;
    n->in = memcpy(memory + sizeof(gr_node), call->in, in_bytes);
    if (params_size > 0)
        n->params = memcpy(memory + sizeof(gr_node) + in_bytes, call->params, params_size);
    n->position = g->tape_length;
    n->out->node = n;
    n->out->requires_grad = true;
    g->tape[g->tape_length++] = n;
    return true;
}

static bool any_requires_grad(const gr_node *n) {
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]->requires_grad) return true;
    return false;
}

/* `room`, if it is not NULL and of the result's shape, becomes the result. */
static gr_tensor *apply(const gr_op *op, gr_list in, const void *params, size_t params_size,
                        gr_tensor *room) {
    gr_graph *g = gr_operands_graph(op, in);
    if (g == NULL) return NULL;
    gr_node call = {.op = op, .graph = g, .n_in = in.n, .in = in.items, .params = params};
    gr_tensor *out = gr_tensor_begin(g, op->name);
    if (out == NULL || !op->shape(&call, &out->shape)) return NULL;
    call.out = out;
    if (op->alias)
        gr_tensor_share(out, in.items[0]);
    else if (room != NULL && gr_same_dims(&room->shape, &out->shape))
        call.out = room;
    else if (!gr_tensor_finish(out, op->name, op->any_kind ? in.items[0]->kind : op->kind))
        return NULL;
    uint64_t failures = g->failures;
    if (!op->alias) op->forward(&call);
    if (g->failures != failures) return NULL;
    if (g->anomaly && !gr_check_finite(&call)) return NULL;
    if (g->no_grad == 0 && op->vjp != NULL && any_requires_grad(&call) &&
        !record(&call, params_size))
        return gr_fail(g, "%s: no memory for the tape, which has %d operations", op->name,
                       g->tape_length);
    return call.out;
}

gr_tensor *gr_apply(const gr_op *op, gr_list in, const void *params, size_t params_size) {
    return apply(op, in, params, params_size, NULL);
}

/* The leaf's gradient if this is gr_backward, the leaf has none yet and nothing else of the node,
 * nor the operation itself, has to do with it. */
static gr_tensor *room_for_gradient(const gr_node *n, int i, gr_list in) {
    gr_tensor *leaf = n->in[i];
    gr_graph *g = n->graph;
    if (g->pass != 0 || g->no_grad == 0 || leaf->node != NULL || leaf->grad != NULL) return NULL;
    for (int k = 0; k < n->n_in; k++)
        if (k != i && n->in[k] == leaf) return NULL;
    gr_tensor *room = gr_leaf_gradient(leaf);
    for (int k = 0; room != NULL && k < in.n; k++)
        if (in.items[k] != NULL && in.items[k]->data == room->data) return NULL;
    return room;
}

gr_tensor *gr_apply_gradient(const gr_node *n, int i, const gr_op *op, gr_list in,
                             const void *params, size_t params_size) {
    return apply(op, in, params, params_size, room_for_gradient(n, i, in));
}

bool gr_wants(const gr_node *n, int i) {
    const gr_tensor *t = n->in[i];
    return t->requires_grad && (n->graph->pass == 0 || t->wanted == n->graph->pass);
}
