/* Values and derivatives where numbers are extreme: they over- or underflow only where mathematics
 * leaves the range. Expectations are worked out on paper. */
#include <float.h>
#include <math.h>

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "core/ops/odds.h"
#include "core/ops/pointwise.h"
#include "core/ops/reduce.h"
#include "tests/unit/suites.h"

static const char *const isas[] = {"base", "avx2", "avx512"};
static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 1); }
static void teardown(void) { gr_graph_free(g); }

static gr_tensor *number(double x) { return gr_requires_grad(gr_scalar(g, x)); }

#define EXPECT(t, expected)                                                                        \
    do {                                                                                           \
        double is_ = gr_item(t), should_ = expected;                                               \
        ck_assert_msg(is_ == should_ || fabs(is_ - should_) <= 1e-6 * fabs(should_),               \
                      "%s is %.9g, expected %.9g; %s", #t, is_, should_, gr_error(g));             \
    } while (0)

START_TEST(angles_far_and_near) {
    const double sizes[] = {1e-30, 1e-25, 1, 1e25, 1e30};
    for (int i = 0; i < 5; i++) {
        gr_tensor *a = number(sizes[i]), *b = number(2 * sizes[i]);
        ck_assert(gr_backward(gr_atan2(a, b)));
        EXPECT(a->grad, 0.4 / sizes[i]);
        EXPECT(b->grad, -0.2 / sizes[i]);
    }
    gr_tensor *a = number(0), *b = number(0);
    ck_assert(gr_backward(gr_atan2(a, b)));
    EXPECT(a->grad, 0);
    EXPECT(b->grad, 0);
}
END_TEST

/* d2/da2 = -2 a b / r^4, and d2/dadb = (a^2 - b^2) / r^4: the scale is no part of it. */
START_TEST(curvature_of_angles) {
    const double size = 1e-15, r4 = 25 * pow(size, 4);
    gr_tensor *a = number(size), *b = number(2 * size);
    gr_tensor *to_a = gr_grad(gr_atan2(a, b), a, .create_graph = true);
    EXPECT(gr_grad(to_a, a), -4 * size * size / r4);
    EXPECT(gr_grad(to_a, b), -3 * size * size / r4);
}
END_TEST

/* d2/dadb a^b = a^(b-1) (1 + b log a), in either order. */
START_TEST(powers_with_exponent_zero) {
    const double bases[] = {2, 1e30};
    for (int i = 0; i < 2; i++) {
        gr_tensor *a = number(bases[i]), *b = number(0), *y = gr_pow(a, b);
        gr_tensor *to_a = gr_grad(y, a, .create_graph = true);
        EXPECT(to_a, 0);
        EXPECT(gr_grad(to_a, b), 1 / bases[i]);
        EXPECT(gr_grad(gr_grad(y, b, .create_graph = true), a), 1 / bases[i]);
        EXPECT(gr_grad(to_a, a), 0);
    }
    const double constants[] = {-2, 0, 1e-30, -1e-40, NAN};
    for (int i = 0; i < 5; i++) {
        gr_tensor *a = number(constants[i]);
        gr_tensor *to_a = gr_grad(gr_pow(a, gr_scalar(g, 0)), a, .create_graph = true);
        EXPECT(to_a, 0);
        EXPECT(gr_grad(to_a, a), 0);
    }
}
END_TEST

/* Negative numbers and zeros, whole, odd, even and broken exponents, on every instruction set: as
 * the C library's pow of the same numbers. */
START_TEST(powers_are_those_of_the_library) {
    const double exponents[] = {1,    2,      3,   4,    5,        -1,        -2,  -3, 0.5,
                                -0.5, 1. / 3, 1e9, 1e10, INFINITY, -INFINITY, NAN, -7};
    const double numbers[] = {0,     -0.0, 1,     -1,       2,         -2,  0.3, -0.3,
                              1e-20, 1e20, -1e20, INFINITY, -INFINITY, NAN, 3.7, -3.7};
    enum { EXPONENTS = sizeof exponents / sizeof *exponents, NUMBERS = 4 * 16 };
    gr_graph *h = gr_graph_new(.isa = ((const char *[]){"base", "avx2", "avx512"})[_i]);
    for (int i = 0; i < EXPONENTS && !gr_failed(h); i++) {
        gr_real data[NUMBERS];
        for (int j = 0; j < NUMBERS; j++) data[j] = (gr_real)numbers[j % 16];
        gr_tensor *y = gr_power(gr_from(h, GR_SHAPE(NUMBERS), data), exponents[i]);
        for (int j = 0; j < NUMBERS; j++) {
            double is = gr_at(y, j);
            gr_real should = (gr_real)pow((double)data[j], (double)(gr_real)exponents[i]);
            bool same = is == (double)should && !signbit(is) == !signbit(should);
            ck_assert_msg(same || (isnan(is) && isnan(should)) ||
                              fabs(is - (double)should) <= 1e-6 * fabs((double)should),
                          "%g^%g is %.9g, expected %.9g", (double)data[j], exponents[i], is,
                          (double)should);
        }
    }
    gr_graph_free(h);
}
END_TEST

START_TEST(tails_of_the_normal_distribution) {
    const double x = sizeof(gr_real) == sizeof(float) ? 3e38 : 1.7e308;
    gr_tensor *(*const functions[])(gr_tensor *) = {gr_erf, gr_normal_cdf};
    for (int i = 0; i < 4; i++) {
        gr_tensor *at = number(i % 2 == 0 ? x : -x);
        EXPECT(gr_grad(gr_grad(functions[i / 2](at), at, .create_graph = true), at), 0);
    }
    gr_tensor *at = number(x);
    EXPECT(gr_grad(gr_grad(gr_gelu(at), at, .create_graph = true), at), 0);
}
END_TEST

/* The mean, 2^24 + 2.4, lies between two floats, as far from them as the numbers from each other. */
START_TEST(variance_far_from_zero) {
    const double far = sizeof(gr_real) == sizeof(float) ? 0x1p24 : 0x1p53;
    const double steps[] = {0, 2, 2, 4, 4};
    gr_real data[5];
    for (int i = 0; i < 5; i++) data[i] = (gr_real)(far + steps[i]);
    gr_tensor *x = gr_requires_grad(gr_from(g, GR_SHAPE(5), data)), *y = gr_var(x);
    EXPECT(y, 2.8);
    ck_assert(gr_backward(y));
    for (int i = 0; i < 5; i++)
        ck_assert_msg(fabs(gr_at(x->grad, i) - (steps[i] - 2.4) / 2) < 1e-6, "%.9g",
                      gr_at(x->grad, i));
}
END_TEST

/* The sum of the losses overflows (as a float), their mean does not: also where no gradient is asked
 * for, or where operands broadcast. */
START_TEST(means_of_large_losses) {
    const gr_real large = (gr_real)(sizeof(gr_real) == sizeof(float) ? 3e38 : 5e307);
    const gr_real logits[] = {large, 0, large, 0, large, 0}, differences[] = {large, large, large};
    const int32_t targets[] = {1, 1, 1};
    gr_tensor *target = gr_from_index(g, GR_SHAPE(3), targets);
    gr_tensor *x = gr_from(g, GR_SHAPE(3, 2), logits);
    EXPECT(gr_odds_entropy(x, target, -1, 1. / 3), (double)large);
    gr_tensor *d = gr_requires_grad(gr_from(g, GR_SHAPE(3), differences));
    gr_tensor *y = gr_pointwise_abs(d, gr_scalar(g, 0), 1. / 3);
    EXPECT(y, (double)large);
    ck_assert(gr_backward(y));
    for (int i = 0; i < 3; i++)
        ck_assert_msg(fabs(gr_at(d->grad, i) - 1. / 3) < 1e-7, "%g", gr_at(d->grad, i));
}
END_TEST

/* Rows of a few logits and of many, and the first of two columns of as many. */
static const struct { int n, inner; } class_shapes[] = {{3, 1}, {200, 1}, {3, 2}, {200, 2}};
enum { CLASS_SHAPES = sizeof class_shapes / sizeof *class_shapes };

static gr_tensor *logits_of(gr_graph *h, int shape) {
    const int n = class_shapes[shape].n, inner = class_shapes[shape].inner;
    return gr_parameter(h, inner == 1 ? GR_SHAPE(1, n) : GR_SHAPE(1, n, inner), "x");
}
/* Where there is a second column, its targets are ignored. */
static gr_tensor *entropy_of_first(gr_tensor *x, int32_t target) {
    const int32_t targets[] = {target, -1};
    const int inner = (int)x->size / x->shape.dim[1];
    gr_shape shape = inner == 1 ? GR_SHAPE(1) : GR_SHAPE(1, inner);
    return gr_odds_entropy(x, gr_from_index(x->graph, shape, targets), -1, 1);
}

/* A logit that is not a number is seen in the loss and the gradient, also where none of the others
 * is a number; not where it is ignored. */
START_TEST(logits_that_are_not_numbers) {
    const gr_real others[] = {NAN, -INFINITY, 1}, targets[] = {NAN, 1};
    gr_graph *h = gr_graph_new(.isa = isas[_i]);
    for (int i = 0; !gr_failed(h) && i < 6 * CLASS_SHAPES; i++) { /* else the processor can't */
        const int n = class_shapes[i / 6].n, inner = class_shapes[i / 6].inner;
        gr_tensor *x = logits_of(h, i / 6);
        for (int64_t k = 0; k < x->size; k++) x->data[k] = others[i % 3];
        x->data[0] = NAN;
        x->data[inner] = targets[i / 3 % 2];
        for (int32_t target = -1; target <= 1; target += 2) {
            gr_tensor *loss = entropy_of_first(x, target);
            ck_assert(gr_backward(loss));
            for (int64_t k = 0; k < x->size; k++) {
                bool expected = target == 1 && k % inner == 0;
                ck_assert_msg(isnan(gr_item(loss)) == (target == 1) &&
                                  isnan(gr_at(x->grad, k)) == expected,
                              "%s, %d logits, case %d, target %d: %g with gradient %g", isas[_i], n,
                              i, target, gr_item(loss), gr_at(x->grad, k));
            }
            gr_clear_grad(x);
        }
    }
    gr_graph_free(h);
}
END_TEST

/* Logits of -infinity are classes that can't be: with no other there is no loss. */
START_TEST(the_only_possible_class) {
    gr_graph *h = gr_graph_new(.isa = isas[_i]);
    for (int i = 0; !gr_failed(h) && i < CLASS_SHAPES; i++) { /* else the processor can't */
        gr_tensor *x = logits_of(h, i);
        for (int64_t k = 0; k < x->size; k++) x->data[k] = -(gr_real)INFINITY;
        x->data[class_shapes[i].inner] = 2;
        gr_tensor *loss = entropy_of_first(x, 1);
        ck_assert(gr_backward(loss));
        EXPECT(loss, 0);
        for (int64_t k = 0; k < x->size; k++) ck_assert_double_eq(gr_at(x->grad, k), 0);
    }
    gr_graph_free(h);
}
END_TEST

/* 1 - tanh^2 = 4 / (e^x + e^-x)^2 is at most 1, whatever it is multiplied by. */
START_TEST(large_gradients_of_tanh) {
    const double largest = sizeof(gr_real) == sizeof(float) ? FLT_MAX : DBL_MAX;
    EXPECT(gr_tanh_grad(number(largest), number(0)), largest);
    EXPECT(gr_tanh_grad(number(largest), number(-2)), largest * 4 / pow(exp(2) + exp(-2), 2));
    EXPECT(gr_tanh_grad(number(largest), number(1e4)), 0);
}
END_TEST

Suite *extremes_suite(void) {
    Suite *s = suite_create("extremes");
    TCase *t = tcase_create("numbers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, angles_far_and_near);
    tcase_add_test(t, curvature_of_angles);
    tcase_add_test(t, powers_with_exponent_zero);
    tcase_add_loop_test(t, powers_are_those_of_the_library, 0, 3);
    tcase_add_test(t, tails_of_the_normal_distribution);
    tcase_add_test(t, variance_far_from_zero);
    tcase_add_test(t, means_of_large_losses);
    tcase_add_test(t, large_gradients_of_tanh);
    tcase_add_loop_test(t, the_only_possible_class, 0, 3);
    tcase_add_loop_test(t, logits_that_are_not_numbers, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
