/* Gradients by central differences: every operation, on the operands of the oracle's cases, and
 * some compositions. In double only; a float's differences say too little. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/op_cases.h"
#include "tests/unit/suites.h"

#ifdef GR_DOUBLE

static cJSON *file;
static gr_graph *g;

static void read_cases(void) { file = oracle_read(OPS_FILE); }
static void free_cases(void) { cJSON_Delete(file); }
static void setup(void) { g = gr_graph_new(.seed = 5); }
static void teardown(void) { gr_graph_free(g); }

static gr_tensor *run_case(void *c, gr_tensor **in) { return op_run(c, in); }

/* The cases that say that no kink is near, and that have a gradient that is not 0 everywhere. */
static bool differentiable(const cJSON *c) {
    if (!cJSON_IsTrue(cJSON_GetObjectItem(c, "smooth"))) return false;
    const cJSON *grad, *element;
    cJSON_ArrayForEach(grad, cJSON_GetObjectItem(c, "grad")) {
        cJSON_ArrayForEach(element, grad) {
            if (oracle_number(element) != 0) return true;
        }
    }
    return false;
}

START_TEST(every_operation_by_differences) {
    int cases = 0, compared = 0, failures = 0;
    double largest = 0;
    cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (!differentiable(c)) continue;
        gr_graph_reset(g);
        gr_tensor *in[ORACLE_OPERANDS];
        int n = oracle_operands(g, c, in);
        gradcheck_report report;
        cases++;
        if (!gradcheck(run_case, c, (gr_list){n, in}, (gradcheck_options){0}, &report)) {
            printf("%s: %s\n", oracle_name(c).text, report.message);
            failures++;
            gr_clear_error(g);
        }
        compared += report.compared;
        largest = fmax(largest, report.largest);
    }
    printf("gradcheck: %d cases, %d derivatives, largest error %.2g\n", cases, compared, largest);
    fflush(stdout);
    ck_assert_int_gt(cases, 0);
    ck_assert_msg(failures == 0, "%d cases failed", failures);
}
END_TEST

/* Operations that have no gradient by their headers. */
static bool without_gradient(const char *op) {
    static const char *const names[] = {
        "eq",     "ne",     "lt",      "le",      "gt",           "ge",          "sign",
        "argmax", "argmin", "one_hot", "argsort", "topk_indices", "sort_indices"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(op, names[i]) == 0) return true;
    return false;
}

START_TEST(no_operation_is_left_out) {
    for (int i = 0; i < op_count(); i++) {
        int cases = 0;
        const cJSON *c;
        cJSON_ArrayForEach(c, oracle_cases(file)) cases += op_of(c) == i && differentiable(c);
        if (without_gradient(op_name(i)))
            ck_assert_int_eq(cases, 0);
        else
            ck_assert_msg(cases > 0, "gr_%s: no case by differences", op_name(i));
    }
}
END_TEST

/* -- Compositions: operands used twice, and operations within each other's vjp -- */

static gr_tensor *same_operand_twice(void *context, gr_tensor **x) {
    (void)context;
    gr_tensor *product = gr_mul(x[0], x[0]), *both = gr_concat(GR_LIST(x[0], product, x[0]), 0);
    return gr_mul(both, gr_concat(GR_LIST(product, x[0], x[0]), 0));
}

static gr_tensor *matrix_with_itself(void *context, gr_tensor **x) {
    (void)context;
    return gr_matmul(x[0], x[0], .transpose_b = true);
}

static gr_tensor *long_chain(void *context, gr_tensor **x) {
    (void)context;
    gr_tensor *h = x[0];
    for (int i = 0; i < 12; i++) h = gr_tanh(gr_add(h, gr_sin(h)));
    return h;
}

static gr_tensor *normalised_rows(void *context, gr_tensor **x) {
    (void)context;
    gr_axes last = GR_AXES(-1);
    gr_tensor *centred = gr_sub(x[0], gr_mean(x[0], .axes = last, .keepdim = true));
    gr_tensor *var = gr_var(x[0], .correction = 0, .axes = last, .keepdim = true);
    return gr_mul(x[1], gr_mul(centred, gr_rsqrt(gr_shift(var, 1e-5))));
}

static gr_tensor *attention(void *context, gr_tensor **x) {
    (void)context;
    gr_tensor *scores = gr_scale(gr_matmul(x[0], x[1], .transpose_b = true), 0.5);
    return gr_matmul(gr_softmax(scores, .axes = GR_AXES(-1)), x[1]);
}

static gr_tensor *cross_entropy(void *context, gr_tensor **x) {
    (void)context;
    gr_tensor *chosen = gr_from_index(x[0]->graph, GR_SHAPE(3, 1), (int32_t[]){3, 0, 2});
    return gr_neg(gr_mean(gr_gather(gr_log_softmax(x[0], .axes = GR_AXES(1)), 1, chosen)));
}

