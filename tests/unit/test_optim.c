/* Optimizers: what gr_step promises, groups of parameters, errors. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/update.h"
#include "losses/regression.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "optim/optimizer.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 1); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

/* -- What a step does -- */

static gr_tensor *weight(int n, double value) {
    gr_tensor *w = gr_parameter(g, GR_SHAPE(n), "w");
    for (int i = 0; i < n; i++) w->data[i] = (gr_real)value;
    return w;
}

/* Backward of sum(factor w): the gradient is `factor` everywhere. */
static bool pull(gr_tensor *w, double factor) { return gr_backward(gr_sum(gr_scale(w, factor))); }

/* An average of gradients that are 0 comes to 0 and not to subnormal numbers. */
START_TEST(averages_die_out) {
    gr_tensor *w = weight(40, 1), *zero = gr_zeros(g, GR_SHAPE(40));
    gr_real memory[3][40], least = sizeof(gr_real) == 4 ? (gr_real)FLT_MIN : (gr_real)DBL_MIN;
    for (int rule = 0; rule < 3; rule++) {
        for (int i = 0; i < 120; i++) memory[i / 40][i % 40] = i % 2 ? least : -least;
        if (rule == 0) gr_update_sgd(w, zero, memory[0], (gr_sgd_update){.lr = 1, .momentum = 0.5});
        if (rule == 1)
            gr_update_adam(w, zero, memory[0], memory[1],
                           (gr_adam_update){1, 0.5, 0.5, 1, .step = 5});
        if (rule == 2)
            gr_update_rmsprop(
                w, zero, memory[0], memory[1], memory[2],
                (gr_rmsprop_update){.lr = 1, .alpha = 0.5, .eps = 1, .momentum = 0.5});
        for (int i = 0; i < 40 * (rule + 1); i++) ck_assert(memory[i / 40][i % 40] == 0);
    }
    ck_assert_double_eq(gr_at(w, 39), 1);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(a_step_takes_the_gradients_away) {
    gr_tensor *w = weight(3, 1);
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(w), .lr = 0.5);
    ck_assert(pull(w, 1));
    ck_assert_ptr_nonnull(w->grad);
    ck_assert(gr_step(opt));
    ck_assert_ptr_null(w->grad);
    ck_assert_double_eq(gr_at(w, 2), 0.5);
    ck_assert(gr_step(opt)); /* no gradient: nothing moves */
    ck_assert_double_eq(gr_at(w, 2), 0.5);
    ck_assert_int_eq(opt->steps[0], 1);
    ck_assert(pull(w, 3)); /* does not add to what the step took */
    ck_assert_double_eq(gr_at(w->grad, 0), 3);
}
END_TEST

START_TEST(gradients_of_two_passes_add_up) {
    gr_tensor *w = weight(2, 1);
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(w), .lr = 1);
    ck_assert(pull(w, 2));
    gr_graph_reset(g);
    ck_assert(pull(w, 0.5));
    ck_assert_double_eq(gr_at(w->grad, 1), 2.5);
    ck_assert(gr_step(opt));
    ck_assert_double_eq(gr_at(w, 1), -1.5);
}
END_TEST

START_TEST(parts_of_a_batch_move_as_the_whole) {
    enum { ROWS = 12, PARTS = 4, PART = ROWS / PARTS };
    gr_module *nets[] = {gr_linear(g, 3, 2), gr_linear(g, 3, 2)};
    gr_tensor *x = gr_keep(gr_uniform(g, GR_SHAPE(ROWS, 3), -1, 1));
    gr_tensor *y = gr_keep(gr_uniform(g, GR_SHAPE(ROWS, 2), -1, 1));
    gr_tensor *w[2];
    for (int i = 0; i < 2; i++) {
        w[i] = gr_parameter_named(nets[i], "weight");
        for (int k = 0; k < 6; k++) w[i]->data[k] = (gr_real)(0.1 * k);
        gr_parameter_named(nets[i], "bias")->data[1] =
            gr_parameter_named(nets[i], "bias")->data[0] = 0;
    }
    ck_assert(gr_backward(gr_mse(gr_forward(nets[0], x), y)));
    ck_assert(gr_step(gr_sgd(nets[0], .lr = 1)));
    for (int i = 0; i < PARTS; i++) {
        gr_tensor *xi = gr_slice(x, 0, i * PART, (i + 1) * PART, 1);
        gr_tensor *yi = gr_slice(y, 0, i * PART, (i + 1) * PART, 1);
        ck_assert(gr_backward(gr_scale(gr_mse(gr_forward(nets[1], xi), yi), 1.0 / PARTS)));
        gr_graph_reset(g);
    }
    ck_assert(gr_step(gr_sgd(nets[1], .lr = 1)));
    for (int k = 0; k < 6; k++)
        ck_assert_double_eq_tol(gr_at(w[0], k), gr_at(w[1], k),
                                sizeof(gr_real) == 4 ? 1e-6 : 1e-14);
    ck_assert_double_ne(gr_at(w[0], 3), (gr_real)(0.1 * 3));
}
END_TEST

