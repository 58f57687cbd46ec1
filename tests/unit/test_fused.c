/* Fused operations against the compositions that they stand for, on tensors that are cut into
 * pieces: values, gradients and second derivatives. */
#include <math.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/odds.h"
#include "core/ops/overlap.h"
#include "core/ops/pointwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/vectors_internal.h"
#include "losses/focal.h"
#include "tests/unit/suites.h"

enum { ROWS = 3, LENGTH = 70001 };

/* x (3,70001), t (3,70001) between 0 and 1, some of them 0 and 1, order (3) integers */
typedef struct operands {
    gr_tensor *x, *t, *order;
} operands;

static gr_tensor *parts(const operands *o, gr_axes axes) {
    gr_tensor *sums[] = {gr_sum(gr_mul(o->x, o->t), .axes = axes), gr_sum(o->x, .axes = axes),
                         gr_sum(o->t, .axes = axes)};
    return gr_stack((gr_list){3, sums}, 0);
}

static gr_tensor *focal_from_operations(const operands *o, double gamma) {
    gr_tensor *ce = gr_sigmoid_cross_entropy(o->x, o->t);
    gr_tensor *s = gr_sigmoid(o->x), *rest = gr_sigmoid(gr_neg(o->x));
    gr_tensor *no = gr_shift(gr_neg(o->t), 1);
    gr_tensor *u = gr_add(gr_mul(no, s), gr_mul(o->t, rest));
    gr_tensor *alpha = gr_add(gr_scale(o->t, 0.25), gr_scale(no, 0.75));
    return gr_sum(gr_mul(gr_mul(alpha, gr_power(u, gamma)), ce));
}

static gr_tensor *odds_against(const operands *o) {
    gr_tensor *own = gr_one_hot(o->order, LENGTH), *low = gr_scalar(o->x->graph, -1e4);
    gr_tensor *others = gr_logsumexp(gr_where(own, low, o->x), .axes = GR_AXES(1));
    return gr_sub(others, gr_sum(gr_mul(own, o->x), .axes = GR_AXES(1)));
}

/* x x^T or x^T x of a piece of x, (3,5); `same` is the piece or a copy of it. */
static gr_tensor *gram(const operands *o, bool columns, bool copied) {
    gr_tensor *x = gr_slice(o->x, 1, 7, 12, 1), *same = copied ? gr_scale(x, 1) : x;
    return gr_matmul(x, same, .transpose_a = columns, .transpose_b = !columns);
}

static gr_tensor *products(const operands *o) {
    gr_tensor *sums[] = {gr_sum(gr_mul(o->x, o->t), .axes = GR_AXES(1)),
                         gr_sum(gr_square(o->x), .axes = GR_AXES(1)),
                         gr_sum(gr_square(o->t), .axes = GR_AXES(1))};
    return gr_stack((gr_list){3, sums}, 0);
}

/* Of x and t, and of x and a third. */
static gr_tensor *third(const operands *o) { return gr_scale(o->t, -3); }
static gr_tensor *distances(const operands *o) {
    gr_tensor *d = gr_shift(gr_sub(o->x, o->t), 0.5);
    gr_tensor *e = gr_shift(gr_sub(o->x, third(o)), 0.5);
    gr_axes axis = GR_AXES(1);
    gr_tensor *all[] = {gr_sum(gr_square(d), .axes = axis), gr_norm(d, .axes = axis),
                        gr_sum(gr_square(e), .axes = axis), gr_norm(e, .axes = axis)};
    return gr_stack((gr_list){4, all}, 0);
}

#define PAIR(name, fused, composed)                                                                \
    static gr_tensor *name##_fused(const operands *o) { return fused; }                            \
    static gr_tensor *name##_composed(const operands *o) { return composed; }

PAIR(overlap_all, gr_overlap_sums(o->x, o->t, 0), parts(o, GR_AXES(0, 1)))
PAIR(overlap_rows, gr_overlap_sums(o->x, o->t, 1), parts(o, GR_AXES(1)))
PAIR(bce, gr_pointwise_bce_with_logits(o->x, o->t, 1), gr_sum(gr_sigmoid_cross_entropy(o->x, o->t)))
/* Of a probability, and of a sign. */
static gr_tensor *unit(const operands *o) { return gr_scale(gr_shift(gr_tanh(o->x), 1), 0.5); }
static gr_tensor *sign(const operands *o) {
    return gr_shift(gr_scale(gr_detach(gr_gt(o->t, gr_scalar(o->t->graph, 0.5))), 2), -1);
}

