/* Spectral normalisation: a weight divided by its largest singular value, so that the layer
 * stretches no vector. Miyato, Kataoka, Koyama and Yoshida, "Spectral normalization for generative
 * adversarial networks", ICLR 2018. */
#ifndef GR_SPECTRAL_NORM_H
#define GR_SPECTRAL_NORM_H

#include "nn/init.h"
#include "nn/module.h"

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

typedef struct gr_spectral_linear_args {
    gr_graph *graph;
    int in, out;
    bool bias;
    gr_init init;
    int iterations;
} gr_spectral_linear_args;
/* gr_spectral_linear(g, in, out, .bias = true, .init = GR_INIT_DEFAULT, .iterations = 1): gr_linear
 * with a normalised weight. The parameters are "weight_orig", not normalised, and "bias"; the
 * buffers "weight_u" and "weight_v" begin as random vectors after 15 iterations. Each forward makes
 * `iterations` more (at least 1), none while the graph is not recording (gr_no_grad_begin). */
#define gr_spectral_linear(...)                                                                    \
    gr_spectral_linear_(                                                                           \
        (gr_spectral_linear_args){.bias = true, .iterations = 1, .graph = __VA_ARGS__})
gr_module *gr_spectral_linear_(gr_spectral_linear_args args);

#endif
