/* The same bits for any number of threads, on tensors large enough to be shared out: values,
 * gradients and second derivatives. */
#include <stdlib.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/kernels/parallel.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/odds.h"
#include "core/ops/overlap.h"
#include "core/ops/pointwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/update.h"
#include "tests/unit/suites.h"

/* x (300,700), y (300,700), row (700), m (700,130), order (300) integers */
typedef struct operands {
    gr_tensor *x, *y, *row, *m, *order;
} operands;

#define RESULT(name, expression)                                                                   \
    static gr_tensor *name(const operands *o) { return expression; }

RESULT(chain, gr_tanh(gr_add(gr_mul(o->x, o->y), gr_exp(gr_sin(o->x)))))
RESULT(broadcast, gr_div(gr_mul(o->x, o->row), gr_shift(gr_square(o->row), 1)))
RESULT(powers, gr_pow(gr_shift(gr_square(o->x), 0.5), o->row))
RESULT(sums, gr_mul(gr_sum(o->x), gr_add(gr_sum(o->y, .axes = GR_AXES(0)), o->row)))
/* Sums over pictures of each channel. */
static gr_tensor *channels(gr_tensor *x, int n, int c, int pixels) {
    return gr_sum(gr_reshape(x, GR_SHAPE(n, c, pixels)), .axes = GR_AXES(0, 2));
}
RESULT(bias, gr_mul(channels(gr_square(o->x), 300, 20, 35), channels(o->y, 75, 20, 140)))
RESULT(pictures, gr_mul(channels(gr_square(o->x), 100, 3, 700), channels(o->y, 20, 3, 3500)))
RESULT(means, gr_mul(gr_mean(o->x, .axes = GR_AXES(1)), gr_var(o->y, .axes = GR_AXES(1))))
RESULT(norms, gr_mul(gr_norm(o->x), gr_norm(o->y, .p = 3, .axes = GR_AXES(0))))
RESULT(extremes, gr_add(gr_max(o->x, .axes = GR_AXES(0)), gr_min(o->y, .axes = GR_AXES(0))))
RESULT(logsumexp, gr_add(gr_logsumexp(o->x), gr_logsumexp(o->y, .axes = GR_AXES(0))))
RESULT(softmax,
       gr_mul(gr_softmax(o->x, .axes = GR_AXES(1)), gr_log_softmax(o->y, .axes = GR_AXES(0))))
RESULT(cumsum, gr_add(gr_cumsum(o->x, 0), gr_cumsum(o->y, 1)))
RESULT(matmul, gr_matmul(gr_mul(o->x, o->y), o->m))
RESULT(gram, gr_matmul(o->x, o->y, .transpose_b = true))
RESULT(affine, gr_affine(gr_transpose(o->m, 0, 1), o->x, gr_sum(o->y, .axes = GR_AXES(1))))
RESULT(batches, gr_matmul(gr_reshape(o->x, GR_SHAPE(30, 10, 700)),
                          gr_reshape(o->y, GR_SHAPE(30, 10, 700)), .transpose_b = true))
RESULT(distances, gr_distances(gr_slice(o->x, 0, 0, 80, 1), gr_slice(o->y, 0, 0, 90, 1)))
RESULT(cosine, gr_cosine_similarity(o->x, o->y))
RESULT(moves, gr_concat(GR_LIST(gr_transpose(o->x, 0, 1), gr_flip(gr_transpose(o->y, 0, 1), 0)), 1))
RESULT(selects, gr_mul(gr_index_select(o->x, 0, o->order), gr_index_select(o->y, 0, o->order)))
RESULT(gathers, gr_scatter_add(o->x, 0, gr_argsort(o->x, 0, false), gr_square(o->y)))
RESULT(sorts, gr_mul(gr_sort(o->x, .axis = 0), gr_sort(o->y, .descending = true)))
RESULT(best, gr_topk(gr_mul(o->x, o->y), 20, .axis = 0))
RESULT(overlaps,
       gr_add(gr_overlap_sums(o->x, o->y, 1), gr_unsqueeze(gr_overlap_sums(o->x, o->y, 0), 1)))
