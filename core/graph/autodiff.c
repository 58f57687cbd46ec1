#include "core/graph/autodiff.h"

#include "core/graph/graph_internal.h"

#include <limits.h>
#include <string.h>

/* A pass gives each tensor between the leaves and the loss an adjoint: the gradient of the loss
 * with respect to it. It is complete when the walk arrives at the tensor's node, since all that
 * used the tensor stands later on the tape. */

enum { OPERANDS_ON_STACK = 8 };

gr_tensor *gr_leaf_gradient(gr_tensor *leaf) {
    if (leaf->gradient == NULL) {
        leaf->gradient =
            gr_tensor_new(leaf->graph, "gr_backward", GR_REAL, leaf->shape, leaf->lasting);
        if (leaf->gradient != NULL) gr_reuse_hold(leaf->gradient);
    }
    return leaf->gradient;
}

/* A parameter's gradient is in lasting memory, so that it outlives the step's reset. */
static bool add_to_leaf(gr_tensor *leaf, const gr_tensor *grad) {
    gr_graph *g = leaf->graph;
    if (gr_leaf_gradient(leaf) == NULL) return false;
    gr_real *sum = leaf->gradient->data;
    if (leaf->grad != NULL)
        g->kernels->elementwise->add(grad->size, sum, 1, grad->data, 1, sum);
    else if (grad != leaf->gradient) /* where it may stand already */
        memcpy(sum, grad->data, (size_t)grad->size * sizeof *sum);
    leaf->grad = leaf->gradient;
    return !g->anomaly || gr_check_sum(leaf);
}

static bool shape_of_first(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}

typedef struct addition {
    const gr_elementwise_kernels *kernels;
    const gr_real *a, *b;
    gr_real *sum;
} addition;

static void add_range(void *context, int64_t begin, int64_t end) {
    const addition *w = context;
    w->kernels->add(end - begin, w->a + begin, 1, w->b + begin, 1, w->sum + begin);
}

/* The sum of two gradients of one tensor: gr_add, if that did not stand above this file. */
static void total_forward(const gr_node *n) {
    addition w = {n->graph->kernels->elementwise, n->in[0]->data, n->in[1]->data, n->out->data};
    gr_for_each(n->graph, n->out->size, GR_SHARE, add_range, &w);
}
static void total_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    if (gr_wants(n, 0)) grads[0] = grad;
    if (gr_wants(n, 1)) grads[1] = grad;
}
static const gr_op total_op = {.name = "gr_add",
                               .operands = {"gradient", "gradient"},
                               .shape = shape_of_first,
                               .forward = total_forward,
                               .vjp = total_vjp};

/* The tensor again, at the end of the tape. */
static void same_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    (void)n;
    grads[0] = grad;
}
static const gr_op same_op = {
    .name = "same", .operands = {"x"}, .shape = shape_of_first, .vjp = same_vjp, .alias = true};
static gr_tensor *same(gr_tensor *x) { return gr_apply(&same_op, GR_LIST(x), NULL, 0); }

/* The sum of what t has and another gradient; in place, where t alone has it. (A pass within
 * gr_backward holds no memory, so that there nobody knows.) */
static gr_tensor *total(gr_tensor *adjoint, gr_tensor *grad) {
    gr_graph *g = adjoint->graph;
    if (!g->reuse.on || g->pass > 0 || g->anomaly || !gr_reuse_single(adjoint))
        return gr_apply(&total_op, GR_LIST(adjoint, grad), NULL, 0);
    addition w = {g->kernels->elementwise, adjoint->data, grad->data, adjoint->data};
    gr_for_each(g, adjoint->size, GR_SHARE, add_range, &w);
    return adjoint;
}

/* The one place where gradients add up. */
static bool accumulate(gr_tensor *t, gr_tensor *grad) {
    if (t->node == NULL && t->graph->pass == 0) return add_to_leaf(t, grad);
    gr_tensor *before = t->adjoint;
    t->adjoint = before == NULL ? grad : total(before, grad);
    if (t->adjoint == NULL) return false;
    if (t->graph->pass > 0) return true;
    gr_reuse_hold(t->adjoint);
    if (before != NULL) gr_reuse_release(before);
    return true;
}

