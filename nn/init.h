/* Initial values of weights.
 *
 * A weight has the shape (out, in, k..); with K the product of the k, fan_in = in K and
 * fan_out = out K. Functions write the elements of the weight, a leaf of real numbers, from the
 * graph's random numbers, and return it. A weight of fewer than two dimensions, or an empty one, is
 * an error for those that need a fan; for all but gr_init_constant a number that is not finite is
 * one, and so are a negative deviation and an interval that ends below its beginning.
 */
#ifndef GR_INIT_H
#define GR_INIT_H

#include "core/graph/graph.h"

gr_tensor *gr_init_constant(gr_tensor *weight, double value);
gr_tensor *gr_init_uniform(gr_tensor *weight, double low, double high);
gr_tensor *gr_init_normal(gr_tensor *weight, double mean, double deviation);

/* Keeps the variance of activations and of gradients about equal from layer to layer: variance
 * gain^2 2 / (fan_in + fan_out). Glorot and Bengio, "Understanding the difficulty of training deep
 * feedforward neural networks", AISTATS 2010, eq. 16. */
gr_tensor *gr_init_xavier_uniform(gr_tensor *weight, double gain);
gr_tensor *gr_init_xavier_normal(gr_tensor *weight, double gain);
/* The same behind a leaky ReLU of slope a (0: ReLU): variance 2 / ((1 + a^2) fan_in). He, Zhang,
 * Ren and Sun, "Delving deep into rectifiers", ICCV 2015, eq. 15. */
gr_tensor *gr_init_kaiming_uniform(gr_tensor *weight, double a);
gr_tensor *gr_init_kaiming_normal(gr_tensor *weight, double a);

/* The weight as a matrix (out, in K): its rows, or its columns if these are fewer, are orthogonal
 * to each other and of length gain, uniformly distributed among all such matrices (Haar's measure).
 * Computed in double. Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of
 * learning in deep linear neural networks", ICLR 2014. */
gr_tensor *gr_init_orthogonal(gr_tensor *weight, double gain);

/* What a layer's .init may be. DEFAULT is PyTorch's: kaiming_uniform with a = sqrt(5), which is
 * uniform in +-1/sqrt(fan_in). */
typedef enum gr_init {
    GR_INIT_DEFAULT,
    GR_INIT_KAIMING_UNIFORM,
    GR_INIT_KAIMING_NORMAL,
    GR_INIT_XAVIER_UNIFORM,
    GR_INIT_XAVIER_NORMAL,
    GR_INIT_ZEROS,
    GR_INIT_ORTHOGONAL
} gr_init;
gr_tensor *gr_initialise(gr_tensor *weight, gr_init init);

#endif
