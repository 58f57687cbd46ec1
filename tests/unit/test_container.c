/* Modules made of modules: PyTorch's numbers and names, modes, messages. */
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "nn/activation.h"
#include "nn/container.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void read_cases(void) { file = oracle_read("tests/oracle/layers.json.gz"); }
static void free_cases(void) { cJSON_Delete(file); }
static void setup(void) { g = gr_graph_new(.seed = 5); }
static void teardown(void) { gr_graph_free(g); }

/* -- The oracle's cases -- */

static gr_module *autoencoder(void) {
    return gr_container(g, {"encoder", gr_sequential(g, gr_linear(g, 4, 2), gr_tanh_layer(g))},
                        {"decoder", gr_linear(g, 2, 4)});
}

/* A container runs as its user has it run. */
static gr_tensor *encode_and_decode(gr_module *m, gr_tensor *x) {
    gr_module *parts = gr_child(m, "parts");
    return gr_forward(gr_child(parts, "decoder"), gr_forward(gr_child(parts, "encoder"), x));
}

START_TEST(modules_are_pytorchs) {
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    gr_module *body = gr_sequential(g, gr_linear(g, 3, 4), gr_tanh_layer(g), gr_linear(g, 4, 3));
    modules_check(oracle_find(file, "residual", "identity"), gr_residual(g, body), &stats);
    body = gr_sequential(g, gr_linear(g, 3, 4), gr_tanh_layer(g));
    gr_module *shortcut = gr_linear(g, 3, 4, .bias = false);
    modules_check(oracle_find(file, "residual", "shortcut"),
                  gr_residual(g, body, .shortcut = shortcut), &stats);
    gr_module *net =
        gr_named_sequential(g, {"first", gr_linear(g, 3, 4)}, {"act", gr_silu_layer(g)},
                            {"last", gr_linear(g, 4, 2, .bias = false)});
    modules_check(oracle_find(file, "named_sequential", "plain"), net, &stats);
    oracle_report("container", &stats);
}
END_TEST

/* The container's parameters have the names of PyTorch's, and its parts compute as there. */
START_TEST(parts_run_one_by_one) {
    static const gr_module_type type = {"autoencoder", encode_and_decode};
    const cJSON *c = oracle_find(file, "container", "autoencoder");
    gr_module *parts = autoencoder(), *m = gr_module_new(g, &type, sizeof *m);
    modules_load(c, parts);
    ck_assert(gr_add_child(m, "parts", parts));
    gr_tensor *y = gr_forward(m, modules_operand(g, c, "x"));
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetObjectItem(c, "value"), "data");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    oracle_message message;
    ck_assert_msg(oracle_compare(y, value, "autoencoder", &stats, &message), "%s", message.text);
}
END_TEST

/* -- Names, modes, order -- */

static void expect_names(const gr_module *m, const char *const *names, int n) {
    ck_assert_msg(m != NULL, "%s", gr_error(g));
    ck_assert_int_eq(gr_parameters(m).n, n);
    for (int i = 0; i < n; i++) ck_assert_str_eq(gr_parameters(m).items[i]->name, names[i]);
}

START_TEST(names_are_pytorchs) {
    const char *const container[] = {"encoder.0.weight", "encoder.0.bias", "decoder.weight",
                                     "decoder.bias"};
    gr_module *m = autoencoder();
    expect_names(m, container, 4);
    ck_assert_str_eq(gr_child(m, "encoder")->type->name, "sequential");
    ck_assert_ptr_null(gr_child(m, "critic"));
    const char *const residual[] = {"body.weight", "body.bias", "shortcut.weight", "shortcut.bias"};
    m = gr_residual(g, gr_linear(g, 2, 3), .shortcut = gr_linear(g, 2, 3));
    expect_names(m, residual, 4);
    const char *const nested[] = {"block.body.weight", "block.body.bias", "out.weight", "out.bias"};
    m = gr_named_sequential(g, {"block", gr_residual(g, gr_linear(g, 2, 2))},
                            {"out", gr_linear(g, 2, 1)});
    expect_names(m, nested, 4);
    ck_assert_ptr_null(gr_child(gr_child(m, "block"), "shortcut"));
}
END_TEST

