/* Over- and under-sampling, and SMOTE with neighbours searched here by a plain loop. */
#include "core/data/balance.h"
#include "core/data/dataset.h"
#include "core/graph/random.h"
#include "tests/unit/suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 11); }
static void teardown(void) { gr_graph_free(g); }

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

/* Mixed rows of classes 3, 4 and 9. */
enum { CLASSES = 3 };
static const int values[CLASSES] = {3, 4, 9};
static gr_tensor *three_classes(const int sizes[CLASSES]) {
    int n = sizes[0] + sizes[1] + sizes[2];
    gr_tensor *order = gr_permutation(g, n), *labels = gr_permutation(g, n);
    for (int c = 0, i = 0; c < CLASSES; c++)
        for (int j = 0; j < sizes[c]; j++) labels->index[order->index[i++]] = values[c];
    return labels;
}

static void check_sizes(const gr_tensor *labels, const int expected[CLASSES]) {
    int found[CLASSES] = {0};
    for (int64_t i = 0; i < labels->size; i++)
        for (int c = 0; c < CLASSES; c++) found[c] += labels->index[i] == values[c];
    for (int c = 0; c < CLASSES; c++) ck_assert_int_eq(found[c], expected[c]);
    ck_assert_int_eq((int)labels->size, expected[0] + expected[1] + expected[2]);
}

/* -- Repeating -- */

enum { N = 60 };
static const int sizes[CLASSES] = {5, 40, 15};

static const struct {
    double ratio;
    int over[CLASSES], under[CLASSES];
} ratios[] = {
    {1, {40, 40, 40}, {5, 5, 5}},        {0.5, {20, 40, 20}, {5, 10, 10}},
    {0.25, {10, 40, 15}, {5, 20, 15}},   {0.125, {5, 40, 15}, {5, 40, 15}},
    {0.29, {12, 40, 15}, {5, 17, 15}},   {1e-9, {5, 40, 15}, {5, 40, 15}},
    {0.3625, {15, 40, 15}, {5, 14, 14}}, /* 14.5 rows and 13.8 */
};
enum { RATIOS = sizeof ratios / sizeof *ratios };

START_TEST(oversampling_repeats_the_rows_of_small_classes) {
    gr_tensor *labels = three_classes(sizes);
    gr_tensor *rows = gr_oversample(labels, .ratio = ratios[_i].ratio);
    ck_assert_msg(rows != NULL, "%s", gr_error(g));
    ck_assert(rows->lasting && rows->kind == GR_INDEX);
    for (int i = 0; i < N; i++) ck_assert_int_eq(rows->index[i], i);
    check_sizes(gr_take_rows(labels, rows), ratios[_i].over);
}
END_TEST

START_TEST(oversampling_draws_each_row_equally) {
    enum { MANY = 40000 };
    int32_t *label = calloc(MANY + 4, sizeof *label);
    for (int i = 0; i < 4; i++) label[1000 * i] = 1;
    gr_tensor *labels = gr_from_index(g, GR_SHAPE(MANY + 4), label);
    free(label);
    gr_tensor *rows = gr_oversample(labels);
    int count[4] = {0};
    for (int64_t i = MANY + 4; i < rows->size; i++) count[rows->index[i] / 1000]++;
    double expected = (MANY - 4) / 4.0, chi = 0;
    for (int i = 0; i < 4; i++) chi += pow(count[i] - expected, 2) / expected;
    ck_assert_int_eq((int)rows->size, 2 * MANY);
    ck_assert_double_lt(chi, 16.3); /* 3 degrees: 0.1% */
    ck_assert_double_gt(chi, 0.02);
}
END_TEST

/* -- Leaving out -- */

