/* Batches: each row once, shares of weights and of classes, positions, messages. */
#include "core/data/batches_internal.h"
#include "core/graph/random.h"
#include "tests/unit/suites.h"

#include <math.h>
#include <string.h>

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 7); }
static void teardown(void) { gr_graph_free(g); }

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

/* -- All rows -- */

/* Runs an epoch over rows 0 ... n-1 and writes the order in which they came; returns the batches.
 */
static int run_epoch(gr_batches *b, int *order, int *n) {
    gr_tensor *x, *y;
    int batches = 0;
    *n = 0;
    while (gr_batch_next(b, &x, &y)) {
        ck_assert_int_eq(x->shape.dim[0], y->shape.dim[0]);
        for (int i = 0; i < y->shape.dim[0]; i++) {
            ck_assert_double_eq(gr_at(x, 2 * i + 1), 2 * gr_at(y, i) + 1);
            order[(*n)++] = y->index[i];
        }
        batches++;
        gr_graph_reset(g);
    }
    return batches;
}

static gr_batches *numbered(int rows, int batch, bool shuffle, bool drop_last) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(rows, 2)), *y = gr_permutation(g, rows);
    for (int i = 0; i < 2 * rows; i++) x->data[i] = (gr_real)i;
    for (int i = 0; i < rows; i++) y->index[i] = i;
    return gr_batches_new(gr_keep(x), gr_keep(y), .batch = batch, .shuffle = shuffle,
                          .drop_last = drop_last);
}

START_TEST(batches_cover_each_row_once) {
    gr_batches *b = numbered(10, 4, true, false);
    int first[10], second[10], n, same = 0;
    ck_assert_int_eq(gr_batch_count(b), 3);
    ck_assert_int_eq(run_epoch(b, first, &n), 3);
    ck_assert_int_eq(n, 10);
    ck_assert_int_eq(run_epoch(b, second, &n), 3);
    ck_assert_int_eq(n, 10);
    int seen[10] = {0};
    for (int i = 0; i < 10; i++) {
        seen[first[i]]++;
        same += first[i] == second[i];
    }
    for (int i = 0; i < 10; i++) ck_assert_int_eq(seen[i], 1);
    ck_assert_int_lt(same, 10);
}
END_TEST

START_TEST(batches_keep_order_and_drop_the_last) {
    gr_batches *b = numbered(10, 4, false, true);
    int order[10], n;
    ck_assert_int_eq(gr_batch_count(b), 2);
    ck_assert_int_eq(run_epoch(b, order, &n), 2);
    ck_assert_int_eq(n, 8);
    for (int i = 0; i < n; i++) ck_assert_int_eq(order[i], i);
    gr_tensor *x;
    ck_assert(gr_batch_next(b, &x, NULL));
    gr_batch_restart(b);
    ck_assert(gr_batch_next(b, &x, NULL));
    ck_assert_double_eq(gr_at(x, 0), 0);
}
END_TEST

START_TEST(batches_of_one_order_from_one_state) {
    gr_batches *b = numbered(50, 8, true, false);
    int first[50], second[50], n;
    gr_random_state state = gr_random_get(g);
    run_epoch(b, first, &n);
    gr_random_set(g, state);
    run_epoch(b, second, &n);
    ck_assert_mem_eq(first, second, sizeof first);
}
END_TEST

/* -- By weight -- */

static gr_batches *weighted(int n, const gr_real *weights, int samples) {
    gr_tensor *x = gr_keep(gr_arange(g, n));
    gr_batches *b = gr_batches_new(x, .batch = 64, .weights = gr_from(g, GR_SHAPE(n), weights),
                                   .samples = samples);
    ck_assert_msg(b != NULL, "%s", gr_error(g));
    return b;
}

