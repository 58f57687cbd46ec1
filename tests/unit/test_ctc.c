/* CTC beyond its oracle: against all alignments one by one, a recursion, and PyTorch
 * through log_softmax; derivatives up to the third; what is impossible; threads; messages. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/ctc.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/oracle.h"
#include "tests/unit/suites.h"

#define TOLERANCE (sizeof(gr_real) == sizeof(float) ? 2e-5 : 1e-9)

enum { MOST_LABELS = 32 };

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 3, .threads = 1); }
static void teardown(void) { gr_graph_free(g); }

static void near_to(double x, double expected, const char *what) {
    if (x == expected) return;
    double error = fabs(x - expected) / fmax(1, fabs(expected));
    ck_assert_msg(error <= TOLERANCE, "%s is %.12g, expected %.12g", what, x, expected);
}

static double normal(void) {
    return sqrt(-2 * log(1 - gr_random_uniform(g))) * cos(6.283185307179586 * gr_random_uniform(g));
}

/* A leaf (T,N,C) of normal numbers times scale, some of them -inf. */
static gr_tensor *draw(int t, int n, int c, double scale, double impossible) {
    gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(t, n, c)));
    for (int64_t i = 0; i < x->size; i++) {
        x->data[i] = (gr_real)(scale * normal());
        if (gr_random_uniform(g) < impossible) x->data[i] = -INFINITY;
    }
    return x;
}

static gr_tensor *integers(int n, const int32_t *x) { return gr_from_index(g, GR_SHAPE(n), x); }

static gr_tensor *loss_of_one(gr_tensor *x, int n, const int32_t *labels) {
    int32_t time = x->shape.dim[0], length = n;
    return gr_ctc(x, integers(n, labels), integers(1, &time), integers(1, &length));
}

static void draw_labels(int n, int classes, int32_t *labels) {
    for (int i = 0; i < n; i++) labels[i] = 1 + (int32_t)gr_random_below(g, (uint32_t)classes - 1);
}

/* -- References -- */

static bool spells(const int *path, int time, int n, const int32_t *labels) {
    int found = 0;
    for (int t = 0; t < time; t++) {
        if (path[t] == 0 || (t > 0 && path[t] == path[t - 1])) continue;
        if (found == n || labels[found++] != path[t]) return false;
    }
    return found == n;
}

/* The probability of the labels, and added to `passing` (T,C) that of the alignments through each
 * symbol. */
static double enumerate(const gr_tensor *x, int n, const int32_t *labels, double *passing) {
    int time = x->shape.dim[0], classes = x->shape.dim[2], path[8] = {0}, t;
    double total = 0;
    do {
        if (spells(path, time, n, labels)) {
            double log_p = 0;
            for (t = 0; t < time; t++) log_p += gr_at(x, t * classes + path[t]);
            for (t = 0; t < time; t++) passing[t * classes + path[t]] += exp(log_p);
            total += exp(log_p);
        }
        for (t = 0; t < time && ++path[t] == classes; t++) path[t] = 0;
    } while (t < time);
    return total;
}

static double log_add(double a, double b) {
    double m = a > b ? a : b;
    return m == -INFINITY ? m : m + log(exp(a - m) + exp(b - m));
}

/* Graves et al. 2006, equations 6 and 7, state by state. */
static double recursion(const gr_tensor *x, int n, const int32_t *labels) {
    int time = x->shape.dim[0], classes = x->shape.dim[2], states = 2 * n + 1;
    double alpha[2 * MOST_LABELS + 1], next[2 * MOST_LABELS + 1];
    for (int s = 0; s < states; s++) alpha[s] = s == 0 ? 0 : -INFINITY;
    for (int t = 0; t < time; t++) {
        for (int s = 0; s < states; s++) {
            bool skips = s % 2 == 1 && s > 1 && labels[s / 2] != labels[s / 2 - 1];
            next[s] = s > 0 ? log_add(alpha[s], alpha[s - 1]) : alpha[s];
            if (skips) next[s] = log_add(next[s], alpha[s - 2]);
            next[s] += gr_at(x, t * classes + (s % 2 == 1 ? labels[s / 2] : 0));
        }
        memcpy(alpha, next, sizeof alpha);
    }
    return -(n > 0 ? log_add(alpha[2 * n], alpha[2 * n - 1]) : alpha[0]);
}

