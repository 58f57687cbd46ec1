/* Checkpoints: all that a training needs to go on, in one file. A run that was stopped, or killed,
 * and goes on from its last checkpoint ends with the same bits as one that never stopped.
 *
 *     gr_checkpoint *c = gr_checkpoint_new(g);
 *     gr_checkpoint_add_module(c, "model", net);
 *     gr_checkpoint_add_optimizer(c, "optimizer", opt);
 *     gr_checkpoint_add_batches(c, "train", train);
 *     gr_checkpoint_add_integers(c, "epoch", &epoch, 1);
 *
 *     if (access("last.safetensors", F_OK) == 0) gr_checkpoint_load(c, "last.safetensors");
 *     for (; epoch < epochs; epoch++) {
 *         ...
 *         gr_checkpoint_save(c, "last.safetensors");
 *     }
 *
 * What a checkpoint holds is said once; saving and loading both follow it. The program makes its
 * modules, optimizers and batches as before and then loads. What it says in doing so (layers,
 * betas, batch sizes, data) is not in the file; what changes while training is: learning rates,
 * weight decays and the decay of averages, too, so that whoever wants other ones sets them after
 * loading. Gradients are not: the place to save is between a gr_step and the next gr_backward.
 *
 * A checkpoint is for going on here, bit by bit, and so in the precision (GR_DOUBLE or not) in
 * which it was made; on another processor, or with another .isa, sums may be rounded otherwise from
 * there on. For other programs, PyTorch and the other precision there are weights files
 * (weights.h).
 *
 * The file is replaced at once: killing the process at any moment leaves the old or the new one,
 * whole (and perhaps PATH.tmp beside it, which the next save overwrites). It is a safetensors file
 * with checksums (safetensors.h), whose tensors for parts that are called as above are
 *
 *     random.seed, random.counter           I64 (), unsigned: the graph's random numbers
 *     model.NAME                            parameters and buffers, by their names below the module
 *     optimizer.group0.lr, .weight_decay, .initial_lr    F64 (), of each group
 *     optimizer.NAME.step                   I64 (), of each parameter
 *     optimizer.NAME.exp_avg, ...           memories, by PyTorch's names
 *     ema.average.NAME                      of each parameter
 *     ema.decay, ema.updates, ema.swapped   F64 (), I64 (), BOOL ()
 *     train.order, train.at                 I32 (rows), I32 (): of batches
 *     plateau.best, .watched, .bad_epochs, .cooldown_left   F64 (), BOOL (), I32 (), I32 ()
 *     epoch                                 F64 (n) or I64 (n): numbers of the program's own
 *
 * and whose metadata are "format", "gradus checkpoint 1"; "real", "F32" or "F64"; and "part.NAME"
 * for each part, what it is: "module", "adam" or "adam in 2 groups", "ema", "batches", "plateau",
 * "reals", "integers".
 */
#ifndef GR_CHECKPOINT_H
#define GR_CHECKPOINT_H

#include "core/data/batches.h"
#include "nn/module.h"
#include "optim/ema.h"
#include "optim/lr_schedule.h"
#include "optim/optimizer.h"

typedef struct gr_checkpoint gr_checkpoint;

/* A checkpoint of the graph's random numbers, to which other parts are added. It lasts as long as
 * the graph. NULL after an error. */
gr_checkpoint *gr_checkpoint_new(gr_graph *g);

/* Each part has a name of its own, which is copied, and is of the checkpoint's graph; it is looked
 * at when the checkpoint is saved or loaded, so that numbers stay where they are until then. False
 * after an error: a name that is missing, "random" or there already, a part that is NULL or of
 * another graph; and for a NULL checkpoint or in a graph that has failed before. */
bool gr_checkpoint_add_module(gr_checkpoint *c, const char *name, gr_module *module);
/* All groups. Parameters need names, each its own. */
bool gr_checkpoint_add_optimizer(gr_checkpoint *c, const char *name, gr_optimizer *opt);
bool gr_checkpoint_add_ema(gr_checkpoint *c, const char *name, gr_ema *ema);
/* The order of the rows and the place in the epoch, not the data. */
bool gr_checkpoint_add_batches(gr_checkpoint *c, const char *name, gr_batches *batches);
/* The state, not the settings. */
bool gr_checkpoint_add_plateau(gr_checkpoint *c, const char *name, gr_plateau *plateau);
/* n numbers of the program's own, such as the epoch; 1 or more. */
bool gr_checkpoint_add_reals(gr_checkpoint *c, const char *name, double *values, int n);
bool gr_checkpoint_add_integers(gr_checkpoint *c, const char *name, int64_t *values, int n);

/* Writes the file. False after an error, and then the file that was there stays: no memory, a disk
 * that is full, another process that writes it, a parameter without a name of its own; and for a
 * NULL checkpoint or in a graph that has failed before, so that a good checkpoint is not replaced
 * by a spoilt one. */
bool gr_checkpoint_save(const gr_checkpoint *c, const char *path);

/* Reads the file into all parts. False after an error, which says what differs, and then nothing
 * has changed: a file that is damaged or no checkpoint, of the other precision, with another part,
 * kind of optimizer or number of groups, with a tensor too many, too few or of another shape, or
 * with an order of rows that is none. */
bool gr_checkpoint_load(gr_checkpoint *c, const char *path);

#endif
