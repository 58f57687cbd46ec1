/* What takes functions or networks, and so is no entry of the registry: the gradient penalty of a
 * critic, GradNorm; and the schedules. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "losses/combination.h"
#include "losses/generative.h"
#include "losses/margin.h"
#include "losses/regression.h"
#include "losses/schedule.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "tests/unit/gradcheck.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void setup(void) {
    file = oracle_read("tests/oracle/modules.json");
    g = gr_graph_new(.seed = 3);
}
static void teardown(void) {
    cJSON_Delete(file);
    gr_graph_free(g);
}

static gr_module *critic_of(const cJSON *c) {
    gr_module *net = gr_sequential(g, gr_linear(g, 3, 6), gr_relu_layer(g), gr_linear(g, 6, 1));
    if (c != NULL) modules_load(c, net);
    return net;
}

/* -- The gradient penalty -- */

START_TEST(penalty_of_a_network_as_in_torch) {
    const char *const ids[] = {"plain", "other"};
    for (int i = 0; i < 2; i++) {
        const cJSON *c = oracle_find(file, "gradient_penalty", ids[i]);
        gr_module *net = critic_of(c);
        /* Between x and x there is x alone. */
        gr_tensor *x = modules_operand(g, c, "x");
        gr_tensor *penalty = gr_gradient_penalty(gr_module_function, net, x, x,
                                                 .lambda = oracle_param(c, "lambda", 10),
                                                 .target = oracle_param(c, "target", 1));
        modules_compare(c, "penalty", penalty);
        ck_assert(gr_backward(penalty));
        modules_compare_grads(c, "", net);
    }
}
END_TEST

/* |x|^2 / 2: its gradient is where it was taken. */
static gr_tensor *half_square(void *context, gr_tensor *x) {
    (void)context;
    return gr_scale(gr_sum(gr_square(x), .axes = GR_AXES(1)), 0.5);
}

START_TEST(penalty_is_taken_between_the_samples) {
    enum { N = 200 };
    const gr_real a[2] = {3, 4};
    gr_tensor *real = gr_zeros(g, GR_SHAPE(N, 2)), *fake = gr_zeros(g, GR_SHAPE(N, 2));
    for (int i = 0; i < 2 * N; i++) fake->data[i] = a[i % 2];
    gr_random_state state = gr_random_get(g);
    gr_tensor *u = gr_uniform(g, GR_SHAPE(N, 1), 0, 1);
    gr_random_set(g, state);
    gr_tensor *p = gr_gradient_penalty(half_square, NULL, real, fake, .lambda = 1, .target = 0,
                                       .reduction = GR_NONE);
    ck_assert_ptr_nonnull(p);
    for (int i = 0; i < N; i++) {
        double norm = 5 * gr_at(u, i); /* |u (3,4)| */
        ck_assert_double_eq_tol(gr_at(p, i), norm * norm, 1e-4);
    }
    ck_assert_uint_ne(gr_random_get(g).counter, state.counter);
}
END_TEST

START_TEST(penalty_without_recording_has_the_same_value) {
    gr_module *net = critic_of(oracle_find(file, "gradient_penalty", "plain"));
    gr_tensor *real = gr_normal(g, GR_SHAPE(4, 3), 0, 1),
              *fake = gr_normal(g, GR_SHAPE(4, 3), 0, 1);
    gr_random_state state = gr_random_get(g);
    gr_tensor *recorded = gr_gradient_penalty(gr_module_function, net, real, fake);
    gr_random_set(g, state);
    gr_no_grad_begin(g);
    gr_tensor *plain = gr_gradient_penalty(gr_module_function, net, real, fake);
    ck_assert(!gr_scale(gr_parameter_named(net, "0.bias"), 2)->requires_grad);
    gr_no_grad_end(g);
    ck_assert(recorded->requires_grad && !plain->requires_grad);
    ck_assert_double_eq(gr_item(recorded), gr_item(plain));
    ck_assert_double_gt(gr_item(plain), 0);
}
END_TEST

START_TEST(penalty_of_a_flat_critic_has_no_gradient) {
    gr_module *net = critic_of(NULL);
    gr_init_constant(gr_parameter_named(net, "2.weight"), 0);
    gr_tensor *x = gr_normal(g, GR_SHAPE(4, 3), 0, 1);
    gr_tensor *penalty = gr_gradient_penalty(gr_module_function, net, x, x);
    ck_assert_double_eq(gr_item(penalty), 10);
    ck_assert(gr_backward(penalty));
    gr_list p = gr_parameters(net);
    for (int i = 0; i < p.n; i++)
        for (int64_t k = 0; p.items[i]->grad != NULL && k < p.items[i]->size; k++)
            ck_assert_double_eq(gr_at(p.items[i]->grad, k), 0);
}
END_TEST

