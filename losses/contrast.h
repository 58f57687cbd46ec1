/* Contrastive losses within a batch: a vector should be nearer to its partner than to all others.
 *
 * Each is a cross-entropy over similarities, -log of the softmax at the partner's place. It is
 * computed as softplus(log sum_k e^(s_k) - s_partner) over the others k, which keeps its digits
 * where the loss is nearly 0.
 *
 * Vectors are divided by their Euclidean lengths; a zero vector stays zero and has the gradient 0.
 * Reductions are over the elements that each loss names.
 */
#ifndef GR_CONTRAST_H
#define GR_CONTRAST_H

#include "losses/loss.h"

typedef struct gr_info_nce_args {
    gr_tensor *query, *positive, *negatives;
    gr_reduction reduction;
    double temperature;
    bool normalize;
} gr_info_nce_args;

/* -log(e^(q.p/t) / (e^(q.p/t) + sum_k e^(q.n_k/t))) for each row q of query (N,D) and p of
 * positive (N,D); (N) before the reduction. negatives (K,D) are shared by all queries; (N,K,D)
 * gives each its own. t = temperature = 0.07, more than 0. normalize = true: products of unit
 * vectors, cosines; false: products of the vectors as they are.
 * Van den Oord, Li and Vinyals, "Representation learning with contrastive predictive coding", 2018,
 * eq. 4; He, Fan, Wu, Xie and Girshick, "Momentum contrast for unsupervised visual representation
 * learning", CVPR 2020, eq. 1, for the temperature. */
#define gr_info_nce(...)                                                                           \
    gr_info_nce_((gr_info_nce_args){.temperature = 0.07, .normalize = true, .query = __VA_ARGS__})
gr_tensor *gr_info_nce_(gr_info_nce_args args);

typedef struct gr_nt_xent_args {
    gr_tensor *embeddings;
    gr_reduction reduction;
    double temperature;
} gr_nt_xent_args;

/* Of embeddings (2N,D), in which rows i and i + N are two views of one thing:
 * -log(e^(cos(i,j)/t) / sum_(k != i) e^(cos(i,k)/t)) for each row i with its partner j; (2N)
 * before the reduction. All 2N - 1 other rows are counted, the partner among them. An odd number
 * of rows is an error; with one pair the loss is 0. t = temperature = 0.5, more than 0.
 * Chen, Kornblith, Norouzi and Hinton, "A simple framework for contrastive learning of visual
 * representations" (SimCLR), ICML 2020, eq. 1. */
#define gr_nt_xent(...)                                                                            \
    gr_nt_xent_((gr_nt_xent_args){.temperature = 0.5, .embeddings = __VA_ARGS__})
gr_tensor *gr_nt_xent_(gr_nt_xent_args args);

typedef struct gr_clip_args {
    gr_tensor *image, *text, *logit_scale;
    gr_reduction reduction;
    bool normalize;
} gr_clip_args;

/* With logits = logit_scale cos(image_i, text_j) (N,N), of image and text (N,D) in which rows i
 * belong together: the mean of the cross-entropies of row i and of column i, each with target i;
 * (N) before the reduction. logit_scale is one number more than 0, of shape () or (1), the
 * factor itself and not its logarithm: a model that learns the logarithm, as CLIP does, passes
 * gr_exp of it. normalize = true; false takes the vectors as they are, for features that have
 * been normalised before.
 * Radford et al., "Learning transferable visual models from natural language supervision", ICML
 * 2021, figure 3. */
#define gr_clip(...) gr_clip_((gr_clip_args){.normalize = true, .image = __VA_ARGS__})
gr_tensor *gr_clip_(gr_clip_args args);

#endif
