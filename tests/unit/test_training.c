/* Whole trainings: the same bits whatever the threads, no memory asked for, errors survived. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/batches.h"
#include "core/data/dataset.h"
#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/regression.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "optim/optimizer.h"
#include "tests/unit/suites.h"

/* -- A training from its description to its weights -- */

typedef struct plan {
    int sizes[4]; /* of the layers; 0 at the end where there are fewer */
    int batch, steps;
    bool adam;
} plan;

/* The second is large enough that products, sums and updates are cut into several pieces. */
static const plan plans[] = {
    {.sizes = {10, 20, 20, 1}, .batch = 32, .steps = 30, .adam = true},
    {.sizes = {256, 512, 10}, .batch = 512, .steps = 2, .adam = true},
    {.sizes = {256, 512, 10}, .batch = 512, .steps = 2, .adam = false},
};
enum { N_PLANS = sizeof plans / sizeof *plans };

static gr_module *network(gr_graph *g, const plan *p) {
    gr_module *first = gr_linear(g, p->sizes[0], p->sizes[1]), *relu = gr_relu_layer(g);
    gr_module *second = gr_linear(g, p->sizes[1], p->sizes[2]);
    if (p->sizes[3] == 0) return gr_sequential(g, first, relu, second);
    return gr_sequential(g, first, relu, second, gr_relu_layer(g),
                         gr_linear(g, p->sizes[2], p->sizes[3]));
}

static gr_optimizer *optimizer(gr_module *net, bool adam) {
    return adam ? gr_adam(net, .lr = 1e-2)
                : gr_sgd(net, .lr = 1e-2, .momentum = 0.9, .nesterov = true, .weight_decay = 1e-3);
}

/* One step towards y = sum of sin(x), the same for all outputs; the loss. */
static double step(gr_module *net, gr_optimizer *opt, const plan *p) {
    gr_graph *g = net->graph;
    gr_tensor *x = gr_normal(g, GR_SHAPE(p->batch, p->sizes[0]), 0, 1);
    gr_tensor *y = gr_mean(gr_sin(x), .axes = GR_AXES(1), .keepdim = true);
    gr_tensor *loss = gr_huber(gr_forward(net, x), y, .delta = 0.5);
    gr_backward(loss);
    ck_assert_msg(gr_step(opt), "%s", gr_error(g));
    double value = gr_item(loss);
    gr_graph_reset(g);
    return value;
}

typedef struct weights {
    size_t bytes;
    char *data;
} weights;

static weights copy_weights(const gr_module *net) {
    gr_list parameters = gr_parameters(net);
    weights w = {(size_t)gr_parameter_size(net) * sizeof(gr_real), NULL};
    char *at = w.data = malloc(w.bytes);
    ck_assert_ptr_nonnull(at);
    for (int i = 0; i < parameters.n; i++) {
        size_t bytes = (size_t)parameters.items[i]->size * sizeof(gr_real);
        memcpy(at, parameters.items[i]->data, bytes);
        at += bytes;
    }
    return w;
}

static weights trained(const plan *p, uint64_t seed, int threads) {
    gr_graph *g = gr_graph_new(.seed = seed, .threads = threads);
    gr_module *net = network(g, p);
    gr_optimizer *opt = optimizer(net, p->adam);
    weights before = copy_weights(net);
    for (int i = 0; i < p->steps; i++) step(net, opt, p);
    ck_assert_int_eq(gr_threads(g), threads);
    weights w = copy_weights(net);
    ck_assert_int_ne(memcmp(before.data, w.data, w.bytes), 0);
    free(before.data);
    gr_graph_free(g);
    return w;
}

static bool same(weights a, weights b) {
    return a.bytes == b.bytes && memcmp(a.data, b.data, a.bytes) == 0;
}

/* -- Reproducible -- */

START_TEST(any_number_of_threads_gives_the_same_bits) {
    const plan *p = &plans[_i];
    weights one = trained(p, 42, 1), again = trained(p, 42, 1);
    ck_assert(same(one, again));
    for (int threads = 2; threads <= 3; threads++) {
        weights more = trained(p, 42, threads);
        ck_assert_msg(same(one, more), "%d threads", threads);
        free(more.data);
    }
    free(one.data);
    free(again.data);
}
END_TEST

START_TEST(another_seed_gives_others) {
    weights a = trained(&plans[0], 42, 1), b = trained(&plans[0], 43, 1);
    ck_assert(!same(a, b));
    free(a.data);
    free(b.data);
}
END_TEST

typedef struct job {
    const plan *p;
    uint64_t seed;
    weights result;
} job;

