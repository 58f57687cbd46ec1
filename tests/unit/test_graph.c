/* The graph: memory, ownership, errors, recording, options. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 3, .threads = 1); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

/* -- A training step that touches most of the engine -- */

typedef struct network {
    gr_tensor *w1, *b1, *w2;
} network;

static network network_new(gr_graph *graph) {
    network n = {gr_parameter(graph, GR_SHAPE(8, 4), "0.weight"),
                 gr_parameter(graph, GR_SHAPE(8), "0.bias"),
                 gr_parameter(graph, GR_SHAPE(3, 8), "1.weight")};
    if (n.w1 != NULL) gr_fill_normal(graph, n.w1->data, n.w1->size, 0, 0.5);
    if (n.w2 != NULL) gr_fill_normal(graph, n.w2->data, n.w2->size, 0, 0.5);
    return n;
}

static gr_tensor *cross_entropy(gr_graph *graph, const network *n, gr_tensor *x) {
    const int32_t classes[] = {0, 2, 1, 1, 0, 2};
    gr_tensor *hidden = gr_tanh(gr_affine(x, n->w1, n->b1));
    gr_tensor *scores = gr_log_softmax(gr_affine(hidden, n->w2, NULL), .axes = GR_AXES(1));
    gr_tensor *chosen = gr_from_index(graph, GR_SHAPE(6, 1), classes);
    return gr_neg(gr_mean(gr_gather(scores, 1, chosen)));
}

/* Follows the slope by hand: optimizers are another suite's subject. */
static void descend(gr_tensor *p) {
    if (p == NULL || p->grad == NULL) return;
    for (int64_t i = 0; i < p->size; i++) p->data[i] -= (gr_real)0.1 * p->grad->data[i];
    gr_clear_grad(p);
}

static double train_step(gr_graph *graph, const network *n) {
    gr_tensor *loss = cross_entropy(graph, n, gr_normal(graph, GR_SHAPE(6, 4), 0, 1));
    gr_backward(loss);
    descend(n->w1);
    descend(n->b1);
    descend(n->w2);
    double value = gr_item(loss);
    gr_graph_reset(graph);
    return value;
}

/* Ends with whatever the graph has to say of it; must never crash. */
static bool whole_program(gr_graph *graph) {
    network n = network_new(graph);
    for (int step = 0; step < 2; step++) train_step(graph, &n);
    gr_tensor *kept = gr_keep(gr_name(gr_uniform(graph, GR_SHAPE(4, 5), -1, 1), "a name"));
    gr_tensor *x = gr_requires_grad(gr_detach(kept)), *indices = NULL, *parts[2], *grad = NULL;
    gr_tensor *sorted = gr_sort(x, .axis = 0, .indices = &indices);
    gr_split(sorted, 1, (int[]){2, 3}, 2, parts);
    gr_tensor *many = gr_concat(GR_LIST(x, x, x, x, x, x, x, x, x, x), 0);
    gr_tensor *y = gr_mul(gr_sum(gr_square(many)), gr_norm(gr_exp(parts[1])));
    grad = gr_grad(y, x, .create_graph = true);
    gr_backward(gr_sum(gr_square(grad)));
    gr_no_grad_begin(graph);
    gr_matmul(x, x, .transpose_b = true);
    gr_distances(x, x);
    gr_cosine_similarity(x, x);
    gr_topk(x, 2);
    gr_permutation(graph, 50);
    gr_no_grad_end(graph);
    gr_copy_string(graph, "a string");
    gr_alloc_lasting(graph, 1000);
    return !gr_failed(graph);
}

/* -- Memory -- */

START_TEST(steps_take_no_memory_from_the_system) {
    network n = network_new(g);
    for (int step = 0; step < 10; step++) train_step(g, &n);
    gr_memory before = gr_memory_use(g);
    for (int step = 0; step < 100; step++) train_step(g, &n);
    gr_memory after = gr_memory_use(g);
    ck_assert(!gr_failed(g));
    ck_assert_uint_eq(after.system_requests, before.system_requests);
    ck_assert_uint_eq(after.reserved, before.reserved);
    ck_assert_uint_eq(after.lasting, before.lasting);
    ck_assert_uint_eq(after.step_peak, before.step_peak);
    ck_assert_uint_eq(after.step, 0);
    ck_assert_uint_gt(after.step_peak, 0);
}
END_TEST

