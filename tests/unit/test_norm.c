/* Normalisation and its layers: PyTorch's numbers, differences, the composition of operations,
 * large means, threads, buffers, messages, and critics' gradient penalties. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/debug.h"
#include "core/graph/random.h"
#include "core/ops/elementwise.h"
#include "core/ops/normalize_internal.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/generative.h"
#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/sequential.h"
#include "tests/unit/every_case.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void read_cases(void) { file = oracle_read("tests/oracle/norm.json.gz"); }
static void free_cases(void) { cJSON_Delete(file); }
static void setup(void) { g = gr_graph_new(.seed = 7); }
static void teardown(void) { gr_graph_free(g); }

static bool is(const cJSON *c, const char *key, const char *expected) {
    return strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(c, key)), expected) == 0;
}

static const cJSON *param_of(const cJSON *c, const char *name) {
    return cJSON_GetObjectItem(cJSON_GetObjectItem(c, "params"), name);
}

/* -- The oracle's cases -- */

static gr_tensor *operand(const cJSON *c, gr_tensor **in, const char *name) {
    int n = cJSON_GetArraySize(cJSON_GetObjectItem(c, "in"));
    for (int i = 0; i < n; i++)
        if (strcmp(in[i]->name, name) == 0) return in[i];
    return NULL;
}

static gr_tensor *buffer_of(gr_graph *graph, const cJSON *c, const char *name) {
    const cJSON *list = param_of(c, name), *item;
    if (list == NULL) return NULL;
    gr_tensor *t = gr_zeros(graph, GR_SHAPE(cJSON_GetArraySize(list)));
    int i = 0;
    cJSON_ArrayForEach(item, list) t->data[i++] = (gr_real)oracle_number(item);
    return t;
}

/* Without eps among the parameters the default of the macro is tested. */
static gr_tensor *call_batch_norm(const cJSON *c, gr_tensor **in) {
    gr_tensor *weight = operand(c, in, "weight"), *bias = operand(c, in, "bias");
    gr_tensor *mean = buffer_of(in[0]->graph, c, "running_mean");
    gr_tensor *var = buffer_of(in[0]->graph, c, "running_var");
    if (param_of(c, "eps") == NULL)
        return gr_batch_norm(in[0], weight, bias, mean, var, .training = mean == NULL);
    return gr_batch_norm(in[0], weight, bias, mean, var, .eps = oracle_param(c, "eps", 0));
}

static gr_shape last_dims(const gr_tensor *x, int n) {
    gr_shape shape = {.ndim = n};
    for (int i = 0; i < n; i++) shape.dim[i] = x->shape.dim[x->shape.ndim - n + i];
    return shape;
}

static gr_tensor *call_layer_norm(const cJSON *c, gr_tensor **in) {
    gr_tensor *weight = operand(c, in, "weight"), *bias = operand(c, in, "bias");
    gr_shape shape = last_dims(in[0], oracle_int(c, "dims", 0));
    if (param_of(c, "eps") == NULL) return gr_layer_norm(in[0], shape, weight, bias);
    return gr_layer_norm(in[0], shape, weight, bias, .eps = oracle_param(c, "eps", 0));
}

static gr_tensor *call_group_norm(const cJSON *c, gr_tensor **in) {
    gr_tensor *weight = operand(c, in, "weight"), *bias = operand(c, in, "bias");
    int groups = oracle_int(c, "groups", 0);
    if (param_of(c, "eps") == NULL) return gr_group_norm(in[0], groups, weight, bias);
    return gr_group_norm(in[0], groups, weight, bias, .eps = oracle_param(c, "eps", 0));
}

static oracle_function *function_of(const cJSON *c) {
    if (is(c, "op", "batch_norm")) return call_batch_norm;
    if (is(c, "op", "layer_norm")) return call_layer_norm;
    if (is(c, "op", "group_norm")) return call_group_norm;
    ck_assert(is(c, "op", "layer") || is(c, "op", "critic")); /* have tests of their own */
    return NULL;
}

START_TEST(oracle_cases_hold) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    every_case_holds("norm", file, function_of, isas[_i]);
}
END_TEST

#ifdef GR_DOUBLE
START_TEST(cases_by_differences) { every_case_by_differences("norm", file, function_of, g); }
END_TEST
#endif

/* -- The same composed of operations, over shapes that are cut into pieces -- */

/* Means over the axes of a set, kept as dimensions of 1. */
static gr_tensor *composed(gr_tensor *x, gr_axes axes, gr_tensor *weight, gr_tensor *bias) {
    gr_tensor *d = gr_sub(x, gr_mean(x, .axes = axes, .keepdim = true));
    gr_tensor *var = gr_mean(gr_square(d), .axes = axes, .keepdim = true);
    gr_tensor *s = gr_mul(d, gr_rsqrt(gr_shift(var, 1e-5)));
    return weight == NULL ? s : gr_add(gr_mul(s, weight), bias);
}

typedef struct shape_case {
    enum { BATCH, LAYER, GROUP } kind;
    gr_shape x;
    int groups;
} shape_case;

