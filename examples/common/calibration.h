/* Probabilities made of scores, fitted on labels that the training has not seen. They change how
 * sure a classifier is, never what it ranks first.
 */
#ifndef EXAMPLES_CALIBRATION_H
#define EXAMPLES_CALIBRATION_H

#include "gradus.h"

/* -- Two classes: Platt scaling -- */

typedef struct platt {
    double slope, offset;
} platt;

/* The slope and the offset with which s(slope score + offset) is the most likely for labels 0 or 1,
 * both (N). NaN if there are no numbers for it: one class alone, or scores that divide the classes
 * without error. Platt, "Probabilistic outputs for support vector machines", 1999, without his
 * shrunken targets. */
platt platt_fit(const gr_tensor *scores, const gr_tensor *labels);
/* s(slope score + offset), a tensor of the step. */
gr_tensor *platt_apply(platt fitted, gr_tensor *scores);

/* -- Several classes: temperature scaling -- */

/* The T from 1/150 to 150 with the least cross-entropy of scores / T, scores (N,C) and labels (N).
 * Both must last: the graph is reset. NaN after an error. Guo et al., "On calibration of modern
 * neural networks", ICML 2017, section 4.2. */
double temperature_fit(gr_tensor *scores, gr_tensor *labels);

#endif
