#include "optim/trainer.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/graph/autodiff.h"
#include "nn/weights.h"
#include "optim/clip.h"
#include "optim/trainer_internal.h"

/* -- Making one -- */

static bool check_args(const gr_trainer_args *a) {
    gr_graph *g = a->module->graph;
    if (a->epochs < 1 || a->patience < 0 || !(a->max_norm >= 0) || a->save_every < 0)
        return gr_fail(g,
                       "gr_trainer_new: epochs is %d, patience %d, max_norm %g and save_every %d, "
                       "expected at least 1, 0, 0 and 0",
                       a->epochs, a->patience, a->max_norm, a->save_every);
    if ((a->batches == NULL) != (a->steps > 0))
        return gr_fail(g, "gr_trainer_new: expected either batches or steps, which is %d",
                       a->steps);
    if (a->optimizer != NULL && a->optimizer->graph != g)
        return gr_fail(g, "gr_trainer_new: the optimizer belongs to another graph than the module");
    if (a->watch == NULL) return gr_fail(g, "gr_trainer_new: watch is NULL");
    if (a->resume && a->directory == NULL)
        return gr_fail(g, "gr_trainer_new: resume without a directory to resume from");
    if (a->directory != NULL && strlen(a->directory) > sizeof(gr_trainer_path) - 64)
        return gr_fail(g, "gr_trainer_new: the directory's name is too long");
    return true;
}

static bool fill_checkpoint(gr_trainer *run) {
    gr_checkpoint *c = run->record->checkpoint;
    bool added = gr_checkpoint_add_module(c, "module", run->args.module);
    if (run->args.optimizer != NULL)
        added = added && gr_checkpoint_add_optimizer(c, "optimizer", run->args.optimizer);
    if (run->args.batches != NULL)
        added = added && gr_checkpoint_add_batches(c, "batches", run->args.batches);
    return added && gr_checkpoint_add_integers(c, "trainer.counts", run->record->counts, 3) &&
           gr_checkpoint_add_reals(c, "trainer.best", &run->best, 1);
}

gr_trainer *gr_trainer_new_(gr_trainer_args a) {
    if (a.module == NULL) return NULL;
    gr_graph *g = a.module->graph;
    if (gr_failed(g) || !check_args(&a)) return NULL;
    gr_trainer *run = gr_alloc_lasting(g, sizeof *run);
    gr_trainer_record *record = gr_alloc_lasting(g, sizeof *record);
    if (run == NULL || record == NULL) return NULL;
    int64_t batches = a.batches != NULL ? gr_batch_count(a.batches) : a.steps;
    *run = (gr_trainer){.args = a,
                        .graph = g,
                        .epochs = a.epochs,
                        .steps = batches * a.epochs,
                        .best = NAN,
                        .best_epoch = -1,
                        .record = record};
    run->args.watch = gr_copy_string(g, a.watch);
    run->args.directory = gr_copy_string(g, a.directory);
    record->rows = 1;
    record->lines = gr_alloc_lasting(g, (size_t)a.epochs * sizeof *record->lines);
    record->checkpoint = gr_checkpoint_new(g);
    if (gr_failed(g) || !fill_checkpoint(run)) return NULL;
    return run;
}

gr_checkpoint *gr_trainer_checkpoint(gr_trainer *run) {
    return run == NULL ? NULL : run->record->checkpoint;
}

/* -- Going on -- */

gr_trainer_path gr_trainer_file(const gr_trainer *run, const char *name) {
    gr_trainer_path path;
    snprintf(path.text, sizeof path.text, "%s/%s", run->args.directory, name);
    return path;
}

static bool resume(gr_trainer *run) {
    gr_trainer_record *record = run->record;
    gr_trainer_path last = gr_trainer_file(run, "last.checkpoint");
    if (access(last.text, F_OK) != 0) return true; /* killed before the first epoch's end */
    if (!gr_checkpoint_load(record->checkpoint, last.text)) return false;
    if (record->counts[0] < 0 || record->counts[0] > run->epochs)
        return gr_fail(run->graph,
                       "gr_trainer_epoch: %s: %lld epochs are done, expected at most %d", last.text,
                       (long long)record->counts[0], run->epochs);
    run->epoch = (int)record->counts[0];
    run->step = record->counts[1];
    run->best_epoch = (int)record->counts[2];
    record->first_epoch = run->epoch;
    return gr_trainer_read_log(run);
}

/* Whether the epoch that was completed last is the run's last. */
static bool is_last(const gr_trainer *run) {
    bool out_of_patience =
        run->args.patience > 0 && run->epoch - 1 - run->best_epoch >= run->args.patience;
    return run->epoch == run->epochs || out_of_patience;
}

/* Everything of the epochs so far, the checkpoint last: what comes before it is made again, with
 * the same bits, if the program ends in between. */
static bool save(gr_trainer *run, bool better) {
    gr_trainer_record *record = run->record;
    if (run->args.directory == NULL) return true;
    if (!gr_trainer_write_log(run)) return false;
    if (run->args.save_every == 0) return true;
    if (better && !gr_weights_save(run->args.module, gr_trainer_file(run, "best.safetensors").text))
        return false;
    if (run->epoch % run->args.save_every != 0 && !is_last(run)) return true;
    record->counts[0] = run->epoch;
    record->counts[1] = run->step;
    record->counts[2] = run->best_epoch;
    return gr_weights_save(run->args.module, gr_trainer_file(run, "last.safetensors").text) &&
           gr_checkpoint_save(record->checkpoint, gr_trainer_file(run, "last.checkpoint").text);
}

