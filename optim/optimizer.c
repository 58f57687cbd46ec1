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

static bool take_memory(gr_optimizer *opt) {
    int n = opt->parameters.n;
    opt->steps = gr_alloc_lasting(opt->graph, (size_t)n * sizeof *opt->steps);
    if (opt->steps == NULL) return false;
    for (int k = 0; k < opt->type->memories; k++) {
        opt->memory[k] = gr_alloc_lasting(opt->graph, (size_t)n * sizeof *opt->memory[k]);
        for (int i = 0; i < n && opt->memory[k] != NULL; i++) {
            size_t bytes = (size_t)opt->parameters.items[i]->size * sizeof(gr_real);
            opt->memory[k][i] = gr_alloc_lasting(opt->graph, bytes);
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
    gr_tensor **items = gr_alloc_lasting(g, (size_t)parameters.n * sizeof *items);
    if (opt == NULL || items == NULL) return NULL;
    memcpy(items, parameters.items, (size_t)parameters.n * sizeof *items);
    opt->type = type;
    opt->graph = g;
    opt->lr = lr;
    opt->parameters = (gr_list){.n = parameters.n, .items = items};
    return take_memory(opt) ? opt : NULL;
}

bool gr_step(gr_optimizer *opt) {
    if (opt == NULL || gr_failed(opt->graph)) return false;
    if (!gr_is_rate(opt->lr))
        return gr_fail(opt->graph, "gr_step: lr is %g, expected 0 or more", opt->lr);
    for (int i = 0; i < opt->parameters.n; i++) {
        gr_tensor *p = opt->parameters.items[i];
        if (p->grad == NULL) continue;
        opt->steps[i]++;
        opt->type->update(opt, i);
        p->grad = NULL;
    }
    return !gr_failed(opt->graph);
}