START_TEST(a_step_that_grew_fits_the_next_time) {
    uint64_t requests = 0;
    for (int step = 0; step < 6; step++) {
        gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(1000)));
        for (int i = 0; i < 400; i++) x = gr_shift(x, 1);
        ck_assert_double_eq(gr_at(x, 999), 400);
        gr_graph_reset(g);
        if (step > 1) ck_assert_uint_eq(gr_memory_use(g).system_requests, requests);
        requests = gr_memory_use(g).system_requests;
    }
}
END_TEST

START_TEST(any_memory_limit_is_an_error_and_no_crash) {
    gr_graph *free_graph = gr_graph_new(.threads = 1);
    ck_assert_msg(whole_program(free_graph), "%s", gr_error(free_graph));
    size_t enough = gr_memory_use(free_graph).reserved;
    gr_graph_free(free_graph);
    int failed = 0, passed = 0;
    /* Each request to the system is of 64 bytes or more: steps of 16 let each one be refused. */
    for (size_t limit = 1; limit <= enough + 16; limit += 16) {
        gr_graph *small = gr_graph_new(.threads = 1, .memory_limit = limit);
        if (small == NULL) continue;
        if (whole_program(small)) {
            passed++;
        } else {
            failed++;
            ck_assert_msg(strstr(gr_error(small), "no memory") != NULL, "limit %zu: %s", limit,
                          gr_error(small));
        }
        /* The graph itself is not refused. */
        size_t reserved = gr_memory_use(small).reserved;
        ck_assert_msg(reserved <= limit || gr_memory_use(small).system_requests == 1,
                      "limit %zu: %zu bytes taken", limit, reserved);
        gr_graph_free(small);
    }
    ck_assert_int_gt(failed, 1000);
    ck_assert_int_gt(passed, 0);
}
END_TEST

START_TEST(after_an_error_of_memory_the_graph_goes_on) {
    gr_graph *small = gr_graph_new(.memory_limit = 200000);
    ck_assert_ptr_null(gr_zeros(small, GR_SHAPE(1000, 1000)));
    char expected[128];
    snprintf(expected, sizeof expected,
             "gr_zeros: no memory for a tensor of shape (1000,1000), %zu bytes",
             1000 * 1000 * sizeof(gr_real));
    ck_assert_str_eq(gr_error(small), expected);
    gr_clear_error(small);
    gr_graph_reset(small);
    ck_assert_ptr_nonnull(gr_zeros(small, GR_SHAPE(10, 10)));
    ck_assert(!gr_failed(small));
    gr_graph_free(small);
}
END_TEST

START_TEST(what_lasts_survives_the_reset) {
    gr_tensor *p = gr_parameter(g, GR_SHAPE(2), "p");
    gr_tensor *buffer = gr_keep(gr_from(g, GR_SHAPE(2), (gr_real[]){1, 2}));
    gr_tensor *labels = gr_keep(gr_from_index(g, GR_SHAPE(2), (int32_t[]){3, 4}));
    char *text = gr_copy_string(g, "text");
    unsigned char *bytes = gr_alloc_lasting(g, 100);
    for (int i = 0; i < 100; i++) ck_assert_uint_eq(bytes[i], 0);
    ck_assert_uint_eq((uintptr_t)bytes % 64, 0);
    p->data[1] = 5;
    gr_backward(gr_sum(gr_mul(p, buffer)));
    gr_graph_reset(g);
    for (int i = 0; i < 50; i++)
        gr_full(g, GR_SHAPE(1000), 7); /* what the step had is overwritten */
    ck_assert_double_eq(gr_at(p, 1), 5);
    ck_assert_double_eq(gr_at(buffer, 1), 2);
    ck_assert_double_eq(gr_at(labels, 1), 4);
    ck_assert_double_eq(gr_at(p->grad, 0), 1);
    ck_assert_double_eq(gr_at(p->grad, 1), 2);
    ck_assert_str_eq(text, "text");
    ck_assert_str_eq(p->name, "p");
    ck_assert(p->lasting && p->requires_grad && p->node == NULL);
    ck_assert(buffer->lasting && !buffer->requires_grad);
}
END_TEST

