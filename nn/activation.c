#include "nn/activation_internal.h"

#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"

/* Defines gr_NAME_layer(g) with y = value in terms of x. */
#define LAYER(name_, value)                                                                        \
    static gr_tensor *name_##_forward(gr_module *m, gr_tensor *x) {                                \
        (void)m;                                                                                   \
        return value;                                                                              \
    }                                                                                              \
    static const gr_module_type name_##_type = {#name_, name_##_forward};                          \
    gr_module *gr_##name_##_layer(gr_graph *g) {                                                   \
        return gr_module_new(g, &name_##_type, sizeof(gr_module));                                 \
    }

LAYER(relu, gr_relu(x))
LAYER(silu, gr_silu(x))
LAYER(sigmoid, gr_sigmoid(x))
LAYER(tanh, gr_tanh(x))

bool gr_is_relu_layer(const gr_module *m) { return m != NULL && m->type == &relu_type; }

/* Defines gr_NAME_layer_(args) with y = value in terms of x and the options a, which the operation
 * checks when it runs. */
#define LAYER_WITH_OPTIONS(name_, args_, value)                                                    \
    typedef struct name_##_layer {                                                                 \
        gr_module module;                                                                          \
        args_ a;                                                                                   \
    } name_##_layer;                                                                               \
    static gr_tensor *name_##_forward(gr_module *m, gr_tensor *x) {                                \
        const args_ a = ((name_##_layer *)m)->a;                                                   \
        return value;                                                                              \
    }                                                                                              \
    static const gr_module_type name_##_type = {#name_, name_##_forward};                          \
    gr_module *gr_##name_##_layer_(args_ a) {                                                      \
        name_##_layer *l = gr_module_new(a.graph, &name_##_type, sizeof *l);                       \
        if (l == NULL) return NULL;                                                                \
        l->a = a;                                                                                  \
        return &l->module;                                                                         \
    }

/* clang-format off */
LAYER_WITH_OPTIONS(leaky_relu, gr_leaky_relu_layer_args, gr_leaky_relu(x, .slope = a.slope))
LAYER_WITH_OPTIONS(elu, gr_elu_layer_args, gr_elu(x, .alpha = a.alpha))
LAYER_WITH_OPTIONS(gelu, gr_gelu_layer_args, gr_gelu(x, .tanh = a.tanh))
LAYER_WITH_OPTIONS(softplus, gr_softplus_layer_args,
                   gr_softplus(x, .beta = a.beta, .threshold = a.threshold))
LAYER_WITH_OPTIONS(softmax, gr_softmax_layer_args, gr_softmax(x, .axes = GR_AXES(a.axis)))
LAYER_WITH_OPTIONS(log_softmax, gr_softmax_layer_args, gr_log_softmax(x, .axes = GR_AXES(a.axis)))
/* clang-format on */
