#include "losses/generative.h"

#include "core/graph/autodiff.h"
#include "core/graph/graph_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/pointwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/classification.h"
#include "losses/loss_internal.h"

#include <math.h>

/* The rows, in this order. */
enum { GAUSSIAN_KL, ELBO, GAN_DISCRIMINATOR, GAN_GENERATOR, GRADIENT_PENALTY, WASSERSTEIN_1D };

static const gr_loss_info *row(int i) { return &gr_generative_losses[i]; }

/* (N,..) as (N,K) */
static gr_tensor *samples(gr_tensor *x) {
    return x == NULL ? NULL : gr_reshape(x, GR_SHAPE(x->shape.dim[0], -1));
}

/* Sums over all but the first dimension. */
static gr_tensor *sum_samples(gr_tensor *x) { return gr_sum(samples(x), .axes = GR_AXES(1)); }

/* -- Variational autoencoders -- */

static bool check_latent(int loss, const gr_tensor *mu, const gr_tensor *logvar) {
    if (!gr_loss_check_same_shape(row(loss), mu, "mu", logvar, "logvar")) return false;
    if (mu->shape.ndim >= 2) return true;
    return gr_fail(mu->graph, "gr_%s: %s, expected (N,D)", row(loss)->name,
                   gr_describe(mu, "mu").text);
}

static bool check_prior(const gr_tensor *prior, const char *name, const gr_tensor *mu) {
    const gr_loss_info *r = row(GAUSSIAN_KL);
    return prior == NULL || (gr_loss_check_optional(r, prior, name) &&
                             gr_loss_check_broadcasts_to(r, prior, name, mu, "mu"));
}

/* The divergence of each sample, (N). */
static gr_tensor *divergence(gr_tensor *mu, gr_tensor *logvar, gr_tensor *prior_mu,
                             gr_tensor *prior_logvar) {
    gr_tensor *d = mu, *v = logvar;
    if (prior_mu != NULL) d = gr_sub(d, prior_mu);
    if (prior_logvar != NULL) {
        v = gr_sub(v, prior_logvar);
        d = gr_mul(d, gr_exp(gr_scale(prior_logvar, -0.5)));
    }
    gr_tensor *elements = gr_add(gr_sub(gr_expm1(v), v), gr_square(d));
    return gr_scale(sum_samples(elements), 0.5);
}

gr_tensor *gr_gaussian_kl_(gr_gaussian_kl_args a) {
    if (gr_loss_check(row(GAUSSIAN_KL), GR_LIST(a.mu, a.logvar)) == NULL ||
        !check_latent(GAUSSIAN_KL, a.mu, a.logvar) || !check_prior(a.prior_mu, "prior_mu", a.mu) ||
        !check_prior(a.prior_logvar, "prior_logvar", a.mu))
        return NULL;
    gr_tensor *kl = divergence(a.mu, a.logvar, a.prior_mu, a.prior_logvar);
    return gr_loss_reduce(row(GAUSSIAN_KL), kl, NULL, a.reduction);
}

/* Of a Bernoulli likelihood's sum over all elements, which takes one pass; 0 if each sample's is
 * wanted, or the likelihood is another. */
static double factor_of_sum(const gr_elbo_args *a) {
    if (a->likelihood != GR_BERNOULLI) return 0;
    if (a->reduction == GR_SUM) return 1;
    return a->reduction == GR_MEAN ? 1.0 / a->mu->shape.dim[0] : 0;
}

