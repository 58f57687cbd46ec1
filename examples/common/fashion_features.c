#include "examples/common/fashion_features.h"

#include <math.h>
#include <string.h>

gr_tensor *fashion_rows(gr_graph *g, const gr_tensor *x, int first, int count) {
    if (x == NULL || first < 0 || count < 1 || x->shape.dim[0] - count < first ||
        x->size / x->shape.dim[0] != FASHION_PIXELS)
        return gr_fail(g, "expected at least %d pictures of 28 x 28", first + count);
    gr_tensor *rows =
        gr_from(g, GR_SHAPE(count, FASHION_PIXELS), x->data + (size_t)first * FASHION_PIXELS);
    return gr_keep(gr_sub(gr_scale(rows, 2), gr_scalar(g, 1)));
}

static fashion_classifier make(gr_graph *g) {
    return (fashion_classifier){
        .features = gr_sequential(g, gr_linear(g, FASHION_PIXELS, 128), gr_relu_layer(g),
                                  gr_linear(g, 128, FASHION_FEATURES)),
        .head =
            gr_sequential(g, gr_relu_layer(g), gr_linear(g, FASHION_FEATURES, GR_MNIST_CLASSES))};
}

fashion_classifier fashion_classifier_train(gr_tensor *rows, gr_tensor *labels, int epochs) {
    if (rows == NULL || labels == NULL) return (fashion_classifier){0};
    fashion_classifier c = make(rows->graph);
    gr_optimizer *opt = gr_adam(c.features, .lr = 2e-3);
    gr_batches *batches = gr_batches_new(rows, labels, .batch = 64, .shuffle = true);
    if (gr_add_group(opt, c.head) == NULL || batches == NULL) return (fashion_classifier){0};
    for (int epoch = 0; epoch < epochs; epoch++) {
        gr_tensor *x, *y;
        gr_scale_lr(opt, 1 - (double)epoch / epochs);
        while (gr_batch_next(batches, &x, &y)) {
            gr_backward(gr_cross_entropy(gr_forward(c.head, gr_forward(c.features, x)), y));
            gr_step(opt);
            gr_graph_reset(rows->graph);
        }
    }
    return gr_failed(rows->graph) ? (fashion_classifier){0} : c;
}

static void copy_weights(gr_module *to, const gr_module *from) {
    gr_list a = gr_parameters(to), b = gr_parameters(from);
    for (int i = 0; i < a.n && i < b.n; i++)
        memcpy(a.items[i]->data, b.items[i]->data, (size_t)b.items[i]->size * sizeof(gr_real));
}

fashion_classifier fashion_classifier_copy(gr_graph *g, const fashion_classifier *from) {
    fashion_classifier c = make(g);
    copy_weights(c.features, from->features);
    copy_weights(c.head, from->head);
    return c;
}

double fashion_classifier_accuracy(const fashion_classifier *c, gr_tensor *rows,
                                   const gr_tensor *labels) {
    if (rows == NULL || labels == NULL) return NAN;
    gr_no_grad_begin(rows->graph);
    gr_tensor *class = gr_argmax(gr_forward(c->head, gr_forward(c->features, rows)), 1);
    int right = 0;
    for (int i = 0; class != NULL && i < class->size; i++)
        right += class->index[i] == labels->index[i];
    double share = class == NULL ? NAN : (double)right / (double)class->size;
    gr_no_grad_end(rows->graph);
    gr_graph_reset(rows->graph);
    return share;
}
