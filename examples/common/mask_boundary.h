/* The boundaries of masks: rows of 1 on the object and 0 elsewhere, height x width. */
#ifndef EXAMPLES_MASK_BOUNDARY_H
#define EXAMPLES_MASK_BOUNDARY_H

#include <stdbool.h>
#include <stdint.h>

/* Pixels of the object with a neighbour (above, below, left or right) that is not of it. The
 * picture's edge is no boundary. */
void mask_boundary(const int32_t *mask, int height, int width, bool *boundary);

/* Pixels on both sides of the boundary: one of the eight around is of the other kind. */
void mask_edge_zone(const int32_t *mask, int height, int width, bool *zone);

/* How well the boundary of a predicted mask follows the true one, from 0 to 1: the harmonic mean of
 * the share of its pixels that have a pixel of the true boundary within one pixel (the eight
 * around, or itself), and of the share of the true boundary's pixels that have one of its. 0 if one
 * of them is empty, 1 if both are. Csurka, Larlus and Perronnin, "What is a good evaluation measure
 * for semantic segmentation?", BMVC 2013. */
double mask_boundary_f1(const int32_t *predicted, const int32_t *truth, int height, int width);

#endif
