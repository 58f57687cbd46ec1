/* Layers and what is done to their weights: spectral normalisation, clipping, the adaptive softmax.
 */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "nn/activation.h"
#include "nn/adaptive_softmax.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "nn/spectral_norm.h"
#include "optim/clip.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void setup(void) {
    file = oracle_read("tests/oracle/modules.json");
    g = gr_graph_new(.seed = 3);
}
static void teardown(void) {
    cJSON_Delete(file);
    gr_graph_free(g);
}

/* -- Spectral normalisation -- */

START_TEST(spectral_norm_as_in_torch) {
    const char *const ids[] = {"matrix_0", "matrix_1", "matrix_3", "convolution"};
    for (int i = 0; i < 4; i++) {
        const cJSON *c = oracle_find(file, "spectral_norm", ids[i]);
        gr_tensor *w = gr_requires_grad(modules_operand(g, c, "w"));
        gr_tensor *u = gr_keep(modules_operand(g, c, "u")),
                  *v = gr_keep(modules_operand(g, c, "v"));
        gr_tensor *upstream = modules_operand(g, c, "upstream");
        gr_tensor *y = gr_spectral_norm(w, u, v, .iterations = oracle_int(c, "iterations", 1));
        modules_compare(c, "y", y);
        modules_compare(c, "u", u);
        modules_compare(c, "v", v);
        /* What was computed does not depend on the buffers any more. */
        gr_init_constant(u, NAN);
        gr_init_constant(v, NAN);
        gr_tensor *grad = gr_grad(y, w, .grad_output = upstream, .create_graph = true);
        modules_compare(c, "grad", grad);
        modules_compare(c, "second", gr_grad(grad, w, .grad_output = upstream));
    }
}
END_TEST

/* The longest |W x| over many unit vectors x. */
static double stretch(gr_module *m) {
    gr_tensor *x = gr_normal(g, GR_SHAPE(2000, 3), 0, 1);
    x = gr_div(x, gr_norm(x, .axes = GR_AXES(1), .keepdim = true));
    return gr_item(gr_max(gr_norm(gr_forward(m, x), .axes = GR_AXES(1))));
}

/* Two forwards in training, of which the second is not recorded, and one in evaluation. */
static void compare_spectral_layer(const cJSON *c, gr_module *m) {
    modules_load(c, m);
    gr_list buffers = gr_buffers(m);
    ck_assert_int_eq(buffers.n, 2);
    for (int i = 0; i < 2; i++) modules_copy(c, buffers.items[i]->name, buffers.items[i]);
    for (int step = 0; step < 3; step++) {
        gr_text name;
        gr_set_training(m, step < 2);
        if (step == 1) gr_no_grad_begin(g);
        gr_tensor *y = gr_forward(m, modules_operand(g, c, "x"));
        if (step == 1) gr_no_grad_end(g);
        snprintf(name.text, sizeof name.text, "y%d", step);
        modules_compare(c, name.text, y);
        for (int i = 0; i < 2; i++) {
            snprintf(name.text, sizeof name.text, "%d %.60s", step, buffers.items[i]->name);
            modules_compare(c, name.text, buffers.items[i]);
        }
        if (step == 1) continue;
        ck_assert(gr_backward(gr_sum(gr_square(y))));
        snprintf(name.text, sizeof name.text, "%d ", step);
        modules_compare_grads(c, name.text, m);
        gr_clear_grads(m);
    }
}

START_TEST(spectral_layers_as_in_torch) {
    compare_spectral_layer(oracle_find(file, "spectral_layer", "linear"),
                           gr_spectral_linear(g, 4, 3));
    compare_spectral_layer(oracle_find(file, "spectral_layer", "convolution"),
                           gr_spectral_conv2d(g, 4, 6, 3, .stride = 2, .padding = 1, .groups = 2));
}
END_TEST

START_TEST(spectral_linear_stretches_nothing) {
    gr_module *m = gr_spectral_linear(g, 3, 4, .bias = false);
    gr_tensor *w = gr_parameter_named(m, "weight_orig");
    gr_init_normal(w, 0, 10);
    for (int i = 0; i < 60; i++) gr_forward(m, gr_zeros(g, GR_SHAPE(1, 3)));
    ck_assert_double_eq_tol(stretch(m), 1, 0.01);
    ck_assert_int_eq(gr_parameters(gr_spectral_linear(g, 3, 4)).n, 2);
}
END_TEST

