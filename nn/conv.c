#include "nn/conv_internal.h"

#include "core/ops/conv_internal.h"
#include "core/ops/shape.h"
#include "nn/activation_internal.h"

#include <limits.h>
#include <math.h>

/* -- Layers with a weight -- */

typedef struct conv_layer {
    gr_module module;
    gr_tensor *weight, *bias; /* bias is NULL if there is none */
    gr_conv_transpose2d_layer_args a;
} conv_layer;

static gr_conv2d_args convolution(const conv_layer *l, gr_tensor *x) {
    return (gr_conv2d_args){.x = x,
                            .weight = l->weight,
                            .bias = l->bias,
                            .stride = l->a.stride,
                            .padding = l->a.padding,
                            .dilation = l->a.dilation,
                            .groups = l->a.groups};
}

static gr_tensor *conv2d_forward(gr_module *m, gr_tensor *x) {
    return gr_conv2d_(convolution((conv_layer *)m, x));
}

static gr_tensor *transpose_forward(gr_module *m, gr_tensor *x) {
    conv_layer *l = (conv_layer *)m;
    return gr_conv_transpose2d(x, l->weight, l->bias, .stride = l->a.stride,
                               .padding = l->a.padding, .output_padding = l->a.output_padding,
                               .dilation = l->a.dilation, .groups = l->a.groups);
}

static const gr_module_type conv2d_type = {"conv2d", conv2d_forward};
static const gr_module_type transpose_type = {"conv_transpose2d", transpose_forward};

static bool at_least(gr_graph *g, const char *who, const char *name, gr_pair pair, int low) {
    int height = gr_pair_part(pair, 0), width = gr_pair_part(pair, 1);
    if (height >= low && width >= low) return true;
    return gr_fail(g, "%s: %s is (%d,%d), expected at least %d", who, name, height, width, low);
}

bool gr_conv_layer_check(const gr_conv_transpose2d_layer_args *a, const char *who) {
    if (a->groups < 1 || a->in < 1 || a->out < 1 || a->in % a->groups != 0 ||
        a->out % a->groups != 0)
        return gr_fail(a->graph,
                       "%s: %d to %d channels with groups = %d, expected at least 1, and "
                       "multiples of groups",
                       who, a->in, a->out, a->groups);
    return at_least(a->graph, who, "kernel", a->kernel, 1) &&
           at_least(a->graph, who, "stride", a->stride, 1) &&
           at_least(a->graph, who, "padding", a->padding, 0) &&
           at_least(a->graph, who, "output_padding", a->output_padding, 0) &&
           at_least(a->graph, who, "dilation", a->dilation, 1);
}

/* A layer with a weight of the shape (rows,columns,kh,kw). */
static gr_module *new_layer(const gr_module_type *type, const gr_conv_transpose2d_layer_args *a,
                            int rows, int columns) {
    conv_layer *l = gr_module_new(a->graph, type, sizeof *l);
    if (l == NULL) return NULL;
    int height = gr_pair_part(a->kernel, 0), width = gr_pair_part(a->kernel, 1);
    l->a = *a;
    l->weight = gr_add_parameter(&l->module, "weight", GR_SHAPE(rows, columns, height, width));
    if (a->bias) l->bias = gr_add_parameter(&l->module, "bias", GR_SHAPE(a->out));
    gr_initialise(l->weight, a->init);
    double bound = 1 / sqrt((double)columns * height * width);
    if (a->init == GR_INIT_DEFAULT) gr_init_uniform(l->bias, -bound, bound);
    return gr_failed(a->graph) ? NULL : &l->module;
}

gr_module *gr_conv2d_layer_(gr_conv2d_layer_args c) {
    gr_conv_transpose2d_layer_args a = {.graph = c.graph,
                                        .in = c.in,
                                        .out = c.out,
                                        .kernel = c.kernel,
                                        .stride = c.stride,
                                        .padding = c.padding,
                                        .dilation = c.dilation,
                                        .groups = c.groups,
                                        .bias = c.bias,
                                        .init = c.init};
    if (!gr_conv_layer_check(&a, "gr_conv2d_layer")) return NULL;
    return new_layer(&conv2d_type, &a, a.out, a.in / a.groups);
}

gr_module *gr_conv_transpose2d_layer_(gr_conv_transpose2d_layer_args a) {
    if (!gr_conv_layer_check(&a, "gr_conv_transpose2d_layer")) return NULL;
    return new_layer(&transpose_type, &a, a.in, a.out / a.groups);
}

/* -- Layers without -- */

