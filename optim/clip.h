/* Keeping weights within bounds, between steps. */
#ifndef GR_CLIP_H
#define GR_CLIP_H

#include "nn/module.h"

/* Cuts every element of every parameter below the module to [-bound, bound], in place; to be called after
 * gr_step, never between a forward and its backward pass. NaN stays NaN. False after an error: a bound
 * that is not at least 0, a module that is NULL, or a graph that has failed before. Arjovsky, Chintala and
 * Bottou, "Wasserstein GAN", ICML 2017, algorithm 1 (with 0.01). */
bool gr_clip_weights(gr_module *module, double bound);

#endif
