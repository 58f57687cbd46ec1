/* Dropout: what is drawn and how much of it, gradients, modes, threads. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 7); }
static void teardown(void) { gr_graph_free(g); }

static bool same(const gr_tensor *a, const gr_tensor *b) {
    return gr_shape_equal(a->shape, b->shape) &&
           memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data) == 0;
}

/* -- What is drawn -- */

static double share_of_zeros(const gr_tensor *t) {
    int64_t zeros = 0;
    for (int64_t i = 0; i < t->size; i++) zeros += gr_at(t, i) == 0;
    return (double)zeros / (double)t->size;
}

/* Within five standard deviations of p. */
static void check_share(double share, double p, double draws) {
    ck_assert_double_le(fabs(share - p), 5 * sqrt(p * (1 - p) / draws));
}

static const double probabilities[] = {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999};
enum { N_PROBABILITIES = sizeof probabilities / sizeof *probabilities };

START_TEST(a_share_of_p_is_dropped_and_the_mean_stays) {
    const int n = 300007;
    double p = probabilities[_i], kept = (double)(gr_real)(3 * (gr_real)(1 / (1 - p)));
    gr_tensor *y = gr_dropout(gr_full(g, GR_SHAPE(n), 3), p);
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    check_share(share_of_zeros(y), p, n);
    for (int i = 0; i < n; i++)
        if (!(gr_at(y, i) == 0 || gr_at(y, i) == kept)) ck_abort_msg("%d is %g", i, gr_at(y, i));
    double deviation = 3 * sqrt(p / (1 - p) / n);
    ck_assert_double_le(fabs(gr_item(gr_mean(y)) - 3), 5 * deviation);
}
END_TEST

/* Neighbours, and elements a batch or one of its parts away, are dropped independently. */
START_TEST(draws_are_independent) {
    const int n = 200000, lags[] = {1, 2, 63, 64, 65, 128, 256, 1024};
    gr_tensor *y = gr_dropout(gr_full(g, GR_SHAPE(n), 1), 0.5);
    gr_tensor *next = gr_dropout(gr_full(g, GR_SHAPE(n), 1), 0.5);
    for (int k = 0; k < 8; k++) {
        int both = 0;
        for (int i = 0; i + lags[k] < n; i++)
            both += gr_at(y, i) == 0 && gr_at(y, i + lags[k]) == 0;
        check_share(both / (double)(n - lags[k]), 0.25, n);
    }
    int both = 0;
    for (int i = 0; i < n; i++) both += gr_at(y, i) == 0 && gr_at(next, i) == 0;
    check_share(both / (double)n, 0.25, n);
}
END_TEST

/* Element i of a batch of 256 takes word i / 64 of block i % 64. */
START_TEST(draws_are_philoxs) {
    const int n = 1000;
    gr_uniform(g, GR_SHAPE(5), 0, 1);
    gr_random_state from = gr_random_get(g);
    gr_tensor *y = gr_dropout(gr_full(g, GR_SHAPE(n), 1), 0.3);
    for (int i = 0; i < n; i++) {
        uint64_t block = from.counter + (uint64_t)(i / 256 * 64 + i % 64);
        uint32_t counter[4] = {(uint32_t)block}, key[2] = {(uint32_t)from.seed}, word[4];
        gr_philox(counter, key, word);
        ck_assert_int_eq(gr_at(y, i) == 0, word[i % 256 / 64] < 0.3 * 0x1p32);
    }
    ck_assert_uint_eq(gr_random_get(g).counter, from.counter + 4 * 64);
}
END_TEST

/* The carry into the counter's second word, on every instruction set. */
START_TEST(instruction_sets_agree) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    gr_random_state from = {.seed = 0x123456789abcdef, .counter = 0xffffffe0};
    gr_random_set(g, from);
    gr_tensor *y = gr_dropout(gr_full(g, GR_SHAPE(1111), 1), 0.4);
    for (int i = 0; i < 1111; i++) {
        uint64_t block = from.counter + (uint64_t)(i / 256 * 64 + i % 64);
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32)}, word[4];
        uint32_t key[2] = {(uint32_t)from.seed, (uint32_t)(from.seed >> 32)};
        gr_philox(counter, key, word);
        ck_assert_int_eq(gr_at(y, i) == 0, word[i % 256 / 64] < 0.4 * 0x1p32);
    }
    for (int k = 0; k < 3; k++) {
        gr_graph *other = gr_graph_new(.isa = isas[k]);
        gr_random_set(other, from);
        if (!gr_failed(other))
            ck_assert(same(y, gr_dropout(gr_full(other, GR_SHAPE(1111), 1), 0.4)));
        gr_graph_free(other);
    }
}
END_TEST

/* -- Edges -- */

