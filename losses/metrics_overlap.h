/* Metrics of segmentation: how far predicted masks cover those of the target.
 *
 * target (N,d1..) holds the class of each pixel, integers from 0; pred the same, or scores
 * (N,C,d1..) whose largest is the class predicted (of equal ones the first). A binary mask is one
 * of the classes 0 and 1. For each class, TP, FP and FN are counted over all pixels of the batch,
 * so that large images count more than small ones.
 *
 * IoU (Jaccard) is TP / (TP + FP + FN), Dice is 2 TP / (2 TP + FP + FN), each 0 to 1 and 0 for a
 * class that occurs in neither pred nor target. The mean is over the classes that do occur. These
 * are jaccard_score and f1_score of scikit-learn 1.9 with average=None and "macro". Errors as in
 * metrics_classification.h: NaN or NULL.
 */
#ifndef GR_METRICS_OVERLAP_H
#define GR_METRICS_OVERLAP_H

#include "core/graph/graph.h"

double gr_mean_iou(const gr_tensor *pred, const gr_tensor *target);
double gr_mean_dice(const gr_tensor *pred, const gr_tensor *target);

/* Of each class: reals (C). `classes` is C, at least 1; a class beyond it is an error, as are
 * scores of another C. */
gr_tensor *gr_class_iou(const gr_tensor *pred, const gr_tensor *target, int classes);
gr_tensor *gr_class_dice(const gr_tensor *pred, const gr_tensor *target, int classes);

#endif
