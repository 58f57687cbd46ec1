/* Whole trainings against PyTorch: weights, losses, norms of gradients and averages of weights
 * after 50 steps of each optimizer. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/ops/shape.h"
#include "losses/regression.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "optim/clip.h"
#include "optim/ema.h"
#include "optim/optimizer.h"
#include "tests/unit/oracle.h"
#include "tests/unit/suites.h"

/* Rounding adds up over the steps; a weight near 0 has the error of the larger ones that it came
 * from. */
#ifdef GR_DOUBLE
static const oracle_stats closeness = {.tolerance = 1e-9};
#else
static const oracle_stats closeness = {.tolerance = 1e-4, .floor = 1e-6};
#endif

static cJSON *file;

static void read_cases(void) { file = oracle_read("tests/oracle/training.json.gz"); }
static void free_cases(void) { cJSON_Delete(file); }

static const char *text_param(const cJSON *c, const char *name) {
    const cJSON *params = cJSON_GetObjectItem(c, "params");
    return cJSON_GetObjectItem(params, name)->valuestring;
}

/* The network and data that all trainings begin with. */
typedef struct training {
    gr_module *net;
    gr_tensor *x, *t;
    gr_optimizer *opt;
    gr_ema *ema;  /* NULL if the case has none */
    int position; /* the next batch's first row */
} training;

/* Over the module or, if it is NULL, the parameters. */
static gr_optimizer *rmsprop_of(const cJSON *c, gr_module *net, gr_list parameters) {
    return gr_rmsprop(
        net, parameters, .lr = oracle_param(c, "lr", NAN), .alpha = oracle_param(c, "alpha", 0.99),
        .eps = oracle_param(c, "eps", 1e-8), .weight_decay = oracle_param(c, "weight_decay", 0),
        .momentum = oracle_param(c, "momentum", 0), .centered = oracle_flag(c, "centered"));
}

static gr_optimizer *adagrad_of(const cJSON *c, gr_module *net, gr_list parameters) {
    return gr_adagrad(net, parameters, .lr = oracle_param(c, "lr", NAN),
                      .lr_decay = oracle_param(c, "lr_decay", 0),
                      .eps = oracle_param(c, "eps", 1e-10),
                      .weight_decay = oracle_param(c, "weight_decay", 0),
                      .initial_accumulator_value = oracle_param(c, "initial_accumulator_value", 0));
}

static gr_optimizer *adam_of(const cJSON *c, gr_module *net, gr_list parameters) {
    double lr = oracle_param(c, "lr", NAN), eps = oracle_param(c, "eps", 1e-8);
    double beta1 = oracle_param(c, "beta1", 0.9), beta2 = oracle_param(c, "beta2", 0.999);
    if (strcmp(text_param(c, "optimizer"), "adam") == 0)
        return gr_adam(net, parameters, .lr = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps,
                       .weight_decay = oracle_param(c, "weight_decay", 0));
    return gr_adamw(net, parameters, .lr = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps,
                    .weight_decay = oracle_param(c, "weight_decay", 1e-2));
}

static gr_optimizer *optimizer_of(const cJSON *c, gr_module *net, gr_list parameters) {
    const char *type = text_param(c, "optimizer"), *id = cJSON_GetObjectItem(c, "id")->valuestring;
    bool defaults = strcmp(type, id) == 0; /* "adamw" without anything else */
    if (strcmp(type, "adagrad") == 0)
        return defaults ? gr_adagrad(net) : adagrad_of(c, net, parameters);
    if (strcmp(type, "rmsprop") == 0)
        return defaults ? gr_rmsprop(net) : rmsprop_of(c, net, parameters);
    if (strcmp(type, "adamw") == 0 && defaults) return gr_adamw(net);
    if (strcmp(type, "adam") == 0 && defaults) return gr_adam(net);
    if (strcmp(type, "sgd") != 0) return adam_of(c, net, parameters);
    return gr_sgd(net, parameters, .lr = oracle_param(c, "lr", NAN),
                  .weight_decay = oracle_param(c, "weight_decay", 0),
                  .momentum = oracle_param(c, "momentum", 0),
                  .dampening = oracle_param(c, "dampening", 0),
                  .nesterov = oracle_flag(c, "nesterov"));
}

static bool has_param(const cJSON *c, const char *name) {
    return !isnan(oracle_param(c, name, NAN));
}

/* The whole network, or its last layer as a second group with what differs. */
static gr_optimizer *groups_of(const cJSON *c, gr_module *net) {
    if (!has_param(c, "group_lr") && !has_param(c, "group_weight_decay"))
        return optimizer_of(c, net, (gr_list){0});
    gr_list all = gr_parameters(net);
    gr_optimizer *opt = optimizer_of(c, NULL, (gr_list){.n = all.n - 2, .items = all.items});
    ck_assert_ptr_nonnull(
        gr_add_group(opt, NULL, .parameters = {.n = 2, .items = all.items + all.n - 2},
                     .lr = oracle_param(c, "group_lr", GR_AS_FIRST),
                     .weight_decay = oracle_param(c, "group_weight_decay", GR_AS_FIRST)));
    return opt;
}

static training begin(const cJSON *c, gr_graph *graph) {
    const cJSON *start = oracle_find(file, "beginning", "plain");
    training r = {.net = gr_sequential(graph, gr_linear(graph, 4, 8), gr_relu_layer(graph),
                                       gr_linear(graph, 8, 8), gr_relu_layer(graph),
                                       gr_linear(graph, 8, 2), gr_softmax_layer(graph)),
                  .x = gr_keep(oracle_member(graph, start, "in", "x")),
                  .t = gr_keep(oracle_member(graph, start, "in", "t"))};
    for (int i = 0; i < gr_parameters(r.net).n; i++) {
        gr_tensor *p = gr_parameters(r.net).items[i];
        gr_tensor *first = oracle_member(graph, start, "in", p->name);
        ck_assert(gr_shape_equal(first->shape, p->shape));
        memcpy(p->data, first->data, (size_t)p->size * sizeof(gr_real));
    }
    r.opt = groups_of(c, r.net);
    ck_assert_msg(r.opt != NULL, "%s", gr_error(graph));
    if (has_param(c, "ema_decay")) r.ema = gr_ema_new(r.net, oracle_param(c, "ema_decay", NAN));
    gr_graph_reset(graph);
    return r;
}

