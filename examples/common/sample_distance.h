/* How far made-up pictures are from real ones, by what a classifier sees in them. */
#ifndef EXAMPLES_SAMPLE_DISTANCE_H
#define EXAMPLES_SAMPLE_DISTANCE_H

#include "examples/common/fashion_features.h"

typedef struct sample_judge {
    fashion_classifier classifier;
    gr_tensor *features;   /* of the real pictures, (N,FASHION_FEATURES), standardised */
    gr_tensor *directions; /* (FASHION_FEATURES,P), each of length 1 */
    gr_scaler *scale;      /* of the features */
} sample_judge;

/* `real` (N,784), from -1 to 1, is what samples are measured against; in the classifier's graph.
 * All lasts. NULL after an error. */
sample_judge *sample_judge_new(fashion_classifier classifier, gr_tensor *real);

/* The sliced Wasserstein distance between samples (N,784), from -1 to 1, and the real pictures: the
 * mean over 256 fixed random directions of the earth mover's distance between the classifier's
 * features along that direction, each feature in deviations of its values on the real pictures. 0
 * only if both are distributed alike: blurred pictures, impossible ones, and always the same one
 * all cost. The samples may be of another graph than the judge, which is only read; NaN for NULL.
 * Rabin et al., "Wasserstein barycenter and its application to texture mixing", 2011; features:
 * Deshpande et al., "Generative modeling using the sliced Wasserstein distance", CVPR 2018. */
double sample_distance(const sample_judge *judge, gr_tensor *samples);

#endif
