/* Values on tensors that are large enough to be cut into pieces, against plain loops, on every
 * instruction set. (The references of the operations are small; test_threads.c compares the pieces
 * of one number of threads with those of another, which can both be wrong.) */
#include <math.h>
#include <stdlib.h>

#include "core/graph/autodiff.h"
#include "core/graph/random.h"
#include "core/kernels/product.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/update.h"
#include "losses/classification.h"
#include "losses/regression.h"
#include "tests/unit/suites.h"

#define TOLERANCE (sizeof(gr_real) == sizeof(float) ? 2e-5 : 1e-11)

static const char *const isas[] = {"base", "avx2", "avx512"};
enum { ISAS = sizeof isas / sizeof *isas, MOST = 300000 };

static gr_graph *g;
static double buffer[MOST];

/* False if the processor lacks the instructions. */
static bool begin(int isa) {
    g = gr_graph_new(.seed = 8, .isa = isas[isa], .threads = 1);
    return !gr_failed(g);
}

/* Without ck_assert where all is well: that would tell the parent process of each element. */
static void expect_near(double x, double expected, const char *what, int64_t i) {
    if (fabs(x - expected) <= TOLERANCE * fmax(1, fabs(expected))) return;
    ck_abort_msg("%s on %s: element %lld is %.12g, expected %.12g", what, gr_isa(g), (long long)i,
                 x, expected);
}

static gr_tensor *draw(gr_shape shape) {
    gr_tensor *x = gr_normal(g, shape, 0.3, 1);
    ck_assert_msg(x != NULL, "%s", gr_error(g));
    return x;
}

/* -- Reductions -- */

typedef struct reduction {
    const char *name;
    gr_tensor *(*f)(gr_tensor *x, gr_axes axes);
    double (*plain)(int64_t n, const double *x);
} reduction;

static double total(int64_t n, const double *x) {
    double y = 0;
    for (int64_t i = 0; i < n; i++) y += x[i];
    return y;
}
static double mean(int64_t n, const double *x) { return total(n, x) / (double)n; }
static double largest(int64_t n, const double *x) {
    double y = x[0];
    for (int64_t i = 1; i < n; i++) y = fmax(y, x[i]);
    return y;
}
static double smallest(int64_t n, const double *x) {
    double y = x[0];
    for (int64_t i = 1; i < n; i++) y = fmin(y, x[i]);
    return y;
}
static double logsumexp(int64_t n, const double *x) {
    double y = 0;
    for (int64_t i = 0; i < n; i++) y += exp(x[i]);
    return log(y);
}
static double norm_of(int64_t n, const double *x, double p) {
    double y = 0;
    for (int64_t i = 0; i < n; i++) y += pow(fabs(x[i]), p);
    return pow(y, 1 / p);
}
static double norm_1(int64_t n, const double *x) { return norm_of(n, x, 1); }
static double norm_2(int64_t n, const double *x) { return norm_of(n, x, 2); }
static double norm_3(int64_t n, const double *x) { return norm_of(n, x, 3); }
static double variance(int64_t n, const double *x) {
    double m = mean(n, x), y = 0;
    for (int64_t i = 0; i < n; i++) y += (x[i] - m) * (x[i] - m);
    return y / (double)(n - 1);
}

#define REDUCTION(name, ...)                                                                       \
    static gr_tensor *run_##name(gr_tensor *x, gr_axes a) { return __VA_ARGS__; }
REDUCTION(total, gr_sum(x, .axes = a))
REDUCTION(mean, gr_mean(x, .axes = a))
REDUCTION(largest, gr_max(x, .axes = a))
REDUCTION(smallest, gr_min(x, .axes = a))
REDUCTION(logsumexp, gr_logsumexp(x, .axes = a))
REDUCTION(norm_1, gr_norm(x, .p = 1, .axes = a))
REDUCTION(norm_2, gr_norm(x, .axes = a))
REDUCTION(norm_3, gr_norm(x, .p = 3, .axes = a))
REDUCTION(variance, gr_var(x, .axes = a))