START_TEST(what_has_no_gradient_stays) {
    gr_tensor *used = weight(2, 1), *unused = weight(2, 1);
    gr_optimizer *opts[] = {
        gr_adam(NULL, .parameters = GR_LIST(used, unused), .weight_decay = 1, .lr = 0.1),
        gr_sgd(NULL, .parameters = GR_LIST(used, unused), .weight_decay = 1, .momentum = 0.9)};
    for (int i = 0; i < 2; i++) {
        double before = gr_at(used, 0);
        ck_assert(pull(used, 1));
        ck_assert(gr_step(opts[i]));
        ck_assert_double_lt(gr_at(used, 0), before);
        ck_assert_double_eq(gr_at(unused, 0), 1);
        ck_assert_int_eq(opts[i]->steps[0], 1);
        ck_assert_int_eq(opts[i]->steps[1], 0);
    }
}
END_TEST

START_TEST(only_the_listed_parameters_move) {
    gr_module *net = gr_sequential(g, gr_linear(g, 3, 3), gr_linear(g, 3, 1));
    gr_tensor *w = gr_parameter_named(net, "0.weight"), *b = gr_parameter_named(net, "1.bias");
    gr_tensor *still = gr_parameter_named(net, "1.weight");
    gr_tensor *items[] = {w, b};
    gr_optimizer *opt = gr_adam(NULL, .parameters = {.n = 2, .items = items}, .lr = 0.1);
    items[0] = items[1] = NULL; /* the list was copied */
    double before[] = {gr_at(w, 0), gr_at(b, 0), gr_at(still, 0)};
    ck_assert(gr_backward(gr_sum(gr_forward(net, gr_full(g, GR_SHAPE(2, 3), 1)))));
    ck_assert(gr_step(opt));
    ck_assert_double_ne(gr_at(w, 0), before[0]);
    ck_assert_double_eq_tol(gr_at(b, 0), before[1] - 0.1, 1e-6); /* Adam's first step is lr long */
    ck_assert_double_eq(gr_at(still, 0), before[2]);
    ck_assert_ptr_nonnull(still->grad);
}
END_TEST

START_TEST(nothing_moves_in_a_failed_graph) {
    gr_tensor *w = weight(2, 1);
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(w), .lr = 1, .momentum = 0.5);
    ck_assert(pull(w, 1));
    ck_assert_ptr_null(gr_reshape(w, GR_SHAPE(5)));
    ck_assert(!gr_step(opt));
    ck_assert_double_eq(gr_at(w, 0), 1);
    ck_assert_int_eq(opt->steps[0], 0);
    gr_clear_error(g);
    ck_assert_ptr_nonnull(w->grad);
    ck_assert(gr_step(opt));
    ck_assert_double_eq(gr_at(w, 0), 0);
}
END_TEST

START_TEST(lr_may_change_and_be_zero) {
    gr_tensor *w = weight(1, 1);
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(w), .lr = 0);
    ck_assert(pull(w, 1) && gr_step(opt));
    ck_assert_double_eq(gr_at(w, 0), 1);
    opt->lr = 0.25;
    ck_assert(pull(w, 1) && gr_step(opt));
    ck_assert_double_eq(gr_at(w, 0), 0.75);
}
END_TEST

START_TEST(a_bad_lr_spoils_nothing) {
    static const double bad[] = {NAN, INFINITY, -1};
    gr_tensor *w = weight(1, 1);
    gr_optimizer *opts[] = {gr_sgd(NULL, .parameters = GR_LIST(w)),
                            gr_adam(NULL, .parameters = GR_LIST(w))};
    ck_assert(pull(w, 1));
    for (int i = 0; i < 6; i++) {
        opts[i % 2]->lr = bad[i / 2];
        ck_assert(!gr_step(opts[i % 2]));
        ck_assert_ptr_nonnull(strstr(gr_error(g), "gr_step: lr is "));
        gr_clear_error(g);
        ck_assert_double_eq(gr_at(w, 0), 1);
        ck_assert_ptr_nonnull(w->grad);
    }
}
END_TEST

