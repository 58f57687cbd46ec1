/* Differentiation: what gr_backward adds up, gr_grad and gr_grads, derivatives of derivatives. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/graph/debug.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/pointwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "tests/unit/oracle.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 1); }
static void teardown(void) { gr_graph_free(g); }

static gr_tensor *variable(int n, const gr_real *data) {
    return gr_requires_grad(gr_from(g, GR_SHAPE(n), data));
}
#define VARIABLE(...)                                                                              \
    variable((int)(sizeof((gr_real[]){__VA_ARGS__}) / sizeof(gr_real)), (gr_real[]){__VA_ARGS__})

static void expect(const gr_tensor *t, int n, const double *expected) {
    ck_assert_msg(t != NULL, "%s", gr_error(g));
    ck_assert_int_eq(t->size, n);
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs(gr_at(t, i) - expected[i]) <= 1e-6 * fmax(1, fabs(expected[i])),
                      "element %d is %.9g, expected %.9g", i, gr_at(t, i), expected[i]);
}
#define EXPECT(t, ...)                                                                             \
    expect(t, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})

/* -- gr_backward -- */

START_TEST(backward_adds_up) {
    gr_tensor *x = VARIABLE(1, 2, 3);
    ck_assert_ptr_null(x->grad);
    ck_assert(gr_backward(gr_sum(gr_square(x))));
    EXPECT(x->grad, 2, 4, 6);
    ck_assert(gr_backward(gr_sum(x)));
    EXPECT(x->grad, 3, 5, 7);
    gr_clear_grad(x);
    ck_assert_ptr_null(x->grad);
    gr_clear_grad(NULL);
    ck_assert(gr_backward(gr_mean(x)));
    EXPECT(x->grad, 1. / 3, 1. / 3, 1. / 3);
}
END_TEST

START_TEST(backward_may_run_twice_over_one_tape) {
    gr_tensor *x = VARIABLE(2), *y = gr_square(x), *loss = gr_sum(y);
    ck_assert(gr_backward(loss) && gr_backward(loss));
    EXPECT(x->grad, 8);
    ck_assert(gr_backward(gr_sum(gr_scale(y, 10)))); /* another loss over the same nodes */
    EXPECT(x->grad, 48);
}
END_TEST

START_TEST(gradients_survive_resets_until_cleared) {
    gr_tensor *p = gr_parameter(g, GR_SHAPE(2), "p");
    for (int step = 1; step <= 5; step++) {
        ck_assert(gr_backward(gr_sum(gr_scale(p, 2))));
        gr_graph_reset(g);
        EXPECT(p->grad, 2 * step, 2 * step);
    }
    gr_clear_grad(p);
    ck_assert(gr_backward(gr_sum(p)));
    EXPECT(p->grad, 1, 1);
}
END_TEST

START_TEST(a_tensor_used_often_gets_the_sum) {
    gr_tensor *x = VARIABLE(3), *y = gr_mul(x, x);
    for (int i = 0; i < 3; i++) y = gr_add(y, gr_mul(x, y)); /* x^2 (1 + x)^3 */
    ck_assert(gr_backward(gr_sum(y)));
    EXPECT(x->grad, 2 * 3 * 64 + 9 * 3 * 16);
}
END_TEST

/* Large enough that gradients that are done with leave their memory to the next ones. Each round
 * makes gradients that are shared, added up and seen in another shape. */
START_TEST(gradients_share_memory) {
    enum { N = 5000, ROUNDS = 40 };
    gr_tensor *x = gr_requires_grad(gr_full(g, GR_SHAPE(N), 0.01)), *y = x;
    double expected = 1, value = (gr_real)0.01;
    for (int i = 0; i < ROUNDS; i++) {
        gr_tensor *same = gr_reshape(y, GR_SHAPE(N / 50, 50));
        gr_tensor *twice = gr_reshape(gr_add(same, same), GR_SHAPE(N));
        y = gr_scale(gr_add(gr_add(gr_square(y), twice), gr_add(y, y)), 0.25);
        expected *= (2 * value + 4) / 4;
        value = (value * value + 4 * value) / 4;
    }
    gr_tensor *loss = gr_sum(y);
    size_t before = gr_memory_use(g).step;
    ck_assert_msg(gr_backward(loss), "%s", gr_error(g));
    size_t of_gradients = gr_memory_use(g).step - before;
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(gr_at(x->grad, i) / expected, 1, 1e-5);
    ck_assert_double_eq_tol(gr_item(loss) / (N * value), 1, 1e-5);
    ck_assert_msg(of_gradients < 12 * N * sizeof(gr_real), "gradients took %zu bytes",
                  of_gradients);
}
END_TEST