static const shape_case large[] = {
    {BATCH, {2, {700, 300}}, 0},       {BATCH, {4, {9, 5, 60, 70}}, 0},
    {BATCH, {4, {3, 2, 150, 130}}, 0}, {BATCH, {2, {20000, 3}}, 0},
    {LAYER, {2, {1500, 130}}, 0},      {LAYER, {2, {3, 40000}}, 0},
    {GROUP, {4, {5, 12, 40, 43}}, 4},  {GROUP, {4, {150, 6, 7, 9}}, 2},
    {GROUP, {2, {900, 96}}, 3},
};
enum { N_LARGE = sizeof large / sizeof *large };

static gr_tensor *by_kind(const shape_case *c, gr_tensor *x, gr_tensor *weight, gr_tensor *bias) {
    if (c->kind == BATCH) return gr_batch_norm(x, weight, bias, .training = true);
    if (c->kind == GROUP) return gr_group_norm(x, c->groups, weight, bias);
    return gr_layer_norm(x, GR_SHAPE(x->shape.dim[1]), weight, bias);
}

static gr_tensor *by_operations(const shape_case *c, gr_tensor *x, gr_tensor *weight,
                                gr_tensor *bias) {
    const gr_shape s = x->shape;
    if (c->kind == LAYER || (c->kind == BATCH && s.ndim == 2))
        return composed(x, GR_AXES(c->kind == LAYER ? 1 : 0), weight, bias);
    gr_shape channels = s.ndim == 2 ? GR_SHAPE(s.dim[1]) : GR_SHAPE(s.dim[1], 1, 1);
    weight = gr_reshape(weight, channels);
    bias = gr_reshape(bias, channels);
    if (c->kind == BATCH) return composed(x, GR_AXES(0, 2, 3), weight, bias);
    gr_tensor *sets = gr_reshape(x, GR_SHAPE(s.dim[0], c->groups, -1));
    gr_tensor *standard = gr_reshape(composed(sets, GR_AXES(2), NULL, NULL), s);
    return gr_add(gr_mul(standard, weight), bias);
}

/* Differences within `eps` of the largest number. */
static void expect_near(const gr_tensor *a, const gr_tensor *b, const char *what) {
    ck_assert_msg(a != NULL && b != NULL, "%s: %s", what, gr_error(g));
    ck_assert(gr_shape_equal(a->shape, b->shape));
    double eps = sizeof(gr_real) == 4 ? 1e-5 : 1e-12, largest = 0, off = 0;
    for (int64_t i = 0; i < a->size; i++) {
        largest = fmax(largest, fabs(gr_at(b, i)));
        off = fmax(off, fabs(gr_at(a, i) - gr_at(b, i)));
    }
    ck_assert_double_gt(largest, 0);
    ck_assert_msg(off <= eps * largest, "%s: off by %g of %g", what, off, largest);
}

typedef struct outcome {
    gr_tensor *y, *grads[3], *second[3];
} outcome;

static outcome run(gr_graph *graph, const shape_case *c,
                   gr_tensor *f(const shape_case *c, gr_tensor *, gr_tensor *, gr_tensor *)) {
    outcome r;
    int channels = c->x.dim[1];
    gr_random_set(graph, (gr_random_state){.seed = 3});
    gr_tensor *x = gr_requires_grad(gr_normal(graph, c->x, 0.5, 1.5));
    gr_tensor *w = gr_requires_grad(gr_normal(graph, GR_SHAPE(channels), 1, 1));
    gr_tensor *b = gr_requires_grad(gr_normal(graph, GR_SHAPE(channels), 0, 1));
    gr_list leaves = GR_LIST(x, w, b);
    r.y = f(c, x, w, b);
    ck_assert_msg(r.y != NULL, "%s", gr_error(graph));
    gr_tensor *v = gr_normal(graph, r.y->shape, 0.3, 1);
    ck_assert(gr_grads(GR_LIST(r.y), leaves, r.grads, .grad_output = &v, .create_graph = true));
    gr_tensor *u[3];
    for (int i = 0; i < 3; i++) u[i] = gr_normal(graph, r.grads[i]->shape, 0, 1);
    ck_assert(gr_grads((gr_list){3, r.grads}, leaves, r.second, .grad_output = u));
    return r;
}

START_TEST(large_shapes_as_composed) {
    const char *const what[] = {"x", "weight", "bias"};
    outcome fused = run(g, &large[_i], by_kind), plain = run(g, &large[_i], by_operations);
    expect_near(fused.y, plain.y, "y");
    for (int i = 0; i < 3; i++) {
        expect_near(fused.grads[i], plain.grads[i], what[i]);
        if (i < 2) expect_near(fused.second[i], plain.second[i], what[i]);
    }
}
END_TEST

static void expect_same(const gr_tensor *a, const gr_tensor *b) {
    ck_assert(a != NULL && b != NULL && gr_shape_equal(a->shape, b->shape));
    ck_assert(memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data) == 0);
}

