#include "nn/dropout.h"

typedef struct dropout_layer {
    gr_module module;
    double p;
} dropout_layer;

static gr_tensor *dropout_forward(gr_module *m, gr_tensor *x) {
    return m->training ? gr_dropout(x, ((dropout_layer *)m)->p) : x;
}

static gr_tensor *dropout2d_forward(gr_module *m, gr_tensor *x) {
    return m->training ? gr_dropout2d(x, ((dropout_layer *)m)->p) : x;
}

static const gr_module_type dropout_type = {"dropout", dropout_forward};
static const gr_module_type dropout2d_type = {"dropout2d", dropout2d_forward};

static gr_module *new_layer(const gr_module_type *type, gr_dropout_layer_args a) {
    if (!(a.p >= 0 && a.p <= 1))
        return gr_fail(a.graph, "gr_%s_layer: p is %g, expected a probability in [0, 1]",
                       type->name, a.p);
    dropout_layer *l = gr_module_new(a.graph, type, sizeof *l);
    if (l == NULL) return NULL;
    l->p = a.p;
    return &l->module;
}

gr_module *gr_dropout_layer_(gr_dropout_layer_args a) { return new_layer(&dropout_type, a); }
gr_module *gr_dropout2d_layer_(gr_dropout_layer_args a) { return new_layer(&dropout2d_type, a); }
