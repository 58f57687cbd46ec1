#include "nn/sequential.h"

#include <stdio.h>

#include "nn/conv_internal.h"

static gr_tensor *sequential_forward(gr_module *m, gr_tensor *x) {
    for (gr_module *child = m->children; child != NULL; child = child->next) {
        gr_module *end = x != NULL ? gr_conv_pool_end(child) : NULL;
        x = end != NULL ? gr_forward_conv_pool(child, x) : gr_forward(child, x);
        if (end != NULL) child = end;
    }
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