/* How often each row came in an epoch; returns the rows of it. */
static int count_rows(gr_batches *b, int n, int *count) {
    gr_tensor *x;
    int rows = 0;
    memset(count, 0, (size_t)n * sizeof *count);
    while (gr_batch_next(b, &x, NULL)) {
        for (int i = 0; i < x->shape.dim[0]; i++) count[(int)gr_at(x, i)]++;
        rows += x->shape.dim[0];
        gr_graph_reset(g);
    }
    return rows;
}

/* sum (count - expected)^2 / expected, over rows of a weight. */
static double chi_square(int n, const gr_real *weights, int samples, const int *count) {
    double sum = 0, chi = 0;
    for (int i = 0; i < n; i++) sum += weights[i];
    for (int i = 0; i < n; i++) {
        double expected = samples * weights[i] / sum;
        if (weights[i] > 0) chi += (count[i] - expected) * (count[i] - expected) / expected;
    }
    return chi;
}

START_TEST(weights_are_the_shares) {
    enum { N = 9, SAMPLES = 20000 };
    const gr_real weights[N] = {0, 1, 0, 2, 0.5, 4, 0, 0.25f, 0};
    int count[N];
    gr_batches *b = weighted(N, weights, SAMPLES);
    ck_assert_int_eq(gr_batch_count(b), 313);
    for (int epoch = 0; epoch < 3; epoch++) {
        ck_assert_int_eq(count_rows(b, N, count), SAMPLES);
        for (int i = 0; i < N; i++) ck_assert(weights[i] > 0 || count[i] == 0);
        ck_assert_double_lt(chi_square(N, weights, SAMPLES, count), 18.5); /* 4 degrees: 0.1% */
        ck_assert_double_gt(chi_square(N, weights, SAMPLES, count), 0.05);
    }
}
END_TEST

START_TEST(weights_of_many_rows) {
    enum { N = 1000, SAMPLES = 100000 };
    static gr_real weights[N];
    static int count[N];
    for (int i = 0; i < N; i++) weights[i] = (gr_real)(1 + i % 7);
    ck_assert_int_eq(count_rows(weighted(N, weights, SAMPLES), N, count), SAMPLES);
    double chi = chi_square(N, weights, SAMPLES, count);
    ck_assert_msg(chi > 860 && chi < 1145, "%g", chi); /* 999 degrees: 0.1% on either side */
}
END_TEST

/* Weights whose sum is beyond the largest number, and ones below the smallest normal one. */
START_TEST(weights_of_any_size) {
    int count[3];
    const gr_real most = sizeof(gr_real) == 4 ? (gr_real)3e38 : (gr_real)1.7e308;
    const gr_real least = sizeof(gr_real) == 4 ? (gr_real)1e-44 : (gr_real)4e-323;
    ck_assert_int_eq(count_rows(weighted(3, (gr_real[]){most, most, most}, 300), 3, count), 300);
    for (int i = 0; i < 3; i++) ck_assert_int_gt(count[i], 60);
    count_rows(weighted(3, (gr_real[]){0, least, least}, 300), 3, count);
    ck_assert(count[0] == 0 && count[1] > 100 && count[2] > 100);
    count_rows(weighted(3, (gr_real[]){0, 1, 0}, 0), 3, count);
    ck_assert_int_eq(count[1], 3);
}
END_TEST

/* -- By class -- */

/* In a full batch, and in one that is the last, class c has its share, rounded down or up. */
static void check_shares(gr_batches *b, const gr_tensor *labels, int batch, bool drop_last) {
    int rows = labels->shape.dim[0], most = 0, seen[400] = {0}, used = 0;
    for (int i = 0; i < rows; i++) most = labels->index[i] > most ? labels->index[i] : most;
    gr_tensor *x;
    while (gr_batch_next(b, &x, NULL)) {
        int n = x->shape.dim[0];
        ck_assert_int_eq(n, rows - used < batch ? rows - used : batch);
        for (int c = 0; c <= most; c++) {
            int size = 0, here = 0;
            for (int i = 0; i < rows; i++) size += labels->index[i] == c;
            for (int i = 0; i < n; i++) here += labels->index[(int)gr_at(x, i)] == c;
            ck_assert_int_ge(here, n * size / rows);
            ck_assert_int_le(here, (n * size + rows - 1) / rows);
        }
        for (int i = 0; i < n; i++) seen[(int)gr_at(x, i)]++;
        used += n;
    }
    ck_assert(!gr_failed(g));
    ck_assert_int_eq(used, drop_last ? rows - rows % batch : rows);
    for (int i = 0; i < rows; i++) ck_assert_int_le(seen[i], 1);
}

