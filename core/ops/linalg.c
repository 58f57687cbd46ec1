#include "core/ops/linalg.h"

#include "core/graph/graph_internal.h"
#include "core/kernels/product.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"

/* -- Products of matrices, one after the other -- */

/* Multiplications of a small product, and of several that are worth another thread. */
enum { SMALL = 1 << 20, SHARE_WORK = 1 << 18 };

/* `count` products of one size, whose operands' batches broadcast to `batch`. */
typedef struct product_batch {
    const gr_graph *graph;
    gr_product p;
    int64_t count;
    gr_shape batch, a_batch, b_batch; /* where there is more than one */
} product_batch;

/* Where in an operand the i-th matrix of the batch is: batch dimensions of 1 stand for all. */
static int64_t batch_offset(gr_shape batch, gr_shape own, int64_t i, int64_t matrix) {
    int64_t at = 0, step = matrix;
    for (int d = batch.ndim - 1, o = own.ndim - 1; o >= 0; d--, o--) {
        if (own.dim[o] != 1) at += i % batch.dim[d] * step;
        step *= own.dim[o];
        i /= batch.dim[d];
    }
    return at;
}

static gr_product batch_product(const product_batch *w, int64_t i) {
    gr_product p = w->p;
    p.a += batch_offset(w->batch, w->a_batch, i, p.m * p.k);
    p.b += batch_offset(w->batch, w->b_batch, i, p.k * p.n);
    p.c += i * p.m * p.n;
    return p;
}

static void product_range(void *context, int64_t begin, int64_t end) {
    const product_batch *w = context;
    for (int64_t i = begin; i < end; i++) {
        gr_product p = batch_product(w, i);
        gr_product_run(w->graph->kernels->gemm, 1, &p, NULL);
    }
}

/* Many small products are computed side by side; else one by one, each by all threads. */
static void run_products(const gr_node *n, const product_batch *w) {
    gr_graph *g = n->graph;
    size_t bytes = gr_product_scratch(g->kernels->gemm, &w->p) * sizeof(gr_real);
    if (bytes == 0 && w->count == 1) {
        gr_product_run(g->kernels->gemm, g->threads, &w->p, NULL);
        return;
    }
    double work = (double)w->p.m * (double)w->p.n * (double)w->p.k;
    if (bytes == 0 && work < SMALL) {
        gr_for_rows(g, w->count, 1 + (int64_t)(SHARE_WORK / (work + 1)), product_range, (void *)w);
        return;
    }
    gr_real *scratch = bytes > 0 ? gr_arena_alloc(&g->step, bytes, GR_ALIGN_DATA) : NULL;
    for (int64_t i = 0; i < w->count; i++) {
        gr_product p = batch_product(w, i);
        gr_product_run(g->kernels->gemm, g->threads, &p, scratch);
    }
    gr_arena_give_back(&g->step, scratch, bytes, GR_ALIGN_DATA);
}

/* -- matmul -- */

typedef struct transposes {
    bool a, b;
} transposes;

static int dim_from_end(const gr_tensor *t, int i) { return t->shape.dim[t->shape.ndim - i]; }

/* The dimensions before the last two. */
static gr_shape batch_of(gr_shape s) {
    s.ndim -= 2;
    return s;
}

static const char *transposed_text(bool transposed) { return transposed ? " transposed" : ""; }

/* The common shape of the batches, followed by rows and columns. */
static bool product_shape(const gr_node *n, int rows, int columns, gr_shape *shape) {
    gr_shape a = batch_of(n->in[0]->shape), b = batch_of(n->in[1]->shape);
    int batch = a.ndim > b.ndim ? a.ndim : b.ndim;
    *shape = (gr_shape){.ndim = batch + 2};
    for (int i = 1; i <= batch; i++) {
        int da = i <= a.ndim ? a.dim[a.ndim - i] : 1, db = i <= b.ndim ? b.dim[b.ndim - i] : 1;
        if (da != db && da != 1 && db != 1)
            return gr_fail(n->graph, "gr_matmul: %s times %s: batch dimensions %d and %d differ",
                           gr_operand(n, 0).text, gr_operand(n, 1).text, da, db);
        shape->dim[batch - i] = da == 1 ? db : da;
    }
    shape->dim[batch] = rows;
    shape->dim[batch + 1] = columns;
    return true;
}

