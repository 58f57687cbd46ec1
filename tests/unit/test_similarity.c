/* What the C interface of the similarity losses has beyond the registry: distances of the
 * caller's, mined triplets; and derivatives of the third order. */
#include <check.h>
#include <float.h>
#include <math.h>

#include "gradus.h"
#include "tests/unit/suites.h"

enum { N = 8, D = 3 };

static const int32_t LABELS[N] = {0, 1, 2, 0, 1, 2, 0, 1};

static gr_tensor *embeddings(gr_graph *g) {
    return gr_requires_grad(gr_normal(g, GR_SHAPE(N, D), 0, 1));
}

static gr_tensor *labels(gr_graph *g) { return gr_from_index(g, GR_SHAPE(N), LABELS); }

static void assert_equal(const gr_tensor *a, const gr_tensor *b) {
    ck_assert(a != NULL && b != NULL && gr_shape_equal(a->shape, b->shape));
    for (int64_t i = 0; i < a->size; i++) ck_assert_double_eq_tol(gr_at(a, i), gr_at(b, i), 1e-6);
}

static void assert_finite(const gr_tensor *t) {
    ck_assert_ptr_nonnull(t);
    for (int64_t i = 0; i < t->size; i++) ck_assert(isfinite(gr_at(t, i)));
}

static gr_tensor *rows(gr_tensor *x, int begin, int count) {
    return gr_slice(x, 0, begin, begin + count, 1);
}

/* *context is a factor. */
static gr_tensor *manhattan(gr_tensor *a, gr_tensor *b, void *context) {
    return gr_scale(gr_norm(gr_sub(a, b), .p = 1, .axes = GR_AXES(-1)), *(const double *)context);
}

START_TEST(triplet_takes_a_distance) {
    gr_graph *g = gr_graph_new(.seed = 1);
    double factor = 1;
    gr_tensor *x = embeddings(g);
    gr_tensor *a = rows(x, 0, 2), *p = rows(x, 2, 2), *n = rows(x, 4, 2);
    for (int swap = 0; swap < 2; swap++) {
        gr_tensor *own = gr_triplet(a, p, n, .distance = manhattan, .distance_context = &factor,
                                    .swap = swap, .reduction = GR_NONE);
        assert_equal(own,
                     gr_triplet(a, p, n, .p = 1, .eps = 0, .swap = swap, .reduction = GR_NONE));
    }
    ck_assert(gr_backward(gr_triplet(a, p, n, .distance = manhattan, .distance_context = &factor)));
    ck_assert(!gr_failed(g));
    gr_graph_free(g);
}
END_TEST

static gr_tensor *broken(gr_tensor *a, gr_tensor *b, void *context) {
    (void)context;
    return gr_sub(gr_unsqueeze(a, 0), gr_reshape(b, GR_SHAPE(-1)));
}

START_TEST(triplet_survives_a_distance_that_fails) {
    gr_graph *g = gr_graph_new(.seed = 1);
    gr_tensor *x = embeddings(g);
    ck_assert_ptr_null(gr_triplet(x, x, x, .distance = broken));
    ck_assert(gr_failed(g));
    gr_graph_free(g);
}
END_TEST

START_TEST(mined_triplets_are_rows) {
    gr_graph *g = gr_graph_new(.seed = 2);
    gr_tensor *x = embeddings(g);
    gr_tensor *t = gr_batch_hard(x, labels(g));
    ck_assert_ptr_nonnull(t);
    ck_assert(gr_shape_equal(t->shape, GR_SHAPE(N, 3)) && !t->requires_grad);
    gr_tensor *row[3];
    for (int i = 0; i < 3; i++) row[i] = gr_index_select(x, 0, gr_select(t, 1, i));
    gr_tensor *mined = gr_triplet_mined(x, t, .margin = 0.5, .reduction = GR_NONE);
    assert_equal(mined, gr_triplet(row[0], row[1], row[2], .margin = 0.5, .reduction = GR_NONE));
    ck_assert(gr_backward(gr_triplet_mined(x, t)));
    ck_assert(!gr_failed(g));
    gr_graph_free(g);
}
END_TEST