START_TEST(only_leaves_that_ask_get_gradients) {
    gr_tensor *x = VARIABLE(1, 2), *constant = gr_full(g, GR_SHAPE(2), 5), *unused = VARIABLE(1);
    gr_tensor *y = gr_mul(x, constant);
    ck_assert(gr_backward(gr_sum(y)));
    EXPECT(x->grad, 5, 5);
    ck_assert_ptr_null(constant->grad);
    ck_assert_ptr_null(unused->grad);
    ck_assert_ptr_null(y->grad);
    ck_assert_int_eq(gr_tape_length(g), 2); /* the pass itself was not recorded */
}
END_TEST

START_TEST(a_leaf_may_be_the_loss) {
    gr_tensor *x = gr_requires_grad(gr_scalar(g, 4));
    ck_assert(gr_backward(x));
    EXPECT(x->grad, 1);
    EXPECT(gr_grad(x, x), 1);
}
END_TEST

START_TEST(backward_in_no_grad_of_what_was_recorded_before) {
    gr_tensor *x = VARIABLE(3), *loss = gr_sum(gr_square(x));
    gr_no_grad_begin(g);
    ck_assert(gr_backward(loss));
    gr_no_grad_end(g);
    EXPECT(x->grad, 6);
}
END_TEST

START_TEST(a_tape_of_many_operations) {
    gr_tensor *x = VARIABLE(1), *y = x;
    for (int i = 0; i < 20000; i++) y = gr_shift(y, 1);
    ck_assert(gr_backward(gr_sum(gr_square(y))));
    EXPECT(x->grad, 2 * 20001);
}
END_TEST

/* -- gr_grad and gr_grads -- */

START_TEST(grad_leaves_the_leaves_alone) {
    gr_tensor *x = VARIABLE(1, 2, 3);
    EXPECT(gr_grad(gr_square(x), x), 2, 4, 6);
    ck_assert_ptr_null(x->grad);
    ck_assert(gr_backward(gr_sum(x)));
    gr_grad(gr_square(x), x);
    EXPECT(x->grad, 1, 1, 1);
}
END_TEST

START_TEST(grad_output_weighs) {
    gr_tensor *x = VARIABLE(1, 2, 3), *v = gr_from(g, GR_SHAPE(3), (gr_real[]){10, 0, -1});
    EXPECT(gr_grad(gr_square(x), x, .grad_output = v), 20, 0, -6);
}
END_TEST

START_TEST(grad_to_results_on_the_way) {
    gr_tensor *x = VARIABLE(2, 3), *middle = gr_square(x), *y = gr_mul(middle, gr_exp(middle));
    double e4 = exp(4), e9 = exp(9);
    EXPECT(gr_grad(y, middle), 5 * e4, 10 * e9);
    EXPECT(gr_grad(y, x), 5 * e4 * 4, 10 * e9 * 6);
    EXPECT(gr_grad(y, y), 1, 1);
    gr_tensor *grads[2];
    ck_assert(gr_grads(GR_LIST(y), GR_LIST(middle, x), grads));
    EXPECT(grads[0], 5 * e4, 10 * e9);
    EXPECT(grads[1], 5 * e4 * 4, 10 * e9 * 6);
}
END_TEST

START_TEST(several_outputs_and_inputs) {
    gr_tensor *a = VARIABLE(1, 2), *b = VARIABLE(3, 4), *grads[2];
    gr_tensor *product = gr_mul(a, b), *sum = gr_sum(a);
    gr_tensor *v = gr_from(g, GR_SHAPE(2), (gr_real[]){1, 10});
    ck_assert(gr_grads(GR_LIST(product, sum), GR_LIST(a, b), grads,
                       .grad_output = (gr_tensor *[]){v, NULL}));
    EXPECT(grads[0], 3 + 1, 40 + 1);
    EXPECT(grads[1], 1, 20);
    ck_assert(gr_grads(GR_LIST(product, sum, product), GR_LIST(b), grads)); /* one named twice */
    EXPECT(grads[0], 2, 4);
}
END_TEST

