/* Convolutions, pools and their layers: PyTorch's numbers, differences, a plain loop over large
 * shapes, threads, messages, and a critic's gradient penalty. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/ops/conv.h"
#include "core/ops/elementwise.h"
#include "core/ops/pool.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/generative.h"
#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "tests/unit/every_case.h"
#include "tests/unit/modules.h"
#include "tests/unit/suites.h"

static cJSON *file;
static gr_graph *g;

static void read_cases(void) { file = oracle_read("tests/oracle/conv.json.gz"); }
static void free_cases(void) { cJSON_Delete(file); }
static void setup(void) { g = gr_graph_new(.seed = 5); }
static void teardown(void) { gr_graph_free(g); }

/* -- The oracle's cases -- */

static gr_pair pair_of(const cJSON *c, const char *name, int otherwise) {
    int part[2], n = oracle_ints(c, name, part, 2);
    return n == 0 ? otherwise : n == 1 ? part[0] : GR_PAIR(part[0], part[1]);
}

static gr_tensor *bias_of(const cJSON *c, gr_tensor **in) {
    return cJSON_GetArraySize(cJSON_GetObjectItem(c, "in")) > 2 ? in[2] : NULL;
}

static gr_tensor *call_conv2d(const cJSON *c, gr_tensor **in) {
    return gr_conv2d(in[0], in[1], bias_of(c, in), .stride = pair_of(c, "stride", 1),
                     .padding = pair_of(c, "padding", 0), .dilation = pair_of(c, "dilation", 1),
                     .groups = oracle_int(c, "groups", 1));
}

static gr_tensor *call_conv_transpose2d(const cJSON *c, gr_tensor **in) {
    return gr_conv_transpose2d(
        in[0], in[1], bias_of(c, in), .stride = pair_of(c, "stride", 1),
        .padding = pair_of(c, "padding", 0), .output_padding = pair_of(c, "output_padding", 0),
        .dilation = pair_of(c, "dilation", 1), .groups = oracle_int(c, "groups", 1));
}

static gr_tensor *call_max_pool2d(const cJSON *c, gr_tensor **in) {
    return gr_max_pool2d(in[0], pair_of(c, "kernel", 0), .stride = pair_of(c, "stride", 0),
                         .padding = pair_of(c, "padding", 0),
                         .dilation = pair_of(c, "dilation", 1));
}

/* Without the parameter the default of the macro is tested. */
static gr_tensor *call_avg_pool2d(const cJSON *c, gr_tensor **in) {
    gr_pair kernel = pair_of(c, "kernel", 0), stride = pair_of(c, "stride", 0);
    gr_pair padding = pair_of(c, "padding", 0);
    if (!cJSON_HasObjectItem(cJSON_GetObjectItem(c, "params"), "count_include_pad"))
        return gr_avg_pool2d(in[0], kernel, .stride = stride, .padding = padding);
    return gr_avg_pool2d(in[0], kernel, .stride = stride, .padding = padding,
                         .count_include_pad = oracle_flag(c, "count_include_pad"));
}

static gr_tensor *call_global_avg_pool2d(const cJSON *c, gr_tensor **in) {
    return (void)c, gr_global_avg_pool2d(in[0]);
}

static gr_tensor *call_upsample2d(const cJSON *c, gr_tensor **in) {
    gr_pair scale = pair_of(c, "scale", 0);
    if (!oracle_flag(c, "bilinear")) return gr_upsample2d(in[0], scale);
    return gr_upsample2d(in[0], scale, .mode = GR_UPSAMPLE_BILINEAR,
                         .align_corners = oracle_flag(c, "align_corners"));
}

static const struct {
    const char *name;
    oracle_function *call;
} functions[] = {
    {"conv2d", call_conv2d},
    {"conv_transpose2d", call_conv_transpose2d},
    {"max_pool2d", call_max_pool2d},
    {"avg_pool2d", call_avg_pool2d},
    {"global_avg_pool2d", call_global_avg_pool2d},
    {"upsample2d", call_upsample2d},
};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

static oracle_function *function_of(const cJSON *c) {
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(c, "op"));
    for (int i = 0; i < N_FUNCTIONS; i++)
        if (strcmp(op, functions[i].name) == 0) return functions[i].call;
    ck_assert_str_eq(op, "critic"); /* has a test of its own */
    return NULL;
}

START_TEST(oracle_cases_hold) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    every_case_holds("conv", file, function_of, isas[_i]);
}
END_TEST

#ifdef GR_DOUBLE
START_TEST(cases_by_differences) { every_case_by_differences("conv", file, function_of, g); }
END_TEST
#endif

/* -- A plain loop over shapes so large that they are cut into blocks -- */

/* Images (N,groups C,H,W), weight (groups O,C,kh,kw), positions P, Q; square options. */
typedef struct plain {
    int n, groups, c, h, w, o, kh, kw, stride, padding, dilation, p, q;
} plain;