#define LISTED(name)                                                                               \
    { #name, run_##name, name }
static const reduction reductions[] = {LISTED(total),    LISTED(mean),      LISTED(largest),
                                       LISTED(smallest), LISTED(logsumexp), LISTED(norm_1),
                                       LISTED(norm_2),   LISTED(norm_3),    LISTED(variance)};

/* Few results of many elements and many of few; side by side and behind each other; narrow rows;
 * several axes, the pieces of which do not end where an axis does; many short rows of each result,
 * and many long ones. */
static const struct {
    gr_shape shape;
    gr_axes axes;
} layouts[] = {
    {{1, {299993}}, {1, {0}}},           {{2, {3, 90001}}, {1, {1}}},
    {{2, {90001, 3}}, {1, {0}}},         {{2, {700, 300}}, {1, {0}}},
    {{2, {700, 300}}, {1, {1}}},         {{2, {5, 40000}}, {1, {0}}},
    {{3, {200, 3, 150}}, {1, {1}}},      {{4, {30, 7, 40, 25}}, {2, {0, 2}}},
    {{4, {30, 7, 40, 25}}, {2, {1, 3}}}, {{4, {200, 3, 83, 5}}, {2, {0, 2}}},
    {{4, {3, 200, 5, 83}}, {2, {1, 3}}}, {{3, {500, 12, 49}}, {2, {0, 2}}},
    {{3, {70, 300, 9}}, {2, {0, 2}}},    {{3, {17, 40, 256}}, {2, {0, 2}}},
    {{3, {90, 4, 700}}, {2, {0, 2}}},    {{5, {17, 3, 16, 5, 9}}, {3, {0, 2, 4}}},
    {{2, {70001, 2}}, {1, {1}}},         {{2, {9001, 10}}, {1, {1}}},
    {{3, {31, 70, 28}}, {1, {2}}},       {{2, {2005, 64}}, {1, {1}}},
    {{2, {2005, 65}}, {1, {1}}},         {{3, {5, 7, 40}}, {1, {2}}},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

/* Where element i of a shape stands in the shape without the axes, and its number there. */
static int64_t place_of(gr_shape shape, gr_axes axes, int64_t i) {
    int64_t at = 0, stride = 1;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        bool reduced = false;
        for (int k = 0; k < axes.n; k++) reduced |= axes.axis[k] == d;
        if (!reduced) at += i % shape.dim[d] * stride, stride *= shape.dim[d];
        i /= shape.dim[d];
    }
    return at;
}

/* The elements of x, result after result. */
static void gather(const gr_tensor *x, gr_axes axes, int64_t results) {
    static int64_t count[MOST];
    ck_assert_int_le(x->size, MOST);
    for (int64_t k = 0; k < results; k++) count[k] = 0;
    for (int64_t i = 0; i < x->size; i++) {
        int64_t k = place_of(x->shape, axes, i);
        buffer[k * (x->size / results) + count[k]++] = gr_at(x, i);
    }
}

START_TEST(reductions_are_plain_loops) {
    if (begin(_i / LAYOUTS)) {
        gr_axes axes = layouts[_i % LAYOUTS].axes;
        gr_tensor *x = draw(layouts[_i % LAYOUTS].shape);
        for (size_t r = 0; r < sizeof reductions / sizeof *reductions; r++) {
            gr_tensor *y = reductions[r].f(x, axes);
            ck_assert_msg(y != NULL, "%s", gr_error(g));
            if (r == 0) gather(x, axes, y->size);
            int64_t n = x->size / y->size;
            for (int64_t k = 0; k < y->size; k++)
                expect_near(gr_at(y, k), reductions[r].plain(n, buffer + k * n), reductions[r].name,
                            k);
        }
    }
    gr_graph_free(g);
}
END_TEST

/* -- Broadcasting -- */

/* Short rows and those that are a little longer; operands that repeat, skip or do both. */
static const struct {
    gr_shape a, b, c;
} broadcasts[] = {
    {{2, {7000, 3}}, {1, {3}}, {2, {7000, 1}}},
    {{2, {900, 32}}, {2, {900, 1}}, {1, {32}}},
    {{2, {900, 33}}, {2, {900, 1}}, {1, {33}}},
    {{2, {1, 9}}, {2, {3000, 1}}, {0, {0}}},
    {{4, {40, 1, 2, 10}}, {4, {40, 3, 2, 1}}, {3, {3, 1, 10}}},
    {{3, {30, 1, 2}}, {3, {1, 200, 1}}, {3, {30, 200, 2}}},
};
enum { BROADCASTS = sizeof broadcasts / sizeof *broadcasts };

/* The element of x that is met at element i of a result of this shape. */
static double met(const gr_tensor *x, gr_shape shape, int64_t i) {
    int64_t at = 0, stride = 1;
    for (int d = shape.ndim - 1, own = x->shape.ndim - 1; own >= 0; d--, own--) {
        if (x->shape.dim[own] != 1) at += i % shape.dim[d] * stride;
        stride *= x->shape.dim[own];
        i /= shape.dim[d];
    }
    return gr_at(x, at);
}

START_TEST(broadcasts_are_plain_loops) {
    if (begin(_i / BROADCASTS)) {
        int k = _i % BROADCASTS;
        gr_tensor *a = draw(broadcasts[k].a), *b = draw(broadcasts[k].b);
        gr_tensor *c = draw(broadcasts[k].c);
        gr_tensor *minus = gr_sub(a, b), *either = gr_where(gr_gt(a, b), gr_sub(b, a), c);
        ck_assert_msg(minus != NULL && either != NULL, "%s", gr_error(g));
        for (int64_t i = 0; i < minus->size; i++)
            expect_near(gr_at(minus, i), met(a, minus->shape, i) - met(b, minus->shape, i), "sub",
                        i);
        for (int64_t i = 0; i < either->size; i++) {
            double x = met(a, either->shape, i), y = met(b, either->shape, i);
            expect_near(gr_at(either, i), x > y ? y - x : met(c, either->shape, i), "where", i);
        }
    }
    gr_graph_free(g);
}
END_TEST

/* -- Along rows and columns -- */

START_TEST(rows_and_columns) {
    if (begin(_i)) {
        enum { ROWS = 300, COLUMNS = 700 };
        gr_tensor *x = draw(GR_SHAPE(ROWS, COLUMNS));
        gr_tensor *soft[] = {gr_softmax(x, .axes = GR_AXES(0)), gr_softmax(x, .axes = GR_AXES(1))};
        gr_tensor *log_soft = gr_log_softmax(x, .axes = GR_AXES(0));
        gr_tensor *sums[] = {gr_cumsum(x, 0), gr_cumsum(x, 1)};
        for (int axis = 0; axis < 2; axis++) {
            int lines = axis == 0 ? COLUMNS : ROWS, n = axis == 0 ? ROWS : COLUMNS;
            for (int64_t k = 0; k < lines; k++) {
                double powers = 0, sum = 0;
                int64_t first = axis == 0 ? k : k * n, step = axis == 0 ? COLUMNS : 1;
                for (int64_t i = 0; i < n; i++) powers += exp(gr_at(x, first + i * step));
                for (int64_t i = 0; i < n; i++) {
                    int64_t at = first + i * step;
                    double v = gr_at(x, at);
                    expect_near(gr_at(soft[axis], at) * n, exp(v) / powers * n, "softmax", at);
                    if (axis == 0) expect_near(gr_at(log_soft, at), v - log(powers), "log", at);
                    expect_near(gr_at(sums[axis], at), sum += v, "cumsum", at);
                }
            }
        }
    }
    gr_graph_free(g);
}
END_TEST

/* -- Transposed copies -- */

/* From one element to more than a block, and each side of a vector's length. */
START_TEST(transposes) {
    const int sizes[][3] = {{1, 1, 7},   {2, 15, 16}, {3, 16, 17},  {1, 33, 8},    {2, 31, 64},
                            {1, 5, 300}, {1, 300, 5}, {1, 129, 40}, {1, 257, 700}, {1, 530, 130}};
    if (begin(_i))
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            int n = sizes[k][0], rows = sizes[k][1], columns = sizes[k][2];
            gr_tensor *x = draw(GR_SHAPE(n, rows, columns)), *y = gr_transpose(x, 1, 2);
            ck_assert(y != NULL && gr_shape_equal(y->shape, GR_SHAPE(n, columns, rows)));
            for (int64_t i = 0; i < x->size; i++) {
                int64_t image = i / (rows * columns), row = i / columns % rows;
                int64_t at = (image * columns + i % columns) * rows + row;
                if (y->data[at] != x->data[i])
                    ck_abort_msg("%dx%d on %s", rows, columns, gr_isa(g));
            }
        }
    gr_graph_free(g);
}
END_TEST