/* Whose second derivatives are the distances' third. */
static gr_tensor *distances_slope(void *context, gr_tensor **x) {
    (void)context;
    int no_grad = x[0]->graph->no_grad;
    x[0]->graph->no_grad = 0; /* values are computed without recording, but this is a gradient */
    gr_tensor *cubes = gr_power(gr_distances(x[0], x[1], .squared = true), 1.5);
    gr_tensor *y = gr_add(gr_sum(gr_distances(x[0], x[1])), gr_sum(cubes));
    gr_tensor *slope = gr_grad(y, x[0], .create_graph = true);
    x[0]->graph->no_grad = no_grad;
    return slope;
}

static const struct {
    const char *name;
    gradcheck_function *f;
    int n;
    gr_shape shapes[2];
} compositions[] = {
    {"same operand twice", same_operand_twice, 1, {{1, {3}}}},
    {"a matrix times itself", matrix_with_itself, 1, {{2, {3, 4}}}},
    {"a long chain", long_chain, 1, {{1, {4}}}},
    {"normalised rows", normalised_rows, 2, {{2, {3, 4}}, {1, {4}}}},
    {"attention", attention, 2, {{2, {3, 4}}, {2, {5, 4}}}},
    {"cross-entropy", cross_entropy, 1, {{2, {3, 4}}}},
    {"the slope of distances", distances_slope, 2, {{2, {3, 4}}, {2, {2, 4}}}},
};

START_TEST(compositions_by_differences) {
    gr_tensor *x[2];
    for (int k = 0; k < compositions[_i].n; k++)
        x[k] = gr_requires_grad(gr_normal(g, compositions[_i].shapes[k], 0, 1));
    gradcheck_report report;
    ck_assert_msg(gradcheck(compositions[_i].f, NULL, (gr_list){compositions[_i].n, x},
                            (gradcheck_options){0}, &report),
                  "%s: %s", compositions[_i].name, report.message);
}
END_TEST

/* -- The check itself -- */

static bool first_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}
static void cube_forward(const gr_node *n) {
    for (int64_t i = 0; i < n->out->size; i++) n->out->data[i] = pow(n->in[0]->data[i], 3);
}
static void cube_wrong_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_mul(grad, gr_scale(gr_square(n->in[0]), 2.999));
}
/* Right at first order only: what it does in the second is cut off. */
static void cube_shallow_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_mul(grad, gr_scale(gr_square(gr_detach(n->in[0])), 3));
}
static const gr_op cube_wrong = {.name = "cube",
                                 .operands = {"x"},
                                 .shape = first_shape,
                                 .forward = cube_forward,
                                 .vjp = cube_wrong_vjp};
static const gr_op cube_shallow = {.name = "cube",
                                   .operands = {"x"},
                                   .shape = first_shape,
                                   .forward = cube_forward,
                                   .vjp = cube_shallow_vjp};

static gr_tensor *apply_op(void *op, gr_tensor **x) { return gr_apply(op, GR_LIST(x[0]), NULL, 0); }
static gr_tensor *flat(void *context, gr_tensor **x) { return (void)context, gr_scale(x[0], 0); }
static gr_tensor *failing(void *context, gr_tensor **x) {
    (void)context;
    return gr_reshape(x[0], GR_SHAPE(99));
}

static void expect_refusal(gradcheck_function *f, const void *context, const char *reason) {
    gr_tensor *x = gr_requires_grad(gr_from(g, GR_SHAPE(2), (gr_real[]){0.5, 2}));
    gradcheck_report report;
    ck_assert(!gradcheck(f, (void *)context, GR_LIST(x), (gradcheck_options){0}, &report));
    ck_assert_msg(strstr(report.message, reason) != NULL, "%s", report.message);
}

START_TEST(wrong_derivatives_are_found) {
    expect_refusal(apply_op, &cube_wrong, "first order");
    expect_refusal(apply_op, &cube_shallow, "second order");
}
END_TEST

START_TEST(comparing_zeros_only_is_refused) {
    expect_refusal(flat, NULL, "first order: all derivatives were 0");
}
END_TEST

START_TEST(a_failing_function_is_refused) { expect_refusal(failing, NULL, "gr_reshape"); }
END_TEST

Suite *gradcheck_suite(void) {
    Suite *s = suite_create("gradcheck");
    TCase *ops = tcase_create("operations");
    tcase_set_timeout(ops, 60);
    tcase_add_unchecked_fixture(ops, read_cases, free_cases);
    tcase_add_checked_fixture(ops, setup, teardown);
    tcase_add_test(ops, every_operation_by_differences);
    tcase_add_test(ops, no_operation_is_left_out);
    suite_add_tcase(s, ops);
    TCase *t = tcase_create("compositions");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, compositions_by_differences, 0,
                        (int)(sizeof compositions / sizeof *compositions));
    tcase_add_test(t, wrong_derivatives_are_found);
    tcase_add_test(t, comparing_zeros_only_is_refused);
    tcase_add_test(t, a_failing_function_is_refused);
    suite_add_tcase(s, t);
    return s;
}

#else

Suite *gradcheck_suite(void) { return suite_create("gradcheck (in double only)"); }

#endif