static bool check_elbo(const gr_elbo_args *a) {
    gr_graph *g = gr_loss_check(row(ELBO), GR_LIST(a->recon, a->x, a->mu, a->logvar));
    if (g == NULL || !gr_loss_check_same_shape(row(ELBO), a->recon, "recon", a->x, "x") ||
        !check_latent(ELBO, a->mu, a->logvar) ||
        !gr_loss_check_parameter(g, row(ELBO), "beta", a->beta))
        return false;
    if (a->recon->shape.ndim == 0 || a->recon->shape.dim[0] != a->mu->shape.dim[0])
        return gr_loss_shape_error(row(ELBO), a->recon, "recon", a->mu, "mu",
                                   "expected the same number of samples");
    if (a->likelihood == GR_GAUSSIAN) return true;
    if (a->likelihood == GR_BERNOULLI)
        return gr_loss_check_before(gr_loss_check_fractions, row(ELBO), a->recon, "recon",
                                    factor_of_sum(a));
    return gr_fail(g, "gr_elbo: likelihood is %d, expected GR_BERNOULLI or GR_GAUSSIAN",
                   (int)a->likelihood);
}

/* Halved before the product, which overflows no sooner than the loss. */
static gr_tensor *half_square(gr_tensor *x) { return gr_mul(gr_scale(x, 0.5), x); }

gr_tensor *gr_elbo_(gr_elbo_args a) {
    if (!check_elbo(&a)) return NULL;
    gr_tensor *kl = gr_scale(divergence(a.mu, a.logvar, NULL, NULL), a.beta);
    const double factor = factor_of_sum(&a);
    if (factor != 0) {
        gr_tensor *sum = gr_pointwise_bce(a.recon, a.x, factor);
        if (!gr_loss_check_after(gr_loss_check_fractions, row(ELBO), a.recon, "recon", factor, sum))
            return NULL;
        return gr_add(sum, gr_loss_reduce(row(ELBO), kl, NULL, a.reduction));
    }
    gr_tensor *elements = a.likelihood == GR_BERNOULLI ? gr_bce(a.recon, a.x, .reduction = GR_NONE)
                                                       : half_square(gr_sub(a.recon, a.x));
    return gr_loss_reduce(row(ELBO), gr_add(sum_samples(elements), kl), NULL, a.reduction);
}

/* -- Adversarial networks -- */

static gr_tensor *plus_one(gr_tensor *x) { return gr_shift(x, 1); }
static gr_tensor *one_minus(gr_tensor *x) { return gr_shift(gr_neg(x), 1); }

static gr_tensor *critic_on_real(gr_gan_variant variant, gr_tensor *r) {
    switch (variant) {
    case GR_GAN_MINIMAX:
    case GR_GAN_NONSATURATING:
        return gr_softplus(gr_neg(r));
    case GR_GAN_HINGE:
        return gr_relu(one_minus(r));
    case GR_GAN_LSGAN:
        return half_square(one_minus(r));
    case GR_GAN_WASSERSTEIN:
        break;
    }
    return gr_neg(r);
}

static gr_tensor *critic_on_fake(gr_gan_variant variant, gr_tensor *f) {
    switch (variant) {
    case GR_GAN_MINIMAX:
    case GR_GAN_NONSATURATING:
        return gr_softplus(f);
    case GR_GAN_HINGE:
        return gr_relu(plus_one(f));
    case GR_GAN_LSGAN:
        return half_square(f);
    case GR_GAN_WASSERSTEIN:
        break;
    }
    return f;
}

static gr_tensor *generator_on_fake(gr_gan_variant variant, gr_tensor *f) {
    switch (variant) {
    case GR_GAN_MINIMAX:
        return gr_neg(gr_softplus(f));
    case GR_GAN_NONSATURATING:
        return gr_softplus(gr_neg(f));
    case GR_GAN_LSGAN:
        return half_square(one_minus(f));
    case GR_GAN_HINGE:
    case GR_GAN_WASSERSTEIN:
        break;
    }
    return gr_neg(f);
}

static bool check_variant(gr_graph *g, int loss, gr_gan_variant variant) {
    if ((unsigned)variant <= GR_GAN_WASSERSTEIN) return true;
    return gr_fail(g, "gr_%s: variant is %d, expected one of gr_gan_variant", row(loss)->name,
                   (int)variant);
}