/* Each triplet is hard, semi-hard or easy, and the miners find them all. */
START_TEST(miners_divide_the_triplets) {
    gr_graph *g = gr_graph_new(.seed = 3);
    gr_tensor *x = embeddings(g), *l = labels(g), *all = gr_batch_all(x, l);
    gr_tensor *distances = gr_distances(x, x);
    const double margin = 0.5;
    int hard = 0;
    for (int i = 0; i < all->shape.dim[0]; i++) {
        const int32_t *t = all->index + 3 * i;
        hard += gr_at(distances, t[0] * N + t[2]) <= gr_at(distances, t[0] * N + t[1]);
    }
    gr_tensor *semi_hard = gr_semi_hard(x, l, .margin = margin, .all = true);
    gr_tensor *easy = gr_easy(x, l, .margin = margin);
    ck_assert_int_gt(semi_hard->shape.dim[0], 0);
    ck_assert_int_gt(easy->shape.dim[0], 0);
    ck_assert_int_eq(hard + semi_hard->shape.dim[0] + easy->shape.dim[0], all->shape.dim[0]);
    ck_assert_double_eq(gr_item(gr_triplet_mined(x, easy, .margin = margin, .eps = 0)), 0);
    gr_graph_free(g);
}
END_TEST

START_TEST(no_triplets_cost_nothing) {
    gr_graph *g = gr_graph_new(.seed = 4);
    gr_tensor *x = embeddings(g);
    const int32_t same[N] = {0};
    gr_tensor *t = gr_batch_hard(x, gr_from_index(g, GR_SHAPE(N), same));
    ck_assert(gr_shape_equal(t->shape, GR_SHAPE(0, 3)));
    gr_tensor *loss = gr_triplet_mined(x, t);
    ck_assert_double_eq(gr_item(loss), 0);
    ck_assert(gr_backward(loss));
    for (int i = 0; i < N * D; i++) ck_assert_double_eq(gr_at(x->grad, i), 0);
    ck_assert(gr_shape_equal(gr_triplet_mined(x, t, .reduction = GR_NONE)->shape, GR_SHAPE(0)));
    ck_assert_ptr_null(gr_triplet_mined(x, t, .margin = -1));
    ck_assert(gr_failed(g));
    gr_graph_free(g);
}
END_TEST

#define REFUSED(message, ...)                                                                      \
    do {                                                                                           \
        gr_clear_error(g);                                                                         \
        ck_assert_ptr_null(gr_triplet_mined(__VA_ARGS__));                                         \
        ck_assert_str_eq(gr_error(g), message);                                                    \
    } while (0)

START_TEST(what_is_no_triplet_of_rows_is_refused) {
    gr_graph *g = gr_graph_new(.seed = 4);
    gr_tensor *x = embeddings(g), *flat = gr_zeros(g, GR_SHAPE(N));
    gr_tensor *t = gr_from_index(g, GR_SHAPE(1, 3), (int32_t[]){0, 3, 8});
    gr_tensor *negative = gr_from_index(g, GR_SHAPE(1, 3), (int32_t[]){-1, 3, 2});
    gr_tensor *none = gr_from_index(g, GR_SHAPE(0, 3), (int32_t[]){0});
    REFUSED("gr_triplet_mined: triplets (1,3) has 8 at (0,2), expected a row of embeddings (8,3)",
            x, t);
    REFUSED("gr_triplet_mined: triplets (1,3) has -1 at (0,0), expected a row of embeddings (8,3)",
            x, negative);
    REFUSED("gr_triplet_mined: triplets (8,3), expected integers (T,3)", x, x);
    REFUSED("gr_triplet_mined: embeddings (8), expected real numbers (N,D)", flat, none);
    REFUSED("gr_triplet_mined: embeddings (8), expected real numbers (N,D)", flat, t);
    REFUSED("gr_triplet_mined: embeddings (1,3), expected real numbers (N,D)", t, none);
    REFUSED("gr_triplet: no such reduction, expected GR_MEAN, GR_SUM or GR_NONE", x, none,
            .reduction = GR_BATCHMEAN);
    gr_graph_free(g);
}
END_TEST