START_TEST(an_input_named_twice) {
    gr_tensor *x = VARIABLE(1, 2), *grads[2];
    ck_assert(gr_grads(GR_LIST(gr_square(x)), GR_LIST(x, x), grads));
    EXPECT(grads[0], 2, 4);
    EXPECT(grads[1], 2, 4);
}
END_TEST

START_TEST(what_is_not_reached_has_the_gradient_zero) {
    gr_tensor *x = VARIABLE(1, 2), *other = VARIABLE(1, 2, 3), *constant = gr_zeros(g, GR_SHAPE(2));
    EXPECT(gr_grad(gr_square(x), other), 0, 0, 0);
    EXPECT(gr_grad(constant, x), 0, 0);
    EXPECT(gr_grad(gr_square(gr_detach(x)), x), 0, 0);
    gr_tensor *later = gr_square(x), *earlier = gr_exp(x);
    EXPECT(gr_grad(earlier, later), 0, 0);
    gr_tensor *grads[2];
    ck_assert(gr_grads(GR_LIST(earlier), GR_LIST(other, x), grads));
    EXPECT(grads[0], 0, 0, 0);
    EXPECT(grads[1], exp(1), exp(2));
    /* Nothing of a pass stays for the next. */
    EXPECT(gr_grad(later, x), 2, 4);
    ck_assert(gr_backward(gr_sum(later)));
    EXPECT(x->grad, 2, 4);
}
END_TEST

START_TEST(an_output_that_is_a_leaf) {
    gr_tensor *x = VARIABLE(1, 2), *y = VARIABLE(3, 4), *grads[1];
    ck_assert(gr_grads(GR_LIST(x, gr_square(x), y), GR_LIST(x), grads));
    EXPECT(grads[0], 1 + 2, 1 + 4);
    ck_assert(gr_backward(gr_sum(gr_mul(x, y))));
    EXPECT(y->grad, 1, 2);
}
END_TEST

START_TEST(without_create_graph_a_gradient_is_a_constant) {
    gr_tensor *x = VARIABLE(1, 2), *y = gr_power(x, 3);
    int length = gr_tape_length(g);
    ck_assert(!gr_grad(y, x)->requires_grad);
    ck_assert_int_eq(gr_tape_length(g), length);
    gr_tensor *slope = gr_grad(y, x, .create_graph = true);
    ck_assert(slope->requires_grad);
    EXPECT(gr_grad(slope, x), 6, 12);
}
END_TEST

START_TEST(grad_output_can_be_differentiated) {
    gr_tensor *x = VARIABLE(1, 2), *v = VARIABLE(5, 7);
    gr_tensor *slope = gr_grad(gr_square(x), x, .grad_output = v, .create_graph = true);
    EXPECT(gr_grad(slope, v), 2, 4);
    EXPECT(gr_grad(slope, x), 10, 14);
}
END_TEST

/* Forward differentiation by reversing twice: the derivative of sum(v J) by v is J u. */
START_TEST(jacobian_times_vector) {
    gr_tensor *x = VARIABLE(1, 2), *v = gr_requires_grad(gr_zeros(g, GR_SHAPE(2)));
    gr_tensor *u = gr_from(g, GR_SHAPE(2), (gr_real[]){1, -1});
    gr_tensor *y = gr_mul(x, gr_flip(x, 0)); /* (x0 x1, x1 x0) */
    gr_tensor *pulled = gr_grad(y, x, .grad_output = v, .create_graph = true);
    EXPECT(gr_grad(pulled, v, .grad_output = u), 1, 1);
}
END_TEST

/* -- Higher orders, against the oracle -- */

static cJSON *file;

static void read_cases(void) { file = oracle_read("tests/oracle/autodiff.json"); }
static void free_cases(void) { cJSON_Delete(file); }