START_TEST(undersampling_leaves_rows_of_large_classes_out) {
    gr_tensor *labels = three_classes(sizes);
    gr_tensor *rows = gr_undersample(labels, .ratio = ratios[_i].ratio);
    ck_assert_msg(rows != NULL, "%s", gr_error(g));
    ck_assert(rows->lasting && rows->kind == GR_INDEX);
    for (int64_t i = 1; i < rows->size; i++) ck_assert_int_lt(rows->index[i - 1], rows->index[i]);
    check_sizes(gr_take_rows(labels, rows), ratios[_i].under);
}
END_TEST

START_TEST(undersampling_keeps_each_row_as_often) {
    enum { TIMES = 2000 };
    int32_t label[10] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0};
    int count[10] = {0};
    for (int k = 0; k < TIMES; k++) {
        gr_tensor *rows = gr_undersample(gr_from_index(g, GR_SHAPE(10), label));
        for (int i = 0; i < 4; i++) count[rows->index[i]]++;
        gr_graph_reset(g);
    }
    for (int i = 0; i < 10; i++) {
        if (label[i] == 1)
            ck_assert_int_eq(count[i], TIMES);
        else
            ck_assert_int_lt(abs(count[i] - TIMES / 4), 4 * 20); /* deviation 19.4 */
    }
}
END_TEST

/* -- SMOTE -- */

enum { WIDTH = 3, ROWS = 200, FILLED = 3 * 130 };

static double squared_distance(const gr_tensor *x, int i, int j) {
    double sum = 0;
    for (int d = 0; d < WIDTH; d++)
        sum += pow(gr_at(x, WIDTH * i + d) - gr_at(x, WIDTH * j + d), 2);
    return sum;
}

/* Whether fewer than k rows of its class are nearer to a than b is. */
static bool is_neighbour(const gr_tensor *x, const gr_tensor *labels, int a, int b, int k) {
    int nearer = 0;
    for (int i = 0; i < labels->shape.dim[0]; i++)
        nearer += i != a && labels->index[i] == labels->index[a] &&
                  squared_distance(x, a, i) < squared_distance(x, a, b);
    return a != b && labels->index[a] == labels->index[b] && nearer < k;
}

/* u if row s of `all` is a + u (b - a), else -1. */
static double place_between(const gr_tensor *all, int s, const gr_tensor *x, int a, int b) {
    double along = 0, tolerance = sizeof(gr_real) == 4 ? 1e-6 : 1e-14;
    for (int d = 0; d < WIDTH; d++)
        along += (gr_at(all, WIDTH * s + d) - gr_at(x, WIDTH * a + d)) *
                 (gr_at(x, WIDTH * b + d) - gr_at(x, WIDTH * a + d));
    double u = along / squared_distance(x, a, b);
    for (int d = 0; d < WIDTH; d++) {
        double from = gr_at(x, WIDTH * a + d), to = gr_at(x, WIDTH * b + d);
        if (fabs(from + u * (to - from) - gr_at(all, WIDTH * s + d)) > tolerance) return -1;
    }
    return u >= -1e-6 && u <= 1 + 1e-6 ? u : -1;
}

/* The row that s was made from, on the way to one of its k nearest, and how far; -1 if none. */
static int origin(const gr_tensor *all, int s, int32_t label, const gr_tensor *x,
                  const gr_tensor *labels, int k, double *u) {
    for (int a = 0; a < ROWS; a++)
        for (int b = 0; b < ROWS; b++) {
            if (labels->index[a] != label || labels->index[b] != label || a == b) continue;
            *u = place_between(all, s, x, a, b);
            if (*u >= 0 && is_neighbour(x, labels, a, b, k)) return a;
        }
    return -1;
}

static const int ks[] = {1, 2, 5, 11};

