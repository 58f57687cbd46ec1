/* The workloads of Gradus. step.py has the same for PyTorch. */
#include "tests/bench/bench.h"

static gr_tensor *kept_normal(gr_graph *g, gr_shape shape) {
    return gr_keep(gr_normal(g, shape, 0, 1));
}

/* -- Training steps: forward, backward, optimizer, reset ------------------------------------------
 */

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

/* -- Single operations
 * ----------------------------------------------------------------------------- */

static void matmul_setup(bench *b) {
    b->x = kept_normal(b->graph, GR_SHAPE(b->size, b->size));
    b->y = kept_normal(b->graph, GR_SHAPE(b->size, b->size));
}

static void matmul_step(bench *b) {
    gr_matmul(b->x, b->y);
    gr_graph_reset(b->graph);
}

#define MATMUL(n)                                                                                  \
    {                                                                                              \
        .name = "matmul-" #n, .setup = matmul_setup, .step = matmul_step, .size = n,               \
        .operations = 2.0 * n * n * n                                                              \
    }

const workload workloads[] = {
    {.name = "mlp-10-20-20-1-huber-adam", .setup = mlp_setup, .step = mlp_step},
    MATMUL(16),
    MATMUL(64),
    MATMUL(128),
    MATMUL(256),
    MATMUL(512),
};

const int n_workloads = sizeof workloads / sizeof *workloads;