START_TEST(elements_are_aligned) {
    for (int n = 0; n < 40; n++) {
        ck_assert_uint_eq((uintptr_t)gr_zeros(g, GR_SHAPE(n))->data % 64, 0);
        ck_assert_uint_eq((uintptr_t)gr_parameter(g, GR_SHAPE(n), "p")->data % 64, 0);
    }
}
END_TEST

/* -- Tensors -- */

START_TEST(tensors_are_what_was_asked_for) {
    gr_tensor *t = gr_arange(g, 4), *s = gr_scalar(g, 2.5), *f = gr_full(g, GR_SHAPE(2, 0), 1);
    for (int i = 0; i < 4; i++) ck_assert_double_eq(gr_at(t, i), i);
    ck_assert_double_eq(gr_item(s), 2.5);
    ck_assert_int_eq(s->shape.ndim, 0);
    ck_assert_int_eq(f->size, 0);
    ck_assert(isnan(gr_at(t, 4)) && isnan(gr_at(t, -1)) && isnan(gr_at(NULL, 0)));
    ck_assert(isnan(gr_item(NULL)));
    ck_assert(!gr_failed(g));
    ck_assert(gr_shape_equal(GR_SHAPE(2, 3), GR_SHAPE(2, 3)));
    ck_assert(!gr_shape_equal(GR_SHAPE(2, 3), GR_SHAPE(2, 3, 1)));
    ck_assert_int_eq(gr_shape_size(GR_SHAPE(1 << 20, 1 << 20)), (int64_t)1 << 40);
    ck_assert_int_eq(gr_shape_size(GR_SHAPE(1 << 20, 1 << 20, 2)), -1);
    ck_assert_int_eq(gr_shape_size(GR_SHAPE(1 << 20, 1 << 20, 2, 0)), -1);
    ck_assert_int_eq(gr_shape_size(GR_SHAPE(3, 0, 5)), 0);
    ck_assert_int_eq(gr_shape_size(GR_SHAPE(3, -1)), -1);
    ck_assert_int_eq(gr_shape_size(GR_SCALAR), 1);
    ck_assert_str_eq(gr_shape_text(GR_SHAPE(2, 3)).text, "(2,3)");
    ck_assert_str_eq(gr_shape_text(GR_SCALAR).text, "()");
    ck_assert_str_eq(gr_describe(NULL, "x").text, "x NULL");
    ck_assert_str_eq(gr_describe(gr_name(t, "t"), "x").text, "t (4)");
}
END_TEST

START_TEST(copies_do_not_share_elements) {
    gr_real data[] = {1, 2, 3};
    gr_tensor *t = gr_from(g, GR_SHAPE(3), data);
    gr_tensor *kept = gr_keep(t);
    data[0] = t->data[1] = 9;
    ck_assert_double_eq(gr_at(t, 0), 1);
    ck_assert_double_eq(gr_at(kept, 1), 2);
}
END_TEST

/* -- Errors -- */

typedef struct heard {
    int times;
    char message[200];
} heard;

static void listen(const char *message, void *context) {
    heard *h = context;
    h->times++;
    snprintf(h->message, sizeof h->message, "%s", message);
}

START_TEST(the_first_error_stays_and_is_told_once) {
    heard h = {0};
    gr_graph *graph = gr_graph_new(.on_error = listen, .on_error_context = &h);
    gr_tensor *a = gr_zeros(graph, GR_SHAPE(2)), *b = gr_zeros(graph, GR_SHAPE(3));
    ck_assert_str_eq(gr_error(graph), "");
    gr_tensor *sum = gr_add(a, b);
    ck_assert_ptr_null(sum);
    ck_assert_ptr_null(gr_exp(sum));
    ck_assert_ptr_null(gr_matmul(a, b));
    ck_assert(!gr_backward(NULL));
    const char *expected = "gr_add: a (2) and b (3) don't broadcast: 2 and 3 in dimension -1";
    ck_assert(gr_failed(graph));
    ck_assert_str_eq(gr_error(graph), expected);
    ck_assert_int_eq(h.times, 1);
    ck_assert_str_eq(h.message, expected);
    gr_clear_error(graph);
    ck_assert(!gr_failed(graph));
    ck_assert_str_eq(gr_error(graph), "");
    ck_assert_ptr_null(gr_fail(graph, "mine: %d", 7));
    ck_assert_str_eq(gr_error(graph), "mine: 7");
    ck_assert_int_eq(h.times, 2);
    gr_graph_free(graph);
}
END_TEST