/* Calls f with the places of x, weight and y for each term of the convolution. */
static void each_term(const plain *s, void f(void *context, int64_t x, int64_t w, int64_t y),
                      void *context) {
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t go = 0; go < s->groups * s->o; go++)
            for (int64_t c = 0; c < s->c; c++)
                for (int64_t t = 0; t < s->kh * s->kw; t++)
                    for (int64_t k = 0; k < s->p * s->q; k++) {
                        int64_t channel = n * s->groups * s->c + go / s->o * s->c + c;
                        int64_t i = k / s->q * s->stride + t / s->kw * s->dilation - s->padding;
                        int64_t j = k % s->q * s->stride + t % s->kw * s->dilation - s->padding;
                        if (i < 0 || i >= s->h || j < 0 || j >= s->w) continue;
                        f(context, (channel * s->h + i) * s->w + j,
                          (go * s->c + c) * s->kh * s->kw + t,
                          (n * s->groups * s->o + go) * s->p * s->q + k);
                    }
}

/* The three products and the sums of their absolute values, which bound the rounding. */
typedef struct sums {
    const gr_real *x, *w, *v;
    double *y, *to_x, *to_w, *abs_y, *abs_x, *abs_w;
} sums;

static void add_term(void *context, int64_t x, int64_t w, int64_t y) {
    sums *s = context;
    double a = (double)s->x[x] * s->w[w], b = (double)s->v[y] * s->w[w];
    double c = (double)s->x[x] * s->v[y];
    s->y[y] += a, s->abs_y[y] += fabs(a);
    s->to_x[x] += b, s->abs_x[x] += fabs(b);
    s->to_w[w] += c, s->abs_w[w] += fabs(c);
}

static void expect_near(const gr_tensor *t, const double *sum, const double *magnitude,
                        const char *what) {
    double eps = sizeof(gr_real) == 4 ? 1e-6 : 1e-14;
    for (int64_t i = 0; i < t->size; i++)
        if (!(fabs(gr_at(t, i) - sum[i]) <= eps * (1 + magnitude[i])))
            ck_abort_msg("%s: %lld is %.9g, expected %.9g", what, (long long)i, gr_at(t, i),
                         sum[i]);
}

/* The first six are of several blocks of patches, or go by steps or one tap; then bands of a large
 * image, blocks of many channels, taps apart, channels and columns that are no whole tile, and rows
 * as short as a part of a vector. The last eight have a sample in each lane: lanes without one,
 * steps that leave numbers of the image unseen, taps further out than the image, many channels. */
static const plain large[] = {
    {2, 1, 70, 20, 21, 24, 3, 3, 1, 1, 1, 20, 21}, {40, 1, 3, 28, 28, 20, 5, 5, 1, 0, 1, 24, 24},
    {3, 2, 18, 33, 17, 9, 3, 3, 2, 2, 2, 17, 9},   {5, 1, 40, 30, 30, 17, 1, 1, 1, 0, 1, 30, 30},
    {1, 1, 600, 9, 9, 20, 1, 1, 2, 0, 1, 5, 5},    {64, 1, 2, 3, 3, 3, 2, 2, 1, 1, 1, 4, 4},
    {2, 1, 20, 61, 70, 9, 3, 3, 1, 1, 1, 61, 70},  {3, 1, 5, 12, 13, 70, 3, 3, 1, 1, 1, 12, 13},
    {7, 2, 3, 20, 17, 5, 5, 3, 1, 2, 2, 16, 17},   {33, 1, 7, 8, 5, 11, 3, 2, 1, 1, 1, 8, 6},
    {20, 3, 1, 11, 6, 1, 3, 3, 1, 0, 1, 9, 4},     {2, 1, 300, 6, 14, 2, 1, 4, 1, 0, 2, 6, 8},
    {33, 1, 16, 14, 13, 20, 3, 3, 2, 1, 1, 7, 7},  {17, 2, 3, 9, 10, 5, 4, 3, 3, 2, 1, 4, 4},
    {40, 1, 1, 28, 28, 16, 4, 4, 4, 0, 1, 7, 7},   {9, 3, 1, 7, 6, 1, 3, 2, 3, 2, 2, 3, 3},
    {16, 1, 5, 3, 3, 7, 3, 3, 1, 2, 1, 5, 5},      {50, 1, 30, 8, 9, 70, 3, 3, 2, 1, 1, 4, 5},
    {8, 1, 2, 11, 5, 3, 1, 1, 2, 0, 1, 6, 3},      {28, 1, 20, 30, 31, 9, 4, 4, 2, 1, 1, 15, 15},
};
enum { LARGE = sizeof large / sizeof *large };

START_TEST(large_shapes_as_by_a_plain_loop) {
    const char *const isas[] = {"avx512", "avx2", "base"};
    const plain *s = &large[_i % LARGE];
    gr_graph_free(g);
    g = gr_graph_new(.seed = 5, .isa = isas[_i / LARGE]);
    if (gr_failed(g)) return; /* the processor lacks the instructions */
    gr_tensor *x =
        gr_requires_grad(gr_normal(g, GR_SHAPE(s->n, s->groups * s->c, s->h, s->w), 0, 1));
    gr_tensor *w =
        gr_requires_grad(gr_normal(g, GR_SHAPE(s->groups * s->o, s->c, s->kh, s->kw), 0, 1));
    gr_tensor *y = gr_conv2d(x, w, .stride = s->stride, .padding = s->padding,
                             .dilation = s->dilation, .groups = s->groups);
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    ck_assert(gr_shape_equal(y->shape, GR_SHAPE(s->n, s->groups * s->o, s->p, s->q)));
    gr_tensor *v = gr_normal(g, y->shape, 0, 1), *grads[2];
    ck_assert(gr_grads(GR_LIST(y), GR_LIST(x, w), grads, .grad_output = &v));
    sums r = {.x = x->data, .w = w->data, .v = v->data};
    double **to[] = {&r.y, &r.to_x, &r.to_w, &r.abs_y, &r.abs_x, &r.abs_w};
    const gr_tensor *sizes[] = {y, x, w, y, x, w};
    for (int i = 0; i < 6; i++)
        ck_assert_ptr_nonnull(*to[i] = calloc((size_t)sizes[i]->size, sizeof(double)));
    each_term(s, add_term, &r);
    expect_near(y, r.y, r.abs_y, "the convolution");
    expect_near(grads[0], r.to_x, r.abs_x, "the gradient to x");
    expect_near(grads[1], r.to_w, r.abs_w, "the gradient to weight");
    for (int i = 0; i < 6; i++) free(*to[i]);
}
END_TEST

