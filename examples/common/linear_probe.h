/* How much a linear classifier can read from features: a common measure of representations. */
#ifndef EXAMPLES_LINEAR_PROBE_H
#define EXAMPLES_LINEAR_PROBE_H

#include "gradus.h"

/* Features (N,D) and the classes (N) of their rows. */
typedef struct labelled_features {
    gr_tensor *x, *y;
} labelled_features;

/* The share, 0 to 1, of the test rows that a linear layer classifies rightly, trained on the train
 * rows by the cross-entropy: from zeros, 1,000 steps of Adam on batches of 200 (all rows if there
 * are not as many), with a rate of 0.002 that falls to 0 along a cosine. Features should be
 * standardised. All tensors last: the graph is reset. NaN after an error. */
double linear_probe(labelled_features train, labelled_features test, int classes);

#endif