START_TEST(nothing_or_all) {
    gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(3, 4), INFINITY));
    gr_random_state before = gr_random_get(g);
    ck_assert_ptr_eq(gr_dropout(x, 0), x);
    ck_assert_uint_eq(gr_random_get(g).counter, before.counter);
    gr_tensor *y = gr_dropout(x, 1), *grad = gr_grad(y, x);
    for (int i = 0; i < 12; i++) {
        ck_assert_double_eq(gr_at(y, i), 0);
        ck_assert_double_eq(gr_at(grad, i), 0);
    }
    x = gr_requires_grad(gr_full(g, GR_SHAPE(1, 2, 3, 2), 1));
    ck_assert_ptr_eq(gr_dropout2d(x, 0), x);
    ck_assert_double_eq(share_of_zeros(gr_dropout2d(x, 1)), 1);
    ck_assert_double_eq(share_of_zeros(gr_grad(gr_dropout2d(x, 1), x)), 1);
    ck_assert_double_eq(share_of_zeros(gr_dropout(x, 1e-12)), 0);
    ck_assert_double_eq(share_of_zeros(gr_dropout(x, 1 - 1e-12)), 1);
}
END_TEST

START_TEST(empty_and_one) {
    gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(0, 3)));
    ck_assert(gr_shape_equal(gr_dropout(x, 0.5)->shape, x->shape));
    ck_assert(gr_shape_equal(gr_grad(gr_dropout(x, 0.5), x)->shape, x->shape));
    ck_assert(gr_shape_equal(gr_dropout(x, 1)->shape, x->shape));
    gr_tensor *images = gr_zeros(g, GR_SHAPE(2, 3, 0, 4));
    ck_assert(gr_shape_equal(gr_dropout2d(images, 0.5)->shape, images->shape));
    double y = gr_item(gr_dropout(gr_scalar(g, 3), 0.5));
    ck_assert(y == 0 || y == 6);
}
END_TEST

START_TEST(dropped_infinities_are_zero) {
    gr_tensor *x = gr_full(g, GR_SHAPE(1000), NAN), *y = gr_dropout(x, 0.5);
    check_share(share_of_zeros(y), 0.5, 1000);
    y = gr_dropout2d(gr_full(g, GR_SHAPE(20, 50, 1, 2), INFINITY), 0.5);
    check_share(share_of_zeros(y), 0.5, 1000);
}
END_TEST

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(refuse) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3)), *integers = gr_argmax(x, 0);
    gr_random_state before = gr_random_get(g);
    expect(gr_dropout(x, -0.1), "gr_dropout: p is -0.1, expected a probability in [0, 1]");
    expect(gr_dropout(x, 1.5), "gr_dropout: p is 1.5, expected a probability in [0, 1]");
    expect(gr_dropout(x, NAN), "gr_dropout: p is nan, expected a probability in [0, 1]");
    for (int p = 0; p < 2; p++) {
        expect(gr_dropout(integers, p), "gr_dropout: x (3) holds integers, expected real numbers");
        expect(gr_dropout2d(x, p), "gr_dropout2d: x (2,3), expected (N,C,H,W)");
        ck_assert_ptr_null(gr_dropout(NULL, p));
        ck_assert_ptr_null(gr_dropout2d(NULL, p));
    }
    expect(gr_dropout2d(gr_zeros(g, GR_SHAPE(1, 1, 1, 1)), 2),
           "gr_dropout2d: p is 2, expected a probability in [0, 1]");
    expect(gr_dropout_layer(g, .p = 1.01),
           "gr_dropout_layer: p is 1.01, expected a probability in [0, 1]");
    expect(gr_dropout2d_layer(g, .p = NAN),
           "gr_dropout2d_layer: p is nan, expected a probability in [0, 1]");
    expect(gr_forward(gr_dropout2d_layer(g), x), "gr_dropout2d: x (2,3), expected (N,C,H,W)");
    ck_assert_uint_eq(gr_random_get(g).counter, before.counter);
    ck_assert_ptr_null(gr_dropout_layer(NULL));
    ck_assert(!gr_failed(g));
}
END_TEST

/* -- Gradients -- */

START_TEST(the_gradient_is_the_mask) {
    gr_tensor *x = gr_requires_grad(gr_shift(gr_uniform(g, GR_SHAPE(40, 33), 0, 1), 1));
    gr_tensor *y = gr_dropout(x, 0.3), *v = gr_normal(g, x->shape, 0, 1);
    gr_tensor *grad = gr_grad(y, x, .grad_output = v);
    const gr_real factor = (gr_real)(1 / 0.7);
    for (int i = 0; i < 40 * 33; i++)
        ck_assert_double_eq(gr_at(grad, i), gr_at(y, i) == 0 ? 0 : factor * v->data[i]);
}
END_TEST

START_TEST(channels_are_dropped_whole) {
    gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(40, 50, 3, 5), 1));
    gr_tensor *y = gr_dropout2d(x, 0.2), *grad = gr_grad(y, x);
    for (int i = 0; i < x->size; i++) ck_assert_double_eq(gr_at(y, i), gr_at(y, i / 15 * 15));
    check_share(share_of_zeros(y), 0.2, 2000);
    ck_assert(same(y, grad));
}
END_TEST