/* -- Products -- */

/* y = a b, plus one bias for each column if that is not NULL. */
static void expect_product(const gr_tensor *y, const gr_tensor *a, bool ta, const gr_tensor *b,
                           bool tb, const gr_tensor *bias) {
    ck_assert(y != NULL && y->shape.ndim == 2);
    int64_t M = y->shape.dim[0], N = y->shape.dim[1], K = a->shape.dim[ta ? 0 : 1];
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double sum = bias == NULL ? 0 : gr_at(bias, j), size = fabs(sum);
            for (int64_t k = 0; k < K; k++) {
                double term = (double)a->data[ta ? k * M + i : i * K + k] *
                              b->data[tb ? j * K + k : k * N + j];
                sum += term;
                size += fabs(term);
            }
            expect_near(gr_at(y, i * N + j) / size, sum / size, "product", i * N + j);
        }
}

/* Rows that are read in place, that are packed, and that are packed in two blocks. */
enum { SIZES = 3 };

START_TEST(products) {
    static const int rows[SIZES] = {150, 300, 1600}, columns[SIZES] = {131, 270, 140},
                     depths[SIZES] = {700, 520, 20};
    if (begin(_i / (4 * SIZES))) {
        int M = rows[_i / 4 % SIZES], N = columns[_i / 4 % SIZES], K = depths[_i / 4 % SIZES];
        bool ta = _i % 2, tb = _i / 2 % 2;
        gr_tensor *a = draw(ta ? GR_SHAPE(K, M) : GR_SHAPE(M, K));
        gr_tensor *b = draw(tb ? GR_SHAPE(N, K) : GR_SHAPE(K, N));
        gr_tensor *y = gr_matmul(a, b, .transpose_a = ta, .transpose_b = tb);
        expect_product(y, a, ta, b, tb, NULL);
    }
    gr_graph_free(g);
}
END_TEST

