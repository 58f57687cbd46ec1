/* Modules, layers and initial values. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "losses/regression.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/sequential.h"
#include "optim/optimizer.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 5); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

static gr_module *small_net(gr_graph *graph) {
    gr_module *inner = gr_sequential(graph, gr_linear(graph, 20, 20), gr_relu_layer(graph),
                                     gr_linear(graph, 20, 7, .bias = false));
    return gr_sequential(graph, gr_linear(graph, 10, 20), gr_relu_layer(graph), inner,
                         gr_softmax_layer(graph), gr_linear(graph, 7, 1));
}

/* -- Modules of one's own: the examples of nn/module.h, to the letter -- */

typedef struct shift_layer {
    gr_module module;
    gr_tensor *shift;
} shift_layer;
static gr_tensor *shift_forward(gr_module *m, gr_tensor *x) {
    return gr_add(x, ((shift_layer *)m)->shift);
}
static const gr_module_type shift_type = {"shift", shift_forward};
gr_module *shift_layer_new(gr_graph *g, int n) {
    shift_layer *l = gr_module_new(g, &shift_type, sizeof *l);
    if (l == NULL) return NULL;
    l->shift = gr_add_parameter(&l->module, "shift", GR_SHAPE(n));
    return gr_failed(g) ? NULL : &l->module;
}

static char *text_of_file(const char *path) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: can't be read; run the tests from the repository's root",
                  path);
    char *text = calloc(1, 1 << 20);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
    fclose(file);
    return text;
}

typedef struct denoiser {
    gr_module module;
    gr_module *encoder, *decoder;
    gr_tensor *noise;
} denoiser;
static gr_tensor *denoiser_forward(gr_module *m, gr_tensor *x) {
    denoiser *d = (denoiser *)m;
    if (m->training) x = gr_add(x, gr_mul(gr_normal(m->graph, x->shape, 0, 1), d->noise));
    return gr_forward(d->decoder, gr_tanh(gr_forward(d->encoder, x)));
}
static const gr_module_type denoiser_type = {"denoiser", denoiser_forward};
gr_module *denoiser_new(gr_graph *g, int n, int code, double noise) {
    denoiser *d = gr_module_new(g, &denoiser_type, sizeof *d);
    if (d == NULL) return NULL;
    d->encoder = gr_linear(g, n, code);
    d->decoder = gr_linear(g, code, n);
    d->noise = gr_add_buffer(&d->module, "noise", gr_scalar(g, noise));
    gr_add_child(&d->module, "encoder", d->encoder);
    gr_add_child(&d->module, "decoder", d->decoder);
    return gr_failed(g) ? NULL : &d->module;
}

/* Each line of the header's example that begins so stands in this file. Their number. */
static int lines_of_example(const char *beginning) {
    char *header = text_of_file("nn/module.h"), *here = text_of_file(__FILE__);
    int lines = 0;
    char *line = strstr(header, beginning);
    ck_assert_ptr_nonnull(line);
    for (char *end; strncmp(line, " *     ", 7) == 0; line = end + 1, lines++) {
        end = strchr(line, '\n');
        *end = '\0';
        ck_assert_msg(strstr(here, line + 7) != NULL, "not in %s: %s", __FILE__, line + 7);
    }
    free(header);
    free(here);
    return lines;
}

START_TEST(the_examples_of_the_header_are_those_tested_here) {
    ck_assert_int_eq(lines_of_example(" *     typedef struct shift_layer"), 14);
    ck_assert_int_eq(lines_of_example(" *     typedef struct denoiser"), 21);
}
END_TEST

START_TEST(a_layer_of_ones_own_is_trained_like_any_other) {
    gr_module *net = gr_sequential(g, gr_relu_layer(g), shift_layer_new(g, 3));
    gr_tensor *shift = gr_parameter_named(net, "1.shift");
    ck_assert_msg(shift != NULL, "%s", gr_error(g));
    const gr_real numbers[] = {-1, 0, 1, 2, 3, 4};
    gr_tensor *x = gr_from(g, GR_SHAPE(2, 3), numbers);
    shift->data[1] = 10;
    gr_tensor *y = gr_forward(net, x);
    const double expected[] = {0, 10, 1, 2, 13, 4};
    for (int i = 0; i < 6; i++) ck_assert_double_eq(gr_at(y, i), expected[i]);
    ck_assert(gr_backward(gr_sum(y)));
    for (int i = 0; i < 3; i++) ck_assert_double_eq(gr_at(shift->grad, i), 2);
    ck_assert(gr_step(gr_sgd(net, .lr = 0.5)));
    ck_assert_double_eq(gr_at(shift, 0), -1);
    ck_assert_double_eq(gr_at(shift, 1), 9);
}
END_TEST

static double error_of(gr_module *m, gr_tensor *x) {
    return gr_item(gr_mean(gr_square(gr_sub(gr_forward(m, x), x))));
}

