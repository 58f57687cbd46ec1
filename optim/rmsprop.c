#include "core/ops/update.h"
#include "optim/optimizer_internal.h"

typedef struct rmsprop {
    gr_optimizer base;
    gr_rmsprop_args args;
} rmsprop;

static void rmsprop_update(gr_optimizer *opt, int i) {
    const gr_rmsprop_args *a = &((rmsprop *)opt)->args;
    gr_tensor *p = opt->parameters.items[i];
    int velocity = a->centered ? 2 : 1;
    gr_update_rmsprop(p, p->grad, opt->memory[0][i], a->centered ? opt->memory[1][i] : NULL,
                      a->momentum > 0 ? opt->memory[velocity][i] : NULL,
                      (gr_rmsprop_update){.lr = opt->lr,
                                          .alpha = a->alpha,
                                          .eps = a->eps,
                                          .weight_decay = opt->weight_decay,
                                          .momentum = a->momentum});
}

/* types[centered][with momentum] */
static const gr_optimizer_type types[2][2] = {
    {{"rmsprop", 1, rmsprop_update, {"square_avg"}},
     {"rmsprop", 2, rmsprop_update, {"square_avg", "momentum_buffer"}}},
    {{"rmsprop", 2, rmsprop_update, {"square_avg", "grad_avg"}},
     {"rmsprop", 3, rmsprop_update, {"square_avg", "grad_avg", "momentum_buffer"}}}};

gr_optimizer *gr_rmsprop_(gr_rmsprop_args a) {
    const gr_optimizer_type *type = &types[a.centered][a.momentum > 0];
    rmsprop *opt = gr_optimizer_new(type, a.module, a.parameters, a.lr, sizeof *opt);
    if (opt == NULL) return NULL;
    opt->args = a;
    opt->base.weight_decay = a.weight_decay;
    if (!(a.alpha >= 0 && a.alpha < 1))
        return gr_fail(opt->base.graph, "gr_rmsprop: alpha is %g, expected [0, 1)", a.alpha);
    if (!(gr_is_rate(a.eps) && gr_is_rate(a.weight_decay) && gr_is_rate(a.momentum)))
        return gr_fail(opt->base.graph,
                       "gr_rmsprop: eps is %g, weight_decay %g, momentum %g, expected 0 or more",
                       a.eps, a.weight_decay, a.momentum);
    return &opt->base;
}
