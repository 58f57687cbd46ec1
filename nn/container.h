/* Modules made of other modules, besides the sequence (sequential.h). */
#ifndef GR_CONTAINER_H
#define GR_CONTAINER_H

#include "nn/sequential.h"

typedef struct gr_residual_args {
    gr_graph *graph;
    gr_module *body, *shortcut;
} gr_residual_args;
/* gr_residual(g, body, .shortcut = NULL): y = body(x) + shortcut(x), or body(x) + x without a
 * shortcut; its children are "body" and "shortcut". Both terms have one shape. He, Zhang, Ren and
 * Sun, "Deep residual learning for image recognition", CVPR 2016, eq. 1 and 2. */
#define gr_residual(...) gr_residual_((gr_residual_args){.graph = __VA_ARGS__})
gr_module *gr_residual_(gr_residual_args args);

/* gr_container(g, {"encoder", a}, {"decoder", b}): modules that are trained, saved and set to
 * training or evaluation together, but run one by one: gr_forward(gr_child(m, "encoder"), x). The
 * container itself has no forward. Names as in PyTorch's ModuleDict: "encoder.0.weight". */
#define gr_container(g, ...)                                                                       \
    gr_container_(g, (gr_named_module[]){__VA_ARGS__},                                             \
                  (int)(sizeof((gr_named_module[]){__VA_ARGS__}) / sizeof(gr_named_module)))
gr_module *gr_container_(gr_graph *g, const gr_named_module *modules, int n);

#endif
