/* Looking inside: printing, the tape as a picture, anomalies. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/debug.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "tests/unit/suites.h"

static gr_graph *g;
static char *written;
static size_t length;

static void setup(void) { g = gr_graph_new(.threads = 1); }
static void teardown(void) {
    gr_graph_free(g);
    free(written);
    written = NULL;
}

static void expect_print(const gr_tensor *t, const char *expected) {
    free(written);
    written = NULL;
    FILE *file = open_memstream(&written, &length);
    ck_assert_ptr_nonnull(file);
    gr_print(t, file);
    fclose(file);
    ck_assert_str_eq(written, expected);
}

START_TEST(printing) {
    gr_real data[] = {1, -2.5, 3, 4, 5, 1e-7};
    gr_tensor *t = gr_from(g, GR_SHAPE(2, 3), data);
    expect_print(NULL, "NULL\n");
    expect_print(t, "tensor (2,3) =\n[[1, -2.5, 3],\n [4, 5, 1e-07]]\n");
    expect_print(gr_name(t, "data"), "data (2,3) =\n[[1, -2.5, 3],\n [4, 5, 1e-07]]\n");
    expect_print(gr_scalar(g, 2), "tensor () =\n2\n");
    expect_print(gr_from_index(g, GR_SHAPE(3), (int32_t[]){7, -1, 0}),
                 "tensor (3) =\n[7, -1, 0]\n");
    expect_print(gr_zeros(g, GR_SHAPE(0)), "tensor (0) =\n[]\n");
    expect_print(gr_zeros(g, GR_SHAPE(2, 0)), "tensor (2,0) =\n[[],\n []]\n");
    expect_print(gr_arange(g, 10), "tensor (10) =\n[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n");
    expect_print(gr_arange(g, 11), "tensor (11) =\n[0, 1, 2, ..., 8, 9, 10]\n");
    expect_print(gr_from(g, GR_SHAPE(3), (gr_real[]){-NAN, INFINITY, -INFINITY}),
                 "tensor (3) =\n[nan, inf, -inf]\n");
    expect_print(gr_square(gr_requires_grad(gr_full(g, GR_SHAPE(1, 1, 2), 3))),
                 "gr_square (1,1,2) =\n[[[9, 9]]]\n");
}
END_TEST

static const char *dot(void) {
    free(written);
    written = NULL;
    FILE *file = open_memstream(&written, &length);
    ck_assert(gr_write_dot(g, file));
    fclose(file);
    return written;
}

static int occurrences(const char *text, const char *part) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p++) n++;
    return n;
}

START_TEST(the_tape_as_a_picture) {
    ck_assert_int_eq(occurrences(dot(), "->"), 0);
    gr_tensor *w = gr_parameter(g, GR_SHAPE(2, 3), "a \"quoted\\\" name");
    gr_tensor *x = gr_full(g, GR_SHAPE(4, 3), 1);
    gr_tensor *y = gr_affine(x, w, NULL);
    gr_mean(gr_mul(y, gr_square(y)));
    const char *text = dot();
    ck_assert_int_eq(strncmp(text, "digraph", 7), 0);
    ck_assert_str_eq(text + strlen(text) - 2, "}\n");
    ck_assert_int_eq(occurrences(text, "  op"), gr_tape_length(g) + 4); /* and edges from ops */
    ck_assert_int_eq(occurrences(text, "->"), 2 + 1 + 2 + 1);
    ck_assert_int_eq(occurrences(text, "shape=box"), 2);
    ck_assert_ptr_nonnull(strstr(text, "label=\"a \\\"quoted\\\\\\\" name (2,3)\""));
    ck_assert_ptr_nonnull(strstr(text, "gr_affine\\n(4,2)"));
    ck_assert(!gr_write_dot(NULL, stdout));
}
END_TEST

START_TEST(a_failed_write_is_told) {
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) return; /* a system without it */
    setvbuf(full, NULL, _IONBF, 0);
    ck_assert(!gr_write_dot(g, full));
    fclose(full);
}
END_TEST