static void expect_member(const gr_tensor *t, const cJSON *c, const char *name,
                          oracle_stats *stats) {
    const cJSON *item;
    oracle_message message = {"it is not in the file"};
    ck_assert_msg(t != NULL, "%s: %s", name, gr_error(g));
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(c, "expected")) {
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(item, "name")), name) != 0) continue;
        if (oracle_compare(t, cJSON_GetObjectItem(item, "data"), name, stats, &message)) return;
        break;
    }
    ck_abort_msg("%s: %s: %s", oracle_name(c).text, name, message.text);
}

START_TEST(derivatives_to_the_fourth_order) {
    const cJSON *c = oracle_find(file, "tanh_exp_square", "plain");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    gr_tensor *x = gr_requires_grad(oracle_member(g, c, "in", "x"));
    gr_tensor *d = gr_mul(gr_tanh(x), gr_exp(gr_square(x)));
    expect_member(d, c, "d0", &stats);
    for (int order = 1; order <= 4; order++) {
        char name[3] = {'d', (char)('0' + order), '\0'};
        d = gr_grad(d, x, .create_graph = true);
        expect_member(d, c, name, &stats);
    }
    oracle_report("derivatives to the fourth order", &stats);
}
END_TEST

/* x^5, sin and exp, whose derivatives of every order are known in closed form */
START_TEST(closed_forms_to_the_sixth_order) {
    gr_tensor *x = VARIABLE(0.5, -2, 3);
    gr_tensor *power = gr_power(x, 5), *wave = gr_sin(x), *growth = gr_exp(x);
    double factor = 1;
    for (int order = 1; order <= 6; order++) {
        factor *= 6 - order;
        power = gr_grad(power, x, .create_graph = true);
        wave = gr_grad(wave, x, .create_graph = true);
        growth = gr_grad(growth, x, .create_graph = true);
        for (int i = 0; i < 3; i++) {
            double at = gr_at(x, i), exact = order <= 5 ? factor * pow(at, 5 - order) : 0;
            ck_assert_double_eq_tol(gr_at(power, i), exact, 1e-5 * fmax(1, fabs(exact)));
            ck_assert_double_eq_tol(gr_at(wave, i), sin(at + order * acos(0)), 1e-5);
            ck_assert_double_eq_tol(gr_at(growth, i), exp(at), 1e-5 * exp(at));
        }
    }
}
END_TEST

typedef struct network {
    gr_tensor *x, *t, *parameters[4];
} network;
static const char *const parameter_names[] = {"w1", "b1", "w2", "b2"};

static network read_network(const cJSON *c) {
    network n = {oracle_member(g, c, "in", "x"), oracle_member(g, c, "in", "t"), {NULL}};
    for (int k = 0; k < 4; k++)
        n.parameters[k] = gr_requires_grad(oracle_member(g, c, "in", parameter_names[k]));
    return n;
}

static gr_tensor *run(const network *n) {
    gr_tensor *const *p = n->parameters;
    return gr_affine(gr_tanh(gr_affine(n->x, p[0], p[1])), p[2], p[3]);
}

static void expect_members(gr_tensor **tensors, const cJSON *c, const char *prefix,
                           oracle_stats *stats) {
    for (int k = 0; k < 4; k++) {
        char name[16];
        snprintf(name, sizeof name, "%s%s", prefix, parameter_names[k]);
        expect_member(tensors[k], c, name, stats);
    }
}

START_TEST(hessian_times_vector) {
    const cJSON *c = oracle_find(file, "hessian_vector_product", "plain");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    network n = read_network(c);
    gr_tensor *grads[4], *u[4], *products[4];
    gr_list parameters = {4, n.parameters};
    gr_tensor *loss = gr_mean(gr_square(gr_sub(run(&n), n.t)));
    expect_member(loss, c, "loss", &stats);
    ck_assert(gr_grads(GR_LIST(loss), parameters, grads, .create_graph = true));
    expect_members(grads, c, "g_", &stats);
    for (int k = 0; k < 4; k++) {
        char name[16];
        snprintf(name, sizeof name, "u_%s", parameter_names[k]);
        u[k] = oracle_member(g, c, "in", name);
    }
    ck_assert(gr_grads((gr_list){4, grads}, parameters, products, .grad_output = u));
    expect_members(products, c, "h_", &stats);
    oracle_report("Hessian times vector", &stats);
}
END_TEST

