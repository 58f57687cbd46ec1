#include "examples/common/unet.h"

/* A 3 x 3 convolution, batch normalisation, ReLU. */
typedef struct block {
    gr_module *convolution, *norm;
} block;

typedef struct unet_module {
    gr_module module;
    block down[UNET_MOST_LEVELS], join[UNET_MOST_LEVELS];
    gr_module *up[UNET_MOST_LEVELS], *head;
    int levels;
} unet_module;

static gr_tensor *run_block(block b, gr_tensor *x) {
    return gr_relu(gr_forward(b.norm, gr_forward(b.convolution, x)));
}

static gr_tensor *forward(gr_module *m, gr_tensor *x) {
    unet_module *net = (unet_module *)m;
    gr_tensor *skip[UNET_MOST_LEVELS];
    for (int l = 0; l < net->levels; l++)
        x = skip[l] = run_block(net->down[l], l == 0 ? x : gr_max_pool2d(x, 2));
    for (int l = net->levels - 2; l >= 0; l--) {
        x = gr_upsample2d(gr_forward(net->up[l], x), 2, .mode = GR_UPSAMPLE_BILINEAR);
        x = run_block(net->join[l], gr_concat(GR_LIST(skip[l], x), 1));
    }
    return gr_forward(net->head, x);
}

static const gr_module_type unet_type = {"unet", forward};

/* Named "down0_convolution" and the like. */
static gr_module *add(gr_module *net, const char *name, int level, const char *part,
                      gr_module *child) {
    char full[64];
    snprintf(full, sizeof full, "%s%d_%s", name, level, part);
    gr_add_child(net, full, child);
    return child;
}

static gr_module *convolution(gr_graph *g, int in, int out, int kernel, bool bias) {
    return gr_conv2d_layer(g, in, out, kernel, .padding = kernel / 2, .bias = bias,
                           .init = GR_INIT_KAIMING_UNIFORM);
}

static block add_block(gr_module *net, const char *name, int level, int in, int out) {
    gr_graph *g = net->graph;
    return (block){add(net, name, level, "convolution", convolution(g, in, out, 3, false)),
                   add(net, name, level, "norm", gr_batch_norm2d_layer(g, out))};
}

gr_module *unet(gr_graph *g, int in, int classes, const int *channels, int levels) {
    if (levels < 1 || levels > UNET_MOST_LEVELS)
        return gr_fail(g, "unet: %d levels, expected 1 to %d", levels, UNET_MOST_LEVELS);
    unet_module *net = gr_module_new(g, &unet_type, sizeof *net);
    if (net == NULL) return NULL;
    gr_module *m = &net->module;
    net->levels = levels;
    for (int l = 0; l < levels; l++)
        net->down[l] = add_block(m, "down", l, l == 0 ? in : channels[l - 1], channels[l]);
    for (int l = levels - 2; l >= 0; l--) {
        net->up[l] =
            add(m, "up", l, "convolution", convolution(g, channels[l + 1], channels[l], 1, true));
        net->join[l] = add_block(m, "join", l, 2 * channels[l], channels[l]);
    }
    net->head = add(m, "head", 0, "convolution", convolution(g, channels[0], classes, 1, true));
    return gr_failed(g) ? NULL : m;
}