START_TEST(a_module_of_others_is_trained_like_any_other) {
    gr_module *m = denoiser_new(g, 3, 2, 0.125);
    ck_assert_msg(m != NULL, "%s", gr_error(g));
    const char *const names[] = {"encoder.weight", "encoder.bias", "decoder.weight",
                                 "decoder.bias"};
    ck_assert_int_eq(gr_parameters(m).n, 4);
    for (int i = 0; i < 4; i++) ck_assert_str_eq(gr_parameters(m).items[i]->name, names[i]);
    ck_assert_double_eq(gr_item(gr_buffer_named(m, "noise")), 0.125);
    gr_optimizer *opt = gr_adam(m, .lr = 0.01);
    const gr_real numbers[] = {-1, 0, 1, 0.5, 1, -0.5};
    double first = 0;
    for (int step = 0; step < 300; step++) {
        gr_tensor *x = gr_from(g, GR_SHAPE(2, 3), numbers);
        ck_assert(gr_backward(gr_mse(gr_forward(m, x), x)));
        ck_assert(gr_step(opt));
        if (step == 0) first = error_of(m, x);
        gr_graph_reset(g);
    }
    gr_tensor *x = gr_from(g, GR_SHAPE(2, 3), numbers);
    ck_assert_double_ne(error_of(m, x), error_of(m, x)); /* the noise */
    gr_set_training(m, false);
    ck_assert_double_eq(error_of(m, x), error_of(m, x));
    ck_assert_double_le(error_of(m, x), first / 10);
    ck_assert_ptr_null(denoiser_new(NULL, 3, 2, 1));
    ck_assert_ptr_null(denoiser_new(g, 3, 0, 1));
    ck_assert_str_eq(gr_error(g), "gr_linear: 3 inputs and 0 outputs, expected at least 1");
}
END_TEST

/* -- Buffers, modes, children -- */

START_TEST(buffers_are_named_and_are_no_parameters) {
    gr_module *inner = shift_layer_new(g, 2);
    const int32_t count[] = {7};
    gr_tensor *mean = gr_add_buffer(inner, "mean", gr_full(g, GR_SHAPE(3), 0.5));
    gr_tensor *calls = gr_add_buffer(inner, "calls", gr_from_index(g, GR_SCALAR, count));
    gr_module *net = gr_sequential(g, gr_relu_layer(g), gr_sequential(g, inner));
    ck_assert_msg(net != NULL, "%s", gr_error(g));
    gr_graph_reset(g);
    ck_assert_int_eq(gr_buffers(net).n, 2);
    ck_assert_int_eq(gr_parameters(net).n, 1);
    ck_assert_str_eq(mean->name, "1.0.mean");
    ck_assert_ptr_eq(gr_buffer_named(net, "1.0.mean"), mean);
    ck_assert_ptr_eq(gr_buffer_named(net, "1.0.calls"), calls);
    ck_assert_ptr_null(gr_buffer_named(net, "mean"));
    ck_assert_ptr_null(gr_buffer_named(net, NULL));
    ck_assert(mean->lasting && !mean->requires_grad);
    ck_assert_double_eq(gr_at(mean, 2), 0.5);
    ck_assert_int_eq(calls->index[0], 7);
    ck_assert_int_eq(gr_buffers(NULL).n, 0);
}
END_TEST

START_TEST(buffers_are_refused) {
    gr_module *m = shift_layer_new(g, 2);
    ck_assert_ptr_null(gr_add_buffer(NULL, "mean", gr_scalar(g, 0)));
    ck_assert(!gr_failed(g));
    ck_assert_ptr_null(gr_add_buffer(m, "shift", gr_scalar(g, 0)));
    ck_assert_str_eq(gr_error(g), "gr_add_buffer: shift has a parameter shift already");
    gr_clear_error(g);
    ck_assert_ptr_nonnull(gr_add_buffer(m, "mean", gr_scalar(g, 0)));
    ck_assert_ptr_null(gr_add_parameter(m, "mean", GR_SHAPE(1)));
    ck_assert_str_eq(gr_error(g), "gr_add_parameter: shift has a buffer mean already");
    gr_clear_error(g);
    gr_graph *other = gr_graph_new(.seed = 1);
    ck_assert_ptr_null(gr_add_buffer(m, "far", gr_scalar(other, 0)));
    ck_assert_str_eq(gr_error(g), "gr_add_buffer: far of shift belongs to another graph");
    gr_graph_free(other);
    gr_clear_error(g);
    gr_sequential(g, m);
    ck_assert_ptr_null(gr_add_buffer(m, "late", gr_scalar(g, 0)));
    ck_assert_str_eq(gr_error(g),
                     "gr_add_buffer: late comes too late: the shift has a parent already");
}
END_TEST

START_TEST(the_mode_reaches_every_module) {
    gr_module *leaf = gr_relu_layer(g), *inner = gr_sequential(g, leaf, gr_relu_layer(g));
    gr_module *net = gr_sequential(g, gr_linear(g, 1, 1), inner);
    ck_assert(net->training && inner->training && leaf->training);
    gr_set_training(net, false);
    ck_assert(!net->training && !inner->training && !leaf->training && !leaf->next->training);
    gr_set_training(inner, true);
    ck_assert(!net->training && inner->training && leaf->training);
    gr_set_training(NULL, true);
}
END_TEST

START_TEST(children_are_found_by_name) {
    gr_module *leaf = gr_relu_layer(g), *net = gr_sequential(g, gr_linear(g, 1, 1), leaf);
    ck_assert_ptr_eq(gr_child(net, "1"), leaf);
    ck_assert_str_eq(leaf->name, "1");
    ck_assert_ptr_null(net->name);
    ck_assert_ptr_null(gr_child(net, "2"));
    ck_assert_ptr_null(gr_child(net, NULL));
    ck_assert_ptr_null(gr_child(NULL, "1"));
}
END_TEST