START_TEST(a_dead_weight_does_not_become_nan) {
    gr_tensor *w = weight(4, 1);
    gr_optimizer *opts[] = {gr_adam(NULL, .parameters = GR_LIST(w)),
                            gr_rmsprop(NULL, .parameters = GR_LIST(w), .centered = true),
                            gr_adagrad(NULL, .parameters = GR_LIST(w))};
    for (int i = 0; i < 15; i++) ck_assert(pull(w, 0) && gr_step(opts[i % 3]));
    for (int i = 0; i < 4; i++) ck_assert_double_eq(gr_at(w, i), 1);
}
END_TEST

START_TEST(an_infinite_gradient_moves_infinitely_far) {
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        gr_tensor *w = weight(20, 1);
        gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(w), .lr = 0.1, .momentum = 0.9,
                                   .nesterov = nesterov);
        pull(w, INFINITY);
        gr_step(opt);
        for (int i = 0; i < 20; i++) ck_assert_double_eq(gr_at(w, i), -INFINITY);
    }
}
END_TEST

/* s - m^2 is 0 in the limit, and rounding must not make it negative under the root. */
START_TEST(a_steady_gradient_is_no_nan_to_centered_rmsprop) {
    gr_tensor *w = weight(64, 1), *factors = gr_zeros(g, GR_SHAPE(64));
    for (int i = 0; i < 64; i++) factors->data[i] = (gr_real)(0.1 + i / 7.0);
    factors = gr_keep(factors);
    gr_optimizer *opt =
        gr_rmsprop(NULL, .parameters = GR_LIST(w), .centered = true, .alpha = 0.5, .lr = 1e-9);
    for (int i = 0; i < 100; i++) {
        ck_assert(gr_backward(gr_sum(gr_mul(w, factors))) && gr_step(opt));
        gr_graph_reset(g);
    }
    for (int i = 0; i < 64; i++) ck_assert(isfinite(gr_at(w, i)));
}
END_TEST

START_TEST(adamw_decays_without_a_slope) {
    gr_tensor *w = weight(1, 1);
    gr_optimizer *opt = gr_adamw(NULL, .parameters = GR_LIST(w), .lr = 0.5, .weight_decay = 0.5);
    for (int i = 0; i < 2; i++) ck_assert(pull(w, 0) && gr_step(opt));
    ck_assert_double_eq(gr_at(w, 0), 0.75 * 0.75);
}
END_TEST

START_TEST(memories_have_pytorchs_names) {
    gr_list w = GR_LIST(weight(2, 1));
    const struct {
        gr_optimizer *opt;
        const char *names[4];
    } rows[] = {
        {gr_sgd(NULL, .parameters = w), {NULL}},
        {gr_sgd(NULL, .parameters = w, .momentum = 0.5), {"momentum_buffer"}},
        {gr_adam(NULL, .parameters = w), {"exp_avg", "exp_avg_sq"}},
        {gr_adamw(NULL, .parameters = w), {"exp_avg", "exp_avg_sq"}},
        {gr_rmsprop(NULL, .parameters = w), {"square_avg"}},
        {gr_rmsprop(NULL, .parameters = w, .momentum = 0.5), {"square_avg", "momentum_buffer"}},
        {gr_rmsprop(NULL, .parameters = w, .centered = true), {"square_avg", "grad_avg"}},
        {gr_rmsprop(NULL, .parameters = w, .centered = true, .momentum = 0.5),
         {"square_avg", "grad_avg", "momentum_buffer"}},
        {gr_adagrad(NULL, .parameters = w), {"sum"}}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int n = 0;
        while (rows[r].names[n] != NULL) n++;
        ck_assert_int_eq(rows[r].opt->type->memories, n);
        for (int k = 0; k < n; k++) {
            ck_assert_str_eq(rows[r].opt->type->memory_names[k], rows[r].names[k]);
            ck_assert_ptr_nonnull(rows[r].opt->memory[k][0]);
        }
    }
}
END_TEST

