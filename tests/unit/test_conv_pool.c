/* Convolution, relu and max pooling as one operation against the three: with whole numbers, whose
 * sums are exact and many of which are equal, so that not a bit may differ. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/debug.h"
#include "core/graph/random.h"
#include "core/ops/conv_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/pool.h"
#include "core/ops/reduce.h"
#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/sequential.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/suites.h"

static const char *const isas[] = {"base", "avx2", "avx512"};
enum { ISAS = sizeof isas / sizeof *isas };

/* x (n,groups c,h,w), weight (groups o,c,kh,kw) */
typedef struct shape {
    int n, groups, c, h, w, o, kh, kw, padding, dilation;
    bool bias;
} shape;

/* Two layers of a network for digits; rows of windows as long as vectors, shorter and longer;
 * images of several bands, in both of the gradients' cuts; groups; no bias. */
static const shape shapes[] = {
    {3, 1, 1, 28, 28, 8, 3, 3, 1, 1, true},   {5, 1, 8, 14, 14, 16, 3, 3, 1, 1, true},
    {2, 1, 3, 16, 32, 5, 3, 3, 1, 1, true},   {2, 1, 2, 34, 66, 9, 5, 3, 1, 1, false},
    {1, 1, 9, 84, 90, 7, 3, 3, 1, 1, true},   {2, 3, 2, 12, 10, 4, 3, 3, 1, 1, true},
    {2, 2, 3, 20, 24, 3, 3, 3, 2, 2, false},  {9, 1, 4, 10, 6, 11, 3, 3, 0, 1, true},
    {1, 1, 16, 72, 72, 16, 2, 4, 0, 2, true},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef gr_tensor *function(const gr_conv2d_args *a);
static gr_tensor *composed(const gr_conv2d_args *a) {
    return gr_max_pool2d(gr_relu(gr_conv2d_(*a)), 2);
}

typedef struct outcome {
    gr_tensor *y, *grads[3], *second[3];
} outcome;

static gr_tensor *whole_numbers(gr_graph *g, gr_shape s) {
    gr_tensor *t = gr_requires_grad(gr_normal(g, s, 0, 1));
    for (int64_t i = 0; t != NULL && i < t->size; i++) t->data[i] = (gr_real)round(t->data[i]);
    return t;
}

/* Leaves and the arriving gradient are drawn alike each time. */
static outcome run(gr_graph *g, const shape *s, function *f, bool second) {
    outcome r = {0};
    gr_random_set(g, (gr_random_state){.seed = 7});
    gr_tensor *x = whole_numbers(g, GR_SHAPE(s->n, s->groups * s->c, s->h, s->w));
    gr_tensor *w = whole_numbers(g, GR_SHAPE(s->groups * s->o, s->c, s->kh, s->kw));
    gr_tensor *b = whole_numbers(g, GR_SHAPE(s->groups * s->o));
    gr_list leaves = s->bias ? GR_LIST(x, w, b) : GR_LIST(x, w);
    gr_conv2d_args a = {.x = x,
                        .weight = w,
                        .stride = 1,
                        .padding = s->padding,
                        .dilation = s->dilation,
                        .groups = s->groups,
                        .bias = s->bias ? b : NULL};
    r.y = f(&a);
    ck_assert_msg(r.y != NULL, "%s", gr_error(g));
    gr_tensor *v = gr_detach(whole_numbers(g, r.y->shape));
    ck_assert(gr_grads(GR_LIST(r.y), leaves, r.grads, .grad_output = &v, .create_graph = second));
    if (!second) return r;
    gr_tensor *u[2] = {gr_detach(whole_numbers(g, x->shape)),
                       gr_detach(whole_numbers(g, w->shape))};
    ck_assert_msg(
        gr_grads(GR_LIST(r.grads[0], r.grads[1]), GR_LIST(x, w), r.second, .grad_output = u), "%s",
        gr_error(g));
    return r;
}

static void expect_same(const gr_tensor *a, const gr_tensor *b, const char *what) {
    if (a == NULL && b == NULL) return;
    ck_assert(gr_shape_equal(a->shape, b->shape));
    int64_t zeros = 0;
    for (int64_t i = 0; i < a->size; i++) {
        zeros += a->data[i] == 0;
        if (!(a->data[i] == b->data[i] || (isnan(a->data[i]) && isnan(b->data[i]))))
            ck_abort_msg("%s: %lld is %g, expected %g", what, (long long)i, gr_at(a, i),
                         gr_at(b, i));
    }
    ck_assert_msg(zeros < a->size, "%s: all zeros", what);
}

static void expect_same_outcome(const outcome *a, const outcome *b) {
    const char *const names[] = {"gradient to x", "gradient to weight", "gradient to bias"};
    expect_same(a->y, b->y, "value");
    for (int i = 0; i < 3; i++) {
        expect_same(a->grads[i], b->grads[i], names[i]);
        expect_same(a->second[i], b->second[i], "second derivative");
    }
}

/* Whether the compiler could make the kernels for it: some can't shuffle vectors. */
static bool has_kernels(const gr_graph *g) {
    return gr_kernels_find(gr_isa(g))->pool->finish != NULL;
}

START_TEST(is_the_three_operations) {
    const shape *s = &shapes[_i % SHAPES];
    gr_graph *g = gr_graph_new(.isa = isas[_i / SHAPES], .threads = 1);
    if (!gr_failed(g)) {
        outcome one = run(g, s, gr_conv2d_relu_pool, true), three = run(g, s, composed, true);
        int operands = !has_kernels(g) ? 2 : s->bias ? 4 : 3;
        ck_assert_int_eq(one.y->node->n_in, operands); /* with places: it is the one */
        expect_same_outcome(&one, &three);
    }
    gr_graph_free(g);
}
END_TEST

START_TEST(threads_do_not_matter) {
    const shape *s = &shapes[_i];
    gr_graph *one = gr_graph_new(.threads = 1), *two = gr_graph_new(.threads = 2);
    outcome a = run(one, s, gr_conv2d_relu_pool, true), b = run(two, s, gr_conv2d_relu_pool, true);
    expect_same_outcome(&a, &b);
    gr_graph_free(one);
    gr_graph_free(two);
}
END_TEST

/* Infinite and undefined pixels of the first image. */
static gr_tensor *spoilt(const gr_conv2d_args *a, function *f) {
    gr_real *x = a->x->data;
    x[0] = (gr_real)NAN, x[40] = (gr_real)INFINITY, x[100] = -(gr_real)INFINITY;
    return f(a);
}
static gr_tensor *spoilt_one(const gr_conv2d_args *a) { return spoilt(a, gr_conv2d_relu_pool); }
static gr_tensor *spoilt_three(const gr_conv2d_args *a) { return spoilt(a, composed); }

START_TEST(nan_and_infinity_pass) {
    gr_graph *g = gr_graph_new(.isa = isas[_i]);
    if (!gr_failed(g)) {
        outcome one = run(g, &shapes[1], spoilt_one, false);
        outcome three = run(g, &shapes[1], spoilt_three, false);
        ck_assert(isnan(one.y->data[0]));
        expect_same_outcome(&one, &three);
    }
    gr_graph_free(g);
}
END_TEST

#ifdef GR_DOUBLE
static gr_tensor *for_differences(void *context, gr_tensor **x) {
    gr_conv2d_args a = {.x = x[0],
                        .weight = x[1],
                        .bias = x[2],
                        .stride = 1,
                        .padding = 1,
                        .dilation = 1,
                        .groups = 1};
    (void)context;
    return gr_conv2d_relu_pool(&a);
}
START_TEST(derivatives_by_differences) {
    gr_graph *g = gr_graph_new(.seed = 3);
    gr_tensor *x = gr_requires_grad(gr_normal(g, GR_SHAPE(2, 2, 6, 8), 0, 1));
    gr_tensor *w = gr_requires_grad(gr_normal(g, GR_SHAPE(3, 2, 3, 3), 0, 1));
    gr_tensor *b = gr_requires_grad(gr_normal(g, GR_SHAPE(3), 0, 1));
    gradcheck_report report;
    ck_assert_msg(
        gradcheck(for_differences, NULL, GR_LIST(x, w, b), (gradcheck_options){0}, &report), "%s",
        report.message);
    gr_graph_free(g);
}
END_TEST
#endif

/* -- In networks -- */

/* What follows a convolution, and whether all is one operation. */
typedef struct network {
    int side, stride, padding; /* of the image and of the convolution */
    gr_pair kernel, pool_stride, pool_padding;
    bool relu, one;
} network;
static const network networks[] = {
    {12, 1, 1, 2, 0, 0, true, true},
    {12, 1, 1, GR_PAIR(2, 2), GR_PAIR(2, 2), 0, true, true},
    {12, 1, 1, 2, 0, 0, false, false},
    {13, 1, 1, 2, 0, 0, true, false}, /* a column that no window sees */
    {12, 2, 1, 2, 0, 0, true, false},
    {12, 1, 3, 2, 0, 0, true, false}, /* more padding than the kernel reaches */
    {12, 1, 1, 3, 0, 0, true, false},
    {12, 1, 1, 2, 1, 0, true, false},
    {12, 1, 1, 2, GR_PAIR(2, 1), 0, true, false},
    {12, 1, 1, 2, 0, 1, true, false},
    {4, 1, 1, 2, 0, 0, true, false}, /* too small for vectors */
};
enum { NETWORKS = sizeof networks / sizeof *networks };

START_TEST(networks_find_it) {
    const network *n = &networks[_i];
    gr_graph *g = gr_graph_new(.seed = 5);
    gr_module *conv = gr_conv2d_layer(g, 3, 4, 3, .stride = n->stride, .padding = n->padding);
    gr_module *relu = n->relu ? gr_relu_layer(g) : gr_tanh_layer(g);
    gr_module *pool =
        gr_max_pool2d_layer(g, n->kernel, .stride = n->pool_stride, .padding = n->pool_padding);
    gr_module *net = gr_sequential(g, conv, relu, pool, gr_relu_layer(g));
    gr_tensor *x = gr_normal(g, GR_SHAPE(5, 3, n->side, n->side), 0, 1);
    gr_tensor *y = gr_forward(net, x);
    gr_tensor *expected = gr_relu(gr_forward(pool, gr_forward(relu, gr_forward(conv, x))));
    ck_assert_msg(y != NULL && expected != NULL, "%s", gr_error(g));
    expect_same(y, expected, "value");
    int operands = n->one && has_kernels(g) ? 4 : 2; /* with places and bias */
    ck_assert_int_eq(y->node->in[0]->node->n_in, operands);
    gr_graph_free(g);
}
END_TEST

/* Anomalies are found in the operation that made them. */
START_TEST(anomalies_are_sought_one_by_one) {
    gr_graph *g = gr_graph_new(.seed = 5);
    gr_module *net = gr_sequential(g, gr_conv2d_layer(g, 1, 4, 3, .padding = 1), gr_relu_layer(g),
                                   gr_max_pool2d_layer(g, 2));
    gr_set_anomaly(g, true);
    gr_tensor *x = gr_full(g, GR_SHAPE(2, 1, 12, 12), 1);
    ck_assert_int_eq(gr_forward(net, x)->node->n_in, 2);
    gr_graph_free(g);
}
END_TEST

START_TEST(errors_are_those_of_the_convolution) {
    const struct {
        gr_shape x;
        const char *message;
    } cases[] = {
        {GR_SHAPE(2, 12, 12), "gr_conv2d: x (2,12,12), expected (N,C,H,W)"},
        {GR_SHAPE(2, 3, 12, 12), "gr_conv2d: x (2,3,12,12) with 0.weight (4,1,3,3) and groups = 1: "
                                 "3 channels, expected 1"},
    };
    gr_graph *g = gr_graph_new(.seed = 5);
    gr_module *net =
        gr_sequential(g, gr_conv2d_layer(g, 1, 4, 3), gr_relu_layer(g), gr_max_pool2d_layer(g, 2));
    ck_assert_ptr_null(gr_forward(net, gr_full(g, cases[_i].x, 1)));
    ck_assert_str_eq(gr_error(g), cases[_i].message);
    gr_graph_free(g);
}
END_TEST

START_TEST(an_empty_batch_stays_empty) {
    gr_graph *g = gr_graph_new(.seed = 5);
    gr_module *net = gr_sequential(g, gr_conv2d_layer(g, 1, 4, 3, .padding = 1), gr_relu_layer(g),
                                   gr_max_pool2d_layer(g, 2));
    gr_tensor *y = gr_forward(net, gr_zeros(g, GR_SHAPE(0, 1, 12, 12)));
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    ck_assert(gr_shape_equal(y->shape, GR_SHAPE(0, 4, 6, 6)));
    gr_graph_free(g);
}
END_TEST

Suite *conv_pool_suite(void) {
    Suite *s = suite_create("conv_pool");
    TCase *t = tcase_create("conv_pool");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, is_the_three_operations, 0, ISAS * SHAPES);
    tcase_add_loop_test(t, threads_do_not_matter, 0, SHAPES);
    tcase_add_loop_test(t, nan_and_infinity_pass, 0, ISAS);
#ifdef GR_DOUBLE
    tcase_add_test(t, derivatives_by_differences);
#endif
    tcase_add_loop_test(t, networks_find_it, 0, NETWORKS);
    tcase_add_test(t, anomalies_are_sought_one_by_one);
    tcase_add_loop_test(t, errors_are_those_of_the_convolution, 0, 2);
    tcase_add_test(t, an_empty_batch_stays_empty);
    suite_add_tcase(s, t);
    return s;
}
