/* Spectral normalisation: a weight divided by its largest singular value, so that the layer
 * stretches no vector. Miyato, Kataoka, Koyama and Yoshida, "Spectral normalization for generative
 * adversarial networks", ICLR 2018. */
#ifndef GR_SPECTRAL_NORM_H
#define GR_SPECTRAL_NORM_H

#include "nn/conv.h"

typedef struct gr_spectral_norm_args {
    gr_tensor *weight, *u, *v;
    int iterations;
    double eps;
} gr_spectral_norm_args;
/* gr_spectral_norm(weight, u, v, .iterations = 1, .eps = 1e-12): W / sigma with sigma = u^T W v, in
 * weight's shape (out,in..), W being its elements as a matrix (out,K). u (out) and v (K) are leaves
 * without gradient (gr_keep) that approximate the singular vectors. First, `iterations` times (0 to
 * leave them as they are, in evaluation),
 *
 *     v = W^T u / max(||W^T u||, eps)     u = W v / max(||W v||, eps)
 *
 * are written into them; the result does not change with later calls. For the gradient, which flows
 * to weight through W and sigma, they are constants. Where sigma = 0 the result is 0, with gradient
 * 0. As torch.nn.utils.spectral_norm. */
#define gr_spectral_norm(...)                                                                      \
    gr_spectral_norm_((gr_spectral_norm_args){.iterations = 1, .eps = 1e-12, .weight = __VA_ARGS__})
gr_tensor *gr_spectral_norm_(gr_spectral_norm_args args);

/* The layers have the parameters "weight_orig", not normalised, and "bias", and the buffers
 * "weight_u" and "weight_v", which begin as random vectors after 15 iterations. Each forward in
 * training (gr_set_training) makes `iterations` more (at least 1), in evaluation none; whether the
 * graph is recording is another matter. */
typedef struct gr_spectral_linear_args {
    gr_graph *graph;
    int in, out;
    bool bias;
    gr_init init;
    int iterations;
} gr_spectral_linear_args;
/* gr_spectral_linear(g, in, out, .bias = true, .init = GR_INIT_DEFAULT, .iterations = 1): gr_linear
 * with a normalised weight. */
#define gr_spectral_linear(...)                                                                    \
    gr_spectral_linear_(                                                                           \
        (gr_spectral_linear_args){.bias = true, .iterations = 1, .graph = __VA_ARGS__})
gr_module *gr_spectral_linear_(gr_spectral_linear_args args);

typedef struct gr_spectral_conv2d_args {
    gr_graph *graph;
    int in, out;
    gr_pair kernel, stride, padding, dilation;
    int groups;
    bool bias;
    gr_init init;
    int iterations;
} gr_spectral_conv2d_args;
/* gr_spectral_conv2d(g, in, out, kernel, .stride = 1, .padding = 0, .dilation = 1, .groups = 1,
 * .bias = true, .init = GR_INIT_DEFAULT, .iterations = 1): gr_conv2d_layer with a weight that is
 * normalised as a matrix (out,in/groups kh kw). */
#define gr_spectral_conv2d(...)                                                                    \
    gr_spectral_conv2d_((gr_spectral_conv2d_args){.stride = 1,                                     \
                                                  .dilation = 1,                                   \
                                                  .groups = 1,                                     \
                                                  .bias = true,                                    \
                                                  .iterations = 1,                                 \
                                                  .graph = __VA_ARGS__})
gr_module *gr_spectral_conv2d_(gr_spectral_conv2d_args args);

#endif