/* A new layer's weight is normalised already. */
START_TEST(spectral_conv2d_begins_normalised) {
    gr_module *m = gr_spectral_conv2d(g, 3, 8, GR_PAIR(2, 3), .iterations = 2);
    ck_assert_msg(m != NULL, "%s", gr_error(g));
    gr_tensor *w = gr_parameter_named(m, "weight_orig"), *u = gr_buffer_named(m, "weight_u");
    ck_assert(gr_shape_equal(w->shape, GR_SHAPE(8, 3, 2, 3)));
    ck_assert(gr_shape_equal(u->shape, GR_SHAPE(8)));
    ck_assert(gr_shape_equal(gr_buffer_named(m, "weight_v")->shape, GR_SHAPE(18)));
    ck_assert_double_eq_tol(gr_item(gr_norm(u)), 1, 1e-5);
    double bound = 1 / sqrt(18), largest = gr_item(gr_max(gr_abs(gr_parameter_named(m, "bias"))));
    ck_assert(largest > 0 && largest <= bound);
}
END_TEST

START_TEST(spectral_norm_of_zero_is_zero) {
    gr_module *m = gr_spectral_linear(g, 3, 4, .init = GR_INIT_ZEROS, .bias = false);
    gr_tensor *y = gr_forward(m, gr_full(g, GR_SHAPE(2, 3), 1));
    ck_assert_ptr_nonnull(y);
    ck_assert(gr_backward(gr_sum(y)));
    const gr_tensor *grad = gr_parameter_named(m, "weight_orig")->grad;
    for (int i = 0; i < 8; i++) ck_assert_double_eq(gr_at(y, i), 0);
    for (int i = 0; i < 12; i++) ck_assert_double_eq(gr_at(grad, i), 0);
}
END_TEST

START_TEST(spectral_norm_refuses) {
    gr_tensor *w = gr_parameter(g, GR_SHAPE(4, 3, 2), "w"), *u = gr_zeros(g, GR_SHAPE(4));
    ck_assert_ptr_null(gr_spectral_norm(w, u, u));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "w (4,3,2)"));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "(4) and (6)"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_spectral_norm(w, u, gr_zeros(g, GR_SHAPE(6)), .iterations = -1));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_spectral_norm(gr_zeros(g, GR_SHAPE(3)), u, u));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_spectral_norm(w, u, NULL));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "v is NULL"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_spectral_linear(g, 3, 0));
    ck_assert_str_eq(gr_error(g), "gr_spectral_linear: 3 inputs, 0 outputs and 1 iterations, "
                                  "expected at least 1");
    gr_clear_error(g);
    ck_assert_ptr_null(gr_spectral_conv2d(g, 3, 4, 3, .groups = 2));
    ck_assert_str_eq(gr_error(g), "gr_spectral_conv2d: 3 to 4 channels with groups = 2, expected "
                                  "at least 1, and multiples of groups");
    gr_clear_error(g);
    ck_assert_ptr_null(gr_spectral_conv2d(g, 3, 4, 3, .iterations = 0));
    ck_assert_str_eq(gr_error(g), "gr_spectral_conv2d: 0 iterations, expected at least 1");
    gr_clear_error(g);
    ck_assert_ptr_null(gr_spectral_conv2d(g, 1 << 20, 1 << 20, 99));
    ck_assert_str_eq(gr_error(g), "gr_parameter: no tensor has the shape (1048576,1048576,99,99)");
}
END_TEST

/* -- Clipping -- */

START_TEST(clipping_cuts_every_parameter) {
    gr_module *net = gr_sequential(g, gr_linear(g, 2, 3), gr_relu_layer(g), gr_linear(g, 3, 1));
    gr_tensor *w = gr_parameter_named(net, "0.weight"), *b = gr_parameter_named(net, "2.bias");
    const gr_real values[6] = {-3, -0.25, 0, 0.25, 3, (gr_real)INFINITY};
    const double expected[6] = {-0.25, -0.25, 0, 0.25, 0.25, 0.25};
    memcpy(w->data, values, sizeof values);
    b->data[0] = (gr_real)NAN;
    ck_assert(gr_clip_weights(net, 0.25));
    for (int i = 0; i < 6; i++) ck_assert_double_eq(gr_at(w, i), expected[i]);
    ck_assert_double_nan(gr_at(b, 0));
    ck_assert(gr_clip_weights(net, 0));
    for (int i = 0; i < 6; i++) ck_assert_double_eq(gr_at(w, i), 0);
    ck_assert(!gr_clip_weights(NULL, 1));
    ck_assert(!gr_clip_weights(net, -1));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "bound is -1"));
    gr_clear_error(g);
    ck_assert(!gr_clip_weights(net, NAN));
}
END_TEST

/* -- The adaptive softmax -- */

static gr_module *adaptive_of(const cJSON *c) {
    int cutoffs[8], n = oracle_ints(c, "cutoffs", cutoffs, 8);
    const gr_tensor *x = modules_operand(g, c, "x");
    gr_module *m = gr_adaptive_softmax(
        g, x->shape.dim[1], oracle_int(c, "classes", 0), ((gr_cutoffs){n, cutoffs}),
        .div_value = oracle_param(c, "div_value", 4), .head_bias = oracle_flag(c, "head_bias"));
    modules_load(c, m);
    return m;
}