RESULT(pointwise, gr_mul(gr_pointwise_bce_with_logits(o->x, gr_sigmoid(o->y), 1),
                         gr_pointwise_huber(o->x, o->y, 1, 0.5)))
RESULT(odds, gr_odds_against(gr_mul(o->x, o->y), o->order, 1))
RESULT(one_hot, gr_matmul(gr_one_hot(o->order, 700), gr_square(o->m)))
RESULT(pads, gr_pad(gr_mul(o->x, o->y), 1, 3, -5, 1))

static const struct {
    const char *name;
    gr_tensor *(*f)(const operands *);
} programs[] = {
    {"chain", chain},       {"broadcast", broadcast}, {"powers", powers},
    {"sums", sums},         {"means", means},         {"norms", norms},
    {"extremes", extremes}, {"logsumexp", logsumexp}, {"softmax", softmax},
    {"cumsum", cumsum},     {"matmul", matmul},       {"gram", gram},
    {"affine", affine},     {"batches", batches},     {"distances", distances},
    {"cosine", cosine},     {"moves", moves},         {"selects", selects},
    {"gathers", gathers},   {"sorts", sorts},         {"best", best},
    {"pads", pads},         {"overlaps", overlaps},   {"pointwise", pointwise},
    {"odds", odds},         {"bias", bias},           {"pictures", pictures},
    {"one_hot", one_hot},
};

enum { REALS = 4 };

typedef struct outcome {
    gr_graph *graph;
    gr_tensor *value, *grads[REALS], *second[REALS];
} outcome;

static operands draw(gr_graph *g) {
    operands o = {gr_requires_grad(gr_normal(g, GR_SHAPE(300, 700), 0, 1)),
                  gr_requires_grad(gr_normal(g, GR_SHAPE(300, 700), 0, 1)),
                  gr_requires_grad(gr_normal(g, GR_SHAPE(700), 0, 1)),
                  gr_requires_grad(gr_normal(g, GR_SHAPE(700, 130), 0, 1)), NULL};
    int32_t order[300];
    for (int i = 0; i < 300; i++) order[i] = i * i % 97; /* repeats: gradients add up */
    o.order = gr_from_index(g, GR_SHAPE(300), order);
    return o;
}

static outcome run(int threads, gr_tensor *(*f)(const operands *)) {
    outcome r = {.graph = gr_graph_new(.seed = 21, .threads = threads)};
    operands o = draw(r.graph);
    gr_tensor *reals[REALS] = {o.x, o.y, o.row, o.m};
    r.value = f(&o);
    ck_assert_msg(r.value != NULL, "%s", gr_error(r.graph));
    gr_tensor *v = gr_normal(r.graph, r.value->shape, 0, 1);
    ck_assert_msg(gr_grads(GR_LIST(r.value), (gr_list){REALS, reals}, r.grads, .grad_output = &v,
                           .create_graph = true),
                  "%s", gr_error(r.graph));
    ck_assert_msg(gr_grads((gr_list){REALS, r.grads}, (gr_list){REALS, reals}, r.second), "%s",
                  gr_error(r.graph));
    return r;
}

static void expect_same(const gr_tensor *a, const gr_tensor *b, const char *program,
                        const char *what, int threads) {
    ck_assert_msg(gr_shape_equal(a->shape, b->shape) &&
                      memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data) == 0,
                  "%s: the %s differs between 1 and %d threads", program, what, threads);
}

START_TEST(threads_do_not_matter) {
    const char *name = programs[_i].name;
    outcome one = run(1, programs[_i].f);
    for (int threads = 2; threads <= 3; threads++) {
        outcome more = run(threads, programs[_i].f);
        expect_same(one.value, more.value, name, "value", threads);
        for (int k = 0; k < REALS; k++) {
            expect_same(one.grads[k], more.grads[k], name, "gradient", threads);
            expect_same(one.second[k], more.second[k], name, "second derivative", threads);
        }
        gr_graph_free(more.graph);
    }
    gr_graph_free(one.graph);
}
END_TEST

/* -- Products of which the last thread has one column or one row -- */

