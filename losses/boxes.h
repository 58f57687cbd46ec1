/* Losses between boxes.
 *
 * pred and target (N,4) hold corners x1 y1 x2 y2 with x1 <= x2 and y1 <= y2; anything else is an
 * error that names the row. One loss for each row, (N), then reduced. I is the area of the
 * intersection, U that of the union, C the smallest box around both. Boxes that touch, are
 * disjoint, identical or empty have finite losses and gradients, as long as areas and squared
 * distances do (sides to 1e18 in float). eps > 0 keeps denominators from 0.
 * The definitions are those of torchvision 0.20, ops.
 */
#ifndef GR_BOXES_H
#define GR_BOXES_H

#include "losses/loss.h"

typedef struct gr_box_args {
    gr_tensor *pred, *target;
    gr_reduction reduction;
    double eps;
} gr_box_args;

/* 1 - I / (U + eps). No gradient between disjoint boxes. */
#define gr_iou_box(...) gr_iou_box_((gr_box_args){.eps = 1e-7, .pred = __VA_ARGS__})
/* 1 - I / (U + eps) + (|C| - U) / (|C| + eps). Rezatofighi et al., CVPR 2019. */
#define gr_giou(...) gr_giou_((gr_box_args){.eps = 1e-7, .pred = __VA_ARGS__})
/* 1 - I / (U + eps) + rho^2 / (c^2 + eps), rho the distance of the centres, c the diagonal of C.
 * Zheng et al., AAAI 2020. */
#define gr_diou(...) gr_diou_((gr_box_args){.eps = 1e-7, .pred = __VA_ARGS__})
/* diou + alpha v with v = 4/pi^2 (atan(w'/h') - atan(w/h))^2, the difference of the shapes, and
 * alpha = v / (1 - I/(U + eps) + v + eps), a constant for the gradient. Zheng et al., AAAI 2020. */
#define gr_ciou(...) gr_ciou_((gr_box_args){.eps = 1e-7, .pred = __VA_ARGS__})

gr_tensor *gr_iou_box_(gr_box_args args);
gr_tensor *gr_giou_(gr_box_args args);
gr_tensor *gr_diou_(gr_box_args args);
gr_tensor *gr_ciou_(gr_box_args args);

#endif
