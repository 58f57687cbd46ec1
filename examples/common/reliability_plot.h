/* Reliability diagrams: how often a classifier is right when it says how sure it is. */
#ifndef EXAMPLES_RELIABILITY_PLOT_H
#define EXAMPLES_RELIABILITY_PLOT_H

#include "examples/common/experiment.h"

/* OUT/name.png and .svg: a panel for each condition, in it for each method the share that is right
 * against the mean confidence, of bins with at least `least` of the predictions of all seeds. What
 * each training kept under the name `kept` is a gr_reliability (B,3) with the same bins. False if
 * there is no picture; a line on stderr has then said why. */
bool plot_reliability_bins(const experiment *e, gr_graph *g, const char *kept, int least,
                           const char *name);

#endif