static void expect_same_product(gr_graph *g, const char *isa, gr_tensor *a, gr_tensor *b,
                                bool transposed) {
    gr_tensor *one = gr_matmul(a, b, .transpose_a = transposed, .transpose_b = true);
    ck_assert_msg(one != NULL, "%s", gr_error(g));
    for (int threads = 2; threads <= 4; threads++) {
        gr_graph *h = gr_graph_new(.isa = isa, .threads = threads);
        gr_tensor *c = gr_from(h, a->shape, a->data), *d = gr_from(h, b->shape, b->data);
        gr_tensor *more = gr_matmul(c, d, .transpose_a = transposed, .transpose_b = true);
        ck_assert_msg(more != NULL, "%s", gr_error(h));
        expect_same(one, more, isa, "product", threads);
        gr_graph_free(h);
    }
}

START_TEST(one_column_or_row_may_be_left) {
    static const char *const isas[] = {"base", "avx2", "avx512"};
    enum { SIZES = 4, DEPTH = 3000 };
    const int sizes[SIZES] = {1, 13, 17, 33};
    gr_graph *g = gr_graph_new(.seed = 5, .isa = isas[_i], .threads = 1);
    bool available = !gr_failed(g); /* else the processor lacks the instructions */
    for (int i = 0; available && i < SIZES * SIZES * 2; i++) {
        int rows = sizes[i % SIZES], columns = sizes[i / SIZES % SIZES];
        bool transposed = i / (SIZES * SIZES);
        gr_shape shape = transposed ? GR_SHAPE(DEPTH, rows) : GR_SHAPE(rows, DEPTH);
        gr_tensor *a = gr_normal(g, shape, 0, 1), *b = gr_normal(g, GR_SHAPE(columns, DEPTH), 0, 1);
        expect_same_product(g, isas[_i], a, b, transposed);
        gr_graph_reset(g);
    }
    gr_graph_free(g);
}
END_TEST

/* -- Rows so short that several are computed together -- */

static gr_tensor *short_rows(gr_graph *g, int program, int columns) {
    const gr_shape shape = GR_SHAPE(120000 / columns, columns);
    gr_tensor *x = gr_uniform(g, shape, 0.1, 9), *row = gr_normal(g, GR_SHAPE(columns), 0, 1);
    if (program == 0) return gr_softmax(x, .axes = GR_AXES(1));
    if (program == 1) return gr_log_softmax(x, .axes = GR_AXES(1));
    return gr_pow(x, row);
}

START_TEST(threads_do_not_matter_to_short_rows) {
    static const char *const isas[] = {"base", "avx2", "avx512"};
    const int columns[] = {3, 10, 31, 67, 100};
    for (int i = 0; i < 15; i++) {
        gr_graph *g = gr_graph_new(.seed = 3, .isa = isas[_i], .threads = 1);
        const bool available = !gr_failed(g); /* else the processor lacks the instructions */
        gr_tensor *one = available ? short_rows(g, i / 5, columns[i % 5]) : NULL;
        for (int threads = 2; available && threads <= 4; threads++) {
            gr_graph *h = gr_graph_new(.seed = 3, .isa = isas[_i], .threads = threads);
            gr_tensor *more = short_rows(h, i / 5, columns[i % 5]);
            ck_assert_msg(one != NULL && more != NULL, "%s%s", gr_error(g), gr_error(h));
            expect_same(one, more, isas[_i], "function of short rows", threads);
            gr_graph_free(h);
        }
        gr_graph_free(g);
    }
}
END_TEST

/* -- Optimizers, whose memory is shared out with the parameter -- */

enum { WEIGHTS = 50001, MEMORIES = 3 };

static void update(int rule, gr_tensor *p, const gr_tensor *grad, gr_real *const *m) {
    if (rule == 0)
        gr_update_sgd(p, grad, m[0], (gr_sgd_update){.lr = 0.1, .momentum = 0.9, .nesterov = true});
    if (rule == 1)
        gr_update_adam(p, grad, m[0], m[1], (gr_adam_update){0.1, 0.9, 0.99, 1e-8, 0.1, .step = 3});
    if (rule == 2)
        gr_update_rmsprop(p, grad, m[0], m[1], m[2], (gr_rmsprop_update){0.1, 0.9, 1e-8, 0.1, 0.5});
    if (rule == 3) gr_update_adagrad(p, grad, m[0], (gr_adagrad_update){0.1, 0.1, 1e-8, 0.5});
}