START_TEST(penalty_on_the_gradient) {
    const cJSON *c = oracle_find(file, "gradient_penalty", "plain");
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    network n = read_network(c);
    gr_requires_grad(n.x);
    gr_tensor *to_x = gr_grad(run(&n), n.x, .create_graph = true), *grads[4];
    expect_member(to_x, c, "to_x", &stats);
    gr_tensor *lengths = gr_norm(to_x, .axes = GR_AXES(1));
    gr_tensor *penalty = gr_mean(gr_square(gr_shift(lengths, -1)));
    expect_member(penalty, c, "penalty", &stats);
    ck_assert(gr_backward(penalty));
    for (int k = 0; k < 4; k++)
        grads[k] = n.parameters[k]->grad != NULL ? n.parameters[k]->grad
                                                 : gr_zeros(g, n.parameters[k]->shape);
    expect_members(grads, c, "g_", &stats);
    oracle_report("penalty on the gradient", &stats);
}
END_TEST

/* -- Errors -- */

static void expect_error(const char *expected) {
    ck_assert_str_eq(gr_error(g), expected);
    gr_clear_error(g);
}

START_TEST(backward_errors) {
    gr_tensor *x = VARIABLE(1, 2);
    ck_assert(!gr_backward(gr_square(x)));
    expect_error("gr_backward: loss (2), expected a loss of one element: take its mean or sum");
    ck_assert(!gr_backward(gr_scalar(g, 1)));
    expect_error("gr_backward: loss () depends on no tensor that requires a gradient");
    ck_assert(!gr_backward(NULL));
    ck_assert(!gr_failed(g)); /* the NULL has been explained when it was made */
    gr_fail(g, "before");
    ck_assert(!gr_backward(gr_sum(x)));
    expect_error("before");
    ck_assert_ptr_null(x->grad);
}
END_TEST

START_TEST(grad_errors) {
    gr_tensor *x = VARIABLE(1, 2), *constant = gr_zeros(g, GR_SHAPE(3));
    ck_assert_ptr_null(gr_grad(gr_square(x), constant));
    expect_error(
        "gr_grad: x (3) does not require a gradient: say gr_requires_grad before it is used");
    ck_assert_ptr_null(gr_grad(gr_square(x), x, .grad_output = constant));
    expect_error("gr_grad: grad_output (3) for y (2): the shapes differ");
    ck_assert_ptr_null(gr_grad(NULL, x));
    expect_error("gr_grad: y is NULL");
    ck_assert_ptr_null(gr_grad(x, NULL));
    expect_error("gr_grad: x is NULL");
    ck_assert_ptr_null(gr_grad(NULL, NULL));
    gr_tensor *grads[2] = {x, x};
    ck_assert(!gr_grads(GR_LIST(x), GR_LIST(x, constant), grads));
    ck_assert_ptr_null(grads[0]);
    ck_assert_ptr_null(grads[1]);
}
END_TEST

START_TEST(requires_grad_errors) {
    gr_tensor *x = VARIABLE(1, 2);
    ck_assert_ptr_null(gr_requires_grad(gr_from_index(g, GR_SHAPE(1), (int32_t[]){1})));
    expect_error("gr_requires_grad: t (1) holds integers, which have no gradient");
    ck_assert_ptr_null(gr_requires_grad(gr_exp(x)));
    expect_error("gr_requires_grad: t (2) is the result of gr_exp, expected a leaf");
    ck_assert_double_eq(isnan(gr_item(x)), 1);
    expect_error("gr_item: t (2), expected one element");
}
END_TEST

/* A vjp that fails, or that gives the wrong shape, is an error of the pass, which leaves no traces.
 */
static bool first_shape(const gr_node *n, gr_shape *shape) {
    *shape = n->in[0]->shape;
    return true;
}
static void copy_forward(const gr_node *n) {
    memcpy(n->out->data, n->in[0]->data, (size_t)n->out->size * sizeof(gr_real));
}
static void wrong_shape_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    (void)n;
    grads[0] = gr_sum(grad);
}
static const gr_op wrong_shape = {.name = "copy",
                                  .operands = {"x"},
                                  .shape = first_shape,
                                  .forward = copy_forward,
                                  .vjp = wrong_shape_vjp};