PAIR(probability, gr_pointwise_bce(unit(o), o->t, 1),
     gr_neg(gr_add(gr_sum(gr_mul(o->t, gr_log(unit(o)))),
                   gr_sum(gr_mul(gr_shift(gr_neg(o->t), 1), gr_log1p(gr_neg(unit(o))))))))
PAIR(divergence, gr_pointwise_divergence(o->x, gr_exp(o->t), 1),
     gr_sum(gr_mul(gr_exp(o->t), gr_sub(o->t, o->x))))
PAIR(hinge, gr_add(gr_pointwise_hinge(o->x, sign(o), 0.7, 1), gr_sum(gr_square(o->t))),
     gr_add(gr_sum(gr_relu(gr_shift(gr_neg(gr_mul(o->x, sign(o))), 0.7))), gr_sum(gr_square(o->t))))
PAIR(squared_hinge,
     gr_add(gr_pointwise_squared_hinge(o->x, sign(o), 0.7, 1), gr_sum(gr_square(o->t))),
     gr_add(gr_sum(gr_square(gr_relu(gr_shift(gr_neg(gr_mul(o->x, sign(o))), 0.7)))),
            gr_sum(gr_square(o->t))))
PAIR(soft_margin, gr_add(gr_pointwise_soft_margin(o->x, sign(o), 1), gr_sum(gr_square(o->t))),
     gr_add(gr_sum(gr_log1p(gr_exp(gr_neg(gr_mul(o->x, sign(o)))))), gr_sum(gr_square(o->t))))
PAIR(huber, gr_pointwise_huber(o->x, o->t, 0.5, 1),
     gr_sum(gr_mul(gr_clamp(gr_sub(o->x, o->t), -0.5, 0.5),
                   gr_sub(gr_sub(o->x, o->t),
                          gr_scale(gr_clamp(gr_sub(o->x, o->t), -0.5, 0.5), 0.5)))))
PAIR(focal, gr_focal(o->x, o->t, .reduction = GR_SUM), focal_from_operations(o, 2))
PAIR(focal_of_other_power, gr_focal(o->x, o->t, .gamma = 1.5, .reduction = GR_SUM),
     focal_from_operations(o, 1.5))
PAIR(gram_of_rows, gram(o, false, false), gram(o, false, true))
PAIR(gram_of_columns, gram(o, true, false), gram(o, true, true))
PAIR(vector_products, gr_vector_products(o->x, o->t), products(o))
PAIR(vector_distances, gr_vector_distances(o->x, GR_LIST(o->t, third(o)), 0.5), distances(o))
PAIR(odds, gr_odds_against(o->x, o->order, -1), odds_against(o))
PAIR(entropy_of_odds, gr_odds_entropy(o->x, o->order, -1, 0.5),
     gr_scale(gr_sum(gr_softplus(odds_against(o))), 0.5))

/* Of long rows, and of columns. Weights keep the sum of a softmax from being 1. */
static gr_tensor *softmax(const operands *o, int axis, bool logarithm, bool fused) {
    const gr_axes axes = GR_AXES(axis);
    gr_tensor *x = o->x, *e = gr_exp(x), *sum = gr_sum(e, .axes = axes, .keepdim = true), *y;
    if (fused)
        y = logarithm ? gr_log_softmax(x, .axes = axes) : gr_softmax(x, .axes = axes);
    else
        y = logarithm ? gr_sub(x, gr_log(sum)) : gr_div(e, sum);
    return gr_sum(gr_mul(y, o->t));
}
PAIR(softmax_rows, softmax(o, 1, false, true), softmax(o, 1, false, false))
PAIR(log_softmax_rows, softmax(o, 1, true, true), softmax(o, 1, true, false))
PAIR(softmax_columns, softmax(o, 0, false, true), softmax(o, 0, false, false))
PAIR(log_softmax_columns, softmax(o, 0, true, true), softmax(o, 0, true, false))

