/* Optimizers: how parameters follow their gradients.
 *
 *     gr_optimizer *opt = gr_adam(net, .lr = 1e-3);
 *     ...
 *     gr_backward(loss);
 *     gr_step(opt);           // moves the parameters and takes their gradients away
 *
 * The defaults and the formulas are PyTorch's. Parameters that have no gradient stay as they are.
 * In a graph that has failed gr_step does nothing, so that no parameter is spoilt by half a
 * computation.
 *
 * Gradients of several gr_backward before one gr_step add up, so that a batch may be larger than
 * memory; each part's loss is divided by their number where the loss is a mean:
 *
 *     for (int i = 0; i < parts; i++) {
 *         gr_backward(gr_scale(gr_mse(gr_forward(net, x[i]), y[i]), 1.0 / parts));
 *         gr_graph_reset(g); // gradients stay
 *     }
 *     gr_step(opt);
 *
 * Groups of parameters may have a learning rate and weight decay of their own. Each is an optimizer
 * with its own parameters and memory that steps with the first:
 *
 *     gr_optimizer *opt = gr_adamw(body, .lr = 1e-4);
 *     gr_add_group(opt, head, .lr = 1e-3);
 *     gr_add_group(opt, NULL, .parameters = biases, .weight_decay = 0);
 *
 * All that an optimizer remembers can be read and written between steps, which checkpoint.h does.
 * To go on with a training in another program, make the optimizer as before and give back its
 * numbers, with the parameters':
 *
 *     for (gr_optimizer *group = opt->first; group != NULL; group = group->next)
 *         for (int i = 0; i < group->parameters.n; i++) {
 *             gr_tensor *p = group->parameters.items[i]; // p->name, p->data, p->size
 *             save_count(p->name, "step", group->steps[i]);
 *             for (int k = 0; k < group->type->memories; k++)
 *                 save(p->name, group->type->memory_names[k], group->memory[k][i], p->size);
 *         }
 */
#ifndef GR_OPTIMIZER_H
#define GR_OPTIMIZER_H

#include "nn/module.h"

typedef struct gr_optimizer gr_optimizer;

typedef struct gr_optimizer_type {
    const char *name;
    int memories; /* arrays of a parameter's size that it keeps for each parameter: 0 to 3 */
    void (*update)(gr_optimizer *opt, int i); /* moves parameters.items[i] */
    const char *memory_names[3];              /* PyTorch's, "exp_avg"; NULL beyond `memories` */
} gr_optimizer_type;

struct gr_optimizer {
    const gr_optimizer_type *type;
    gr_graph *graph;
    double lr, weight_decay; /* may be changed between steps; finite and 0 or more */
    double initial_lr;       /* lr when it was made: what schedules start from */
    gr_list parameters;
    /* What it remembers: memory[k][i] has an element for each of parameters.items[i], and
     * type->memory_names[k] says what it is. */
    int64_t *steps; /* of each parameter: how often it has moved */
    gr_real **memory[3];
    gr_optimizer *first, *next; /* groups: the first one, and the one after this or NULL */
    size_t bytes;               /* of the whole struct */
};

/* One step of all groups, whichever of them is given; false if the graph has failed, and then
 * nothing has moved. An lr or weight_decay that is NaN, infinite or negative is an error. Gradients
 * of a backward pass that failed midway stay with the parameters: after gr_clear_error say
 * gr_clear_grads, too. */
bool gr_step(gr_optimizer *opt);

/* Every group's lr = factor times its initial_lr. False after an error: a factor that is not finite
 * and at least 0, or a graph that has failed before. */
bool gr_scale_lr(gr_optimizer *opt, double factor);

/* What a group has in common with the first: its initial_lr, or its weight_decay. */
#define GR_AS_FIRST (-1e308)

typedef struct gr_group_args {
    gr_module *module;
    gr_list parameters; /* instead of a module (NULL) */
    double lr, weight_decay;
} gr_group_args;
/* Adds parameters to the optimizer, with an lr and a weight_decay that are GR_AS_FIRST unless they
 * are given, and all other numbers of the first group. Returns the group, so that its lr can be
 * changed; NULL after an error: an lr or weight_decay that is not finite and at least 0, no
 * parameters, or one that is in a group already. */
#define gr_add_group(opt, ...)                                                                     \
    gr_add_group_(opt, (gr_group_args){                                                            \
                           .lr = GR_AS_FIRST, .weight_decay = GR_AS_FIRST, .module = __VA_ARGS__})
gr_optimizer *gr_add_group_(gr_optimizer *opt, gr_group_args args);