static void failing_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    grads[0] = gr_fail(n->graph, "copy: no gradient today, %d", (int)grad->size);
}
static const gr_op failing = {.name = "copy",
                              .operands = {"x"},
                              .shape = first_shape,
                              .forward = copy_forward,
                              .vjp = failing_vjp};

START_TEST(a_failing_vjp_is_an_error) {
    gr_tensor *x = VARIABLE(1, 2);
    ck_assert(!gr_backward(gr_sum(gr_apply(&wrong_shape, GR_LIST(x), NULL, 0))));
    expect_error("copy: the gradient of x (2) has the shape ()");
    gr_tensor *y = gr_apply(&failing, GR_LIST(gr_square(x)), NULL, 0);
    ck_assert(!gr_backward(gr_sum(y)));
    expect_error("copy: no gradient today, 2");
    ck_assert_ptr_null(gr_grad(y, x));
    expect_error("copy: no gradient today, 2");
    EXPECT(gr_grad(gr_square(x), x), 2, 4);
    gr_clear_grad(x);
    ck_assert(gr_backward(gr_sum(gr_square(x))));
    EXPECT(x->grad, 2, 4);
}
END_TEST

/* a^2 + 0 b, whose vjp is taken from a^2: a composition that does not depend on b. */
static void square_forward(const gr_node *n) {
    for (int64_t i = 0; i < n->out->size; i++)
        n->out->data[i] = n->in[0]->data[i] * n->in[0]->data[i];
}
static gr_tensor *square_composed(const gr_node *n, gr_tensor **in) {
    (void)n;
    return gr_square(in[0]);
}
static void square_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, square_composed);
}
static const gr_op square = {.name = "square",
                             .operands = {"a", "b"},
                             .shape = first_shape,
                             .forward = square_forward,
                             .vjp = square_vjp};
static gr_tensor *composed_failure(const gr_node *n, gr_tensor **in) {
    return gr_fail(n->graph, "square: not today, %d", in[0]->shape.ndim);
}
static void composed_failure_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, composed_failure);
}
static const gr_op square_that_fails = {.name = "square",
                                        .operands = {"a", "b"},
                                        .shape = first_shape,
                                        .forward = square_forward,
                                        .vjp = composed_failure_vjp};

START_TEST(vjp_of_a_composition) {
    gr_tensor *a = VARIABLE(1, 2, 3), *b = VARIABLE(4, 5, 6), *c = gr_exp(gr_scale(b, 0));
    gr_tensor *y = gr_apply(&square, GR_LIST(gr_mul(a, c), b), NULL, 0), *sum = gr_sum(y);
    int length = gr_tape_length(g);
    ck_assert(gr_backward(sum));
    ck_assert_int_eq(gr_tape_length(g), length); /* plain passes record nothing */
    EXPECT(a->grad, 2, 4, 6);
    EXPECT(b->grad, 0, 0, 0);
    gr_tensor *grads[2];
    ck_assert(gr_grads(GR_LIST(y), GR_LIST(a, b), grads, .create_graph = true));
    EXPECT(grads[0], 2, 4, 6);
    EXPECT(grads[1], 0, 0, 0);
    EXPECT(gr_grad(gr_square(grads[0]), a), 8, 16, 24);
    gr_no_grad_begin(g);
    EXPECT(gr_grad(y, a, .create_graph = true), 2, 4, 6);
    gr_no_grad_end(g);
    y = gr_apply(&square, GR_LIST(a, a), NULL, 0);
    EXPECT(gr_grad(y, a), 2, 4, 6);
}
END_TEST

