#include "optim/optimizer.h"

#include <math.h>
#include <string.h>

#include "optim/optimizer_internal.h"

enum { MEMORIES = sizeof(((gr_optimizer *)NULL)->memory) / sizeof(gr_real **) };

bool gr_is_rate(double x) { return x >= 0 && isfinite(x); }

static bool check_parameters(gr_graph *g, const char *who, gr_list parameters) {
    for (int i = 0; i < parameters.n; i++) {
        const gr_tensor *p = parameters.items[i];
        if (p == NULL) return gr_fail(g, "gr_%s: parameter %d is NULL", who, i);
        if (p->graph != g)
            return gr_fail(g, "gr_%s: %s belongs to another graph than the first parameter", who,
                           gr_describe(p, "parameter").text);
        if (!p->requires_grad || p->node != NULL || !p->lasting)
            return gr_fail(g,
                           "gr_%s: %s is no parameter: it must be a leaf that lasts and requires "
                           "a gradient",
                           who, gr_describe(p, "parameter").text);
    }
    return true;
}

/* Copies the list and takes memory for it. */
static bool take_parameters(gr_optimizer *opt, gr_list parameters) {
    size_t bytes = (size_t)parameters.n * sizeof(gr_tensor *);
    gr_tensor **items = gr_alloc_lasting(opt->graph, bytes);
    if (items == NULL) return false;
    memcpy(items, parameters.items, bytes);
    opt->parameters = (gr_list){.n = parameters.n, .items = items};
    int n = parameters.n;
    opt->steps = gr_alloc_lasting(opt->graph, (size_t)n * sizeof *opt->steps);
    if (opt->steps == NULL) return false;
    for (int k = 0; k < opt->type->memories; k++) {
        opt->memory[k] = gr_alloc_lasting(opt->graph, (size_t)n * sizeof *opt->memory[k]);
        for (int i = 0; i < n && opt->memory[k] != NULL; i++) {
            size_t size = (size_t)items[i]->size * sizeof(gr_real);
            opt->memory[k][i] = gr_alloc_lasting(opt->graph, size);
        }
    }
    return !gr_failed(opt->graph);
}

void *gr_optimizer_new(const gr_optimizer_type *type, gr_module *module, gr_list parameters,
                       double lr, size_t bytes) {
    gr_graph *g = module != NULL ? module->graph : NULL;
    if (module != NULL) parameters = gr_parameters(module);
    for (int i = 0; i < parameters.n && g == NULL; i++)
        if (parameters.items[i] != NULL) g = parameters.items[i]->graph;
    if (gr_failed(g)) return NULL;
    if (parameters.n == 0)
        return gr_fail(g, "gr_%s: the %s has no parameters", type->name, module->type->name);
    if (!gr_is_rate(lr)) return gr_fail(g, "gr_%s: lr is %g, expected 0 or more", type->name, lr);
    if (type->memories < 0 || type->memories > MEMORIES || bytes < sizeof(gr_optimizer))
        return gr_fail(g,
                       "gr_%s: %d memories in %zu bytes, expected 0 to %d and at least %zu bytes",
                       type->name, type->memories, bytes, MEMORIES, sizeof(gr_optimizer));
    if (!check_parameters(g, type->name, parameters)) return NULL;
    gr_optimizer *opt = gr_alloc_lasting(g, bytes);
    if (opt == NULL) return NULL;
    opt->type = type;
    opt->graph = g;
    opt->lr = opt->initial_lr = lr;
    opt->first = opt;
    opt->bytes = bytes;
    return take_parameters(opt, parameters) ? opt : NULL;
}

/* -- Groups -- */

static const gr_tensor *in_a_group(const gr_optimizer *opt, gr_list parameters) {
    for (; opt != NULL; opt = opt->next)
        for (int i = 0; i < opt->parameters.n; i++)
            for (int k = 0; k < parameters.n; k++)
                if (opt->parameters.items[i] == parameters.items[k]) return parameters.items[k];
    return NULL;
}

static bool check_group(gr_optimizer *first, gr_group_args a) {
    gr_graph *g = first->graph;
    if (a.module != NULL && a.module->graph != g)
        return gr_fail(g, "gr_add_group: the module belongs to another graph than the optimizer");
    if (a.parameters.n == 0) return gr_fail(g, "gr_add_group: there are no parameters");
    if (!(gr_is_rate(a.lr) && gr_is_rate(a.weight_decay)))
        return gr_fail(g, "gr_add_group: lr is %g and weight_decay %g, expected 0 or more", a.lr,
                       a.weight_decay);
    if (!check_parameters(g, "add_group", a.parameters)) return false;
    const gr_tensor *twice = in_a_group(first, a.parameters);
    if (twice == NULL) return true;
    return gr_fail(g, "gr_add_group: %s is in a group of this optimizer already",
                   gr_describe(twice, "parameter").text);
}

gr_optimizer *gr_add_group_(gr_optimizer *opt, gr_group_args a) {
    if (opt == NULL || gr_failed(opt->graph)) return NULL;
    gr_optimizer *first = opt->first, *last = opt;
    if (a.module != NULL) a.parameters = gr_parameters(a.module);
    if (a.lr == GR_AS_FIRST) a.lr = first->initial_lr;
    if (a.weight_decay == GR_AS_FIRST) a.weight_decay = first->weight_decay;
    if (!check_group(first, a)) return NULL;
    gr_optimizer *group = gr_alloc_lasting(first->graph, first->bytes);
    if (group == NULL) return NULL;
    memcpy(group, first, first->bytes);
    group->lr = group->initial_lr = a.lr;
    group->weight_decay = a.weight_decay;
    group->next = NULL;
    if (!take_parameters(group, a.parameters)) return NULL;
    while (last->next != NULL) last = last->next;
    return last->next = group;
}

bool gr_scale_lr(gr_optimizer *opt, double factor) {
    if (opt == NULL || gr_failed(opt->graph)) return false;
    if (!gr_is_rate(factor))
        return gr_fail(opt->graph, "gr_scale_lr: factor is %g, expected 0 or more", factor);
    for (opt = opt->first; opt != NULL; opt = opt->next) opt->lr = factor * opt->initial_lr;
    return true;
}

/* -- Steps -- */

static void step_group(gr_optimizer *opt) {
    for (int i = 0; i < opt->parameters.n; i++) {
        gr_tensor *p = opt->parameters.items[i];
        if (p->grad == NULL) continue;
        opt->steps[i]++;
        opt->type->update(opt, i);
        p->grad = NULL;
    }
}

bool gr_step(gr_optimizer *opt) {
    if (opt == NULL || gr_failed(opt->graph)) return false;
    gr_graph *g = opt->graph;
    for (const gr_optimizer *group = opt->first; group != NULL; group = group->next) {
        if (!gr_is_rate(group->lr))
            return gr_fail(g, "gr_step: lr is %g, expected 0 or more", group->lr);
        if (!gr_is_rate(group->weight_decay))
            return gr_fail(g, "gr_step: weight_decay is %g, expected 0 or more",
                           group->weight_decay);
    }
    for (gr_optimizer *group = opt->first; group != NULL; group = group->next) step_group(group);
    return !gr_failed(g);
}