START_TEST(threads_do_not_matter) {
    gr_graph *graphs[3];
    outcome r[3];
    for (int i = 0; i < 3; i++) {
        graphs[i] = gr_graph_new(.threads = i + 1);
        r[i] = run(graphs[i], &large[_i], by_kind);
        expect_same(r[0].y, r[i].y);
        for (int k = 0; k < 3; k++) {
            expect_same(r[0].grads[k], r[i].grads[k]);
            expect_same(r[0].second[k], r[i].second[k]);
        }
    }
    for (int i = 0; i < 3; i++) gr_graph_free(graphs[i]);
}
END_TEST

/* The gradients to some operands alone are those to all of them. */
START_TEST(each_gradient_alone) {
    for (int i = 0; i < N_LARGE; i += 2) {
        gr_shape s = large[i].x;
        gr_tensor *x = gr_normal(g, s, 0, 1), *w = gr_normal(g, GR_SHAPE(s.dim[1]), 1, 1);
        gr_tensor *b = gr_normal(g, GR_SHAPE(s.dim[1]), 0, 1), *v = gr_normal(g, s, 0, 1);
        gr_tensor *all[3], *leaves[3] = {x, w, b};
        for (int k = 0; k < 3; k++) gr_requires_grad(leaves[k]);
        gr_tensor *y = by_kind(&large[i], x, w, b);
        ck_assert(gr_grads(GR_LIST(y), (gr_list){3, leaves}, all, .grad_output = &v));
        for (int k = 0; k < 3; k++)
            expect_near(gr_grad(y, leaves[k], .grad_output = v), all[k], "alone");
    }
}
END_TEST

/* -- Numbers -- */

/* Of numbers that floats hold exactly: mean 10000 + 1/4, deviation 1/2 or so. */
START_TEST(large_means_keep_their_digits) {
    enum { N = 40000 };
    gr_tensor *small = gr_zeros(g, GR_SHAPE(1, 1, N)), *big = gr_zeros(g, GR_SHAPE(1, 1, N));
    for (int i = 0; i < N; i++) {
        small->data[i] = (gr_real)((i * 7919 % 64) / 64.0 + (i < 3 ? 8 : 0));
        big->data[i] = small->data[i] + 10000;
    }
    const gr_shape shapes[] = {GR_SHAPE(1, 1, N), GR_SHAPE(N, 1), GR_SHAPE(50, 1, N / 50)};
    for (int i = 0; i < 3; i++) {
        gr_tensor *a = gr_batch_norm(gr_reshape(small, shapes[i]));
        gr_tensor *b = gr_batch_norm(gr_reshape(big, shapes[i]));
        expect_near(b, a, "batch");
    }
    expect_near(gr_layer_norm(big, GR_SHAPE(N)), gr_layer_norm(small, GR_SHAPE(N)), "layer");
}
END_TEST

/* Squares that overflow, an outlier, and elements that are all equal. */
START_TEST(extreme_numbers) {
    double most = sizeof(gr_real) == 4 ? 1e38 : 1e150;
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 4));
    for (int i = 0; i < 8; i++) x->data[i] = (gr_real)(i % 4 == 0 ? most : i < 4 ? 0 : most);
    gr_requires_grad(x);
    gr_tensor *y = gr_layer_norm(x, GR_SHAPE(4));
    ck_assert_double_eq_tol(gr_at(y, 0), sqrt(3), 1e-6);
    ck_assert_double_eq_tol(gr_at(y, 1), -1 / sqrt(3), 1e-6);
    for (int i = 4; i < 8; i++) ck_assert_double_eq(gr_at(y, i), 0);
    gr_tensor *grad = gr_grad(gr_select(gr_reshape(y, GR_SHAPE(8)), 0, 0), x);
    for (int i = 0; i < 8; i++) ck_assert(isfinite(gr_at(grad, i)));
}
END_TEST

START_TEST(empty_tensors) {
    const gr_shape shapes[] = {GR_SHAPE(0, 3), GR_SHAPE(0, 3, 2), GR_SHAPE(2, 3, 0),
                               GR_SHAPE(2, 0)};
    for (int i = 0; i < 4; i++) {
        int c = shapes[i].dim[1];
        gr_tensor *x = gr_requires_grad(gr_zeros(g, shapes[i])), *grads[3];
        gr_tensor *w = gr_requires_grad(gr_full(g, GR_SHAPE(c), 2));
        gr_tensor *b = gr_requires_grad(gr_full(g, GR_SHAPE(c), 3));
        gr_tensor *mean = gr_full(g, GR_SHAPE(c), 4), *var = gr_full(g, GR_SHAPE(c), 5);
        gr_tensor *y[3] = {gr_batch_norm(x, w, b, mean, var, .training = true),
                           gr_group_norm(x, 1, w, b), gr_batch_norm(x, w, b, mean, var)};
        for (int k = 0; k < 3; k++) {
            ck_assert_msg(y[k] != NULL && gr_shape_equal(y[k]->shape, x->shape), "%s", gr_error(g));
            ck_assert(gr_grads(GR_LIST(y[k]), GR_LIST(x, w, b), grads, .create_graph = true));
            for (int j = 0; j < c; j++) ck_assert_double_eq(gr_at(grads[1], j), 0);
            for (int j = 0; j < c; j++) ck_assert_double_eq(gr_at(grads[2], j), 0);
            ck_assert_ptr_nonnull(gr_grad(gr_sum(grads[1]), x));
        }
        for (int j = 0; j < c; j++) ck_assert_double_eq(gr_at(mean, j), 4);
        for (int j = 0; j < c; j++) ck_assert_double_eq(gr_at(var, j), 5);
    }
    gr_tensor *rows = gr_requires_grad(gr_zeros(g, GR_SHAPE(2, 0)));
    ck_assert_ptr_nonnull(gr_grad(gr_layer_norm(rows, GR_SHAPE(0)), rows));
}
END_TEST

