#include "optim/clip.h"

bool gr_clip_weights(gr_module *module, double bound) {
    if (module == NULL || gr_failed(module->graph)) return false;
    if (!(bound >= 0))
        return gr_fail(module->graph, "gr_clip_weights: bound is %g, expected 0 or more", bound);
    const gr_real high = (gr_real)bound;
    gr_list parameters = gr_parameters(module);
    for (int i = 0; i < parameters.n; i++) {
        gr_real *w = parameters.items[i]->data;
        for (int64_t k = 0; k < parameters.items[i]->size; k++)
            w[k] = w[k] < -high ? -high : w[k] > high ? high : w[k];
    }
    return true;
}