START_TEST(empty_parameters_are_no_harm) {
    gr_tensor *empty = gr_parameter(g, GR_SHAPE(0, 3), "empty"), *w = weight(2, 1);
    gr_optimizer *opt = gr_adam(NULL, .parameters = GR_LIST(empty, w), .lr = 0.1);
    ck_assert_msg(opt != NULL, "%s", gr_error(g));
    ck_assert(gr_backward(gr_add(gr_sum(empty), gr_sum(w))));
    ck_assert(gr_step(opt));
    ck_assert_double_eq_tol(gr_at(w, 0), 0.9, 1e-6);
}
END_TEST

/* -- Going on with a training -- */

typedef gr_optimizer *make_function(gr_list parameters);
static gr_optimizer *make_sgd(gr_list p) { return gr_sgd(NULL, p, .momentum = 0.9, .lr = 0.1); }
static gr_optimizer *make_adam(gr_list p) { return gr_adam(NULL, p, .lr = 0.1); }
static gr_optimizer *make_adamw(gr_list p) { return gr_adamw(NULL, p, .lr = 0.1); }
static gr_optimizer *make_rmsprop(gr_list p) {
    return gr_rmsprop(NULL, p, .centered = true, .momentum = 0.5);
}
static gr_optimizer *make_adagrad(gr_list p) {
    return gr_adagrad(NULL, p, .initial_accumulator_value = 0.1, .lr_decay = 0.5);
}

static void copy_state(gr_optimizer *to, const gr_optimizer *from) {
    for (; to != NULL; to = to->next, from = from->next)
        for (int i = 0; i < to->parameters.n; i++) {
            gr_tensor *p = to->parameters.items[i], *q = from->parameters.items[i];
            size_t bytes = (size_t)p->size * sizeof(gr_real);
            memcpy(p->data, q->data, bytes);
            to->steps[i] = from->steps[i];
            for (int k = 0; k < to->type->memories; k++)
                memcpy(to->memory[k][i], from->memory[k][i], bytes);
        }
}

static void walk(gr_tensor *a, gr_tensor *b, gr_optimizer *opt, int from, int to) {
    for (int i = from; i < to; i++)
        ck_assert(pull(a, sin(i)) && pull(b, cos(3 * i)) && gr_step(opt));
}

START_TEST(a_copied_state_goes_on_in_the_same_way) {
    make_function *const makes[] = {make_sgd, make_adam, make_adamw, make_rmsprop, make_adagrad};
    gr_tensor *p[4];
    gr_optimizer *opts[2];
    for (int i = 0; i < 4; i++) p[i] = weight(3, i < 2 ? 1 : 0);
    for (int i = 0; i < 2; i++) {
        opts[i] = makes[_i](GR_LIST(p[2 * i]));
        ck_assert_ptr_nonnull(gr_add_group(opts[i], NULL, .parameters = GR_LIST(p[2 * i + 1])));
    }
    walk(p[0], p[1], opts[0], 0, 5);
    copy_state(opts[1], opts[0]);
    for (int i = 0; i < 2; i++) walk(p[2 * i], p[2 * i + 1], opts[i], 5, 12);
    for (int i = 0; i < 2; i++) {
        ck_assert_double_eq(gr_at(p[i], 1), gr_at(p[2 + i], 1));
        ck_assert_double_ne(gr_at(p[i], 1), 1);
    }
}
END_TEST

/* -- Groups -- */

START_TEST(groups_step_with_the_first) {
    gr_tensor *a = weight(1, 1), *b = weight(1, 1), *c = weight(1, 1);
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(a), .lr = 0.5, .weight_decay = 1);
    opt->lr = 0.25; /* others begin with the initial one */
    gr_optimizer *second = gr_add_group(opt, NULL, .parameters = GR_LIST(b), .lr = 2);
    gr_optimizer *third = gr_add_group(second, NULL, .parameters = GR_LIST(c), .weight_decay = 0);
    ck_assert_msg(third != NULL, "%s", gr_error(g));
    ck_assert(opt->next == second && second->next == third && third->next == NULL);
    ck_assert(second->first == opt && third->first == opt);
    ck_assert_double_eq(second->weight_decay, 1);
    ck_assert_double_eq(third->lr, 0.5);
    ck_assert(pull(a, 1) && pull(b, 1) && pull(c, 1));
    ck_assert(gr_step(second)); /* any of them is a step of all */
    ck_assert_double_eq(gr_at(a, 0), 1 - 0.25 * 2);
    ck_assert_double_eq(gr_at(b, 0), 1 - 2 * 2);
    ck_assert_double_eq(gr_at(c, 0), 1 - 0.5 * 1);
    ck_assert_int_eq(opt->steps[0], 1);
    ck_assert_int_eq(third->steps[0], 1);
}
END_TEST