static void *run_job(void *context) {
    job *j = context;
    j->result = trained(j->p, j->seed, 2);
    return NULL;
}

START_TEST(two_graphs_at_once_give_the_same_bits_as_alone) {
    job jobs[] = {{.p = &plans[_i], .seed = 1}, {.p = &plans[0], .seed = 2}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_job, &jobs[i]), 0);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 2; i++) {
        weights alone = trained(jobs[i].p, jobs[i].seed, 1);
        ck_assert(same(alone, jobs[i].result));
        free(alone.data);
        free(jobs[i].result.data);
    }
}
END_TEST

/* -- Memory -- */

START_TEST(after_ten_steps_the_system_is_asked_for_nothing) {
    const plan *p = &plans[_i];
    gr_graph *g = gr_graph_new(.seed = 1, .threads = 1);
    gr_module *net = network(g, p);
    gr_optimizer *opt = optimizer(net, p->adam);
    for (int i = 0; i < 10; i++) step(net, opt, p);
    gr_memory before = gr_memory_use(g);
    for (int i = 0; i < (_i == 0 ? 200 : 3); i++) step(net, opt, p);
    gr_memory after = gr_memory_use(g);
    ck_assert_uint_eq(after.system_requests, before.system_requests);
    ck_assert_uint_eq(after.reserved, before.reserved);
    ck_assert_uint_eq(after.lasting, before.lasting);
    ck_assert_uint_eq(after.step_peak, before.step_peak);
    ck_assert_uint_eq(after.step, 0);
    gr_graph_free(g);
}
END_TEST

/* -- Errors on the way -- */

/* Trains, with a bad batch in the middle if `mistake`. */
static weights trained_past(bool mistake) {
    const plan *p = &plans[0];
    gr_graph *g = gr_graph_new(.seed = 9);
    gr_module *net = network(g, p);
    gr_optimizer *opt = optimizer(net, true);
    for (int i = 0; i < 10; i++) {
        step(net, opt, p);
        if (!mistake || i != 5) continue;
        weights before = copy_weights(net);
        gr_tensor *loss = gr_mse(gr_forward(net, gr_zeros(g, GR_SHAPE(4, 11))), gr_scalar(g, 0));
        ck_assert(!gr_backward(loss));
        ck_assert(!gr_step(opt));
        gr_graph_reset(g);
        ck_assert_str_eq(gr_error(g),
                         "gr_affine: x (4,11) times 0.weight (20,10): 11 inputs, expected 10");
        weights after = copy_weights(net);
        ck_assert(same(before, after));
        free(before.data);
        free(after.data);
        gr_clear_error(g);
    }
    weights w = copy_weights(net);
    gr_graph_free(g);
    return w;
}

START_TEST(a_training_goes_on_after_an_error) {
    weights with = trained_past(true), without = trained_past(false);
    ck_assert(same(with, without));
    free(with.data);
    free(without.data);
}
END_TEST

START_TEST(a_value_that_is_not_finite_stops_the_step) {
    const plan *p = &plans[0];
    gr_graph *g = gr_graph_new(.seed = 9, .anomaly = true);
    gr_module *net = network(g, p);
    gr_optimizer *opt = optimizer(net, true);
    step(net, opt, p);
    weights before = copy_weights(net);
    gr_tensor *y = gr_forward(net, gr_full(g, GR_SHAPE(4, 10), 1));
    gr_backward(gr_mean(gr_log(gr_neg(gr_square(y)))));
    ck_assert(!gr_step(opt));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "gr_log"));
    weights after = copy_weights(net);
    ck_assert(same(before, after));
    gr_clear_error(g);
    gr_clear_grads(net);
    gr_graph_reset(g);
    step(net, opt, p);
    free(before.data);
    free(after.data);
    gr_graph_free(g);
}
END_TEST

/* -- Learning -- */

