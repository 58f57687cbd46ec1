/* The bookkeeping of a training: epochs, running means, evaluation, early stopping, checkpoints, a
 * log and a line that says how far it is. The loop stays yours, and looks like one without it.
 *
 *     gr_trainer *run = gr_trainer_new(net, opt, train, .epochs = 10, .watch = "accuracy",
 *                                      .maximize = true, .directory = "run", .progress = stderr);
 *     while (gr_trainer_epoch(run)) {
 *         opt->lr = gr_lr_cosine(1e-3, run->epoch, run->epochs, 0);
 *         while (gr_trainer_batch(run, &x, &y))
 *             gr_trainer_step(run, gr_cross_entropy(gr_forward(net, x), y));
 *         while (gr_trainer_evaluate(run, validation, &x, &y))
 *             gr_trainer_log(run, "accuracy", gr_accuracy(gr_forward(net, x), y));
 *     }
 *     if (gr_failed(g)) fprintf(stderr, "%s\n", gr_error(g));
 *
 * A learning rate that changes with each batch is a function of run->step and run->steps.
 *
 * In the directory, which must exist, are at the end of each epoch
 *
 *     log.csv             a line for each epoch: its number from 1 on, lr, and all that was logged
 *     best.safetensors    the weights of the epoch in which what is watched was best (weights.h)
 *     last.safetensors    the weights of the last epoch
 *     last.checkpoint     all that it takes to go on (checkpoint.h)
 *
 * each of them whole at any moment. A run that was killed and is made again, the same way and with
 * `.resume = true`, goes on behind the last epoch that was completed, and ends with the same bits.
 *
 * What trains several networks, or with several optimizers, has its own steps in the place of
 * gr_trainer_step; it puts them into the module (gr_container) and the checkpoint:
 *
 *     gr_trainer *run = gr_trainer_new(gan, NULL, train, .directory = "run");
 *     gr_checkpoint_add_optimizer(gr_trainer_checkpoint(run), "critic", critic_optimizer);
 *     gr_checkpoint_add_optimizer(gr_trainer_checkpoint(run), "generator", generator_optimizer);
 *
 * Nothing here is needed to train: the loop in graph.h does without.
 */
#ifndef GR_TRAINER_H
#define GR_TRAINER_H

#include "core/data/batches.h"
#include "nn/module.h"
#include "optim/checkpoint.h"
#include "optim/optimizer.h"

typedef struct gr_trainer_args {
    gr_module *module;
    gr_optimizer *optimizer; /* NULL: no gr_trainer_step, see above */
    gr_batches *batches;     /* of an epoch; NULL: `steps` calls of gr_trainer_batch are one */
    int epochs, steps;
    const char *watch; /* what is to become better: "loss", that of the training, unless given */
    bool maximize;     /* larger is better */
    int patience;      /* ends after so many epochs without anything better; 0: never */
    double max_norm;   /* gradients are clipped to this norm (clip.h) by gr_trainer_step */
    const char *directory; /* NULL: no files */
    int save_every;        /* epochs from checkpoint to checkpoint; 0: none, the log alone */
    bool resume;           /* go on from directory/last.checkpoint if there is one */
    FILE *progress;        /* stderr, or NULL for silence */
} gr_trainer_args;

typedef struct gr_trainer_record gr_trainer_record;

/* Read these, write none. */
typedef struct gr_trainer {
    gr_trainer_args args;
    gr_graph *graph;
    int epoch, epochs; /* epoch counts from 0 */
    int64_t step;      /* batches that are done, in all epochs: 0 during the first */
    int64_t steps;     /* in all epochs together, unless the run ends before */
    double best;       /* of what is watched; NaN before the first epoch's end */
    int best_epoch;    /* -1 before */
    gr_trainer_record *record;
} gr_trainer;

/* gr_trainer_new(module, optimizer, batches, .epochs = 10, ...). It lasts as long as the graph. An
 * error: a module that is NULL or of another graph than the others, epochs below 1, neither batches
 * nor steps, or both, a negative patience, max_norm or save_every, or resume without a
 * directory. */
#define gr_trainer_new(...)                                                                        \
    gr_trainer_new_((gr_trainer_args){.epochs = 10,                                                \
                                      .watch = "loss",                                             \
                                      .max_norm = INFINITY,                                        \
                                      .save_every = 1,                                             \
                                      .module = __VA_ARGS__})
gr_trainer *gr_trainer_new_(gr_trainer_args args);

/* Its checkpoint holds the module, the optimizer and the batches. What else should be in it is
 * added before the first gr_trainer_epoch. NULL for NULL. */
gr_checkpoint *gr_trainer_checkpoint(gr_trainer *run);

/* Ends the epoch before, if there was one, and begins the next; false when all are done, patience
 * is at its end, the run was stopped or the graph has failed. The first call resumes. It is an
 * error if nothing was logged in an epoch under the name that is watched, or if a run that resumes
 * has fewer epochs than are done. */
bool gr_trainer_epoch(gr_trainer *run);

/* The epoch's next batch, as gr_batch_next; false at its end. The module is in training mode. The
 * graph is reset first: the last batch's tensors go. */
bool gr_trainer_batch(gr_trainer *run, gr_tensor **x, gr_tensor **y);

/* gr_backward(loss), clipping, and gr_step; logs the loss, a scalar, as "loss". False if the graph
 * has failed. */
bool gr_trainer_step(gr_trainer *run, gr_tensor *loss);

/* The next batch of other data to judge by: until it returns false, or the next gr_trainer_batch or
 * gr_trainer_epoch, the module is in evaluation mode and nothing is recorded. Resets the graph,
 * too, so that in the middle of an epoch the training batch is gone. Also behind the last epoch. */
bool gr_trainer_evaluate(gr_trainer *run, gr_batches *batches, gr_tensor **x, gr_tensor **y);

/* The log has the epoch's mean of the values given under a name; within a batch, a value counts as
 * often as the batch has rows. At most 32 different names, without comma, quote or line end;
 * "epoch" and "lr" are taken. */
void gr_trainer_log(gr_trainer *run, const char *name, double value);
/* This mean, so far; between epochs that of the last. NaN if there is none. */
double gr_trainer_value(const gr_trainer *run, const char *name);

/* Lets the run end here, with nothing of an epoch that is not complete: for a Ctrl-C. */
void gr_trainer_stop(gr_trainer *run);

#endif
