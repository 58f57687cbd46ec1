/* A small U-Net: Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image
 * segmentation", MICCAI 2015, with one convolution where they have two, padding, and batch
 * normalisation. */
#ifndef EXAMPLES_UNET_H
#define EXAMPLES_UNET_H

#include "gradus.h"

enum { UNET_MOST_LEVELS = 6 };

/* From pictures (N,in,H,W) to scores (N,classes,H,W). Level l works on 1/2^l of the resolution with
 * channels[l] channels. A block is a 3 x 3 convolution, batch normalisation and ReLU. On the way
 * down each level has one, and passes on the largest of 2 x 2; on the way up what comes from below
 * gets channels[l] channels and twice the resolution, by lines between the pixels, is put beside
 * what this level had on the way down, and goes through another block. H and W are multiples of
 * 2^(levels - 1). */
gr_module *unet(gr_graph *g, int in, int classes, const int *channels, int levels);

#endif