/* The loss and its derivatives up to the third order are numbers. */
static void check_orders(gr_tensor *loss, gr_tensor *x) {
    gr_tensor *y = loss;
    assert_finite(y);
    for (int order = 1; order <= 3; order++) {
        gr_tensor *gradient = gr_grad(y, x, .create_graph = true);
        assert_finite(gradient);
        if (!gradient->requires_grad) break;
        y = gr_sum(gr_mul(gradient, gr_shift(gr_arange(x->graph, D), 1)));
    }
}

typedef gr_tensor *loss_of(gr_tensor *x);

static gr_tensor *signs(gr_graph *g, int count, double value) {
    return gr_full(g, GR_SHAPE(count), value);
}
static gr_tensor *near(gr_tensor *x) {
    return gr_contrastive(rows(x, 0, 4), rows(x, 4, 4), signs(x->graph, 4, 1));
}
static gr_tensor *far(gr_tensor *x) {
    return gr_contrastive(rows(x, 0, 4), rows(x, 4, 4), signs(x->graph, 4, 0), .margin = 3);
}
static gr_tensor *alike(gr_tensor *x) {
    return gr_cosine_embedding(rows(x, 0, 4), rows(x, 4, 4), signs(x->graph, 4, 1));
}
static gr_tensor *unlike(gr_tensor *x) {
    return gr_cosine_embedding(rows(x, 0, 4), rows(x, 4, 4), signs(x->graph, 4, -1), .margin = -1);
}
static gr_tensor *three(gr_tensor *x) {
    return gr_triplet(rows(x, 0, 2), rows(x, 2, 2), rows(x, 4, 2), .eps = 0, .margin = 9);
}
static gr_tensor *three_squared(gr_tensor *x) {
    return gr_triplet(rows(x, 0, 2), rows(x, 2, 2), rows(x, 4, 2), .squared = true, .swap = true);
}
static gr_tensor *queue(gr_tensor *x) {
    return gr_info_nce(rows(x, 0, 3), rows(x, 3, 3), rows(x, 6, 2));
}
static gr_tensor *own_negatives(gr_tensor *x) {
    gr_tensor *negatives = gr_reshape(rows(x, 4, 4), GR_SHAPE(2, 2, D));
    return gr_info_nce(rows(x, 0, 2), rows(x, 2, 2), negatives, .normalize = false);
}
static gr_tensor *views(gr_tensor *x) { return gr_nt_xent(x); }
static gr_tensor *one_pair(gr_tensor *x) { return gr_nt_xent(rows(x, 0, 2)); }
static gr_tensor *two_kinds(gr_tensor *x) {
    return gr_clip(rows(x, 0, 4), rows(x, 4, 4), gr_scalar(x->graph, 10));
}

static loss_of *const LOSSES[] = {near,  far,           alike, unlike,   three,    three_squared,
                                  queue, own_negatives, views, one_pair, two_kinds};

/* Points that are all different, all the same, all zero. */
START_TEST(derivatives_are_numbers) {
    gr_graph *g = gr_graph_new(.seed = 5, .anomaly = _i == 0);
    for (size_t k = 0; k < sizeof LOSSES / sizeof *LOSSES; k++) {
        gr_tensor *x = _i == 0 ? embeddings(g)
                               : gr_requires_grad(gr_full(g, GR_SHAPE(N, D), _i == 1 ? 0.5 : 0));
        check_orders(LOSSES[k](x), x);
        ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
        gr_graph_reset(g);
    }
    gr_graph_free(g);
}
END_TEST

/* Squares of the lengths would overflow. */
START_TEST(derivatives_at_long_vectors_are_numbers) {
    loss_of *const of_directions[] = {alike, unlike, queue, views, one_pair, two_kinds};
    const double most = sizeof(gr_real) == sizeof(float) ? FLT_MAX : DBL_MAX;
    gr_graph *g = gr_graph_new(.seed = 5, .anomaly = true);
    for (size_t k = 0; k < sizeof of_directions / sizeof *of_directions; k++) {
        gr_tensor *x = gr_requires_grad(gr_normal(g, GR_SHAPE(N, D), 0, 100 * sqrt(most)));
        check_orders(of_directions[k](x), x);
        ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
        gr_graph_reset(g);
    }
    gr_graph_free(g);
}
END_TEST

