/* Losses for generative models: variational autoencoders and adversarial networks; and the distance
 * between two samples. Losses on feature maps: perceptual.h.
 */
#ifndef GR_GENERATIVE_H
#define GR_GENERATIVE_H

#include "losses/loss.h"

/* -- Variational autoencoders -- */

typedef struct gr_gaussian_kl_args {
    gr_tensor *mu, *logvar;
    gr_tensor *prior_mu, *prior_logvar; /* each broadcasts to mu; NULL: 0 */
    gr_reduction reduction;
} gr_gaussian_kl_args;
/* gr_gaussian_kl(mu, logvar, .prior_mu, .prior_logvar): the Kullback-Leibler divergence of
 * N(mu, diag e^logvar) from N(prior_mu, diag e^prior_logvar), which is N(0, I) where no prior is
 * given:
 *
 *     1/2 sum over the latent of  e^(lv - plv) - 1 - (lv - plv) + (mu - pmu)^2 e^-plv
 *
 * mu and logvar have one shape, (N,D) or (N,D,..): the sum over all but the first dimension gives
 * (N), which is reduced. Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014, appendix
 * B. */
#define gr_gaussian_kl(...) gr_gaussian_kl_((gr_gaussian_kl_args){.mu = __VA_ARGS__})
gr_tensor *gr_gaussian_kl_(gr_gaussian_kl_args args);

typedef enum gr_likelihood { GR_BERNOULLI, GR_GAUSSIAN } gr_likelihood;

typedef struct gr_elbo_args {
    gr_tensor *recon, *x, *mu, *logvar;
    gr_reduction reduction;
    double beta; /* at least 0 */
    gr_likelihood likelihood;
} gr_elbo_args;
/* gr_elbo(recon, x, mu, logvar, .beta = 1, .likelihood = GR_BERNOULLI): the negative evidence lower
 * bound, to be minimised: reconstruction + beta gr_gaussian_kl(mu, logvar). recon and x have one
 * shape (N,..); the reconstruction is summed over all but the first dimension, so that each sample
 * has one number, (N), which is reduced. It is
 *
 *     GR_BERNOULLI  -x max(log recon, -100) - (1 - x) max(log(1 - recon), -100)
 *     GR_GAUSSIAN   (recon - x)^2 / 2, unit variance, without the constant log(2 pi) / 2
 *
 * Bernoulli's recon is a probability (outside 0 to 1 is an error), the output of a sigmoid, as in
 * PyTorch's example of a variational autoencoder; the gradient is 0 where a logarithm is cut off.
 * beta > 1 is Higgins et al., "beta-VAE", ICLR 2017. */
#define gr_elbo(...) gr_elbo_((gr_elbo_args){.beta = 1, .recon = __VA_ARGS__})
gr_tensor *gr_elbo_(gr_elbo_args args);

/* -- Adversarial networks -- */

/* Losses of a critic's (discriminator's) outputs, one number a sample or a patch, not passed
 * through a sigmoid: r on real samples, f on fake ones.
 *
 *                        discriminator                              generator
 *     MINIMAX            mean softplus(-r) + mean softplus(f)       -mean softplus(f)
 *     NONSATURATING      the same                                   mean softplus(-f)
 *     HINGE              mean max(0, 1 - r) + mean max(0, 1 + f)    -mean f
 *     LSGAN              mean (r - 1)^2 / 2 + mean f^2 / 2          mean (f - 1)^2 / 2
 *     WASSERSTEIN        mean f - mean r                            -mean f
 *
 * With D = s(r) minimax is Goodfellow's -log D(real) - log(1 - D(fake)), and log(1 - D(fake)) for
 * the generator, which has next to no gradient while the critic is sure; nonsaturating is his -log
 * D(fake). All are minimised. Goodfellow et al., NIPS 2014; Lim and Ye, "Geometric GAN", 2017
 * (hinge); Mao et al., ICCV 2017 (lsgan, with targets 1, 0 and 1); Arjovsky, Chintala and Bottou,
 * ICML 2017 (wasserstein; its critic needs gr_gradient_penalty, gr_clip_weights or
 * gr_spectral_norm). */
typedef enum gr_gan_variant {
    GR_GAN_MINIMAX,
    GR_GAN_NONSATURATING,
    GR_GAN_HINGE,
    GR_GAN_LSGAN,
    GR_GAN_WASSERSTEIN
} gr_gan_variant;

