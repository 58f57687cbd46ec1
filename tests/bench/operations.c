/* Single operations. What has a gradient is measured forward and backward, unless its name says
 * otherwise. */
#include "tests/bench/bench.h"

#include <string.h>

/* -- Products -- */

enum { NN, NT, TN, TT }; /* N: as it is, T: transposed; first a, then b */

/* size: M, K, N of a (M,K) and b (K,N). */
static void matmul_setup(bench *b) {
    const int m = b->of->size[0], k = b->of->size[1], n = b->of->size[2], kind = b->of->kind;
    gr_graph *g = b->graph;
    b->x = kept_normal(g, kind == TN || kind == TT ? GR_SHAPE(k, m) : GR_SHAPE(m, k));
    b->y = kept_normal(g, kind == NT || kind == TT ? GR_SHAPE(n, k) : GR_SHAPE(k, n));
    add_products(b, (double)m * k * n);
    add_numbers(b, (double)m * k + (double)k * n + (double)m * n);
}

static void matmul_step(bench *b) {
    int kind = b->of->kind;
    gr_matmul(b->x, b->y, .transpose_a = kind == TN || kind == TT,
              .transpose_b = kind == NT || kind == TT);
    gr_graph_reset(b->graph);
}

/* -- Convolutions: those of cnn-16-32, 3 by 3 with padding -- */

enum { FORWARD, TO_INPUT, TO_WEIGHTS };

/* size: channels in, channels out, side of the pictures. more[0] is the gradient that arrives. */
static void conv2d_setup(bench *b) {
    enum { ROWS = 64 };
    const int in = b->of->size[0], out = b->of->size[1], side = b->of->size[2];
    gr_graph *g = b->graph;
    b->x = kept_normal(g, GR_SHAPE(ROWS, in, side, side));
    b->y = kept_normal(g, GR_SHAPE(out, in, 3, 3));
    b->more[0] = kept_normal(g, GR_SHAPE(ROWS, out, side, side));
    if (b->of->kind == TO_INPUT) gr_requires_grad(b->x);
    if (b->of->kind == TO_WEIGHTS) gr_requires_grad(b->y);
    /* Each of the three reads two of these tensors and writes the third. */
    double pixels = (double)ROWS * side * side;
    add_products(b, pixels * 9 * in * out);
    add_numbers(b, pixels * (in + out) + 9.0 * in * out);
}

static void conv2d_forward_step(bench *b) {
    gr_conv2d(b->x, b->y, .padding = 1);
    gr_graph_reset(b->graph);
}

/* A convolution that does not compute its values, so that only its gradient is measured. Its
 * parameter is a node of the true one, which another graph keeps. */
static bool same_shape(const gr_node *n, gr_shape *shape) {
    *shape = (*(const gr_node *const *)n->params)->out->shape;
    return true;
}
static void no_values(const gr_node *n) { (void)n; }
static void true_vjp(const gr_node *n, gr_tensor *grad, gr_tensor **grads) {
    gr_node conv = *n;
    const gr_node *original = *(const gr_node *const *)n->params;
    conv.op = original->op;
    conv.params = original->params;
    conv.op->vjp(&conv, grad, grads);
}
static const gr_op gradient_only = {.name = "conv2d_gradient",
                                    .operands = {"x", "weight"},
                                    .shape = same_shape,
                                    .forward = no_values,
                                    .vjp = true_vjp};

static void conv2d_gradient_setup(bench *b) {
    conv2d_setup(b);
    b->held = gr_graph_new(.threads = 1);
    gr_tensor *x = gr_requires_grad(gr_zeros(b->held, b->x->shape));
    gr_tensor *y = gr_conv2d(x, gr_zeros(b->held, b->y->shape), .padding = 1);
    b->node = y == NULL ? NULL : y->node;
}

static void conv2d_gradient_step(bench *b) {
    gr_tensor *y = gr_apply(&gradient_only, GR_LIST(b->x, b->y), &b->node, sizeof b->node);
    gr_grad(y, b->of->kind == TO_INPUT ? b->x : b->y, .grad_output = b->more[0]);
    gr_graph_reset(b->graph);
}

/* -- Element by element, and pooling: forward, and backward to x -- */

static void gradient_step(bench *b, gr_tensor *y, gr_list to) {
    gr_tensor *grads[3];
    gr_grads(GR_LIST(y), to, grads, .grad_output = &b->more[0]);
    gr_graph_reset(b->graph);
}

/* x and the arriving gradient are read, y and x's gradient are written. */
static void set_operand(bench *b, gr_shape x, gr_shape y) {
    b->x = leaf(gr_normal(b->graph, x, 0, 1));
    b->more[0] = kept_normal(b->graph, y);
    add_numbers(b, 2.0 * (double)gr_shape_size(x) + 2.0 * (double)gr_shape_size(y));
}

