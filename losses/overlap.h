/* Losses for segmentation: how far two masks are from covering each other.
 *
 * prob and target (N,C,d1..) have one shape: for each sample and class a mask with values from 0
 * to 1, soft ones too (others are not noticed). With p and t the masks' elements, TP = sum p t,
 * FP = sum p (1 - t) and FN = sum (1 - p) t are summed
 *
 *     GR_OVER_SAMPLE   over d1..: a loss for each n and c, (N,C), which is then reduced;
 *     GR_OVER_BATCH    over n, d1..: a loss for each c, (C), which is then reduced;
 *     GR_OVER_ALL      over everything: one loss, whatever the shape.
 *
 * These are three different losses: an empty mask counts as much as a full one in the first only.
 * smooth >= 0 is added to numerator and denominator, so that two empty masks give 0; they do so
 * with smooth = 0 too.
 */
#ifndef GR_OVERLAP_H
#define GR_OVERLAP_H

#include "losses/loss.h"

typedef enum gr_over { GR_OVER_SAMPLE, GR_OVER_BATCH, GR_OVER_ALL } gr_over;

typedef struct gr_overlap_args {
    gr_tensor *prob, *target;
    gr_reduction reduction;
    double smooth;
    gr_over over;
    double alpha, beta; /* gr_tversky: the weights of FP and of FN, at least 0 */
} gr_overlap_args;

/* 1 - (2 TP + smooth) / (sum p + sum t + smooth). Milletari, Navab and Ahmadi, "V-Net", 3DV 2016,
 * with denominators that are not squared. */
#define gr_dice(...) gr_dice_((gr_overlap_args){.smooth = 1, .prob = __VA_ARGS__})
/* 1 - (TP + smooth) / (TP + FP + FN + smooth). Rahman and Wang, ISVC 2016. */
#define gr_iou(...) gr_iou_((gr_overlap_args){.smooth = 1, .prob = __VA_ARGS__})
/* 1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth); beta > alpha asks for recall. alpha =
 * beta = 0.5 is Dice with half the smooth. Salehi, Erdogmus and Gholipour, MLMI 2017. */
#define gr_tversky(...)                                                                            \
    gr_tversky_((gr_overlap_args){.smooth = 1, .alpha = 0.5, .beta = 0.5, .prob = __VA_ARGS__})

typedef struct gr_dice_ce_args {
    gr_tensor *logits, *target;
    gr_reduction reduction;
    gr_over over;
    double smooth;
} gr_dice_ce_args;
/* 0.5 gr_cross_entropy + 0.5 gr_dice of the softmax, for logits (N,C,d1..) and class indices target
 * (N,d1..). With GR_MEAN each of the two is its own mean; GR_SUM adds their sums; there are no
 * single elements to return. Isensee et al., "nnU-Net", Nature Methods 18 (2021). */
#define gr_dice_ce(...) gr_dice_ce_((gr_dice_ce_args){.smooth = 1, .logits = __VA_ARGS__})

gr_tensor *gr_dice_(gr_overlap_args args);
gr_tensor *gr_iou_(gr_overlap_args args);
gr_tensor *gr_tversky_(gr_overlap_args args);
gr_tensor *gr_dice_ce_(gr_dice_ce_args args);

#endif