/* All but the last column of x and t, in another shape. */
static operands reshaped(const operands *o, gr_shape shape) {
    return (operands){.x = gr_reshape(gr_slice(o->x, 1, 0, LENGTH - 1, 1), shape),
                      .t = gr_reshape(gr_slice(o->t, 1, 0, LENGTH - 1, 1), shape)};
}
static gr_tensor *softmax_of_rows(const operands *o, int n, bool logarithm, bool fused) {
    const operands rows = reshaped(o, GR_SHAPE(-1, n));
    return softmax(&rows, 1, logarithm, fused);
}
PAIR(softmax_pairs, softmax_of_rows(o, 2, false, true), softmax_of_rows(o, 2, false, false))
PAIR(softmax_narrow, softmax_of_rows(o, 14, false, true), softmax_of_rows(o, 14, false, false))
PAIR(log_softmax_narrow, softmax_of_rows(o, 28, true, true), softmax_of_rows(o, 28, true, false))
PAIR(softmax_short, softmax_of_rows(o, 100, false, true), softmax_of_rows(o, 100, false, false))
PAIR(log_softmax_short, softmax_of_rows(o, 100, true, true), softmax_of_rows(o, 100, true, false))

/* Of rows, or of columns of images; every 50th place is ignored. */
static gr_tensor *entropies(const operands *o, gr_shape shape, bool fused) {
    enum { MOST = ROWS * LENGTH / 2 };
    static int32_t classes[MOST];
    gr_tensor *x = reshaped(o, shape).x;
    gr_shape places = x->shape;
    const int64_t n = x->shape.dim[1], count = x->size / n;
    places.ndim--;
    for (int i = 1; i < places.ndim; i++) places.dim[i] = x->shape.dim[i + 1];
    ck_assert_int_le(count, MOST);
    for (int64_t i = 0; i < count; i++) classes[i] = i % 50 == 7 ? -1 : (int32_t)(i * 11 % n);
    gr_tensor *order = gr_from_index(x->graph, places, classes);
    if (fused) return gr_odds_entropy(x, order, -1, 0.5);
    return gr_scale(gr_sum(gr_softplus(gr_odds_against(x, order, -1))), 0.5);
}
#define ENTROPIES(name, ...)                                                                       \
    PAIR(name, entropies(o, GR_SHAPE(__VA_ARGS__), true),                                          \
         entropies(o, GR_SHAPE(__VA_ARGS__), false))
ENTROPIES(entropy_of_pairs, -1, 2)
ENTROPIES(entropy_of_narrow_rows, -1, 14)
ENTROPIES(entropy_of_short_rows, -1, 100)
ENTROPIES(entropy_of_longer_rows, -1, 175)
ENTROPIES(entropy_of_images, 3, 2, 5000, 7)
ENTROPIES(entropy_of_columns, 30, 10, 700)
ENTROPIES(entropy_of_few_columns, -1, 250, 5)

