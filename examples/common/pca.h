/* Principal components: the directions along which points spread most. */
#ifndef EXAMPLES_PCA_H
#define EXAMPLES_PCA_H

#include "gradus.h"

/* The points x (N,D) on the k directions of largest variance, 1 <= k <= D: (N,k), lasting, in x's
 * graph. Column j is (x - mean) . v_j with the unit eigenvectors v_0, v_1, ... of the covariance,
 * eigenvalues falling; of each vector the element of largest magnitude is positive. *share, unless
 * NULL, becomes the part of the total variance that the k directions hold. Time N D^2.
 *
 * Eigenvectors come by power iteration and deflation, in double: of two eigenvalues that are nearly
 * equal the vectors may be mixed, which for a picture is as good. */
gr_tensor *pca_project(gr_tensor *x, int k, double *share);

#endif