/* What was computed does not depend on the buffers any more. */
START_TEST(results_outlive_their_buffers) {
    for (int training = 0; training < 2; training++) {
        gr_tensor *x = gr_requires_grad(gr_normal(g, GR_SHAPE(4, 3, 5), 1, 2)), *y[2], *grads[2];
        gr_tensor *mean = gr_full(g, GR_SHAPE(3), 0.5), *var = gr_full(g, GR_SHAPE(3), 2);
        gr_tensor *v = gr_normal(g, x->shape, 0, 1);
        for (int i = 0; i < 2; i++) {
            gr_init_constant(mean, 0.5);
            gr_init_constant(var, 2);
            y[i] = gr_batch_norm(x, .running_mean = mean, .running_var = var,
                                 .training = training == 1);
            if (i == 1) gr_init_constant(mean, NAN), gr_init_constant(var, NAN);
            grads[i] = gr_grad(gr_square(y[i]), x, .grad_output = v, .create_graph = true);
            grads[i] = gr_grad(grads[i], x, .grad_output = v);
        }
        expect_same(y[0], y[1]);
        expect_same(grads[0], grads[1]);
    }
}
END_TEST

/* -- Messages -- */

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(refuses) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3, 4)), *three = gr_zeros(g, GR_SHAPE(3));
    gr_tensor *four = gr_zeros(g, GR_SHAPE(4)), *one = gr_zeros(g, GR_SHAPE(1, 3));
    expect(gr_batch_norm(NULL, three), "gr_batch_norm: x is NULL");
    expect(gr_batch_norm(four), "gr_batch_norm: x (4), expected (N,C,..)");
    expect(gr_batch_norm(gr_name(x, "h"), gr_name(four, "1.weight")),
           "gr_batch_norm: 1.weight (4) for h (2,3,4): expected (3)");
    gr_name(x, NULL);
    gr_name(four, NULL);
    expect(gr_batch_norm(x, three, four), "gr_batch_norm: bias (4) for x (2,3,4): expected (3)");
    expect(gr_batch_norm(x, three, three, three),
           "gr_batch_norm: running_var is NULL, expected both or none");
    expect(gr_batch_norm(x, .running_var = three),
           "gr_batch_norm: running_mean is NULL, expected both or none");
    expect(gr_batch_norm(x, .running_mean = three, .running_var = four),
           "gr_batch_norm: running_var (4) for x (2,3,4): expected a leaf (3) without gradient");
    expect(
        gr_batch_norm(x, .running_mean = gr_parameter(g, GR_SHAPE(3), "p"), .running_var = three),
        "gr_batch_norm: p (3) for x (2,3,4): expected a leaf (3) without gradient");
    expect(gr_batch_norm(one, .training = true),
           "gr_batch_norm: x (1,3) has one element in each channel, expected more");
    expect(gr_batch_norm(one),
           "gr_batch_norm: x (1,3) has one element in each channel, expected more");
    expect(gr_batch_norm(x, .eps = -1), "gr_batch_norm: eps is -1, expected 0 or more");
    expect(gr_batch_norm(x, .eps = NAN), "gr_batch_norm: eps is nan, expected 0 or more");
    expect(gr_batch_norm(x, .momentum = 1.5), "gr_batch_norm: momentum is 1.5, expected 0 to 1");
    gr_tensor *classes = gr_from_index(g, GR_SHAPE(3), (int32_t[]){1, 2, 3});
    expect(gr_batch_norm(x, NULL, classes),
           "gr_batch_norm: bias (3) holds integers, expected real numbers");
    expect(gr_layer_norm(x, GR_SHAPE(3)),
           "gr_layer_norm: x (2,3,4) does not end with the dimensions (3)");
    expect(gr_layer_norm(x, GR_SCALAR),
           "gr_layer_norm: x (2,3,4) does not end with the dimensions ()");
    expect(gr_layer_norm(x, GR_SHAPE(1, 2, 3, 4)),
           "gr_layer_norm: x (2,3,4) does not end with the dimensions (1,2,3,4)");
    expect(gr_layer_norm(x, GR_SHAPE(3, 4), four),
           "gr_layer_norm: weight (4) for x (2,3,4): expected (3,4)");
    expect(gr_layer_norm(x, GR_SHAPE(4), .eps = INFINITY),
           "gr_layer_norm: eps is inf, expected 0 or more");
    expect(gr_group_norm(x, 2), "gr_group_norm: x (2,3,4) can't be cut into 2 groups");
    expect(gr_group_norm(x, 0), "gr_group_norm: x (2,3,4) can't be cut into 0 groups");
    expect(gr_group_norm(four, 1), "gr_group_norm: x (4), expected (N,C,..)");
    expect(gr_group_norm(x, 1, four), "gr_group_norm: weight (4) for x (2,3,4): expected (3)");
}
END_TEST