/* -- Names, shapes, order -- */

START_TEST(parameters_have_their_names_shapes_and_order) {
    static const struct {
        const char *name;
        gr_shape shape;
    } expected[] = {
        {"0.weight", {2, {20, 10}}}, {"0.bias", {1, {20}}},        {"2.0.weight", {2, {20, 20}}},
        {"2.0.bias", {1, {20}}},     {"2.2.weight", {2, {7, 20}}}, {"4.weight", {2, {1, 7}}},
        {"4.bias", {1, {1}}},
    };
    gr_module *net = small_net(g);
    ck_assert_msg(net != NULL, "%s", gr_error(g));
    gr_list parameters = gr_parameters(net);
    ck_assert_int_eq(parameters.n, 7);
    for (int i = 0; i < parameters.n; i++) {
        gr_tensor *p = parameters.items[i];
        ck_assert_str_eq(p->name, expected[i].name);
        ck_assert(gr_shape_equal(p->shape, expected[i].shape));
        ck_assert(p->requires_grad && p->lasting && p->node == NULL && p->grad == NULL);
        ck_assert_ptr_eq(gr_parameter_named(net, expected[i].name), p);
    }
    ck_assert_int_eq(gr_parameter_size(net), 20 * 10 + 20 + 20 * 20 + 20 + 7 * 20 + 7 + 1);
    ck_assert_ptr_null(gr_parameter_named(net, "2.2.bias"));
    ck_assert_ptr_null(gr_parameter_named(net, "weight"));
    ck_assert_ptr_null(gr_parameter_named(net, ""));
    ck_assert_ptr_null(gr_parameter_named(net, NULL));
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(a_module_alone_has_plain_names) {
    gr_module *m = gr_linear(g, 3, 2);
    ck_assert_str_eq(gr_parameters(m).items[0]->name, "weight");
    ck_assert_str_eq(gr_parameters(m).items[1]->name, "bias");
    ck_assert_int_eq(gr_parameters(gr_linear(g, 3, 2, .bias = false)).n, 1);
    ck_assert_int_eq(gr_parameters(gr_relu_layer(g)).n, 0);
    ck_assert_int_eq(gr_parameters(NULL).n, 0);
    ck_assert_int_eq(gr_parameter_size(NULL), 0);
    ck_assert_ptr_null(gr_parameter_named(NULL, "weight"));
    gr_clear_grads(NULL);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(a_part_of_a_network_has_names_of_its_own) {
    gr_module *layer = gr_linear(g, 3, 2), *norm = gr_batch_norm1d_layer(g, 2);
    gr_module *block = gr_sequential(g, layer, norm);
    gr_tensor *weight = gr_parameter_named(layer, "weight");
    gr_tensor *mean = gr_buffer_named(norm, "running_mean");
    ck_assert_ptr_nonnull(weight);
    ck_assert_ptr_nonnull(mean);
    gr_module *net = gr_named_sequential(g, {"first", gr_relu_layer(g)}, {"block", block});
    ck_assert_str_eq(weight->name, "block.0.weight");
    ck_assert_ptr_eq(gr_parameter_named(layer, "weight"), weight);
    ck_assert_ptr_eq(gr_parameter_named(block, "0.weight"), weight);
    ck_assert_ptr_eq(gr_parameter_named(net, "block.0.weight"), weight);
    ck_assert_ptr_eq(gr_buffer_named(norm, "running_mean"), mean);
    ck_assert_ptr_eq(gr_buffer_named(block, "1.running_mean"), mean);
    ck_assert_ptr_null(gr_parameter_named(layer, "block.0.weight"));
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(many_children_keep_their_order) {
    enum { MANY = 200 };
    gr_module *children[MANY];
    for (int i = 0; i < MANY; i++) children[i] = shift_layer_new(g, 1);
    gr_module *net = gr_sequential_(g, children, MANY);
    ck_assert_int_eq(gr_parameters(net).n, MANY);
    for (int i = 0; i < MANY; i++) {
        char name[24];
        snprintf(name, sizeof name, "%d.shift", i);
        ck_assert_str_eq(gr_parameters(net).items[i]->name, name);
        gr_parameters(net).items[i]->data[0] = 1;
    }
    ck_assert_double_eq(gr_item(gr_forward(net, gr_scalar(g, 0))), MANY);
}
END_TEST

START_TEST(modules_nest_deeply) {
    gr_module *net = gr_linear(g, 1, 1);
    for (int i = 0; i < 50; i++) net = gr_sequential(g, net);
    const char *name = gr_parameters(net).items[0]->name;
    ck_assert_uint_eq(strlen(name), 50 * strlen("0.") + strlen("weight"));
    ck_assert_ptr_eq(gr_parameter_named(net, name), gr_parameters(net).items[0]);
    ck_assert_ptr_null(gr_forward(net, gr_zeros(g, GR_SHAPE(1, 2)))); /* a long name in a message */
    ck_assert_ptr_nonnull(strstr(gr_error(g), "0.0.0."));
}
END_TEST

START_TEST(clear_grads_forgets_all) {
    gr_module *net = small_net(g);
    gr_backward(gr_sum(gr_forward(net, gr_full(g, GR_SHAPE(2, 10), 0.5))));
    ck_assert_ptr_nonnull(gr_parameter_named(net, "4.bias")->grad);
    gr_clear_grads(net);
    for (int i = 0; i < 7; i++) ck_assert_ptr_null(gr_parameters(net).items[i]->grad);
}
END_TEST

START_TEST(an_empty_sequence_changes_nothing) {
    gr_tensor *x = gr_arange(g, 3);
    ck_assert_ptr_eq(gr_forward(gr_sequential_(g, NULL, 0), x), x);
}
END_TEST

START_TEST(softmax_is_over_the_last_axis) {
    const gr_real numbers[] = {0, 0, 0, 0, 1, 2};
    gr_tensor *y = gr_forward(gr_softmax_layer(g), gr_from(g, GR_SHAPE(2, 3), numbers));
    ck_assert_double_eq_tol(gr_at(y, 1), 1.0 / 3, 1e-6);
    ck_assert_double_eq_tol(gr_at(y, 4), exp(1) / (1 + exp(1) + exp(2)), 1e-6);
}
END_TEST

/* -- The linear layer against PyTorch -- */

static void check_linear(const cJSON *c, oracle_stats *stats) {
    const cJSON *weight = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "in"), 1);
    const cJSON *shape = cJSON_GetObjectItem(weight, "shape");
    bool bias = cJSON_GetArraySize(cJSON_GetObjectItem(c, "in")) == 3;
    int in = cJSON_GetArrayItem(shape, 1)->valueint, out = cJSON_GetArrayItem(shape, 0)->valueint;
    modules_check(c, gr_linear(g, in, out, .bias = bias), stats);
}

START_TEST(linear_is_pytorchs) {
    cJSON *file = oracle_read("tests/oracle/training.json.gz");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (strcmp(cJSON_GetObjectItem(c, "op")->valuestring, "linear") != 0) continue;
        check_linear(c, &stats);
        gr_graph_reset(g);
    }
    ck_assert_int_eq(stats.second, 6);
    oracle_report("linear", &stats);
    cJSON_Delete(file);
}
END_TEST

