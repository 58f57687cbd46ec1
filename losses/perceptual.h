/* Losses on feature maps: what a fixed network, such as VGG, sees in two images.
 */
#ifndef GR_PERCEPTUAL_H
#define GR_PERCEPTUAL_H

#include "losses/loss.h"

/* Gram matrices of feature maps x (N,C,d1..): (N,C,C), the products of each two channels summed over the
 * positions, divided by the number of features C d1.. of a sample. Gatys, Ecker and Bethge, CVPR 2016;
 * divided as in Johnson, Alahi and Fei-Fei, ECCV 2016, section 3.2. */
gr_tensor *gr_gram(gr_tensor *x);

typedef struct gr_perceptual_args {
    gr_list x, y;
    gr_tensor *weights; /* (L); NULL: all 1 */
    gr_reduction reduction;
    bool style;
} gr_perceptual_args;
/* gr_perceptual(GR_LIST(x1, x2, ..), GR_LIST(y1, y2, ..), .weights, .style = false): the sum over L layers
 * of weights[l] times the mean squared difference of x_l and y_l, which have one shape (N,C,d1..). With
 * style the Gram matrices of the layers (gr_gram) are compared instead of the layers. GR_SUM sums within
 * the layers instead of taking the mean; there is no GR_NONE. Johnson, Alahi and Fei-Fei, "Perceptual
 * losses for real-time style transfer and super-resolution", ECCV 2016. */
#define gr_perceptual(...) gr_perceptual_((gr_perceptual_args){.x = __VA_ARGS__})
gr_tensor *gr_perceptual_(gr_perceptual_args args);

#endif
