/* Probabilities made of scores, whatever their scale. */
#ifndef EXAMPLES_PLATT_H
#define EXAMPLES_PLATT_H

#include "gradus.h"

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

#endif
