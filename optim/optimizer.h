/* Optimizers: how parameters follow their gradients.
 *
 *     gr_optimizer *opt = gr_adam(net, .lr = 1e-3);
 *     ...
 *     gr_backward(loss);
 *     gr_step(opt);           // moves the parameters and takes their gradients away
 *
 * The defaults and the formulas are PyTorch's. Parameters that have no gradient stay as they are.
 * gr_backward called several times before one gr_step adds up gradients. In a graph that has failed
 * gr_step does nothing, so that no parameter is spoilt by half a computation.
 */
#ifndef GR_OPTIMIZER_H
#define GR_OPTIMIZER_H

#include "nn/module.h"

typedef struct gr_optimizer gr_optimizer;

typedef struct gr_optimizer_type {
    const char *name;
    int memories; /* arrays of a parameter's size that it keeps for each parameter: 0 to 2 */
    void (*update)(gr_optimizer *opt, int i); /* moves parameters.items[i] */
} gr_optimizer_type;

struct gr_optimizer {
    const gr_optimizer_type *type;
    gr_graph *graph;
    double lr; /* may be changed between steps; finite and 0 or more */
    gr_list parameters;
    int64_t *steps;      /* of each parameter: how often it has moved */
    gr_real **memory[2]; /* memory[k][i]: of parameter i */
};

/* One step; false if the graph has failed, and then nothing has moved. An lr that is NaN, infinite
 * or negative is an error. Gradients of a backward pass that failed midway stay with the
 * parameters: after gr_clear_error say gr_clear_grads, too. */
bool gr_step(gr_optimizer *opt);

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
 * weight_decay = 0, all at least 0; the betas in [0, 1). With eps = 0 a gradient of 0 is 0/0.
 * Kingma and Ba, "Adam", ICLR 2015. */
#define gr_adam(...)                                                                               \
    gr_adam_((gr_adam_args){                                                                       \
        .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .module = __VA_ARGS__})
gr_optimizer *gr_adam_(gr_adam_args args);

/* -- For writing optimizers -- */

/* `bytes` of zeroed memory that begin with the optimizer, over the module's parameters or, if it is
 * NULL, those of the list; NULL after an error if there are none. */
void *gr_optimizer_new(const gr_optimizer_type *type, gr_module *module, gr_list parameters,
                       double lr, size_t bytes);

#endif
