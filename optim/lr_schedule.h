/* Learning rates that change while training: plain functions of the step (or epoch), counted from
 * 0, that give the rate instead of `lr`.
 *
 *     for (int epoch = 0; epoch < 90; epoch++) {
 *         opt->lr = gr_lr_cosine(0.1, epoch, 90, 0);
 *         ...
 *
 * They compose: what comes later goes on from step 0, and a factor is the rate from 1, for all
 * groups of parameters.
 *
 *     opt->lr = epoch < 5 ? gr_lr_warmup(0.1, epoch, 5, 0.01, 1)
 *                         : gr_lr_cosine(0.1, epoch - 5, 85, 0);
 *     gr_scale_lr(opt, gr_lr_step(1, epoch, 30, 0.1));
 *
 * Names and values are those of torch.optim.lr_scheduler (there, some come from the rate before
 * instead of a formula, and differ in the last digits). Numbers that make no sense give NaN, which
 * gr_step refuses. A negative step is as step 0.
 */
#ifndef GR_LR_SCHEDULE_H
#define GR_LR_SCHEDULE_H

#include "optim/optimizer.h"

/* StepLR: lr gamma^floor(step / step_size). NaN unless step_size is at least 1. */
double gr_lr_step(double lr, int64_t step, int64_t step_size, double gamma);

/* MultiStepLR: lr times gamma for each of the n milestones that the step has reached. */
double gr_lr_multi_step(double lr, int64_t step, const int64_t *milestones, int n, double gamma);

/* ExponentialLR: lr gamma^step. */
double gr_lr_exponential(double lr, int64_t step, double gamma);

/* CosineAnnealingLR: eta_min + (lr - eta_min) (1 + cos(pi step / t_max)) / 2, from lr down to
 * eta_min at t_max and, after that, up again. NaN unless t_max is at least 1. Loshchilov and
 * Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, eq. 5. */
double gr_lr_cosine(double lr, int64_t step, int64_t t_max, double eta_min);

/* LinearLR: lr times a factor that goes from start_factor at step 0 straight to end_factor at step
 * total, and stays there. NaN unless total is at least 1. */
double gr_lr_warmup(double lr, int64_t step, int64_t total, double start_factor, double end_factor);

typedef struct gr_lr_one_cycle_args {
    double max_lr;
    int64_t step, total;
    double pct_start, div_factor, final_div_factor;
    bool linear, three_phase;
} gr_lr_one_cycle_args;
/* gr_lr_one_cycle(max_lr, step, total, .pct_start = 0.3, .div_factor = 25, .final_div_factor = 1e4,
 * .linear, .three_phase): OneCycleLR, a step for each batch. With initial = max_lr / div_factor and
 * least = initial / final_div_factor, the rate goes from initial up to max_lr at step
 * pct_start total - 1 and down to least at total - 1, where it stays; in three phases, down to
 * initial at 2 pct_start total - 2, then to least. Along half a cosine, or straight if `linear`.
 *
 * NaN unless total is at least 1, pct_start in [0, 1] and the factors above 0. The momentum is not
 * changed. Smith and Topin, "Super-convergence: very fast training of neural networks using large
 * learning rates", arXiv:1708.07120. */
#define gr_lr_one_cycle(...)                                                                       \
    gr_lr_one_cycle_((gr_lr_one_cycle_args){                                                       \
        .pct_start = 0.3, .div_factor = 25, .final_div_factor = 1e4, .max_lr = __VA_ARGS__})
double gr_lr_one_cycle_(gr_lr_one_cycle_args args);

/* ReduceLROnPlateau: remembers the best value so far of what is watched, the validation loss.
 *
 *     gr_plateau plateau = GR_PLATEAU(.patience = 5);
 *     ...
 *     gr_lr_on_plateau(&plateau, opt, validation_loss); // once an epoch
 */
typedef struct gr_plateau {
    bool maximize;      /* larger is better */
    bool absolute;      /* threshold is a difference, not a part of the best */
    double factor;      /* in (0, 1): of the rate, at a plateau */
    double threshold;   /* better is below best (1 - threshold), or best - threshold */
    int patience;       /* so many epochs without anything better are let pass */
    int cooldown;       /* and so many after a reduction */
    double min_lr, eps; /* the least rate; reductions by eps or less are not made */
    bool watched;       /* the state: whether there is a best */
    double best;
    int bad_epochs, cooldown_left;
} gr_plateau;
#define GR_PLATEAU(...)                                                                            \
    ((gr_plateau){.factor = 0.1, .threshold = 1e-4, .patience = 10, .eps = 1e-8, __VA_ARGS__})

/* After more than `patience` epochs in a row whose metric was no better than the best one, each
 * group's lr becomes max(factor lr, min_lr), the epochs are counted anew, and the result is true.
 * NaN is never better. A factor that is not in (0, 1), or another number of the plateau that is
 * negative or not finite, is an error; in a graph that has failed, or for a plateau or optimizer
 * that is NULL, nothing happens. All of a plateau's state is in its fields. */
bool gr_lr_on_plateau(gr_plateau *plateau, gr_optimizer *opt, double metric);

#endif