/* -- Pooling by a plain loop, for rows of all lengths beside a vector's -- */

/* The place of a window's first NaN, else of its first maximum. */
static int64_t largest_place(const gr_tensor *x, int64_t image, int window, int p, int q) {
    int width = x->shape.dim[3];
    int64_t corner = image * x->shape.dim[2] * width + (int64_t)p * window * width + q * window;
    int64_t best = corner;
    for (int k = 0; k < window * window; k++) {
        int64_t at = corner + k / window * width + k % window;
        if (isnan(x->data[best])) break;
        if (isnan(x->data[at]) || x->data[at] > x->data[best]) best = at;
    }
    return best;
}

static void expect_pooled(gr_tensor *x, int window) {
    gr_tensor *y = gr_max_pool2d(x, window);
    ck_assert_msg(y != NULL, "%s", gr_error(x->graph));
    gr_tensor *v = gr_normal(x->graph, y->shape, 0, 1);
    const gr_tensor *grad = gr_grad(y, x, .grad_output = v);
    gr_tensor *expected = gr_zeros(x->graph, x->shape);
    int rows = y->shape.dim[2], columns = y->shape.dim[3];
    for (int64_t k = 0; k < y->size; k++) {
        int64_t at = largest_place(x, k / (rows * columns), window,
                                   (int)(k % (rows * columns) / columns), (int)(k % columns));
        ck_assert(memcmp(&y->data[k], &x->data[at], sizeof *x->data) == 0);
        expected->data[at] = v->data[k];
    }
    for (int64_t k = 0; k < x->size; k++) ck_assert_double_eq(gr_at(grad, k), gr_at(expected, k));
}

START_TEST(pools_as_by_a_plain_loop) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    gr_graph *of_isa = gr_graph_new(.isa = isas[_i], .seed = 11);
    for (int width = 2; width <= 41 && !gr_failed(of_isa); width++)
        for (int window = 1; window <= 3; window++) {
            gr_shape shape = GR_SHAPE(1, 3, 3 + width % 4, width + 1);
            gr_tensor *x = gr_requires_grad(gr_normal(of_isa, shape, 0, 1));
            for (int64_t k = 0; k < x->size; k++) {
                x->data[k] = (gr_real)round(2 * x->data[k]); /* so that many are equal */
                if (x->data[k] > 3) x->data[k] = (gr_real)NAN;
            }
            expect_pooled(x, window);
            gr_graph_reset(of_isa);
        }
    gr_graph_free(of_isa);
}
END_TEST

/* -- Upsampling by 2, bilinear, which has kernels of its own -- */

/* Element i of a row of `size` numbers twice as long: the numbers it lies between, and its
 * weights. */
static void between(int i, int size, int from[2], double weight[2]) {
    double at = fmin(fmax((i + 0.5) / 2 - 0.5, 0), size - 1);
    from[0] = (int)at;
    from[1] = from[0] + 1 < size ? from[0] + 1 : from[0];
    weight[1] = at - from[0];
    weight[0] = 1 - weight[1];
}

static void expect_enlarged(gr_graph *of_isa, int height, int width) {
    gr_tensor *x = gr_requires_grad(gr_normal(of_isa, GR_SHAPE(2, 1, height, width), 0, 1));
    gr_tensor *y = gr_upsample2d(x, 2, .mode = GR_UPSAMPLE_BILINEAR);
    ck_assert_msg(y != NULL, "%s", gr_error(of_isa));
    gr_tensor *v = gr_normal(of_isa, y->shape, 0, 1), *grad = gr_grad(y, x, .grad_output = v);
    double back[2 * 9 * 40] = {0};
    for (int64_t k = 0; k < y->size; k++) {
        int rows[2], columns[2], i = (int)(k / (2 * width));
        double by_row[2], by_column[2], value = 0;
        between(i % (2 * height), height, rows, by_row);
        between((int)(k % (2 * width)), width, columns, by_column);
        for (int c = 0; c < 4; c++) {
            int row = i / (2 * height) * height + rows[c / 2], at = row * width + columns[c % 2];
            double weight = by_row[c / 2] * by_column[c % 2];
            value += weight * x->data[at];
            back[at] += weight * v->data[k];
        }
        ck_assert_double_eq_tol(gr_at(y, k), value, 1e-6);
    }
    for (int64_t k = 0; k < x->size; k++) ck_assert_double_eq_tol(gr_at(grad, k), back[k], 1e-5);
}