typedef struct max_pool2d_layer {
    gr_module module;
    gr_max_pool2d_layer_args a;
} max_pool2d_layer;
static gr_tensor *max_pool2d_forward(gr_module *m, gr_tensor *x) {
    const gr_max_pool2d_layer_args *a = &((max_pool2d_layer *)m)->a;
    return gr_max_pool2d(x, a->kernel, .stride = a->stride, .padding = a->padding,
                         .dilation = a->dilation);
}

typedef struct avg_pool2d_layer {
    gr_module module;
    gr_avg_pool2d_layer_args a;
} avg_pool2d_layer;
static gr_tensor *avg_pool2d_forward(gr_module *m, gr_tensor *x) {
    const gr_avg_pool2d_layer_args *a = &((avg_pool2d_layer *)m)->a;
    return gr_avg_pool2d(x, a->kernel, .stride = a->stride, .padding = a->padding,
                         .count_include_pad = a->count_include_pad);
}

typedef struct upsample2d_layer {
    gr_module module;
    gr_upsample2d_layer_args a;
} upsample2d_layer;
static gr_tensor *upsample2d_forward(gr_module *m, gr_tensor *x) {
    const gr_upsample2d_layer_args *a = &((upsample2d_layer *)m)->a;
    return gr_upsample2d(x, a->scale, .mode = a->mode, .align_corners = a->align_corners);
}

/* Defines gr_NAME_layer_(args), whose options the operation checks when it runs. */
#define LAYER_WITH_OPTIONS(name_)                                                                  \
    static const gr_module_type name_##_type = {#name_, name_##_forward};                          \
    gr_module *gr_##name_##_layer_(gr_##name_##_layer_args args) {                                 \
        name_##_layer *l = gr_module_new(args.graph, &name_##_type, sizeof *l);                    \
        if (l == NULL) return NULL;                                                                \
        l->a = args;                                                                               \
        return &l->module;                                                                         \
    }

LAYER_WITH_OPTIONS(max_pool2d)
LAYER_WITH_OPTIONS(avg_pool2d)
LAYER_WITH_OPTIONS(upsample2d)

static bool is_pool_by_2(const gr_module *m) {
    if (m == NULL || m->type != &max_pool2d_type) return false;
    const gr_max_pool2d_layer_args *a = &((const max_pool2d_layer *)m)->a;
    for (int i = 0; i < 2; i++) {
        int stride = a->stride == 0 ? 2 : gr_pair_part(a->stride, i);
        if (gr_pair_part(a->kernel, i) != 2 || stride != 2 || gr_pair_part(a->padding, i) != 0 ||
            gr_pair_part(a->dilation, i) != 1)
            return false;
    }
    return true;
}

gr_module *gr_conv_pool_end(const gr_module *m) {
    gr_module *relu = m->type == &conv2d_type ? m->next : NULL;
    return gr_is_relu_layer(relu) && is_pool_by_2(relu->next) ? relu->next : NULL;
}

gr_tensor *gr_forward_conv_pool(gr_module *m, gr_tensor *x) {
    gr_conv2d_args a = convolution((conv_layer *)m, x);
    return gr_conv2d_relu_pool(&a);
}

static gr_tensor *global_avg_pool2d_forward(gr_module *m, gr_tensor *x) {
    return (void)m, gr_global_avg_pool2d(x);
}
static const gr_module_type global_avg_pool2d_type = {"global_avg_pool2d",
                                                      global_avg_pool2d_forward};
gr_module *gr_global_avg_pool2d_layer(gr_graph *g) {
    return gr_module_new(g, &global_avg_pool2d_type, sizeof(gr_module));
}

static gr_tensor *flatten_forward(gr_module *m, gr_tensor *x) {
    int64_t rest = 1;
    (void)m;
    if (x->shape.ndim < 1)
        return gr_fail(x->graph, "flatten: %s has no dimensions, expected (N,..)",
                       gr_describe(x, "x").text);
    for (int i = 1; i < x->shape.ndim && rest <= INT_MAX; i++) rest *= x->shape.dim[i];
    if (rest > INT_MAX)
        return gr_fail(x->graph, "flatten: %s has too many elements for one dimension",
                       gr_describe(x, "x").text);
    return gr_reshape(x, GR_SHAPE(x->shape.dim[0], (int)rest));
}

static const gr_module_type flatten_type = {"flatten", flatten_forward};

gr_module *gr_flatten_layer(gr_graph *g) {
    return gr_module_new(g, &flatten_type, sizeof(gr_module));
}
