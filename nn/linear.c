#include "nn/linear.h"

#include "core/ops/linalg.h"

#include <math.h>

typedef struct linear {
    gr_module module;
    gr_tensor *weight, *bias; /* bias is NULL if there is none */
} linear;

static gr_tensor *linear_forward(gr_module *m, gr_tensor *x) {
    linear *l = (linear *)m;
    return gr_affine(x, l->weight, l->bias);
}

static const gr_module_type linear_type = {"linear", linear_forward};

gr_module *gr_linear_(gr_linear_args a) {
    if (a.in < 1 || a.out < 1)
        return gr_fail(a.graph, "gr_linear: %d inputs and %d outputs, expected at least 1", a.in,
                       a.out);
    linear *l = gr_module_new(a.graph, &linear_type, sizeof *l);
    if (l == NULL) return NULL;
    l->weight = gr_add_parameter(&l->module, "weight", GR_SHAPE(a.out, a.in));
    if (a.bias) l->bias = gr_add_parameter(&l->module, "bias", GR_SHAPE(a.out));
    gr_initialise(l->weight, a.init);
    double bound = 1 / sqrt(a.in);
    if (a.init == GR_INIT_DEFAULT) gr_init_uniform(l->bias, -bound, bound);
    return gr_failed(a.graph) ? NULL : &l->module;
}