START_TEST(smote_puts_rows_between_neighbours) {
    gr_tensor *labels = three_classes((int[CLASSES]){12, 130, 58}), *all, *all_labels;
    gr_tensor *x = gr_normal(g, GR_SHAPE(ROWS, WIDTH), 0, 1);
    int k = ks[_i], made[ROWS] = {0};
    ck_assert_msg(gr_smote(x, labels, &all, &all_labels, .k = k), "%s", gr_error(g));
    ck_assert(all->lasting && all_labels->lasting);
    ck_assert(gr_shape_equal(all->shape, GR_SHAPE(FILLED, WIDTH)));
    check_sizes(all_labels, (int[CLASSES]){130, 130, 130});
    ck_assert_mem_eq(all->data, x->data, (size_t)x->size * sizeof *x->data);
    ck_assert_mem_eq(all_labels->index, labels->index, ROWS * sizeof(int32_t));
    for (int s = ROWS; s < FILLED; s++) {
        double u;
        int a = origin(all, s, all_labels->index[s], x, labels, k, &u);
        ck_assert_msg(a >= 0, "row %d is between no neighbours", s);
        made[a]++;
    }
    /* 118 rows from 12 and 72 from 58. Where a and b are neighbours of each other, the first of the
     * two was found. */
    for (int i = 0; i < ROWS; i++) {
        ck_assert_int_le(made[i], labels->index[i] == 3 ? 10 * (k + 1) : 2 * (k + 1));
        ck_assert(made[i] == 0 || labels->index[i] != 4);
    }
}
END_TEST

/* Of two rows at 0 and 1 the synthetic ones are all over; of three, where each is a neighbour of
 * both others, they are on each side of the triangle as often. */
START_TEST(smote_is_uniform) {
    enum { MANY = 6002, BINS = 12 };
    static int32_t label[MANY + 3];
    label[0] = label[1] = 1;
    gr_tensor *x = gr_zeros(g, GR_SHAPE(MANY)), *all, *labels;
    x->data[1] = 1;
    ck_assert(gr_smote(x, gr_from_index(g, GR_SHAPE(MANY), label), &all, &labels, .k = 1));
    int count[BINS] = {0}, side[3] = {0};
    for (int i = MANY; i < all->shape.dim[0]; i++) count[(int)(gr_at(all, i) * BINS)]++;
    double expected = (MANY - 4) / (double)BINS, chi = 0;
    for (int i = 0; i < BINS; i++) chi += pow(count[i] - expected, 2) / expected;
    ck_assert_double_lt(chi, 31.3); /* 11 degrees: 0.1% */
    ck_assert_double_gt(chi, 1.5);
    label[2] = 1;
    x = gr_zeros(g, GR_SHAPE(MANY + 3, 3));
    for (int i = 0; i < 3; i++) x->data[3 * i + i] = 1;
    ck_assert(gr_smote(x, gr_from_index(g, GR_SHAPE(MANY + 3), label), &all, &labels, .k = 2));
    for (int i = MANY + 3; i < all->shape.dim[0]; i++)
        for (int d = 0; d < 3; d++) side[d] += gr_at(all, 3 * i + d) == 0;
    for (int d = 0; d < 3; d++) ck_assert_int_lt(abs(side[d] - MANY / 3), 150);
}
END_TEST

/* Rows on a line, so far from each other that who is nearest is known: 0 1, 10 11, 20 21 .. Each
 * row is an origin as often as others. */
START_TEST(smote_starts_from_each_row_equally) {
    enum { PAIRS = 4 };
    gr_real at[2 * PAIRS + 64] = {0};
    int32_t label[2 * PAIRS + 64] = {0};
    for (int i = 0; i < 2 * PAIRS; i++) at[i] = (gr_real)(10 * (i / 2) + i % 2);
    for (int i = 2 * PAIRS; i < 2 * PAIRS + 64; i++) label[i] = 1;
    int n = 2 * PAIRS + 64;
    gr_tensor *x = gr_from(g, GR_SHAPE(n), at), *all, *labels;
    ck_assert(gr_smote(x, gr_from_index(g, GR_SHAPE(n), label), &all, &labels, .k = 1));
    ck_assert_int_eq(all->shape.dim[0], 128);
    int made[PAIRS] = {0};
    for (int i = n; i < 128; i++) {
        ck_assert_double_le(fmod(gr_at(all, i), 10), 1);
        made[(int)gr_at(all, i) / 10]++;
    }
    for (int i = 0; i < PAIRS; i++) ck_assert_int_eq(made[i], 14);
}
END_TEST

