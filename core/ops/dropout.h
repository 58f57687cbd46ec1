/* Dropout: elements set to 0 at random, the others scaled so that the mean stays.
 *
 * What is drawn depends on the graph's generator (random.h) alone, not on the number of threads or
 * the instruction set. The gradient goes through what was kept: the backward pass draws the same
 * again, so that nothing is stored. p is the probability of being dropped, rounded to a multiple of
 * 2^-32; one outside [0, 1] is an error.
 *
 * These act whenever they are called; the layers (nn/dropout.h) do so in training only.
 */
#ifndef GR_DROPOUT_H
#define GR_DROPOUT_H

#include "core/graph/op.h"

/* Each element becomes 0 with probability p (infinities and NaN, too), else x / (1 - p). p = 0
 * returns x itself; p = 1 gives zeros, with gradient 0. Srivastava, Hinton, Krizhevsky, Sutskever
 * and Salakhutdinov, "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15,
 * 2014, with the scaling in training of its section 10. */
gr_tensor *gr_dropout(gr_tensor *x, double p);

/* The same for whole channels of images (N,C,H,W): one draw for each of the N C. Tompson,
 * Goroshin, Jain, LeCun and Bregler, "Efficient object localization using convolutional networks",
 * CVPR 2015, section 3.2. */
gr_tensor *gr_dropout2d(gr_tensor *x, double p);

#endif
