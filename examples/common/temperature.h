/* Temperature scaling: the one number by which scores are divided so that their softmax fits labels
 * that the training has not seen. It changes how sure a classifier is, never what it chooses. Guo
 * et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
 */
#ifndef EXAMPLES_TEMPERATURE_H
#define EXAMPLES_TEMPERATURE_H

#include "gradus.h"

/* The T from 1/150 to 150 with the least cross-entropy of scores / T, scores (N,C) and labels (N).
 * Both must last: the graph is reset. NaN after an error. */
double temperature_fit(gr_tensor *scores, gr_tensor *labels);

#endif
