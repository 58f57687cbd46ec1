/* Normalisation and its layers: PyTorch's numbers, differences, the composition of operations,
 * large means, threads, buffers, messages, and critics' gradient penalties. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/normalize.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/generative.h"
#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/sequential.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void read_cases(void) { file = oracle_read("tests/oracle/norm.json.gz"); }
static void free_cases(void) { cJSON_Delete(file); }
static void setup(void) { g = gr_graph_new(.seed = 7); }
static void teardown(void) { gr_graph_free(g); }

static bool is(const cJSON *c, const char *key, const char *expected) {
    return strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(c, key)), expected) == 0;
}

static const cJSON *param_of(const cJSON *c, const char *name) {
    return cJSON_GetObjectItem(cJSON_GetObjectItem(c, "params"), name);
}

/* -- The oracle's cases -- */

static gr_tensor *operand(const cJSON *c, gr_tensor **in, const char *name) {
    int n = cJSON_GetArraySize(cJSON_GetObjectItem(c, "in"));
    for (int i = 0; i < n; i++)
        if (strcmp(in[i]->name, name) == 0) return in[i];
    return NULL;
}

static gr_tensor *buffer_of(gr_graph *graph, const cJSON *c, const char *name) {
    const cJSON *list = param_of(c, name), *item;
    if (list == NULL) return NULL;
    gr_tensor *t = gr_zeros(graph, GR_SHAPE(cJSON_GetArraySize(list)));
    int i = 0;
    cJSON_ArrayForEach(item, list) t->data[i++] = (gr_real)oracle_number(item);
    return t;
}

/* Without eps among the parameters the default of the macro is tested. */
static gr_tensor *call_batch_norm(const cJSON *c, gr_tensor **in) {
    gr_tensor *weight = operand(c, in, "weight"), *bias = operand(c, in, "bias");
    gr_tensor *mean = buffer_of(in[0]->graph, c, "running_mean");
    gr_tensor *var = buffer_of(in[0]->graph, c, "running_var");
    if (param_of(c, "eps") == NULL)
        return gr_batch_norm(in[0], weight, bias, mean, var, .training = mean == NULL);
    return gr_batch_norm(in[0], weight, bias, mean, var, .eps = oracle_param(c, "eps", 0));
}

static gr_shape last_dims(const gr_tensor *x, int n) {
    gr_shape shape = {.ndim = n};
    for (int i = 0; i < n; i++) shape.dim[i] = x->shape.dim[x->shape.ndim - n + i];
    return shape;
}

static gr_tensor *call_layer_norm(const cJSON *c, gr_tensor **in) {
    gr_tensor *weight = operand(c, in, "weight"), *bias = operand(c, in, "bias");
    gr_shape shape = last_dims(in[0], oracle_int(c, "dims", 0));
    if (param_of(c, "eps") == NULL) return gr_layer_norm(in[0], shape, weight, bias);
    return gr_layer_norm(in[0], shape, weight, bias, .eps = oracle_param(c, "eps", 0));
}

static gr_tensor *call_group_norm(const cJSON *c, gr_tensor **in) {
    gr_tensor *weight = operand(c, in, "weight"), *bias = operand(c, in, "bias");
    int groups = oracle_int(c, "groups", 0);
    if (param_of(c, "eps") == NULL) return gr_group_norm(in[0], groups, weight, bias);
    return gr_group_norm(in[0], groups, weight, bias, .eps = oracle_param(c, "eps", 0));
}

static oracle_function *function_of(const cJSON *c) {
    if (is(c, "op", "batch_norm")) return call_batch_norm;
    if (is(c, "op", "layer_norm")) return call_layer_norm;
    if (is(c, "op", "group_norm")) return call_group_norm;
    ck_assert(is(c, "op", "layer") || is(c, "op", "critic")); /* have tests of their own */
    return NULL;
}

START_TEST(oracle_cases_hold) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    gr_graph *of_isa = gr_graph_new(.isa = isas[_i]);
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    int failures = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        oracle_message message;
        oracle_function *f = function_of(c);
        if (gr_failed(of_isa) || f == NULL) continue; /* the processor lacks the instructions */
        if (oracle_check(of_isa, c, f, &stats, &message)) continue;
        failures++;
        printf("%s: %s\n", isas[_i], message.text);
        gr_clear_error(of_isa);
    }
    if (stats.values > 0) oracle_report("norm", &stats);
    ck_assert(stats.values > 0 || gr_failed(of_isa));
    gr_graph_free(of_isa);
    ck_assert_msg(failures == 0, "%d cases failed", failures);
}
END_TEST

#ifdef GR_DOUBLE
static gr_tensor *run_case(void *c, gr_tensor **in) { return function_of(c)(c, in); }

START_TEST(every_case_by_differences) {
    int failures = 0, compared = 0;
    double largest = 0;
    cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (!cJSON_IsTrue(cJSON_GetObjectItem(c, "smooth"))) continue;
        gr_graph_reset(g);
        gr_tensor *in[ORACLE_OPERANDS];
        int n = oracle_operands(g, c, in);
        gradcheck_report report;
        if (!gradcheck(run_case, c, (gr_list){n, in}, (gradcheck_options){0}, &report)) {
            printf("%s: %s\n", oracle_name(c).text, report.message);
            failures++;
            gr_clear_error(g);
        }
        compared += report.compared;
        largest = fmax(largest, report.largest);
    }
    printf("gradcheck norm: %d derivatives, largest error %.2g\n", compared, largest);
    ck_assert_int_gt(compared, 0);
    ck_assert_msg(failures == 0, "%d cases failed", failures);
}
END_TEST
#endif

Suite *norm_suite(void) {
    Suite *s = suite_create("norm");
    TCase *t = tcase_create("norm");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, oracle_cases_hold, 0, 3);
#ifdef GR_DOUBLE
    tcase_add_test(t, every_case_by_differences);
#endif
    suite_add_tcase(s, t);
    return s;
}
