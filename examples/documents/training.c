#include "examples/documents/training.h"

#include <math.h>

typedef struct task {
    const char *name, *title;
    int outputs;
    gr_tensor *(*loss)(gr_tensor *pred, gr_tensor *y);
} task;

static gr_tensor *bce(gr_tensor *pred, gr_tensor *y) { return gr_bce_with_logits(pred, y); }
static gr_tensor *cross_entropy(gr_tensor *pred, gr_tensor *y) { return gr_cross_entropy(pred, y); }
static gr_tensor *smooth_l1(gr_tensor *pred, gr_tensor *y) { return gr_smooth_l1(pred, y); }

static const task tasks[TRAININGS] = {
    {"binary", "two classes under BCE", 1, bce},
    {"multiclass", "three classes under cross-entropy", 3, cross_entropy},
    {"regression", "regression with 50 outliers under smooth L1", 1, smooth_l1}};

/* The tensor "binary.x" of the file. */
static gr_tensor *tensor_of(const gr_safetensors *file, const task *of, const char *name) {
    char full[64];
    snprintf(full, sizeof full, "%s.%s", of->name, name);
    return gr_safetensors_get(file, full);
}

static bool take_weights(gr_module *net, const gr_safetensors *file, const task *of) {
    gr_list parameters = gr_parameters(net);
    for (int i = 0; i < parameters.n; i++) {
        gr_tensor *to = parameters.items[i], *from = tensor_of(file, of, to->name);
        if (from == NULL) return false;
        if (!gr_shape_equal(to->shape, from->shape) || from->kind != GR_REAL)
            return gr_fail(net->graph, "%s: %s, expected the shape %s", file->path,
                           gr_describe(from, to->name).text, gr_shape_text(to->shape).text);
        for (int64_t k = 0; k < to->size; k++) to->data[k] = from->data[k];
    }
    return net != NULL;
}

/* The mean of the losses of the batches, in this order of the rows. */
static double epoch(const task *of, gr_module *net, gr_optimizer *opt, gr_tensor *x, gr_tensor *y,
                    gr_tensor *order, int number) {
    enum { BATCH = 32 };
    double sum = 0;
    int rows = x->shape.dim[0], batches = 0;
    for (int first = 0; first < rows && !gr_failed(net->graph); first += BATCH, batches++) {
        int end = first + BATCH < rows ? first + BATCH : rows;
        gr_tensor *batch = gr_slice(gr_select(order, 0, number), 0, first, end, 1);
        gr_tensor *pred = gr_forward(net, gr_index_select(x, 0, batch));
        gr_tensor *loss = of->loss(pred, gr_index_select(y, 0, batch));
        gr_backward(loss);
        sum += gr_item(loss);
        gr_step(opt);
        gr_graph_reset(net->graph);
    }
    return sum / batches;
}

bool training_run(gr_graph *g, const char *path, int which, training *t) {
    const task *of = &tasks[which];
    gr_safetensors *file = gr_safetensors_read(g, path);
    gr_tensor *x = tensor_of(file, of, "x"), *y = tensor_of(file, of, "y");
    gr_tensor *curve = tensor_of(file, of, "curve"), *order = gr_safetensors_get(file, "order");
    if (gr_failed(g)) return false;
    *t = (training){.name = of->name, .title = of->title, .epochs = (int)curve->size};
    if (curve->size > MOST_EPOCHS || order->shape.dim[0] < curve->size)
        return gr_fail(g, "%s: expected at most %d epochs, and an order for each", path,
                       MOST_EPOCHS);
    gr_module *net =
        gr_sequential(g, gr_linear(g, x->shape.dim[1], 20), gr_relu_layer(g), gr_linear(g, 20, 20),
                      gr_relu_layer(g), gr_linear(g, 20, of->outputs));
    gr_optimizer *opt = gr_adam(net, .lr = 1e-3);
    if (!take_weights(net, file, of) || opt == NULL) return false;
    for (int i = 0; i < t->epochs; i++) {
        t->ours[i] = epoch(of, net, opt, x, y, order, i);
        t->theirs[i] = gr_at(curve, i);
        t->farthest = fmax(t->farthest, fabs(t->ours[i] / t->theirs[i] - 1));
    }
    return !gr_failed(g);
}
