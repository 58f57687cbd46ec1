#include "examples/common/unet.h"

typedef struct unet_module {
    gr_module module;
    gr_module *down[UNET_MOST_LEVELS], *up[UNET_MOST_LEVELS], *join[UNET_MOST_LEVELS], *head;
    int levels;
} unet_module;

static gr_tensor *forward(gr_module *m, gr_tensor *x) {
    unet_module *net = (unet_module *)m;
    gr_tensor *skip[UNET_MOST_LEVELS];
    for (int l = 0; l < net->levels; l++)
        x = skip[l] = gr_relu(gr_forward(net->down[l], l == 0 ? x : gr_max_pool2d(x, 2)));
    for (int l = net->levels - 2; l >= 0; l--) {
        x = gr_upsample2d(gr_forward(net->up[l], x), 2, .mode = GR_UPSAMPLE_BILINEAR);
        x = gr_relu(gr_forward(net->join[l], gr_concat(GR_LIST(skip[l], x), 1)));
    }
    return gr_forward(net->head, x);
}

static const gr_module_type unet_type = {"unet", forward};

static gr_module *convolution(gr_module *net, const char *name, int level, int in, int out,
                              int kernel) {
    char full[32];
    snprintf(full, sizeof full, "%s%d", name, level);
    gr_module *layer = gr_conv2d_layer(net->graph, in, out, kernel, .padding = kernel / 2,
                                       .init = GR_INIT_KAIMING_UNIFORM);
    gr_add_child(net, full, layer);
    return layer;
}

gr_module *unet(gr_graph *g, int in, int classes, const int *channels, int levels) {
    if (levels < 1 || levels > UNET_MOST_LEVELS)
        return gr_fail(g, "unet: %d levels, expected 1 to %d", levels, UNET_MOST_LEVELS);
    unet_module *net = gr_module_new(g, &unet_type, sizeof *net);
    if (net == NULL) return NULL;
    gr_module *m = &net->module;
    net->levels = levels;
    for (int l = 0; l < levels; l++)
        net->down[l] = convolution(m, "down", l, l == 0 ? in : channels[l - 1], channels[l], 3);
    for (int l = levels - 2; l >= 0; l--) {
        net->up[l] = convolution(m, "up", l, channels[l + 1], channels[l], 1);
        net->join[l] = convolution(m, "join", l, 2 * channels[l], channels[l], 3);
    }
    net->head = convolution(m, "head", 0, channels[0], classes, 1);
    return gr_failed(g) ? NULL : m;
}
