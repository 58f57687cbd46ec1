#include "core/ops/overlap.h"

#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/shape.h"

/* Fewer rows than these are cut, into so many pieces at most: longer rows have larger ones. */
enum { FEW_ROWS = 16 };

/* a and b as (rows, length). */
typedef struct work {
    const gr_kernels *kernels;
    int64_t rows, length;
    const gr_real *a, *b;
    gr_real *y;
    /* of one row that is cut into pieces */
    int64_t grain;
    double (*partial)[GR_OVERLAP_SUMS];
    /* of the slopes: y = to_product other + to_sum, both (rows) */
    const gr_real *to_product, *to_sum;
} work;

static int kept_of(const gr_node *n) { return *(const int *)n->params; }

static work work_of(const gr_node *n, const gr_tensor *x, int kept) {
    work w = {.kernels = n->graph->kernels, .rows = 1, .length = 1, .y = n->out->data};
    for (int i = 0; i < x->shape.ndim; i++) *(i < kept ? &w.rows : &w.length) *= x->shape.dim[i];
    return w;
}

static gr_shape first_dimensions(gr_shape shape, int kept, int ones) {
    shape.ndim = kept + ones;
    for (int i = kept; i < shape.ndim; i++) shape.dim[i] = 1;
    return shape;
}

/* -- The slopes: of a, grad[0] b + grad[1]; of b, grad[0] a + grad[2] -- */

typedef struct slope_params {
    int kept, own; /* own: the place of the operand's own sum */
} slope_params;

static void slope_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    for (int64_t i = begin, next; i < end; i = next) {
        int64_t row = i / w->length;
        next = (row + 1) * w->length < end ? (row + 1) * w->length : end;
        gr_real p[2] = {w->to_product[row], w->to_sum[row]};
        w->kernels->elementwise->affine(next - i, w->b + i, w->y + i, p);
    }
}

static bool slope_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[1]->shape;
    return true;
}

static void slope_forward(const gr_node *n) {
    const slope_params *p = n->params;
    work w = work_of(n, n->out, p->kept);
    w.b = n->in[1]->data;
    w.to_product = n->in[0]->data;
    w.to_sum = n->in[0]->data + p->own * w.rows;
    gr_for_each(n->graph, n->out->size, GR_SHARE, slope_range, &w);
}

static gr_tensor *slope_composed(const gr_node *n, gr_tensor **in) {
    const slope_params *p = n->params;
    gr_tensor *grad = in[0], *other = in[1];
    gr_shape rows = first_dimensions(other->shape, p->kept, other->shape.ndim - p->kept);
    gr_tensor *to_product = gr_reshape(gr_select(grad, 0, 0), rows);
    gr_tensor *to_sum = gr_reshape(gr_select(grad, 0, p->own), rows);
    return gr_add(gr_mul(other, to_product), to_sum);
}

static void slope_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, slope_composed);
}

static const gr_op slope_op = {.name = "gr_overlap_sums",
                               .operands = {"grad", "other"},
                               .shape = slope_shape,
                               .forward = slope_forward,
                               .vjp = slope_vjp};

/* -- The sums -- */

static void store(const work *w, int64_t row, const double *sums) {
    for (int i = 0; i < GR_OVERLAP_SUMS; i++) w->y[i * w->rows + row] = (gr_real)sums[i];
}

static void rows_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    for (int64_t row = begin; row < end; row++) {
        double sums[GR_OVERLAP_SUMS] = {0};
        w->kernels->reduce->overlap(w->length, w->a + row * w->length, w->b + row * w->length,
                                    sums);
        store(w, row, sums);
    }
}

static void piece_range(void *context, int64_t begin, int64_t end) {
    const work *w = context;
    w->kernels->reduce->overlap(end - begin, w->a + begin, w->b + begin,
                                w->partial[begin / w->grain]);
}

/* One long row after the other, each by all threads. */
static void run_in_pieces(const gr_graph *g, const work *w) {
    for (int64_t row = 0; row < w->rows; row++) {
        double partial[GR_MOST_PIECES][GR_OVERLAP_SUMS] = {{0}}, sums[GR_OVERLAP_SUMS] = {0};
        work one = *w;
        one.a += row * w->length;
        one.b += row * w->length;
        one.partial = partial;
        gr_for(g, w->length, w->grain, piece_range, &one);
        for (int64_t k = 0; k * w->grain < w->length; k++)
            for (int i = 0; i < GR_OVERLAP_SUMS; i++) sums[i] += partial[k][i];
        store(w, row, sums);
    }
}

static bool sums_shape(const gr_node *n, gr_shape *shape) {
    const gr_tensor *a = n->in[0], *b = n->in[1];
    int kept = kept_of(n);
    if (!gr_shape_equal(a->shape, b->shape))
        return gr_fail(n->graph, "gr_overlap_sums: %s and %s, expected equal shapes",
                       gr_operand(n, 0).text, gr_operand(n, 1).text);
    const int most = a->shape.ndim < GR_MAX_DIMS ? a->shape.ndim : GR_MAX_DIMS - 1;
    if (kept < 0 || kept > most)
        return gr_fail(n->graph, "gr_overlap_sums: kept is %d, expected 0 to %d for %s", kept, most,
                       gr_operand(n, 0).text);
    *shape = (gr_shape){.ndim = kept + 1, .dim = {GR_OVERLAP_SUMS}};
    for (int i = 0; i < kept; i++) shape->dim[i + 1] = a->shape.dim[i];
    return true;
}

static void sums_forward(const gr_node *n) {
    work w = work_of(n, n->in[0], kept_of(n));
    w.a = n->in[0]->data;
    w.b = n->in[1]->data;
    w.grain = gr_piece_length(w.length, GR_SHARE, 64);
    if (w.rows < FEW_ROWS && w.length > w.grain)
        run_in_pieces(n->graph, &w);
    else
        gr_for_rows(n->graph, w.rows, 1 + GR_SHARE / (w.length + 1), rows_range, &w);
}

/* The gradient of operand i, whose own sum is sum 1 + i. */
static gr_tensor *slope(const gr_node *n, gr_tensor *grad, int i) {
    slope_params p = {kept_of(n), 1 + i};
    return gr_apply_gradient(n, i, &slope_op, GR_LIST(grad, n->in[1 - i]), &p, sizeof p);
}

static void sums_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    for (int i = 0; i < 2; i++)
        if (gr_wants(n, i)) grads[i] = slope(n, grad, i);
}

static const gr_op sums_op = {.name = "gr_overlap_sums",
                              .operands = {"a", "b"},
                              .shape = sums_shape,
                              .forward = sums_forward,
                              .vjp = sums_vjp};

gr_tensor *gr_overlap_sums(gr_tensor *a, gr_tensor *b, int kept) {
    return gr_apply(&sums_op, GR_LIST(a, b), &kept, sizeof kept);
}
