/* Metrics of classes: what share is right, and which classes are taken for which.
 *
 * A metric is a number to report, not to train with: it is computed at once, in double, and has no
 * gradient. It may be taken at any time; the tensors that it returns belong to the step.
 *
 * target (N,d1..) holds classes, integers from 0. pred holds classes in the same shape, or real
 * scores (N,C,d1..) (logits or probabilities alike), whose largest is the class predicted (of
 * equal ones the first). Errors, after which a number is NaN and a tensor NULL: an operand that is
 * NULL or empty, shapes that do not fit, a score that is not finite, a class that is not among 0 to
 * C - 1, or to 2^20 - 1 where nothing says what C is.
 *
 * TP (true positives), FP and FN of class c: the elements with pred = target = c, with pred = c
 * only, with target = c only. A ratio with the denominator 0 is 0, as in scikit-learn
 * (zero_division=0). The definitions are those of scikit-learn 1.9, sklearn.metrics.
 */
#ifndef GR_METRICS_CLASSIFICATION_H
#define GR_METRICS_CLASSIFICATION_H

#include "core/graph/graph.h"

/* The share of elements with pred = target, 0 to 1 (accuracy_score). */
double gr_accuracy(const gr_tensor *pred, const gr_tensor *target);

/* The share of elements whose class is among the k highest of scores (N,C,d1..); of equal scores
 * the later class stands first, as in scikit-learn (top_k_accuracy_score). 1 <= k <= C. */
double gr_top_k_accuracy(const gr_tensor *scores, const gr_tensor *target, int k);

/* How often class row was taken for class column: integers (C,C). `classes` is C, at least 1; a
 * class beyond it is an error, as are scores of another C (confusion_matrix). */
gr_tensor *gr_confusion_matrix(const gr_tensor *pred, const gr_tensor *target, int classes);

/* How the classes' numbers become one. */
typedef enum gr_average {
    GR_AVERAGE_BINARY,  /* of class 1; all classes are 0 or 1 */
    GR_AVERAGE_MACRO,   /* the mean over the classes that occur in pred or target */
    GR_AVERAGE_MICRO,   /* from TP, FP and FN added over the classes; all three are the accuracy */
    GR_AVERAGE_WEIGHTED /* the mean weighted by the number of each class in target */
} gr_average;

/* TP / (TP + FP), TP / (TP + FN), and 2 TP / (2 TP + FP + FN), 0 to 1
 * (precision_score, recall_score, f1_score). */
double gr_precision(const gr_tensor *pred, const gr_tensor *target, gr_average average);
double gr_recall(const gr_tensor *pred, const gr_tensor *target, gr_average average);
double gr_f1(const gr_tensor *pred, const gr_tensor *target, gr_average average);

/* Precision, recall, F1 and the number in target (the support) of each class: reals (C,4).
 * `classes` as for gr_confusion_matrix (precision_recall_fscore_support). */
gr_tensor *gr_class_report(const gr_tensor *pred, const gr_tensor *target, int classes);

#endif
