/* Activation layers: PyTorch's numbers, defaults and options. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "nn/activation.h"
#include "nn/sequential.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void read_cases(void) { file = oracle_read("tests/oracle/layers.json.gz"); }
static void free_cases(void) { cJSON_Delete(file); }
static void setup(void) { g = gr_graph_new(.seed = 5); }
static void teardown(void) { gr_graph_free(g); }

/* -- The oracle's cases. Without a parameter the default of the macro is tested. -- */

static gr_module *leaky_relu_of(gr_graph *graph, const cJSON *c) {
    double slope = oracle_param(c, "slope", NAN);
    return isnan(slope) ? gr_leaky_relu_layer(graph) : gr_leaky_relu_layer(graph, .slope = slope);
}
static gr_module *elu_of(gr_graph *graph, const cJSON *c) {
    double alpha = oracle_param(c, "alpha", NAN);
    return isnan(alpha) ? gr_elu_layer(graph) : gr_elu_layer(graph, .alpha = alpha);
}
static gr_module *gelu_of(gr_graph *graph, const cJSON *c) {
    return oracle_flag(c, "tanh") ? gr_gelu_layer(graph, .tanh = true) : gr_gelu_layer(graph);
}
static gr_module *softplus_of(gr_graph *graph, const cJSON *c) {
    double beta = oracle_param(c, "beta", NAN), threshold = oracle_param(c, "threshold", NAN);
    return isnan(beta) ? gr_softplus_layer(graph)
                       : gr_softplus_layer(graph, .beta = beta, .threshold = threshold);
}
static gr_module *softmax_of(gr_graph *graph, const cJSON *c) {
    int axis = oracle_int(c, "axis", -1);
    return axis < 0 ? gr_softmax_layer(graph) : gr_softmax_layer(graph, .axis = axis);
}
static gr_module *log_softmax_of(gr_graph *graph, const cJSON *c) {
    int axis = oracle_int(c, "axis", -1);
    return axis < 0 ? gr_log_softmax_layer(graph) : gr_log_softmax_layer(graph, .axis = axis);
}

static const struct {
    const char *name;
    gr_module *(*plain)(gr_graph *graph); /* one of the two */
    gr_module *(*with)(gr_graph *graph, const cJSON *c);
} layers[] = {
    {"relu", gr_relu_layer, NULL},
    {"silu", gr_silu_layer, NULL},
    {"sigmoid", gr_sigmoid_layer, NULL},
    {"tanh", gr_tanh_layer, NULL},
    {"leaky_relu", NULL, leaky_relu_of},
    {"elu", NULL, elu_of},
    {"gelu", NULL, gelu_of},
    {"softplus", NULL, softplus_of},
    {"softmax", NULL, softmax_of},
    {"log_softmax", NULL, log_softmax_of},
};
enum { N_LAYERS = sizeof layers / sizeof *layers };

static int layer_of(const cJSON *c) {
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(c, "op"));
    for (int i = 0; i < N_LAYERS; i++)
        if (strcmp(op, layers[i].name) == 0) return i;
    return -1;
}

static gr_tensor *run_layer(const cJSON *c, gr_tensor **in) {
    int i = layer_of(c);
    gr_graph *graph = in[0]->graph;
    gr_module *m = layers[i].plain != NULL ? layers[i].plain(graph) : layers[i].with(graph, c);
    ck_assert(m == NULL || strcmp(m->type->name, layers[i].name) == 0);
    return gr_forward(m, in[0]);
}

START_TEST(layers_are_pytorchs) {
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    int failures = 0, cases[N_LAYERS] = {0};
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        oracle_message message;
        if (layer_of(c) < 0) continue; /* another suite's */
        cases[layer_of(c)]++;
        if (oracle_check(g, c, run_layer, &stats, &message)) continue;
        failures++;
        printf("%s\n", message.text);
        gr_clear_error(g);
    }
    oracle_report("activation", &stats);
    ck_assert_msg(failures == 0, "%d cases failed", failures);
    for (int i = 0; i < N_LAYERS; i++) ck_assert_int_ge(cases[i], 4);
}
END_TEST

/* -- Edges -- */

/* Finite gradients for every finite x. */
START_TEST(no_gradient_is_nan) {
    double most = sizeof(gr_real) == 4 ? 3.4e38 : 1.7e308, some[] = {1e3, 1e10, 1e30, 0};
    some[3] = most;
    gr_module *all[] = {gr_relu_layer(g),       gr_silu_layer(g),
                        gr_sigmoid_layer(g),    gr_tanh_layer(g),
                        gr_leaky_relu_layer(g), gr_elu_layer(g),
                        gr_gelu_layer(g),       gr_gelu_layer(g, .tanh = true),
                        gr_softplus_layer(g),   gr_softplus_layer(g, .beta = 3),
                        gr_softmax_layer(g),    gr_log_softmax_layer(g)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (int k = 0; k < 8; k++) {
            const gr_real numbers[2] = {(gr_real)(k < 4 ? some[k] : -some[k - 4]), 0};
            gr_tensor *x = gr_requires_grad(gr_from(g, GR_SHAPE(2), numbers));
            gr_tensor *grad = gr_grad(gr_scale(gr_forward(all[i], x), 2), x);
            ck_assert_msg(grad != NULL && isfinite(gr_at(grad, 0)) && isfinite(gr_at(grad, 1)),
                          "%s at %g: %g", all[i]->type->name, gr_at(x, 0), gr_at(grad, 0));
        }
    }
}
END_TEST

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(refuse) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3)), *integers = gr_argmax(x, 0);
    expect(gr_forward(gr_softplus_layer(g, .beta = 0), x),
           "gr_softplus: beta is 0 and threshold 20, expected a finite beta of more than 0 and a "
           "number");
    expect(gr_softplus(x, .beta = INFINITY),
           "gr_softplus: beta is inf and threshold inf, expected a finite beta of more than 0 and "
           "a number");
    expect(gr_softplus(x, .threshold = NAN),
           "gr_softplus: beta is 1 and threshold nan, expected a finite beta of more than 0 and a "
           "number");
    expect(gr_forward(gr_softmax_layer(g, .axis = 2), x),
           "gr_softmax: axis 2 of x (2,3): expected -2 to 1");
    expect(gr_forward(gr_log_softmax_layer(g, .axis = -3), x),
           "gr_log_softmax: axis -3 of x (2,3): expected -2 to 1");
    expect(gr_forward(gr_gelu_layer(g, .tanh = true), integers),
           "gr_gelu: x (3) holds integers, expected real numbers");
    ck_assert_ptr_null(gr_gelu(NULL));
    ck_assert_ptr_null(gr_gelu(NULL, .tanh = true));
    ck_assert_ptr_null(gr_softplus(NULL));
    ck_assert_ptr_null(gr_gelu_layer(NULL));
    ck_assert(!gr_failed(g));
}
END_TEST

Suite *activation_suite(void) {
    Suite *s = suite_create("activation");
    TCase *t = tcase_create("activation");
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, layers_are_pytorchs);
    tcase_add_test(t, no_gradient_is_nan);
    tcase_add_test(t, refuse);
    suite_add_tcase(s, t);
    return s;
}
