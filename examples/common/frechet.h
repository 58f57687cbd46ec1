/* The Frechet distance between two samples of vectors. */
#ifndef EXAMPLES_FRECHET_H
#define EXAMPLES_FRECHET_H

#include "gradus.h"

/* Of the normal distributions that have the samples' means m and covariances S (divided by n - 1):
 *
 *     |m_a - m_b|^2 + trace(S_a + S_b - 2 (S_a S_b)^1/2)
 *
 * for rows a (n,D) and b (m,D), n and m at least 2. It is the square of a distance, in the square
 * of the vectors' unit. Small samples make it too large: two halves of one data set give more than
 * 0. The trace of the root is that of (S_a^1/2 S_b S_a^1/2)^1/2, whose matrices are symmetric. NaN
 * for NULL, other shapes, no memory, or elements that are not finite.
 *
 * Dowson and Landau, "The Frechet distance between multivariate normal distributions", Journal of
 * Multivariate Analysis 12, 1982; with a classifier's features as vectors it judges generated
 * pictures: Heusel et al., "GANs trained by a two time-scale update rule", NIPS 2017, eq. 6. */
double frechet_distance(const gr_tensor *a, const gr_tensor *b);

#endif
