/* Bounds of gradients; those of weights are among the layers' tests, whole trainings among the
 * trajectories. */
#include <float.h>
#include <math.h>

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "optim/clip.h"
#include "optim/optimizer.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 1); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

/* A module of two parameters: weight (1,2), whose gradients are a and b, and bias (1) with c. */
static gr_module *with_gradients(gr_real a, gr_real b, gr_real c) {
    gr_module *m = gr_linear(g, 2, 1);
    const gr_real ab[] = {a, b};
    gr_tensor *pull = gr_mul(gr_parameter_named(m, "weight"), gr_from(g, GR_SHAPE(1, 2), ab));
    gr_tensor *bias = gr_mul(gr_parameter_named(m, "bias"), gr_from(g, GR_SHAPE(1), &c));
    ck_assert_msg(gr_backward(gr_add(gr_sum(pull), gr_sum(bias))), "%s", gr_error(g));
    return m;
}

static double grad_at(const gr_module *m, int i) {
    const gr_tensor *w = gr_parameter_named(m, i < 2 ? "weight" : "bias");
    return gr_at(w->grad, i % 2);
}

static const double closeness = sizeof(gr_real) == 4 ? 1e-6 : 1e-14;

START_TEST(all_gradients_are_one_vector) {
    gr_module *m = with_gradients(2, -3, 6);
    ck_assert_double_eq(gr_clip_grad_norm(m, INFINITY), 7);
    ck_assert_double_eq(gr_clip_grad_norm(m, 8), 7);
    for (int i = 0; i < 3; i++) ck_assert_double_eq(grad_at(m, i), ((double[]){2, -3, 6})[i]);
    ck_assert_double_eq(gr_clip_grad_norm(m, 3.5), 7);
    double factor = 3.5 / (7 + 1e-6);
    ck_assert_double_eq_tol(grad_at(m, 0), 2 * factor, closeness);
    ck_assert_double_eq_tol(grad_at(m, 1), -3 * factor, closeness);
    ck_assert_double_eq_tol(grad_at(m, 2), 6 * factor, closeness);
    ck_assert_double_eq_tol(gr_clip_grad_norm(m, 0), 7 * factor, closeness);
    for (int i = 0; i < 3; i++) ck_assert_double_eq(grad_at(m, i), 0);
}
END_TEST

START_TEST(parameters_without_gradients_do_not_count) {
    gr_module *m = with_gradients(3, 4, 100);
    gr_clear_grad(gr_parameter_named(m, "bias"));
    ck_assert_double_eq(gr_clip_grad_norm(m, 10), 5);
    ck_assert(gr_clip_grad_value(m, 3.5));
    ck_assert_double_eq(grad_at(m, 1), 3.5);
    ck_assert_ptr_null(gr_parameter_named(m, "bias")->grad);
    gr_clear_grads(m);
    ck_assert_double_eq(gr_clip_grad_norm(m, 10), 0);
    ck_assert_double_eq(gr_clip_grad_norm(gr_relu_layer(g), 10), 0);
}
END_TEST

/* The largest numbers, whose squares overflow, and the smallest, whose squares are 0. */
START_TEST(norms_of_extreme_gradients) {
    const double high = sizeof(gr_real) == 4 ? FLT_MAX : DBL_MAX;
    const double low = sizeof(gr_real) == 4 ? 1e-44 : 1e-322;
    for (int i = 0; i < 2; i++) {
        gr_real x = (gr_real)(i == 0 ? high / 4 : low);
        gr_module *m = with_gradients(2 * x, -x, 2 * x);
        double n = gr_clip_grad_norm(m, 1);
        ck_assert_msg(fabs(n / (3 * (double)x) - 1) < 1e-14, "%g for %g", n, 3 * (double)x);
        ck_assert_double_eq_tol(grad_at(m, 1), i == 0 ? -1.0 / 3 : -(double)x, closeness);
    }
}
END_TEST

START_TEST(a_norm_that_is_not_finite_leaves_gradients) {
    static const double bad[] = {INFINITY, NAN};
    for (int i = 0; i < 2; i++) {
        gr_module *m = with_gradients(1, 2, (gr_real)bad[i]);
        double n = gr_clip_grad_norm(m, 0.1);
        ck_assert(i == 0 ? n == INFINITY : isnan(n));
        ck_assert_double_eq(grad_at(m, 0), 1);
        ck_assert_double_eq(grad_at(m, 1), 2);
        ck_assert(!gr_failed(g));
    }
}
END_TEST

START_TEST(values_are_cut) {
    gr_module *m = with_gradients(-5, (gr_real)0.25, INFINITY);
    ck_assert(gr_clip_grad_value(m, 0.5));
    ck_assert_double_eq(grad_at(m, 0), -0.5);
    ck_assert_double_eq(grad_at(m, 1), 0.25);
    ck_assert_double_eq(grad_at(m, 2), 0.5);
    m = with_gradients(NAN, 1, -1);
    ck_assert(gr_clip_grad_value(m, 0));
    ck_assert_double_nan(grad_at(m, 0));
    ck_assert_double_eq(grad_at(m, 2), 0);
}
END_TEST

/* What is added after a clip adds to the clipped gradient. */
START_TEST(gradients_add_up_after_a_clip) {
    gr_tensor *w = NULL;
    gr_module *m = with_gradients(4, 0, 0);
    w = gr_parameter_named(m, "weight");
    ck_assert(gr_clip_grad_value(m, 1));
    ck_assert(gr_backward(gr_sum(gr_scale(w, 0.5))));
    ck_assert_double_eq(grad_at(m, 0), 1.5);
    double before = gr_at(w, 0);
    ck_assert(gr_step(gr_sgd(m, .lr = 0.5)));
    ck_assert_double_eq_tol(gr_at(w, 0), before - 0.75, closeness);
}
END_TEST

START_TEST(clip_errors) {
    gr_module *m = with_gradients(1, 2, 2);
    ck_assert_double_nan(gr_clip_grad_norm(m, -1));
    ck_assert_str_eq(gr_error(g), "gr_clip_grad_norm: max_norm is -1, expected 0 or more");
    gr_clear_error(g);
    ck_assert_double_nan(gr_clip_grad_norm(m, NAN));
    ck_assert_str_eq(gr_error(g), "gr_clip_grad_norm: max_norm is nan, expected 0 or more");
    gr_clear_error(g);
    ck_assert(!gr_clip_grad_value(m, NAN));
    ck_assert_str_eq(gr_error(g), "gr_clip_grad_value: bound is nan, expected 0 or more");
    ck_assert_double_nan(gr_clip_grad_norm(m, 0.1)); /* the graph has failed */
    ck_assert(!gr_clip_grad_value(m, 0.1));
    ck_assert_double_eq(grad_at(m, 2), 2);
    ck_assert_double_nan(gr_clip_grad_norm(NULL, 1));
    ck_assert(!gr_clip_grad_value(NULL, 1));
}
END_TEST

Suite *clip_suite(void) {
    Suite *s = suite_create("clip");
    TCase *t = tcase_create("clip");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, all_gradients_are_one_vector);
    tcase_add_test(t, parameters_without_gradients_do_not_count);
    tcase_add_test(t, norms_of_extreme_gradients);
    tcase_add_test(t, a_norm_that_is_not_finite_leaves_gradients);
    tcase_add_test(t, values_are_cut);
    tcase_add_test(t, gradients_add_up_after_a_clip);
    tcase_add_test(t, clip_errors);
    suite_add_tcase(s, t);
    return s;
}
