#include "nn/module.h"

#include <string.h>

gr_tensor *gr_forward(gr_module *m, gr_tensor *x) {
    if (m == NULL) return gr_fail(x == NULL ? NULL : x->graph, "gr_forward: the module is NULL");
    if (x == NULL) return gr_fail(m->graph, "gr_forward: the %s was given NULL", m->type->name);
    if (x->graph != m->graph)
        return gr_fail(x->graph, "gr_forward: %s belongs to another graph than the %s",
                       gr_describe(x, "x").text, m->type->name);
    return m->type->forward(m, x);
}

gr_tensor *gr_module_function(void *module, gr_tensor *x) { return gr_forward(module, x); }

gr_list gr_parameters(const gr_module *m) { return m == NULL ? (gr_list){0} : m->parameters; }

gr_tensor *gr_parameter_named(const gr_module *m, const char *name) {
    gr_list parameters = gr_parameters(m);
    for (int i = 0; name != NULL && i < parameters.n; i++)
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
    if (bytes < sizeof(gr_module))
        return gr_fail(g, "gr_module_new: %zu bytes for a %s, which begins with a gr_module of %zu",
                       bytes, type->name, sizeof(gr_module));
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

/* Names are what checkpoints and messages find a parameter by. */
static bool check_name(const gr_module *m, const char *who, const char *name) {
    if (name == NULL || *name == '\0')
        return gr_fail(m->graph, "%s: what is added to %s has no name", who, m->type->name);
    if (gr_parameter_named(m, name) != NULL)
        return gr_fail(m->graph, "%s: %s has a parameter %s already", who, m->type->name, name);
    return true;
}

gr_tensor *gr_add_parameter(gr_module *m, const char *name, gr_shape shape) {
    if (m == NULL || !check_name(m, "gr_add_parameter", name)) return NULL;
    if (m->parent != NULL)
        return gr_fail(m->graph, "gr_add_parameter: %s comes too late: the %s has a parent already",
                       name, m->type->name);
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

/* NULL if nothing speaks against it. A child without parent below a module without parent closes no
 * circle. */
static const char *why_not(const gr_module *m, const gr_module *child) {
    if (child->graph != m->graph) return "it belongs to another graph";
    if (child == m) return "a module is no child of itself";
    if (child->parent != NULL) return "it belongs to another module already";
    if (m->parent != NULL) return "children come before parents";
    return NULL;
}

bool gr_add_child(gr_module *m, const char *name, gr_module *child) {
    if (m == NULL || !check_name(m, "gr_add_child", name)) return false;
    if (child == NULL)
        return gr_fail(m->graph, "gr_add_child: module %s of %s is NULL", name, m->type->name);
    const char *reason = why_not(m, child);
    if (reason != NULL)
        return gr_fail(m->graph, "gr_add_child: module %s of %s, a %s, can't be added: %s", name,
                       m->type->name, child->type->name, reason);
    child->parent = m;
    gr_module **last = &m->children;
    while (*last != NULL) last = &(*last)->next;
    *last = child;
    for (int i = 0; i < child->parameters.n; i++) {
        gr_tensor *t = child->parameters.items[i];
        if (!prefix_name(t, name) || !check_name(m, "gr_add_child", t->name) || !append(m, t))
            return false;
    }
    return true;
}
