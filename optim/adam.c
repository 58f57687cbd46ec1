#include "core/ops/update.h"
#include "optim/optimizer_internal.h"

typedef struct adam {
    gr_optimizer base;
    gr_adam_args args;
    bool decoupled; /* weight decay */
} adam;

static void adam_update(gr_optimizer *opt, int i) {
    const gr_adam_args *a = &((adam *)opt)->args;
    gr_tensor *p = opt->parameters.items[i];
    gr_update_adam(p, p->grad, opt->memory[0][i], opt->memory[1][i],
                   (gr_adam_update){.lr = opt->lr,
                                    .beta1 = a->beta1,
                                    .beta2 = a->beta2,
                                    .eps = a->eps,
                                    .weight_decay = opt->weight_decay,
                                    .step = opt->steps[i],
                                    .decoupled = ((adam *)opt)->decoupled});
}

static const gr_optimizer_type adam_type = {"adam", 2, adam_update, {"exp_avg", "exp_avg_sq"}};
static const gr_optimizer_type adamw_type = {"adamw", 2, adam_update, {"exp_avg", "exp_avg_sq"}};

static gr_optimizer *adam_new(const gr_optimizer_type *type, gr_adam_args a) {
    adam *opt = gr_optimizer_new(type, a.module, a.parameters, a.lr, sizeof *opt);
    if (opt == NULL) return NULL;
    opt->args = a;
    opt->base.weight_decay = a.weight_decay;
    opt->decoupled = type == &adamw_type;
    if (!(a.beta1 >= 0 && a.beta1 < 1 && a.beta2 >= 0 && a.beta2 < 1))
        return gr_fail(opt->base.graph, "gr_%s: beta1 is %g and beta2 %g, expected [0, 1)",
                       type->name, a.beta1, a.beta2);
    if (!(gr_is_rate(a.eps) && gr_is_rate(a.weight_decay)))
        return gr_fail(opt->base.graph, "gr_%s: eps is %g and weight_decay %g, expected 0 or more",
                       type->name, a.eps, a.weight_decay);
    return &opt->base;
}

gr_optimizer *gr_adam_(gr_adam_args args) { return adam_new(&adam_type, args); }
gr_optimizer *gr_adamw_(gr_adam_args args) { return adam_new(&adamw_type, args); }