/* Tiles and vectors of every width, and each side of them; one row or column takes other ways. */
START_TEST(small_products) {
    static const int sizes[] = {1, 2, 3, 7, 8, 10, 16, 17, 20, 33, 49};
    enum { N_SIZES = sizeof sizes / sizeof *sizes };
    if (begin(_i))
        for (int s = 0; s < N_SIZES * N_SIZES * N_SIZES; s++) {
            int M = sizes[s % N_SIZES], N = sizes[s / N_SIZES % N_SIZES];
            int K = sizes[s / (N_SIZES * N_SIZES)];
            gr_tensor *bias = draw(GR_SHAPE(N));
            for (int t = 0; t < 4; t++) {
                bool ta = t % 2, tb = t / 2;
                gr_tensor *a = draw(ta ? GR_SHAPE(K, M) : GR_SHAPE(M, K));
                gr_tensor *b = draw(tb ? GR_SHAPE(N, K) : GR_SHAPE(K, N));
                gr_tensor *y = gr_matmul(a, b, .transpose_a = ta, .transpose_b = tb);
                expect_product(y, a, ta, b, tb, NULL);
                if (!ta && tb) expect_product(gr_affine(a, b, bias), a, ta, b, tb, bias);
            }
            gr_graph_reset(g);
        }
    gr_graph_free(g);
}
END_TEST

/* C += A B and C = row + A B for a C inside a wider matrix, of which nothing else changes. */
static void expect_block(const gr_product *p, gr_tensor *matrix, bool one_row) {
    int64_t stride = p->c_row;
    gr_tensor *y = gr_shift(matrix, 0);
    gr_product block = *p;
    block.c = y->data + 1;
    block.start = one_row ? matrix->data + 1 : block.c;
    block.start_row = one_row ? 0 : stride;
    gr_product_run(gr_kernels_find(gr_isa(g))->gemm, 1, &block, NULL);
    for (int64_t i = 0; i < matrix->shape.dim[0]; i++)
        for (int64_t j = 0; j < stride; j++) {
            double sum = gr_at(matrix, i * stride + j), size = 1;
            if (i < p->m && j >= 1 && j <= p->n) {
                if (one_row) sum = gr_at(matrix, j);
                for (int64_t k = 0; k < p->k; k++) {
                    double term = p->a[i * p->a_row + k * p->a_col] *
                                  (double)p->b[k * p->b_row + (j - 1) * p->b_col];
                    sum += term;
                    size += fabs(term);
                }
            }
            expect_near(gr_at(y, i * stride + j) / size, sum / size, "block", i * stride + j);
        }
}

/* Shapes for which C is padded, or computed as its transpose, in one and in several pieces of K. */
START_TEST(narrow_products) {
    static const int rows[] = {5, 24, 33, 64}, columns[] = {1, 3, 6, 10, 13}, depths[] = {40, 600};
    enum { ROWS = 4, COLUMNS = 5, CASES = 4 * ROWS * COLUMNS * 2 };
    if (begin(_i))
        for (int s = 0; s < CASES; s++) {
            bool ta = s % 2, tb = s / 2 % 2;
            int M = rows[s / 4 % ROWS], N = columns[s / 4 / ROWS % COLUMNS];
            int K = depths[s / 4 / ROWS / COLUMNS];
            gr_product p = {.m = M,
                            .n = N,
                            .k = K,
                            .a = draw(GR_SHAPE(M, K))->data,
                            .a_row = ta ? 1 : K,
                            .a_col = ta ? M : 1,
                            .b = draw(GR_SHAPE(K, N))->data,
                            .b_row = tb ? 1 : N,
                            .b_col = tb ? K : 1,
                            .c_row = N + 2};
            gr_tensor *matrix = draw(GR_SHAPE(M + 1, N + 2));
            expect_block(&p, matrix, false);
            expect_block(&p, matrix, true);
            gr_graph_reset(g);
        }
    gr_graph_free(g);
}
END_TEST