START_TEST(enlarges_as_by_the_formula) {
    const char *const isas[] = {"base", "avx2", "avx512"};
    gr_graph *of_isa = gr_graph_new(.isa = isas[_i], .seed = 11);
    for (int height = 1; height <= 9 && !gr_failed(of_isa); height += 2)
        for (int width = 1; width <= 40; width += 1 + width / 4) {
            expect_enlarged(of_isa, height, width);
            gr_graph_reset(of_isa);
        }
    gr_graph_free(of_isa);
}
END_TEST

/* -- Threads -- */

typedef struct outcome {
    gr_graph *graph;
    gr_tensor *y, *grads[3], *second[3];
} outcome;

static gr_tensor *resized(gr_tensor *x) {
    gr_tensor *h = gr_avg_pool2d(x, 3, .stride = 1, .padding = 1, .count_include_pad = false);
    h = gr_max_pool2d(gr_square(h), 3, .stride = 2, .padding = 1);
    h = gr_upsample2d(gr_upsample2d(h, 3, .mode = GR_UPSAMPLE_BILINEAR), 2,
                      .mode = GR_UPSAMPLE_BILINEAR);
    return gr_mul(h, gr_reshape(gr_global_avg_pool2d(h), GR_SHAPE(x->shape.dim[0], -1, 1, 1)));
}

static outcome run_threads(int threads, int n, int side) {
    outcome r = {.graph = gr_graph_new(.seed = 3, .threads = threads)};
    gr_tensor *x = gr_requires_grad(gr_normal(r.graph, GR_SHAPE(n, 40, side, side - 2), 0, 1));
    gr_tensor *w = gr_requires_grad(gr_normal(r.graph, GR_SHAPE(36, 20, 3, 3), 0, 1));
    gr_tensor *up = gr_requires_grad(gr_normal(r.graph, GR_SHAPE(36, 9, 2, 2), 0, 1));
    gr_list leaves = GR_LIST(x, w, up);
    gr_tensor *h = gr_tanh(gr_conv2d(x, w, .stride = 2, .padding = 1, .groups = 2));
    r.y = gr_conv_transpose2d(h, up, .stride = 2, .groups = 2, .output_padding = 1);
    r.y = resized(r.y);
    ck_assert_msg(r.y != NULL, "%s", gr_error(r.graph));
    gr_tensor *v = gr_normal(r.graph, r.y->shape, 0, 1);
    ck_assert(gr_grads(GR_LIST(r.y), leaves, r.grads, .grad_output = &v, .create_graph = true));
    ck_assert(gr_grads((gr_list){3, r.grads}, leaves, r.second));
    return r;
}

static void expect_same(const gr_tensor *a, const gr_tensor *b) {
    ck_assert(gr_shape_equal(a->shape, b->shape));
    ck_assert(memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data) == 0);
}

START_TEST(threads_do_not_matter) {
    int n = _i == 0 ? 11 : _i == 1 ? 1 : 70, side = _i < 2 ? 27 : 9;
    outcome one = run_threads(1, n, side);
    for (int threads = 2; threads <= 3; threads++) {
        outcome more = run_threads(threads, n, side);
        expect_same(one.y, more.y);
        for (int k = 0; k < 3; k++) {
            expect_same(one.grads[k], more.grads[k]);
            expect_same(one.second[k], more.second[k]);
        }
        gr_graph_free(more.graph);
    }
    gr_graph_free(one.graph);
}
END_TEST

/* -- Edges -- */

START_TEST(pairs) {
    const int parts[] = {0, 1, 7, -1, 1 << 20, INT32_MAX};
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(gr_pair_part(parts[i], 0), parts[i]);
        ck_assert_int_eq(gr_pair_part(parts[i], 1), parts[i]);
        for (int k = 0; k < 6; k++) {
            ck_assert_int_eq(gr_pair_part(GR_PAIR(parts[i], parts[k]), 0), parts[i]);
            ck_assert_int_eq(gr_pair_part(GR_PAIR(parts[i], parts[k]), 1), parts[k]);
        }
    }
}
END_TEST

/* No samples, or no channels, are fine: all sums are empty. */
START_TEST(empty_tensors) {
    const int sizes[4][3] = {{0, 2, 3}, {2, 0, 3}, {2, 2, 0}, {0, 0, 0}};
    for (int i = 0; i < 4; i++) {
        int n = sizes[i][0], c = sizes[i][1], o = sizes[i][2];
        gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(n, c, 4, 4), 1));
        gr_tensor *w = gr_requires_grad(gr_full(g, GR_SHAPE(o, c, 3, 3), 1));
        gr_tensor *b = gr_requires_grad(gr_full(g, GR_SHAPE(o), 2)), *grads[3];
        gr_tensor *y = gr_conv2d(x, w, b);
        ck_assert_msg(y != NULL, "%s", gr_error(g));
        ck_assert(gr_shape_equal(y->shape, GR_SHAPE(n, o, 2, 2)));
        for (int64_t k = 0; k < y->size; k++) ck_assert_double_eq(gr_at(y, k), c == 0 ? 2 : 20);
        ck_assert(gr_grads(GR_LIST(y), GR_LIST(x, w, b), grads));
        for (int64_t k = 0; k < w->size; k++) ck_assert_double_eq(gr_at(grads[1], k), 4.0 * n);
        for (int64_t k = 0; k < b->size; k++) ck_assert_double_eq(gr_at(grads[2], k), 4.0 * n);
        for (int64_t k = 0; k < x->size; k++) ck_assert_double_eq(gr_at(grads[0], k) > 0, o > 0);
        gr_tensor *back = gr_conv_transpose2d(y, w, .stride = 1);
        ck_assert(back != NULL && gr_shape_equal(back->shape, x->shape));
    }
}
END_TEST