/* -- Initial values -- */

typedef struct moments {
    double mean, variance, largest;
} moments;

static moments moments_of(const gr_tensor *t) {
    moments m = {0, 0, 0};
    for (int64_t i = 0; i < t->size; i++) {
        double x = gr_at(t, i);
        m.mean += x / (double)t->size;
        m.variance += x * x / (double)t->size;
        m.largest = fmax(m.largest, fabs(x));
    }
    return m;
}

/* Bounds of five standard deviations of what is estimated from so many numbers. */
static void check_distribution(const gr_tensor *t, double variance, bool uniform) {
    moments m = moments_of(t);
    double n = (double)t->size, bound = sqrt(3 * variance);
    ck_assert_double_le(fabs(m.mean), 5 * sqrt(variance / n));
    ck_assert_double_le(fabs(m.variance / variance - 1), 5 * sqrt((uniform ? 0.8 : 2) / n));
    if (uniform) {
        ck_assert_double_le(m.largest, bound * (1 + 1e-6));
        ck_assert_double_ge(m.largest, bound * (1 - 20 / n));
    } else {
        ck_assert_double_ge(m.largest, 3.5 * sqrt(variance));
    }
}

static const struct {
    gr_init init;
    bool uniform;
    double by_in, by_sum; /* the variance is by_in / fan_in + by_sum / (fan_in + fan_out) */
} inits[] = {
    {GR_INIT_DEFAULT, true, 1.0 / 3, 0},   {GR_INIT_KAIMING_UNIFORM, true, 2, 0},
    {GR_INIT_KAIMING_NORMAL, false, 2, 0}, {GR_INIT_XAVIER_UNIFORM, true, 0, 2},
    {GR_INIT_XAVIER_NORMAL, false, 0, 2},
};
enum { N_INITS = sizeof inits / sizeof *inits };

static double variance_of(int i, double fan_in, double fan_out) {
    return inits[i].by_in / fan_in + inits[i].by_sum / (fan_in + fan_out);
}

START_TEST(layers_begin_as_they_should) {
    gr_module *m = gr_linear(g, 200, 300, .init = inits[_i].init);
    ck_assert_msg(m != NULL, "%s", gr_error(g));
    check_distribution(gr_parameter_named(m, "weight"), variance_of(_i, 200, 300),
                       inits[_i].uniform);
    gr_tensor *bias = gr_parameter_named(m, "bias");
    if (inits[_i].init == GR_INIT_DEFAULT)
        check_distribution(bias, 1.0 / 3 / 200, true);
    else
        ck_assert_double_eq(moments_of(bias).largest, 0);
}
END_TEST

START_TEST(kernels_count_in_the_fans) {
    gr_tensor *w = gr_parameter(g, GR_SHAPE(40, 20, 3, 5), "w");
    ck_assert_ptr_eq(gr_initialise(w, inits[_i].init), w);
    check_distribution(w, variance_of(_i, 20 * 15, 40 * 15), inits[_i].uniform);
}
END_TEST