START_TEST(a_group_has_memory_of_its_own) {
    gr_tensor *a = weight(2, 1), *b = weight(3, 1);
    gr_optimizer *opt = gr_adam(NULL, .parameters = GR_LIST(a), .lr = 0.1);
    ck_assert(pull(a, 1) && pull(b, 1) && gr_step(opt));
    gr_clear_grad(b);
    gr_optimizer *late = gr_add_group(opt, NULL, .parameters = GR_LIST(b));
    ck_assert(late->memory[0][0] != opt->memory[0][0] && late->memory[1][0] != opt->memory[1][0]);
    ck_assert(pull(b, 2) && gr_step(opt));
    ck_assert_double_eq_tol(gr_at(b, 2), 0.9, 1e-6); /* Adam's first step */
    ck_assert_double_eq_tol(gr_at(a, 1), 0.9, 1e-6);
    ck_assert_int_eq(opt->steps[0], 1);
    ck_assert_int_eq(late->steps[0], 1);
}
END_TEST

START_TEST(scale_lr_scales_all_groups) {
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(weight(1, 1)), .lr = 2);
    gr_optimizer *group = gr_add_group(opt, gr_linear(g, 2, 1), .lr = 8);
    for (int i = 0; i < 2; i++) { /* not on top of each other */
        ck_assert(gr_scale_lr(i == 0 ? opt : group, 0.25));
        ck_assert_double_eq(opt->lr, 0.5);
        ck_assert_double_eq(group->lr, 2);
    }
    ck_assert(gr_scale_lr(opt, 1));
    ck_assert_double_eq(group->lr, 8);
}
END_TEST

/* -- An optimizer of one's own -- */

/* Moves each element by lr against the sign of the sum of its gradients so far. */
static void sign_update(gr_optimizer *opt, int i) {
    gr_tensor *p = opt->parameters.items[i];
    gr_real *sum = opt->memory[0][i], lr = (gr_real)opt->lr;
    for (int64_t k = 0; k < p->size; k++) {
        sum[k] += p->grad->data[k];
        p->data[k] -= sum[k] > 0 ? lr : sum[k] < 0 ? -lr : 0;
    }
}

START_TEST(an_optimizer_of_ones_own) {
    static const gr_optimizer_type type = {.name = "sign", .memories = 1, .update = sign_update};
    gr_tensor *w = weight(2, 1);
    gr_optimizer *opt = gr_optimizer_new(&type, NULL, GR_LIST(w), 0.5, sizeof *opt);
    static const double pulls[] = {3, -1, -5}, expected[] = {0.5, 0, 0.5};
    for (int i = 0; i < 3; i++) {
        ck_assert(pull(w, pulls[i]) && gr_step(opt));
        ck_assert_double_eq(gr_at(w, 1), expected[i]);
    }
}
END_TEST

/* -- Errors -- */

#define FAILS(call, message)                                                                       \
    do {                                                                                           \
        ck_assert(!gr_failed(g));                                                                  \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        ck_assert_str_eq(gr_error(g), message);                                                    \
        gr_clear_error(g);                                                                         \
    } while (0)