static double forward_and_backward(const cJSON *c, training *r) {
    int rows = r->x->shape.dim[0], batch = oracle_int(c, "batch", 0), at = r->position % rows;
    r->position += batch;
    gr_tensor *x = gr_slice(r->x, 0, at, at + batch, 1);
    gr_tensor *t = gr_slice(r->t, 0, at, at + batch, 1);
    gr_tensor *y = gr_forward(r->net, x);
    gr_tensor *loss = strcmp(text_param(c, "loss"), "mse") == 0
                          ? gr_mse(y, t)
                          : gr_huber(y, t, .delta = oracle_param(c, "delta", NAN));
    ck_assert_msg(gr_backward(loss), "%s", gr_error(y->graph));
    return gr_item(loss);
}

/* Bounds the gradients as the case says; their norm before. */
static double clip(const cJSON *c, training *r) {
    if (has_param(c, "clip_value"))
        ck_assert(gr_clip_grad_value(r->net, oracle_param(c, "clip_value", NAN)));
    if (!has_param(c, "max_norm")) return NAN;
    return gr_clip_grad_norm(r->net, oracle_param(c, "max_norm", NAN));
}

typedef struct step_result {
    double loss, norm;
} step_result;

static step_result one_step(const cJSON *c, training *r, int step) {
    int every = oracle_int(c, "lr_every", 0), skip = oracle_int(c, "skip", 0);
    if (every > 0)
        ck_assert(gr_scale_lr(r->opt, pow(oracle_param(c, "lr_factor", NAN), step / every)));
    double loss = NAN;
    for (int i = 0; i < oracle_int(c, "accumulate", 1); i++) loss = forward_and_backward(c, r);
    if (skip > 0 && step % skip == 0) {
        gr_clear_grad(gr_parameter_named(r->net, "2.weight"));
        gr_clear_grad(gr_parameter_named(r->net, "2.bias"));
    }
    double norm = clip(c, r);
    ck_assert(gr_step(r->opt));
    if (r->ema != NULL) ck_assert(gr_ema_update(r->ema));
    gr_graph_reset(r->net->graph);
    return (step_result){.loss = loss, .norm = norm};
}

/* The curves "loss" and "norms", a weight, or its average "ema.0.weight". */
static gr_tensor *result(training *r, const char *name, gr_tensor *losses, gr_tensor *norms) {
    if (strcmp(name, "loss") == 0) return losses;
    if (strcmp(name, "norms") == 0) return norms;
    if (strncmp(name, "ema.", 4) != 0) return gr_parameter_named(r->net, name);
    const gr_tensor *p = gr_parameter_named(r->net, name + 4);
    int i = 0;
    while (r->ema->parameters.items[i] != p) i++;
    return gr_from(r->net->graph, p->shape, r->ema->average[i]);
}

static void compare_end(const cJSON *c, training *r, gr_tensor *losses, gr_tensor *norms,
                        oracle_stats *stats) {
    const cJSON *expected;
    cJSON_ArrayForEach(expected, cJSON_GetObjectItem(c, "expected")) {
        const char *name = cJSON_GetObjectItem(expected, "name")->valuestring;
        gr_tensor *t = result(r, name, losses, norms);
        gr_text what;
        oracle_message message;
        snprintf(what.text, sizeof what.text, "%.60s %.40s", oracle_name(c).text, name);
        ck_assert_msg(
            oracle_compare(t, cJSON_GetObjectItem(expected, "data"), what.text, stats, &message),
            "%s", message.text);
    }
    stats->values++;
}

static void train(const cJSON *c, gr_graph *graph, oracle_stats *stats) {
    training r = begin(c, graph);
    gr_shape steps = GR_SHAPE(oracle_int(c, "steps", 0));
    gr_tensor *losses = gr_keep(gr_zeros(graph, steps)), *norms = gr_keep(losses);
    for (int step = 0; step < losses->size; step++) {
        step_result now = one_step(c, &r, step);
        losses->data[step] = (gr_real)now.loss;
        norms->data[step] = (gr_real)now.norm;
    }
    compare_end(c, &r, losses, norms, stats);
}

static const char *const isas[] = {"base", "avx2", "avx512"};
enum { N_ISAS = sizeof isas / sizeof *isas };

START_TEST(trainings_end_where_pytorchs_do) {
    oracle_stats stats = closeness;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (strcmp(cJSON_GetObjectItem(c, "op")->valuestring, "train") != 0) continue;
        gr_graph *graph = gr_graph_new(.isa = isas[_i]);
        if (!gr_failed(graph)) train(c, graph, &stats);
        gr_graph_free(graph);
    }
    ck_assert(_i > 0 || stats.values == 50);
    char title[64];
    snprintf(title, sizeof title, "trainings %s %s", sizeof(gr_real) == 4 ? "float" : "double",
             isas[_i]);
    if (stats.values > 0) oracle_report(title, &stats);
}
END_TEST

Suite *trajectories_suite(void) {
    Suite *s = suite_create("trajectories");
    TCase *t = tcase_create("trajectories");
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_loop_test(t, trainings_end_where_pytorchs_do, 0, N_ISAS);
    suite_add_tcase(s, t);
    return s;
}