/* Wherever memory ends, an error says so. */
START_TEST(memory_may_end_anywhere) {
    bool forward = false, backward = false, done = false;
    for (size_t limit = 1 << 20; !done; limit += 1 << 16) {
        gr_graph *small = gr_graph_new(.memory_limit = limit * sizeof(gr_real) / sizeof(float));
        gr_tensor *x = gr_requires_grad(gr_zeros(small, GR_SHAPE(8, 20000))), *grads[2];
        gr_tensor *w = gr_requires_grad(gr_full(small, GR_SHAPE(20000), 1));
        gr_tensor *y = gr_batch_norm(x, w, .training = true);
        done = y != NULL && gr_grads(GR_LIST(y), GR_LIST(x, w), grads);
        ck_assert(done == !gr_failed(small));
        forward |= strcmp(gr_error(small), "gr_batch_norm: no memory for x (8,20000)") == 0;
        backward |= strcmp(gr_error(small), "gr_normalize_to_x: no memory for x (8,20000)") == 0;
        gr_graph_free(small);
    }
    ck_assert(forward && backward);
}
END_TEST

/* -- Layers -- */

static gr_module *module_of(const cJSON *c) {
    int args[2] = {0, 0}, n;
    double eps = oracle_param(c, "eps", 1e-5);
    const cJSON *affine = param_of(c, "affine"), *momentum = param_of(c, "momentum");
    if (is(cJSON_GetObjectItem(c, "params"), "module", "LayerNorm")) {
        gr_shape shape = {0};
        const cJSON *dim, *list = cJSON_GetArrayItem(param_of(c, "args"), 0);
        cJSON_ArrayForEach(dim, list) shape.dim[shape.ndim++] = dim->valueint;
        return gr_layer_norm_layer(g, shape, .eps = eps,
                                   .affine = !cJSON_IsFalse(param_of(c, "elementwise_affine")),
                                   .bias = !cJSON_IsFalse(param_of(c, "bias")));
    }
    n = oracle_ints(c, "args", args, 3);
    ck_assert_int_ge(n, 1);
    if (is(cJSON_GetObjectItem(c, "params"), "module", "GroupNorm"))
        return gr_group_norm_layer(g, args[0], args[1], .eps = eps,
                                   .affine = !cJSON_IsFalse(affine));
    double rate = cJSON_IsNull(momentum) ? GR_CUMULATIVE : oracle_param(c, "momentum", 0.1);
    bool track = !cJSON_IsFalse(param_of(c, "track_running_stats"));
    if (is(cJSON_GetObjectItem(c, "params"), "module", "BatchNorm1d"))
        return gr_batch_norm1d_layer(g, args[0], .eps = eps, .momentum = rate);
    return gr_batch_norm2d_layer(g, args[0], .eps = eps, .momentum = rate,
                                 .affine = !cJSON_IsFalse(affine), .track_running_stats = track);
}

static void compare_step(const cJSON *c, gr_module *m, int step) {
    gr_text name, prefix;
    snprintf(name.text, sizeof name.text, "x%d", step);
    gr_tensor *x = gr_requires_grad(modules_operand(g, c, name.text));
    snprintf(name.text, sizeof name.text, "upstream%d", step);
    gr_tensor *upstream = modules_operand(g, c, name.text), *y = gr_forward(m, x);
    snprintf(name.text, sizeof name.text, "y%d", step);
    modules_compare(c, name.text, y);
    ck_assert(gr_backward(gr_sum(gr_mul(y, upstream))));
    snprintf(name.text, sizeof name.text, "%d grad x", step);
    modules_compare(c, name.text, x->grad);
    snprintf(prefix.text, sizeof prefix.text, "%d ", step);
    modules_compare_grads(c, prefix.text, m);
    gr_list buffers = gr_buffers(m);
    for (int i = 0; i < buffers.n; i++) {
        snprintf(name.text, sizeof name.text, "%d %.60s", step, buffers.items[i]->name);
        modules_compare(c, name.text, buffers.items[i]);
    }
    gr_clear_grads(m);
    gr_graph_reset(g);
}

