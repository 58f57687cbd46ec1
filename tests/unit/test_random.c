/* Random numbers: the generator against its authors' vectors, distributions, independence of
 * threads. */
#include <math.h>
#include <string.h>

#include "core/graph/random.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 1234); }
static void teardown(void) { gr_graph_free(g); }

/* kat_vectors of Random123, the authors' implementation, for philox4x32 of 10 rounds */
static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(philox_gives_its_authors_numbers) {
    uint32_t out[4];
    gr_philox(known[_i].counter, known[_i].key, out);
    ck_assert_mem_eq(out, known[_i].out, sizeof out);
}
END_TEST

typedef struct moments {
    double mean, deviation, skewness, kurtosis, lag, low, high;
} moments;

static moments moments_of(const gr_tensor *t) {
    moments m = {.low = INFINITY, .high = -INFINITY};
    double n = (double)t->size, second = 0, third = 0, fourth = 0, lag = 0;
    for (int64_t i = 0; i < t->size; i++) m.mean += gr_at(t, i) / n;
    for (int64_t i = 0; i < t->size; i++) {
        double x = gr_at(t, i), d = x - m.mean;
        second += d * d / n;
        third += d * d * d / n;
        fourth += d * d * d * d / n;
        if (i > 0) lag += d * (gr_at(t, i - 1) - m.mean) / n;
        m.low = fmin(m.low, x);
        m.high = fmax(m.high, x);
    }
    m.deviation = sqrt(second);
    m.skewness = third / pow(second, 1.5);
    m.kurtosis = fourth / (second * second);
    m.lag = lag / second;
    return m;
}

enum { MANY = 1000000 }; /* standard errors below are of about 1 / sqrt(MANY) = 0.001 */

START_TEST(uniform_numbers) {
    moments m = moments_of(gr_uniform(g, GR_SHAPE(MANY), -2, 4));
    ck_assert_double_eq_tol(m.mean, 1, 5 * 0.00173);
    ck_assert_double_eq_tol(m.deviation, sqrt(3), 0.005);
    ck_assert_double_eq_tol(m.skewness, 0, 0.01);
    ck_assert_double_eq_tol(m.kurtosis, 1.8, 0.01);
    ck_assert_double_eq_tol(m.lag, 0, 0.005);
    ck_assert(m.low >= -2 && m.low < -1.9999 && m.high < 4 && m.high > 3.9999);
}
END_TEST

START_TEST(normal_numbers) {
    moments m = moments_of(gr_normal(g, GR_SHAPE(MANY), 3, 2));
    ck_assert_double_eq_tol(m.mean, 3, 0.01);
    ck_assert_double_eq_tol(m.deviation, 2, 0.01);
    ck_assert_double_eq_tol(m.skewness, 0, 0.0125);
    ck_assert_double_eq_tol(m.kurtosis, 3, 0.025);
    ck_assert_double_eq_tol(m.lag, 0, 0.005);
    ck_assert(isfinite(m.low) && isfinite(m.high) && m.high > 3 + 2 * 4);
}
END_TEST

START_TEST(bernoulli_numbers) {
    moments m = moments_of(gr_bernoulli(g, GR_SHAPE(MANY), 0.3));
    ck_assert_double_eq_tol(m.mean, 0.3, 0.0025);
    ck_assert(m.low == 0 && m.high == 1);
    ck_assert_double_eq(moments_of(gr_bernoulli(g, GR_SHAPE(1000), 0)).high, 0);
    ck_assert_double_eq(moments_of(gr_bernoulli(g, GR_SHAPE(1000), 1)).low, 1);
    gr_tensor *t = gr_bernoulli(g, GR_SHAPE(1000), 0.5);
    for (int i = 0; i < 1000; i++) ck_assert(t->data[i] == 0 || t->data[i] == 1);
}
END_TEST

/* The upper end is not in the interval even where the next smaller number is far. */
START_TEST(uniform_numbers_stay_below_the_end) {
    gr_real low = 1, high = (gr_real)1.0000005; /* four floats away */
    gr_tensor *t = gr_uniform(g, GR_SHAPE(100000), low, high);
    for (int64_t i = 0; i < t->size; i++) ck_assert(t->data[i] >= low && t->data[i] < high);
    t = gr_uniform(g, GR_SHAPE(1000), 5, 5);
    for (int64_t i = 0; i < t->size; i++) ck_assert(t->data[i] == 5);
}
END_TEST

START_TEST(permutations) {
    int first[5] = {0}, seen[1000] = {0};
    gr_tensor *p = gr_permutation(g, 1000);
    ck_assert(p->kind == GR_INDEX && gr_shape_equal(p->shape, GR_SHAPE(1000)));
    int fixed = 0;
    for (int i = 0; i < 1000; i++) {
        ck_assert(p->index[i] >= 0 && p->index[i] < 1000);
        seen[p->index[i]]++;
        fixed += p->index[i] == i;
    }
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(seen[i], 1);
    ck_assert_int_lt(fixed, 10); /* one is expected */
    for (int k = 0; k < 20000; k++) first[gr_permutation(g, 5)->index[0]]++;
    for (int i = 0; i < 5; i++) ck_assert_double_eq_tol(first[i], 4000, 5 * 57); /* 5 sigma */
    ck_assert_int_eq(gr_permutation(g, 0)->size, 0);
    ck_assert_int_eq(gr_permutation(g, 1)->index[0], 0);
}
END_TEST