/* -- Tests -- */

START_TEST(all_alignments) {
    for (int round = 0; round < 60; round++) {
        gr_graph_reset(g);
        int time = 1 + (int)gr_random_below(g, 5), classes = 2 + (int)gr_random_below(g, 3);
        int n = (int)gr_random_below(g, (uint32_t)time + 1);
        int32_t labels[8];
        double passing[5 * 4] = {0};
        draw_labels(n, classes, labels);
        gr_tensor *x = draw(time, 1, classes, 1.5, round % 3 == 0 ? 0.15 : 0);
        double p = enumerate(x, n, labels, passing), mean = n > 0 ? n : 1;
        gr_tensor *loss = loss_of_one(x, n, labels);
        near_to(gr_item(loss), -log(p) / mean, "loss");
        ck_assert(gr_backward(loss));
        for (int i = 0; i < time * classes; i++)
            near_to(gr_at(x->grad, i), p > 0 ? -passing[i] / p / mean : 0, "gradient");
    }
}
END_TEST

/* Posteriors at each time add up to 1. Large scales need the recursion with logarithms. */
START_TEST(long_sequences) {
    static const double scales[] = {0, 1, 10, 30, 100, 1e3, 1e4};
    for (int round = 0; round < 70; round++) {
        gr_graph_reset(g);
        int time = 20 + (int)gr_random_below(g, 200), n = (int)gr_random_below(g, 17);
        int32_t labels[MOST_LABELS], length = time;
        draw_labels(n, 6, labels);
        double scale = scales[round % 7];
        gr_tensor *x = draw(time, 1, 6, scale, round % 2 == 0 ? 0 : 0.1);
        gr_tensor *loss = gr_ctc(x, integers(n, labels), integers(1, &length),
                                 integers(1, (int32_t[]){n}), .reduction = GR_SUM);
        double expected = recursion(x, n, labels);
        near_to(gr_item(loss), expected, "loss");
        if (isinf(expected)) continue;
        ck_assert(gr_backward(loss));
        for (int t = 0; t < time; t++) {
            double total = 0;
            for (int k = 0; k < 6; k++) total += gr_at(x->grad, 6 * t + k);
            near_to(total, -1, "sum of posteriors");
        }
    }
}
END_TEST

START_TEST(through_log_softmax_as_pytorch) {
    cJSON *file = oracle_read("tests/oracle/ctc_log_softmax.json.gz");
    const cJSON *c;
    int cases = 0;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        const cJSON *in = cJSON_GetObjectItem(c, "in"), *grad = cJSON_GetObjectItem(c, "grad");
        gr_tensor *t[4];
        for (int i = 0; i < 4; i++) t[i] = oracle_tensor(g, cJSON_GetArrayItem(in, i));
        gr_requires_grad(t[0]);
        gr_tensor *loss =
            gr_ctc(gr_log_softmax(t[0], .axes = GR_AXES(2)), t[1], t[2], t[3], .reduction = GR_SUM);
        near_to(gr_item(loss),
                oracle_number(cJSON_GetArrayItem(cJSON_GetObjectItem(c, "value"), 0)), "loss");
        ck_assert(gr_backward(loss));
        const cJSON *expected;
        int64_t i = 0;
        cJSON_ArrayForEach(expected, grad)
            near_to(gr_at(t[0]->grad, i++), oracle_number(expected), "gradient");
        ck_assert_int_eq(i, t[0]->size);
        cases++;
    }
    ck_assert_int_gt(cases, 0);
    cJSON_Delete(file);
}
END_TEST

typedef struct batch {
    gr_tensor *targets, *input_lengths, *target_lengths;
} batch;

static gr_tensor *elements(void *context, gr_tensor **x) {
    batch *b = context;
    return gr_ctc(x[0], b->targets, b->input_lengths, b->target_lengths, .reduction = GR_NONE,
                  .zero_infinity = true);
}

static gr_tensor *gradient(void *context, gr_tensor **x) {
    return gr_grad(elements(context, x), x[0], .grad_output = x[1], .create_graph = true);
}