START_TEST(penalty_refuses) {
    gr_module *net = critic_of(NULL);
    gr_tensor *x = gr_zeros(g, GR_SHAPE(4, 3)), *y = gr_zeros(g, GR_SHAPE(2, 3));
    ck_assert_ptr_null(gr_gradient_penalty(gr_module_function, net, x, y));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "real (4,3) and fake (2,3)"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_gradient_penalty(gr_module_function, net, x, x, .lambda = -1));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "lambda is -1"));
    gr_clear_error(g);
    ck_assert_ptr_null(gr_gradient_penalty(NULL, NULL, x, x));
    ck_assert_ptr_nonnull(strstr(gr_error(g), "critic is NULL"));
    gr_clear_error(g);
    /* A critic that fails: 2 inputs where it takes 3. Recording goes on as it was. */
    gr_tensor *z = gr_zeros(g, GR_SHAPE(4, 2));
    gr_no_grad_begin(g);
    ck_assert_ptr_null(gr_gradient_penalty(gr_module_function, net, z, z));
    gr_no_grad_end(g);
    ck_assert(gr_failed(g));
    gr_clear_error(g);
    ck_assert_ptr_nonnull(gr_gradient_penalty(gr_module_function, net, x, x));
    ck_assert_ptr_null(gr_gradient_penalty(gr_module_function, net, NULL, x));
}
END_TEST

/* -- GradNorm -- */

typedef struct two_tasks {
    gr_tensor *x, *t, *weights, *initial, *shared, *bias, *a, *b;
    gr_tensor *loss[2];
} two_tasks;

static two_tasks tasks_of(const cJSON *c) {
    two_tasks s = {.x = modules_operand(g, c, "x"),
                   .t = modules_operand(g, c, "t"),
                   .initial = modules_operand(g, c, "initial")};
    gr_tensor **leaves[] = {&s.weights, &s.shared, &s.bias, &s.a, &s.b};
    const char *const names[] = {"weights", "shared", "bias", "a", "b"};
    for (int i = 0; i < 5; i++) *leaves[i] = gr_requires_grad(modules_operand(g, c, names[i]));
    gr_tensor *hidden = gr_tanh(gr_affine(s.x, s.shared, s.bias));
    s.loss[0] = gr_mse(gr_affine(hidden, s.a, NULL), s.t);
    s.loss[1] = gr_scale(gr_mse(gr_affine(hidden, s.b, NULL), gr_neg(s.t)), 3);
    return s;
}

static gr_tensor *gradnorm_of(const cJSON *c, const two_tasks *s, bool weights_only) {
    return gr_gradnorm(GR_LIST(s->loss[0], s->loss[1]), s->initial, s->weights,
                       GR_LIST(s->shared, s->bias), .alpha = oracle_param(c, "alpha", 1.5),
                       .weights_only = weights_only);
}

START_TEST(gradnorm_of_two_tasks_as_in_torch) {
    const char *const ids[] = {"1.5", "0.5"};
    for (int i = 0; i < 2; i++) {
        const cJSON *c = oracle_find(file, "gradnorm", ids[i]);
        gr_graph_reset(g);
        two_tasks s = tasks_of(c);
        gr_tensor *loss = gradnorm_of(c, &s, false);
        modules_compare(c, "loss", loss);
        ck_assert(gr_backward(loss));
        modules_compare(c, "grad weights", s.weights->grad);
        modules_compare(c, "grad shared", s.shared->grad);
        modules_compare(c, "grad bias", s.bias->grad);
        modules_compare(c, "grad a", s.a->grad);
        modules_compare(c, "grad b", s.b->grad);
    }
}
END_TEST

START_TEST(gradnorm_can_move_the_weights_alone) {
    const cJSON *c = oracle_find(file, "gradnorm", "1.5");
    two_tasks s = tasks_of(c);
    gr_tensor *loss = gradnorm_of(c, &s, true);
    modules_compare(c, "loss", loss);
    ck_assert(gr_backward(loss));
    modules_compare(c, "grad weights", s.weights->grad);
    ck_assert_ptr_null(s.shared->grad);
    ck_assert_ptr_null(s.a->grad);
}
END_TEST