/* Numbers that a vector at the end of a row meets for the second time don't count, not even as
 * infinity times 0. */
START_TEST(infinity_in_a_product_with_a_vector) {
    enum { ROWS = 18, K = 20 };
    if (begin(_i)) {
        gr_tensor *a = gr_full(g, GR_SHAPE(ROWS, K), 1), *x = gr_full(g, GR_SHAPE(K, 1), 1);
        a->data[7] = INFINITY;
        gr_tensor *y = gr_matmul(a, x);
        for (int i = 0; i < ROWS; i++) ck_assert_double_eq(gr_at(y, i), i == 0 ? INFINITY : K);
    }
    gr_graph_free(g);
}
END_TEST

/* -- Losses of two operands -- */

static gr_tensor *run_mse(gr_tensor *x, gr_tensor *y, gr_reduction r) {
    return gr_mse(x, y, .reduction = r);
}
static gr_tensor *run_huber(gr_tensor *x, gr_tensor *y, gr_reduction r) {
    return gr_huber(x, y, .delta = 0.75, .reduction = r);
}
static double square(double d) { return d * d; }
static double square_slope(double d) { return 2 * d; }
static double huber(double d) { return fabs(d) <= 0.75 ? d * d / 2 : 0.75 * (fabs(d) - 0.375); }
static double huber_slope(double d) { return fmax(-0.75, fmin(d, 0.75)); }

static const struct {
    gr_tensor *(*f)(gr_tensor *x, gr_tensor *y, gr_reduction r);
    double (*value)(double d), (*slope)(double d);
} losses[] = {{run_mse, square, square_slope}, {run_huber, huber, huber_slope}};

START_TEST(losses_of_many_elements) {
    if (begin(_i / 2)) {
        gr_tensor *x = gr_requires_grad(draw(GR_SHAPE(600001)));
        gr_tensor *y = gr_requires_grad(draw(GR_SHAPE(600001))), *grads[2];
        for (int r = GR_MEAN; r <= GR_NONE; r++) {
            double all = 0, divisor = r == GR_MEAN ? (double)x->size : 1;
            gr_tensor *loss = losses[_i % 2].f(x, y, (gr_reduction)r);
            ck_assert(gr_grads(GR_LIST(loss), GR_LIST(x, y), grads));
            for (int64_t i = 0; i < x->size; i++) {
                double d = gr_at(x, i) - gr_at(y, i), slope = losses[_i % 2].slope(d);
                all += losses[_i % 2].value(d);
                expect_near(gr_at(grads[0], i) * divisor, slope, "gradient to pred", i);
                expect_near(gr_at(grads[1], i) * divisor, -slope, "gradient to target", i);
                if (r == GR_NONE) expect_near(gr_at(loss, i), losses[_i % 2].value(d), "loss", i);
            }
            if (r != GR_NONE) expect_near(gr_item(loss), all / divisor, "loss", 0);
        }
    }
    gr_graph_free(g);
}
END_TEST

/* -- Steps of optimizers: an element moves as it would alone -- */

START_TEST(steps_of_many_elements) {
    if (begin(_i)) {
        enum { SIZE = 100003, STEPS = 2 };
        static gr_real m[SIZE], v[SIZE], velocity[SIZE];
        gr_tensor *plain = gr_full(g, GR_SHAPE(SIZE), 1), *heavy = gr_full(g, GR_SHAPE(SIZE), 1);
        gr_tensor *adam = gr_full(g, GR_SHAPE(SIZE), 1), *grad = draw(GR_SHAPE(SIZE));
        for (int i = 0; i < SIZE; i++) m[i] = v[i] = velocity[i] = 0;
        for (int step = 1; step <= STEPS; step++) {
            gr_update_sgd(plain, grad, NULL, (gr_sgd_update){.lr = 0.1, .first = step == 1});
            gr_update_sgd(heavy, grad, velocity,
                          (gr_sgd_update){.lr = 0.1, .momentum = 0.5, .first = step == 1});
            gr_update_adam(
                adam, grad, m, v,
                (gr_adam_update){.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 0.5, .step = step});
        }
        for (int64_t i = 0; i < SIZE; i++) {
            double d = gr_at(grad, i);
            expect_near(gr_at(plain, i), 1 - 0.2 * d, "sgd", i);
            expect_near(gr_at(heavy, i), 1 - 0.25 * d, "sgd with momentum", i);
            expect_near(gr_at(adam, i), 1 - 0.2 * d / (fabs(d) + 0.5), "adam", i);
        }
    }
    gr_graph_free(g);
}
END_TEST