START_TEST(a_long_message_is_cut) {
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    gr_fail(g, "%s", long_text);
    ck_assert_uint_gt(strlen(gr_error(g)), 500);
    ck_assert_uint_lt(strlen(gr_error(g)), sizeof long_text - 1);
}
END_TEST

START_TEST(no_graph_is_a_graph_that_failed) {
    ck_assert(gr_failed(NULL));
    ck_assert_str_eq(gr_error(NULL), "gr_graph_new: no memory for a graph");
    ck_assert_ptr_null(gr_fail(NULL, "nobody listens"));
    gr_clear_error(NULL);
    gr_graph_reset(NULL);
    gr_graph_free(NULL);
    gr_no_grad_begin(NULL);
    gr_no_grad_end(NULL);
    ck_assert_ptr_null(gr_zeros(NULL, GR_SHAPE(2)));
    ck_assert_ptr_null(gr_parameter(NULL, GR_SHAPE(2), "p"));
    ck_assert_ptr_null(gr_uniform(NULL, GR_SHAPE(2), 0, 1));
    ck_assert_ptr_null(gr_add(NULL, NULL));
    ck_assert_ptr_null(gr_name(NULL, "x"));
    ck_assert_ptr_null(gr_keep(NULL));
    ck_assert_ptr_null(gr_detach(NULL));
    ck_assert_ptr_null(gr_requires_grad(NULL));
    ck_assert_ptr_null(gr_alloc_lasting(NULL, 8));
    ck_assert_int_eq(gr_tape_length(NULL), 0);
    ck_assert_uint_eq(gr_memory_use(NULL).reserved, 0);
}
END_TEST

static void expect_failed_graph(gr_graph *graph, const char *expected) {
    ck_assert_ptr_nonnull(graph);
    ck_assert(gr_failed(graph));
    ck_assert_str_eq(gr_error(graph), expected);
    gr_graph_free(graph);
}

START_TEST(bad_options_give_a_graph_that_failed) {
    expect_failed_graph(gr_graph_new(.isa = "sse9"),
                        "gr_graph_new: isa \"sse9\" is not one of this processor's: \"avx512\", "
                        "\"avx2\" or \"base\" were expected");
    expect_failed_graph(gr_graph_new(.threads = -1),
                        "gr_graph_new: threads is -1, expected 0 (all) or more");
    char expected[200];
    snprintf(
        expected, sizeof expected,
        "gr_graph_new: the program computes in numbers of 2 bytes, the library in %zu: compile "
        "both with -DGR_DOUBLE, or neither",
        sizeof(gr_real));
    expect_failed_graph(gr_graph_new_((gr_graph_options){.real_size = 2}), expected);
}
END_TEST

START_TEST(options_are_kept) {
    gr_graph *graph = gr_graph_new(.isa = "base", .threads = 3, .seed = 11);
    ck_assert_str_eq(gr_isa(graph), "base");
    ck_assert_int_eq(gr_threads(graph), 3);
    ck_assert_uint_eq(gr_random_get(graph).seed, 11);
    gr_graph_free(graph);
    graph = gr_graph_new(.threads = 1 << 30);
    ck_assert_int_eq(gr_threads(graph), 256);
    gr_graph_free(graph);
    ck_assert_int_ge(gr_threads(g), 1);
}
END_TEST

/* -- Recording -- */

