/* Losses on pairs: vectors that should be near each other or far apart, and scores to be ranked.
 *
 * x1 and x2 are (N,D), or (..,D) of any number of dimensions, of equal shapes; target is (N), one
 * number for each pair. All take .weight, which broadcasts to (N), and .reduction (loss.h); the
 * mean is over pairs. The subgradient at a kink, and at a distance of 0, is 0.
 *
 * Losses on three vectors are in triplet.h, those against all others of a batch in contrast.h.
 */
#ifndef GR_SIMILARITY_H
#define GR_SIMILARITY_H

#include "losses/loss.h"

typedef struct gr_pair_args {
    gr_tensor *x1, *x2, *target, *weight;
    gr_reduction reduction;
    double margin, factor; /* factor: gr_contrastive only */
} gr_pair_args;

/* factor (y D^2 + (1 - y) max(0, margin - D)^2) with the Euclidean distance D of x1 and x2, and
 * y = 1 for similar pairs, 0 for others; a y between is a mixture, any other an error.
 * margin = 1, at least 0; factor = 0.5, more than 0.
 * Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping", CVPR
 * 2006, eq. 4 (where 1 means dissimilar). */
#define gr_contrastive(...)                                                                        \
    gr_contrastive_((gr_pair_args){.margin = 1, .factor = 0.5, .x1 = __VA_ARGS__})
/* target = 1: 1 - cos(x1, x2); target = -1: max(0, cos(x1, x2) - margin); any other is an error,
 * and the target, which only chooses, has the gradient 0. margin = 0, from -1 to 1. As in
 * PyTorch, the cosine is x1.x2 / sqrt((|x1|^2 + 1e-12) (|x2|^2 + 1e-12)), which is smooth at
 * zero vectors too. */
#define gr_cosine_embedding(...) gr_cosine_embedding_((gr_pair_args){.x1 = __VA_ARGS__})
/* max(0, margin - y (x1 - x2)): the score x1 should exceed x2 by margin where y = 1, and x2
 * exceed x1 where y = -1; any other y is an error. The loss is elementwise: x1, x2 and target of
 * any shapes that broadcast to a common one. margin = 0, any number. Herbrich, Graepel and
 * Obermayer, "Large margin rank boundaries for ordinal regression", 2000. */
#define gr_margin_ranking(...) gr_margin_ranking_((gr_pair_args){.x1 = __VA_ARGS__})

typedef struct gr_contrastive_distance_args {
    gr_tensor *distance, *target, *weight;
    gr_reduction reduction;
    double margin, factor;
} gr_contrastive_distance_args;

/* gr_contrastive for distances D that were computed elsewhere: distance and target of one shape. */
#define gr_contrastive_distance(...)                                                               \
    gr_contrastive_distance_(                                                                      \
        (gr_contrastive_distance_args){.margin = 1, .factor = 0.5, .distance = __VA_ARGS__})

gr_tensor *gr_contrastive_(gr_pair_args args);
gr_tensor *gr_contrastive_distance_(gr_contrastive_distance_args args);
gr_tensor *gr_cosine_embedding_(gr_pair_args args);
gr_tensor *gr_margin_ranking_(gr_pair_args args);

#endif