START_TEST(adaptive_softmax_as_in_torch) {
    const char *const ids[] = {"plain", "bias", "head_alone"};
    for (int i = 0; i < 3; i++) {
        const cJSON *c = oracle_find(file, "adaptive_softmax", ids[i]);
        gr_module *m = adaptive_of(c);
        gr_tensor *x = gr_requires_grad(modules_operand(g, c, "x"));
        gr_tensor *target = modules_operand(g, c, "target");
        gr_tensor *all = gr_forward(m, x), *loss = gr_adaptive_log_softmax(m, x, target);
        modules_compare(c, "all", all);
        modules_compare(c, "chosen", gr_adaptive_log_prob(m, x, target));
        modules_compare(c, "loss", loss);
        ck_assert(gr_backward(loss));
        modules_compare(c, "grad x", x->grad);
        modules_compare_grads(c, "", m);
        gr_clear_grads(m);
        gr_clear_grad(x);
        ck_assert(gr_backward(gr_sum(gr_mul(all, modules_operand(g, c, "upstream")))));
        modules_compare(c, "whole grad x", x->grad);
        modules_compare_grads(c, "whole ", m);
    }
}
END_TEST

START_TEST(adaptive_softmax_names_its_parameters_as_torch) {
    gr_module *m = gr_adaptive_softmax(g, 16, 12, GR_CUTOFFS(4, 8), .head_bias = true);
    const char *const names[] = {"head.weight",     "head.bias",       "tail.0.0.weight",
                                 "tail.0.1.weight", "tail.1.0.weight", "tail.1.1.weight"};
    gr_list p = gr_parameters(m);
    ck_assert_int_eq(p.n, 6);
    for (int i = 0; i < p.n; i++) ck_assert_str_eq(p.items[i]->name, names[i]);
    ck_assert(gr_shape_equal(p.items[0]->shape, GR_SHAPE(6, 16)));
    ck_assert(gr_shape_equal(p.items[4]->shape, GR_SHAPE(1, 16)));
}
END_TEST

START_TEST(adaptive_softmax_refuses) {
    ck_assert_ptr_null(gr_adaptive_softmax(g, 16, 12, GR_CUTOFFS(8, 4)));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "cutoff 1 is 4, expected 9 to 11"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_adaptive_softmax(g, 16, 12, GR_CUTOFFS(4, 12)));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_adaptive_softmax(g, 8, 12, GR_CUTOFFS(4, 8)));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "features"));
    gr_clear_error(g);
    gr_module *m = gr_adaptive_softmax(g, 16, 12, GR_CUTOFFS(4, 8));
    const int32_t classes[2] = {3, 12};
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 16)), *target = gr_from_index(g, GR_SHAPE(2), classes);
    ck_assert_ptr_null(gr_adaptive_log_softmax(m, x, target));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "target (2) has 12 at (1), expected 0 to 11"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_adaptive_log_softmax(m, gr_zeros(g, GR_SHAPE(3, 16)), target));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "expected (3) class indices"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_forward(m, gr_zeros(g, GR_SHAPE(3, 15))));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "(3,15), expected (N,16)"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_adaptive_log_softmax(gr_linear(g, 16, 12), x, target));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "a linear"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_adaptive_log_softmax(m, NULL, target));
    ck_assert_str_eq(gr_error(g), "gr_adaptive_log_softmax: x is NULL");
    gr_clear_error(g);
    ck_assert_ptr_null(gr_adaptive_log_prob(m, x, NULL));
    ck_assert_str_eq(gr_error(g), "gr_adaptive_log_prob: target is NULL");
    gr_clear_error(g);
    ck_assert_ptr_null(gr_adaptive_log_prob(m, x, target));
    ck_assert_str_eq(gr_error(g),
                     "gr_adaptive_log_prob: target (2) has 12 at (1), expected 0 to 11");
}
END_TEST

Suite *layers_suite(void) {
    Suite *s = suite_create("layers");
    TCase *t = tcase_create("layers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, spectral_norm_as_in_torch);
    tcase_add_test(t, spectral_layers_as_in_torch);
    tcase_add_test(t, spectral_linear_stretches_nothing);
    tcase_add_test(t, spectral_conv2d_begins_normalised);
    tcase_add_test(t, spectral_norm_of_zero_is_zero);
    tcase_add_test(t, spectral_norm_refuses);
    tcase_add_test(t, clipping_cuts_every_parameter);
    tcase_add_test(t, adaptive_softmax_as_in_torch);
    tcase_add_test(t, adaptive_softmax_names_its_parameters_as_torch);
    tcase_add_test(t, adaptive_softmax_refuses);
    suite_add_tcase(s, t);
    return s;
}