static bool matmul_shape(const gr_node *n, gr_shape *shape) {
    const transposes *t = n->params;
    const gr_tensor *a = n->in[0], *b = n->in[1];
    for (int i = 0; i < 2; i++)
        if (n->in[i]->shape.ndim < 2)
            return gr_fail(n->graph, "gr_matmul: %s has %d dimensions, expected 2 or more",
                           gr_operand(n, i).text, n->in[i]->shape.ndim);
    int inner_a = dim_from_end(a, t->a ? 2 : 1), inner_b = dim_from_end(b, t->b ? 1 : 2);
    if (inner_a != inner_b)
        return gr_fail(n->graph, "gr_matmul: %s%s times %s%s: inner dimensions %d and %d differ",
                       gr_operand(n, 0).text, transposed_text(t->a), gr_operand(n, 1).text,
                       transposed_text(t->b), inner_a, inner_b);
    return product_shape(n, dim_from_end(a, t->a ? 1 : 2), dim_from_end(b, t->b ? 2 : 1), shape);
}

/* Whether all matrices of a's batch meet the same b: they are then the rows of one matrix. */
static bool one_matrix_for_all(const gr_tensor *a, bool transpose_a, const gr_tensor *b) {
    for (int i = 0; i < b->shape.ndim - 2; i++)
        if (b->shape.dim[i] != 1) return false;
    return !transpose_a && a->shape.ndim >= b->shape.ndim;
}

static void matmul_forward(const gr_node *n) {
    const transposes *t = n->params;
    const gr_tensor *a = n->in[0], *b = n->in[1];
    int64_t rows = dim_from_end(n->out, 2), columns = dim_from_end(n->out, 1);
    int64_t inner = dim_from_end(a, t->a ? 2 : 1);
    product_batch w = {
        .graph = n->graph,
        .p = {.m = rows,
              .n = columns,
              .k = inner,
              .a = a->data,
              .a_row = t->a ? 1 : inner,
              .a_col = t->a ? rows : 1,
              .b = b->data,
              .b_row = t->b ? 1 : columns,
              .b_col = t->b ? inner : 1,
              .c = n->out->data,
              .c_row = columns},
        .count = 1,
    };
    for (int i = 0; i < n->out->shape.ndim - 2; i++) w.count *= n->out->shape.dim[i];
    if (one_matrix_for_all(a, t->a, b)) {
        w.p.m *= w.count;
        w.count = 1;
    }
    if (w.count > 1) {
        w.batch = batch_of(n->out->shape);
        w.a_batch = batch_of(a->shape);
        w.b_batch = batch_of(b->shape);
    }
    run_products(n, &w);
}

/* x as a matrix of its last dimension's length. */
static gr_tensor *as_rows(gr_tensor *x) {
    if (x->shape.ndim == 2) return x;
    int64_t rows = 1;
    for (int i = 0; i < x->shape.ndim - 1; i++) rows *= x->shape.dim[i];
    return gr_reshape(x, GR_SHAPE((int)rows, dim_from_end(x, 1)));
}

/* With Y = A B, for the gradient G of Y: that of A is G B^T, that of B is A^T G; those of
 * transposed operands are the transposes of these. */
static void matmul_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    const transposes *t = n->params;
    gr_tensor *a = n->in[0], *b = n->in[1];
    if (a == b && t->a != t->b) { /* A A^T or A^T A: both parts, G A and G^T A, in one product */
        gr_tensor *sum = gr_add(grad, gr_transpose(grad, -1, -2));
        grads[0] = t->b ? gr_matmul(sum, a) : gr_matmul(a, sum);
        return;
    }
    if (gr_wants(n, 0)) {
        gr_tensor *to_a = t->a ? gr_matmul(b, grad, .transpose_a = t->b, .transpose_b = true)
                               : gr_matmul(grad, b, .transpose_b = !t->b);
        grads[0] = gr_sum_to(to_a, a->shape);
    }
    if (!gr_wants(n, 1)) return;
    bool as_one = one_matrix_for_all(a, t->a, b);
    if (as_one) {
        a = as_rows(a);
        grad = as_rows(grad);
    }
    gr_tensor *to_b = t->b ? gr_matmul(grad, a, .transpose_a = true, .transpose_b = t->a)
                           : gr_matmul(a, grad, .transpose_a = !t->a);
    grads[1] = as_one ? gr_reshape(to_b, b->shape) : gr_sum_to(to_b, b->shape);
}

