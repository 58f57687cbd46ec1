#include "core/ops/update.h"
#include "optim/optimizer_internal.h"

typedef struct sgd {
    gr_optimizer base;
    gr_sgd_args args;
} sgd;

static void sgd_update(gr_optimizer *opt, int i) {
    const gr_sgd_args *a = &((sgd *)opt)->args;
    gr_tensor *p = opt->parameters.items[i];
    gr_real *velocity = opt->memory[0] == NULL ? NULL : opt->memory[0][i];
    gr_update_sgd(p, p->grad, velocity,
                  (gr_sgd_update){.lr = opt->lr,
                                  .momentum = a->momentum,
                                  .dampening = a->dampening,
                                  .weight_decay = opt->weight_decay,
                                  .nesterov = a->nesterov,
                                  .first = opt->steps[i] == 1});
}

static const gr_optimizer_type plain_type = {.name = "sgd", .update = sgd_update};
static const gr_optimizer_type momentum_type = {"sgd", 1, sgd_update, {"momentum_buffer"}};

gr_optimizer *gr_sgd_(gr_sgd_args a) {
    const gr_optimizer_type *type = a.momentum == 0 ? &plain_type : &momentum_type;
    sgd *opt = gr_optimizer_new(type, a.module, a.parameters, a.lr, sizeof *opt);
    if (opt == NULL) return NULL;
    opt->args = a;
    opt->base.weight_decay = a.weight_decay;
    if (!(gr_is_rate(a.momentum) && gr_is_rate(a.dampening) && gr_is_rate(a.weight_decay)))
        return gr_fail(opt->base.graph,
                       "gr_sgd: momentum is %g, dampening %g, weight_decay %g, "
                       "expected 0 or more",
                       a.momentum, a.dampening, a.weight_decay);
    if (a.nesterov && (a.momentum == 0 || a.dampening != 0))
        return gr_fail(opt->base.graph,
                       "gr_sgd: nesterov with momentum %g and dampening %g, expected "
                       "momentum above 0 and dampening 0",
                       a.momentum, a.dampening);
    return &opt->base;
}
