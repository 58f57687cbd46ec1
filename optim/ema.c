#include "optim/ema.h"

#include <string.h>

static bool take_averages(gr_ema *ema, gr_list parameters) {
    gr_graph *g = ema->graph;
    gr_tensor **items = gr_alloc_lasting(g, (size_t)parameters.n * sizeof *items);
    ema->average = gr_alloc_lasting(g, (size_t)parameters.n * sizeof *ema->average);
    if (items == NULL || ema->average == NULL) return false;
    memcpy(items, parameters.items, (size_t)parameters.n * sizeof *items);
    ema->parameters = (gr_list){.n = parameters.n, .items = items};
    for (int i = 0; i < parameters.n; i++) {
        size_t bytes = (size_t)items[i]->size * sizeof(gr_real);
        ema->average[i] = gr_alloc_lasting(g, bytes);
        if (ema->average[i] == NULL) return false;
        memcpy(ema->average[i], items[i]->data, bytes);
    }
    return true;
}

static bool check_decay(gr_graph *g, const char *who, double decay) {
    if (decay >= 0 && decay <= 1) return true;
    return gr_fail(g, "%s: decay is %g, expected [0, 1]", who, decay);
}

gr_ema *gr_ema_new(gr_module *module, double decay) {
    if (module == NULL || gr_failed(module->graph)) return NULL;
    gr_graph *g = module->graph;
    if (!check_decay(g, "gr_ema_new", decay)) return NULL;
    if (gr_parameters(module).n == 0)
        return gr_fail(g, "gr_ema_new: the %s has no parameters", module->type->name);
    gr_ema *ema = gr_alloc_lasting(g, sizeof *ema);
    if (ema == NULL) return NULL;
    ema->graph = g;
    ema->decay = decay;
    return take_averages(ema, gr_parameters(module)) ? ema : NULL;
}

static bool is_in_place(const gr_ema *ema, const char *who) {
    if (!ema->swapped) return true;
    return gr_fail(ema->graph, "%s: the averages are in place of the weights: gr_ema_swap first",
                   who);
}

/* In double: floats near decay and 1 - decay don't add up to 1. */
static void average_in(const gr_tensor *p, gr_real *average, double decay) {
    if (decay == 0) {
        memcpy(average, p->data, (size_t)p->size * sizeof *average);
        return;
    }
    for (int64_t k = 0; k < p->size; k++)
        average[k] = (gr_real)(decay * (double)average[k] + (1 - decay) * (double)p->data[k]);
}

bool gr_ema_update(gr_ema *ema) {
    if (ema == NULL || gr_failed(ema->graph)) return false;
    if (!is_in_place(ema, "gr_ema_update")) return false;
    if (!check_decay(ema->graph, "gr_ema_update", ema->decay)) return false;
    for (int i = 0; i < ema->parameters.n; i++)
        average_in(ema->parameters.items[i], ema->average[i], ema->updates == 0 ? 0 : ema->decay);
    ema->updates++;
    return true;
}

bool gr_ema_swap(gr_ema *ema) {
    if (ema == NULL || gr_failed(ema->graph)) return false;
    for (int i = 0; i < ema->parameters.n; i++) {
        gr_real *p = ema->parameters.items[i]->data, *average = ema->average[i];
        for (int64_t k = 0; k < ema->parameters.items[i]->size; k++) {
            gr_real weight = p[k];
            p[k] = average[k];
            average[k] = weight;
        }
    }
    ema->swapped = !ema->swapped;
    return true;
}

bool gr_ema_copy_to(const gr_ema *ema, gr_module *module) {
    if (ema == NULL || module == NULL || gr_failed(ema->graph)) return false;
    gr_list from = ema->parameters, to = gr_parameters(module);
    if (!is_in_place(ema, "gr_ema_copy_to")) return false;
    if (from.n != to.n)
        return gr_fail(ema->graph, "gr_ema_copy_to: %d averages for %d parameters", from.n, to.n);
    for (int i = 0; i < from.n; i++)
        if (!gr_shape_equal(from.items[i]->shape, to.items[i]->shape))
            return gr_fail(ema->graph,
                           "gr_ema_copy_to: the average of %s for %s: the shapes differ",
                           gr_describe(from.items[i], "parameter").text,
                           gr_describe(to.items[i], "parameter").text);
    for (int i = 0; i < from.n; i++)
        memcpy(to.items[i]->data, ema->average[i], (size_t)to.items[i]->size * sizeof(gr_real));
    return true;
}