START_TEST(batches_teach_a_line) {
    enum { ROWS = 100, EPOCHS = 60 };
    gr_graph *g = gr_graph_new(.seed = 3);
    gr_tensor *all_x = gr_keep(gr_uniform(g, GR_SHAPE(ROWS, 2), -1, 1));
    gr_tensor *all_y = gr_zeros(g, GR_SHAPE(ROWS, 1));
    for (int i = 0; i < ROWS; i++)
        all_y->data[i] = 2 * all_x->data[2 * i] - all_x->data[2 * i + 1] + (gr_real)0.5;
    all_y = gr_keep(all_y);
    gr_module *net = gr_linear(g, 2, 1);
    gr_optimizer *opt = gr_sgd(net, .lr = 0.1, .momentum = 0.5);
    gr_batches *batches = gr_batches_new(all_x, all_y, .batch = 16, .shuffle = true);
    gr_tensor *x, *y;
    int steps = 0;
    double first = 0, last = 0; /* the loss, summed over an epoch */
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        last = 0;
        while (gr_batch_next(batches, &x, &y)) {
            gr_tensor *loss = gr_mse(gr_forward(net, x), y);
            ck_assert(gr_backward(loss) && gr_step(opt));
            last += gr_item(loss);
            gr_graph_reset(g);
            steps++;
        }
        if (epoch == 0) first = last;
    }
    ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
    ck_assert_int_eq(steps, EPOCHS * 7);
    ck_assert_double_lt(last, 1e-6 * first);
    gr_tensor *weight = gr_parameter_named(net, "weight");
    ck_assert_double_eq_tol(gr_at(weight, 0), 2, 1e-3);
    ck_assert_double_eq_tol(gr_at(weight, 1), -1, 1e-3);
    ck_assert_double_eq_tol(gr_item(gr_parameter_named(net, "bias")), 0.5, 1e-3);
    gr_graph_free(g);
}
END_TEST

typedef gr_tensor *loss_function(gr_tensor *y, gr_tensor *t);
static gr_tensor *huber(gr_tensor *y, gr_tensor *t) { return gr_huber(y, t, .delta = 0.1); }
static gr_tensor *mse(gr_tensor *y, gr_tensor *t) { return gr_mse(y, t); }

/* The program of README.md: sin(x) from samples of which every twentieth is off by 10. The mean
 * distance of what was learnt from sin. */
static double distance_from_sine(loss_function *f) {
    gr_graph *g = gr_graph_new(.seed = 42);
    gr_module *net = gr_sequential(g, gr_linear(g, 1, 32), gr_relu_layer(g), gr_linear(g, 32, 32),
                                   gr_relu_layer(g), gr_linear(g, 32, 1));
    gr_optimizer *opt = gr_adam(net, .lr = 3e-3);
    gr_shape batch = GR_SHAPE(64, 1);
    for (int i = 0; i <= 1000; i++) {
        gr_tensor *x = gr_uniform(g, batch, -3, 3);
        gr_tensor *outliers = gr_scale(gr_bernoulli(g, batch, 0.05), 10);
        gr_backward(f(gr_forward(net, x), gr_add(gr_sin(x), outliers)));
        gr_step(opt);
        gr_graph_reset(g);
    }
    gr_tensor *x = gr_reshape(gr_scale(gr_shift(gr_arange(g, 61), -30), 0.1), GR_SHAPE(61, 1));
    double distance = gr_item(gr_mean(gr_abs(gr_sub(gr_forward(net, x), gr_sin(x)))));
    ck_assert_msg(!gr_failed(g), "%s", gr_error(g));
    gr_graph_free(g);
    return distance;
}

START_TEST(huber_learns_the_sine_and_mse_is_pulled_up) {
    ck_assert_double_lt(distance_from_sine(huber), 0.06);
    ck_assert_double_gt(distance_from_sine(mse), 0.3);
}
END_TEST

START_TEST(the_loss_goes_down) {
    const plan *p = &plans[0];
    gr_graph *g = gr_graph_new(.seed = 4, .threads = 1);
    gr_module *net = network(g, p);
    gr_optimizer *opt = optimizer(net, p->adam);
    double first = step(net, opt, p), last = first;
    for (int i = 0; i < 200; i++) last = step(net, opt, p);
    ck_assert_double_lt(last, 0.5 * first);
    gr_graph_free(g);
}
END_TEST

Suite *training_suite(void) {
    Suite *s = suite_create("training");
    TCase *threads = tcase_create("threads"); /* valgrind would take minutes */
    tcase_set_tags(threads, "slow");
    tcase_add_loop_test(threads, any_number_of_threads_gives_the_same_bits, 0, N_PLANS);
    tcase_add_loop_test(threads, two_graphs_at_once_give_the_same_bits_as_alone, 0, 2);
    tcase_add_test(threads, another_seed_gives_others);
    suite_add_tcase(s, threads);
    TCase *t = tcase_create("training");
    tcase_add_loop_test(t, after_ten_steps_the_system_is_asked_for_nothing, 0, 2);
    tcase_add_test(t, a_training_goes_on_after_an_error);
    tcase_add_test(t, a_value_that_is_not_finite_stops_the_step);
    tcase_add_test(t, batches_teach_a_line);
    tcase_add_test(t, huber_learns_the_sine_and_mse_is_pulled_up);
    tcase_add_test(t, the_loss_goes_down);
    suite_add_tcase(s, t);
    return s;
}
