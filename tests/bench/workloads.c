/* The workloads of Gradus. step.py has the same for PyTorch. */
#include "tests/bench/bench.h"

static gr_tensor *kept_normal(gr_graph *g, gr_shape shape) {
    return gr_keep(gr_normal(g, shape, 0, 1));
}

static gr_tensor *leaf(gr_tensor *t) { return gr_requires_grad(gr_keep(t)); }

static gr_tensor *classes(gr_graph *g, int n, int count) {
    gr_tensor *t = gr_keep(gr_permutation(g, n));
    for (int i = 0; t != NULL && i < n; i++) t->index[i] %= count;
    return t;
}

/* -- Training steps: forward, backward, optimizer, reset -- */

static void mlp_setup(bench *b) {
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_linear(g, 10, 20), gr_relu_layer(g), gr_linear(g, 20, 20),
                           gr_relu_layer(g), gr_linear(g, 20, 1));
    b->optimizer = gr_adam(b->net, .lr = 1e-3);
    b->x = kept_normal(g, GR_SHAPE(32, 10));
    b->y = kept_normal(g, GR_SHAPE(32, 1));
}

static void mlp_step(bench *b) {
    gr_tensor *loss = gr_huber(gr_forward(b->net, b->x), b->y, .delta = 1.0);
    gr_backward(loss);
    gr_step(b->optimizer);
    gr_graph_reset(b->graph);
}

/* size and 2 size channels, 3 by 3 with padding, pooled twice, on images of 28 by 28 */
static void cnn_setup(bench *b) {
    gr_graph *g = b->graph;
    b->net = gr_sequential(g, gr_conv2d_layer(g, 1, b->size, 3, .padding = 1), gr_relu_layer(g),
                           gr_max_pool2d_layer(g, 2),
                           gr_conv2d_layer(g, b->size, 2 * b->size, 3, .padding = 1),
                           gr_relu_layer(g), gr_max_pool2d_layer(g, 2), gr_flatten_layer(g),
                           gr_linear(g, 2 * b->size * 7 * 7, 10));
    b->optimizer = gr_adam(b->net, .lr = 1e-3);
    b->x = kept_normal(g, GR_SHAPE(64, 1, 28, 28));
    b->y = classes(g, 64, 10);
}

static void cnn_step(bench *b) {
    gr_backward(gr_cross_entropy(gr_forward(b->net, b->x), b->y));
    gr_step(b->optimizer);
    gr_graph_reset(b->graph);
}

/* -- Single operations -- */

static void matmul_setup(bench *b) {
    b->x = kept_normal(b->graph, GR_SHAPE(b->size, b->size));
    b->y = kept_normal(b->graph, GR_SHAPE(b->size, b->size));
}

static void matmul_step(bench *b) {
    gr_matmul(b->x, b->y);
    gr_graph_reset(b->graph);
}

/* Of the second layer of cnn: size to 2 size channels, on images of 14 by 14. more[0] is the
 * gradient that arrives. */
static void conv2d_setup(bench *b) {
    gr_graph *g = b->graph;
    b->x = leaf(gr_normal(g, GR_SHAPE(64, b->size, 14, 14), 0, 1));
    b->y = leaf(gr_normal(g, GR_SHAPE(2 * b->size, b->size, 3, 3), 0, 0.1));
    b->more[0] = kept_normal(g, GR_SHAPE(64, 2 * b->size, 14, 14));
}
/* of its first layer */
static void conv2d_first_setup(bench *b) {
    gr_graph *g = b->graph;
    b->x = kept_normal(g, GR_SHAPE(64, 1, 28, 28));
    b->y = leaf(gr_normal(g, GR_SHAPE(b->size, 1, 3, 3), 0, 0.1));
    b->more[0] = kept_normal(g, GR_SHAPE(64, b->size, 28, 28));
}

static void conv2d_forward_step(bench *b) {
    gr_no_grad_begin(b->graph);
    gr_conv2d(b->x, b->y, .padding = 1);
    gr_no_grad_end(b->graph);
    gr_graph_reset(b->graph);
}

