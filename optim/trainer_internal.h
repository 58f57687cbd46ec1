/* What the two files of the trainer share: the run, in trainer.c, and what is told of it, in
 * trainer_report.c.
 */
#ifndef GR_TRAINER_INTERNAL_H
#define GR_TRAINER_INTERNAL_H

#include "optim/trainer.h"

#pragma GCC visibility push(hidden)

enum { GR_TRAINER_NAMES = 32 };

/* What is logged under one name. */
typedef struct gr_trainer_mean {
    const char *name;
    double sum, weight;
    int epoch; /* whose values these are */
} gr_trainer_mean;

/* A line of the log. */
typedef struct gr_trainer_line {
    double lr, values[GR_TRAINER_NAMES]; /* NaN: none */
} gr_trainer_line;

struct gr_trainer_record {
    gr_checkpoint *checkpoint;
    int64_t counts[3];      /* in the checkpoint: epoch, step, best_epoch */
    bool begun;             /* gr_trainer_epoch was called */
    bool within;            /* an epoch */
    bool at_batch;          /* one was given out that is not counted yet */
    bool stopped;           /* by gr_trainer_stop */
    int batch;              /* batches of this epoch so far */
    int rows;               /* of the batch at hand; 1 between batches */
    gr_batches *evaluating; /* what gr_trainer_evaluate is at */
    gr_trainer_mean means[GR_TRAINER_NAMES];
    int n_means;
    gr_trainer_line **lines;   /* of each epoch that is done */
    int first_epoch;           /* of this program: not 0 if it resumed */
    double begun_at, shown_at; /* seconds */
};

/* directory/name */
typedef struct gr_trainer_path {
    char text[4096];
} gr_trainer_path;
gr_trainer_path gr_trainer_file(const gr_trainer *run, const char *name);

/* The mean of what was logged in this epoch; NaN if nothing was. */
double gr_trainer_mean_now(const gr_trainer *run, const char *name);
/* The line of the epoch that ends. False if there is no memory. */
bool gr_trainer_add_line(gr_trainer *run);
/* directory/log.csv, with the lines of all epochs that are done. */
bool gr_trainer_write_log(const gr_trainer *run);
/* Gets them back from there, as far as they are there: for a run that resumes. */
bool gr_trainer_read_log(gr_trainer *run);

/* The clock starts. */
void gr_trainer_start_progress(gr_trainer *run);
/* Within an epoch, on a terminal, ten times a second. */
void gr_trainer_show_progress(gr_trainer *run);
/* At its end, wherever it goes. */
void gr_trainer_show_epoch(const gr_trainer *run, bool better);

#pragma GCC visibility pop

#endif