/* Equal numbers and their frequencies stay; each number is in each place as often. */
START_TEST(shuffles) {
    int place[4] = {0};
    for (int k = 0; k < 20000; k++) {
        int32_t numbers[4] = {-7, 5, 5, 5}, sum = 0;
        gr_shuffle(g, numbers, 4);
        for (int i = 0; i < 4; i++) {
            sum += numbers[i];
            place[i] += numbers[i] == -7;
        }
        ck_assert_int_eq(sum, 8);
    }
    for (int i = 0; i < 4; i++) ck_assert_double_eq_tol(place[i], 5000, 5 * 61); /* 5 sigma */
    gr_shuffle(g, NULL, 0);
    gr_shuffle(NULL, NULL, 3);
}
END_TEST

START_TEST(single_numbers) {
    int counts[7] = {0};
    double sum = 0;
    for (int i = 0; i < 70000; i++) {
        uint32_t k = gr_random_below(g, 7);
        ck_assert_uint_lt(k, 7);
        counts[k]++;
        double u = gr_random_uniform(g);
        ck_assert(u >= 0 && u < 1);
        sum += u;
    }
    for (int k = 0; k < 7; k++) ck_assert_double_eq_tol(counts[k], 10000, 5 * 93);
    ck_assert_double_eq_tol(sum / 70000, 0.5, 0.006);
    ck_assert_uint_eq(gr_random_below(g, 1), 0);
    ck_assert_uint_eq(gr_random_below(g, 0), 0);
}
END_TEST

START_TEST(seed_and_state_decide) {
    gr_graph *same = gr_graph_new(.seed = 1234), *other = gr_graph_new(.seed = 1235);
    gr_tensor *a = gr_normal(g, GR_SHAPE(33), 0, 1), *b = gr_normal(same, GR_SHAPE(33), 0, 1);
    size_t bytes = 33 * sizeof(gr_real);
    ck_assert_mem_eq(a->data, b->data, bytes);
    ck_assert_mem_ne(a->data, gr_normal(other, GR_SHAPE(33), 0, 1)->data, bytes);
    gr_random_state state = gr_random_get(g);
    gr_tensor *next = gr_normal(g, GR_SHAPE(33), 0, 1);
    ck_assert_mem_ne(a->data, next->data, bytes);
    gr_random_set(other, state);
    ck_assert_mem_eq(next->data, gr_normal(other, GR_SHAPE(33), 0, 1)->data, bytes);
    /* The counter's upper word is used, too. */
    gr_random_set(g, (gr_random_state){.seed = 1, .counter = (uint64_t)1 << 32});
    gr_random_set(other, (gr_random_state){.seed = 1, .counter = 0});
    ck_assert_mem_ne(gr_normal(g, GR_SHAPE(33), 0, 1)->data,
                     gr_normal(other, GR_SHAPE(33), 0, 1)->data, bytes);
    gr_graph_free(same);
    gr_graph_free(other);
}
END_TEST

START_TEST(threads_do_not_matter) {
    gr_graph *one = gr_graph_new(.seed = 9, .threads = 1),
             *two = gr_graph_new(.seed = 9, .threads = 2);
    enum { N = 300001 };
    size_t bytes = N * sizeof(gr_real);
    ck_assert_mem_eq(gr_uniform(one, GR_SHAPE(N), 0, 1)->data,
                     gr_uniform(two, GR_SHAPE(N), 0, 1)->data, bytes);
    ck_assert_mem_eq(gr_normal(one, GR_SHAPE(N), 0, 1)->data,
                     gr_normal(two, GR_SHAPE(N), 0, 1)->data, bytes);
    ck_assert_mem_eq(gr_bernoulli(one, GR_SHAPE(N), 0.5)->data,
                     gr_bernoulli(two, GR_SHAPE(N), 0.5)->data, bytes);
    ck_assert_mem_eq(gr_permutation(one, N)->index, gr_permutation(two, N)->index,
                     N * sizeof(int32_t));
    ck_assert_uint_eq(gr_random_get(one).counter, gr_random_get(two).counter);
    gr_graph_free(one);
    gr_graph_free(two);
}
END_TEST

static void expect_error(const gr_tensor *t, const char *expected) {
    ck_assert_ptr_null(t);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(impossible_distributions) {
    expect_error(gr_uniform(g, GR_SHAPE(2), 3, 1), "gr_uniform: the interval [3, 1) is empty");
    expect_error(gr_uniform(g, GR_SHAPE(2), NAN, 1), "gr_uniform: the interval [nan, 1) is empty");
    expect_error(gr_normal(g, GR_SHAPE(2), 0, -1),
                 "gr_normal: deviation is -1, expected 0 or more");
    expect_error(gr_bernoulli(g, GR_SHAPE(2), 1.5),
                 "gr_bernoulli: p is 1.5, expected a probability in [0, 1]");
    expect_error(gr_permutation(g, -1), "gr_permutation: no tensor has the shape (-1)");
}
END_TEST

Suite *random_suite(void) {
    Suite *s = suite_create("random");
    TCase *t = tcase_create("random");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, philox_gives_its_authors_numbers, 0,
                        (int)(sizeof known / sizeof *known));
    tcase_add_test(t, uniform_numbers);
    tcase_add_test(t, normal_numbers);
    tcase_add_test(t, bernoulli_numbers);
    tcase_add_test(t, uniform_numbers_stay_below_the_end);
    tcase_add_test(t, permutations);
    tcase_add_test(t, shuffles);
    tcase_add_test(t, single_numbers);
    tcase_add_test(t, seed_and_state_decide);
    tcase_add_test(t, threads_do_not_matter);
    tcase_add_test(t, impossible_distributions);
    suite_add_tcase(s, t);
    return s;
}
