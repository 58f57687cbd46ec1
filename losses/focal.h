/* Focal losses: cross-entropies in which each example counts by how wrong it is, times (1 -
 * p_t)^gamma with p_t the probability that the model gives to the target.
 *
 * Lin et al., "Focal loss for dense object detection", ICCV 2017. Computed from the logits
 * throughout, so that value and gradient are finite for every logit and every gamma >= 0, 0 < gamma
 * < 1 too.
 */
#ifndef GR_FOCAL_H
#define GR_FOCAL_H

#include "losses/loss.h"

typedef struct gr_focal_args {
    gr_tensor *logits, *target, *weight;
    gr_reduction reduction;
    double alpha; /* at most 1; negative: no factor */
    double gamma; /* 0 or more */
} gr_focal_args;
/* gr_focal(logits, target, .alpha = 0.25, .gamma = 2): alpha_t (1 - p_t)^gamma CE with the binary
 * cross-entropy CE of gr_bce_with_logits, p_t = y s(z) + (1 - y) (1 - s(z)) and
 * alpha_t = alpha y + (1 - alpha) (1 - y), as in torchvision. Equal shapes; targets 0 to 1
 * (others are not noticed, and may give no number). */
#define gr_focal(...) gr_focal_((gr_focal_args){.alpha = 0.25, .gamma = 2, .logits = __VA_ARGS__})
gr_tensor *gr_focal_(gr_focal_args args);

typedef struct gr_softmax_focal_args {
    gr_tensor *logits, *target;
    gr_tensor *class_alpha; /* (C): one alpha for each class, in the place of the number */
    gr_reduction reduction;
    double alpha; /* negative: no factor */
    double gamma; /* 0 or more */
} gr_softmax_focal_args;
/* gr_softmax_focal(logits, target, .class_alpha, .alpha = 0.25, .gamma = 2): -alpha (1 - p_c)^gamma
 * log p_c with p = softmax(logits) at the target class c; logits (N,C) or (N,C,d1..), class indices
 * (N) or (N,d1..). */
#define gr_softmax_focal(...)                                                                      \
    gr_softmax_focal_((gr_softmax_focal_args){.alpha = 0.25, .gamma = 2, .logits = __VA_ARGS__})
gr_tensor *gr_softmax_focal_(gr_softmax_focal_args args);

#endif