/* a + a^2 + b^2, of which two terms see the same gradient when a's is summed. */
static void terms_forward(const gr_node *n) {
    const gr_real *a = n->in[0]->data, *b = n->in[1]->data;
    for (int64_t i = 0; i < n->out->size; i++) n->out->data[i] = a[i] + a[i] * a[i] + b[i] * b[i];
}
static gr_tensor *terms_composed(const gr_node *n, gr_tensor **in) {
    (void)n;
    gr_tensor *b_term = gr_square(in[1]), *a_term = gr_square(in[0]);
    return gr_add(gr_add(b_term, in[0]), a_term);
}
static void terms_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_vjp_of_composition(n, grad, grads, terms_composed);
}
static const gr_op terms = {.name = "terms",
                            .operands = {"a", "b"},
                            .shape = first_shape,
                            .forward = terms_forward,
                            .vjp = terms_vjp};

/* Large enough that gradients leave their memory to others. */
START_TEST(a_composition_leaves_the_gradient_alone) {
    enum { N = 5000 };
    gr_tensor *a = gr_requires_grad(gr_full(g, GR_SHAPE(N), 3));
    gr_tensor *b = gr_requires_grad(gr_full(g, GR_SHAPE(N), 5));
    ck_assert(gr_backward(gr_sum(gr_scale(gr_apply(&terms, GR_LIST(a, b), NULL, 0), 2))));
    ck_assert_double_eq(gr_at(a->grad, N - 1), 14);
    ck_assert_double_eq(gr_at(b->grad, N - 1), 20);
}
END_TEST

START_TEST(a_composition_that_fails) {
    gr_tensor *a = VARIABLE(1, 2), *five[] = {a, a, a, a, a};
    gr_tensor *y = gr_apply(&square_that_fails, GR_LIST(a, a), NULL, 0);
    ck_assert(!gr_backward(gr_sum(y)));
    expect_error("square: not today, 1");
    ck_assert_ptr_null(gr_grad(y, a, .create_graph = true));
    expect_error("square: not today, 1");
    y = gr_apply(&square, (gr_list){5, five}, NULL, 0);
    ck_assert_ptr_null(gr_grad(y, a));
    expect_error("gr_vjp_of_composition: square has 5 operands, expected at most 4");
    ck_assert(gr_square(a)->requires_grad); /* recording goes on */
    EXPECT(gr_grad(gr_square(a), a), 2, 4);
}
END_TEST

/* The slope of the root at 0 is infinite, but nobody asks for it. */
START_TEST(nothing_is_computed_beyond_what_is_asked_for) {
    gr_set_anomaly(g, true);
    gr_tensor *x = VARIABLE(4, 0), *root = gr_power(x, 0.5);
    EXPECT(gr_grad(gr_square(root), root), 4, 0);
    ck_assert(!gr_failed(g));
}
END_TEST

START_TEST(gradients_across_graphs) {
    gr_graph *other = gr_graph_new(.seed = 2);
    gr_tensor *x = VARIABLE(1, 2), *index = gr_from_index(g, GR_SHAPE(2), (int32_t[]){0, 1});
    gr_tensor *stranger = gr_requires_grad(gr_zeros(other, GR_SHAPE(2)));
    ck_assert_ptr_null(gr_grad(gr_square(x), stranger));
    expect_error("gr_grad: x (2) belongs to another graph");
    ck_assert_ptr_null(gr_grad(gr_square(x), x, .grad_output = stranger));
    expect_error("gr_grad: grad_output (2) belongs to another graph");
    ck_assert_ptr_null(gr_grad(gr_square(x), x, .grad_output = index));
    expect_error("gr_grad: grad_output (2) holds integers");
    ck_assert_ptr_null(gr_grad(index, x));
    expect_error("gr_grad: y (2) holds integers");
    gr_graph_free(other);
}
END_TEST

/* The fused cross-entropy's derivatives are the sigmoid's. */
START_TEST(fused_functions_to_the_fourth_order) {
    gr_tensor *z = VARIABLE(-1.5, 0.25, 2), *y = VARIABLE(0, 1, 0.5);
    gr_tensor *d = gr_grad(gr_pointwise_bce_with_logits(z, y, 1), z, .create_graph = true);
    double s[3], d2[3], d3[3], d4[3];
    for (int i = 0; i < 3; i++) {
        s[i] = 1 / (1 + exp(-gr_at(z, i)));
        d2[i] = s[i] * (1 - s[i]);
        d3[i] = d2[i] * (1 - 2 * s[i]);
        d4[i] = d2[i] * (1 - 6 * d2[i]);
    }
    EXPECT(d, s[0] - 0, s[1] - 1, s[2] - 0.5);
    EXPECT(gr_grad(d, y), -1, -1, -1);
    d = gr_grad(d, z, .create_graph = true);
    EXPECT(d, d2[0], d2[1], d2[2]);
    d = gr_grad(d, z, .create_graph = true);
    EXPECT(d, d3[0], d3[1], d3[2]);
    EXPECT(gr_grad(d, z), d4[0], d4[1], d4[2]);
    EXPECT(gr_pointwise_smooth_l1(z, y, 0, 0), 1.5, 0.75, 1.5);
}
END_TEST