/* -- Gradients computed ahead: they have one owner until they are taken, so that they may be scaled
 * in place -- */

/* In anomaly mode gradients are computed by operations, whose results are looked at. */
gr_ahead *gr_gradient_ahead(gr_tensor *x, const char *who) {
    gr_graph *g = x->graph;
    if (!x->requires_grad || g->no_grad > 0 || g->anomaly || g->failed) return NULL;
    gr_ahead *ahead = gr_arena_alloc(&g->step, sizeof *ahead, GR_ALIGN_STRUCT);
    if (ahead == NULL) return gr_fail(g, "%s: no memory for a gradient", who);
    ahead->gradient = gr_tensor_new(g, who, GR_REAL, x->shape, false);
    return ahead->gradient == NULL ? NULL : ahead;
}

typedef struct scaling {
    const gr_elementwise_kernels *kernels;
    gr_real *x;
    gr_real factor[2]; /* functions of one operand have room for two parameters */
} scaling;

static void scale_range(void *context, int64_t begin, int64_t end) {
    const scaling *w = context;
    w->kernels->scale(end - begin, w->x + begin, w->x + begin, w->factor);
}

gr_tensor *gr_take_ahead(gr_ahead *ahead, const gr_tensor *grad) {
    gr_graph *g = grad->graph;
    if (ahead == NULL || ahead->gradient == NULL || g->no_grad == 0) return NULL;
    gr_tensor *taken = ahead->gradient;
    ahead->gradient = NULL;
    scaling w = {g->kernels->elementwise, taken->data, {grad->data[0]}};
    if (w.factor[0] != 1) gr_for_each(g, taken->size, GR_SHARE, scale_range, &w);
    return taken;
}

static bool wants_any(const gr_node *n) {
    for (int i = 0; i < n->n_in; i++)
        if (gr_wants(n, i)) return true;
    return false;
}

/* Adds the gradients of the node's operands to what they have. */
static bool hand_on(const gr_node *n, gr_tensor **grads) {
    for (int i = 0; i < n->n_in; i++) {
        if (grads[i] == NULL || !gr_wants(n, i)) continue;
        if (!gr_same_dims(&grads[i]->shape, &n->in[i]->shape))
            return gr_fail(n->graph, "%s: the gradient of %s has the shape %s", n->op->name,
                           gr_operand(n, i).text, gr_shape_text(grads[i]->shape).text);
        if (!accumulate(n->in[i], grads[i])) return false;
    }
    return !n->graph->failed;
}

static bool step_back(gr_node *n, gr_tensor *adjoint) {
    if (!wants_any(n)) return true; /* a tensor that is asked for, made of others that are not */
    gr_tensor *few[OPERANDS_ON_STACK] = {NULL};
    gr_tensor **grads = few;
    if (n->n_in > OPERANDS_ON_STACK) {
        size_t bytes = (size_t)n->n_in * sizeof *grads;
        grads = gr_arena_alloc(&n->graph->step, bytes, GR_ALIGN_STRUCT);
        if (grads == NULL) return gr_fail(n->graph, "%s: no memory in its gradient", n->op->name);
        memset(grads, 0, bytes);
    }
    const gr_op *outer = n->graph->gradient_of;
    n->graph->gradient_of = n->op;
    n->op->vjp(n, adjoint, grads);
    bool fine = hand_on(n, grads);
    n->graph->gradient_of = outer;
    return fine;
}

/* Walks the operations of the tape from `end` - 1 to `begin`. A tensor in `keep`, whose gradient
 * was asked for, keeps its adjoint; the others lose theirs in any case. */