/* Weights, outputs, gradients and buffers through steps of training and of evaluation. */
START_TEST(layers_as_in_torch) {
    int layers = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (!is(c, "op", "layer")) continue;
        layers++;
        gr_module *m = module_of(c);
        ck_assert_msg(m != NULL, "%s: %s", oracle_name(c).text, gr_error(g));
        modules_load(c, m);
        int steps = oracle_int(c, "steps", 0), evaluations = oracle_int(c, "evaluations", 0);
        for (int i = 0; i < steps + evaluations; i++) {
            if (i == steps) gr_set_training(m, false);
            compare_step(c, m, i);
        }
    }
    ck_assert_int_eq(layers, 14);
}
END_TEST

START_TEST(layers_begin_as_in_torch) {
    gr_module *net = gr_sequential(g, gr_batch_norm2d_layer(g, 3), gr_group_norm_layer(g, 1, 3),
                                   gr_layer_norm_layer(g, GR_SHAPE(2, 4)));
    ck_assert_msg(net != NULL, "%s", gr_error(g));
    const char *const names[] = {"0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"};
    const char *const buffers[] = {"0.running_mean", "0.running_var", "0.num_batches_tracked"};
    gr_list p = gr_parameters(net), b = gr_buffers(net);
    ck_assert_int_eq(p.n, 6);
    ck_assert_int_eq(b.n, 3);
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(p.items[i]->name, names[i]);
        ck_assert(gr_shape_equal(p.items[i]->shape, i < 4 ? GR_SHAPE(3) : GR_SHAPE(2, 4)));
        for (int k = 0; k < 3; k++) ck_assert_double_eq(gr_at(p.items[i], k), i % 2 == 0);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(b.items[i]->name, buffers[i]);
        ck_assert(gr_shape_equal(b.items[i]->shape, i < 2 ? GR_SHAPE(3) : GR_SCALAR));
        ck_assert_int_eq(b.items[i]->kind, i < 2 ? GR_REAL : GR_INDEX);
        ck_assert_double_eq(gr_at(b.items[i], 0), i == 1);
    }
}
END_TEST

/* Running statistics follow also where nothing is recorded; a step that failed counts for
 * nothing. */
START_TEST(mode_is_not_recording) {
    gr_module *m = gr_batch_norm1d_layer(g, 2);
    gr_tensor *count = gr_buffer_named(m, "num_batches_tracked");
    gr_no_grad_begin(g);
    ck_assert_ptr_nonnull(gr_forward(m, gr_normal(g, GR_SHAPE(5, 2), 3, 1)));
    gr_no_grad_end(g);
    ck_assert_int_eq(count->index[0], 1);
    double mean = gr_at(gr_buffer_named(m, "running_mean"), 0);
    ck_assert_double_gt(mean, 0.1);
    expect(gr_forward(m, gr_zeros(g, GR_SHAPE(1, 2))),
           "gr_batch_norm: x (1,2) has one element in each channel, expected more");
    gr_set_training(m, false);
    ck_assert_ptr_nonnull(gr_forward(m, gr_zeros(g, GR_SHAPE(1, 2))));
    ck_assert_int_eq(count->index[0], 1);
    ck_assert_double_eq(gr_at(gr_buffer_named(m, "running_mean"), 0), mean);
}
END_TEST

START_TEST(layers_refuse) {
    expect(gr_batch_norm1d_layer(g, 0), "gr_batch_norm1d_layer: 0 features, expected at least 1");
    expect(gr_batch_norm2d_layer(g, 2, .momentum = 2),
           "gr_batch_norm2d_layer: momentum is 2, expected 0 to 1 or GR_CUMULATIVE");
    expect(gr_batch_norm2d_layer(g, 2, .eps = -1),
           "gr_batch_norm2d_layer: eps is -1, expected 0 or more");
    expect(gr_layer_norm_layer(g, GR_SHAPE(3, 0)),
           "gr_layer_norm_layer: shape (3,0), expected at least one element");
    expect(gr_layer_norm_layer(g, GR_SCALAR),
           "gr_layer_norm_layer: shape (), expected at least one element");
    expect(gr_layer_norm_layer(g, GR_SHAPE(3), .eps = NAN),
           "gr_layer_norm_layer: eps is nan, expected 0 or more");
    expect(gr_group_norm_layer(g, 2, 5),
           "gr_group_norm_layer: 5 channels in 2 groups, expected at least 1, and a multiple");
    expect(gr_group_norm_layer(g, 0, 4),
           "gr_group_norm_layer: 4 channels in 0 groups, expected at least 1, and a multiple");
    expect(gr_group_norm_layer(g, 2, 4, .eps = -2),
           "gr_group_norm_layer: eps is -2, expected 0 or more");
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3, 4));
    expect(gr_forward(gr_batch_norm2d_layer(g, 3), x),
           "batch_norm2d: x (2,3,4), expected (N,C,H,W) with C = 3");
    expect(gr_forward(gr_batch_norm1d_layer(g, 4, .affine = false), x),
           "batch_norm1d: x (2,3,4), expected (N,C) or (N,C,L) with C = 4");
    expect(gr_forward(gr_group_norm_layer(g, 2, 4, .affine = false), x),
           "group_norm: x (2,3,4), expected (N,C,..) with C = 4");
    expect(gr_forward(gr_layer_norm_layer(g, GR_SHAPE(3)), x),
           "gr_layer_norm: x (2,3,4) does not end with the dimensions (3)");
}
END_TEST