START_TEST(number_errors) {
    gr_list w = GR_LIST(weight(2, 0));
    FAILS(gr_sgd(NULL, .parameters = w, .lr = -1), "gr_sgd: lr is -1, expected 0 or more");
    FAILS(gr_adam(NULL, .parameters = w, .lr = INFINITY), "gr_adam: lr is inf, expected 0 or more");
    FAILS(gr_adam(NULL, .parameters = w, .lr = NAN), "gr_adam: lr is nan, expected 0 or more");
    FAILS(gr_sgd(NULL, .parameters = w, .momentum = -0.5),
          "gr_sgd: momentum is -0.5, dampening 0, weight_decay 0, expected 0 or more");
    FAILS(gr_sgd(NULL, .parameters = w, .momentum = 0.5, .dampening = NAN),
          "gr_sgd: momentum is 0.5, dampening nan, weight_decay 0, expected 0 or more");
    FAILS(gr_sgd(NULL, .parameters = w, .weight_decay = INFINITY),
          "gr_sgd: momentum is 0, dampening 0, weight_decay inf, expected 0 or more");
    FAILS(gr_sgd(NULL, .parameters = w, .nesterov = true),
          "gr_sgd: nesterov with momentum 0 and dampening 0, expected momentum above 0 and "
          "dampening 0");
    FAILS(gr_sgd(NULL, .parameters = w, .nesterov = true, .momentum = 0.9, .dampening = 0.1),
          "gr_sgd: nesterov with momentum 0.9 and dampening 0.1, expected momentum above 0 and "
          "dampening 0");
    FAILS(gr_adam(NULL, .parameters = w, .beta1 = 1),
          "gr_adam: beta1 is 1 and beta2 0.999, expected [0, 1)");
    FAILS(gr_adam(NULL, .parameters = w, .beta2 = -0.1),
          "gr_adam: beta1 is 0.9 and beta2 -0.1, expected [0, 1)");
    FAILS(gr_adam(NULL, .parameters = w, .beta2 = NAN),
          "gr_adam: beta1 is 0.9 and beta2 nan, expected [0, 1)");
    FAILS(gr_adam(NULL, .parameters = w, .eps = -1e-8),
          "gr_adam: eps is -1e-08 and weight_decay 0, expected 0 or more");
    FAILS(gr_adam(NULL, .parameters = w, .weight_decay = NAN),
          "gr_adam: eps is 1e-08 and weight_decay nan, expected 0 or more");
    FAILS(gr_adamw(NULL, .parameters = w, .lr = NAN), "gr_adamw: lr is nan, expected 0 or more");
    FAILS(gr_adamw(NULL, .parameters = w, .beta1 = 1),
          "gr_adamw: beta1 is 1 and beta2 0.999, expected [0, 1)");
    FAILS(gr_adamw(NULL, .parameters = w, .weight_decay = -1),
          "gr_adamw: eps is 1e-08 and weight_decay -1, expected 0 or more");
}
END_TEST

START_TEST(number_errors_of_rmsprop_and_adagrad) {
    gr_list w = GR_LIST(weight(2, 0));
    FAILS(gr_rmsprop(NULL, .parameters = w, .lr = -1), "gr_rmsprop: lr is -1, expected 0 or more");
    FAILS(gr_rmsprop(NULL, .parameters = w, .alpha = 1), "gr_rmsprop: alpha is 1, expected [0, 1)");
    FAILS(gr_rmsprop(NULL, .parameters = w, .alpha = NAN),
          "gr_rmsprop: alpha is nan, expected [0, 1)");
    FAILS(gr_rmsprop(NULL, .parameters = w, .momentum = -0.5),
          "gr_rmsprop: eps is 1e-08, weight_decay 0, momentum -0.5, expected 0 or more");
    FAILS(gr_rmsprop(NULL, .parameters = w, .momentum = NAN),
          "gr_rmsprop: eps is 1e-08, weight_decay 0, momentum nan, expected 0 or more");
    FAILS(gr_rmsprop(NULL, .parameters = w, .eps = -1, .weight_decay = INFINITY),
          "gr_rmsprop: eps is -1, weight_decay inf, momentum 0, expected 0 or more");
    FAILS(gr_adagrad(NULL, .parameters = w, .lr = INFINITY),
          "gr_adagrad: lr is inf, expected 0 or more");
    FAILS(gr_adagrad(NULL, .parameters = w, .lr_decay = -1),
          "gr_adagrad: lr_decay is -1, weight_decay 0, initial_accumulator_value 0, eps 1e-10, "
          "expected 0 or more");
    FAILS(gr_adagrad(NULL, .parameters = w, .initial_accumulator_value = NAN),
          "gr_adagrad: lr_decay is 0, weight_decay 0, initial_accumulator_value nan, eps 1e-10, "
          "expected 0 or more");
}
END_TEST

