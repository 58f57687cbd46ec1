#include "examples/common/linear_probe.h"

#include <math.h>

enum { STEPS = 1000, BATCH = 200 };
static const double RATE = 0.002;

double linear_probe(labelled_features train, labelled_features test, int classes) {
    if (train.x == NULL || train.y == NULL || test.x == NULL || test.y == NULL) return NAN;
    gr_graph *g = train.x->graph;
    int n = train.x->shape.dim[0];
    gr_module *probe = gr_linear(g, train.x->shape.dim[1], classes, .init = GR_INIT_ZEROS);
    gr_optimizer *opt = gr_adam(probe, .lr = RATE);
    gr_batches *batches =
        gr_batches_new(train.x, train.y, .batch = n < BATCH ? n : BATCH, .shuffle = true);
    gr_tensor *x, *y;
    for (int step = 0; step < STEPS && !gr_failed(g);) {
        if (!gr_batch_next(batches, &x, &y)) continue; /* an epoch's end */
        opt->lr = gr_lr_cosine(RATE, step++, STEPS, 0);
        gr_backward(gr_cross_entropy(gr_forward(probe, x), y));
        gr_step(opt);
        gr_graph_reset(g);
    }
    gr_no_grad_begin(g);
    double right = gr_accuracy(gr_forward(probe, test.x), test.y);
    gr_no_grad_end(g);
    gr_graph_reset(g);
    return right;
}