static void gradient_step(bench *b, gr_tensor *y, gr_list to) {
    gr_tensor *grads[2];
    gr_grads(GR_LIST(y), to, grads, .grad_output = &b->more[0]);
    gr_graph_reset(b->graph);
}
static void conv2d_step(bench *b) {
    gradient_step(b, gr_conv2d(b->x, b->y, .padding = 1), GR_LIST(b->x, b->y));
}
static void conv2d_first_step(bench *b) {
    gradient_step(b, gr_conv2d(b->x, b->y, .padding = 1), GR_LIST(b->y));
}

static void pool_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(64, b->size, 28, 28), 0, 1));
    b->more[0] = kept_normal(b->graph, GR_SHAPE(64, b->size, 14, 14));
}
static void max_pool2d_step(bench *b) { gradient_step(b, gr_max_pool2d(b->x, 2), GR_LIST(b->x)); }

static void relu_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(64, b->size, 28, 28), 0, 1));
    b->more[0] = kept_normal(b->graph, GR_SHAPE(64, b->size, 28, 28));
}
static void relu_step(bench *b) { gradient_step(b, gr_relu(b->x), GR_LIST(b->x)); }

/* Losses: forward and backward to the first operand */

static void loss_step(bench *b, gr_tensor *loss) {
    gr_backward(loss);
    gr_clear_grad(b->x);
    gr_graph_reset(b->graph);
}

enum { MILLION = 1000000 };

static void pair_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(MILLION), 0, 1));
    b->y = kept_normal(b->graph, GR_SHAPE(MILLION));
}
static void binary_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(MILLION), 0, 1));
    b->y = gr_keep(gr_bernoulli(b->graph, GR_SHAPE(MILLION), 0.5));
}
static void cross_entropy_setup(bench *b) {
    b->x = leaf(gr_normal(b->graph, GR_SHAPE(4096, 1000), 0, 1));
    b->y = classes(b->graph, 4096, 1000);
}
static void dice_setup(bench *b) {
    gr_shape shape = GR_SHAPE(16, 4, 128, 128);
    b->x = leaf(gr_uniform(b->graph, shape, 0, 1));
    b->y = gr_keep(gr_bernoulli(b->graph, shape, 0.3));
}
static void ctc_setup(bench *b) {
    enum { T = 100, N = 32, C = 40, S = 20 };
    int32_t labels[N * S], inputs[N], targets[N];
    for (int i = 0; i < N * S; i++) labels[i] = 1 + (7 * i + i / S) % (C - 1);
    for (int i = 0; i < N; i++) inputs[i] = T, targets[i] = S;
    gr_tensor *logits = gr_normal(b->graph, GR_SHAPE(T, N, C), 0, 1);
    b->x = leaf(gr_log_softmax(logits, .axes = GR_AXES(-1)));
    b->y = gr_keep(gr_from_index(b->graph, GR_SHAPE(N, S), labels));
    b->more[0] = gr_keep(gr_from_index(b->graph, GR_SHAPE(N), inputs));
    b->more[1] = gr_keep(gr_from_index(b->graph, GR_SHAPE(N), targets));
}
static void nt_xent_setup(bench *b) { b->x = leaf(gr_normal(b->graph, GR_SHAPE(512, 128), 0, 1)); }

static void huber_step(bench *b) { loss_step(b, gr_huber(b->x, b->y)); }
static void bce_with_logits_step(bench *b) { loss_step(b, gr_bce_with_logits(b->x, b->y)); }
static void focal_step(bench *b) { loss_step(b, gr_focal(b->x, b->y)); }
static void cross_entropy_step(bench *b) { loss_step(b, gr_cross_entropy(b->x, b->y)); }
static void dice_step(bench *b) { loss_step(b, gr_dice(b->x, b->y)); }
static void ctc_step(bench *b) { loss_step(b, gr_ctc(b->x, b->y, b->more[0], b->more[1])); }
static void nt_xent_step(bench *b) { loss_step(b, gr_nt_xent(b->x)); }