START_TEST(derivatives_at_short_vectors_are_numbers) {
    const double most = sizeof(gr_real) == sizeof(float) ? FLT_MAX : DBL_MAX;
    gr_graph *g = gr_graph_new(.seed = 5, .anomaly = true);
    gr_tensor *x = gr_requires_grad(gr_normal(g, GR_SHAPE(N, D), 0, 0.01 / sqrt(most)));
    gr_tensor *loss = gr_nt_xent(x, .temperature = sqrt(most));
    gr_tensor *gradient = gr_grad(loss, x, .create_graph = true);
    assert_finite(gradient);
    assert_finite(gr_grad(gr_sum(gr_mul(gradient, gr_arange(g, D))), x));
    ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
    gr_graph_free(g);
}
END_TEST

/* A weight may take the gradient from above beyond all numbers on its way to a target of 0. */
START_TEST(dissimilar_pairs_far_apart_are_left_alone) {
    gr_graph *g = gr_graph_new(.seed = 5);
    const gr_real most = sizeof(gr_real) == sizeof(float) ? (gr_real)FLT_MAX : (gr_real)DBL_MAX;
    gr_tensor *far = gr_requires_grad(gr_full(g, GR_SHAPE(1), most));
    gr_tensor *target = gr_zeros(g, GR_SHAPE(1)), *weight = gr_full(g, GR_SHAPE(1), 100);
    gr_tensor *row = gr_unsqueeze(far, 0), *origin = gr_zeros(g, GR_SHAPE(1, 1));
    gr_tensor *losses[] = {gr_contrastive_distance(far, target, .weight = weight),
                           gr_contrastive(row, origin, target, .weight = weight)};
    for (int k = 0; k < 2; k++) {
        ck_assert_double_eq(gr_item(losses[k]), 0);
        ck_assert_double_eq(gr_item(gr_grad(losses[k], far)), 0);
    }
    gr_graph_free(g);
}
END_TEST

START_TEST(null_gives_null) {
    gr_graph *g = gr_graph_new(.seed = 6);
    gr_tensor *x = embeddings(g), *none = NULL;
    ck_assert_ptr_null(gr_contrastive(none, x, x));
    ck_assert_ptr_null(gr_contrastive_distance(x, none));
    ck_assert_ptr_null(gr_cosine_embedding(x, none, x));
    ck_assert_ptr_null(gr_margin_ranking(none, none, none));
    ck_assert_ptr_null(gr_triplet(x, x, none));
    ck_assert_ptr_null(gr_triplet_mined(x, none));
    ck_assert_ptr_null(gr_triplet_mined(none, none));
    ck_assert_ptr_null(gr_batch_all(none, none));
    ck_assert_ptr_null(gr_info_nce(x, none, x));
    ck_assert_ptr_null(gr_nt_xent(none));
    ck_assert_ptr_null(gr_clip(x, x, none));
    gr_graph_free(g);
}
END_TEST

Suite *similarity_suite(void) {
    Suite *s = suite_create("similarity");
    TCase *t = tcase_create("similarity");
    tcase_add_test(t, triplet_takes_a_distance);
    tcase_add_test(t, triplet_survives_a_distance_that_fails);
    tcase_add_test(t, mined_triplets_are_rows);
    tcase_add_test(t, miners_divide_the_triplets);
    tcase_add_test(t, no_triplets_cost_nothing);
    tcase_add_test(t, what_is_no_triplet_of_rows_is_refused);
    tcase_add_loop_test(t, derivatives_are_numbers, 0, 3);
    tcase_add_test(t, derivatives_at_long_vectors_are_numbers);
    tcase_add_test(t, derivatives_at_short_vectors_are_numbers);
    tcase_add_test(t, dissimilar_pairs_far_apart_are_left_alone);
    tcase_add_test(t, null_gives_null);
    suite_add_tcase(s, t);
    return s;
}