START_TEST(only_what_needs_a_gradient_is_recorded) {
    gr_tensor *constant = gr_zeros(g, GR_SHAPE(2));
    ck_assert(!gr_exp(constant)->requires_grad);
    ck_assert_int_eq(gr_tape_length(g), 0);
    gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(2)));
    gr_tensor *y = gr_exp(x);
    ck_assert(y->requires_grad && y->node != NULL);
    ck_assert_int_eq(gr_tape_length(g), 1);
    ck_assert(!gr_gt(x, constant)->requires_grad); /* a comparison has no gradient */
    ck_assert_int_eq(gr_tape_length(g), 1);
    gr_graph_reset(g);
    ck_assert_int_eq(gr_tape_length(g), 0);
}
END_TEST

START_TEST(no_grad_nests) {
    gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(2)));
    gr_no_grad_begin(g);
    gr_no_grad_begin(g);
    ck_assert(!gr_exp(x)->requires_grad);
    gr_no_grad_end(g);
    ck_assert(!gr_exp(x)->requires_grad);
    gr_no_grad_end(g);
    ck_assert(gr_exp(x)->requires_grad);
    ck_assert_int_eq(gr_tape_length(g), 1);
    gr_no_grad_end(g);
    ck_assert_str_eq(gr_error(g), "gr_no_grad_end: without a gr_no_grad_begin");
}
END_TEST

START_TEST(detach_cuts_the_flow) {
    gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(2), 3));
    gr_tensor *cut = gr_detach(gr_square(x));
    ck_assert(!cut->requires_grad && cut->node == NULL);
    ck_assert_double_eq(gr_at(cut, 1), 9);
    gr_backward(gr_sum(gr_mul(x, cut))); /* d/dx of x times the constant 9 */
    ck_assert_double_eq(gr_at(x->grad, 0), 9);
}
END_TEST

/* -- Threads of the caller's -- */

typedef struct job {
    uint64_t seed;
    double losses[60];
} job;

static void *train(void *argument) {
    job *j = argument;
    gr_graph *graph = gr_graph_new(.seed = j->seed, .threads = 1);
    network n = network_new(graph);
    for (int step = 0; step < 60; step++) j->losses[step] = train_step(graph, &n);
    gr_graph_free(graph);
    return NULL;
}

START_TEST(two_graphs_work_in_two_threads) {
    job alone[2] = {{.seed = 1}, {.seed = 2}}, together[2] = {{.seed = 1}, {.seed = 2}};
    pthread_t threads[2];
    for (int k = 0; k < 2; k++) train(&alone[k]);
    for (int k = 0; k < 2; k++)
        ck_assert_int_eq(pthread_create(&threads[k], NULL, train, &together[k]), 0);
    for (int k = 0; k < 2; k++) pthread_join(threads[k], NULL);
    for (int k = 0; k < 2; k++)
        ck_assert_mem_eq(together[k].losses, alone[k].losses, sizeof alone[k].losses);
    ck_assert_double_ne(alone[0].losses[0], alone[1].losses[0]);
}
END_TEST

Suite *graph_suite(void) {
    Suite *s = suite_create("graph");
    TCase *t = tcase_create("graph");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, steps_take_no_memory_from_the_system);
    tcase_add_test(t, a_step_that_grew_fits_the_next_time);
    tcase_add_test(t, any_memory_limit_is_an_error_and_no_crash);
    tcase_add_test(t, after_an_error_of_memory_the_graph_goes_on);
    tcase_add_test(t, what_lasts_survives_the_reset);
    tcase_add_test(t, elements_are_aligned);
    tcase_add_test(t, tensors_are_what_was_asked_for);
    tcase_add_test(t, copies_do_not_share_elements);
    tcase_add_test(t, the_first_error_stays_and_is_told_once);
    tcase_add_test(t, a_long_message_is_cut);
    tcase_add_test(t, no_graph_is_a_graph_that_failed);
    tcase_add_test(t, bad_options_give_a_graph_that_failed);
    tcase_add_test(t, options_are_kept);
    tcase_add_test(t, only_what_needs_a_gradient_is_recorded);
    tcase_add_test(t, no_grad_nests);
    tcase_add_test(t, detach_cuts_the_flow);
    tcase_add_test(t, two_graphs_work_in_two_threads);
    suite_add_tcase(s, t);
    return s;
}
