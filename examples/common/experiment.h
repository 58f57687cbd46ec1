/* One question, put to training: each of several methods, mostly losses, trains the same model from
 * the same seeds, under one condition or several, and is judged by the same measures.
 *
 *     static experiment_settings settings = {.loss = "all", .out = "build/imbalance-out", ...};
 *     static const experiment_measure measures[] = {{"PR-AUC", "pr_auc", 3, .maximize = true}};
 *
 *     static void train(experiment_run *run, void *data) {
 *         gr_module *net = ... in run->graph ...;
 *         for (int epoch = 0; epoch < settings.epochs && !interrupted(); epoch++) {
 *             ... train by method run->method on condition run->condition ...;
 *             experiment_progress(run, (epoch + 1.0) / settings.epochs);
 *         }
 *         run->values[PR_AUC] = ...;
 *         experiment_keep(run, "scores", scores); // what pictures are made of
 *     }
 *
 *     int main(int argc, char **argv) {
 *         ...
 *         experiment e = {.program = PROGRAM, .settings = &settings, .measures = measures, ...};
 *         if (!experiment_train(&e)) return experiment_end(&e);
 *         experiment_table(&e);                     // and the verdict: experiment_report.h
 *         ...
 *         return experiment_end(&e);
 *     }
 *
 * Trainings run side by side, each in a graph of its own with one thread, so that the number of
 * threads changes no result. Ctrl-C ends them; what is judged then are the seeds that are complete.
 * Each training that is done stands in OUT/runs.csv, and with --resume is not made again.
 */
#ifndef EXAMPLES_EXPERIMENT_H
#define EXAMPLES_EXPERIMENT_H

#include "examples/common/options.h"
#include "gradus.h"

/* -- Settings: the options that all programs have -- */

typedef struct experiment_settings {
    const char *loss, *data, *out;
    int seeds, epochs, batch, seed, threads;
    double lr;
    bool resume, quick;
} experiment_settings;

enum { EXPERIMENT_MOST_SEEDS = 1000, EXPERIMENT_MOST_MEASURES = 32 };

/* Rows for options_parse. The abouts of --loss, --data and --lr are the program's; the numbers of
 * seeds and epochs with --quick follow. */
#define EXPERIMENT_OPTIONS(s, loss_about, data_about, lr_about, quick_seeds, quick_epochs)         \
    {"loss", "NAMES", OPTION_TEXT, &(s).loss, .about = loss_about},                                \
        {"seeds",                                                                                  \
         "N",                                                                                      \
         OPTION_INTEGER,                                                                           \
         &(s).seeds,                                                                               \
         1,                                                                                        \
         EXPERIMENT_MOST_SEEDS,                                                                    \
         quick_seeds,                                                                              \
         "trainings of each kind"},                                                                \
        {"epochs", "N",    OPTION_INTEGER, &(s).epochs,                                            \
         1,        100000, quick_epochs,   "passes over the training data"},                       \
        {"batch", "N", OPTION_INTEGER, &(s).batch, 1, 100000, 0, "rows in a batch"},               \
        {"lr", "X", OPTION_NUMBER, &(s).lr, 1e-9, 10, 0, lr_about},                                \
        {"seed", "N", OPTION_INTEGER, &(s).seed, 0, 1000000000, 0, "the first seed"},              \
        {"threads",                                                                                \
         "N",                                                                                      \
         OPTION_INTEGER,                                                                           \
         &(s).threads,                                                                             \
         0,                                                                                        \
         1024,                                                                                     \
         0,                                                                                        \
         "trainings at a time, which change no result; 0: one for each processor"},                \
        {"data", "PATH", OPTION_TEXT, &(s).data, .about = data_about},                             \
        {"out", "DIR", OPTION_TEXT, &(s).out, .about = "where tables and pictures are written"},   \
        {"resume", NULL, OPTION_FLAG, &(s).resume,                                                 \
         .about = "does not repeat the trainings that DIR/runs.csv has"},                          \
    {                                                                                              \
        "quick", NULL, OPTION_FLAG, &(s).quick, .about = "a short run, to see that it works"       \
    }

/* -- Trainings -- */

typedef struct experiment_measure {
    const char *title, *key; /* "MAE" in the table, "mae" in CSV files */
    int decimals;            /* in the table */
    bool maximize;           /* larger is better */
} experiment_measure;

typedef struct experiment experiment;

/* One training. */
typedef struct experiment_run {
    const experiment *of;
    int condition, method;
    int seed;         /* the graph's */
    gr_graph *graph;  /* of its own, while it trains */
    double *values;   /* to be set: a number for each measure, NaN where there is none */
    double untrained; /* to be set: the main measure before the training; NaN if there is none */
    double done;      /* the part of it that is, 1 for all of it */
    char error[256];
} experiment_run;

struct experiment {
    const char *program;
    const char *question; /* that it answers, in a sentence */
    const experiment_settings *settings;
    const option_row *options; /* all that the program has: what --resume compares */
    const char *const *conditions, *const *methods;
    int n_conditions, n_methods;        /* names begin with a letter; no comma, quote or slash */
    const char *const *losses;          /* of each method, the registry's names, with blanks between
                                         * them; NULL for one that has none */
    const experiment_measure *measures; /* the main one first: what "better" means */
    int n_measures;
    /* Trains run->graph and sets run->values. An error is that of the graph. It returns early if
     * interrupted(). Several run at the same time: `context` is only read. */
    void (*train)(experiment_run *run, void *context);
    void *context;

    /* Set by experiment_train. */
    experiment_run *runs;
    int complete;   /* seeds, from the first on, of which all trainings are done */
    double seconds; /* that it took */
    FILE *report;   /* experiment_report.h */
};

/* Makes the directory and all trainings. False if one failed, or no seed is complete: a line on
 * stderr has said why. */
bool experiment_train(experiment *e);
/* Frees what experiment_train took. Returns the program's exit status: 0, 130 if interrupted, 1 if
 * anything failed. */
int experiment_end(experiment *e);

/* Says how much of the training is done, 0 to 1. */
void experiment_progress(experiment_run *run, double part);
/* A directory of the training's own, OUT/runs/CONDITION/METHOD/SEED, for a gr_trainer's files;
 * lasts as long as the graph. NULL after an error. */
const char *experiment_directory(experiment_run *run);
/* Writes NAME.npy there, and reads what a training kept; NULL if there is no such file, which is no
 * error. `seed` counts from 0. */
bool experiment_keep(experiment_run *run, const char *name, gr_tensor *t);
gr_tensor *experiment_kept(const experiment *e, gr_graph *g, int condition, int method, int seed,
                           const char *name);

/* The training's place; `seed` counts from 0. */
experiment_run *experiment_run_at(const experiment *e, int condition, int method, int seed);
/* The method of that name, or -1. */
int experiment_method(const experiment *e, const char *name);

#endif