/* Sizes of classes; batches of all sizes, among them one row and more than there are. */
static const int class_sizes[][6] = {{50, 50},
                                     {97, 3},
                                     {1, 1, 1, 1, 1},
                                     {64},
                                     {30, 0, 7, 1},
                                     {40, 41, 42, 43, 1},
                                     {3, 100, 2, 5, 11, 99}};

START_TEST(every_batch_has_the_shares_of_the_classes) {
    int rows = 0, n = 0;
    for (int c = 0; c < 6; c++) rows += class_sizes[_i][c];
    gr_tensor *order = gr_permutation(g, rows), *labels = gr_permutation(g, rows);
    for (int c = 0; c < 6; c++)
        for (int i = 0; i < class_sizes[_i][c]; i++) labels->index[order->index[n++]] = c;
    labels = gr_keep(labels);
    gr_tensor *x = gr_keep(gr_arange(g, rows));
    for (int batch = 1; batch <= rows + 1; batch++) {
        gr_batches *b = gr_batches_new(x, .batch = batch, .stratify = labels,
                                       .drop_last = batch % 3 == 0, .shuffle = batch % 2 == 0);
        ck_assert_msg(b != NULL, "%s", gr_error(g));
        for (int epoch = 0; epoch < 2; epoch++) check_shares(b, labels, batch, batch % 3 == 0);
        gr_graph_reset(g);
    }
}
END_TEST

/* Each row of a class is as likely in the first place as any other, and each batch as likely to be
 * the one with a row more. */
START_TEST(strata_are_shuffled) {
    enum { EPOCHS = 2000 };
    gr_tensor *labels = gr_from_index(g, GR_SHAPE(8), (int32_t[]){0, 1, 0, 0, 1, 0, 1, 0});
    gr_batches *b = gr_batches_new(gr_keep(gr_arange(g, 8)), .batch = 4, .stratify = labels);
    labels = gr_keep(labels);
    int first[8] = {0}, three_of_0[2] = {0}, label_first = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        gr_tensor *x;
        for (int k = 0; gr_batch_next(b, &x, NULL); k++) {
            int zeros = 0;
            for (int i = 0; i < 4; i++) zeros += labels->index[(int)gr_at(x, i)] == 0;
            three_of_0[k] += zeros == 3;
            if (k == 0) first[(int)gr_at(x, 0)]++;
            if (k == 0) label_first += labels->index[(int)gr_at(x, 0)];
        }
        gr_graph_reset(g);
    }
    ck_assert_int_eq(three_of_0[0] + three_of_0[1], EPOCHS);
    ck_assert_int_gt(three_of_0[0], EPOCHS * 45 / 100);
    ck_assert_int_gt(three_of_0[1], EPOCHS * 45 / 100);
    for (int i = 0; i < 8; i++) ck_assert_int_gt(first[i], EPOCHS / 8 * 8 / 10);
    for (int i = 0; i < 8; i++) ck_assert_int_lt(first[i], EPOCHS / 8 * 12 / 10);
    ck_assert_int_gt(label_first, EPOCHS * 3 / 8 * 9 / 10);
}
END_TEST

/* -- Positions -- */

static gr_batches *of_kind(int kind) {
    gr_tensor *x = gr_keep(gr_arange(g, 50)), *labels = gr_permutation(g, 50);
    for (int i = 0; i < 50; i++) labels->index[i] = i % 3;
    if (kind == 0) return gr_batches_new(x, .batch = 8, .shuffle = true);
    if (kind == 1) return gr_batches_new(x, .batch = 8, .stratify = labels);
    return gr_batches_new(x, .batch = 8, .weights = gr_arange(g, 50));
}