START_TEST(parameter_errors) {
    gr_graph *other = gr_graph_new();
    gr_tensor *w = weight(2, 0), *foreign = gr_parameter(other, GR_SHAPE(3), "v");
    FAILS(gr_sgd(gr_relu_layer(g)), "gr_sgd: the relu has no parameters");
    FAILS(gr_adam(gr_sequential(g, gr_relu_layer(g))), "gr_adam: the sequential has no parameters");
    FAILS(gr_adam(NULL, .parameters = GR_LIST(w, NULL)), "gr_adam: parameter 1 is NULL");
    FAILS(gr_adam(NULL, .parameters = GR_LIST(NULL, w)), "gr_adam: parameter 0 is NULL");
    FAILS(gr_sgd(NULL, .parameters = GR_LIST(w, foreign)),
          "gr_sgd: v (3) belongs to another graph than the first parameter");
    FAILS(gr_sgd(NULL, .parameters = GR_LIST(gr_keep(w))),
          "gr_sgd: w (2) is no parameter: it must be a leaf that lasts and requires a gradient");
    FAILS(gr_sgd(NULL, .parameters = GR_LIST(gr_requires_grad(gr_zeros(g, GR_SHAPE(2))))),
          "gr_sgd: parameter (2) is no parameter: it must be a leaf that lasts and requires a "
          "gradient");
    FAILS(gr_adam(NULL, .parameters = GR_LIST(gr_neg(w))),
          "gr_adam: parameter (2) is no parameter: it must be a leaf that lasts and requires a "
          "gradient");
    ck_assert_ptr_null(gr_adam(NULL));
    ck_assert_ptr_null(gr_sgd(NULL, .parameters = GR_LIST(NULL)));
    ck_assert(!gr_step(NULL));
    ck_assert(!gr_failed(g) && !gr_failed(other));
    gr_graph_free(other);
}
END_TEST

START_TEST(group_errors) {
    gr_graph *other = gr_graph_new();
    gr_tensor *w = weight(2, 1), *v = weight(2, 1);
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(w));
    gr_list free_one = GR_LIST(v);
    FAILS(gr_add_group(opt, NULL, .parameters = GR_LIST(v, w)),
          "gr_add_group: w (2) is in a group of this optimizer already");
    FAILS(gr_add_group(opt, gr_relu_layer(g)), "gr_add_group: there are no parameters");
    FAILS(gr_add_group(opt, NULL), "gr_add_group: there are no parameters");
    FAILS(gr_add_group(opt, NULL, .parameters = GR_LIST(NULL)),
          "gr_add_group: parameter 0 is NULL");
    FAILS(gr_add_group(opt, gr_linear(other, 1, 1)),
          "gr_add_group: the module belongs to another graph than the optimizer");
    FAILS(gr_add_group(opt, NULL, .parameters = GR_LIST(gr_neg(v))),
          "gr_add_group: parameter (2) is no parameter: it must be a leaf that lasts and requires "
          "a gradient");
    FAILS(gr_add_group(opt, NULL, .parameters = free_one, .lr = -1),
          "gr_add_group: lr is -1 and weight_decay 0, expected 0 or more");
    FAILS(gr_add_group(opt, NULL, .parameters = free_one, .weight_decay = NAN),
          "gr_add_group: lr is 0.001 and weight_decay nan, expected 0 or more");
    ck_assert_ptr_null(opt->next);
    ck_assert_ptr_null(gr_add_group(NULL, NULL, .parameters = free_one));
    FAILS(gr_scale_lr(opt, NAN), "gr_scale_lr: factor is nan, expected 0 or more");
    ck_assert(!gr_scale_lr(NULL, 1));
    gr_fail(g, "before");
    ck_assert(!gr_scale_lr(opt, 0.5) && gr_add_group(opt, NULL, .parameters = free_one) == NULL);
    ck_assert_double_eq(opt->lr, 1e-3);
    ck_assert_str_eq(gr_error(g), "before");
    gr_graph_free(other);
}
END_TEST

START_TEST(a_bad_number_of_one_group_moves_none) {
    gr_tensor *a = weight(1, 1), *b = weight(1, 1);
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(a), .lr = 1);
    gr_optimizer *group = gr_add_group(opt, NULL, .parameters = GR_LIST(b));
    ck_assert(pull(a, 1) && pull(b, 1));
    group->lr = NAN;
    FAILS(gr_step(opt), "gr_step: lr is nan, expected 0 or more");
    group->lr = 1;
    group->weight_decay = -1;
    FAILS(gr_step(opt), "gr_step: weight_decay is -1, expected 0 or more");
    ck_assert_double_eq(gr_at(a, 0), 1);
    ck_assert_ptr_nonnull(a->grad);
}
END_TEST

