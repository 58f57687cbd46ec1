/* Trains a small network under each of several losses and compares them on rows that it has not
 * seen. */
#ifndef CLI_TRIAL_H
#define CLI_TRIAL_H

#include "examples/cli/suggestions.h"

typedef struct trial_options {
    int folds;
    int steps; /* of a training; 0: 2000, or those of 40 passes over the rows if they are fewer */
    int seed;
} trial_options;

/* Cross-validation: the rows are shuffled and cut into folds, of classes each with their shares;
 * each fold is predicted once by a network that was trained on the others. All losses get the same
 * folds, the same first weights and the same batches. Prints a table, best first. False after the
 * graph's error. */
bool trial_run(gr_graph *g, const profile *p, const suggestion *list, int n, trial_options options);

#endif
