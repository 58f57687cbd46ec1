/* The metric of detectors: mean average precision, as COCO defines it.
 *
 * Boxes (M,4) hold corners x1 y1 x2 y2 with x1 <= x2 and y1 <= y2; classes and images (M) say what
 * a box shows and in which image it is, integers from 0; scores (M) how sure the detector is.
 * There may be no boxes, (0,4). Errors, after which the number is NaN: an operand that is NULL or
 * of the wrong kind, an element that is not finite or an index below 0, shapes that do not fit, a
 * box whose corners are in the wrong order, a threshold outside 0 to 1.
 */
#ifndef GR_METRICS_DETECTION_H
#define GR_METRICS_DETECTION_H

#include "core/graph/graph.h"

typedef struct gr_detections {
    const gr_tensor *boxes, *scores, *classes, *images;
} gr_detections;

typedef struct gr_true_boxes {
    const gr_tensor *boxes, *classes, *images;
} gr_true_boxes;

typedef struct gr_average_precision_args {
    gr_detections found;
    gr_true_boxes truth;
    const double *iou; /* n_iou thresholds, more than 0 and at most 1; NULL: 0.50, 0.55 .. 0.95 */
    int n_iou;
    int max_detections; /* of one class in one image, those of the highest scores; at least 1 */
} gr_average_precision_args;

/* gr_mean_average_precision(found, truth, .iou = (double[]){0.5}, .n_iou = 1,
 * .max_detections = 100): the mean of AP over the thresholds and over the classes that have a true
 * box. 0 to 1; NaN, and no error, if there is no true box.
 *
 * AP of one class at the threshold t: in each image the detections, from the highest score down,
 * take the true box of the largest IoU among those not yet taken (of equal ones the last), if that
 * IoU is at least t; such a detection is a true positive, all others are false ones. The
 * detections of all images by score (of equal ones first those of the lower image) give precision
 * and recall after each; AP is the mean over the 101 recalls r = 0, 0.01 .. 1 of the largest
 * precision at any recall >= r, 0 where there is none. Boxes without area have an IoU of 0.
 *
 * Lin et al., "Microsoft COCO", ECCV 2014, as in pycocotools 2.0 (area "all", no crowds), which
 * says -1 for NaN; torchmetrics' mean_average_precision is the same. */
#define gr_mean_average_precision(...)                                                             \
    gr_mean_average_precision_(                                                                    \
        (gr_average_precision_args){.max_detections = 100, .found = __VA_ARGS__})
double gr_mean_average_precision_(gr_average_precision_args args);

#endif