/* An image between zeros whose number no integer holds: the window sees it at one place of nine. */
START_TEST(few_places_far_apart) {
    const gr_pair far = 600000000;
    gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(8, 1, 1, 1), 2));
    gr_tensor *w = gr_requires_grad(gr_full(g, GR_SHAPE(1, 1, 1, 1), 3)), *grads[2];
    gr_tensor *y = gr_conv2d(x, w, .stride = far, .padding = far);
    ck_assert_msg(y != NULL, "%s", gr_error(g));
    ck_assert(gr_shape_equal(y->shape, GR_SHAPE(8, 1, 3, 3)));
    for (int64_t k = 0; k < y->size; k++) ck_assert_double_eq(gr_at(y, k), k % 9 == 4 ? 6 : 0);
    ck_assert(gr_grads(GR_LIST(y), GR_LIST(x, w), grads));
    for (int64_t k = 0; k < x->size; k++) ck_assert_double_eq(gr_at(grads[0], k), 3);
    ck_assert_double_eq(gr_at(grads[1], 0), 16);
}
END_TEST

START_TEST(empty_images) {
    gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(0, 3, 4, 4)));
    gr_tensor *y[] = {gr_max_pool2d(x, 2), gr_avg_pool2d(x, 2), gr_upsample2d(x, 2),
                      gr_global_avg_pool2d(x)};
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(y[i] != NULL, "%s", gr_error(g));
        ck_assert_int_eq(y[i]->shape.dim[0], 0);
        ck_assert(gr_shape_equal(gr_grad(y[i], x)->shape, x->shape));
    }
    gr_tensor *flat = gr_upsample2d(gr_zeros(g, GR_SHAPE(2, 3, 0, 4)), 2);
    ck_assert(flat != NULL && gr_shape_equal(flat->shape, GR_SHAPE(2, 3, 0, 8)));
}
END_TEST

/* Means of numbers whose sum overflows, and an interpolation at infinity's neighbour. */
START_TEST(extreme_numbers) {
    double most = sizeof(gr_real) == 4 ? 3e38 : 1.5e308;
    gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(1, 1, 4, 4), most));
    gr_tensor *y = gr_avg_pool2d(x, 4);
    ck_assert_double_eq_tol(gr_item(y) / most, 1, 1e-6);
    const gr_real edge[2] = {1, (gr_real)INFINITY};
    x = gr_from(g, GR_SHAPE(1, 1, 1, 2), edge);
    y = gr_upsample2d(x, 2, .mode = GR_UPSAMPLE_BILINEAR);
    ck_assert_double_eq(gr_at(y, 0), 1);
    const gr_real numbers[4] = {3, (gr_real)NAN, 5, 4};
    y = gr_max_pool2d(gr_requires_grad(gr_from(g, GR_SHAPE(1, 1, 2, 2), numbers)), 2);
    ck_assert_double_nan(gr_item(y));
}
END_TEST

/* Bands of a few rows would each frame the million rows between the taps. */
START_TEST(a_far_dilated_kernel) {
    const gr_pair far = 1 << 20;
    gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(1, 1, 40, 1), 2));
    gr_tensor *w = gr_requires_grad(gr_full(g, GR_SHAPE(1, 1, 2, 1), 3));
    gr_tensor *y = gr_conv2d(x, w, NULL, .dilation = far, .padding = GR_PAIR(far, 0));
    ck_assert_msg(gr_backward(gr_sum(y)), "%s", gr_error(g));
    ck_assert_double_eq(gr_item(gr_sum(y)), 40 * 2 * 6);
    for (int i = 0; i < 40; i++) ck_assert_double_eq(gr_at(x->grad, i), 6);
    for (int i = 0; i < 2; i++) ck_assert_double_eq(gr_at(w->grad, i), 80);
}
END_TEST

