#include "nn/sequential.h"

#include <stdio.h>

#include "nn/conv_internal.h"
#include "nn/norm_internal.h"

/* Passes x through *child, or through some at once, of which *child becomes the last. */
static gr_tensor *forward_next(gr_module **child, gr_tensor *x) {
    gr_module *first = *child, *end;
    if (x != NULL && (end = gr_conv_pool_end(first)) != NULL) {
        *child = end;
        return gr_forward_conv_pool(first, x);
    }
    if (x != NULL && (end = gr_norm_relu_end(first)) != NULL) {
        *child = end;
        return gr_forward_norm_relu(first, x);
    }
    return gr_forward(first, x);
}

static gr_tensor *sequential_forward(gr_module *m, gr_tensor *x) {
    for (gr_module *child = m->children; child != NULL; child = child->next)
        x = forward_next(&child, x);
    return x;
}

static const gr_module_type sequential_type = {"sequential", sequential_forward};

gr_module *gr_sequential_(gr_graph *g, gr_module *const *modules, int n) {
    gr_module *m = gr_module_new(g, &sequential_type, sizeof *m);
    if (m == NULL) return NULL;
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (!gr_add_child(m, name, modules[i])) return NULL;
    }
    return m;
}

gr_module *gr_named_sequential_(gr_graph *g, const gr_named_module *modules, int n) {
    gr_module *m = gr_module_new(g, &sequential_type, sizeof *m);
    if (m == NULL) return NULL;
    for (int i = 0; i < n; i++)
        if (!gr_add_child(m, modules[i].name, modules[i].module)) return NULL;
    return m;
}