START_TEST(steps_take_no_memory) {
    gr_module *net = gr_sequential(
        g, gr_conv2d_layer(g, 2, 4, 3), gr_batch_norm2d_layer(g, 4), gr_group_norm_layer(g, 2, 4),
        gr_flatten_layer(g), gr_batch_norm1d_layer(g, 64), gr_layer_norm_layer(g, GR_SHAPE(64)));
    uint64_t requests = 0;
    for (int step = 0; step < 20; step++) {
        gr_tensor *y = gr_forward(net, gr_normal(g, GR_SHAPE(30, 2, 6, 6), 0, 1));
        ck_assert_msg(gr_backward(gr_sum(gr_square(gr_sin(y)))), "%s", gr_error(g));
        gr_clear_grads(net);
        gr_graph_reset(g);
        if (step == 4) requests = gr_memory_use(g).system_requests;
    }
    ck_assert_uint_eq(gr_memory_use(g).system_requests, requests);
}
END_TEST

/* -- Followed by relu: the two operations to the bit -- */

typedef struct relu_outcome {
    gr_tensor *y, *grads[3], *second[3];
} relu_outcome;

static relu_outcome run_with_relu(gr_graph *of, gr_shape shape, bool together, bool weights,
                                  bool second) {
    relu_outcome r = {0};
    gr_random_set(of, (gr_random_state){.seed = 3});
    gr_shape channels = GR_SHAPE(shape.dim[1]);
    gr_tensor *x = gr_requires_grad(gr_normal(of, shape, 1, 2));
    gr_tensor *weight = gr_requires_grad(gr_normal(of, channels, 0, 1));
    gr_tensor *bias = gr_requires_grad(gr_normal(of, channels, 0, 1));
    gr_list leaves = weights ? GR_LIST(x, weight, bias) : GR_LIST(x);
    gr_batch_norm_args a = {.x = x, .training = true, .eps = 1e-5, .momentum = 0.1};
    if (weights) a.weight = weight, a.bias = bias;
    r.y = together ? gr_batch_norm_relu(&a) : gr_relu(gr_batch_norm_(a));
    ck_assert_msg(r.y != NULL, "%s", gr_error(of));
    gr_tensor *v = gr_normal(of, shape, 0, 1), *u = gr_normal(of, shape, 0, 1);
    ck_assert(gr_grads(GR_LIST(r.y), leaves, r.grads, .grad_output = &v, .create_graph = second));
    if (!second) return r;
    leaves.n = weights ? 2 : 1; /* the bias' is 0 */
    ck_assert(gr_grads(GR_LIST(r.grads[0]), leaves, r.second, .grad_output = &u));
    return r;
}

static void expect_equal(const gr_tensor *a, const gr_tensor *b) {
    ck_assert((a == NULL) == (b == NULL));
    bool zeros = true;
    for (int64_t i = 0; a != NULL && i < a->size; i++) {
        zeros = zeros && a->data[i] == 0;
        if (!(a->data[i] == b->data[i]))
            ck_abort_msg("%lld is %.9g, expected %.9g", (long long)i, gr_at(a, i), gr_at(b, i));
    }
    ck_assert(a == NULL || !zeros);
}

START_TEST(relu_may_follow_at_once) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    const gr_shape shapes[] = {GR_SHAPE(3, 5, 7, 9), GR_SHAPE(16, 4, 64, 32), GR_SHAPE(8, 6),
                               GR_SHAPE(2, 3, 1, 17)};
    gr_graph *of = gr_graph_new(.isa = isas[_i % 3]);
    for (int k = 0; k < 16 && !gr_failed(of); k++) {
        gr_shape shape = shapes[k / 4];
        relu_outcome one = run_with_relu(of, shape, true, k & 1, k & 2);
        relu_outcome two = run_with_relu(of, shape, false, k & 1, k & 2);
        ck_assert(strcmp(one.y->node->op->name, shape.ndim > 2 ? "gr_batch_norm" : "gr_relu") == 0);
        expect_equal(one.y, two.y);
        for (int i = 0; i < 3; i++) {
            expect_equal(one.grads[i], two.grads[i]);
            expect_equal(one.second[i], two.second[i]);
        }
        gr_graph_reset(of);
    }
    gr_graph_free(of);
}
END_TEST