static const gr_op matmul_op = {.name = "gr_matmul",
                                .operands = {"a", "b"},
                                .shape = matmul_shape,
                                .forward = matmul_forward,
                                .vjp = matmul_vjp};

gr_tensor *gr_matmul_(gr_matmul_args args) {
    transposes t = {args.transpose_a, args.transpose_b};
    return gr_apply(&matmul_op, GR_LIST(args.a, args.b), &t, sizeof t);
}

/* -- affine -- */

static bool affine_shape(const gr_node *n, gr_shape *shape) {
    const gr_tensor *x = n->in[0], *weight = n->in[1];
    if (x->shape.ndim < 1)
        return gr_fail(n->graph, "gr_affine: %s has no dimensions, expected (..,in)",
                       gr_operand(n, 0).text);
    if (weight->shape.ndim != 2)
        return gr_fail(n->graph, "gr_affine: %s, expected (out,in)", gr_operand(n, 1).text);
    int in = weight->shape.dim[1], out = weight->shape.dim[0];
    if (dim_from_end(x, 1) != in)
        return gr_fail(n->graph, "gr_affine: %s times %s: %d inputs, expected %d",
                       gr_operand(n, 0).text, gr_operand(n, 1).text, dim_from_end(x, 1), in);
    if (n->n_in > 2 && !gr_shape_equal(n->in[2]->shape, GR_SHAPE(out)))
        return gr_fail(n->graph, "gr_affine: %s for %s, expected (%d)", gr_operand(n, 2).text,
                       gr_operand(n, 1).text, out);
    *shape = x->shape;
    shape->dim[shape->ndim - 1] = out;
    return true;
}

static void affine_forward(const gr_node *n) {
    const gr_tensor *x = n->in[0], *weight = n->in[1];
    int64_t in = weight->shape.dim[1], out = weight->shape.dim[0], rows = 1;
    for (int i = 0; i < x->shape.ndim - 1; i++) rows *= x->shape.dim[i];
    product_batch w = {.graph = n->graph,
                       .count = 1,
                       .p = {.m = rows,
                             .n = out,
                             .k = in,
                             .a = x->data,
                             .a_row = in,
                             .a_col = 1,
                             .b = weight->data,
                             .b_row = 1,
                             .b_col = in,
                             .start = n->n_in > 2 ? n->in[2]->data : NULL,
                             .c = n->out->data,
                             .c_row = out}};
    run_products(n, &w);
}

static void affine_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_tensor *x = n->in[0], *weight = n->in[1], *rows = as_rows(grad);
    const transposes first = {.a = true};
    if (gr_wants(n, 0)) {
        grads[0] = gr_matmul(rows, weight);
        if (x->shape.ndim != 2) grads[0] = gr_reshape(grads[0], x->shape);
    }
    if (gr_wants(n, 1))
        grads[1] =
            gr_apply_gradient(n, 1, &matmul_op, GR_LIST(rows, as_rows(x)), &first, sizeof first);
    if (n->n_in > 2 && gr_wants(n, 2)) grads[2] = gr_sum(rows, .axes = GR_AXES(0));
}

static const gr_op affine_op = {.name = "gr_affine",
                                .operands = {"x", "weight", "bias"},
                                .shape = affine_shape,
                                .forward = affine_forward,
                                .vjp = affine_vjp};

gr_tensor *gr_affine(gr_tensor *x, gr_tensor *weight, gr_tensor *bias) {
    return bias == NULL ? gr_apply(&affine_op, GR_LIST(x, weight), NULL, 0)
                        : gr_apply(&affine_op, GR_LIST(x, weight, bias), NULL, 0);
}
