/* Layers without parameters: an operation as a module. */
#ifndef GR_ACTIVATION_H
#define GR_ACTIVATION_H

#include "nn/module.h"

gr_module *gr_relu_layer(gr_graph *g);
/* Over the last axis: (N,C) to probabilities (N,C). Not before a loss that takes logits:
 * gr_cross_entropy has its own. */
gr_module *gr_softmax_layer(gr_graph *g);

#endif