#ifdef GR_DOUBLE
typedef struct drawing {
    gr_random_state from;
    gr_tensor *(*drop)(gr_tensor *x, double p);
} drawing;

static gr_tensor *smooth(void *context, gr_tensor **x) {
    drawing *d = context;
    gr_random_set(g, d->from);
    gr_tensor *y = d->drop(gr_mul(x[0], x[0]), 0.4);
    return gr_mul(y, d->drop(gr_sin(x[0]), 0.25));
}

START_TEST(by_differences) {
    drawing each = {gr_random_get(g), gr_dropout}, whole = {gr_random_get(g), gr_dropout2d};
    gr_tensor *x = gr_requires_grad(gr_normal(g, GR_SHAPE(2, 3, 2, 2), 0, 1));
    gradcheck_report report;
    ck_assert_msg(gradcheck(smooth, &each, GR_LIST(x), (gradcheck_options){0}, &report), "%s",
                  report.message);
    ck_assert_msg(gradcheck(smooth, &whole, GR_LIST(x), (gradcheck_options){0}, &report), "%s",
                  report.message);
}
END_TEST
#endif

/* -- Seeds and threads -- */

typedef struct outcome {
    gr_graph *graph;
    gr_tensor *y[2], *grads[2];
} outcome;

static outcome run(uint64_t seed, int threads) {
    outcome r = {.graph = gr_graph_new(.seed = seed, .threads = threads)};
    gr_tensor *x = gr_requires_grad(gr_normal(r.graph, GR_SHAPE(30, 70, 11, 13), 0, 1));
    r.y[0] = gr_dropout(x, 0.3);
    r.y[1] = gr_dropout2d(x, 0.3);
    for (int i = 0; i < 2; i++) r.grads[i] = gr_grad(r.y[i], x);
    return r;
}

START_TEST(the_seed_decides_and_threads_do_not) {
    outcome one = run(3, 1);
    for (int threads = 2; threads <= 3; threads++) {
        outcome more = run(3, threads);
        for (int i = 0; i < 2; i++)
            ck_assert(same(one.y[i], more.y[i]) && same(one.grads[i], more.grads[i]));
        gr_graph_free(more.graph);
    }
    outcome other = run(4, 1);
    for (int i = 0; i < 2; i++) ck_assert(!same(one.grads[i], other.grads[i]));
    gr_graph_free(other.graph);
    gr_graph_free(one.graph);
}
END_TEST

/* -- The layers -- */

START_TEST(layers_act_in_training_only) {
    gr_module *net = gr_sequential(g, gr_dropout_layer(g), gr_dropout2d_layer(g, .p = 0.25));
    gr_tensor *x = gr_full(g, GR_SHAPE(30, 40, 2, 2), 1);
    gr_random_state from = gr_random_get(g);
    gr_tensor *y = gr_forward(net, x), *again = gr_forward(net, x);
    ck_assert(!same(y, again));
    check_share(share_of_zeros(y), 1 - 0.5 * 0.75, 1200);
    gr_set_training(net, false);
    ck_assert_ptr_eq(gr_forward(net, x), x);
    gr_set_training(net, true);
    gr_random_set(g, from);
    ck_assert(same(gr_forward(net, x), y));
    gr_random_set(g, from);
    ck_assert(same(gr_dropout2d(gr_dropout(x, 0.5), 0.25), y));
}
END_TEST

START_TEST(a_step_asks_for_no_memory) {
    gr_module *net =
        gr_sequential(g, gr_linear(g, 20, 30), gr_dropout_layer(g), gr_linear(g, 30, 1));
    uint64_t requests = 0;
    for (int step = 0; step < 6; step++) {
        ck_assert(gr_backward(gr_sum(gr_forward(net, gr_full(g, GR_SHAPE(50, 20), 1)))));
        gr_graph_reset(g);
        if (step == 2) requests = gr_memory_use(g).system_requests;
    }
    ck_assert_uint_eq(gr_memory_use(g).system_requests, requests);
}
END_TEST

Suite *dropout_suite(void) {
    Suite *s = suite_create("dropout");
    TCase *t = tcase_create("dropout");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_share_of_p_is_dropped_and_the_mean_stays, 0, N_PROBABILITIES);
    tcase_add_test(t, draws_are_independent);
    tcase_add_test(t, draws_are_philoxs);
    tcase_add_test(t, instruction_sets_agree);
    tcase_add_test(t, nothing_or_all);
    tcase_add_test(t, empty_and_one);
    tcase_add_test(t, dropped_infinities_are_zero);
    tcase_add_test(t, refuse);
    tcase_add_test(t, the_gradient_is_the_mask);
    tcase_add_test(t, channels_are_dropped_whole);
#ifdef GR_DOUBLE
    tcase_add_test(t, by_differences);
#endif
    tcase_add_test(t, the_seed_decides_and_threads_do_not);
    tcase_add_test(t, layers_act_in_training_only);
    tcase_add_test(t, a_step_asks_for_no_memory);
    suite_add_tcase(s, t);
    return s;
}