/* More rows than a sum has pieces, and so many classes that a piece would be a row: with x = 0 the
 * entropies are log classes, and gradients 1 / classes, minus 1 for the target. */
START_TEST(entropies_of_many_rows) {
    enum { ROWS = 509, CLASSES = 16384 };
    static int32_t classes[ROWS];
    if (begin(_i)) {
        gr_tensor *x = gr_requires_grad(gr_zeros(g, GR_SHAPE(ROWS, CLASSES)));
        gr_tensor *loss = gr_cross_entropy(x, gr_from_index(g, GR_SHAPE(ROWS), classes));
        expect_near(gr_item(loss), log(CLASSES), "cross-entropy", 0);
        ck_assert_msg(gr_backward(loss), "%s", gr_error(g));
        for (int64_t i = 0; i < 2; i++)
            expect_near(gr_at(x->grad, x->size - CLASSES + i) * ROWS, 1. / CLASSES - (i == 0),
                        "slope", i);
    }
    gr_graph_free(g);
}
END_TEST

/* -- Choices along the last axis, and the one before -- */

START_TEST(chosen_columns) {
    if (begin(_i / 2)) {
        enum { ROWS = 3000, COLUMNS = 40, COUNT = 50 };
        int inner = _i % 2 + 1;
        int32_t index[COUNT];
        for (int k = 0; k < COUNT; k++) index[k] = k * 7 % 31; /* some twice, some never */
        gr_tensor *x = gr_requires_grad(draw(GR_SHAPE(ROWS, COLUMNS, inner))), *to_x;
        gr_tensor *y = gr_index_select(x, 1, gr_from_index(g, GR_SHAPE(COUNT), index));
        gr_tensor *grad = draw(GR_SHAPE(ROWS, COUNT, inner));
        ck_assert(gr_grads(GR_LIST(y), GR_LIST(x), &to_x, .grad_output = &grad));
        for (int row = 0; row < ROWS; row++)
            for (int i = 0; i < inner; i++) {
                double sum[COLUMNS] = {0};
                for (int k = 0; k < COUNT; k++) {
                    int64_t at = (row * COUNT + k) * inner + i;
                    expect_near(gr_at(y, at), gr_at(x, (row * COLUMNS + index[k]) * inner + i),
                                "choice", at);
                    sum[index[k]] += gr_at(grad, at);
                }
                for (int j = 0; j < COLUMNS; j++) {
                    int64_t at = (row * COLUMNS + j) * inner + i;
                    expect_near(gr_at(to_x, at), sum[j], "gradient of a choice", at);
                }
            }
    }
    gr_graph_free(g);
}
END_TEST

/* -- Distances -- */

/* Of row i of a and row j of b. */
static double length_between(const gr_tensor *a, int i, const gr_tensor *b, int j) {
    double sum = 0;
    for (int k = 0, d = a->shape.dim[1]; k < d; k++) {
        double diff = gr_at(a, i * d + k) - gr_at(b, j * d + k);
        sum += diff * diff;
    }
    return sqrt(sum);
}

static double sign(double x) { return (x > 0) - (x < 0); }

