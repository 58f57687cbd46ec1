#include "nn/module_internal.h"

#include <string.h>

/* -- Forward -- */

gr_tensor *gr_forward(gr_module *m, gr_tensor *x) {
    if (m == NULL) return gr_fail(x == NULL ? NULL : x->graph, "gr_forward: the module is NULL");
    if (x == NULL) return gr_fail(m->graph, "gr_forward: the %s was given NULL", m->type->name);
    if (x->graph != m->graph)
        return gr_fail(x->graph, "gr_forward: %s belongs to another graph than the %s",
                       gr_describe(x, "x").text, m->type->name);
    if (m->type->forward == NULL)
        return gr_fail(m->graph,
                       "gr_forward: the %s has no forward of its own: run its children (gr_child)",
                       m->type->name);
    return m->type->forward(m, x);
}

gr_tensor *gr_module_function(void *module, gr_tensor *x) { return gr_forward(module, x); }

/* -- What lies below a module -- */

/* A name without m's own path, "0." for the first layer of a network. */
static const char *without_path(const gr_module *m, const char *name) {
    if (m->parent == NULL) return name;
    size_t length = strlen(m->name);
    name = without_path(m->parent, name);
    return strncmp(name, m->name, length) == 0 && name[length] == '.' ? name + length + 1 : name;
}

const char *gr_name_below(const gr_module *m, const gr_tensor *t) {
    return t->name == NULL ? NULL : without_path(m, t->name);
}

static gr_tensor *named(const gr_module *m, gr_list list, const char *name) {
    for (int i = 0; name != NULL && i < list.n; i++) {
        const char *found = gr_name_below(m, list.items[i]);
        if (found != NULL && strcmp(found, name) == 0) return list.items[i];
    }
    return NULL;
}

gr_list gr_parameters(const gr_module *m) { return m == NULL ? (gr_list){0} : m->parameters; }

gr_list gr_buffers(const gr_module *m) { return m == NULL ? (gr_list){0} : m->buffers; }

gr_tensor *gr_parameter_named(const gr_module *m, const char *name) {
    return named(m, gr_parameters(m), name);
}

gr_tensor *gr_buffer_named(const gr_module *m, const char *name) {
    return named(m, gr_buffers(m), name);
}

gr_module *gr_child(const gr_module *m, const char *name) {
    if (m == NULL || name == NULL) return NULL;
    for (gr_module *child = m->children; child != NULL; child = child->next)
        if (strcmp(child->name, name) == 0) return child;
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

void gr_set_training(gr_module *m, bool training) {
    if (m == NULL) return;
    m->training = training;
    for (gr_module *child = m->children; child != NULL; child = child->next)
        gr_set_training(child, training);
}

/* -- Making modules -- */

void *gr_module_new(gr_graph *g, const gr_module_type *type, size_t bytes) {
    if (bytes < sizeof(gr_module))
        return gr_fail(g, "gr_module_new: %zu bytes for a %s, which begins with a gr_module of %zu",
                       bytes, type->name, sizeof(gr_module));
    gr_module *m = gr_alloc_lasting(g, bytes);
    if (m == NULL) return NULL;
    m->type = type;
    m->graph = g;
    m->training = true;
    return m;
}

/* Adds t to one of m's lists, which has `room`. */
static bool append(gr_module *m, gr_list *list, int *room, gr_tensor *t) {
    if (list->n == *room) {
        int more = *room > 0 ? 2 * *room : 4;
        gr_tensor **items = gr_alloc_lasting(m->graph, (size_t)more * sizeof *items);
        if (items == NULL) return false;
        if (list->n > 0) memcpy(items, list->items, (size_t)list->n * sizeof *items);
        list->items = items;
        *room = more;
    }
    list->items[list->n++] = t;
    return true;
}

static bool append_parameter(gr_module *m, gr_tensor *t) {
    return append(m, &m->parameters, &m->parameter_room, t);
}

static bool append_buffer(gr_module *m, gr_tensor *t) {
    return append(m, &m->buffers, &m->buffer_room, t);
}

/* Names are what checkpoints and messages find a tensor by. */
static bool check_name(const gr_module *m, const char *who, const char *name) {
    if (name == NULL || *name == '\0')
        return gr_fail(m->graph, "%s: what is added to %s has no name", who, m->type->name);
    if (gr_parameter_named(m, name) != NULL)
        return gr_fail(m->graph, "%s: %s has a parameter %s already", who, m->type->name, name);
    if (gr_buffer_named(m, name) != NULL)
        return gr_fail(m->graph, "%s: %s has a buffer %s already", who, m->type->name, name);
    return true;
}

/* Whether something may be added to m itself under this name. */
static bool check_own(const gr_module *m, const char *who, const char *name) {
    if (m == NULL || !check_name(m, who, name)) return false;
    if (m->parent == NULL) return true;
    return gr_fail(m->graph, "%s: %s comes too late: the %s has a parent already", who, name,
                   m->type->name);
}

gr_tensor *gr_add_parameter(gr_module *m, const char *name, gr_shape shape) {
    if (!check_own(m, "gr_add_parameter", name)) return NULL;
    gr_tensor *t = gr_parameter(m->graph, shape, name);
    return t != NULL && append_parameter(m, t) ? t : NULL;
}

gr_tensor *gr_add_buffer(gr_module *m, const char *name, gr_tensor *initial) {
    if (!check_own(m, "gr_add_buffer", name)) return NULL;
    if (initial != NULL && initial->graph != m->graph)
        return gr_fail(m->graph, "gr_add_buffer: %s of %s belongs to another graph", name,
                       m->type->name);
    gr_tensor *t = gr_name(gr_keep(initial), name);
    return t != NULL && append_buffer(m, t) ? t : NULL;
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

/* The child's tensors of one list become m's, under longer names. */
static bool take_over(gr_module *m, gr_list from, const char *prefix,
                      bool (*append_to)(gr_module *m, gr_tensor *t)) {
    for (int i = 0; i < from.n; i++) {
        gr_tensor *t = from.items[i];
        if (t->name != NULL && !prefix_name(t, prefix)) return false;
        if (!check_name(m, "gr_add_child", t->name) || !append_to(m, t)) return false;
    }
    return true;
}

bool gr_add_child(gr_module *m, const char *name, gr_module *child) {
    if (m == NULL || !check_name(m, "gr_add_child", name)) return false;
    if (gr_child(m, name) != NULL)
        return gr_fail(m->graph, "gr_add_child: %s has a child %s already", m->type->name, name);
    if (child == NULL)
        return gr_fail(m->graph, "gr_add_child: module %s of %s is NULL", name, m->type->name);
    const char *reason = why_not(m, child);
    if (reason != NULL)
        return gr_fail(m->graph, "gr_add_child: module %s of %s, a %s, can't be added: %s", name,
                       m->type->name, child->type->name, reason);
    child->name = gr_copy_string(m->graph, name);
    if (child->name == NULL) return false;
    child->parent = m;
    gr_module **last = &m->children;
    while (*last != NULL) last = &(*last)->next;
    *last = child;
    return take_over(m, child->parameters, name, append_parameter) &&
           take_over(m, child->buffers, name, append_buffer);
}