static void images_setup(bench *b) {
    set_operand(b, GR_SHAPE(64, 16, 28, 28), GR_SHAPE(64, 16, 28, 28));
}
static void relu_step(bench *b) { gradient_step(b, gr_relu(b->x), GR_LIST(b->x)); }

static void pool_setup(bench *b) {
    set_operand(b, GR_SHAPE(64, 16, 28, 28), GR_SHAPE(64, 16, 14, 14));
}
static void max_pool2d_step(bench *b) { gradient_step(b, gr_max_pool2d(b->x, 2), GR_LIST(b->x)); }

static void rows_setup(bench *b) { set_operand(b, GR_SHAPE(4096, 256), GR_SHAPE(4096, 256)); }
static void softmax_step(bench *b) {
    gradient_step(b, gr_softmax(b->x, .axes = GR_AXES(1)), GR_LIST(b->x));
}

/* Normalisation in training; gradients go to weight and bias too. */

static void norm_setup(bench *b, gr_shape shape) {
    set_operand(b, shape, shape);
    b->y = leaf(gr_full(b->graph, GR_SHAPE(shape.dim[1]), 1));
    b->more[1] = leaf(gr_zeros(b->graph, GR_SHAPE(shape.dim[1])));
    add_numbers(b, 4.0 * shape.dim[1]);
}
static void norm_rows_setup(bench *b) { norm_setup(b, GR_SHAPE(4096, 256)); }
static void norm_images_setup(bench *b) { norm_setup(b, GR_SHAPE(64, 16, 28, 28)); }

static void batch_norm_step(bench *b) {
    gradient_step(b, gr_batch_norm(b->x, b->y, b->more[1], .training = true),
                  GR_LIST(b->x, b->y, b->more[1]));
}
static void layer_norm_step(bench *b) {
    gradient_step(b, gr_layer_norm(b->x, GR_SHAPE(256), b->y, b->more[1]),
                  GR_LIST(b->x, b->y, b->more[1]));
}

/* -- Sums, transposing and broadcasting: forward alone -- */

enum { SIDE = 1024, CUBE_A = 64, CUBE = 128 };

/* kind: the axis. */
static void sum_setup(bench *b) {
    gr_shape shape = GR_SHAPE(CUBE_A, CUBE, CUBE);
    b->x = kept_normal(b->graph, shape);
    double n = (double)b->x->size;
    add_numbers(b, n + n / shape.dim[b->of->kind]);
}
static void sum_step(bench *b) {
    gr_sum(b->x, .axes = GR_AXES(b->of->kind));
    gr_graph_reset(b->graph);
}
/* As the gradient of a convolution's bias. */
static void channel_sums_setup(bench *b) {
    b->x = kept_normal(b->graph, GR_SHAPE(512, 16, 7, 7));
    add_numbers(b, (double)b->x->size + 16);
}
static void channel_sums_step(bench *b) {
    gr_sum(b->x, .axes = GR_AXES(0, 2, 3));
    gr_graph_reset(b->graph);
}

static void square_setup(bench *b) {
    b->x = kept_normal(b->graph, GR_SHAPE(SIDE, SIDE));
    b->y = kept_normal(b->graph, b->of->kind == 1 ? GR_SHAPE(SIDE, 1) : GR_SHAPE(SIDE));
    add_numbers(b, 2.0 * SIDE * SIDE);
}
static void transpose_step(bench *b) {
    gr_transpose(b->x, 0, 1);
    gr_graph_reset(b->graph);
}
static void add_step(bench *b) {
    gr_add(b->x, b->y);
    gr_graph_reset(b->graph);
}

/* -- Optimizers, one step of a million parameters -- */

enum { SGD, MOMENTUM, ADAM, ADAMW, RMSPROP, ADAGRAD };
/* Memories a parameter, each read and written as the parameter is; the gradient is read. */
static const int memories[] = {
    [SGD] = 0, [MOMENTUM] = 1, [ADAM] = 2, [ADAMW] = 2, [RMSPROP] = 1, [ADAGRAD] = 1};

static gr_optimizer *new_optimizer(gr_list parameters, int kind) {
    switch (kind) {
    case SGD:
        return gr_sgd(NULL, .parameters = parameters);
    case MOMENTUM:
        return gr_sgd(NULL, .parameters = parameters, .momentum = 0.9);
    case ADAM:
        return gr_adam(NULL, .parameters = parameters);
    case ADAMW:
        return gr_adamw(NULL, .parameters = parameters);
    case RMSPROP:
        return gr_rmsprop(NULL, .parameters = parameters);
    default:
        return gr_adagrad(NULL, .parameters = parameters);
    }
}

