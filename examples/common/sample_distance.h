/* How far made-up pictures are from real ones, by what a classifier sees in them. */
#ifndef EXAMPLES_SAMPLE_DISTANCE_H
#define EXAMPLES_SAMPLE_DISTANCE_H

#include "gradus.h"

typedef struct sample_judge {
    gr_module *classifier;
    gr_tensor *features;   /* of the real pictures, (N,F), standardised */
    gr_tensor *directions; /* (F,P), each of length 1 */
    gr_scaler *scale;      /* of the features */
    double accuracy;       /* of the classifier on the real pictures */
} sample_judge;

/* Trains a small classifier, in the graph of the data, on pictures x (M,..) in [0,1] with classes
 * y (M); `real` (N,..) with its classes is what samples are measured against. All are lasting.
 * NULL after an error. */
sample_judge *sample_judge_new(gr_tensor *x, gr_tensor *y, gr_tensor *real, gr_tensor *real_y);

/* The sliced Wasserstein distance between samples (N,..) and the real pictures: the mean over 256
 * fixed random directions of the earth mover's distance between the classifier's features along
 * that direction, each feature in deviations of its values on the real pictures. 0 only if both are
 * distributed alike: blurred pictures, impossible ones, and always the same one all cost. The
 * samples may be of another graph than the judge, which is only read; NaN for NULL. Rabin et al.,
 * "Wasserstein barycenter and its application to texture mixing", 2011; features: Deshpande et al.,
 * "Generative modeling using the sliced Wasserstein distance", CVPR 2018. */
double sample_distance(const sample_judge *judge, gr_tensor *samples);

#endif