START_TEST(type_errors) {
    static const gr_optimizer_type greedy = {
        .name = "greedy", .memories = 4, .update = sign_update};
    static const gr_optimizer_type small = {.name = "small", .update = sign_update};
    char message[128];
    gr_tensor *w = weight(1, 0);
    snprintf(message, sizeof message,
             "gr_greedy: 4 memories in %zu bytes, expected 0 to 3 and at least %zu bytes",
             sizeof(gr_optimizer), sizeof(gr_optimizer));
    FAILS(gr_optimizer_new(&greedy, NULL, GR_LIST(w), 1, sizeof(gr_optimizer)), message);
    snprintf(message, sizeof message,
             "gr_small: 0 memories in 8 bytes, expected 0 to 3 and at least %zu bytes",
             sizeof(gr_optimizer));
    FAILS(gr_optimizer_new(&small, NULL, GR_LIST(w), 1, 8), message);
}
END_TEST

START_TEST(update_errors) {
    gr_tensor *w = weight(2, 1), *grad = gr_full(g, GR_SHAPE(3), 1);
    gr_real m[2] = {0}, v[2] = {0};
    gr_sgd_update sgd = {.lr = 1};
    gr_adam_update adam = {.lr = 1, .step = 1};
    FAILS((gr_update_sgd(w, grad, NULL, sgd), false),
          "gr_update_sgd: grad (3) for w (2): the shapes differ");
    FAILS((gr_update_adam(w, grad, m, v, adam), false),
          "gr_update_adam: grad (3) for w (2): the shapes differ");
    FAILS((gr_update_rmsprop(w, grad, m, NULL, NULL, (gr_rmsprop_update){.lr = 1}), false),
          "gr_update_rmsprop: grad (3) for w (2): the shapes differ");
    FAILS((gr_update_adagrad(w, grad, m, (gr_adagrad_update){.lr = 1}), false),
          "gr_update_adagrad: grad (3) for w (2): the shapes differ");
    FAILS((gr_update_sgd(w, NULL, NULL, sgd), false), "gr_update_sgd: grad is NULL");
    gr_update_sgd(NULL, grad, NULL, sgd);
    gr_update_adam(NULL, grad, m, v, adam);
    ck_assert(!gr_failed(g));
    ck_assert_double_eq(gr_at(w, 0), 1);
}
END_TEST

START_TEST(an_optimizer_in_a_failed_graph_is_null) {
    gr_module *net = gr_linear(g, 1, 1);
    gr_fail(g, "before");
    ck_assert_ptr_null(gr_adam(net));
    ck_assert_ptr_null(gr_sgd(net, .lr = -1));
    ck_assert_str_eq(gr_error(g), "before");
}
END_TEST

Suite *optim_suite(void) {
    Suite *s = suite_create("optim");
    TCase *t = tcase_create("steps");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, averages_die_out);
    tcase_add_test(t, a_step_takes_the_gradients_away);
    tcase_add_test(t, gradients_of_two_passes_add_up);
    tcase_add_test(t, parts_of_a_batch_move_as_the_whole);
    tcase_add_test(t, what_has_no_gradient_stays);
    tcase_add_loop_test(t, a_copied_state_goes_on_in_the_same_way, 0, 5);
    tcase_add_test(t, only_the_listed_parameters_move);
    tcase_add_test(t, nothing_moves_in_a_failed_graph);
    tcase_add_test(t, lr_may_change_and_be_zero);
    tcase_add_test(t, a_bad_lr_spoils_nothing);
    tcase_add_test(t, a_dead_weight_does_not_become_nan);
    tcase_add_test(t, empty_parameters_are_no_harm);
    tcase_add_test(t, an_optimizer_of_ones_own);
    tcase_add_test(t, an_infinite_gradient_moves_infinitely_far);
    tcase_add_test(t, a_steady_gradient_is_no_nan_to_centered_rmsprop);
    tcase_add_test(t, adamw_decays_without_a_slope);
    tcase_add_test(t, memories_have_pytorchs_names);
    tcase_add_test(t, number_errors);
    tcase_add_test(t, number_errors_of_rmsprop_and_adagrad);
    tcase_add_test(t, parameter_errors);
    tcase_add_test(t, groups_step_with_the_first);
    tcase_add_test(t, a_group_has_memory_of_its_own);
    tcase_add_test(t, scale_lr_scales_all_groups);
    tcase_add_test(t, group_errors);
    tcase_add_test(t, a_bad_number_of_one_group_moves_none);
    tcase_add_test(t, type_errors);
    tcase_add_test(t, update_errors);
    tcase_add_test(t, an_optimizer_in_a_failed_graph_is_null);
    suite_add_tcase(s, t);
    return s;
}
