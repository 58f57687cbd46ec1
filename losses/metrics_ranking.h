/* Metrics of scores for two classes: how well they rank, and what a threshold makes of them.
 *
 * scores hold real numbers, labels 0 or 1 (reals or integers) in the same shape, of any dimensions;
 * N is the number of elements. Only the order of the scores matters, so that logits do as well as
 * probabilities. An element is predicted positive if its score is at or above the threshold; the
 * thresholds are the T different values among the scores, so that equal scores go together.
 *
 * tp and fp are the positive and the negative elements at or above the threshold, P and N - P all
 * of them; precision = tp / (tp + fp), recall = tp / P, F1 = 2 tp / (tp + fp + P).
 *
 * Errors, after which a number is NaN and a tensor NULL: an operand that is NULL or empty, unequal
 * shapes, a score that is not finite, a label other than 0 or 1. Work takes memory of the step.
 * Where only one class occurs each function says what it returns; that is no error. The definitions
 * are those of scikit-learn 1.9, sklearn.metrics, except where another is named.
 */
#ifndef GR_METRICS_RANKING_H
#define GR_METRICS_RANKING_H

#include "core/graph/graph.h"

/* The area under the ROC curve, by trapezoids: the probability that a positive element scores above
 * a negative one, equal scores counting a half. 0 to 1; NaN if only one class occurs
 * (roc_auc_score). */
double gr_roc_auc(const gr_tensor *scores, const gr_tensor *labels);

/* The area under the precision-recall curve, by steps: sum_t (R_t - R_{t-1}) P_t over the
 * thresholds from the highest down, R_0 = 0. 0 to 1; 0 if there are no positives
 * (average_precision_score). */
double gr_average_precision(const gr_tensor *scores, const gr_tensor *labels);

/* Rows of fp / (N - P), tp / P and threshold, the threshold falling from infinity, where both are
 * 0: (T+1,3). A column is NaN if the class it divides by does not occur (roc_curve with
 * drop_intermediate=False). */
gr_tensor *gr_roc_curve(const gr_tensor *scores, const gr_tensor *labels);

/* Rows of precision, recall and threshold, the threshold rising to infinity, where they are 1 and
 * 0: (T+1,3). Recall is 1 in the other rows if there are no positives (precision_recall_curve). */
gr_tensor *gr_pr_curve(const gr_tensor *scores, const gr_tensor *labels);

/* The best that some threshold gives, and the threshold. */
typedef struct gr_best_threshold {
    double value, threshold;
} gr_best_threshold;

/* The largest F1; of several thresholds that give it, the lowest. If there are no positives it is
 * 0, and the threshold NaN. */
gr_best_threshold gr_best_f1(const gr_tensor *scores, const gr_tensor *labels);

/* The largest recall with at least this precision, 0 < min_precision <= 1 (anything else is an
 * error); of several thresholds that give it, the one of the highest precision. If none has that
 * precision, the recall is 0 and the threshold NaN (torchmetrics 1.9,
 * binary_recall_at_fixed_precision). */
gr_best_threshold gr_recall_at_precision(const gr_tensor *scores, const gr_tensor *labels,
                                         double min_precision);

/* What one threshold gives: 0 where a denominator is 0. */
typedef struct gr_threshold_scores {
    double accuracy, precision, recall, f1;
} gr_threshold_scores;
/* A threshold that is NaN is an error. */
gr_threshold_scores gr_scores_at_threshold(const gr_tensor *scores, const gr_tensor *labels,
                                           double threshold);

#endif