/* Only to the weights, and with constant statistics. */
START_TEST(relu_follows_without_gradient_to_x) {
    gr_tensor *x = gr_normal(g, GR_SHAPE(3, 2, 4, 5), 0, 1);
    gr_tensor *grads[2][2];
    gr_tensor *weight = gr_requires_grad(gr_normal(g, GR_SHAPE(2), 0, 1));
    gr_tensor *bias = gr_requires_grad(gr_normal(g, GR_SHAPE(2), 0, 1));
    gr_tensor *mean = gr_zeros(g, GR_SHAPE(2)), *var = gr_full(g, GR_SHAPE(2), 2);
    gr_batch_norm_args a = {.x = x, .weight = weight, .bias = bias, .training = true, .eps = 1e-5};
    for (int constant = 0; constant < 2; constant++) {
        if (constant) a.training = false, a.running_mean = mean, a.running_var = var;
        gr_tensor *y[] = {gr_batch_norm_relu(&a), gr_relu(gr_batch_norm_(a))};
        expect_equal(y[0], y[1]);
        for (int i = 0; i < 2; i++) {
            gr_tensor *v = gr_detach(gr_sin(x));
            ck_assert(gr_grads(GR_LIST(y[i]), GR_LIST(weight, bias), grads[i], .grad_output = &v));
        }
        for (int i = 0; i < 2; i++) expect_equal(grads[0][i], grads[1][i]);
    }
}
END_TEST

START_TEST(sequences_find_relu_after_batch_norm) {
    gr_module *conv = gr_conv2d_layer(g, 3, 4, 3, .padding = 1), *relu = gr_relu_layer(g);
    gr_module *norm = gr_batch_norm2d_layer(g, 4), *other = gr_batch_norm2d_layer(g, 4);
    gr_module *net = gr_sequential(g, conv, norm, relu);
    gr_tensor *x = gr_normal(g, GR_SHAPE(5, 3, 8, 8), 0, 1);
    gr_tensor *y = gr_forward(net, x);
    gr_tensor *expected = gr_relu(gr_forward(other, gr_forward(conv, x)));
    expect_equal(y, expected);
    ck_assert_str_eq(y->node->op->name, "gr_batch_norm");
    for (int i = 0; i < 2; i++) expect_equal(gr_buffers(norm).items[i], gr_buffers(other).items[i]);
    gr_set_anomaly(g, true);
    ck_assert_str_eq(gr_forward(net, x)->node->op->name, "gr_relu");
    gr_set_anomaly(g, false);
    ck_assert_ptr_null(
        gr_forward(gr_sequential(g, gr_batch_norm2d_layer(g, 4), gr_relu_layer(g)), x));
    ck_assert_str_eq(gr_error(g), "batch_norm2d: x (5,3,8,8), expected (N,C,H,W) with C = 4");
}
END_TEST

/* -- Critics -- */

START_TEST(gradient_penalty_of_a_critic) {
    const char *const norms[] = {"batch", "group", "layer"};
    const cJSON *c = oracle_find(file, "critic", norms[_i]);
    gr_module *norm = _i == 0   ? gr_batch_norm2d_layer(g, 4)
                      : _i == 1 ? gr_group_norm_layer(g, 2, 4)
                                : gr_layer_norm_layer(g, GR_SHAPE(4, 3, 3));
    gr_module *net = gr_sequential(g, gr_conv2d_layer(g, 2, 4, 3, .stride = 2, .padding = 1), norm,
                                   gr_relu_layer(g), gr_conv2d_layer(g, 4, 3, 2), gr_relu_layer(g),
                                   gr_flatten_layer(g), gr_linear(g, 12, 1));
    modules_load(c, net);
    gr_tensor *x = modules_operand(g, c, "x");
    modules_compare(c, "y", gr_forward(net, x));
    gr_tensor *penalty = gr_gradient_penalty(gr_module_function, net, x, x);
    modules_compare(c, "penalty", penalty);
    ck_assert_msg(gr_backward(penalty), "%s", gr_error(g));
    modules_compare_grads(c, "", net);
}
END_TEST

Suite *norm_suite(void) {
    Suite *s = suite_create("norm");
    TCase *t = tcase_create("norm");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, oracle_cases_hold, 0, 3);
#ifdef GR_DOUBLE
    tcase_add_test(t, cases_by_differences);
#endif
    tcase_add_loop_test(t, large_shapes_as_composed, 0, N_LARGE);
    tcase_add_loop_test(t, threads_do_not_matter, 0, N_LARGE);
    tcase_add_test(t, each_gradient_alone);
    tcase_add_test(t, large_means_keep_their_digits);
    tcase_add_test(t, extreme_numbers);
    tcase_add_test(t, empty_tensors);
    tcase_add_test(t, results_outlive_their_buffers);
    tcase_add_test(t, refuses);
    tcase_add_test(t, memory_may_end_anywhere);
    tcase_add_test(t, layers_as_in_torch);
    tcase_add_test(t, layers_begin_as_in_torch);
    tcase_add_test(t, mode_is_not_recording);
    tcase_add_test(t, layers_refuse);
    tcase_add_test(t, steps_take_no_memory);
    tcase_add_loop_test(t, relu_may_follow_at_once, 0, 3);
    tcase_add_test(t, relu_follows_without_gradient_to_x);
    tcase_add_test(t, sequences_find_relu_after_batch_norm);
    tcase_add_loop_test(t, gradient_penalty_of_a_critic, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