/* Normalisation in training: forward, and the gradients to x, weight and bias */

static void norm_setup(bench *b, gr_shape shape) {
    b->x = leaf(gr_normal(b->graph, shape, 0, 1));
    b->y = kept_normal(b->graph, shape);
    b->more[0] = leaf(gr_full(b->graph, GR_SHAPE(shape.dim[1]), 1));
    b->more[1] = leaf(gr_zeros(b->graph, GR_SHAPE(shape.dim[1])));
}
static void norm_rows_setup(bench *b) { norm_setup(b, GR_SHAPE(4096, 256)); }
static void norm_images_setup(bench *b) { norm_setup(b, GR_SHAPE(64, 16, 28, 28)); }

static void norm_step(bench *b, gr_tensor *y) {
    gr_tensor *grads[3];
    gr_grads(GR_LIST(y), GR_LIST(b->x, b->more[0], b->more[1]), grads, .grad_output = &b->y);
    gr_graph_reset(b->graph);
}
static void batch_norm_step(bench *b) {
    norm_step(b, gr_batch_norm(b->x, b->more[0], b->more[1], .training = true));
}
static void layer_norm_step(bench *b) {
    norm_step(b, gr_layer_norm(b->x, GR_SHAPE(256), b->more[0], b->more[1]));
}

#define MATMUL(n)                                                                                  \
    {                                                                                              \
        .name = "matmul-" #n, .setup = matmul_setup, .step = matmul_step, .size = n,               \
        .operations = 2.0 * n * n * n                                                              \
    }

/* of conv2d_setup's convolution */
#define CONV2D_OPERATIONS(size) (2.0 * 64 * 14 * 14 * 9 * (size)*2 * (size))

const workload workloads[] = {
    {.name = "mlp-10-20-20-1-huber-adam", .setup = mlp_setup, .step = mlp_step},
    {.name = "cnn-8-16", .setup = cnn_setup, .step = cnn_step, .size = 8},
    {.name = "cnn-16-32", .setup = cnn_setup, .step = cnn_step, .size = 16},
    MATMUL(16),
    MATMUL(64),
    MATMUL(128),
    MATMUL(256),
    MATMUL(512),
    {.name = "conv2d-16-32-forward",
     .setup = conv2d_setup,
     .step = conv2d_forward_step,
     .size = 16,
     .operations = CONV2D_OPERATIONS(16)},
    {.name = "conv2d-16-32",
     .setup = conv2d_setup,
     .step = conv2d_step,
     .size = 16,
     .operations = 3 * CONV2D_OPERATIONS(16)},
    {.name = "conv2d-1-16", .setup = conv2d_first_setup, .step = conv2d_first_step, .size = 16},
    {.name = "max_pool2d-16", .setup = pool_setup, .step = max_pool2d_step, .size = 16},
    {.name = "relu-64x16x28x28", .setup = relu_setup, .step = relu_step, .size = 16},
    {.name = "huber-1M", .setup = pair_setup, .step = huber_step},
    {.name = "bce_with_logits-1M", .setup = binary_setup, .step = bce_with_logits_step},
    {.name = "focal-1M", .setup = binary_setup, .step = focal_step},
    {.name = "cross_entropy-4096x1000", .setup = cross_entropy_setup, .step = cross_entropy_step},
    {.name = "dice-16x4x128x128", .setup = dice_setup, .step = dice_step},
    {.name = "ctc-T100-N32-C40-S20", .setup = ctc_setup, .step = ctc_step},
    {.name = "batch_norm-64x16x28x28", .setup = norm_images_setup, .step = batch_norm_step},
    {.name = "batch_norm-4096x256", .setup = norm_rows_setup, .step = batch_norm_step},
    {.name = "layer_norm-4096x256", .setup = norm_rows_setup, .step = layer_norm_step},
    {.name = "nt_xent-512x128", .setup = nt_xent_setup, .step = nt_xent_step},
};

const int n_workloads = sizeof workloads / sizeof *workloads;
