#include "examples/common/sample_distance.h"

#include <math.h>
#include <string.h>

enum { HIDDEN = 128, FEATURES = 64, CLASSES = GR_MNIST_CLASSES, DIRECTIONS = 256, EPOCHS = 3 };

/* The part of the classifier that sees. */
static gr_module *make_features(gr_graph *g, int pixels) {
    return gr_sequential(g, gr_linear(g, pixels, HIDDEN), gr_relu_layer(g),
                         gr_linear(g, HIDDEN, FEATURES), gr_relu_layer(g));
}

static gr_tensor *rows_of(gr_tensor *x) {
    return x == NULL ? NULL : gr_reshape(x, GR_SHAPE(x->shape.dim[0], -1));
}

static void fit(gr_module *classifier, gr_tensor *x, gr_tensor *y) {
    gr_batches *batches = gr_batches_new(x, y, .batch = 64, .shuffle = true);
    gr_optimizer *opt = gr_adam(classifier, .lr = 1e-3);
    gr_tensor *batch_x, *batch_y;
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        while (gr_batch_next(batches, &batch_x, &batch_y)) {
            gr_tensor *seen = gr_forward(gr_child(classifier, "features"), rows_of(batch_x));
            gr_tensor *logits = gr_forward(gr_child(classifier, "head"), seen);
            gr_backward(gr_cross_entropy(logits, batch_y));
            gr_step(opt);
            gr_graph_reset(x->graph);
        }
}

sample_judge *sample_judge_new(gr_tensor *x, gr_tensor *y, gr_tensor *real, gr_tensor *real_y) {
    gr_graph *g = x->graph;
    sample_judge *judge = gr_alloc_lasting(g, sizeof *judge);
    if (judge == NULL) return NULL;
    judge->classifier =
        gr_container(g, {"features", make_features(g, (int)(x->size / x->shape.dim[0]))},
                     {"head", gr_linear(g, FEATURES, CLASSES)});
    fit(judge->classifier, x, y);
    gr_no_grad_begin(g);
    gr_tensor *seen = gr_forward(gr_child(judge->classifier, "features"), rows_of(real));
    judge->accuracy = gr_accuracy(gr_forward(gr_child(judge->classifier, "head"), seen), real_y);
    judge->scale = gr_scaler_fit(seen);
    judge->features = gr_keep(gr_scaler_apply(judge->scale, seen));
    gr_tensor *random = gr_normal(g, GR_SHAPE(FEATURES, DIRECTIONS), 0, 1);
    gr_tensor *length = gr_norm(random, .axes = GR_AXES(0), .keepdim = true);
    judge->directions = gr_keep(gr_div(random, length));
    gr_no_grad_end(g);
    gr_graph_reset(g);
    return gr_failed(g) ? NULL : judge;
}

static gr_tensor *copy(gr_graph *g, const gr_tensor *t) { return gr_from(g, t->shape, t->data); }

/* The classifier's eyes in the samples' graph. */
static gr_module *copy_features(const sample_judge *judge, gr_graph *g, int pixels) {
    gr_module *made = make_features(g, pixels);
    gr_list from = gr_parameters(gr_child(judge->classifier, "features"));
    gr_list to = gr_parameters(made);
    for (int i = 0; i < to.n; i++)
        memcpy(to.items[i]->data, from.items[i]->data,
               (size_t)to.items[i]->size * sizeof *to.items[i]->data);
    return made;
}

double sample_distance(const sample_judge *judge, gr_tensor *samples) {
    gr_tensor *x = rows_of(samples);
    if (x == NULL) return NAN;
    gr_graph *g = x->graph;
    gr_no_grad_begin(g);
    gr_tensor *seen = gr_forward(copy_features(judge, g, x->shape.dim[1]), x);
    gr_tensor *scaled =
        gr_div(gr_sub(seen, copy(g, judge->scale->mean)), copy(g, judge->scale->deviation));
    gr_tensor *directions = copy(g, judge->directions);
    gr_tensor *along = gr_matmul(directions, scaled, .transpose_a = true, .transpose_b = true);
    gr_tensor *real =
        gr_matmul(directions, copy(g, judge->features), .transpose_a = true, .transpose_b = true);
    double distance = gr_item(gr_wasserstein_1d(along, real));
    gr_no_grad_end(g);
    return distance;
}