/* -- Epochs -- */

static void end_evaluation(gr_trainer *run) {
    gr_trainer_record *record = run->record;
    if (record->evaluating == NULL) return;
    gr_batch_restart(record->evaluating);
    record->evaluating = NULL;
    gr_no_grad_end(run->graph);
    gr_set_training(run->args.module, true);
}

static void count_batch(gr_trainer *run) {
    run->step += run->record->at_batch;
    run->record->at_batch = false;
}

/* Whether this epoch is the best so far; NaN is never better. */
static bool judge(gr_trainer *run) {
    double now = gr_trainer_mean_now(run, run->args.watch);
    bool first = run->best_epoch < 0;
    if (isnan(now) || !(first || (run->args.maximize ? now > run->best : now < run->best)))
        return false;
    run->best = now;
    run->best_epoch = run->epoch;
    return true;
}

static bool watched(const gr_trainer *run) {
    for (int i = 0; i < run->record->n_means; i++) {
        const gr_trainer_mean *mean = &run->record->means[i];
        if (mean->epoch == run->epoch && strcmp(mean->name, run->args.watch) == 0) return true;
    }
    return gr_fail(run->graph,
                   "gr_trainer_epoch: nothing was logged as %s, which is watched, in epoch %d",
                   run->args.watch, run->epoch + 1);
}

static bool end_epoch(gr_trainer *run) {
    if (!watched(run)) return false;
    gr_batch_restart(run->args.batches); /* which the program may have left before their end */
    bool better = judge(run);
    if (!gr_trainer_add_line(run)) return false;
    gr_trainer_show_epoch(run, better);
    run->epoch++;
    return save(run, better);
}

bool gr_trainer_epoch(gr_trainer *run) {
    if (run == NULL || gr_failed(run->graph)) return false;
    gr_trainer_record *record = run->record;
    end_evaluation(run);
    count_batch(run);
    record->rows = 1;
    if (!record->begun) {
        record->begun = true;
        if (run->args.resume && !resume(run)) return false;
        gr_trainer_start_progress(run);
    }
    if (record->within && !record->stopped && !end_epoch(run)) return false;
    record->within = !record->stopped && !is_last(run);
    record->batch = 0;
    if (record->within) gr_set_training(run->args.module, true);
    return record->within;
}

/* -- Batches -- */

/* The graph is reset for a batch, which has `*x`'s rows. */
static bool next_batch(gr_trainer *run, gr_batches *batches, gr_tensor **x, gr_tensor **y) {
    gr_tensor *rows;
    gr_graph_reset(run->graph);
    if (x == NULL) x = &rows;
    bool more = gr_batch_next(batches, x, y);
    run->record->rows = more ? (*x)->shape.dim[0] : 1;
    return more;
}

bool gr_trainer_batch(gr_trainer *run, gr_tensor **x, gr_tensor **y) {
    if (x != NULL) *x = NULL;
    if (y != NULL) *y = NULL;
    if (run == NULL || gr_failed(run->graph)) return false;
    gr_trainer_record *record = run->record;
    end_evaluation(run);
    count_batch(run);
    if (!record->within)
        return gr_fail(run->graph, "gr_trainer_batch: outside of an epoch (gr_trainer_epoch)");
    if (record->stopped) return false;
    if (run->args.batches == NULL) {
        gr_graph_reset(run->graph);
        record->rows = 1;
        if (record->batch == run->args.steps) return false;
    } else if (!next_batch(run, run->args.batches, x, y)) {
        return false;
    }
    if (record->batch > 0) gr_trainer_show_progress(run);
    record->batch++;
    record->at_batch = true;
    return true;
}

bool gr_trainer_step(gr_trainer *run, gr_tensor *loss) {
    if (run == NULL || gr_failed(run->graph)) return false;
    gr_optimizer *optimizer = run->args.optimizer;
    if (optimizer == NULL)
        return gr_fail(run->graph, "gr_trainer_step: the trainer was made without an optimizer");
    if (loss == NULL) return gr_fail(run->graph, "gr_trainer_step: the loss is NULL");
    if (!gr_backward(loss)) return false;
    gr_trainer_log(run, "loss", gr_item(loss));
    if (run->args.max_norm < INFINITY) gr_clip_grad_norm(run->args.module, run->args.max_norm);
    return gr_step(optimizer);
}

bool gr_trainer_evaluate(gr_trainer *run, gr_batches *batches, gr_tensor **x, gr_tensor **y) {
    if (x != NULL) *x = NULL;
    if (y != NULL) *y = NULL;
    if (run == NULL || batches == NULL || gr_failed(run->graph)) return false;
    gr_trainer_record *record = run->record;
    if (record->evaluating != batches) {
        end_evaluation(run);
        record->evaluating = batches;
        gr_no_grad_begin(run->graph);
        gr_set_training(run->args.module, false);
    }
    if (next_batch(run, batches, x, y)) return true;
    end_evaluation(run);
    return false;
}

void gr_trainer_stop(gr_trainer *run) {
    if (run != NULL) run->record->stopped = true;
}
