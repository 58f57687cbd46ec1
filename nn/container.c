#include "nn/container.h"

#include "core/ops/elementwise.h"

/* -- The residual block -- */

typedef struct residual {
    gr_module module;
    gr_module *body, *shortcut; /* shortcut is NULL for x itself */
} residual;

static gr_tensor *residual_forward(gr_module *m, gr_tensor *x) {
    residual *l = (residual *)m;
    gr_tensor *y = gr_forward(l->body, x);
    gr_tensor *carried = l->shortcut != NULL ? gr_forward(l->shortcut, x) : x;
    if (y != NULL && carried != NULL && !gr_shape_equal(y->shape, carried->shape))
        return gr_fail(m->graph,
                       "gr_residual: of %s the body makes %s and the shortcut %s, expected equal "
                       "shapes",
                       gr_describe(x, "x").text, gr_shape_text(y->shape).text,
                       gr_shape_text(carried->shape).text);
    return gr_add(y, carried);
}

static const gr_module_type residual_type = {"residual", residual_forward};

gr_module *gr_residual_(gr_residual_args a) {
    residual *l = gr_module_new(a.graph, &residual_type, sizeof *l);
    if (l == NULL) return NULL;
    l->body = a.body;
    l->shortcut = a.shortcut;
    if (!gr_add_child(&l->module, "body", a.body)) return NULL;
    if (a.shortcut != NULL && !gr_add_child(&l->module, "shortcut", a.shortcut)) return NULL;
    return gr_failed(a.graph) ? NULL : &l->module;
}

/* -- Parts that run one by one -- */

static const gr_module_type container_type = {"container", NULL};

gr_module *gr_container_(gr_graph *g, const gr_named_module *modules, int n) {
    gr_module *m = gr_module_new(g, &container_type, sizeof *m);
    if (m == NULL) return NULL;
    for (int i = 0; i < n; i++)
        if (!gr_add_child(m, modules[i].name, modules[i].module)) return NULL;
    return m;
}