/* With p = 1, and the gradients with weights of each. */
START_TEST(absolute_distances_of_many) {
    static const int sizes[][3] = {{1, 70, 5}, {67, 45, 37}, {2, 9, 16}, {33, 1, 20}};
    if (begin(_i))
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int m = sizes[s][0], n = sizes[s][1], d = sizes[s][2];
            gr_tensor *a = gr_requires_grad(draw(GR_SHAPE(m, d)));
            gr_tensor *b = gr_requires_grad(draw(GR_SHAPE(n, d))), *h = draw(GR_SHAPE(m, d));
            gr_tensor *weights = gr_requires_grad(draw(GR_SHAPE(m, n))), *grads[2], *to_weights;
            b->data[d - 1] = a->data[d - 1]; /* where the gradient is 0 */
            gr_tensor *y = gr_distances(a, b, .p = 1);
            ck_assert(gr_grads(GR_LIST(y), GR_LIST(a, b), grads, .grad_output = &weights,
                               .create_graph = true));
            ck_assert(
                gr_grads(GR_LIST(grads[0]), GR_LIST(weights), &to_weights, .grad_output = &h));
            double *to_a = calloc((size_t)(m * d), sizeof *to_a);
            double *to_b = calloc((size_t)(n * d), sizeof *to_b);
            for (int i = 0; i < m * n; i++) {
                double sum = 0, product = 0, weight = gr_at(weights, i);
                for (int k = 0; k < d; k++) {
                    int in_a = i / n * d + k, in_b = i % n * d + k;
                    double diff = gr_at(a, in_a) - gr_at(b, in_b);
                    sum += fabs(diff), product += gr_at(h, in_a) * sign(diff);
                    to_a[in_a] += weight * sign(diff), to_b[in_b] -= weight * sign(diff);
                }
                expect_near(gr_at(y, i), sum, "distance", i);
                expect_near(gr_at(to_weights, i), product, "second derivative", i);
            }
            for (int i = 0; i < m * d; i++) expect_near(gr_at(grads[0], i), to_a[i], "to a", i);
            for (int i = 0; i < n * d; i++) expect_near(gr_at(grads[1], i), to_b[i], "to b", i);
            free(to_a), free(to_b);
        }
    gr_graph_free(g);
}
END_TEST

/* `actual` is what row i of a gets of `grad`, the gradient to the distances (power 1) or their squares
 * (2), whose columns or rows belong to a. */
static void expect_pull(const gr_tensor *a, int i, const gr_tensor *b, const gr_tensor *grad,
                        bool columns, int power, const gr_tensor *actual) {
    int n = b->shape.dim[0], d = a->shape.dim[1];
    for (int k = 0; k < d; k++) {
        double sum = 0, size = 1;
        for (int j = 0; j < n; j++) {
            double g = gr_at(grad, columns ? j * a->shape.dim[0] + i : i * n + j);
            double diff = gr_at(a, i * d + k) - gr_at(b, j * d + k);
            double term = power * g * diff * pow(length_between(a, i, b, j), power - 2);
            sum += term, size += fabs(term);
        }
        expect_near(gr_at(actual, i * d + k) / size, sum / size, "gradient", i * d + k);
    }
}

/* Panels of every width, full and not; tiles of rows and of numbers, whole and not; one with many. */
START_TEST(distances_of_many) {
    static const int sizes[][3] = {{1, 1, 1},     {3, 70, 2},    {70, 3, 5},   {64, 32, 33},
                                   {65, 16, 4},   {5, 33, 67},   {130, 48, 7}, {17, 15, 100},
                                   {1, 2000, 64}, {1000, 1, 20}, {2, 9, 16}};
    if (begin(_i))
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int power = 1; power <= 2; power++) {
                int m = sizes[s][0], n = sizes[s][1], d = sizes[s][2];
                gr_tensor *a = gr_requires_grad(draw(GR_SHAPE(m, d)));
                gr_tensor *b = gr_requires_grad(draw(GR_SHAPE(n, d))), *grads[2];
                gr_tensor *y = gr_distances(a, b, .squared = power == 2);
                gr_tensor *grad = draw(GR_SHAPE(m, n));
                ck_assert(y != NULL && gr_shape_equal(y->shape, GR_SHAPE(m, n)));
                ck_assert(gr_grads(GR_LIST(y), GR_LIST(a, b), grads, .grad_output = &grad));
                for (int i = 0; i < m * n; i++)
                    expect_near(gr_at(y, i), pow(length_between(a, i / n, b, i % n), power),
                                "distance", i);
                for (int i = 0; i < m; i++) expect_pull(a, i, b, grad, false, power, grads[0]);
                for (int j = 0; j < n; j++) expect_pull(b, j, a, grad, true, power, grads[1]);
            }
    gr_graph_free(g);
}
END_TEST

