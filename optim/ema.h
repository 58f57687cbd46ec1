/* Exponential moving averages of weights, which often predict better than the last weights do.
 *
 *     gr_ema *ema = gr_ema_new(net, 0.999);
 *     ...
 *     gr_step(opt);
 *     gr_ema_update(ema);
 *     ...
 *     gr_ema_swap(ema); // the averages are the weights
 *     evaluate(net);
 *     gr_ema_swap(ema); // and the weights are back: training goes on
 *
 * As torch.optim.swa_utils.AveragedModel with get_ema_avg_fn. Polyak and Juditsky, "Acceleration of
 * stochastic approximation by averaging", SIAM J. Control Optim. 30, 1992.
 */
#ifndef GR_EMA_H
#define GR_EMA_H

#include "nn/module.h"

/* Its state, to be saved and restored with the weights, is `average` and `updates`. */
typedef struct gr_ema {
    gr_graph *graph;
    double decay; /* may be changed between updates */
    gr_list parameters;
    gr_real **average; /* average[i] has an element for each of parameters.items[i] */
    int64_t updates;
    bool swapped; /* the averages are in place of the weights, and the weights in `average` */
} gr_ema;

/* Averages of all parameters below the module, which begin as the weights. They last as long as the
 * graph. NULL after an error: a decay that is not in [0, 1], a module without parameters or that is
 * NULL, or a graph that has failed before. */
gr_ema *gr_ema_new(gr_module *module, double decay);

/* After gr_step: average = decay average + (1 - decay) weight; the first update copies the weights.
 * False after an error: a decay that is not in [0, 1], averages that are swapped, or an ema that is
 * NULL; or in a graph that has failed before. */
bool gr_ema_update(gr_ema *ema);

/* Exchanges the weights and their averages; not between a forward and its backward pass. Between
 * two calls the averages must not be trained. False for NULL, or in a graph that has failed. */
bool gr_ema_swap(gr_ema *ema);

/* Writes the averages into the parameters of a module that was made alike (or those of the module
 * itself), which may be of another graph. False after an error, in the ema's graph: another number
 * of parameters or other shapes, averages that are swapped, or a graph that has failed before. */
bool gr_ema_copy_to(const gr_ema *ema, gr_module *module);

#endif