START_TEST(a_mode_for_all_parts) {
    gr_module *drop = gr_dropout_layer(g, .p = 1), *shortcut = gr_dropout_layer(g, .p = 1);
    gr_module *m = gr_container(g, {"block", gr_residual(g, drop, .shortcut = shortcut)},
                                {"other", gr_named_sequential(g, {"a", gr_relu_layer(g)})});
    gr_tensor *x = gr_full(g, GR_SHAPE(2, 2), 3);
    ck_assert_double_eq(gr_item(gr_max(gr_forward(gr_child(m, "block"), x))), 0);
    gr_set_training(m, false);
    ck_assert_double_eq(gr_item(gr_min(gr_forward(gr_child(m, "block"), x))), 6);
    ck_assert(!gr_child(gr_child(m, "other"), "a")->training);
}
END_TEST

START_TEST(a_sequence_is_the_same_with_names) {
    gr_tensor *x = gr_normal(g, GR_SHAPE(3, 4), 0, 1);
    gr_module *named = gr_named_sequential(
        g, {"double", gr_residual(g, gr_sequential_(g, NULL, 0))}, {"positive", gr_relu_layer(g)});
    const gr_tensor *y = gr_forward(named, x), *expected = gr_relu(gr_scale(x, 2));
    for (int i = 0; i < 12; i++) ck_assert_double_eq(gr_at(y, i), gr_at(expected, i));
}
END_TEST

/* -- Errors -- */

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(refuse) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 4));
    expect(gr_forward(autoencoder(), x),
           "gr_forward: the container has no forward of its own: run its children (gr_child)");
    expect(gr_forward(gr_residual(g, gr_linear(g, 4, 3)), x),
           "gr_residual: of x (2,4) the body makes (2,3) and the shortcut (2,4), expected equal "
           "shapes");
    expect(gr_forward(gr_residual(g, gr_linear(g, 4, 3), .shortcut = gr_linear(g, 4, 1)), x),
           "gr_residual: of x (2,4) the body makes (2,3) and the shortcut (2,1), expected equal "
           "shapes");
    expect(gr_forward(gr_residual(g, gr_linear(g, 5, 4)), x),
           "gr_affine: x (2,4) times body.weight (4,5): 4 inputs, expected 5");
    expect(gr_residual(g, NULL), "gr_add_child: module body of residual is NULL");
    gr_module *a = gr_relu_layer(g);
    expect(gr_residual(g, a, .shortcut = a),
           "gr_add_child: module shortcut of residual, a relu, can't be added: it belongs to "
           "another module already");
    expect(gr_container(g, {"a", NULL}), "gr_add_child: module a of container is NULL");
    expect(gr_container(g, {"a", gr_relu_layer(g)}, {"a", gr_relu_layer(g)}),
           "gr_add_child: container has a child a already");
    expect(gr_container(g, {NULL, gr_relu_layer(g)}),
           "gr_add_child: what is added to container has no name");
    expect(gr_named_sequential(g, {"a", gr_relu_layer(g)}, {"a", gr_relu_layer(g)}),
           "gr_add_child: sequential has a child a already");
    expect(gr_named_sequential(g, {"", gr_relu_layer(g)}),
           "gr_add_child: what is added to sequential has no name");
    ck_assert_ptr_null(gr_residual(NULL, a));
    ck_assert_ptr_null(gr_container(NULL, {"a", a}));
    ck_assert_ptr_null(gr_named_sequential(NULL, {"a", a}));
    ck_assert(!gr_failed(g));
}
END_TEST

/* A shortcut that could not be made is not taken for one that was not asked for. */
START_TEST(a_failed_shortcut_is_no_missing_one) {
    ck_assert_ptr_null(gr_residual(g, gr_linear(g, 2, 3), .shortcut = gr_linear(g, 2, 0)));
    ck_assert_str_eq(gr_error(g), "gr_linear: 2 inputs and 0 outputs, expected at least 1");
}
END_TEST

Suite *container_suite(void) {
    Suite *s = suite_create("container");
    TCase *t = tcase_create("container");
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, modules_are_pytorchs);
    tcase_add_test(t, parts_run_one_by_one);
    tcase_add_test(t, names_are_pytorchs);
    tcase_add_test(t, a_mode_for_all_parts);
    tcase_add_test(t, a_sequence_is_the_same_with_names);
    tcase_add_test(t, refuse);
    tcase_add_test(t, a_failed_shortcut_is_no_missing_one);
    suite_add_tcase(s, t);
    return s;
}
