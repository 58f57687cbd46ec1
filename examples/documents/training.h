/* The three trainings of "practice": one network of 10, 20, 20 and 1 or 3 numbers under Adam (1e-3,
 * batches of 32, 10 epochs, 1000 samples), and PyTorch's loss curves of the same trainings. */
#ifndef DOCUMENTS_TRAINING_H
#define DOCUMENTS_TRAINING_H

#include "gradus.h"

enum { TRAININGS = 3, MOST_EPOCHS = 64 };

typedef struct training {
    const char *name, *title; /* "binary", "two classes under BCE" */
    int epochs;
    double ours[MOST_EPOCHS], theirs[MOST_EPOCHS]; /* the mean of the batches' losses */
    double farthest;                               /* the largest |ours/theirs - 1| */
} training;

/* Trains number `which` from the data, first weights and orders of the file, which
 * tests/oracle/practice.py has written. Resets the graph. False after the graph's error. */
bool training_run(gr_graph *g, const char *path, int which, training *t);

#endif
