/* The embedding: PyTorch's numbers, repeated indices, padding, messages. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "optim/optimizer.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 5); }
static void teardown(void) { gr_graph_free(g); }

#define INDEX(...)                                                                                 \
    gr_from_index(g, GR_SHAPE((int)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t))),          \
                  (int32_t[]){__VA_ARGS__})

/* Without the parameter the default of the macro is tested. */
static gr_module *embedding_of(const cJSON *c) {
    const cJSON *weight = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "in"), 1);
    const cJSON *shape = cJSON_GetObjectItem(weight, "shape");
    int n = cJSON_GetArrayItem(shape, 0)->valueint, dim = cJSON_GetArrayItem(shape, 1)->valueint;
    int padding = oracle_int(c, "padding_idx", -1);
    return padding < 0 ? gr_embedding(g, n, dim) : gr_embedding(g, n, dim, .padding_idx = padding);
}

START_TEST(is_pytorchs) {
    cJSON *file = oracle_read("tests/oracle/layers.json.gz");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (strcmp(cJSON_GetObjectItem(c, "op")->valuestring, "embedding") != 0) continue;
        modules_check(c, embedding_of(c), &stats);
        gr_graph_reset(g);
    }
    oracle_report("embedding", &stats);
    ck_assert_int_eq(stats.second, 7);
    cJSON_Delete(file);
}
END_TEST

START_TEST(begins_normal_with_a_row_of_zeros) {
    gr_module *m = gr_embedding(g, 500, 40, .padding_idx = 3);
    const gr_tensor *w = gr_parameter_named(m, "weight");
    ck_assert(gr_shape_equal(w->shape, GR_SHAPE(500, 40)));
    double sum = 0, squares = 0;
    for (int i = 0; i < w->size; i++) {
        ck_assert_int_eq(gr_at(w, i) == 0, i / 40 == 3);
        sum += gr_at(w, i), squares += gr_at(w, i) * gr_at(w, i);
    }
    ck_assert_double_le(fabs(sum / (499 * 40)), 5 / sqrt(499 * 40));
    ck_assert_double_le(fabs(squares / (499 * 40) - 1), 5 * sqrt(2.0 / (499 * 40)));
    ck_assert_double_ne(gr_at(gr_parameters(gr_embedding(g, 3, 1)).items[0], 2), 0);
}
END_TEST

START_TEST(shapes) {
    gr_module *m = gr_embedding(g, 3, 2, .padding_idx = 1);
    const gr_shape shapes[] = {GR_SCALAR, GR_SHAPE(0), GR_SHAPE(2, 0, 3), GR_SHAPE(1, 1, 2, 1, 3)};
    const int32_t zeros[6] = {0};
    for (int i = 0; i < 4; i++) {
        gr_tensor *y = gr_forward(m, gr_from_index(g, shapes[i], zeros));
        ck_assert_msg(y != NULL, "%s", gr_error(g));
        gr_shape expected = shapes[i];
        expected.dim[expected.ndim++] = 2;
        ck_assert(gr_shape_equal(y->shape, expected));
        ck_assert(gr_backward(gr_sum(y)));
    }
    const gr_tensor *grad = gr_parameter_named(m, "weight")->grad;
    const double expected[6] = {7, 7, 0, 0, 0, 0};
    for (int i = 0; i < 6; i++) ck_assert_double_eq(gr_at(grad, i), expected[i]);
}
END_TEST

/* A row of the padding passes on what the table holds, and is never trained. */
START_TEST(padding_is_not_trained) {
    gr_module *m = gr_embedding(g, 4, 2, .padding_idx = 2);
    gr_tensor *w = gr_parameter_named(m, "weight");
    w->data[4] = 5;
    gr_tensor *y = gr_forward(m, INDEX(2, 1));
    ck_assert_double_eq(gr_at(y, 0), 5);
    double other = gr_at(w, 2);
    ck_assert(gr_backward(gr_sum(y)));
    ck_assert(gr_step(gr_sgd(m, .lr = 1)));
    ck_assert_double_eq(gr_at(w, 4), 5);
    ck_assert_double_eq(gr_at(w, 5), 0);
    ck_assert_double_eq_tol(gr_at(w, 2), other - 1, 1e-6);
}
END_TEST