#define REFUSED(message, call)                                                                     \
    do {                                                                                           \
        gr_clear_error(g);                                                                         \
        ck_assert_ptr_null(call);                                                                  \
        ck_assert_str_eq(gr_error(g), message);                                                    \
    } while (0)

START_TEST(gradnorm_refuses) {
    const cJSON *c = oracle_find(file, "gradnorm", "1.5");
    two_tasks s = tasks_of(c);
    s.initial->data[1] = 0;
    REFUSED("gr_gradnorm: initial (2) has 0 at (1), expected more than 0",
            gradnorm_of(c, &s, false));
    s.initial->data[1] = 1;
    gr_no_grad_begin(g);
    REFUSED("gr_gradnorm: the graph is not recording, so that there are no gradients",
            gradnorm_of(c, &s, false));
    gr_no_grad_end(g);
    gr_list losses = GR_LIST(s.loss[0], s.loss[1]), nothing = {0, NULL};
    REFUSED("gr_gradnorm: shared is an empty list",
            gr_gradnorm(losses, s.initial, s.weights, nothing));
    REFUSED("gr_gradnorm: shared[1] is NULL",
            gr_gradnorm(losses, s.initial, s.weights, GR_LIST(s.shared, NULL)));
    REFUSED("gr_gradnorm: losses is an empty list",
            gr_gradnorm(nothing, s.initial, s.weights, GR_LIST(s.shared)));
    s.loss[1] = gr_scalar(g, -2);
    REFUSED("gr_gradnorm: losses[1] is -2, expected 0 or more", gradnorm_of(c, &s, false));
    s.loss[0] = s.loss[1] = s.t;
    REFUSED("gr_gradnorm: t (5,1), expected losses of one number", gradnorm_of(c, &s, false));
}
END_TEST

/* -- Sums of losses -- */

START_TEST(sums_of_losses_refuse) {
    gr_tensor *one = gr_scalar(g, 1), *two = gr_zeros(g, GR_SHAPE(2));
    gr_list unlike = GR_LIST(one, one, two), nothing = {0, NULL};
    REFUSED("gr_weighted_sum: losses[0] () and losses[2] (2): the shapes of the losses differ",
            gr_weighted_sum(unlike));
    REFUSED("gr_weighted_sum: losses is an empty list", gr_weighted_sum(nothing, two));
    REFUSED("gr_uncertainty_weighting: losses is an empty list",
            gr_uncertainty_weighting(nothing, two));
}
END_TEST

/* A hinge loss is 0 once the task is learnt, and from then on its log_var falls. */
START_TEST(a_learnt_task_leaves_the_weighting_finite) {
    gr_tensor *score = gr_requires_grad(gr_full(g, GR_SHAPE(3), 5));
    for (double s = -50; s > -2000; s *= 1.3) {
        gr_tensor *log_vars = gr_requires_grad(gr_from(g, GR_SHAPE(2), (gr_real[]){(gr_real)s, 0}));
        gr_tensor *learnt = gr_hinge(score, gr_full(g, GR_SHAPE(3), 1));
        gr_tensor *other = gr_sum(gr_square(score));
        gr_tensor *loss = gr_uncertainty_weighting(GR_LIST(learnt, other), log_vars);
        ck_assert_double_eq_tol(gr_item(loss), s / 2 + 37.5, 1e-4);
        gr_tensor *grads[2];
        ck_assert(gr_grads(GR_LIST(loss), GR_LIST(score, log_vars), grads));
        ck_assert_double_eq(gr_at(grads[0], 0), 5);
        ck_assert_double_eq(gr_at(grads[1], 0), 0.5);
        ck_assert_double_eq(gr_at(grads[1], 1), -37);
    }
}
END_TEST

/* -- By differences -- */

#ifdef GR_DOUBLE

static gr_tensor *smooth_critic(void *context, gr_tensor *x) {
    gr_tensor **w = context;
    return gr_affine(gr_tanh(gr_affine(x, w[0], NULL)), w[1], NULL);
}

static gr_tensor *run_penalty(void *context, gr_tensor **x) {
    gr_random_set(g, *(gr_random_state *)context);
    return gr_gradient_penalty(smooth_critic, x, x[2], x[3], .target = 0.3, .reduction = GR_NONE);
}

