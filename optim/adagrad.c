#include "core/ops/update.h"
#include "optim/optimizer_internal.h"

typedef struct adagrad {
    gr_optimizer base;
    gr_adagrad_args args;
} adagrad;

static void adagrad_update(gr_optimizer *opt, int i) {
    const gr_adagrad_args *a = &((adagrad *)opt)->args;
    gr_tensor *p = opt->parameters.items[i];
    double before = (double)(opt->steps[i] - 1);
    gr_update_adagrad(
        p, p->grad, opt->memory[0][i],
        (gr_adagrad_update){.lr = opt->lr / (1 + before * a->lr_decay),
                            .weight_decay = opt->weight_decay,
                            .eps = a->eps,
                            .start = opt->steps[i] == 1 ? a->initial_accumulator_value : 0});
}

static const gr_optimizer_type adagrad_type = {"adagrad", 1, adagrad_update, {"sum"}};

gr_optimizer *gr_adagrad_(gr_adagrad_args a) {
    adagrad *opt = gr_optimizer_new(&adagrad_type, a.module, a.parameters, a.lr, sizeof *opt);
    if (opt == NULL) return NULL;
    opt->args = a;
    opt->base.weight_decay = a.weight_decay;
    if (!(gr_is_rate(a.lr_decay) && gr_is_rate(a.weight_decay) &&
          gr_is_rate(a.initial_accumulator_value) && gr_is_rate(a.eps)))
        return gr_fail(opt->base.graph,
                       "gr_adagrad: lr_decay is %g, weight_decay %g, initial_accumulator_value "
                       "%g, eps %g, expected 0 or more",
                       a.lr_decay, a.weight_decay, a.initial_accumulator_value, a.eps);
    return &opt->base;
}