static void optimizer_setup(bench *b) {
    enum { MILLION = 1000000 };
    b->x = gr_parameter(b->graph, GR_SHAPE(MILLION), "weight");
    b->y = gr_keep(gr_normal(b->graph, GR_SHAPE(MILLION), 0, 1e-3));
    b->optimizer = new_optimizer(GR_LIST(b->x), b->of->kind);
    add_numbers(b, MILLION * (3.0 + 2 * memories[b->of->kind]));
    b->in_place = true;
}
static void optimizer_step(bench *b) {
    b->x->grad = b->y;
    gr_step(b->optimizer);
    gr_graph_reset(b->graph);
}

#define ONE_MATMUL(label, m, k, n, transposes)                                                     \
    {                                                                                              \
        .name = "matmul-" label, .setup = matmul_setup, .step = matmul_step, .size = {m, k, n},    \
        .kind = transposes                                                                         \
    }
#define MATMUL(label, m, k, n)                                                                     \
    ONE_MATMUL(label "-nn", m, k, n, NN), ONE_MATMUL(label "-nt", m, k, n, NT),                    \
        ONE_MATMUL(label "-tn", m, k, n, TN), ONE_MATMUL(label "-tt", m, k, n, TT)
#define OPTIMIZER(label, which)                                                                    \
    { .name = label "-1M", .setup = optimizer_setup, .step = optimizer_step, .kind = which }

const workload operation_rows[] = {
    MATMUL("16", 16, 16, 16),
    MATMUL("32", 32, 32, 32),
    MATMUL("64", 64, 64, 64),
    MATMUL("128", 128, 128, 128),
    MATMUL("256", 256, 256, 256),
    MATMUL("512", 512, 512, 512),
    MATMUL("1024", 1024, 1024, 1024),
    MATMUL("64x784x128", 64, 784, 128),
    MATMUL("128x784x512", 128, 784, 512),
    MATMUL("128x512x512", 128, 512, 512),
    {.name = "conv2d-1-16-forward",
     .setup = conv2d_setup,
     .step = conv2d_forward_step,
     .size = {1, 16, 28},
     .kind = FORWARD},
    {.name = "conv2d-1-16-to-weights",
     .setup = conv2d_gradient_setup,
     .step = conv2d_gradient_step,
     .size = {1, 16, 28},
     .kind = TO_WEIGHTS},
    {.name = "conv2d-16-32-forward",
     .setup = conv2d_setup,
     .step = conv2d_forward_step,
     .size = {16, 32, 14},
     .kind = FORWARD},
    {.name = "conv2d-16-32-to-input",
     .setup = conv2d_gradient_setup,
     .step = conv2d_gradient_step,
     .size = {16, 32, 14},
     .kind = TO_INPUT},
    {.name = "conv2d-16-32-to-weights",
     .setup = conv2d_gradient_setup,
     .step = conv2d_gradient_step,
     .size = {16, 32, 14},
     .kind = TO_WEIGHTS},
    {.name = "max_pool2d-64x16x28x28", .setup = pool_setup, .step = max_pool2d_step},
    {.name = "relu-64x16x28x28", .setup = images_setup, .step = relu_step},
    {.name = "softmax-4096x256", .setup = rows_setup, .step = softmax_step},
    {.name = "layer_norm-4096x256", .setup = norm_rows_setup, .step = layer_norm_step},
    {.name = "batch_norm-4096x256", .setup = norm_rows_setup, .step = batch_norm_step},
    {.name = "batch_norm-64x16x28x28", .setup = norm_images_setup, .step = batch_norm_step},
    {.name = "sum-64x128x128-axis-0", .setup = sum_setup, .step = sum_step, .kind = 0},
    {.name = "sum-64x128x128-axis-1", .setup = sum_setup, .step = sum_step, .kind = 1},
    {.name = "sum-64x128x128-axis-2", .setup = sum_setup, .step = sum_step, .kind = 2},
    {.name = "sum-512x16x7x7-channels", .setup = channel_sums_setup, .step = channel_sums_step},
    {.name = "transpose-1024x1024", .setup = square_setup, .step = transpose_step},
    {.name = "add-1024x1024-row", .setup = square_setup, .step = add_step, .kind = 0},
    {.name = "add-1024x1024-column", .setup = square_setup, .step = add_step, .kind = 1},
    OPTIMIZER("sgd", SGD),
    OPTIMIZER("momentum", MOMENTUM),
    OPTIMIZER("adam", ADAM),
    OPTIMIZER("adamw", ADAMW),
    OPTIMIZER("rmsprop", RMSPROP),
    OPTIMIZER("adagrad", ADAGRAD),
};
const int n_operation_rows = sizeof operation_rows / sizeof *operation_rows;
