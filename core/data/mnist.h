/* Data sets in MNIST's layout: small grey pictures in ten classes, in four IDX files.
 *
 *     gr_mnist *data = gr_fashion_mnist_read(g, NULL);
 *     gr_batches *train = gr_batches_new(data->train_x, data->train_y, .shuffle = true);
 *
 * A directory holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
 * t10k-labels-idx1-ubyte, each of them with or without .gz behind its name.
 *
 * Fashion-MNIST: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for
 * Benchmarking Machine Learning Algorithms, 2017, https://arxiv.org/abs/1708.07747.
 */
#ifndef GR_MNIST_H
#define GR_MNIST_H

#include "core/graph/graph.h"

enum { GR_MNIST_CLASSES = 10 };

typedef struct gr_mnist {
    gr_tensor *train_x, *test_x; /* (N,1,H,W) in [0,1], the byte divided by 255 */
    gr_tensor *train_y, *test_y; /* (N), integers 0 to 9 */
} gr_mnist;

/* Reads the four files of a directory; what is read lasts as long as the graph. NULL and an error
 * that names the file if one is missing or damaged (gr_idx_read), if there are not as many labels
 * as pictures, a label is not 0 to 9, or the pictures of both parts differ in size.
 *
 * MNIST and Fashion-MNIST have 60000 pictures to train on and 10000 to test, of 28 x 28; other
 * numbers are fine. */
gr_mnist *gr_mnist_read(gr_graph *g, const char *directory);

/* The same for Fashion-MNIST, where NULL stands for the directory of Debian's package
 * dataset-fashion-mnist. The error of a missing file says where to get it. */
#define GR_FASHION_MNIST_DIRECTORY "/usr/share/datasets/fashion-mnist"
gr_mnist *gr_fashion_mnist_read(gr_graph *g, const char *directory);

/* "T-shirt/top", "Trouser", ...: what Fashion-MNIST's labels mean. */
extern const char *const gr_fashion_mnist_classes[GR_MNIST_CLASSES];

#endif