/* The parameter after two steps, and the memories behind it. */
static gr_real *updated(int threads, int rule) {
    gr_graph *g = gr_graph_new(.seed = 2, .threads = threads);
    gr_tensor *p = gr_parameter(g, GR_SHAPE(WEIGHTS), "p");
    gr_real *all = calloc((1 + MEMORIES) * WEIGHTS, sizeof *all), *m[MEMORIES];
    ck_assert_ptr_nonnull(all);
    for (int i = 0; i < MEMORIES; i++) m[i] = all + (1 + i) * WEIGHTS;
    for (int i = 0; i < 2; i++) update(rule, p, gr_normal(g, GR_SHAPE(WEIGHTS), 0, 1), m);
    memcpy(all, p->data, WEIGHTS * sizeof *all);
    ck_assert(!gr_failed(g));
    gr_graph_free(g);
    return all;
}

START_TEST(threads_do_not_matter_to_optimizers) {
    gr_real *one = updated(1, _i);
    ck_assert(one[0] != 0 && one[WEIGHTS - 1] != 0 && one[2 * WEIGHTS - 1] != 0);
    for (int threads = 2; threads <= 3; threads++) {
        gr_real *more = updated(threads, _i);
        ck_assert_msg(memcmp(one, more, (1 + MEMORIES) * WEIGHTS * sizeof *one) == 0,
                      "rule %d differs between 1 and %d threads", _i, threads);
        free(more);
    }
    free(one);
}
END_TEST

/* -- Shares -- */

enum { ITEMS = 1000, UNIT = 64 };

typedef struct visits {
    int length[ITEMS / UNIT + 1]; /* of the range that begins at so many units */
    int of_item[ITEMS];
} visits;

static void visit(void *context, int64_t begin, int64_t end) {
    visits *v = context;
    ck_assert_int_eq(begin % UNIT, 0);
    v->length[begin / UNIT] = (int)(end - begin);
    for (int64_t i = begin; i < end; i++) v->of_item[i]++;
}

static int shares(int threads, int n, int least) {
    visits v = {.of_item = {0}};
    int count = 0;
    gr_parallel_share(threads, n, least, UNIT, visit, &v);
    for (int i = 0; i < ITEMS; i++) ck_assert_int_eq(v.of_item[i], i < n);
    for (int i = 0; i <= ITEMS / UNIT; i++) count += v.length[i] > 0;
    return count;
}

START_TEST(shares_cover_all_items_once) {
    ck_assert_int_eq(shares(2, 0, 1), 0);
    ck_assert_int_eq(shares(2, 1, 1), 1);
    ck_assert_int_eq(shares(2, 63, 1), 1);
    ck_assert_int_eq(shares(2, 65, 1), 2);
    ck_assert_int_eq(shares(2, ITEMS, 500), 2);
    ck_assert_int_eq(shares(2, ITEMS, 501), 1);
    ck_assert_int_eq(shares(3, ITEMS, 100), 3);
    ck_assert_int_eq(shares(1, ITEMS, 100), 1);
    ck_assert_int_eq(shares(40, ITEMS, 1), 16);
}
END_TEST

Suite *threads_suite(void) {
    Suite *s = suite_create("threads");
    TCase *t = tcase_create("threads");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, threads_do_not_matter, 0, (int)(sizeof programs / sizeof *programs));
    tcase_add_loop_test(t, one_column_or_row_may_be_left, 0, 3);
    tcase_add_loop_test(t, threads_do_not_matter_to_short_rows, 0, 3);
    tcase_add_loop_test(t, threads_do_not_matter_to_optimizers, 0, 4);
    tcase_add_test(t, shares_cover_all_items_once);
    suite_add_tcase(s, t);
    return s;
}
