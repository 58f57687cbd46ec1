/* The triplet loss, and what chooses triplets from a batch.
 *
 *     gr_tensor *t = gr_batch_hard(embeddings, labels);
 *     gr_tensor *loss = gr_triplet_mined(embeddings, t, .margin = 0.2);
 */
#ifndef GR_TRIPLET_H
#define GR_TRIPLET_H

#include "losses/loss.h"

/* -- The loss -- */

/* Distances between the vectors of a and b, both (N,D): (N). Built from operations, so that the
 * gradient flows; NULL after an error. */
typedef gr_tensor *gr_distance_function(gr_tensor *a, gr_tensor *b, void *context);

typedef struct gr_triplet_args {
    gr_tensor *anchor, *positive, *negative, *weight;
    gr_reduction reduction;
    double margin, p, eps;
    bool swap, squared;
    gr_distance_function *distance; /* NULL: the distance that p, eps and squared describe */
    void *distance_context;
} gr_triplet_args;

#define GR_TRIPLET_DEFAULTS .margin = 1, .p = 2, .eps = 1e-6

/* max(0, margin + d(a, p) - d(a, n)) for anchor, positive and negative of equal shapes (N,D), or
 * (..,D) of any number of dimensions; (N) before the reduction.
 *
 * d(a, b) = ||a - b + eps||_p, as in PyTorch: eps is added to each difference, and keeps the
 * derivative finite at equal vectors. margin = 1, more than 0; p = 2, more than 0 or INFINITY;
 * eps = 1e-6, at least 0. With .squared the distance is |a - b|^2, without eps, as in FaceNet; p is
 * 2 then. With .swap d(a, n) is replaced by d(p, n) where that is smaller. With .distance the
 * caller's function takes the place of d, and p, eps and squared are not looked at.
 *
 * Balntas, Riba, Ponsa and Mikolajczyk, "Learning local feature descriptors with triplets and
 * shallow convolutional neural networks", BMVC 2016, for d and swap; Schroff, Kalenichenko and
 * Philbin, "FaceNet: a unified embedding for face recognition and clustering", CVPR 2015, eq. 2,
 * for the squares. */
#define gr_triplet(...) gr_triplet_((gr_triplet_args){GR_TRIPLET_DEFAULTS, .anchor = __VA_ARGS__})
gr_tensor *gr_triplet_(gr_triplet_args args);

/* gr_triplet of rows of `embeddings` (N,D), chosen by `triplets` (T,3): anchor, positive and
 * negative of each. T may be 0: the loss is 0 then, and so is its gradient (with GR_NONE it is
 * empty). An index that is no row is an error. The options are those of gr_triplet. */
#define gr_triplet_mined(embeddings, ...)                                                          \
    gr_triplet_mined_(embeddings, (gr_triplet_args){GR_TRIPLET_DEFAULTS, .anchor = __VA_ARGS__})
gr_tensor *gr_triplet_mined_(gr_tensor *embeddings, gr_triplet_args args); /* anchor: triplets */

/* -- Miners -- */

/* From embeddings (N,D) and labels (N), integers, they choose triplets (a, p, n) of rows: a and p
 * are two different rows of one label, n one of another. The result is (T,3), integers, without
 * gradient; T is 0 where there is no such triplet. With D the Euclidean distance, its square with
 * .squared:
 *
 * gr_batch_all   every triplet
 * gr_batch_hard  for each a the p of the largest and the n of the smallest D: at most N triplets
 * gr_semi_hard   n farther than p, but within the margin: D(a,p) < D(a,n) < D(a,p) + margin. For
 *                each a and p the nearest such n; with .all each of them
 * gr_easy        those that cost nothing: D(a,n) >= D(a,p) + margin
 *
 * Triplets are in the order of a, then p, then n; of equal distances the first row is taken.
 * Distances between N rows take N^2 numbers, and the triplets of gr_batch_all and gr_easy may be
 * N^3 / 3 or so. margin = 1, more than 0, is that of the loss, in units of D.
 *
 * Hermans, Beyer and Leibe, "In defense of the triplet loss for person re-identification", 2017,
 * for the first two; Schroff et al. (above), section 3.2, for the third. */

typedef struct gr_mining_args {
    gr_tensor *embeddings, *labels;
    double margin; /* gr_semi_hard and gr_easy */
    bool squared;  /* the same */
    bool all;      /* gr_semi_hard */
} gr_mining_args;

#define gr_batch_all(...) gr_batch_all_((gr_mining_args){.embeddings = __VA_ARGS__})
#define gr_batch_hard(...) gr_batch_hard_((gr_mining_args){.embeddings = __VA_ARGS__})
#define gr_semi_hard(...) gr_semi_hard_((gr_mining_args){.margin = 1, .embeddings = __VA_ARGS__})
#define gr_easy(...) gr_easy_((gr_mining_args){.margin = 1, .embeddings = __VA_ARGS__})

gr_tensor *gr_batch_all_(gr_mining_args args);
gr_tensor *gr_batch_hard_(gr_mining_args args);
gr_tensor *gr_semi_hard_(gr_mining_args args);
gr_tensor *gr_easy_(gr_mining_args args);

#endif