static void take_batches(gr_batches *b, int n, gr_real *to) {
    gr_tensor *x = NULL;
    for (int k = 0; k < n; k++) {
        while (!gr_batch_next(b, &x, NULL)) ck_assert(!gr_failed(g)); /* the next epoch begins */
        for (int i = 0; i < x->shape.dim[0]; i++) *to++ = x->data[i];
        gr_graph_reset(g);
    }
}

/* What a checkpoint keeps, order, position and the generator's state, is all that there is. */
START_TEST(batches_go_on_from_order_and_position) {
    gr_real rest[100] = {0}, again[100] = {0};
    gr_batches *b = of_kind(_i), *copy = of_kind(_i);
    take_batches(b, 10, rest);
    gr_random_state state = gr_random_get(g);
    memcpy(copy->order, b->order, (size_t)b->length * sizeof *b->order);
    copy->at = b->at;
    take_batches(b, 11, rest);
    gr_random_set(g, state);
    take_batches(copy, 11, again);
    ck_assert_mem_eq(rest, again, sizeof rest);
}
END_TEST

START_TEST(epochs_need_no_memory) {
    gr_batches *b = of_kind(_i);
    gr_real taken[100];
    take_batches(b, 10, taken);
    uint64_t requests = gr_memory_use(g).system_requests;
    size_t lasting = gr_memory_use(g).lasting;
    for (int k = 0; k < 10; k++) take_batches(b, 10, taken);
    ck_assert_uint_eq(gr_memory_use(g).system_requests, requests);
    ck_assert_uint_eq(gr_memory_use(g).lasting, lasting);
}
END_TEST

/* -- What doesn't fit -- */

START_TEST(batches_refuse_what_does_not_fit) {
    gr_tensor *x = gr_keep(gr_zeros(g, GR_SHAPE(3, 2))), *y = gr_keep(gr_zeros(g, GR_SHAPE(4)));
    expect(gr_batches_new(x, y),
           "gr_batches_new: y (4), expected a lasting tensor with as many rows as x");
    expect(gr_batches_new(gr_zeros(g, GR_SHAPE(3, 2))),
           "gr_batches_new: x (3,2) of the step, expected a lasting tensor with as many rows as x");
    expect(gr_batches_new(x, .batch = 0), "gr_batches_new: batch is 0, expected 1 or more");
    ck_assert(!gr_batch_next(NULL, NULL, NULL));
    gr_tensor *got;
    gr_batches *good = gr_batches_new(x);
    gr_fail(g, "elsewhere");
    ck_assert(!gr_batch_next(good, &got, NULL));
    ck_assert_ptr_null(gr_batches_new(NULL));
    ck_assert_int_eq(gr_batch_count(NULL), 0);
    gr_batch_restart(NULL);
}
END_TEST