/* From 0 it is as far to 1 as to -1: the first of the two is the neighbour. */
START_TEST(smote_takes_the_first_of_equally_near_rows) {
    for (int sign = -1; sign <= 1; sign += 2) {
        int32_t label[303] = {1, 1, 1};
        gr_real at[303] = {0, (gr_real)sign, (gr_real)-sign};
        gr_tensor *x = gr_from(g, GR_SHAPE(303), at), *all, *labels;
        ck_assert(gr_smote(x, gr_from_index(g, GR_SHAPE(303), label), &all, &labels, .k = 1));
        int towards_first = 0;
        for (int i = 303; i < 600; i++) towards_first += sign * gr_at(all, i) >= 0;
        ck_assert_int_ge(towards_first, 198);
        ck_assert_int_le(towards_first, 200); /* -0 and 0 are on both sides */
    }
}
END_TEST

START_TEST(smote_of_pictures_and_extremes) {
    gr_real most = sizeof(gr_real) == 4 ? (gr_real)3e38 : (gr_real)1.7e308;
    gr_tensor *labels = gr_from_index(g, GR_SHAPE(6), (int32_t[]){1, 1, 0, 0, 0, 0}), *all, *to;
    gr_tensor *x = gr_full(g, GR_SHAPE(6, 2, 2), most);
    for (int i = 0; i < 4; i++) x->data[i] = -most;
    ck_assert_msg(gr_smote(x, labels, &all, &to, .k = 1), "%s", gr_error(g));
    ck_assert(gr_shape_equal(all->shape, GR_SHAPE(8, 2, 2)));
    for (int i = 24; i < 32; i++) {
        ck_assert(isfinite(gr_at(all, i)));
        ck_assert_double_lt(fabs(gr_at(all, i)), most);
        ck_assert_double_eq(gr_at(all, i), gr_at(all, i - i % 4));
    }
    /* Equal rows have only themselves between them; rows without elements are fine. */
    x = gr_full(g, GR_SHAPE(6, 3), 0.1);
    ck_assert(gr_smote(x, labels, &all, &to, .k = 1));
    for (int i = 0; i < 24; i++) ck_assert_double_eq(gr_at(all, i), gr_at(x, 0));
    ck_assert(gr_smote(gr_zeros(g, GR_SHAPE(6, 0)), labels, &all, &to, .k = 1));
    ck_assert(gr_shape_equal(all->shape, GR_SHAPE(8, 0)));
}
END_TEST

/* Distances whose squares are beyond the smallest and the largest number. */
START_TEST(smote_finds_neighbours_at_any_scale) {
    for (int sign = -1; sign <= 1; sign += 2) {
        double unit = sizeof(gr_real) == 4 ? pow(10, 30 * sign) : pow(10, 250 * sign);
        gr_real at[12] = {0};
        const double places[6] = {0, 5, 1, 6.5, 2.5, 9};
        for (int i = 0; i < 6; i++) at[i] = (gr_real)(places[i] * unit);
        int32_t label[12] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
        gr_tensor *labels, *all, *x = gr_from(g, GR_SHAPE(12), at);
        label[5] = 1; /* 5 against 7 */
        ck_assert(gr_smote(x, gr_from_index(g, GR_SHAPE(12), label), &all, &labels, .k = 1));
        for (int i = 12; i < 14; i++) {
            double u = gr_at(all, i) / unit;
            ck_assert_msg((u >= 0 && u <= 2.5) || (u >= 5 && u <= 6.5), "%g", u);
        }
    }
}
END_TEST