START_TEST(penalty_by_differences) {
    gr_tensor *x[] = {gr_normal(g, GR_SHAPE(4, 3), 0, 1), gr_normal(g, GR_SHAPE(1, 4), 0, 1),
                      gr_normal(g, GR_SHAPE(2, 3), 0, 1), gr_normal(g, GR_SHAPE(2, 3), 0, 1)};
    for (int i = 0; i < 4; i++) gr_requires_grad(x[i]);
    gr_random_state state = gr_random_get(g);
    gradcheck_report report;
    ck_assert_msg(gradcheck(run_penalty, &state, (gr_list){4, x}, (gradcheck_options){0}, &report),
                  "%s", report.message);
}
END_TEST

#endif

/* -- Schedules -- */

START_TEST(schedules) {
    ck_assert_double_eq(gr_schedule_linear(-5, 0, 10, 2, 4), 2);
    ck_assert_double_eq(gr_schedule_linear(0, 0, 10, 2, 4), 2);
    ck_assert_double_eq_tol(gr_schedule_linear(3, 0, 10, 2, 4), 2.6, 1e-15);
    ck_assert_double_eq(gr_schedule_linear(10, 0, 10, 2, 4), 4);
    ck_assert_double_eq(gr_schedule_linear(INT64_MAX, 0, 10, 2, 4), 4);
    ck_assert_double_eq(gr_schedule_linear(6, 7, 7, 2, 4), 2);
    ck_assert_double_eq(gr_schedule_linear(7, 7, 7, 2, 4), 4);
    ck_assert_double_nan(gr_schedule_linear(0, 1, 0, 2, 4));
    ck_assert_double_eq(gr_schedule_cosine(20, 20, 40, 1, 0), 1);
    ck_assert_double_eq_tol(gr_schedule_cosine(25, 20, 40, 1, 0), (1 + sqrt(0.5)) / 2, 1e-15);
    ck_assert_double_eq_tol(gr_schedule_cosine(30, 20, 40, 1, 0), 0.5, 1e-15);
    ck_assert_double_eq(gr_schedule_cosine(41, 20, 40, 1, 0), 0);
    for (int64_t step = 0; step < 100; step++) { /* periods of 25 */
        double expected = fmin(1, (double)(step % 25) / 12.5);
        ck_assert_double_eq_tol(gr_schedule_cyclical(step, 100, 4, 0.5), expected, 1e-15);
    }
    ck_assert_double_eq(gr_schedule_cyclical(100, 100, 4, 0.5), 1);
    ck_assert_double_eq(gr_schedule_cyclical(-1, 100, 4, 0.5), 0);
    ck_assert_double_eq_tol(gr_schedule_cyclical(9, 10, 1, 1), 0.9, 1e-15);
    /* Periods of ceil(10 / 3) steps, each as long as 10 / 3 for the rise, as in the paper. */
    ck_assert_double_eq_tol(gr_schedule_cyclical(1, 10, 3, 0.5), 0.6, 1e-15);
    ck_assert_double_eq(gr_schedule_cyclical(3, 10, 3, 0.5), 1);
    ck_assert_double_eq(gr_schedule_cyclical(4, 10, 3, 0.5), 0);
    ck_assert_double_eq(gr_schedule_cyclical(0, 1, 1, 0.5), 0); /* one step in all */
    ck_assert_double_nan(gr_schedule_cyclical(0, 0, 1, 0.5));
    ck_assert_double_nan(gr_schedule_cyclical(0, 10, 0, 0.5));
    ck_assert_double_nan(gr_schedule_cyclical(0, 10, 1, 0));
    ck_assert_double_nan(gr_schedule_cyclical(0, 10, 1, 1.5));
}
END_TEST

Suite *generative_suite(void) {
    Suite *s = suite_create("generative");
    TCase *t = tcase_create("generative");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, penalty_of_a_network_as_in_torch);
    tcase_add_test(t, penalty_is_taken_between_the_samples);
    tcase_add_test(t, penalty_without_recording_has_the_same_value);
    tcase_add_test(t, penalty_of_a_flat_critic_has_no_gradient);
    tcase_add_test(t, penalty_refuses);
    tcase_add_test(t, gradnorm_of_two_tasks_as_in_torch);
    tcase_add_test(t, gradnorm_can_move_the_weights_alone);
    tcase_add_test(t, gradnorm_refuses);
    tcase_add_test(t, sums_of_losses_refuse);
    tcase_add_test(t, a_learnt_task_leaves_the_weighting_finite);
#ifdef GR_DOUBLE
    tcase_add_test(t, penalty_by_differences);
#endif
    tcase_add_test(t, schedules);
    suite_add_tcase(s, t);
    return s;
}
