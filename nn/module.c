#include "nn/module.h"

#include <string.h>

gr_tensor *gr_forward(gr_module *m, gr_tensor *x) {
    if (x == NULL) return NULL;
    if (m == NULL) return gr_fail(x->graph, "gr_forward: the module is NULL");
    return m->type->forward(m, x);
}

gr_tensor *gr_module_function(void *module, gr_tensor *x) { return gr_forward(module, x); }

gr_list gr_parameters(const gr_module *m) { return m == NULL ? (gr_list){0} : m->parameters; }

gr_tensor *gr_parameter_named(const gr_module *m, const char *name) {
    gr_list parameters = gr_parameters(m);
    for (int i = 0; i < parameters.n; i++)
        if (strcmp(parameters.items[i]->name, name) == 0) return parameters.items[i];
    return NULL;
}

int64_t gr_parameter_size(const gr_module *m) {
    gr_list parameters = gr_parameters(m);
    int64_t size = 0;
    for (int i = 0; i < parameters.n; i++) size += parameters.items[i]->size;
    return size;
}

void gr_clear_grads(gr_module *m) {
    gr_list parameters = gr_parameters(m);
    for (int i = 0; i < parameters.n; i++) parameters.items[i]->grad = NULL;
}

void *gr_module_new(gr_graph *g, const gr_module_type *type, size_t bytes) {
    gr_module *m = gr_alloc_lasting(g, bytes);
    if (m == NULL) return NULL;
    m->type = type;
    m->graph = g;
    return m;
}

static bool append(gr_module *m, gr_tensor *parameter) {
    if (m->parameters.n == m->capacity) {
        int capacity = m->capacity > 0 ? 2 * m->capacity : 4;
        gr_tensor **items = gr_alloc_lasting(m->graph, (size_t)capacity * sizeof *items);
        if (items == NULL) return false;
        if (m->parameters.n > 0)
            memcpy(items, m->parameters.items, (size_t)m->parameters.n * sizeof *items);
        m->parameters.items = items;
        m->capacity = capacity;
    }
    m->parameters.items[m->parameters.n++] = parameter;
    return true;
}

gr_tensor *gr_add_parameter(gr_module *m, const char *name, gr_shape shape) {
    if (m->parent != NULL)
        return gr_fail(m->graph, "gr_add_parameter: %s %s belongs to another module already: add "
                       "parameters before", m->type->name, name);
    gr_tensor *t = gr_parameter(m->graph, shape, name);
    return t != NULL && append(m, t) ? t : NULL;
}

static bool prefix_name(gr_tensor *t, const char *prefix) {
    size_t before = strlen(prefix), after = strlen(t->name);
    char *name = gr_alloc_lasting(t->graph, before + after + 2);
    if (name == NULL) return false;
    memcpy(name, prefix, before);
    name[before] = '.';
    memcpy(name + before + 1, t->name, after);
    t->name = name;
    return true;
}

bool gr_add_child(gr_module *m, const char *name, gr_module *child) {
    if (child == NULL)
        return gr_fail(m->graph, "gr_add_child: module %s of %s is NULL", name, m->type->name);
    if (child->parent != NULL || child == m || m->parent != NULL)
        return gr_fail(m->graph, "gr_add_child: module %s of %s, a %s, can't be added: %s", name,
                       m->type->name, child->type->name,
                       m->parent != NULL ? "children come before parents"
                                         : "it belongs to another module already");
    child->parent = m;
    gr_module **last = &m->children;
    while (*last != NULL) last = &(*last)->next;
    *last = child;
    for (int i = 0; i < child->parameters.n; i++)
        if (!prefix_name(child->parameters.items[i], name) ||
            !append(m, child->parameters.items[i]))
            return false;
    return true;
}
