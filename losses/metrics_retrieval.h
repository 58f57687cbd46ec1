/* Metrics of embeddings: whether neighbours belong together.
 *
 * Embeddings are rows (N,D) of real numbers, labels (N) their classes, integers from 0. Neighbours
 * are those at the least Euclidean distance, of equal ones the earlier row; for the cosine
 * normalise the rows first. Every distance is computed: time N^2 D. Errors, after which the number
 * is NaN: an operand that is NULL, empty or of the wrong kind, an element that is not finite, a
 * label below 0, shapes that do not fit, k outside its range.
 */
#ifndef GR_METRICS_RETRIEVAL_H
#define GR_METRICS_RETRIEVAL_H

#include "core/graph/graph.h"

/* The share of the rows of `test` (N,D) whose label is that of most of the k nearest rows of
 * `train` (M,D), 1 <= k <= M; of labels with as many votes the smallest wins. scikit-learn 1.9,
 * KNeighborsClassifier(k).score, which leaves open who is first at equal distances. */
double gr_knn_accuracy(const gr_tensor *train, const gr_tensor *train_labels, const gr_tensor *test,
                       const gr_tensor *test_labels, int k);

/* The share of rows that have a row of their label among their k nearest, themselves left out; k is
 * 1 to N - 1. A row whose label no other has is never found. Song, Xiang, Jegelka and Savarese,
 * "Deep metric learning via lifted structured feature embedding", CVPR 2016, section 5. */
double gr_recall_at_k(const gr_tensor *embeddings, const gr_tensor *labels, int k);

#endif