static void expect(const void *result, const char *expected) {
    ck_assert_ptr_null(result);
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(refuses) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3, 5, 6)), *w = gr_zeros(g, GR_SHAPE(4, 3, 3, 3));
    gr_tensor *flat = gr_zeros(g, GR_SHAPE(3, 5)), *b = gr_zeros(g, GR_SHAPE(3));
    expect(gr_conv2d(x, NULL), "gr_conv2d: weight is NULL");
    expect(gr_conv2d(flat, w), "gr_conv2d: x (3,5), expected (N,C,H,W)");
    expect(gr_conv2d(x, flat), "gr_conv2d: weight (3,5), expected (O,C/groups,kh,kw)");
    expect(gr_conv2d(x, gr_zeros(g, GR_SHAPE(4, 3, 0, 3))),
           "gr_conv2d: kernel is (0,3), expected at least 1");
    expect(gr_conv2d(x, gr_name(gr_zeros(g, GR_SHAPE(4, 2, 3, 3)), "0.weight")),
           "gr_conv2d: x (2,3,5,6) with 0.weight (4,2,3,3) and groups = 1: 3 channels, expected 2");
    expect(gr_conv2d(x, w, .groups = 2),
           "gr_conv2d: x (2,3,5,6) with weight (4,3,3,3) and groups = 2: 3 channels, expected 6");
    expect(gr_conv2d(x, w, .groups = 3), "gr_conv2d: weight (4,3,3,3) can't be cut into 3 groups");
    expect(gr_conv2d(x, w, .groups = 0), "gr_conv2d: 0 groups, expected at least 1");
    expect(gr_conv2d(x, w, b), "gr_conv2d: bias (3) for weight (4,3,3,3), expected (4)");
    expect(gr_conv2d(x, w, .stride = 0), "gr_conv2d: stride is (0,0), expected at least 1");
    expect(gr_conv2d(x, w, .dilation = GR_PAIR(1, 0)),
           "gr_conv2d: dilation is (1,0), expected at least 1");
    expect(gr_conv2d(x, w, .padding = GR_PAIR(-1, 1)),
           "gr_conv2d: padding is (-1,1), expected at least 0");
    expect(gr_conv2d(x, w, .dilation = 3),
           "gr_conv2d: x (2,3,5,6): dimension 2 has 5 elements with its "
           "padding, and the kernel 7 with its dilation");
    expect(gr_conv_transpose2d(x, w), "gr_conv_transpose2d: x (2,3,5,6) with weight (4,3,3,3) and "
                                      "groups = 1: 3 channels, expected 4");
    gr_tensor *up = gr_zeros(g, GR_SHAPE(3, 2, 3, 3));
    expect(gr_conv_transpose2d(x, up, b),
           "gr_conv_transpose2d: bias (3) for weight (3,2,3,3), expected (2)");
    expect(gr_conv_transpose2d(x, up, .stride = 2, .output_padding = 2),
           "gr_conv_transpose2d: output_padding is (2,2), expected less than the stride (2,2) or "
           "the dilation (1,1)");
    expect(gr_conv_transpose2d(x, up, .padding = 4),
           "gr_conv_transpose2d: x (2,3,5,6) with weight (3,2,3,3) and padding (4,4): -1 elements "
           "in dimension 2 of the result");
    expect(gr_conv_transpose2d(NULL, up), "gr_conv_transpose2d: x is NULL");
    ck_assert_ptr_null(gr_conv2d(NULL, NULL));
    gr_graph *small = gr_graph_new(.memory_limit = 800000 * sizeof(gr_real));
    x = gr_zeros(small, GR_SHAPE(1, 16, 40, 40));
    w = gr_zeros(small, GR_SHAPE(16, 16, 39, 39));
    ck_assert_ptr_nonnull(w);
    gr_conv2d(x, w, .padding = 19, .stride = 2);
    ck_assert_msg(strstr(gr_error(small), "gr_conv2d: no memory for x (1,16,40,40), ") != NULL,
                  "%s", gr_error(small));
    gr_graph_free(small);
}
END_TEST

START_TEST(pools_refuse) {
    gr_tensor *x = gr_zeros(g, GR_SHAPE(2, 3, 5, 6)), *flat = gr_zeros(g, GR_SHAPE(3, 5));
    expect(gr_max_pool2d(flat, 2), "gr_max_pool2d: x (3,5), expected (N,C,H,W)");
    expect(gr_max_pool2d(x, GR_PAIR(2, 0)), "gr_max_pool2d: kernel is (2,0), expected at least 1");
    expect(gr_max_pool2d(x, 2, .stride = -1),
           "gr_max_pool2d: stride is (-1,-1), expected at least 1");
    expect(gr_max_pool2d(x, 2, .dilation = 0),
           "gr_max_pool2d: dilation is (0,0), expected at least 1");
    expect(gr_max_pool2d(x, 3, .padding = 2),
           "gr_max_pool2d: padding is (2,2), expected at most half of the kernel (3,3)");
    expect(gr_max_pool2d(x, 6),
           "gr_max_pool2d: x (2,3,5,6): dimension 2 has 5 elements with its padding, and the "
           "kernel 6 with its dilation");
    expect(gr_max_pool2d(gr_zeros(g, GR_SHAPE(1, 1, 1, 1)), 2, .dilation = 2, .padding = 1),
           "gr_max_pool2d: x (1,1,1,1): window 0 of dimension 2 has no element");
    expect(gr_avg_pool2d(flat, 2), "gr_avg_pool2d: x (3,5), expected (N,C,H,W)");
    expect(gr_avg_pool2d(x, 0), "gr_avg_pool2d: kernel is (0,0), expected at least 1");
    expect(gr_avg_pool2d(x, 3, .padding = GR_PAIR(0, 2)),
           "gr_avg_pool2d: padding is (0,2), expected at most half of the kernel (3,3)");
    expect(gr_avg_pool2d(x, GR_PAIR(2, 7)),
           "gr_avg_pool2d: x (2,3,5,6): dimension 3 has 6 elements with its padding, and the "
           "kernel 7 with its dilation");
    expect(gr_avg_pool2d(gr_zeros(g, GR_SHAPE(1, 1, 0, 3)), 2, .padding = 1),
           "gr_avg_pool2d: x (1,1,0,3) has no elements in dimension 2");
    expect(gr_upsample2d(flat, 2), "gr_upsample2d: x (3,5), expected (N,C,H,W)");
    expect(gr_upsample2d(x, 0), "gr_upsample2d: scale is (0,0), expected at least 1");
    expect(gr_upsample2d(x, INT32_MAX),
           "gr_upsample2d: x (2,3,5,6) with scale (2147483647,2147483647): 10737418235 elements "
           "in dimension 2");
    expect(gr_upsample2d(x, 2, .align_corners = true),
           "gr_upsample2d: align_corners is for bilinear only");
    expect(gr_upsample2d(x, 2, .mode = (gr_upsampling)7), "gr_upsample2d: no mode 7");
    expect(gr_global_avg_pool2d(flat), "gr_global_avg_pool2d: x (3,5), expected (N,C,H,W)");
    gr_tensor *classes = gr_from_index(g, GR_SHAPE(1, 1, 1, 1), (int32_t[]){1});
    expect(gr_max_pool2d(classes, 1),
           "gr_max_pool2d: x (1,1,1,1) holds integers, expected real numbers");
    ck_assert_ptr_null(gr_max_pool2d(NULL, 2));
    ck_assert_ptr_null(gr_avg_pool2d(NULL, 2));
    ck_assert_ptr_null(gr_upsample2d(NULL, 2));
    ck_assert_ptr_null(gr_global_avg_pool2d(NULL));
}
END_TEST