/* Large against small: another order of the sum would give other bits. */
START_TEST(repeated_indices_add_up_in_order) {
    enum { N = 5000, DIM = 3 };
    int32_t index[N];
    for (int i = 0; i < N; i++) index[i] = i * 7 % 3;
    for (int threads = 1; threads <= 3; threads++) {
        gr_graph *graph = gr_graph_new(.seed = 9, .threads = threads);
        gr_module *m = gr_embedding(graph, 3, DIM);
        gr_tensor *y = gr_forward(m, gr_from_index(graph, GR_SHAPE(N), index));
        gr_tensor *v = gr_exp(gr_normal(graph, y->shape, 0, 8));
        gr_tensor *grad = gr_grad(y, gr_parameters(m).items[0], .grad_output = v);
        gr_real sum[3 * DIM] = {0};
        for (int i = 0; i < N; i++)
            for (int k = 0; k < DIM; k++) sum[index[i] * DIM + k] += v->data[i * DIM + k];
        ck_assert_int_eq(memcmp(sum, grad->data, sizeof sum), 0);
        gr_graph_free(graph);
    }
}
END_TEST

#ifdef GR_DOUBLE
static gr_tensor *through_a_network(void *context, gr_tensor **x) {
    gr_module *m = context;
    (void)x; /* the module's own weight */
    return gr_tanh(gr_mul(gr_forward(m, INDEX(3, 0, 3, 1)), gr_forward(m, INDEX(3, 3, 2, 1))));
}

START_TEST(by_differences) {
    gr_module *m = gr_embedding(g, 4, 3);
    gradcheck_report report;
    ck_assert_msg(
        gradcheck(through_a_network, m, gr_parameters(m), (gradcheck_options){0}, &report), "%s",
        report.message);
}
END_TEST
#endif

START_TEST(a_step_asks_for_no_memory) {
    gr_module *net = gr_sequential(g, gr_embedding(g, 50, 8, .padding_idx = 0), gr_linear(g, 8, 1));
    uint64_t requests = 0;
    for (int step = 0; step < 6; step++) {
        ck_assert(gr_backward(gr_sum(gr_forward(net, INDEX(0, 3, 49, 3)))));
        gr_graph_reset(g);
        if (step == 2) requests = gr_memory_use(g).system_requests;
    }
    ck_assert_uint_eq(gr_memory_use(g).system_requests, requests);
}
END_TEST

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(refuse) {
    gr_module *m = gr_embedding(g, 5, 2);
    const int32_t outside[2][6] = {{0, 1, 2, 3, 5, 9}, {0, 0, 0, 0, 0, -1}};
    expect(gr_forward(m, gr_name(gr_from_index(g, GR_SHAPE(2, 3), outside[0]), "words")),
           "gr_embedding: words (2,3) has 5 at (1,1), expected 0 to 4");
    expect(gr_forward(m, gr_from_index(g, GR_SHAPE(2, 3), outside[1])),
           "gr_embedding: x (2,3) has -1 at (1,2), expected 0 to 4");
    expect(gr_forward(m, gr_zeros(g, GR_SHAPE(3))),
           "gr_embedding: x (3) holds real numbers, expected integers");
    expect(gr_forward(m, gr_from_index(g, GR_SHAPE(1, 1, 1, 1, 1, 1), outside[0])),
           "gr_embedding: x (1,1,1,1,1,1), expected at most 5 dimensions and 2147483647 indices");
    expect(gr_forward(m, NULL), "gr_forward: the embedding was given NULL");
    expect(gr_embedding(g, 0, 2), "gr_embedding: 0 rows of 2 numbers, expected at least 1");
    expect(gr_embedding(g, 3, -2), "gr_embedding: 3 rows of -2 numbers, expected at least 1");
    expect(gr_embedding(g, 3, 2, .padding_idx = 3),
           "gr_embedding: padding_idx is 3, expected 0 to 2, or -1 for none");
    expect(gr_embedding(g, 3, 2, .padding_idx = -2),
           "gr_embedding: padding_idx is -2, expected 0 to 2, or -1 for none");
    expect(gr_embedding(g, 2000000, 2000000),
           "gr_parameter: no tensor has the shape (2000000,2000000)");
    ck_assert_ptr_null(gr_embedding(NULL, 3, 2));
    ck_assert(!gr_failed(g));
}
END_TEST

Suite *embedding_suite(void) {
    Suite *s = suite_create("embedding");
    TCase *t = tcase_create("embedding");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, is_pytorchs);
    tcase_add_test(t, begins_normal_with_a_row_of_zeros);
    tcase_add_test(t, shapes);
    tcase_add_test(t, padding_is_not_trained);
    tcase_add_test(t, repeated_indices_add_up_in_order);
#ifdef GR_DOUBLE
    tcase_add_test(t, by_differences);
#endif
    tcase_add_test(t, a_step_asks_for_no_memory);
    tcase_add_test(t, refuse);
    suite_add_tcase(s, t);
    return s;
}