START_TEST(samplers_refuse_what_does_not_fit) {
    gr_tensor *x = gr_keep(gr_zeros(g, GR_SHAPE(3, 2))), *w = gr_full(g, GR_SHAPE(3), 1);
    gr_tensor *labels = gr_from_index(g, GR_SHAPE(3), (int32_t[]){0, 1, 0});
    expect(gr_batches_new(x, .weights = w, .stratify = labels),
           "gr_batches_new: weights and stratify, expected at most one of them");
    expect(gr_batches_new(x, .samples = 5),
           "gr_batches_new: samples is 5 without weights to draw them by");
    expect(gr_batches_new(x, .weights = w, .samples = -1),
           "gr_batches_new: samples is -1, expected 1 or more");
    expect(gr_batches_new(x, .weights = gr_zeros(g, GR_SHAPE(3, 1))),
           "gr_batches_new: weights (3,1), expected reals (3), one for each row");
    expect(gr_batches_new(x, .weights = labels),
           "gr_batches_new: weights (3) holds integers, expected reals (3), one for each row");
    expect(gr_batches_new(x, .weights = gr_from(g, GR_SHAPE(3), (gr_real[]){1, -2, 1})),
           "gr_batches_new: weights (3) has -2 at (1), expected 0 or more, and finite");
    expect(gr_batches_new(x, .weights = gr_full(g, GR_SHAPE(3), INFINITY)),
           "gr_batches_new: weights (3) has inf at (0), expected 0 or more, and finite");
    expect(gr_batches_new(x, .weights = gr_zeros(g, GR_SHAPE(3))),
           "gr_batches_new: weights (3) has none above 0, so that no row can be drawn");
    w->data[2] = (gr_real)NAN;
    ck_assert_ptr_null(gr_batches_new(x, .weights = w));
    ck_assert(strstr(gr_error(g), "nan at (2), expected 0 or more") != NULL);
    gr_clear_error(g);
    expect(gr_batches_new(x, .stratify = gr_name(gr_permutation(g, 4), "classes")),
           "gr_batches_new: classes (4), expected integers (3), one for each row");
    expect(gr_batches_new(x, .stratify = gr_zeros(g, GR_SHAPE(3))),
           "gr_batches_new: stratify (3) holds real numbers, expected integers (N)");
}
END_TEST

START_TEST(batches_of_no_rows) {
    gr_tensor *x = gr_keep(gr_zeros(g, GR_SHAPE(0, 2))), *got;
    gr_batches *kinds[] = {gr_batches_new(x), gr_batches_new(x, .shuffle = true),
                           gr_batches_new(x, .stratify = gr_permutation(g, 0))};
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(kinds[i] != NULL, "%s", gr_error(g));
        for (int epoch = 0; epoch < 2; epoch++) ck_assert(!gr_batch_next(kinds[i], &got, NULL));
        ck_assert_int_eq(gr_batch_count(kinds[i]), 0);
    }
    expect(gr_batches_new(x, .weights = gr_zeros(g, GR_SHAPE(0))),
           "gr_batches_new: weights (0) has none above 0, so that no row can be drawn");
}
END_TEST

START_TEST(small_memory_is_an_error) {
    for (size_t limit = 1 << 12; limit < 1 << 17; limit += 1 << 11) {
        gr_graph *small = gr_graph_new(.memory_limit = limit);
        gr_tensor *x = gr_keep(gr_zeros(small, GR_SHAPE(500)));
        gr_tensor *labels = gr_permutation(small, 500);
        gr_batches *b = gr_batches_new(x, .batch = 10, .stratify = labels);
        ck_assert(x == NULL || labels == NULL || (b == NULL) == gr_failed(small));
        if (b != NULL) ck_assert(gr_batch_next(b, &x, NULL) != gr_failed(small));
        gr_graph_free(small);
    }
}
END_TEST

Suite *batches_suite(void) {
    Suite *suite = suite_create("batches");
    TCase *t = tcase_create("batches");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, batches_cover_each_row_once);
    tcase_add_test(t, batches_keep_order_and_drop_the_last);
    tcase_add_test(t, batches_of_one_order_from_one_state);
    tcase_add_test(t, weights_are_the_shares);
    tcase_add_test(t, weights_of_many_rows);
    tcase_add_test(t, weights_of_any_size);
    tcase_add_loop_test(t, every_batch_has_the_shares_of_the_classes, 0,
                        (int)(sizeof class_sizes / sizeof *class_sizes));
    tcase_add_test(t, strata_are_shuffled);
    tcase_add_loop_test(t, batches_go_on_from_order_and_position, 0, 3);
    tcase_add_loop_test(t, epochs_need_no_memory, 0, 3);
    tcase_add_test(t, batches_refuse_what_does_not_fit);
    tcase_add_test(t, samplers_refuse_what_does_not_fit);
    tcase_add_test(t, batches_of_no_rows);
    tcase_add_test(t, small_memory_is_an_error);
    suite_add_tcase(suite, t);
    return suite;
}