/* Wherever memory ends, there is an error and no crash; and scratch memory is not needed twice. */
START_TEST(memory_ends_anywhere) {
    int failures = 0, successes = 0;
    for (int64_t numbers = 30000; numbers < 400000; numbers += 7000) {
        gr_graph *small = gr_graph_new(.memory_limit = (size_t)numbers * sizeof(gr_real));
        gr_tensor *x = gr_requires_grad(gr_zeros(small, GR_SHAPE(3, 8, 20, 21)));
        gr_tensor *w = gr_requires_grad(gr_zeros(small, GR_SHAPE(10, 8, 3, 3)));
        gr_tensor *grads[2];
        if (gr_grads(GR_LIST(gr_conv2d(x, w, .padding = 1)), GR_LIST(x, w), grads))
            successes++;
        else
            failures++;
        ck_assert(!gr_failed(small) == (grads[0] != NULL));
        gr_graph_free(small);
    }
    ck_assert_int_gt(failures, 3);
    ck_assert_int_gt(successes, 3);
}
END_TEST

/* -- Layers -- */

START_TEST(layers_name_and_initialise_as_torch) {
    gr_module *net = gr_sequential(
        g, gr_conv2d_layer(g, 6, 8, GR_PAIR(3, 5), .groups = 2, .padding = 1), gr_relu_layer(g),
        gr_conv_transpose2d_layer(g, 8, 6, 2, .stride = 2, .groups = 2, .bias = false),
        gr_flatten_layer(g));
    ck_assert_msg(net != NULL, "%s", gr_error(g));
    gr_list p = gr_parameters(net);
    ck_assert_int_eq(p.n, 3);
    const char *const names[] = {"0.weight", "0.bias", "2.weight"};
    const gr_shape shapes[] = {GR_SHAPE(8, 3, 3, 5), GR_SHAPE(8), GR_SHAPE(8, 3, 2, 2)};
    const double fans[] = {45, 45, 12};
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(p.items[i]->name, names[i]);
        ck_assert(gr_shape_equal(p.items[i]->shape, shapes[i]));
        double bound = 1 / sqrt(fans[i]), largest = gr_item(gr_max(gr_abs(p.items[i])));
        ck_assert_double_le(largest, bound);
        ck_assert_double_gt(largest, bound * 0.6);
    }
    gr_tensor *y = gr_forward(net, gr_normal(g, GR_SHAPE(2, 6, 5, 7), 0, 1));
    ck_assert_msg(y != NULL && gr_shape_equal(y->shape, GR_SHAPE(2, 6 * 10 * 10)), "%s",
                  gr_error(g));
    gr_module *zero = gr_conv2d_layer(g, 1, 1, 3, .init = GR_INIT_ZEROS);
    ck_assert_double_eq(gr_item(gr_parameter_named(zero, "bias")), 0);
}
END_TEST

static void expect_same_result(gr_module *m, gr_tensor *x, const gr_tensor *expected) {
    const gr_tensor *y = gr_forward(m, x);
    ck_assert_msg(y != NULL && expected != NULL, "%s", gr_error(g));
    expect_same(y, expected);
}