typedef gr_tensor *program(const operands *o);
static const struct {
    const char *name;
    program *fused, *composed;
} pairs[] = {
#define LIST(name)                                                                                 \
    { #name, name##_fused, name##_composed }
    LIST(overlap_all),
    LIST(overlap_rows),
    LIST(bce),
    LIST(huber),
    LIST(focal),
    LIST(focal_of_other_power),
    LIST(odds),
    LIST(gram_of_rows),
    LIST(gram_of_columns),
    LIST(probability),
    LIST(divergence),
    LIST(hinge),
    LIST(squared_hinge),
    LIST(soft_margin),
    LIST(vector_products),
    LIST(vector_distances),
    LIST(entropy_of_odds),
    LIST(entropy_of_pairs),
    LIST(entropy_of_narrow_rows),
    LIST(entropy_of_short_rows),
    LIST(entropy_of_longer_rows),
    LIST(entropy_of_images),
    LIST(entropy_of_columns),
    LIST(entropy_of_few_columns),
    LIST(softmax_pairs),
    LIST(softmax_narrow),
    LIST(log_softmax_narrow),
    LIST(softmax_short),
    LIST(log_softmax_short),
    LIST(softmax_rows),
    LIST(log_softmax_rows),
    LIST(softmax_columns),
    LIST(log_softmax_columns),
};

typedef struct outcome {
    gr_tensor *value, *grads[2], *second[2];
} outcome;

static outcome run(gr_graph *g, program *f, operands *o, gr_tensor **v) {
    outcome r;
    gr_list x = GR_LIST(o->x, o->t);
    r.value = f(o);
    ck_assert_msg(r.value != NULL, "%s", gr_error(g));
    if (*v == NULL) *v = gr_uniform(g, r.value->shape, 0.5, 1.5);
    ck_assert_msg(gr_grads(GR_LIST(r.value), x, r.grads, .grad_output = v, .create_graph = true),
                  "%s", gr_error(g));
    gr_tensor *squares = gr_add(gr_sum(gr_square(r.grads[0])), gr_sum(gr_square(r.grads[1])));
    ck_assert_msg(gr_grads(GR_LIST(squares), x, r.second), "%s", gr_error(g));
    return r;
}

static void expect_near(const gr_tensor *a, const gr_tensor *b, const char *name,
                        const char *what) {
    const double tolerance = sizeof(gr_real) == sizeof(float) ? 2e-5 : 1e-12;
    double size = 0, difference = 0;
    ck_assert(gr_shape_equal(a->shape, b->shape));
    for (int64_t i = 0; i < a->size; i++) {
        size = fmax(size, fabs((double)b->data[i]));
        double d = fabs((double)a->data[i] - (double)b->data[i]);
        difference = d <= difference ? difference : d; /* a NaN stays */
    }
    ck_assert_msg(difference <= tolerance * size, "%s: %s differs by %g of %g", name, what,
                  difference, size);
}

static operands draw(gr_graph *g) {
    operands o = {.x = gr_requires_grad(gr_normal(g, GR_SHAPE(ROWS, LENGTH), 0, 2)),
                  .t = gr_clamp(gr_uniform(g, GR_SHAPE(ROWS, LENGTH), -0.5, 1.5), 0, 1),
                  .order = gr_from_index(g, GR_SHAPE(ROWS), (int32_t[]){0, 35000, LENGTH - 1})};
    gr_requires_grad(o.t);
    return o;
}

START_TEST(as_composed) {
    gr_graph *g = gr_graph_new(.seed = 3);
    operands o = draw(g);
    gr_tensor *v = NULL;
    outcome a = run(g, pairs[_i].composed, &o, &v), b = run(g, pairs[_i].fused, &o, &v);
    expect_near(b.value, a.value, pairs[_i].name, "the value");
    for (int k = 0; k < 2; k++) {
        expect_near(b.grads[k], a.grads[k], pairs[_i].name, "a gradient");
        expect_near(b.second[k], a.second[k], pairs[_i].name, "a second derivative");
    }
    gr_graph_free(g);
}
END_TEST

static const char *const isas[] = {"avx512", "avx2", "base"};
enum { PAIRS = sizeof pairs / sizeof *pairs, ISAS = sizeof isas / sizeof *isas };

/* gr_backward has fused gradients written straight into the leaves, many of them with the value. */
START_TEST(gradients_of_leaves) {
    gr_graph *g = gr_graph_new(.seed = 3, .isa = isas[_i / PAIRS]);
    _i %= PAIRS;
    if (gr_failed(g)) { /* this processor hasn't it */
        gr_graph_free(g);
        return;
    }
    operands o = draw(g);
    gr_tensor *v = NULL;
    outcome r = run(g, pairs[_i].composed, &o, &v);
    for (int times = 1; times <= 2; times++) { /* the second adds to the first */
        gr_tensor *value = pairs[_i].fused(&o);
        expect_near(value, r.value, pairs[_i].name, "the value");
        ck_assert(gr_backward(gr_sum(gr_mul(value, v))));
        expect_near(o.x->grad, gr_scale(r.grads[0], times), pairs[_i].name, "x's gradient");
        if (o.t->grad == NULL) continue; /* no operand of the odds */
        expect_near(o.t->grad, gr_scale(r.grads[1], times), pairs[_i].name, "t's gradient");
    }
    gr_graph_free(g);
}
END_TEST

static void expect(const gr_tensor *t, double a, double b) {
    ck_assert_ptr_nonnull(t);
    ck_assert_double_eq_tol((double)t->data[0], a, 1e-5);
    ck_assert_double_eq_tol((double)t->data[1], b, 1e-5);
}

/* A leaf that is both operands, one that is used twice, and one whose old gradient is an
 * operand. */
START_TEST(leaves_that_meet_themselves) {
    gr_graph *g = gr_graph_new(.seed = 5);
    gr_tensor *x = gr_parameter(g, GR_SHAPE(2), "x"), *c = gr_from(g, x->shape, (gr_real[]){1, 2});
    x->data[0] = 3, x->data[1] = -1;
    ck_assert(gr_backward(gr_select(gr_overlap_sums(x, x, 0), 0, 0))); /* sum x^2 */
    expect(x->grad, 6, -2);
    gr_clear_grad(x);
    ck_assert(gr_backward(gr_add(gr_pointwise_square(x, c, 1), gr_pointwise_square(x, c, 0.5))));
    expect(x->grad, 6, -9);
    gr_tensor *old = x->grad;
    gr_clear_grad(x);
    ck_assert(gr_backward(gr_pointwise_square(x, old, 1))); /* 2 (x - old) */
    expect(x->grad, -6, 16);
    ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
    gr_graph_free(g);
}
END_TEST

/* x - c of the loss |x - c|^2 / 2 is computed with it. Whoever asks first takes it. */
START_TEST(a_gradient_computed_ahead) {
    gr_graph *g = gr_graph_new(.seed = 6);
    gr_tensor *x = gr_parameter(g, GR_SHAPE(2), "x");
    x->data[0] = 3, x->data[1] = -1;
    for (int step = 0; step < 4; step++) {
        gr_tensor *c = gr_from(g, x->shape, (gr_real[]){1, 2});
        gr_tensor *loss = gr_pointwise_square(x, c, 0.5), *twice = gr_scale(loss, 2);
        gr_tensor *again = gr_pointwise_square(x, c, 0.5), *first = gr_grad(again, x);
        expect(first, 2, -3);
        ck_assert(gr_backward(again));
        expect(x->grad, 2, -3);
        ck_assert(gr_backward(twice)); /* scaled, and added */
        expect(x->grad, 6, -9);
        ck_assert(gr_backward(loss)); /* computed, since it was taken */
        expect(x->grad, 8, -12);
        expect(first, 2, -3);
        expect(gr_grad(gr_grad(loss, x, .create_graph = true), x, .grad_output = c), 1, 2);
        gr_clear_grad(x);
        ck_assert(gr_backward(gr_pointwise_square(x, c, 0.5)));
        expect(x->grad, 2, -3);
        gr_graph_reset(g);
        expect(x->grad, 2, -3);
        gr_clear_grad(x);
        ck_assert(gr_backward(gr_pointwise_square(x, x, 1)));
        expect(x->grad, 0, 0);
        gr_clear_grad(x);
        gr_graph_reset(g);
    }
    ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
    gr_graph_free(g);
}
END_TEST

START_TEST(nothing_ahead_without_need) {
    gr_graph *g = gr_graph_new(.seed = 7);
    gr_tensor *x = gr_parameter(g, GR_SHAPE(1000), "x"), *c = gr_keep(gr_zeros(g, x->shape));
    gr_tensor *classes = gr_from_index(g, GR_SHAPE(1), (int32_t[]){3});
    gr_tensor *row = gr_reshape(x, GR_SHAPE(1, 1000));
    const size_t before = gr_memory_use(g).step, lasting = gr_memory_use(g).lasting;
    gr_no_grad_begin(g);
    ck_assert_ptr_nonnull(gr_pointwise_square(x, c, 1));
    ck_assert_ptr_nonnull(gr_odds_entropy(row, classes, -1, 1));
    gr_no_grad_end(g);
    ck_assert_ptr_nonnull(gr_pointwise_square(c, c, 1));
    ck_assert_int_le(gr_memory_use(g).step - before, 1000 * sizeof(gr_real));
    ck_assert_int_eq(gr_memory_use(g).lasting, lasting);
    gr_graph_free(g);
}
END_TEST

Suite *fused_suite(void) {
    Suite *s = suite_create("fused");
    TCase *t = tcase_create("fused");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, as_composed, 0, PAIRS);
    tcase_add_loop_test(t, gradients_of_leaves, 0, PAIRS * ISAS);
    tcase_add_test(t, leaves_that_meet_themselves);
    tcase_add_test(t, a_gradient_computed_ahead);
    tcase_add_test(t, nothing_ahead_without_need);
    suite_add_tcase(s, t);
    return s;
}