START_TEST(ranges) {
    gr_range r = gr_range_of(gr_from(g, GR_SHAPE(5), (gr_real[]){3, NAN, -1, INFINITY, -INFINITY}));
    ck_assert(r.min == -1 && r.max == 3 && r.nans == 1 && r.infinities == 2);
    r = gr_range_of(gr_from(g, GR_SHAPE(2), (gr_real[]){NAN, INFINITY}));
    ck_assert(isnan(r.min) && isnan(r.max) && r.nans == 1 && r.infinities == 1);
    r = gr_range_of(NULL);
    ck_assert(isnan(r.min) && r.nans == 0);
    r = gr_range_of(gr_from_index(g, GR_SHAPE(2), (int32_t[]){-4, 9}));
    ck_assert(r.min == -4 && r.max == 9);
}
END_TEST

static void expect_error(const char *expected) {
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(anomalies_in_values) {
    gr_tensor *x = gr_from(g, GR_SHAPE(1, 3), (gr_real[]){2, 0, -1});
    ck_assert_ptr_nonnull(gr_log(x)); /* not while the mode is off */
    gr_set_anomaly(g, true);
    ck_assert_ptr_null(gr_log(x));
    expect_error("gr_log: the result y (1,3) is -inf at (0,1); x (1,3) is in [-1, 2]");
    gr_name(x, "scores");
    ck_assert_ptr_null(gr_exp(gr_scale(x, 1e5)));
    expect_error("gr_exp: the result y (1,3) is inf at (0,0); x (1,3) is in [-1e+05, 2e+05]");
    gr_tensor *bad = gr_from(g, GR_SHAPE(2), (gr_real[]){NAN, 1});
    ck_assert_ptr_null(gr_add(bad, bad));
    ck_assert(strncmp(gr_error(g),
                      "gr_add: the result y (2) is nan at (0); a (2) is in [1, 1] with 1 "
                      "NaN and 0 infinite",
                      80) == 0);
    gr_clear_error(g);
    ck_assert_ptr_nonnull(gr_exp(x));
    gr_set_anomaly(g, false);
    ck_assert_ptr_nonnull(gr_log(x));
    gr_set_anomaly(NULL, true);
}
END_TEST

START_TEST(anomalies_in_gradients) {
    gr_graph_free(g);
    g = gr_graph_new(.anomaly = true);
    gr_tensor *x = gr_requires_grad(gr_from(g, GR_SHAPE(2), (gr_real[]){4, 0}));
    gr_tensor *loss = gr_sum(gr_power(x, 0.5)); /* finite, with an infinite slope at 0 */
    ck_assert(loss != NULL && !gr_backward(loss));
    ck_assert_msg(strncmp(gr_error(g),
                          "gr_power, in the gradient of gr_power: the result y (2) is inf "
                          "at (1); x (2) is in [0, 4]",
                          86) == 0,
                  "%s", gr_error(g));
}
END_TEST

START_TEST(anomalies_in_sums) {
    gr_graph_free(g);
    g = gr_graph_new(.anomaly = true);
    gr_tensor *x = gr_name(gr_requires_grad(gr_zeros(g, GR_SHAPE(2))), "w");
    double large = sizeof(gr_real) == sizeof(float) ? 3e38 : 1.5e308;
    ck_assert(gr_backward(gr_sum(gr_scale(x, large))));
    ck_assert(!gr_backward(gr_sum(gr_scale(x, large))));
    ck_assert_str_eq(gr_error(g),
                     "gr_backward, in the gradient of gr_scale: the sum for w (2) is inf at (0)");
}
END_TEST

Suite *debug_suite(void) {
    Suite *s = suite_create("debug");
    TCase *t = tcase_create("debug");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, printing);
    tcase_add_test(t, the_tape_as_a_picture);
    tcase_add_test(t, a_failed_write_is_told);
    tcase_add_test(t, ranges);
    tcase_add_test(t, anomalies_in_values);
    tcase_add_test(t, anomalies_in_gradients);
    tcase_add_test(t, anomalies_in_sums);
    suite_add_tcase(s, t);
    return s;
}