typedef struct gr_gan_discriminator_args {
    gr_tensor *real, *fake;
    gr_reduction reduction;
    gr_gan_variant variant;
} gr_gan_discriminator_args;
/* gr_gan_discriminator(real, fake, .variant = GR_GAN_MINIMAX): any shapes; each part is reduced on
 * its own. GR_NONE gives the sums of the parts element by element, and needs equal shapes. */
#define gr_gan_discriminator(...)                                                                  \
    gr_gan_discriminator_((gr_gan_discriminator_args){.real = __VA_ARGS__})
gr_tensor *gr_gan_discriminator_(gr_gan_discriminator_args args);

typedef struct gr_gan_generator_args {
    gr_tensor *fake;
    gr_reduction reduction;
    gr_gan_variant variant;
} gr_gan_generator_args;
/* gr_gan_generator(fake, .variant = GR_GAN_MINIMAX) */
#define gr_gan_generator(...) gr_gan_generator_((gr_gan_generator_args){.fake = __VA_ARGS__})
gr_tensor *gr_gan_generator_(gr_gan_generator_args args);

/* A function from samples (N,..) to the critic's outputs, row by row. */
typedef gr_tensor *gr_critic(void *context, gr_tensor *x);

typedef struct gr_gradient_penalty_args {
    gr_critic *critic;
    void *context;
    gr_tensor *real, *fake;
    gr_reduction reduction;
    double lambda, target; /* both at least 0 */
} gr_gradient_penalty_args;
/* gr_gradient_penalty(critic, context, real, fake, .lambda = 10, .target = 1): the mean over n of
 * lambda (||d critic(x_n) / d x_n|| - target)^2 at x = (1 - u) real + u fake, with one u from
 * U(0,1) for each sample, drawn from the graph's random numbers. real and fake have one shape
 * (N,..); the norm is Euclidean, over all but the first dimension, and where it is 0 its gradient
 * is 0. A network as critic:
 *
 *     gr_gradient_penalty(gr_module_function, net, real, fake)
 *
 * The penalty is differentiable with respect to the critic's parameters, and to real and fake.
 * Between gr_no_grad_begin and gr_no_grad_end it has the same value, without gradient. Gulrajani et
 * al., "Improved training of Wasserstein GANs", NIPS 2017, eq. 3. */
#define gr_gradient_penalty(...)                                                                   \
    gr_gradient_penalty_(                                                                          \
        (gr_gradient_penalty_args){.lambda = 10, .target = 1, .critic = __VA_ARGS__})
gr_tensor *gr_gradient_penalty_(gr_gradient_penalty_args args);

typedef struct gr_gradient_penalty_of_args {
    gr_tensor *grad;
    gr_reduction reduction;
    double lambda, target;
} gr_gradient_penalty_of_args;
/* gr_gradient_penalty_of(grad, .lambda = 10, .target = 1): the same of input gradients (N,..) that
 * the caller took, at points of the caller's choice: lambda (||grad_n|| - target)^2. The registry's
 * entry gradient_penalty, since a critic is no tensor. */
#define gr_gradient_penalty_of(...)                                                                \
    gr_gradient_penalty_of_(                                                                       \
        (gr_gradient_penalty_of_args){.lambda = 10, .target = 1, .grad = __VA_ARGS__})
gr_tensor *gr_gradient_penalty_of_(gr_gradient_penalty_of_args args);

/* -- Distance between samples -- */

typedef struct gr_wasserstein_1d_args {
    gr_tensor *x, *y;
    gr_reduction reduction;
} gr_wasserstein_1d_args;
/* gr_wasserstein_1d(x, y): the earth mover's distance between two samples of numbers, x (n) and y
 * (m): the integral over q from 0 to 1 of the distance between their q-quantiles, which is the mean
 * of |sort(x)_i - sort(y)_i| if n = m. Leading dimensions, x (..,n) and y (..,m), are as many pairs
 * of samples; their distances are reduced. Gradient 0 where quantiles are equal. Villani, "Topics
 * in Optimal Transportation", 2003, remark 2.19. */
#define gr_wasserstein_1d(...) gr_wasserstein_1d_((gr_wasserstein_1d_args){.x = __VA_ARGS__})
gr_tensor *gr_wasserstein_1d_(gr_wasserstein_1d_args args);

#endif
