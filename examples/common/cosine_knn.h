/* k nearest neighbours by the cosine, of as many rows as a matrix product can compare. */
#ifndef EXAMPLES_COSINE_KNN_H
#define EXAMPLES_COSINE_KNN_H

#include "gradus.h"

/* The rows of x (N,D), each divided by its length: a tensor of the step. */
gr_tensor *unit_rows(gr_tensor *x);

/* The share, 0 to 1, of the rows of test (M,D) whose label is that of most of the k rows of train
 * (N,D) with the largest cosine, 1 <= k <= 32 and k <= N; of equal cosines the earlier row counts,
 * of labels with as many votes the smallest. That is gr_knn_accuracy of unit rows, save for cosines
 * that rounding makes equal, at the speed of a product. Labels are 0 to 255. All four last: the
 * graph is reset. NaN after an error. */
double cosine_knn_accuracy(gr_tensor *train, const gr_tensor *train_labels, gr_tensor *test,
                           const gr_tensor *test_labels, int k);

#endif