static bool walk_back(gr_graph *g, int begin, int end, bool create_graph, const gr_list *keep) {
    bool fine = true;
    if (!create_graph) gr_no_grad_begin(g);
    for (int i = end - 1; i >= begin; i--) {
        gr_node *n = g->tape[i]; /* fetched anew: recording may have moved the tape */
        gr_tensor *adjoint = n->out->adjoint;
        if (adjoint == NULL) continue;
        bool kept = false;
        for (int k = 0; keep != NULL && k < keep->n; k++) kept |= keep->items[k] == n->out;
        if (!kept) n->out->adjoint = NULL;
        fine = fine && step_back(n, adjoint);
        if (g->pass != 0) continue;
        gr_reuse_collect(g);
        gr_reuse_release(adjoint);
    }
    if (!create_graph) gr_no_grad_end(g);
    return fine;
}

bool gr_backward(gr_tensor *loss) {
    if (loss == NULL) return false;
    gr_graph *g = loss->graph;
    if (g->failed) return false;
    if (loss->size != 1)
        return gr_fail(g, "gr_backward: %s, expected a loss of one element: take its mean or sum",
                       gr_describe(loss, "loss").text);
    if (!loss->requires_grad)
        return gr_fail(g, "gr_backward: %s depends on no tensor that requires a gradient",
                       gr_describe(loss, "loss").text);
    gr_tensor *one = gr_full(g, loss->shape, 1);
    if (one == NULL) return false;
    g->pass = 0;
    g->reuse.on = true;
    bool fine = accumulate(loss, one) && walk_back(g, 0, g->tape_length, false, NULL);
    g->reuse.on = false;
    return fine;
}

void gr_clear_grad(gr_tensor *leaf) {
    if (leaf != NULL) leaf->grad = NULL;
}

/* What depends on x stands on the tape from here on. */
static int first_position(gr_list x) {
    int first = INT_MAX;
    for (int i = 0; i < x.n; i++) {
        int position = x.items[i]->node == NULL ? 0 : x.items[i]->node->position;
        if (position < first) first = position;
    }
    return first;
}

/* Marks with the pass's number what lies between x and the end of the tape. */
static void mark_wanted(gr_graph *g, gr_list x, int begin, uint64_t pass) {
    for (int i = 0; i < x.n; i++) x.items[i]->wanted = pass;
    for (int i = begin; i < g->tape_length; i++) {
        gr_node *n = g->tape[i];
        for (int k = 0; k < n->n_in && n->out->wanted != pass; k++)
            if (n->in[k]->wanted == pass) n->out->wanted = pass;
    }
}

static bool fits(const gr_graph *g, const gr_tensor *t, const char *formal) {
    if (t->graph == g && t->kind == GR_REAL) return true;
    return gr_fail((gr_graph *)g, "gr_grad: %s %s", gr_describe(t, formal).text,
                   t->graph == g ? "holds integers" : "belongs to another graph");
}

/* The graph of all tensors; NULL after an error. */
static gr_graph *check_grads(const gr_grads_args *a) {
    gr_graph *g = NULL;
    for (int i = 0; i < a->y.n && g == NULL; i++)
        if (a->y.items[i] != NULL) g = a->y.items[i]->graph;
    for (int i = 0; i < a->x.n && g == NULL; i++)
        if (a->x.items[i] != NULL) g = a->x.items[i]->graph;
    for (int i = 0; i < a->y.n; i++) {
        if (a->y.items[i] == NULL) return gr_fail(g, "gr_grad: y is NULL");
        if (!fits(g, a->y.items[i], "y")) return NULL;
    }
    for (int i = 0; i < a->x.n; i++) {
        const gr_tensor *x = a->x.items[i];
        if (x == NULL) return gr_fail(g, "gr_grad: x is NULL");
        if (!fits(g, x, "x")) return NULL;
        if (!x->requires_grad)
            return gr_fail(g,
                           "gr_grad: %s does not require a gradient: say gr_requires_grad before "
                           "it is used",
                           gr_describe(x, "x").text);
    }
    for (int i = 0; a->grad_output != NULL && i < a->y.n; i++) {
        const gr_tensor *v = a->grad_output[i];
        if (v != NULL && !fits(g, v, "grad_output")) return NULL;
        if (v != NULL && !gr_shape_equal(v->shape, a->y.items[i]->shape))
            return gr_fail(g, "gr_grad: %s for %s: the shapes differ",
                           gr_describe(v, "grad_output").text,
                           gr_describe(a->y.items[i], "y").text);
    }
    return g;
}