typedef struct gr_sgd_args {
    gr_module *module;
    gr_list parameters; /* instead of a module (NULL) */
    double lr, momentum, dampening, weight_decay;
    bool nesterov;
} gr_sgd_args;
/* Stochastic gradient descent: g = grad + weight_decay p; without momentum p -= lr g; with it
 * v = momentum v + (1 - dampening) g (v = g at the first step), and p -= lr v, or with nesterov
 * p -= lr (g + momentum v), which needs momentum > 0 and dampening = 0. lr = 1e-3, the others 0;
 * all are at least 0. Sutskever, Martens, Dahl and Hinton, ICML 2013. */
#define gr_sgd(...) gr_sgd_((gr_sgd_args){.lr = 1e-3, .module = __VA_ARGS__})
gr_optimizer *gr_sgd_(gr_sgd_args args);

typedef struct gr_adam_args {
    gr_module *module;
    gr_list parameters; /* instead of a module (NULL) */
    double lr, beta1, beta2, eps, weight_decay;
} gr_adam_args;
/* Adam: g = grad + weight_decay p; m and v are running means of g and g^2 (beta1 = 0.9, beta2 =
 * 0.999), corrected for their start at 0; p -= lr m^ / (sqrt(v^) + eps). lr = 1e-3, eps = 1e-8,
 * weight_decay = 0, all at least 0; the betas in [0, 1). With eps = 0 (here and in gr_rmsprop) a
 * gradient of 0 is 0/0, and one for which v is no normal number, below about 3e-18 in float, moves
 * p to infinity. Kingma and Ba, "Adam", ICLR 2015. */
#define gr_adam(...)                                                                               \
    gr_adam_((gr_adam_args){                                                                       \
        .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .module = __VA_ARGS__})
gr_optimizer *gr_adam_(gr_adam_args args);

/* AdamW: Adam whose weight decay, 1e-2, is not part of the gradient: g = grad, and
 * p -= lr (weight_decay p + m^ / (sqrt(v^) + eps)). The other defaults and ranges are Adam's.
 * Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019. */
#define gr_adamw(...)                                                                              \
    gr_adamw_((gr_adam_args){.lr = 1e-3,                                                           \
                             .beta1 = 0.9,                                                         \
                             .beta2 = 0.999,                                                       \
                             .eps = 1e-8,                                                          \
                             .weight_decay = 1e-2,                                                 \
                             .module = __VA_ARGS__})
gr_optimizer *gr_adamw_(gr_adam_args args);

typedef struct gr_rmsprop_args {
    gr_module *module;
    gr_list parameters; /* instead of a module (NULL) */
    double lr, alpha, eps, weight_decay, momentum;
    bool centered;
} gr_rmsprop_args;
/* RMSprop: g = grad + weight_decay p; s = alpha s + (1 - alpha) g^2; d = g / (sqrt(s) + eps);
 * p -= lr d, or with momentum v = momentum v + d and p -= lr v. Centered, m is the running mean of
 * g, and the variance s - m^2 (0 where rounding made it negative) stands in d instead of s.
 * lr = 1e-2, eps = 1e-8, weight_decay = 0, momentum = 0, all at least 0; alpha = 0.99 in [0, 1).
 * Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012; centered: Graves,
 * arXiv:1308.0850, eq. 38 to 45. */
#define gr_rmsprop(...)                                                                            \
    gr_rmsprop_((gr_rmsprop_args){.lr = 1e-2, .alpha = 0.99, .eps = 1e-8, .module = __VA_ARGS__})
gr_optimizer *gr_rmsprop_(gr_rmsprop_args args);

typedef struct gr_adagrad_args {
    gr_module *module;
    gr_list parameters; /* instead of a module (NULL) */
    double lr, lr_decay, weight_decay, initial_accumulator_value, eps;
} gr_adagrad_args;
/* Adagrad: g = grad + weight_decay p; s, which begins as initial_accumulator_value, adds up g^2;
 * p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps), the first step being 1. lr = 1e-2,
 * eps = 1e-10, the others 0; all are at least 0. Duchi, Hazan and Singer, "Adaptive subgradient
 * methods", JMLR 2011. */
#define gr_adagrad(...)                                                                            \
    gr_adagrad_((gr_adagrad_args){.lr = 1e-2, .eps = 1e-10, .module = __VA_ARGS__})
gr_optimizer *gr_adagrad_(gr_adagrad_args args);

/* -- For writing optimizers -- */

/* `bytes` of zeroed memory that begin with the optimizer, over the module's parameters or, if it is
 * NULL, those of the list; NULL after an error if there are none. Its groups are copies of these
 * bytes with their own lr, weight_decay, parameters, steps and memory: `update` takes those from
 * the optimizer that it is given. */
void *gr_optimizer_new(const gr_optimizer_type *type, gr_module *module, gr_list parameters,
                       double lr, size_t bytes);

#endif
