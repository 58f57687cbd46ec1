/* Averages of weights; whole trainings are among the trajectories. */
#include <math.h>

#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "optim/ema.h"
#include "tests/unit/suites.h"

static gr_graph *g;
static gr_module *net;
static gr_tensor *weight;

static void setup(void) {
    g = gr_graph_new(.seed = 1);
    net = gr_linear(g, 1, 1);
    weight = gr_parameter_named(net, "weight");
    weight->data[0] = 8;
}

static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

START_TEST(the_first_update_copies) {
    gr_ema *ema = gr_ema_new(net, 0.75);
    ck_assert_msg(ema != NULL, "%s", gr_error(g));
    ck_assert_double_eq(ema->average[0][0], 8); /* before any update */
    static const double weights[] = {4, 8, -3}, averages[] = {4, 5, 3};
    for (int i = 0; i < 3; i++) {
        weight->data[0] = (gr_real)weights[i];
        ck_assert(gr_ema_update(ema));
        ck_assert_double_eq(ema->average[0][0], averages[i]);
        ck_assert_double_eq(gr_at(weight, 0), weights[i]);
    }
    ck_assert_int_eq(ema->updates, 3);
}
END_TEST

START_TEST(averages_of_large_weights_are_finite) {
    gr_ema *ema = gr_ema_new(net, 0.5);
    const gr_real high = (gr_real)(sizeof(gr_real) == 4 ? 3e38 : 1.7e308);
    for (int i = 0; i < 4; i++) {
        weight->data[0] = i % 2 == 0 ? high : -high;
        ck_assert(gr_ema_update(ema));
        ck_assert(isfinite(ema->average[0][0]));
    }
}
END_TEST

START_TEST(swapping_twice_changes_nothing) {
    gr_ema *ema = gr_ema_new(net, 0.5);
    ck_assert(gr_ema_update(ema));
    weight->data[0] = 2;
    ck_assert(gr_ema_update(ema));
    ck_assert(gr_ema_swap(ema));
    ck_assert(ema->swapped);
    ck_assert_double_eq(gr_at(weight, 0), 5);
    ck_assert_double_eq(ema->average[0][0], 2);
    ck_assert(gr_ema_swap(ema));
    ck_assert(!ema->swapped);
    ck_assert_double_eq(gr_at(weight, 0), 2);
    ck_assert_double_eq(ema->average[0][0], 5);
}
END_TEST

START_TEST(copies_go_to_modules_of_any_graph) {
    gr_graph *other = gr_graph_new(.seed = 7);
    gr_module *copy = gr_linear(other, 1, 1);
    gr_ema *ema = gr_ema_new(net, 0.5);
    weight->data[0] = 3;
    ck_assert(gr_ema_copy_to(ema, copy)); /* the weights when it was made */
    ck_assert_double_eq(gr_at(gr_parameter_named(copy, "weight"), 0), 8);
    ck_assert_double_eq(gr_at(weight, 0), 3);
    ck_assert(gr_ema_copy_to(ema, net));
    ck_assert_double_eq(gr_at(weight, 0), 8);
    gr_graph_free(other);
}
END_TEST

#define FAILS(call, message)                                                                       \
    do {                                                                                           \
        ck_assert(!gr_failed(g));                                                                  \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        ck_assert_str_eq(gr_error(g), message);                                                    \
        gr_clear_error(g);                                                                         \
    } while (0)

START_TEST(ema_errors) {
    FAILS(gr_ema_new(net, -0.1), "gr_ema_new: decay is -0.1, expected [0, 1]");
    FAILS(gr_ema_new(net, 1.5), "gr_ema_new: decay is 1.5, expected [0, 1]");
    FAILS(gr_ema_new(net, NAN), "gr_ema_new: decay is nan, expected [0, 1]");
    FAILS(gr_ema_new(gr_relu_layer(g), 0.5), "gr_ema_new: the relu has no parameters");
    gr_ema *ema = gr_ema_new(net, 0.5);
    ema->decay = 2;
    FAILS(gr_ema_update(ema), "gr_ema_update: decay is 2, expected [0, 1]");
    ema->decay = 0.5;
    FAILS(gr_ema_copy_to(ema, gr_linear(g, 1, 1, .bias = false)),
          "gr_ema_copy_to: 2 averages for 1 parameters");
    FAILS(gr_ema_copy_to(ema, gr_sequential(g, gr_linear(g, 3, 2))),
          "gr_ema_copy_to: the average of weight (1,1) for 0.weight (2,3): the shapes differ");
    ck_assert(gr_ema_swap(ema));
    FAILS(gr_ema_update(ema),
          "gr_ema_update: the averages are in place of the weights: gr_ema_swap first");
    FAILS(gr_ema_copy_to(ema, net),
          "gr_ema_copy_to: the averages are in place of the weights: gr_ema_swap first");
    ck_assert_int_eq(ema->updates, 0);
}
END_TEST

START_TEST(nothing_happens_in_a_failed_graph) {
    gr_ema *ema = gr_ema_new(net, 0.5);
    weight->data[0] = 3;
    gr_fail(g, "before");
    ck_assert_ptr_null(gr_ema_new(net, 0.5));
    ck_assert(!gr_ema_update(ema) && !gr_ema_swap(ema) && !gr_ema_copy_to(ema, net));
    ck_assert_double_eq(gr_at(weight, 0), 3);
    ck_assert_double_eq(ema->average[0][0], 8);
    ck_assert_str_eq(gr_error(g), "before");
    ck_assert_ptr_null(gr_ema_new(NULL, 0.5));
    ck_assert(!gr_ema_update(NULL) && !gr_ema_swap(NULL) && !gr_ema_copy_to(NULL, net));
    gr_clear_error(g);
    ck_assert(!gr_ema_copy_to(ema, NULL));
    ck_assert(!gr_failed(g));
}
END_TEST

Suite *ema_suite(void) {
    Suite *s = suite_create("ema");
    TCase *t = tcase_create("ema");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_first_update_copies);
    tcase_add_test(t, averages_of_large_weights_are_finite);
    tcase_add_test(t, swapping_twice_changes_nothing);
    tcase_add_test(t, copies_go_to_modules_of_any_graph);
    tcase_add_test(t, ema_errors);
    tcase_add_test(t, nothing_happens_in_a_failed_graph);
    suite_add_tcase(s, t);
    return s;
}