static bool start_from(const gr_grads_args *a, int i) {
    gr_tensor *y = a->y.items[i];
    gr_tensor *v = a->grad_output == NULL ? NULL : a->grad_output[i];
    if (y->wanted != y->graph->pass) return true; /* depends on no x */
    if (v == NULL) v = gr_full(y->graph, y->shape, 1);
    return v != NULL && accumulate(y, v);
}

bool gr_grads_(gr_grads_args a) {
    for (int i = 0; i < a.x.n; i++) a.grads[i] = NULL;
    gr_graph *g = check_grads(&a);
    if (g == NULL || g->failed) return false;
    int begin = first_position(a.x), end = g->tape_length;
    uint64_t outer_pass = g->pass; /* a vjp may ask for gradients of what it has just computed */
    g->pass = ++g->passes;
    mark_wanted(g, a.x, begin, g->pass);
    bool fine = true;
    for (int i = 0; i < a.y.n; i++) fine = fine && start_from(&a, i);
    fine = walk_back(g, begin, end, a.create_graph, &a.x) && fine;
    g->pass = outer_pass;
    for (int i = 0; i < a.x.n; i++) {
        gr_tensor *x = a.x.items[i];
        if (fine) a.grads[i] = x->adjoint != NULL ? x->adjoint : gr_zeros(g, x->shape);
        fine = fine && a.grads[i] != NULL;
    }
    for (int i = 0; i < a.x.n; i++) {
        a.x.items[i]->adjoint = NULL;
        if (!fine) a.grads[i] = NULL;
    }
    return fine;
}

gr_tensor *gr_grad_(gr_grad_args a) {
    gr_tensor *grad = NULL;
    gr_grads_((gr_grads_args){.y = GR_LIST(a.y),
                              .x = GR_LIST(a.x),
                              .grads = &grad,
                              .grad_output = &a.grad_output,
                              .create_graph = a.create_graph});
    return grad;
}

void gr_vjp_of_composition(const gr_node *n, gr_tensor *grad, gr_tensor **grads,
                           gr_tensor *(*composition)(const gr_node *n, gr_tensor **in)) {
    /* Aliases of the wanted operands stand at the end of the tape, so that the pass over the
     * composition touches nothing that the pass at work has still to do. */
    gr_graph *g = n->graph;
    gr_tensor *in[GR_NAMED_OPERANDS], *x[GR_NAMED_OPERANDS], *found[GR_NAMED_OPERANDS];
    int no_grad = g->no_grad, tape_length = g->tape_length, wanted = 0;
    if (n->n_in > GR_NAMED_OPERANDS) {
        gr_fail(g, "gr_vjp_of_composition: %s has %d operands, expected at most %d", n->op->name,
                n->n_in, GR_NAMED_OPERANDS);
        return;
    }
    g->no_grad = 0;
    for (int i = 0; i < n->n_in; i++) {
        in[i] = gr_wants(n, i) ? same(n->in[i]) : n->in[i];
        if (gr_wants(n, i)) x[wanted++] = in[i];
    }
    gr_tensor *y = composition(n, in);
    g->no_grad = no_grad;
    bool fine = y != NULL && gr_grads(GR_LIST(y), (gr_list){wanted, x}, found, .grad_output = &grad,
                                      .create_graph = no_grad == 0);
    if (no_grad > 0) g->tape_length = tape_length; /* the composition has served */
    if (!fine) return;
    for (int i = n->n_in - 1; i >= 0; i--)
        if (in[i] != n->in[i]) grads[i] = found[--wanted];
}

gr_tensor *gr_detach(gr_tensor *t) {
    return t == NULL ? NULL : gr_tensor_alias(t, "gr_detach", t->shape);
}