static void smote_in(int threads, const char *isa, gr_real *to, size_t bytes) {
    gr_graph *graph = gr_graph_new(.seed = 3, .threads = threads, .isa = isa);
    gr_tensor *x = gr_normal(graph, GR_SHAPE(1500, 40), 0, 1), *labels, *all;
    gr_tensor *classes = gr_permutation(graph, 1500);
    for (int i = 0; i < 1500; i++) classes->index[i] = i % 5 < 2;
    ck_assert(gr_smote(x, classes, &all, &labels));
    ck_assert_uint_eq((size_t)all->size * sizeof(gr_real), bytes);
    memcpy(to, all->data, bytes);
    gr_graph_free(graph);
}

START_TEST(threads_do_not_matter) {
    static gr_real one[1800 * 40], several[1800 * 40];
    smote_in(1, NULL, one, sizeof one);
    smote_in(5, NULL, several, sizeof several);
    ck_assert_mem_eq(one, several, sizeof one);
    smote_in(2, "base", several, sizeof several);
    ck_assert_mem_eq(one, several, sizeof one);
}
END_TEST

/* -- Few rows, and messages -- */

START_TEST(one_class_stays) {
    for (int n = 1; n <= 3; n++) {
        gr_tensor *labels = gr_from_index(g, GR_SHAPE(n), (int32_t[]){6, 6, 6}), *all, *same;
        ck_assert_int_eq((int)gr_oversample(labels)->size, n);
        ck_assert_int_eq((int)gr_undersample(labels)->size, n);
        ck_assert_int_eq(gr_undersample(labels)->index[n - 1], n - 1);
        ck_assert(gr_smote(gr_zeros(g, GR_SHAPE(n, 2)), labels, &all, &same));
        ck_assert_int_eq(all->shape.dim[0], n);
    }
}
END_TEST

START_TEST(refuses) {
    gr_tensor *labels = gr_from_index(g, GR_SHAPE(4), (int32_t[]){1, 1, 0, 1});
    gr_tensor *none = gr_from_index(g, GR_SHAPE(0), NULL), *reals = gr_zeros(g, GR_SHAPE(4));
    expect(gr_oversample(labels, .ratio = 0),
           "gr_oversample: ratio is 0, expected more than 0 and at most 1");
    expect(gr_oversample(labels, .ratio = NAN),
           "gr_oversample: ratio is nan, expected more than 0 and at most 1");
    expect(gr_undersample(labels, .ratio = 1.5),
           "gr_undersample: ratio is 1.5, expected more than 0 and at most 1");
    expect(gr_oversample(none), "gr_oversample: labels (0), expected one row or more");
    expect(gr_undersample(none), "gr_undersample: labels (0), expected one row or more");
    expect(gr_oversample(reals),
           "gr_oversample: labels (4) holds real numbers, expected integers (N)");
    expect(gr_undersample(gr_from_index(g, GR_SHAPE(2, 1), (int32_t[]){1, 0})),
           "gr_undersample: labels (2,1), expected integers (N)");
    ck_assert_ptr_null(gr_oversample(NULL));
    ck_assert_ptr_null(gr_undersample(NULL));
    ck_assert(!gr_failed(g));
}
END_TEST

