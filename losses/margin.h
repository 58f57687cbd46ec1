/* Margin losses: 0 once the right answer leads by a margin.
 *
 * Labels `target` are -1 or +1 (anything else is an error) or class indices; `score` is any number,
 * not a probability. All take .reduction, elementwise ones .weight too (loss.h). margin is 0 or
 * more; at the kink, where the lead equals the margin, the gradient is 0.
 */
#ifndef GR_MARGIN_H
#define GR_MARGIN_H

#include "losses/loss.h"

typedef struct gr_hinge_args {
    gr_tensor *score, *target, *weight;
    gr_reduction reduction;
    double margin;
} gr_hinge_args;
/* gr_hinge(score, target, .margin = 1): max(0, margin - y s) for labels y; shapes broadcast. The
 * support vector machine's loss. Cortes and Vapnik, Machine Learning 20 (1995). */
#define gr_hinge(...) gr_hinge_((gr_hinge_args){.margin = 1, .score = __VA_ARGS__})
gr_tensor *gr_hinge_(gr_hinge_args args);
/* Its square, which has no kink. */
#define gr_squared_hinge(...) gr_squared_hinge_((gr_hinge_args){.margin = 1, .score = __VA_ARGS__})
gr_tensor *gr_squared_hinge_(gr_hinge_args args);

typedef struct gr_multi_margin_args {
    gr_tensor *score, *target;
    gr_tensor *class_weight; /* (C); gr_multi_margin only */
    gr_reduction reduction;
    int p; /* 1 or 2; gr_multi_margin only */
    double margin;
} gr_multi_margin_args;
/* gr_multiclass_hinge(score, target, .margin = 1): sum over j != c of max(0, s_j - s_c + margin),
 * for score (N,C) and class indices (N): (N). Not divided by C. Weston and Watkins, "Support vector
 * machines for multi-class pattern recognition", ESANN 1999. */
#define gr_multiclass_hinge(...)                                                                   \
    gr_multiclass_hinge_((gr_multi_margin_args){.margin = 1, .p = 1, .score = __VA_ARGS__})
gr_tensor *gr_multiclass_hinge_(gr_multi_margin_args args);
/* gr_multi_margin(score, target, .class_weight, .p = 1, .margin = 1): the same with each term to
 * the power p, times class_weight[c], divided by C. */
#define gr_multi_margin(...)                                                                       \
    gr_multi_margin_((gr_multi_margin_args){.margin = 1, .p = 1, .score = __VA_ARGS__})
gr_tensor *gr_multi_margin_(gr_multi_margin_args args);

typedef struct gr_multilabel_margin_args {
    gr_tensor *score, *target;
    gr_reduction reduction;
} gr_multilabel_margin_args;
/* gr_multilabel_margin(score, target): sum over the row's labels t and all classes j that are none
 * of its labels of max(0, 1 - s_t + s_j), divided by C, for score (N,C) and class indices (N,C):
 * (N). A row's labels end at the first -1. */
#define gr_multilabel_margin(...)                                                                  \
    gr_multilabel_margin_((gr_multilabel_margin_args){.score = __VA_ARGS__})
gr_tensor *gr_multilabel_margin_(gr_multilabel_margin_args args);

typedef struct gr_hinge_embedding_args {
    gr_tensor *pred, *target, *weight;
    gr_reduction reduction;
    double margin;
} gr_hinge_embedding_args;
/* gr_hinge_embedding(pred, target, .margin = 1): pred where the label is +1, max(0, margin - pred)
 * where it is -1; shapes broadcast. pred is a distance. No gradient to the labels. */
#define gr_hinge_embedding(...)                                                                    \
    gr_hinge_embedding_((gr_hinge_embedding_args){.margin = 1, .pred = __VA_ARGS__})
gr_tensor *gr_hinge_embedding_(gr_hinge_embedding_args args);

#endif