gr_tensor *gr_gan_discriminator_(gr_gan_discriminator_args a) {
    const gr_loss_info *r = row(GAN_DISCRIMINATOR);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.real, a.fake));
    if (g == NULL || !check_variant(g, GAN_DISCRIMINATOR, a.variant)) return NULL;
    if (a.reduction == GR_NONE && !gr_loss_check_same_shape(r, a.real, "real", a.fake, "fake"))
        return NULL;
    gr_tensor *real = gr_loss_reduce(r, critic_on_real(a.variant, a.real), NULL, a.reduction);
    gr_tensor *fake = gr_loss_reduce(r, critic_on_fake(a.variant, a.fake), NULL, a.reduction);
    return gr_add(real, fake);
}

gr_tensor *gr_gan_generator_(gr_gan_generator_args a) {
    const gr_loss_info *r = row(GAN_GENERATOR);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.fake));
    if (g == NULL || !check_variant(g, GAN_GENERATOR, a.variant)) return NULL;
    return gr_loss_reduce(r, generator_on_fake(a.variant, a.fake), NULL, a.reduction);
}

/* Points between real and fake, one u for each sample. Weights, not a difference: that of two large
 * numbers may overflow. */
static gr_tensor *points_between(gr_tensor *real, gr_tensor *fake) {
    gr_shape one_each = real->shape;
    for (int i = 1; i < one_each.ndim; i++) one_each.dim[i] = 1;
    gr_tensor *u = gr_uniform(real->graph, one_each, 0, 1);
    gr_tensor *x = gr_add(gr_mul(one_minus(u), real), gr_mul(u, fake));
    return x == NULL || x->requires_grad ? x : gr_requires_grad(x);
}

/* The critic's gradient to its input, itself recorded only if the graph was recording. The critic
 * always is, or there would be nothing to differentiate. */
static gr_tensor *input_gradient(const gr_gradient_penalty_args *a) {
    gr_graph *g = a->real->graph;
    int no_grad = g->no_grad;
    g->no_grad = 0;
    gr_tensor *x = points_between(a->real, a->fake), *grad = NULL;
    gr_tensor *y = x == NULL ? NULL : a->critic(a->context, x);
    if (y != NULL) grad = gr_grad(y, x, .create_graph = no_grad == 0);
    g->no_grad = no_grad;
    return grad;
}

static bool check_penalty(gr_graph *g, double lambda, double target) {
    const gr_loss_info *r = row(GRADIENT_PENALTY);
    return gr_loss_check_parameter(g, r, "lambda", lambda) &&
           gr_loss_check_parameter(g, r, "target", target);
}

gr_tensor *gr_gradient_penalty_(gr_gradient_penalty_args a) {
    gr_graph *g = a.real != NULL ? a.real->graph : a.fake != NULL ? a.fake->graph : NULL;
    if (a.real == NULL || a.fake == NULL || a.critic == NULL)
        return gr_fail(g, "gr_gradient_penalty: %s is NULL",
                       a.real == NULL   ? "real"
                       : a.fake == NULL ? "fake"
                                        : "critic");
    if (a.real->kind != GR_REAL || a.fake->kind != GR_REAL || a.real->size == 0 ||
        a.real->shape.ndim == 0 || !gr_shape_equal(a.real->shape, a.fake->shape))
        return gr_loss_shape_error(row(GRADIENT_PENALTY), a.real, "real", a.fake, "fake",
                                   "expected real numbers of one shape (N,..), not empty");
    if (!check_penalty(g, a.lambda, a.target)) return NULL;
    gr_tensor *grad = input_gradient(&a);
    if (grad == NULL) return NULL;
    return gr_gradient_penalty_of(grad, .reduction = a.reduction, .lambda = a.lambda,
                                  .target = a.target);
}