/* The gradient to the gradient's weights: for squared distances 2 h_i . (a_i - b_j). */
START_TEST(second_derivatives_of_distances) {
    if (begin(_i)) {
        enum { M = 67, N = 45, D = 37 };
        gr_tensor *a = gr_requires_grad(draw(GR_SHAPE(M, D))), *b = draw(GR_SHAPE(N, D));
        gr_tensor *weights = gr_requires_grad(draw(GR_SHAPE(M, N))), *h = draw(GR_SHAPE(M, D));
        gr_tensor *to_a, *to_weights, *y = gr_distances(a, b, .squared = true);
        ck_assert(
            gr_grads(GR_LIST(y), GR_LIST(a), &to_a, .grad_output = &weights, .create_graph = true));
        ck_assert(gr_grads(GR_LIST(to_a), GR_LIST(weights), &to_weights, .grad_output = &h));
        for (int i = 0; i < M * N; i++) {
            double sum = 0, size = 1;
            for (int k = 0; k < D; k++) {
                double diff = gr_at(a, i / N * D + k) - gr_at(b, i % N * D + k);
                double term = 2 * gr_at(h, i / N * D + k) * diff;
                sum += term, size += fabs(term);
            }
            expect_near(gr_at(to_weights, i) / size, sum / size, "second derivative", i);
        }
    }
    gr_graph_free(g);
}
END_TEST

/* A distance of 0, or whose square leaves the range of numbers, among others. */
START_TEST(distances_at_the_ends_among_others) {
    if (begin(_i)) {
        enum { N = 40, D = 70 };
        gr_tensor *a = draw(GR_SHAPE(N, D));
        double huge = sizeof(gr_real) == sizeof(float) ? 1e25 : 1e200;
        a->data[5 * D + 66] = (gr_real)huge, a->data[7 * D + 3] = -(gr_real)huge;
        gr_tensor *y = gr_distances(a, a);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double x = gr_at(y, i * N + j), expected = length_between(a, i, a, j);
                if (sizeof(gr_real) == sizeof(double) && !isfinite(expected))
                    expected = huge * ((i == 5 || j == 5) && (i == 7 || j == 7) ? sqrt(2) : 1);
                if (i == j) ck_assert_double_eq(x, 0);
                expect_near(x, expected, "distance", i * N + j);
            }
    }
    gr_graph_free(g);
}
END_TEST

/* -- At the ends of this precision -- */

/* Squares leave the range of numbers, distances don't. */
START_TEST(distances_at_the_ends) {
    static const double sizes[][2] = {{1e25, 1e-25}, {1e200, 1e-200}};
    if (begin(_i))
        for (int k = 0; k < 2; k++) {
            double unit = sizes[sizeof(gr_real) == sizeof(double)][k];
            gr_tensor *a = gr_from(g, GR_SHAPE(1, 2), (gr_real[]){4 * unit, unit});
            gr_tensor *b = gr_from(g, GR_SHAPE(1, 2), (gr_real[]){unit, 5 * unit});
            gr_tensor *d = gr_distances(gr_requires_grad(a), b);
            gr_tensor *slope = gr_grad(d, a);
            expect_near(gr_item(d) / unit, 5, "distance", 0);
            expect_near(gr_at(slope, 0), 0.6, "slope", 0);
            expect_near(gr_at(slope, 1), -0.8, "slope", 1);
        }
    gr_graph_free(g);
}
END_TEST

Suite *large_suite(void) {
    Suite *s = suite_create("large");
    TCase *t = tcase_create("large");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, reductions_are_plain_loops, 0, ISAS * LAYOUTS);
    tcase_add_loop_test(t, broadcasts_are_plain_loops, 0, ISAS * BROADCASTS);
    tcase_add_loop_test(t, rows_and_columns, 0, ISAS);
    tcase_add_loop_test(t, transposes, 0, ISAS);
    tcase_add_loop_test(t, products, 0, ISAS * 4 * SIZES);
    tcase_add_loop_test(t, small_products, 0, ISAS);
    tcase_add_loop_test(t, narrow_products, 0, ISAS);
    tcase_add_loop_test(t, infinity_in_a_product_with_a_vector, 0, ISAS);
    tcase_add_loop_test(t, losses_of_many_elements, 0, ISAS * 2);
    tcase_add_loop_test(t, steps_of_many_elements, 0, ISAS);
    tcase_add_loop_test(t, entropies_of_many_rows, 0, ISAS);
    tcase_add_loop_test(t, chosen_columns, 0, 2 * ISAS);
    tcase_add_loop_test(t, distances_of_many, 0, ISAS);
    tcase_add_loop_test(t, absolute_distances_of_many, 0, ISAS);
    tcase_add_loop_test(t, second_derivatives_of_distances, 0, ISAS);
    tcase_add_loop_test(t, distances_at_the_ends_among_others, 0, ISAS);
    tcase_add_loop_test(t, distances_at_the_ends, 0, ISAS);
    suite_add_tcase(s, t);
    return s;
}