/* Samples: ordinary, equal neighbours, an empty target, impossible, and no input. */
static batch mixed_batch(void) {
    return (batch){integers(7, (int32_t[]){1, 2, 1, 1, 1, 1, 2}),
                   integers(5, (int32_t[]){4, 5, 3, 2, 0}),
                   integers(5, (int32_t[]){2, 2, 0, 3, 0})};
}

START_TEST(derivatives_by_differences) {
    batch b = mixed_batch();
    gr_tensor *x = draw(5, 5, 3, 1, 0);
    gradcheck_report report;
    ck_assert_msg(gradcheck(elements, &b, GR_LIST(x), (gradcheck_options){0}, &report), "%s",
                  report.message);
}
END_TEST

/* The sum of weights times the derivative of the squared gradient. */
static gr_tensor *of_second_order(batch *b, gr_tensor *x, gr_tensor *v) {
    gr_tensor *squares = gr_sum(gr_square(gradient(b, (gr_tensor *[]){x, v})));
    gr_tensor *second = gr_grad(squares, x, .create_graph = true);
    gr_tensor *weights = gr_reshape(gr_arange(g, (int)x->size), x->shape);
    return gr_sum(gr_mul(second, gr_shift(gr_scale(weights, 0.1), 1)));
}

/* The derivative to the gradient from above alone, log_probs being a constant of that pass. */
START_TEST(linear_in_the_gradient) {
    batch b = mixed_batch();
    gr_tensor *x = draw(5, 5, 3, 1, 0), *v = gr_requires_grad(gr_full(g, GR_SHAPE(5), 2));
    gr_tensor *first = gradient(&b, (gr_tensor *[]){x, v}), *both[2];
    gr_tensor *squares = gr_sum(gr_square(first));
    gr_tensor *alone = gr_grad(squares, v);
    ck_assert_msg(alone != NULL, "%s", gr_error(g));
    ck_assert(gr_grads(GR_LIST(squares), GR_LIST(x, v), both));
    for (int i = 0; i < 5; i++) near_to(gr_at(alone, i), gr_at(both[1], i), "alone");
    ck_assert_double_gt(fabs(gr_at(alone, 0)), 0.1);
}
END_TEST

START_TEST(third_order_by_differences) {
    batch b = mixed_batch();
    gr_tensor *x = draw(5, 5, 3, 1, 0), *v = gr_requires_grad(gr_zeros(g, GR_SHAPE(5)));
    for (int i = 0; i < 5; i++) v->data[i] = (gr_real)(1 + 0.5 * i);
    gr_tensor *third[2], *operands[] = {x, v};
    ck_assert(gr_grads(GR_LIST(of_second_order(&b, x, v)), GR_LIST(x, v), third));
    int not_zero = 0;
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < operands[k]->size; i++) {
            gr_real *at = &operands[k]->data[i], kept = *at, step = (gr_real)1e-4;
            *at = kept + step;
            double above = gr_item(of_second_order(&b, x, v));
            *at = kept - step;
            double below = gr_item(of_second_order(&b, x, v));
            *at = kept;
            double expected = (above - below) / (2 * (double)step);
            ck_assert_double_le(fabs(gr_at(third[k], i) - expected), 1e-6);
            not_zero += fabs(expected) > 1e-3;
        }
    ck_assert_int_gt(not_zero, 20);
}
END_TEST

/* With -inf among log_probs, no derivative up to the second is NaN; and where samples have ended,
 * or can't be, it is 0. */
START_TEST(no_nan) {
    batch b = mixed_batch();
    gr_tensor *x = draw(5, 5, 3, 1, 0.1), *v = gr_requires_grad(gr_full(g, GR_SHAPE(5), 1));
    for (int t = 1; t < 5; t++) x->data[(t * 5 + 0) * 3] = 0;
    x->data[3] = -INFINITY;
    gr_tensor *first = gradient(&b, (gr_tensor *[]){x, v}), *second[2];
    ck_assert(gr_grads(GR_LIST(gr_sum(gr_square(first))), GR_LIST(x, v), second));
    for (int i = 0; i < x->size; i++) {
        ck_assert(isfinite(gr_at(first, i)) && isfinite(gr_at(second[0], i)));
        int t = i / 15, sample = i / 3 % 5;
        static const int ends[] = {4, 5, 3, 0, 0};
        if (t >= ends[sample]) ck_assert(gr_at(first, i) == 0 && gr_at(second[0], i) == 0);
    }
    for (int i = 0; i < 5; i++) ck_assert(isfinite(gr_at(second[1], i)));
}
END_TEST

