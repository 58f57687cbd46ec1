/* Losses for classification: of probabilities, of their logarithms, and of logits.
 *
 * Binary losses take one probability or logit for each element; their operands have equal shapes.
 * Losses of C classes take (N,C), or (N,C,d1..) with the classes in the second dimension, and
 * `target` either as class indices (N) or (N,d1..), from 0 to C-1, or as probabilities in the shape
 * of the other operand. s is the sigmoid, z a logit, y a target. All take .reduction (loss.h).
 * Focal losses: focal.h.
 *
 * Errors besides those of all losses: a class index outside its range, a probability outside 0 to 1
 * (gr_bce) or below 0 (gr_kl_div's p), a parameter outside its range. Other targets that are to be
 * 0 to 1 are not looked at: beyond that the formulas hold, but the losses may be negative.
 */
#ifndef GR_CLASSIFICATION_H
#define GR_CLASSIFICATION_H

#include "losses/loss.h"

typedef struct gr_bce_args {
    gr_tensor *prob, *target, *weight;
    gr_reduction reduction;
} gr_bce_args;
/* gr_bce(prob, target, .weight): binary cross-entropy -y max(log p, -100) - (1 - y) max(log(1 - p),
 * -100) of probabilities, as in PyTorch; but the gradient is that of this value, 0 where a
 * logarithm is cut off. Where logits are at hand gr_bce_with_logits is exact. */
#define gr_bce(...) gr_bce_((gr_bce_args){.prob = __VA_ARGS__})
gr_tensor *gr_bce_(gr_bce_args args);

typedef struct gr_bce_with_logits_args {
    gr_tensor *logits, *target, *weight;
    gr_tensor *pos_weight; /* broadcasts to the logits: (C), or one number */
    gr_reduction reduction;
    double label_smoothing; /* 0 to 1 */
} gr_bce_with_logits_args;
/* gr_bce_with_logits(logits, target, .weight, .pos_weight, .label_smoothing = 0):
 * -w y log s(z) - (1 - y) log(1 - s(z)) with w = pos_weight, or 1. y may be any number; smoothing l
 * replaces it by y (1 - l) + l/2. Without overflow or loss of digits at any z. */
#define gr_bce_with_logits(...)                                                                    \
    gr_bce_with_logits_((gr_bce_with_logits_args){.logits = __VA_ARGS__})
gr_tensor *gr_bce_with_logits_(gr_bce_with_logits_args args);

typedef struct gr_cross_entropy_args {
    gr_tensor *logits, *target;
    gr_tensor *class_weight; /* (C) */
    gr_reduction reduction;
    int ignore_index;
    double label_smoothing; /* 0 to 1 */
} gr_cross_entropy_args;
/* gr_cross_entropy(logits, target, .class_weight, .ignore_index = -100, .label_smoothing = 0):
 * -log softmax(z) at the target class c, times class_weight[c]. Targets equal to ignore_index count
 * nothing. With smoothing l: (1 - l) times that, plus l/C times the sum over all classes of
 * -class_weight[j] log softmax(z)[j]. The mean divides by the sum of class_weight[c] over the
 * targets that count, smoothing or not, and is 0 if there is none.
 *
 * With probabilities q as target: -sum_j class_weight[j] q_j log softmax(z)[j], q smoothed to
 * q (1 - l) + l/C; the mean divides by the number of distributions, and nothing is ignored. Terms
 * in which a weight or a probability is 0 are 0 at any logit, -inf too. */
#define gr_cross_entropy(...)                                                                      \
    gr_cross_entropy_((gr_cross_entropy_args){.ignore_index = -100, .logits = __VA_ARGS__})
gr_tensor *gr_cross_entropy_(gr_cross_entropy_args args);

typedef struct gr_nll_args {
    gr_tensor *log_prob, *target;
    gr_tensor *class_weight; /* (C) */
    gr_reduction reduction;
    int ignore_index;
} gr_nll_args;
/* gr_nll(log_prob, target, .class_weight, .ignore_index = -100): -class_weight[c] log_prob[c] at
 * the target class c; the mean as in gr_cross_entropy. */
#define gr_nll(...) gr_nll_((gr_nll_args){.ignore_index = -100, .log_prob = __VA_ARGS__})
gr_tensor *gr_nll_(gr_nll_args args);

typedef struct gr_categorical_args {
    gr_tensor *prob, *target;
    gr_reduction reduction;
    double eps; /* 0 < eps < 0.5 */
} gr_categorical_args;
/* gr_categorical_cross_entropy(prob, target, .eps = 1e-7): -sum_j y_j log p_j with p cut to
 * [eps, 1 - eps] (gradient 0 outside); target holds one-hot rows or other distributions. */
#define gr_categorical_cross_entropy(...)                                                          \
    gr_categorical_cross_entropy_((gr_categorical_args){.eps = 1e-7, .prob = __VA_ARGS__})
gr_tensor *gr_categorical_cross_entropy_(gr_categorical_args args);
/* The same with class indices. */
#define gr_sparse_categorical_cross_entropy(...)                                                   \
    gr_sparse_categorical_cross_entropy_((gr_categorical_args){.eps = 1e-7, .prob = __VA_ARGS__})
gr_tensor *gr_sparse_categorical_cross_entropy_(gr_categorical_args args);

typedef struct gr_kl_div_args {
    gr_tensor *log_q, *p, *weight;
    gr_reduction reduction;
    bool log_target; /* p is given as its logarithm */
} gr_kl_div_args;
/* gr_kl_div(log_q, p, .log_target = false): elements p (log p - log q) of the Kullback-Leibler
 * divergence from q to p; shapes broadcast. Elements with p = 0 are 0 with gradient 0, whatever log
 * q is. GR_BATCHMEAN, the sum over the first dimension of log_q, is the divergence; GR_MEAN divides
 * by the number of elements, as in PyTorch. Kullback and Leibler, Ann. Math. Statist. 22 (1951). */
#define gr_kl_div(...) gr_kl_div_((gr_kl_div_args){.log_q = __VA_ARGS__})
gr_tensor *gr_kl_div_(gr_kl_div_args args);

typedef struct gr_soft_margin_args {
    gr_tensor *score, *target, *weight;
    gr_reduction reduction;
} gr_soft_margin_args;
/* gr_soft_margin(score, target): log(1 + e^(-y x)), y -1 or +1; shapes broadcast.
 * gr_bce_with_logits for labels of -1 and +1. */
#define gr_soft_margin(...) gr_soft_margin_((gr_soft_margin_args){.score = __VA_ARGS__})
gr_tensor *gr_soft_margin_(gr_soft_margin_args args);

typedef struct gr_multilabel_soft_margin_args {
    gr_tensor *logits, *target;
    gr_tensor *class_weight; /* (C) */
    gr_reduction reduction;
} gr_multilabel_soft_margin_args;
/* gr_multilabel_soft_margin(logits, target, .class_weight): logits and target (N,C), targets 0 or
 * 1; the mean over the classes of class_weight[j] times gr_bce_with_logits's elements: one number
 * for each row. */
#define gr_multilabel_soft_margin(...)                                                             \
    gr_multilabel_soft_margin_((gr_multilabel_soft_margin_args){.logits = __VA_ARGS__})
gr_tensor *gr_multilabel_soft_margin_(gr_multilabel_soft_margin_args args);

#endif