START_TEST(zeros_and_constants) {
    gr_module *m = gr_linear(g, 3, 2, .init = GR_INIT_ZEROS);
    for (int i = 0; i < 2; i++)
        ck_assert_double_eq(moments_of(gr_parameters(m).items[i]).largest, 0);
    gr_tensor *w = gr_parameter(g, GR_SHAPE(4), NULL);
    ck_assert_ptr_eq(gr_init_constant(w, -2.5), w);
    for (int i = 0; i < 4; i++) ck_assert_double_eq(gr_at(w, i), -2.5);
    gr_tensor *empty = gr_parameter(g, GR_SHAPE(0, 3), NULL);
    ck_assert_ptr_eq(gr_init_normal(empty, 0, 1), empty);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(gain_and_slope_count) {
    gr_tensor *w = gr_parameter(g, GR_SHAPE(300, 200), "w");
    const double gain = 5.0 / 3, a = 0.5;
    check_distribution(gr_init_xavier_uniform(w, gain), gain * gain * 2 / 500, true);
    check_distribution(gr_init_xavier_normal(w, gain), gain * gain * 2 / 500, false);
    check_distribution(gr_init_xavier_normal(w, -gain), gain * gain * 2 / 500, false);
    check_distribution(gr_init_kaiming_uniform(w, a), 2 / (1.25 * 200), true);
    check_distribution(gr_init_kaiming_normal(w, a), 2 / (1.25 * 200), false);
    gr_init_normal(w, 100, 0.5);
    ck_assert_double_eq_tol(moments_of(w).mean, 100, 5 * 0.5 / sqrt(60000));
    gr_init_uniform(w, 2, 3);
    moments m = moments_of(w);
    ck_assert_double_eq_tol(m.mean, 2.5, 0.01);
    ck_assert_double_le(m.largest, 3);
}
END_TEST

/* The largest difference of the Gram matrix of the rows, or of the columns, from gain^2 I. */
static double off_orthogonal(const gr_tensor *w, double gain) {
    int64_t out = w->shape.dim[0], in = w->size / out, n = out < in ? out : in;
    double largest = 0;
    for (int64_t a = 0; a < n; a++) {
        for (int64_t b = 0; b < n; b++) {
            double sum = a == b ? -gain * gain : 0;
            if (out <= in)
                for (int64_t k = 0; k < in; k++) sum += gr_at(w, a * in + k) * gr_at(w, b * in + k);
            else
                for (int64_t k = 0; k < out; k++)
                    sum += gr_at(w, k * in + a) * gr_at(w, k * in + b);
            largest = fmax(largest, fabs(sum));
        }
    }
    return largest;
}

START_TEST(orthogonal_weights) {
    const gr_shape shapes[] = {GR_SHAPE(30, 80), GR_SHAPE(80, 30),      GR_SHAPE(50, 50),
                               GR_SHAPE(1, 7),   GR_SHAPE(7, 1),        GR_SHAPE(1, 1),
                               GR_SHAPE(2, 2),   GR_SHAPE(16, 3, 3, 3), GR_SHAPE(20, 2, 2, 3)};
    const double gains[] = {1, 1.5, -2}, eps = sizeof(gr_real) == 4 ? 1e-6 : 1e-14;
    for (int i = 0; i < 9; i++) {
        for (int k = 0; k < 3; k++) {
            gr_tensor *w = gr_parameter(g, shapes[i], "w");
            ck_assert_ptr_eq(gr_init_orthogonal(w, gains[k]), w);
            ck_assert_double_le(off_orthogonal(w, gains[k]), eps * gains[k] * gains[k]);
        }
    }
    gr_module *m = gr_linear(g, 40, 30, .init = GR_INIT_ORTHOGONAL);
    ck_assert_double_le(off_orthogonal(gr_parameter_named(m, "weight"), 1), eps);
    ck_assert_double_eq(moments_of(gr_parameter_named(m, "bias")).largest, 0);
    ck_assert_double_eq(moments_of(gr_init_orthogonal(gr_parameters(m).items[0], 0)).largest, 0);
}
END_TEST

/* Of orthogonal matrices (2,2), half are rotations, and their angle is uniform: its cosine and sine
 * have the mean 0, the variance 1/2, and the fourth moment 3/8. Without the choice of signs the
 * elements would not have the mean 0. */
START_TEST(orthogonal_weights_are_uniform) {
    enum { N = 4000 };
    gr_tensor *w = gr_parameter(g, GR_SHAPE(2, 2), NULL);
    double mean[4] = {0}, square[4] = {0}, fourth[4] = {0}, rotations = 0;
    for (int i = 0; i < N; i++) {
        gr_init_orthogonal(w, 1);
        const gr_real *a = w->data;
        rotations += a[0] * a[3] - a[1] * a[2] > 0;
        for (int k = 0; k < 4; k++) {
            mean[k] += a[k] / (double)N;
            square[k] += a[k] * a[k] / (double)N;
            fourth[k] += pow(a[k], 4) / N;
        }
    }
    ck_assert_double_le(fabs(rotations / N - 0.5), 5 * sqrt(0.25 / N));
    for (int k = 0; k < 4; k++) {
        ck_assert_double_le(fabs(mean[k]), 5 * sqrt(0.5 / N));
        ck_assert_double_le(fabs(square[k] - 0.5), 5 * sqrt(0.125 / N));
        ck_assert_double_le(fabs(fourth[k] - 0.375), 5 * sqrt(0.14 / N));
    }
}
END_TEST

START_TEST(the_seed_decides) {
    gr_graph *same = gr_graph_new(.seed = 5), *other = gr_graph_new(.seed = 6);
    gr_list a = gr_parameters(small_net(g)), b = gr_parameters(small_net(same)),
            c = gr_parameters(small_net(other));
    for (int i = 0; i < a.n; i++) {
        size_t bytes = (size_t)a.items[i]->size * sizeof(gr_real);
        ck_assert_int_eq(memcmp(a.items[i]->data, b.items[i]->data, bytes), 0);
        ck_assert_int_ne(memcmp(a.items[i]->data, c.items[i]->data, bytes), 0);
    }
    gr_graph_free(same);
    gr_graph_free(other);
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

START_TEST(linear_errors) {
    FAILS(gr_linear(g, 0, 3), "gr_linear: 0 inputs and 3 outputs, expected at least 1");
    FAILS(gr_linear(g, 3, -1), "gr_linear: 3 inputs and -1 outputs, expected at least 1");
    FAILS(gr_linear(g, 3, 4, .init = (gr_init)99), "gr_initialise: no initialisation 99");
    FAILS(gr_linear(g, 2000000, 2000000),
          "gr_parameter: no tensor has the shape (2000000,2000000)");
    FAILS(gr_forward(gr_sequential(g, gr_linear(g, 10, 20)), gr_zeros(g, GR_SHAPE(5, 9))),
          "gr_affine: x (5,9) times 0.weight (20,10): 9 inputs, expected 10");
    FAILS(gr_forward(gr_linear(g, 1, 1), gr_scalar(g, 1)),
          "gr_affine: x () has no dimensions, expected (..,in)");
}
END_TEST

START_TEST(forward_errors) {
    gr_graph *other = gr_graph_new();
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3)), *foreign = gr_zeros(other, GR_SHAPE(2, 3));
    gr_module *m = gr_linear(g, 3, 3), *net = gr_sequential(g, gr_relu_layer(g), m);
    FAILS(gr_forward(NULL, x), "gr_forward: the module is NULL");
    FAILS(gr_forward(m, NULL), "gr_forward: the linear was given NULL");
    FAILS(gr_forward(net, NULL), "gr_forward: the sequential was given NULL");
    ck_assert_ptr_null(gr_forward(net, foreign));
    ck_assert_str_eq(gr_error(other),
                     "gr_forward: x (2,3) belongs to another graph than the sequential");
    ck_assert_ptr_null(gr_forward(NULL, NULL));
    ck_assert(!gr_failed(g));
    gr_graph_free(other);
}
END_TEST