START_TEST(impossible_samples) {
    batch b = mixed_batch();
    gr_tensor *x = draw(5, 5, 3, 1, 0);
    gr_tensor *y = gr_ctc(x, b.targets, b.input_lengths, b.target_lengths, .reduction = GR_NONE);
    ck_assert(isfinite(gr_at(y, 0)) && gr_at(y, 3) == INFINITY && gr_at(y, 4) == 0);
    y = gr_ctc(x, b.targets, b.input_lengths, b.target_lengths);
    ck_assert(gr_item(y) == INFINITY && gr_backward(y));
    for (int i = 0; i < x->size; i++) ck_assert(isfinite(gr_at(x->grad, i)));
    gr_clear_grad(x);
    y = gr_ctc(x, b.targets, b.input_lengths, b.target_lengths, .zero_infinity = true);
    ck_assert(isfinite(gr_item(y)) && gr_backward(y));
}
END_TEST

/* In anomaly mode, what is impossible and was asked to be 0 is no error. */
START_TEST(anomaly_mode) {
    gr_graph_free(g);
    g = gr_graph_new(.seed = 3, .anomaly = true);
    batch b = mixed_batch();
    gr_tensor *x = draw(5, 5, 3, 1, 0), *v = gr_full(g, GR_SHAPE(5), 1);
    gr_tensor *second = gr_grad(gr_sum(gr_square(gradient(&b, (gr_tensor *[]){x, v}))), x);
    ck_assert_msg(second != NULL, "%s", gr_error(g));
}
END_TEST

START_TEST(no_memory) {
    gr_graph_free(g);
    g = gr_graph_new(.seed = 3, .memory_limit = 3 << 20);
    gr_tensor *x = draw(1000, 1, 5, 1, 0);
    int32_t labels[300];
    draw_labels(300, 5, labels);
    ck_assert_ptr_null(loss_of_one(x, 300, labels));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "gr_ctc: no memory"));
}
END_TEST

START_TEST(one_sample_without_batch) {
    gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(4, 3)));
    gr_tensor *time = gr_from_index(g, GR_SCALAR, (int32_t[]){4});
    gr_tensor *length = gr_from_index(g, GR_SCALAR, (int32_t[]){2});
    gr_tensor *y = gr_ctc(x, integers(2, (int32_t[]){1, 2}), time, length, .reduction = GR_NONE);
    ck_assert_int_eq(y->shape.ndim, 0);
    near_to(gr_item(y), -log(15), "loss"); /* alignments: 4 of 4 + 2 places */
    ck_assert(gr_backward(y));
    ck_assert(gr_shape_equal(x->grad->shape, x->shape));
}
END_TEST

/* Loss and gradient of one random batch, in a graph with the options. */
static double *with_options(gr_graph_options options, int64_t *n) {
    gr_graph *outer = g;
    g = gr_graph_new_(options);
    gr_tensor *x = draw(50, 9, 12, 3, 0), *labels;
    int32_t targets[9 * 8], times[9], lengths[9];
    draw_labels(9 * 8, 12, targets);
    for (int i = 0; i < 9; i++) times[i] = 50 - i, lengths[i] = 8 - i % 5;
    labels = gr_from_index(g, GR_SHAPE(9, 8), targets);
    gr_tensor *y = gr_ctc(x, labels, integers(9, times), integers(9, lengths), .blank = 0);
    ck_assert_msg(gr_backward(y), "%s", gr_error(g));
    *n = x->size + 1;
    double *out = calloc((size_t)*n, sizeof *out);
    out[0] = gr_item(y);
    for (int64_t i = 1; i < *n; i++) out[i] = gr_at(x->grad, i - 1);
    gr_graph_free(g);
    g = outer;
    return out;
}