START_TEST(layers_are_the_operations) {
    gr_tensor *x = gr_normal(g, GR_SHAPE(2, 4, 7, 6), 0, 1);
    gr_module *conv = gr_conv2d_layer(g, 4, 6, 3, .stride = 2, .padding = GR_PAIR(1, 2),
                                      .dilation = 2, .groups = 2);
    gr_list p = gr_parameters(conv);
    expect_same_result(conv, x,
                       gr_conv2d(x, p.items[0], p.items[1], .stride = 2, .padding = GR_PAIR(1, 2),
                                 .dilation = 2, .groups = 2));
    gr_module *up = gr_conv_transpose2d_layer(g, 4, 6, 3, .stride = 2, .padding = 1,
                                              .output_padding = 1, .dilation = 2, .groups = 2);
    p = gr_parameters(up);
    expect_same_result(up, x,
                       gr_conv_transpose2d(x, p.items[0], p.items[1], .stride = 2, .padding = 1,
                                           .output_padding = 1, .dilation = 2, .groups = 2));
    expect_same_result(gr_max_pool2d_layer(g, 2), x, gr_max_pool2d(x, 2));
    expect_same_result(gr_max_pool2d_layer(g, 3, .stride = 1, .padding = 1, .dilation = 2), x,
                       gr_max_pool2d(x, 3, .stride = 1, .padding = 1, .dilation = 2));
    expect_same_result(gr_avg_pool2d_layer(g, 3, .padding = 1), x,
                       gr_avg_pool2d(x, 3, .padding = 1));
    expect_same_result(
        gr_avg_pool2d_layer(g, 3, .stride = 2, .padding = 1, .count_include_pad = false), x,
        gr_avg_pool2d(x, 3, .stride = 2, .padding = 1, .count_include_pad = false));
    expect_same_result(gr_global_avg_pool2d_layer(g), x, gr_global_avg_pool2d(x));
    expect_same_result(gr_upsample2d_layer(g, 2), x, gr_upsample2d(x, 2));
    expect_same_result(
        gr_upsample2d_layer(g, 2, .mode = GR_UPSAMPLE_BILINEAR, .align_corners = true), x,
        gr_upsample2d(x, 2, .mode = GR_UPSAMPLE_BILINEAR, .align_corners = true));
    expect_same_result(gr_flatten_layer(g), x, gr_reshape(x, GR_SHAPE(2, 168)));
    x = gr_zeros(g, GR_SHAPE(0, 3, 2));
    expect_same_result(gr_flatten_layer(g), x, gr_reshape(x, GR_SHAPE(0, 6)));
}
END_TEST

START_TEST(layers_refuse) {
    expect(gr_conv2d_layer(g, 0, 2, 3),
           "gr_conv2d_layer: 0 to 2 channels with groups = 1, expected at least 1, and "
           "multiples of groups");
    expect(gr_conv2d_layer(g, 3, 2, 3, .groups = 2),
           "gr_conv2d_layer: 3 to 2 channels with groups = 2, expected at least 1, and "
           "multiples of groups");
    expect(gr_conv_transpose2d_layer(g, 2, 2, GR_PAIR(3, 0)),
           "gr_conv_transpose2d_layer: kernel is (3,0), expected at least 1");
    expect(gr_conv2d_layer(g, 2, 2, 3, .stride = 0),
           "gr_conv2d_layer: stride is (0,0), expected at least 1");
    expect(gr_forward(gr_flatten_layer(g), gr_scalar(g, 1)),
           "flatten: x () has no dimensions, expected (N,..)");
}
END_TEST

/* -- A critic -- */

START_TEST(gradient_penalty_of_a_critic) {
    const cJSON *c = oracle_find(file, "critic", "penalty");
    gr_module *net =
        gr_sequential(g, gr_conv2d_layer(g, 2, 4, 3, .stride = 2, .padding = 1), gr_relu_layer(g),
                      gr_conv2d_layer(g, 4, 3, GR_PAIR(3, 2), .padding = GR_PAIR(1, 0)),
                      gr_relu_layer(g), gr_flatten_layer(g), gr_linear(g, 27, 1));
    modules_load(c, net);
    gr_tensor *x = modules_operand(g, c, "x");
    modules_compare(c, "y", gr_forward(net, x));
    gr_tensor *penalty = gr_gradient_penalty(gr_module_function, net, x, x);
    modules_compare(c, "penalty", penalty);
    ck_assert_msg(gr_backward(penalty), "%s", gr_error(g));
    modules_compare_grads(c, "", net);
}
END_TEST

Suite *conv_suite(void) {
    Suite *s = suite_create("conv");
    TCase *t = tcase_create("conv");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, oracle_cases_hold, 0, 3);
#ifdef GR_DOUBLE
    tcase_add_test(t, cases_by_differences);
#endif
    tcase_add_loop_test(t, large_shapes_as_by_a_plain_loop, 0, 3 * LARGE);
    tcase_add_loop_test(t, pools_as_by_a_plain_loop, 0, 3);
    tcase_add_loop_test(t, enlarges_as_by_the_formula, 0, 3);
    tcase_add_loop_test(t, threads_do_not_matter, 0, 3);
    tcase_add_test(t, pairs);
    tcase_add_test(t, empty_tensors);
    tcase_add_test(t, few_places_far_apart);
    tcase_add_test(t, empty_images);
    tcase_add_test(t, extreme_numbers);
    tcase_add_test(t, a_far_dilated_kernel);
    tcase_add_test(t, refuses);
    tcase_add_test(t, memory_ends_anywhere);
    tcase_add_test(t, pools_refuse);
    tcase_add_test(t, layers_name_and_initialise_as_torch);
    tcase_add_test(t, layers_are_the_operations);
    tcase_add_test(t, layers_refuse);
    tcase_add_test(t, gradient_penalty_of_a_critic);
    suite_add_tcase(s, t);
    return s;
}