gr_tensor *gr_gradient_penalty_of_(gr_gradient_penalty_of_args a) {
    const gr_loss_info *r = row(GRADIENT_PENALTY);
    gr_graph *g = gr_loss_check(r, GR_LIST(a.grad));
    if (g == NULL || !check_penalty(g, a.lambda, a.target)) return NULL;
    if (a.grad->shape.ndim == 0)
        return gr_fail(g, "gr_gradient_penalty: %s, expected (N,..)",
                       gr_describe(a.grad, "grad").text);
    gr_tensor *norm = gr_norm(samples(a.grad), .axes = GR_AXES(1));
    gr_tensor *penalty = gr_scale(gr_square(gr_shift(norm, -a.target)), a.lambda);
    return gr_loss_reduce(r, penalty, NULL, a.reduction);
}

/* -- Distance between samples -- */

static int common_divisor(int a, int b) {
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The pieces of 0 to 1 within which both quantile functions, of n and of m sorted numbers, are
 * constant: which of x, which of y, and how long. */
typedef struct pieces {
    gr_tensor *x, *y, *length; /* (K) each, K = n + m - gcd(n, m) */
} pieces;

static pieces common_pieces(gr_graph *g, int n, int m) {
    int count = n + m - common_divisor(n, m), k = 0;
    pieces p = {gr_tensor_new(g, "gr_wasserstein_1d", GR_INDEX, GR_SHAPE(count), false),
                gr_tensor_new(g, "gr_wasserstein_1d", GR_INDEX, GR_SHAPE(count), false),
                gr_zeros(g, GR_SHAPE(count))};
    if (p.x == NULL || p.y == NULL || p.length == NULL) return p;
    const double whole = (double)n * m; /* positions are counted in units of 1 / (n m) */
    int64_t at = 0;
    for (int i = 0, j = 0; i < n && j < m; k++) {
        int64_t end_x = (int64_t)(i + 1) * m, end_y = (int64_t)(j + 1) * n;
        int64_t end = end_x < end_y ? end_x : end_y;
        p.x->index[k] = i;
        p.y->index[k] = j;
        p.length->data[k] = (gr_real)((double)(end - at) / whole);
        at = end;
        i += end == end_x;
        j += end == end_y;
    }
    return p;
}

static bool check_samples(const gr_tensor *x, const gr_tensor *y) {
    int last = x->shape.ndim - 1;
    bool fit = last >= 0 && y->shape.ndim == x->shape.ndim;
    for (int i = 0; fit && i < last; i++) fit = x->shape.dim[i] == y->shape.dim[i];
    return fit || gr_loss_shape_error(row(WASSERSTEIN_1D), x, "x", y, "y",
                                      "expected (n) and (m), or the same dimensions before these");
}

gr_tensor *gr_wasserstein_1d_(gr_wasserstein_1d_args a) {
    gr_graph *g = gr_loss_check(row(WASSERSTEIN_1D), GR_LIST(a.x, a.y));
    if (g == NULL || !check_samples(a.x, a.y)) return NULL;
    int last = a.x->shape.ndim - 1, n = a.x->shape.dim[last], m = a.y->shape.dim[last];
    gr_tensor *x = gr_sort(a.x), *y = gr_sort(a.y), *distance;
    if (n == m) {
        distance = gr_mean(gr_abs(gr_sub(x, y)), .axes = GR_AXES(-1));
    } else {
        pieces p = common_pieces(g, n, m);
        if (p.length == NULL) return NULL;
        gr_tensor *d = gr_sub(gr_index_select(x, last, p.x), gr_index_select(y, last, p.y));
        distance = gr_sum(gr_mul(gr_abs(d), p.length), .axes = GR_AXES(-1));
    }
    return gr_loss_reduce(row(WASSERSTEIN_1D), distance, NULL, a.reduction);
}

/* -- The registry's rows -- */

static gr_tensor *gaussian_kl(const gr_loss_call *c) {
    return gr_gaussian_kl(c->operand[0], c->operand[1], .prior_mu = c->operand[2],
                          .prior_logvar = c->operand[3], .reduction = c->reduction);
}
static gr_tensor *elbo(const gr_loss_call *c) {
    return gr_elbo(c->operand[0], c->operand[1], c->operand[2], c->operand[3],
                   .reduction = c->reduction, .beta = c->parameter[0],
                   .likelihood = (gr_likelihood)c->parameter[1]);
}
static gr_tensor *gan_discriminator(const gr_loss_call *c) {
    return gr_gan_discriminator(c->operand[0], c->operand[1], .reduction = c->reduction,
                                .variant = (gr_gan_variant)c->parameter[0]);
}
static gr_tensor *gan_generator(const gr_loss_call *c) {
    return gr_gan_generator(c->operand[0], .reduction = c->reduction,
                            .variant = (gr_gan_variant)c->parameter[0]);
}
static gr_tensor *gradient_penalty(const gr_loss_call *c) {
    return gr_gradient_penalty_of(c->operand[0], .reduction = c->reduction,
                                  .lambda = c->parameter[0], .target = c->parameter[1]);
}
static gr_tensor *wasserstein_1d(const gr_loss_call *c) {
    return gr_wasserstein_1d(c->operand[0], c->operand[1], .reduction = c->reduction);
}

#define LATENT                                                                                     \
    {.name = "mu", .shape = "(N,D)", .about = "means"}, {                                          \
        .name = "logvar", .shape = "(N,D)", .about = "logarithms of variances"                     \
    }
#define VARIANT                                                                                    \
    {                                                                                              \
        .name = "variant", .kind = GR_CHOICE, .high = 4,                                           \
        .choices = "minimax nonsaturating hinge lsgan wasserstein",                                \
        .about = "which game the two networks play"                                                \
    }
#define COMMON .family = "generative", .reductions = "mean sum none"

const gr_loss_info gr_generative_losses[] = {
    {.name = "gaussian_kl",
     .purpose = "keeping a latent distribution near its prior",
     .formula =
         "1/2 sum(e^v - 1 - v + (mu - prior_mu)^2 e^-prior_logvar); v = logvar - prior_logvar",
     .operands = {LATENT,
                  {.name = "prior_mu",
                   .shape = "any that broadcasts to (N,D)",
                   .optional = true,
                   .about = "means of the other Gaussian, 0 if not given"},
                  {.name = "prior_logvar",
                   .shape = "any that broadcasts to (N,D)",
                   .optional = true,
                   .about = "its logarithms of variances, 0 if not given"}},
     .use = "an encoder gives mean and variance of a Gaussian: variational autoencoders",
     .avoid = "the distributions are not Gaussian, or their dimensions depend on each other",
     .convex = "mu",
     .differentiable = "mu",
     .low = 0,
     .high = INFINITY,
     .source = "Kingma and Welling, ICLR 2014",
     .apply = gaussian_kl,
     COMMON},
    {.name = "elbo",
     .purpose = "training variational autoencoders: the negative evidence lower bound",
     .formula =
         "reconstruction + beta gaussian_kl; bernoulli: binary cross-entropy summed, gaussian: "
         "sum((recon - x)^2) / 2",
     .operands = {{.name = "recon",
                   .shape = "(N,..)",
                   .domain = GR_UNIT_INTERVAL,
                   .about = "a probability for bernoulli, any number for gaussian"},
                  {.name = "x", .shape = "(N,..)", .domain = GR_UNIT_INTERVAL, .about = "the data"},
                  LATENT},
     .parameters = {{"beta", GR_NUMBER, 1, 0, INFINITY, false, true, NULL,
                     "weight of the divergence"},
                    {.name = "likelihood",
                     .kind = GR_CHOICE,
                     .high = 1,
                     .choices = "bernoulli gaussian",
                     .about = "of the data given the latent"}},
     .use = "a decoder reconstructs from a sample of the latent",
     .avoid = "sharp pictures matter more than a model of the density",
     .convex = "recon",
     .differentiable = "recon",
     .low = 0,
     .high = INFINITY,
     .source = "Kingma and Welling, ICLR 2014; beta: Higgins et al., ICLR 2017",
     .apply = elbo,
     COMMON},
    {.name = "gan_discriminator",
     .purpose = "training the critic of an adversarial network",
     .formula = "minimax: mean softplus(-real) + mean softplus(fake)",
     .operands = {{.name = "real", .shape = "any", .about = "the critic's outputs on real samples"},
                  {.name = "fake", .shape = "any", .about = "and on generated ones"}},
     .parameters = {VARIANT},
     .use = "two networks play against each other; with gan_generator of the same variant",
     .avoid = "the outputs have passed a sigmoid already",
     .convex = "real",
     .differentiable = "real",
     .robust = "real",
     .low = -INFINITY,
     .high = INFINITY,
     .source =
         "Goodfellow et al., NIPS 2014; Lim and Ye 2017; Mao et al., ICCV 2017; Arjovsky et al., "
         "ICML 2017",
     .apply = gan_discriminator,
     COMMON},
    {.name = "gan_generator",
     .purpose = "training the generator of an adversarial network",
     .formula = "minimax: -mean softplus(fake); nonsaturating: mean softplus(-fake)",
     .operands = {{.name = "fake",
                   .shape = "any",
                   .about = "the critic's outputs on generated samples"},
                  {.name = "real",
                   .shape = "any",
                   .optional = true,
                   .about = "ignored, so that both losses can be called alike"}},
     .parameters = {VARIANT},
     .use = "with gan_discriminator of the same variant",
     .avoid = "minimax: its gradient vanishes while the critic is sure; take nonsaturating",
     .differentiable = "fake",
     .robust = "fake",
     .low = -INFINITY,
     .high = INFINITY,
     .source =
         "Goodfellow et al., NIPS 2014; Lim and Ye 2017; Mao et al., ICCV 2017; Arjovsky et al., "
         "ICML 2017",
     .apply = gan_generator,
     COMMON},
    {.name = "gradient_penalty",
     .purpose = "keeping a critic's slope near 1",
     .formula =
         "lambda (||grad|| - target)^2 for each sample; gr_gradient_penalty takes the gradients "
         "of a critic between real and fake samples",
     .operands = {{.name = "grad",
                   .shape = "(N,..)",
                   .about = "gradients of the critic's outputs to its inputs"}},
     .parameters = {{"lambda", GR_NUMBER, 10, 0, INFINITY, false, true, NULL,
                     "weight of the penalty"},
                    {"target", GR_NUMBER, 1, 0, INFINITY, false, true, NULL,
                     "the norm that costs nothing"}},
     .use = "the critic of a Wasserstein GAN must be 1-Lipschitz",
     .avoid = "second derivatives cost too much: spectral normalisation is cheaper",
     .low = 0,
     .high = INFINITY,
     .source = "Gulrajani et al., NIPS 2017",
     .apply = gradient_penalty,
     COMMON},
    {.name = "wasserstein_1d",
     .purpose = "distance between two samples of numbers",
     .formula =
         "integral of |quantile_x(q) - quantile_y(q)| dq; mean |sort(x) - sort(y)| for equal "
         "sizes",
     .operands = {{.name = "x", .shape = "(..,n)"}, {.name = "y", .shape = "(..,m)"}},
     .use = "the distributions are compared, not the pairs; their supports may not overlap",
     .avoid = "the samples are paired, or have several dimensions",
     .robust = "x",
     .low = 0,
     .high = INFINITY,
     .zero_at_perfect = true,
     .source = "Villani, Topics in Optimal Transportation (2003)",
     .apply = wasserstein_1d,
     COMMON},
    {.name = NULL},
};