START_TEST(threads_and_instruction_sets) {
    static const char *const sets[] = {"base", "avx2", "avx512"};
    gr_graph_options one = {.seed = 5, .threads = 1, .real_size = sizeof(gr_real)};
    int64_t n;
    double *expected = with_options(one, &n);
    for (int threads = 2; threads <= 5; threads++) {
        gr_graph_options o = one;
        o.threads = threads;
        double *y = with_options(o, &n);
        ck_assert(memcmp(y, expected, (size_t)n * sizeof *y) == 0);
        free(y);
    }
    for (int i = 0; i < 3; i++) {
        gr_graph_options o = one;
        o.isa = sets[i];
        gr_graph *probe = gr_graph_new_(o);
        bool usable = !gr_failed(probe);
        gr_graph_free(probe);
        if (!usable) continue;
        double *y = with_options(o, &n);
        for (int64_t k = 0; k < n; k++) near_to(y[k], expected[k], sets[i]);
        free(y);
    }
    free(expected);
}
END_TEST

static void refused(gr_tensor *y, const char *message) {
    ck_assert_ptr_null(y);
    ck_assert_str_eq(gr_error(g), message);
    gr_clear_error(g);
}

START_TEST(messages) {
    gr_tensor *x = draw(5, 2, 4, 1, 0), *five = integers(2, (int32_t[]){5, 5});
    gr_tensor *two = integers(2, (int32_t[]){2, 2}), *flat = integers(4, (int32_t[]){1, 2, 3, 1});
    gr_tensor *rows = gr_from_index(g, GR_SHAPE(2, 2), (int32_t[]){1, 2, 3, 7});
    ck_assert_ptr_nonnull(gr_ctc(x, flat, five, two));
    refused(gr_ctc(x, rows, five, two),
            "gr_ctc: targets (2,2) has 7 at (1,1), expected 0 to 3, but "
            "not the blank 0");
    refused(gr_ctc(x, flat, five, two, .blank = 3),
            "gr_ctc: targets (4) has 3 at (2), expected 0 to "
            "3, but not the blank 3");
    refused(gr_ctc(x, flat, five, two, .blank = 4),
            "gr_ctc: blank is 4, expected 0 to 3 for log_probs (5,2,4)");
    refused(gr_ctc(x, flat, integers(2, (int32_t[]){5, 6}), two),
            "gr_ctc: input_lengths (2) has 6 at (1), expected 0 to 5, the length of log_probs");
    refused(gr_ctc(x, rows, five, integers(2, (int32_t[]){3, 2})),
            "gr_ctc: target_lengths (2) has 3 at (0), expected 0 to 2, the length of the targets");
    refused(gr_ctc(x, flat, five, integers(2, (int32_t[]){2, 1})),
            "gr_ctc: targets (4) and target_lengths (2): the lengths add up to 3");
    refused(gr_ctc(x, flat, integers(1, (int32_t[]){5}), two),
            "gr_ctc: input_lengths (1) and log_probs (5,2,4): expected a length for each of the 2 "
            "samples");
    refused(gr_ctc(gr_zeros(g, GR_SHAPE(0, 2, 4)), flat, five, two),
            "gr_ctc: log_probs (0,2,4) is empty");
    refused(gr_ctc(gr_zeros(g, GR_SHAPE(4)), flat, five, two),
            "gr_ctc: log_probs (4), expected (T,N,C), or (T,C) for one sample");
    refused(gr_ctc(x, x, five, two),
            "gr_ctc: targets (5,2,4) holds real numbers, expected integers");
    refused(gr_ctc(x, NULL, five, two), "gr_ctc: targets is NULL");
    refused(gr_ctc(x, flat, five, two, .reduction = GR_BATCHMEAN),
            "gr_ctc: no such reduction, expected GR_MEAN, GR_SUM or GR_NONE");
}
END_TEST

Suite *ctc_suite(void) {
    Suite *s = suite_create("ctc");
    TCase *t = tcase_create("ctc");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, all_alignments);
    tcase_add_test(t, long_sequences);
    tcase_add_test(t, through_log_softmax_as_pytorch);
    if (sizeof(gr_real) == sizeof(double)) {
        tcase_add_test(t, derivatives_by_differences);
        tcase_add_test(t, third_order_by_differences);
    }
    tcase_add_test(t, linear_in_the_gradient);
    tcase_add_test(t, no_nan);
    tcase_add_test(t, impossible_samples);
    tcase_add_test(t, anomaly_mode);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, one_sample_without_batch);
    tcase_add_test(t, threads_and_instruction_sets);
    tcase_add_test(t, messages);
    suite_add_tcase(s, t);
    return s;
}