/* Passes are counted; those within a pass, here of the softmax's derivative, return to its number.
 * z^2's share of x comes behind them. */
START_TEST(more_passes_than_a_word_counts) {
    const uint64_t counts[] = {0, UINT32_MAX};
    gr_real found[2];
    for (int i = 0; i < 2; i++) {
        gr_tensor *x = VARIABLE(1, 2, 4), *z = gr_square(x), *v = VARIABLE(1, 3, -1);
        gr_tensor *slope = gr_grad(gr_softmax(z), z, .grad_output = v, .create_graph = true);
        g->passes = counts[i];
        gr_tensor *curvature = gr_grad(slope, x, .grad_output = v);
        ck_assert_msg(curvature != NULL, "%s", gr_error(g));
        found[i] = curvature->data[1];
    }
    ck_assert(found[0] != 0);
    ck_assert_double_eq((double)found[1], (double)found[0]);
}
END_TEST

Suite *autodiff_suite(void) {
    Suite *s = suite_create("autodiff");
    TCase *t = tcase_create("first order");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, backward_adds_up);
    tcase_add_test(t, backward_may_run_twice_over_one_tape);
    tcase_add_test(t, gradients_survive_resets_until_cleared);
    tcase_add_test(t, a_tensor_used_often_gets_the_sum);
    tcase_add_test(t, gradients_share_memory);
    tcase_add_test(t, only_leaves_that_ask_get_gradients);
    tcase_add_test(t, a_leaf_may_be_the_loss);
    tcase_add_test(t, backward_in_no_grad_of_what_was_recorded_before);
    tcase_add_test(t, a_tape_of_many_operations);
    tcase_add_test(t, grad_leaves_the_leaves_alone);
    tcase_add_test(t, grad_output_weighs);
    tcase_add_test(t, grad_to_results_on_the_way);
    tcase_add_test(t, several_outputs_and_inputs);
    tcase_add_test(t, an_input_named_twice);
    tcase_add_test(t, what_is_not_reached_has_the_gradient_zero);
    tcase_add_test(t, an_output_that_is_a_leaf);
    tcase_add_test(t, backward_errors);
    tcase_add_test(t, grad_errors);
    tcase_add_test(t, requires_grad_errors);
    tcase_add_test(t, a_failing_vjp_is_an_error);
    tcase_add_test(t, vjp_of_a_composition);
    tcase_add_test(t, a_composition_leaves_the_gradient_alone);
    tcase_add_test(t, a_composition_that_fails);
    tcase_add_test(t, nothing_is_computed_beyond_what_is_asked_for);
    tcase_add_test(t, gradients_across_graphs);
    tcase_add_test(t, fused_functions_to_the_fourth_order);
    suite_add_tcase(s, t);
    TCase *higher = tcase_create("higher orders");
    tcase_add_unchecked_fixture(higher, read_cases, free_cases);
    tcase_add_checked_fixture(higher, setup, teardown);
    tcase_add_test(higher, without_create_graph_a_gradient_is_a_constant);
    tcase_add_test(higher, grad_output_can_be_differentiated);
    tcase_add_test(higher, more_passes_than_a_word_counts);
    tcase_add_test(higher, jacobian_times_vector);
    tcase_add_test(higher, derivatives_to_the_fourth_order);
    tcase_add_test(higher, closed_forms_to_the_sixth_order);
    tcase_add_test(higher, hessian_times_vector);
    tcase_add_test(higher, penalty_on_the_gradient);
    suite_add_tcase(s, higher);
    return s;
}