static gr_tensor *silent_forward(gr_module *m, gr_tensor *x) {
    (void)m;
    (void)x;
    return NULL;
}

START_TEST(a_module_that_fails_silently_is_noticed_by_the_next) {
    static const gr_module_type silent_type = {"silent", silent_forward};
    gr_module *silent = gr_module_new(g, &silent_type, sizeof *silent);
    FAILS(gr_forward(gr_sequential(g, silent, gr_relu_layer(g)), gr_arange(g, 2)),
          "gr_forward: the relu was given NULL");
}
END_TEST

START_TEST(module_errors) {
    char message[128];
    snprintf(message, sizeof message,
             "gr_module_new: 8 bytes for a shift, which begins with a gr_module of %zu",
             sizeof(gr_module));
    FAILS(gr_module_new(g, &shift_type, 8), message);
    gr_module *m = shift_layer_new(g, 2);
    FAILS(gr_add_parameter(m, NULL, GR_SHAPE(1)),
          "gr_add_parameter: what is added to shift has no name");
    FAILS(gr_add_parameter(m, "", GR_SHAPE(1)),
          "gr_add_parameter: what is added to shift has no name");
    FAILS(gr_add_parameter(m, "shift", GR_SHAPE(1)),
          "gr_add_parameter: shift has a parameter shift already");
    FAILS(gr_add_parameter(m, "x", GR_SHAPE(-1)), "gr_parameter: no tensor has the shape (-1)");
    ck_assert_ptr_nonnull(gr_sequential(g, m));
    FAILS(gr_add_parameter(m, "more", GR_SHAPE(1)),
          "gr_add_parameter: more comes too late: the shift has a parent already");
    ck_assert_int_eq(gr_parameters(m).n, 1);
    ck_assert_ptr_null(gr_add_parameter(NULL, "x", GR_SHAPE(1)));
    ck_assert_ptr_null(gr_module_new(NULL, &shift_type, sizeof *m));
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(child_errors) {
    gr_graph *other = gr_graph_new();
    gr_module *a = shift_layer_new(g, 1), *b = shift_layer_new(g, 1), *c = shift_layer_new(g, 1);
    FAILS(gr_add_child(a, "b", NULL), "gr_add_child: module b of shift is NULL");
    FAILS(gr_add_child(a, NULL, b), "gr_add_child: what is added to shift has no name");
    FAILS(gr_add_child(a, "a", a), "gr_add_child: module a of shift, a shift, can't be added: "
                                   "a module is no child of itself");
    FAILS(gr_add_child(a, "f", shift_layer_new(other, 1)),
          "gr_add_child: module f of shift, a shift, can't be added: it belongs to another graph");
    ck_assert(gr_add_child(a, "b", b));
    ck_assert_str_eq(gr_parameters(a).items[1]->name, "b.shift");
    FAILS(gr_add_child(c, "b", b), "gr_add_child: module b of shift, a shift, can't be added: "
                                   "it belongs to another module already");
    FAILS(gr_add_child(b, "c", c), "gr_add_child: module c of shift, a shift, can't be added: "
                                   "children come before parents");
    FAILS(gr_add_child(b, "a", a), "gr_add_child: module a of shift, a shift, can't be added: "
                                   "children come before parents");
    FAILS(gr_add_child(a, "b", c), "gr_add_child: shift has a child b already");
    ck_assert_ptr_nonnull(gr_add_parameter(c, "d.shift", GR_SHAPE(1)));
    FAILS(gr_add_child(c, "d", shift_layer_new(g, 1)),
          "gr_add_child: shift has a parameter d.shift already");
    FAILS(gr_add_child(a, "shift", shift_layer_new(g, 1)),
          "gr_add_child: shift has a parameter shift already");
    FAILS(gr_sequential(g, NULL), "gr_add_child: module 0 of sequential is NULL");
    ck_assert(!gr_add_child(NULL, "b", c));
    ck_assert(!gr_failed(g));
    gr_graph_free(other);
}
END_TEST

START_TEST(a_parameter_may_lose_its_name) {
    gr_module *layer = gr_linear(g, 3, 2);
    gr_tensor *weight = gr_parameter_named(layer, "weight");
    gr_name(weight, NULL);
    ck_assert_ptr_null(gr_parameter_named(layer, "weight"));
    ck_assert_ptr_nonnull(gr_parameter_named(layer, "bias"));
    ck_assert(!gr_failed(g));
    FAILS(gr_sequential(g, layer), "gr_add_child: what is added to sequential has no name");
    gr_module *net = gr_sequential(g, gr_linear(g, 3, 2));
    gr_tensor *renamed = gr_name(gr_parameter_named(net, "0.weight"), "kernel");
    ck_assert_ptr_eq(gr_parameter_named(net, "kernel"), renamed);
    ck_assert_ptr_eq(gr_parameter_named(gr_child(net, "0"), "kernel"), renamed);
}
END_TEST

START_TEST(init_errors) {
    gr_tensor *w = gr_parameter(g, GR_SHAPE(2, 3), "w"), *flat = gr_parameter(g, GR_SHAPE(3), "b");
    gr_tensor *integers = gr_from_index(g, GR_SHAPE(1), (int32_t[]){1});
    FAILS(gr_init_xavier_uniform(flat, 1), "gr_init_xavier_uniform: b (3), expected a weight "
                                           "(out,in,..) that is not empty");
    FAILS(gr_init_xavier_normal(flat, 1), "gr_init_xavier_normal: b (3), expected a weight "
                                          "(out,in,..) that is not empty");
    FAILS(gr_init_kaiming_uniform(gr_zeros(g, GR_SHAPE(0, 2)), 0),
          "gr_init_kaiming_uniform: weight (0,2), expected a weight (out,in,..) that is not empty");
    FAILS(gr_initialise(flat, GR_INIT_KAIMING_NORMAL),
          "gr_init_kaiming_normal: b (3), expected a weight (out,in,..) that is not empty");
    FAILS(gr_initialise(w, (gr_init)-1), "gr_initialise: no initialisation -1");
    FAILS(gr_init_constant(integers, 1), "gr_init_constant: weight (1) is no leaf of real numbers");
    FAILS(gr_init_uniform(gr_neg(w), 0, 1),
          "gr_init_uniform: weight (2,3) is no leaf of real numbers");
    FAILS(gr_init_normal(integers, 0, 1), "gr_init_normal: weight (1) is no leaf of real numbers");
    FAILS(gr_init_uniform(w, 1, -1), "gr_init_uniform: [1, -1) is no interval");
    FAILS(gr_init_uniform(w, 0, INFINITY), "gr_init_uniform: [0, inf) is no interval");
    FAILS(gr_init_normal(w, 0, -1), "gr_init_normal: mean is 0 and deviation -1, expected finite "
                                    "numbers and a deviation of 0 or more");
    FAILS(gr_init_xavier_uniform(w, INFINITY),
          "gr_init_xavier_uniform: gain is inf, expected a finite number");
    FAILS(gr_init_kaiming_normal(w, NAN),
          "gr_init_kaiming_normal: a is nan, expected a finite number");
    FAILS(gr_init_orthogonal(flat, 1),
          "gr_init_orthogonal: b (3), expected a weight (out,in,..) that is not empty");
    FAILS(gr_init_orthogonal(w, NAN), "gr_init_orthogonal: gain is nan, expected a finite number");
    ck_assert_double_eq(moments_of(w).largest, 0);
    gr_graph *small = gr_graph_new(.memory_limit = 100000);
    gr_tensor *wide = gr_parameter(small, GR_SHAPE(40, 100), "w");
    while (gr_init_orthogonal(wide, 1) != NULL) gr_alloc_lasting(small, 10000);
    ck_assert_str_eq(gr_error(small), "gr_init_orthogonal: no memory for w (40,100)");
    gr_graph_free(small);
    ck_assert_ptr_null(gr_initialise(NULL, GR_INIT_ZEROS));
    ck_assert_ptr_null(gr_init_orthogonal(NULL, 1));
    ck_assert_ptr_null(gr_initialise(NULL, GR_INIT_XAVIER_NORMAL));
    ck_assert_ptr_null(gr_initialise(NULL, (gr_init)7));
    ck_assert_ptr_null(gr_init_uniform(NULL, 0, 1));
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(the_first_error_of_a_network_is_the_one_that_is_told) {
    gr_module *net =
        gr_sequential(g, gr_linear(g, 10, 20), gr_sequential(g, gr_linear(g, 20, 0)), NULL);
    ck_assert_ptr_null(net);
    gr_tensor *x = gr_zeros(g, GR_SHAPE(4, 10));
    ck_assert_ptr_null(gr_forward(net, x));
    ck_assert_ptr_null(gr_adam(net));
    ck_assert(!gr_backward(gr_mse(gr_forward(net, x), x)));
    ck_assert_str_eq(gr_error(g), "gr_linear: 20 inputs and 0 outputs, expected at least 1");
}
END_TEST

START_TEST(no_graph_no_network) {
    ck_assert_ptr_null(small_net(NULL));
    ck_assert_ptr_null(gr_linear(NULL, 0, 0));
    ck_assert_ptr_null(gr_sequential(NULL, gr_linear(g, 1, 1)));
    ck_assert(!gr_failed(g));
}
END_TEST

/* How far a network gets within the limit. */
enum { NO_NET, NO_OPTIMIZER, NO_STEP, WHOLE, STAGES };

static int stage_reached(gr_graph *graph) {
    gr_module *net = small_net(graph);
    gr_optimizer *opt = gr_adam(net);
    gr_tensor *x = gr_full(graph, GR_SHAPE(8, 10), 0.5);
    gr_backward(gr_mse(gr_forward(net, x), gr_full(graph, GR_SHAPE(8, 1), 1)));
    bool stepped = gr_step(opt);
    gr_graph_reset(graph);
    ck_assert_int_eq(stepped, !gr_failed(graph));
    return stepped ? WHOLE : opt != NULL ? NO_STEP : net != NULL ? NO_OPTIMIZER : NO_NET;
}

START_TEST(any_memory_limit_is_an_error_and_no_crash) {
    int times[STAGES] = {0};
    for (size_t limit = 1; times[WHOLE] == 0; limit += 96) {
        gr_graph *graph = gr_graph_new(.memory_limit = limit, .threads = 1);
        int stage = stage_reached(graph);
        times[stage]++;
        if (stage != WHOLE)
            ck_assert_msg(strstr(gr_error(graph), "no memory") != NULL, "%s", gr_error(graph));
        gr_graph_free(graph);
    }
    ck_assert_int_gt(times[NO_NET], 10);
    ck_assert_int_gt(times[NO_OPTIMIZER], 10);
    ck_assert_int_gt(times[NO_STEP], 10);
}
END_TEST

Suite *nn_suite(void) {
    Suite *s = suite_create("nn");
    TCase *t = tcase_create("nn");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_examples_of_the_header_are_those_tested_here);
    tcase_add_test(t, a_layer_of_ones_own_is_trained_like_any_other);
    tcase_add_test(t, a_module_of_others_is_trained_like_any_other);
    tcase_add_test(t, parameters_have_their_names_shapes_and_order);
    tcase_add_test(t, a_module_alone_has_plain_names);
    tcase_add_test(t, buffers_are_named_and_are_no_parameters);
    tcase_add_test(t, buffers_are_refused);
    tcase_add_test(t, the_mode_reaches_every_module);
    tcase_add_test(t, children_are_found_by_name);
    tcase_add_test(t, a_part_of_a_network_has_names_of_its_own);
    tcase_add_test(t, many_children_keep_their_order);
    tcase_add_test(t, modules_nest_deeply);
    tcase_add_test(t, clear_grads_forgets_all);
    tcase_add_test(t, an_empty_sequence_changes_nothing);
    tcase_add_test(t, softmax_is_over_the_last_axis);
    tcase_add_test(t, linear_is_pytorchs);
    tcase_add_loop_test(t, layers_begin_as_they_should, 0, N_INITS);
    tcase_add_loop_test(t, kernels_count_in_the_fans, 0, N_INITS);
    tcase_add_test(t, zeros_and_constants);
    tcase_add_test(t, gain_and_slope_count);
    tcase_add_test(t, orthogonal_weights);
    tcase_add_test(t, orthogonal_weights_are_uniform);
    tcase_add_test(t, the_seed_decides);
    tcase_add_test(t, linear_errors);
    tcase_add_test(t, forward_errors);
    tcase_add_test(t, a_module_that_fails_silently_is_noticed_by_the_next);
    tcase_add_test(t, module_errors);
    tcase_add_test(t, child_errors);
    tcase_add_test(t, a_parameter_may_lose_its_name);
    tcase_add_test(t, init_errors);
    tcase_add_test(t, the_first_error_of_a_network_is_the_one_that_is_told);
    tcase_add_test(t, no_graph_no_network);
    tcase_add_test(t, any_memory_limit_is_an_error_and_no_crash);
    suite_add_tcase(s, t);
    return s;
}