static void expect_smote(gr_smote_args a, const char *expected) {
    gr_tensor *x = a.x, *labels = a.labels;
    a.new_x = &x;
    a.new_labels = &labels;
    ck_assert(!gr_smote_(a));
    ck_assert(x == NULL && labels == NULL);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(smote_refuses) {
    gr_tensor *labels = gr_from_index(g, GR_SHAPE(5), (int32_t[]){1, 1, 0, 1, 1}), *got;
    gr_tensor *x = gr_zeros(g, GR_SHAPE(5, 2)), *none = gr_from_index(g, GR_SHAPE(0), NULL);
    gr_smote_args a = {.x = x, .labels = labels, .k = 1, .ratio = 1};
    expect_smote(a, "gr_smote: class 0 has 1 row, expected 2 or more for k = 1");
    labels->index[3] = 0;
    a.k = 2;
    expect_smote(a, "gr_smote: class 0 has 2 rows, expected 3 or more for k = 2");
    a.k = 0;
    expect_smote(a, "gr_smote: k is 0, expected 1 or more");
    a.k = 1;
    a.ratio = -1;
    expect_smote(a, "gr_smote: ratio is -1, expected more than 0 and at most 1");
    a.ratio = 1;
    x->data[7] = (gr_real)INFINITY;
    expect_smote(a, "gr_smote: x (5,2) has inf at (3,1), expected finite numbers");
    a.x = gr_name(gr_zeros(g, GR_SHAPE(4, 2)), "train");
    expect_smote(a, "gr_smote: train (4,2) and labels (5), expected reals (N,..) and integers (N)");
    a.x = labels;
    expect_smote(a, "gr_smote: x (5) of integers and labels (5), expected reals (N,..) and "
                    "integers (N)");
    a = (gr_smote_args){.x = x, .labels = gr_zeros(g, GR_SHAPE(5)), .k = 1, .ratio = 1};
    expect_smote(a, "gr_smote: labels (5) holds real numbers, expected integers (N)");
    a = (gr_smote_args){.x = gr_zeros(g, GR_SHAPE(0, 2)), .labels = none, .k = 1, .ratio = 1};
    expect_smote(a, "gr_smote: labels (0), expected one row or more");
    ck_assert(!gr_smote(x, labels, &got));
    ck_assert_str_eq(gr_error(g),
                     "gr_smote: new_x or new_labels is NULL, expected places for both");
    gr_clear_error(g);
    ck_assert(!gr_smote(NULL, labels, &got, &x) && got == NULL && !gr_failed(g));
}
END_TEST

START_TEST(small_memory_is_an_error) {
    for (size_t limit = 1 << 12; limit < 1 << 17; limit += 1 << 11) {
        gr_graph *small = gr_graph_new(.memory_limit = limit);
        gr_tensor *x = gr_zeros(small, GR_SHAPE(300, 4)), *labels = gr_permutation(small, 300);
        gr_tensor *new_x, *new_labels;
        for (int i = 0; labels != NULL && i < 300; i++) labels->index[i] = i < 100;
        bool had = x != NULL && labels != NULL;
        ck_assert(!had || gr_smote(x, labels, &new_x, &new_labels) == !gr_failed(small));
        gr_clear_error(small);
        ck_assert(!had || (gr_oversample(labels) != NULL) == !gr_failed(small));
        gr_clear_error(small);
        ck_assert(!had || (gr_undersample(labels) != NULL) == !gr_failed(small));
        gr_graph_free(small);
    }
}
END_TEST

Suite *balance_suite(void) {
    Suite *suite = suite_create("balance");
    TCase *t = tcase_create("balance");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, oversampling_repeats_the_rows_of_small_classes, 0, RATIOS);
    tcase_add_test(t, oversampling_draws_each_row_equally);
    tcase_add_loop_test(t, undersampling_leaves_rows_of_large_classes_out, 0, RATIOS);
    tcase_add_test(t, undersampling_keeps_each_row_as_often);
    tcase_add_loop_test(t, smote_puts_rows_between_neighbours, 0, (int)(sizeof ks / sizeof *ks));
    tcase_add_test(t, smote_is_uniform);
    tcase_add_test(t, smote_starts_from_each_row_equally);
    tcase_add_test(t, smote_takes_the_first_of_equally_near_rows);
    tcase_add_test(t, smote_of_pictures_and_extremes);
    tcase_add_test(t, smote_finds_neighbours_at_any_scale);
    tcase_add_test(t, threads_do_not_matter);
    tcase_add_test(t, one_class_stays);
    tcase_add_test(t, refuses);
    tcase_add_test(t, smote_refuses);
    tcase_add_test(t, small_memory_is_an_error);
    suite_add_tcase(suite, t);
    return suite;
}
