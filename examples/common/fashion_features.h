/* A small classifier of Fashion-MNIST, whose inner features compare pictures by what they show. */
#ifndef EXAMPLES_FASHION_FEATURES_H
#define EXAMPLES_FASHION_FEATURES_H

#include "gradus.h"

enum { FASHION_PIXELS = 28 * 28, FASHION_FEATURES = 32 };

/* 784 - 128 - 32 features - 10 classes. Pictures are rows (N,784) from -1 to 1. */
typedef struct fashion_classifier {
    gr_module *features; /* (N,784) to (N,32), before their ReLU */
    gr_module *head;     /* (N,32) to logits (N,10) */
} fashion_classifier;

/* So many pictures from `first` on, as rows (count,784) from -1 to 1, lasting; NULL and an error if
 * there are not as many, or they have another size. `x` may be of another graph. */
gr_tensor *fashion_rows(gr_graph *g, const gr_tensor *x, int first, int count);

/* Trains one on rows (N,784) and their labels (N), with Adam, a learning rate that falls to 0, and
 * batches of 64. Modules are NULL after an error. */
fashion_classifier fashion_classifier_train(gr_tensor *rows, gr_tensor *labels, int epochs);
/* The same weights in another graph. */
fashion_classifier fashion_classifier_copy(gr_graph *g, const fashion_classifier *from);
/* The share of the rows whose class it tells. */
double fashion_classifier_accuracy(const fashion_classifier *c, gr_tensor *rows,
                                   const gr_tensor *labels);

#endif
