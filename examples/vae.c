/* What does the KL term of a variational autoencoder do, and which likelihood should it have?
 *
 * One network, 784-256-(20+20) to encode and 20-256-784 to decode, learns the pictures of
 * Fashion-MNIST under
 *
 *   bernoulli beta=0.1, 1, 4         gr_elbo: a pixel is the probability of a white one
 *   gaussian  beta=0.02, 0.1, 1, 4   gr_elbo: a pixel is a mean with noise of variance 1
 *   autoencoder bce, mse             the same network, decoding mu itself: no noise, no KL term
 *
 * and then does three jobs with pictures that it has not seen, or that nobody has:
 *
 *   - it reconstructs held-out pictures from mu (mean squared error of a pixel, in [0,1]);
 *   - it says how likely they are: the evidence lower bound in nats, with beta = 1 whatever the
 *     training had, estimated with one z for each picture;
 *   - it makes new ones, from z ~ N(0,I), and, since a plain autoencoder promises nothing about
 *     that, also from a Gaussian with the mean and the covariance of the codes of the training
 *     pictures. Judged by the distribution of a classifier's features (sample_distance.h).
 *
 * The two likelihoods' ELBOs can't be compared with each other. Gaussian's is a density (without
 * its constant, 784/2 log 2 pi); Bernoulli's is a probability of black-or-white pixels, extended to
 * grey ones, for which it does not even integrate to 1 (Loaiza-Ganem and Cunningham, "The
 * continuous Bernoulli", NeurIPS 2019). Reconstructions, KL and samples can.
 *
 * A Gaussian of variance s has the ELBO -(|x - recon|^2 / (2 s) + KL) and constants, so that its
 * beta and its variance are one knob: training with variance 1 and beta has the same minimum as
 * with variance beta and weight 1. Pixels are in [0,1], where variance 1 is more noise than there
 * is signal; beta=0.02 stands for a variance near the error that such networks end up with, which
 * is the most likely one (Rybkin et al., "Simple and effective VAE training with calibrated
 * decoders", ICML 2021).
 *
 * All get the same pictures, number of steps, batches and rate of Adam, which falls to 0: 4e-3, of
 * 1e-3, 2e-3 and 4e-3 the best for each of three methods tried (bernoulli beta=1, gaussian
 * beta=0.1, autoencoder mse), on pictures of the training set that nothing else uses. A seed
 * decides the network's beginning, the batches and the noise.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/experiment_report.h"
#include "examples/common/interrupt.h"
#include "examples/common/loss_option.h"
#include "examples/common/picture_rows.h"
#include "examples/common/plot.h"
#include "examples/common/sample_distance.h"
#include "gradus.h"

static const char PROGRAM[] = "vae";
static const char ALL_LOSSES[] =
    "elbo:likelihood=bernoulli:beta=0.1,elbo:likelihood=bernoulli:beta=1,"
    "elbo:likelihood=bernoulli:beta=4,elbo:likelihood=gaussian:beta=0.02,"
    "elbo:likelihood=gaussian:beta=0.1,elbo:likelihood=gaussian:beta=1,"
    "elbo:likelihood=gaussian:beta=4,bce,mse";
static const char *const likelihood_names[] = {"bernoulli", "gaussian"};

enum {
    SIDE = 28,
    PIXELS = SIDE * SIDE,
    HIDDEN = 256,
    LATENT = 20,
    TEST = 2000,
    MOST_LOSSES = 16,
    JUDGE_EPOCHS = 3
};
enum { COLUMNS = 10 };             /* of the pictures */
static const double ACTIVE = 0.01; /* nats, above which a dimension counts as used */

enum { ERROR, ELBO, RECONSTRUCTION, KL, DIMENSIONS, SAMPLES, FITTED, MEASURES };
static const experiment_measure measures[MEASURES] = {
    [ERROR] = {.title = "recon MSE", .key = "reconstruction_mse", .decimals = 4},
    [ELBO] = {.title = "ELBO", .key = "elbo", .decimals = 1, .maximize = true},
    [RECONSTRUCTION] = {.title = "recon nats", .key = "reconstruction_nats", .decimals = 1},
    [KL] = {.title = "KL nats", .key = "kl", .decimals = 1},
    [DIMENSIONS] = {.title = "dims used",
                    .key = "active_dimensions",
                    .decimals = 1,
                    .maximize = true},
    [SAMPLES] = {.title = "samples", .key = "sample_distance", .decimals = 3},
    [FITTED] = {.title = "fitted", .key = "sample_distance_fitted", .decimals = 3}};

static experiment_settings settings = {.loss = "all",
                                       .out = "build/vae-out",
                                       .data = GR_FASHION_MNIST_DIRECTORY,
                                       .seeds = 5,
                                       .epochs = 12,
                                       .batch = 100,
                                       .seed = 1,
                                       .lr = 4e-3};
static int n_pictures = 10000;

static const option_row options[] = {
    EXPERIMENT_OPTIONS(settings, "all, or some of elbo:likelihood=gaussian:beta=0.5,bce,mse",
                       "the directory of Fashion-MNIST",
                       "Adam's learning rate; falls to 0 in a line", 2, 3),
    {"pictures", "N", OPTION_INTEGER, &n_pictures, 100, 50000, 3000, "pictures to train on"},
    {0}};

static loss_choice losses[MOST_LOSSES];
static int n_losses;
static char labels[MOST_LOSSES][48];
static const char *methods[MOST_LOSSES];
static const char *method_losses[MOST_LOSSES];

/* -- The methods -- */

static bool is_elbo(const loss_choice *loss) { return strcmp(loss->info->name, "elbo") == 0; }

static double parameter(const loss_choice *loss, const char *name) {
    return loss->parameter[gr_loss_parameter(loss->info, name)];
}

static double beta_of(const loss_choice *loss) { return parameter(loss, "beta"); }

static gr_likelihood likelihood_of(const loss_choice *loss) {
    return (gr_likelihood)parameter(loss, "likelihood");
}

static void name_methods(void) {
    for (int i = 0; i < n_losses; i++) {
        const loss_choice *loss = &losses[i];
        if (is_elbo(loss))
            snprintf(labels[i], sizeof labels[i], "%s beta=%g",
                     likelihood_names[likelihood_of(loss)], beta_of(loss));
        else
            snprintf(labels[i], sizeof labels[i], "autoencoder %s", loss->info->name);
        methods[i] = labels[i];
        method_losses[i] = loss->info->name;
        for (int k = 0; k < i; k++)
            if (strcmp(labels[i], labels[k]) == 0)
                options_misuse(PROGRAM, "--loss: %s is there twice", labels[i]);
    }
}

/* -- The pictures -- */

typedef struct pictures {
    gr_tensor *train, *test; /* (N,1,28,28) */
    const sample_judge *judge;
    double accuracy;      /* of the judge's classifier on test pictures */
    double real_distance; /* of real pictures from real pictures: the least to be hoped for */
} pictures;

static gr_tensor *part(gr_tensor *x, int begin, int end) {
    return gr_keep(gr_slice(x, 0, begin, end, 1));
}

/* The real pictures that are measured as if they were samples come from the end of the training
 * set, which no network sees. */
static bool read_pictures(gr_graph *g, pictures *p) {
    gr_mnist *data = gr_fashion_mnist_read(g, settings.data);
    if (data == NULL) return false;
    int n = data->train_x->shape.dim[0];
    if (data->train_x->shape.dim[2] != SIDE || data->train_x->shape.dim[3] != SIDE ||
        n < n_pictures + TEST || data->test_x->shape.dim[0] < TEST)
        return gr_fail(g,
                       "%s: expected pictures of 28 x 28, at least %d to train on and %d to "
                       "test",
                       settings.data, n_pictures + TEST, TEST);
    p->train = part(data->train_x, 0, n_pictures);
    p->test = part(data->test_x, 0, TEST);
    gr_tensor *test = fashion_rows(g, data->test_x, 0, TEST);
    fashion_classifier classifier =
        fashion_classifier_train(fashion_rows(g, data->train_x, 0, n_pictures),
                                 part(data->train_y, 0, n_pictures), JUDGE_EPOCHS);
    p->judge = sample_judge_new(classifier, test);
    if (p->judge == NULL) return false;
    p->accuracy = fashion_classifier_accuracy(&classifier, test, part(data->test_y, 0, TEST));
    p->real_distance = sample_distance(p->judge, fashion_rows(g, data->train_x, n - TEST, TEST));
    gr_graph_reset(g);
    return !gr_failed(g);
}

/* As rows of pixels, in the training's own graph. */
static gr_tensor *rows_of(gr_graph *g, const gr_tensor *x) {
    return gr_keep(gr_from(g, GR_SHAPE(x->shape.dim[0], PIXELS), x->data));
}

/* -- The model -- */

static gr_module *make_network(gr_graph *g) {
    gr_module *encoder = gr_sequential(g, gr_linear(g, PIXELS, HIDDEN), gr_relu_layer(g),
                                       gr_linear(g, HIDDEN, 2 * LATENT));
    gr_module *decoder = gr_sequential(g, gr_linear(g, LATENT, HIDDEN), gr_relu_layer(g),
                                       gr_linear(g, HIDDEN, PIXELS), gr_sigmoid_layer(g));
    return gr_container(g, {"encoder", encoder}, {"decoder", decoder});
}

typedef struct code {
    gr_tensor *mu, *logvar; /* (N,20) */
} code;

static code encode(gr_module *net, gr_tensor *x) {
    gr_tensor *both = gr_forward(gr_child(net, "encoder"), x);
    return (code){gr_slice(both, 1, 0, LATENT, 1), gr_slice(both, 1, LATENT, 2 * LATENT, 1)};
}

static gr_tensor *decode(gr_module *net, gr_tensor *z) {
    return gr_forward(gr_child(net, "decoder"), z);
}

/* z ~ N(mu, e^logvar), written so that gradients reach both. */
static gr_tensor *draw_code(code c) {
    if (c.mu == NULL) return NULL;
    gr_tensor *noise = gr_normal(c.mu->graph, c.mu->shape, 0, 1);
    return gr_add(c.mu, gr_mul(gr_exp(gr_scale(c.logvar, 0.5)), noise));
}

/* -- One training -- */

/* A plain loss is a mean over pixels; the ELBO has their sum. */
static gr_tensor *objective(const loss_choice *loss, gr_module *net, gr_tensor *x) {
    code c = encode(net, x);
    if (!is_elbo(loss)) return gr_scale(loss_option_apply(loss, decode(net, c.mu), x), PIXELS);
    return gr_elbo(decode(net, draw_code(c)), x, c.mu, c.logvar, .beta = beta_of(loss),
                   .likelihood = likelihood_of(loss));
}

static bool fit(experiment_run *run, gr_module *net, gr_batches *batches) {
    gr_optimizer *opt = gr_adam(net, .lr = settings.lr);
    const double steps = (double)settings.epochs * gr_batch_count(batches);
    int step = 0;
    for (int epoch = 0; epoch < settings.epochs && !interrupted(); epoch++) {
        gr_tensor *x;
        while (gr_batch_next(batches, &x, NULL) && !interrupted()) {
            gr_scale_lr(opt, 1 - step++ / steps);
            gr_backward(objective(&losses[run->method], net, x));
            gr_step(opt);
            gr_graph_reset(run->graph);
        }
        experiment_progress(run, (epoch + 1.0) / settings.epochs);
    }
    return !gr_failed(run->graph) && !interrupted();
}

static double reconstruction_error(gr_module *net, gr_tensor *x) {
    return gr_item(gr_mse(decode(net, encode(net, x).mu), x));
}

/* The parts of the ELBO, each a mean over the pictures. */
static void judge_likelihood(experiment_run *run, gr_module *net, gr_tensor *x) {
    const loss_choice *loss = &losses[run->method];
    if (!is_elbo(loss)) return;
    code c = encode(net, x);
    gr_tensor *recon = decode(net, draw_code(c));
    double *v = run->values;
    v[ELBO] = -gr_item(gr_elbo(recon, x, c.mu, c.logvar, .likelihood = likelihood_of(loss)));
    v[KL] = gr_item(gr_gaussian_kl(c.mu, c.logvar));
    v[RECONSTRUCTION] = -v[ELBO] - v[KL];

    const gr_shape flat = GR_SHAPE(x->shape.dim[0] * LATENT, 1);
    gr_tensor *each =
        gr_gaussian_kl(gr_reshape(c.mu, flat), gr_reshape(c.logvar, flat), .reduction = GR_NONE);
    each = gr_mean(gr_reshape(each, c.mu == NULL ? GR_SCALAR : c.mu->shape), .axes = GR_AXES(0));
    v[DIMENSIONS] = gr_item(gr_sum(gr_gt(each, gr_scalar(run->graph, ACTIVE))));
    experiment_keep(run, "kl", each);
}

/* -- New pictures -- */

/* The lower triangle L with L L^T = a (n,n), in place. A direction in which nothing varies gets
 * variance 0. */
static void cholesky(gr_real *a, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double rest = j > i ? 0 : a[i * n + j];
            for (int k = 0; k < j && j <= i; k++) rest -= (double)a[i * n + k] * a[j * n + k];
            if (j < i)
                a[i * n + j] = (gr_real)(a[j * n + j] > 0 ? rest / a[j * n + j] : 0);
            else
                a[i * n + j] = (gr_real)(j == i ? sqrt(fmax(rest, 0)) : 0);
        }
}

/* Draws from the Gaussian that has the mean and the covariance of the codes (N,20). */
static gr_tensor *draw_fitted(gr_tensor *codes, int n) {
    if (codes == NULL) return NULL;
    gr_tensor *mean = gr_mean(codes, .axes = GR_AXES(0));
    gr_tensor *centred = gr_sub(codes, mean);
    gr_tensor *covariance = gr_keep(
        gr_scale(gr_matmul(centred, centred, .transpose_a = true), 1.0 / codes->shape.dim[0]));
    if (covariance == NULL) return NULL;
    cholesky(covariance->data, LATENT);
    gr_tensor *normal = gr_normal(codes->graph, GR_SHAPE(n, LATENT), 0, 1);
    return gr_add(gr_matmul(normal, covariance, .transpose_b = true), mean);
}

static gr_tensor *first_few(gr_tensor *x) {
    return gr_reshape(gr_slice(x, 0, 0, COLUMNS, 1), GR_SHAPE(COLUMNS, 1, SIDE, SIDE));
}

/* From the pixels 0 to 1 of the decoder to -1 to 1. */
static gr_tensor *for_judge(gr_tensor *x) { return gr_shift(gr_scale(x, 2), -1); }

static void judge_samples(experiment_run *run, gr_module *net, gr_tensor *train_x,
                          const sample_judge *judge) {
    code c = encode(net, train_x);
    gr_tensor *codes = is_elbo(&losses[run->method]) ? draw_code(c) : c.mu;
    gr_tensor *free_samples = decode(net, gr_normal(run->graph, GR_SHAPE(TEST, LATENT), 0, 1));
    gr_tensor *fitted = decode(net, draw_fitted(codes, TEST));
    run->values[SAMPLES] = sample_distance(judge, for_judge(free_samples));
    run->values[FITTED] = sample_distance(judge, for_judge(fitted));
    experiment_keep(run, "samples", first_few(free_samples));
    experiment_keep(run, "fitted", first_few(fitted));
}

/* On the line between the codes of two held-out pictures, a boot and a pullover. */
static void keep_walk(experiment_run *run, gr_module *net, gr_tensor *x) {
    gr_tensor *mu = encode(net, x).mu;
    gr_tensor *way = gr_reshape(gr_scale(gr_arange(run->graph, COLUMNS), 1.0 / (COLUMNS - 1)),
                                GR_SHAPE(COLUMNS, 1));
    gr_tensor *from = gr_slice(mu, 0, 0, 1, 1), *to = gr_slice(mu, 0, 1, 2, 1);
    gr_tensor *z = gr_add(from, gr_mul(way, gr_sub(to, from)));
    experiment_keep(run, "walk", first_few(decode(net, z)));
}

static void train(experiment_run *run, void *context) {
    const pictures *p = context;
    gr_graph *g = run->graph;
    gr_tensor *train_x = rows_of(g, p->train), *test_x = rows_of(g, p->test);
    gr_module *net = make_network(g);
    gr_batches *batches = gr_batches_new(train_x, .batch = settings.batch, .shuffle = true);
    gr_no_grad_begin(g);
    run->untrained = reconstruction_error(net, test_x);
    gr_no_grad_end(g);
    gr_graph_reset(g);
    if (!fit(run, net, batches)) return;

    gr_no_grad_begin(g);
    run->values[ERROR] = reconstruction_error(net, test_x);
    judge_likelihood(run, net, test_x);
    judge_samples(run, net, train_x, p->judge);
    keep_walk(run, net, test_x);
    experiment_keep(run, "originals", first_few(test_x));
    experiment_keep(run, "reconstructed", first_few(decode(net, encode(net, test_x).mu)));
    gr_no_grad_end(g);
}

/* -- The verdict -- */

/* The methods with the ELBO of a likelihood, by rising beta. */
typedef struct ladder {
    int n, method[MOST_LOSSES];
} ladder;

static int by_beta(const void *a, const void *b) {
    double x = beta_of(&losses[*(const int *)a]), y = beta_of(&losses[*(const int *)b]);
    return (x > y) - (x < y);
}

static ladder ladder_of(gr_likelihood likelihood) {
    ladder l = {0};
    for (int i = 0; i < n_losses; i++)
        if (is_elbo(&losses[i]) && likelihood_of(&losses[i]) == likelihood) l.method[l.n++] = i;
    qsort(l.method, (size_t)l.n, sizeof *l.method, by_beta);
    return l;
}

/* How many of the steps to a larger beta change the measure clearly, in the direction of the sign.
 */
static int clear_steps(const experiment *e, const ladder *l, int measure, int sign) {
    int clear = 0;
    for (int i = 0; i + 1 < l->n; i++) {
        difference d = experiment_difference(e, 0, l->method[i + 1], l->method[i], measure);
        clear += stats_sign(d) == sign;
    }
    return clear;
}

/* "beta weights the KL term of the ELBO." */
static void say_advice(experiment *e) {
    int steps = 0, kl = 0, error = 0, wrong = 0;
    experiment_say(e, "\nWhat a larger beta does:\n");
    for (int likelihood = 0; likelihood < 2; likelihood++) {
        ladder l = ladder_of((gr_likelihood)likelihood);
        for (int i = 0; i < l.n; i++)
            experiment_say(e, "    %-20s KL %6.2f nats in %4.1f dimensions, MSE %.4f\n",
                           methods[l.method[i]], experiment_mean(e, 0, l.method[i], KL),
                           experiment_mean(e, 0, l.method[i], DIMENSIONS),
                           experiment_mean(e, 0, l.method[i], ERROR));
        if (l.n == 0) continue;
        steps += l.n - 1;
        kl += clear_steps(e, &l, KL, -1);
        error += clear_steps(e, &l, ERROR, 1);
        wrong += clear_steps(e, &l, KL, 1);
    }
    experiment_say(e, "\n");
    if (steps == 0) return;
    experiment_verdict(e, "families-d",
                       kl == steps && error == steps ? VERDICT_HELD
                       : kl > 0                      ? VERDICT_PARTLY
                       : wrong > 0                   ? VERDICT_FAILED
                                                     : VERDICT_UNCLEAR,
                       "beta weights the KL term: of %d steps to a larger beta, %d clearly lower "
                       "the KL and %d clearly raise the reconstruction error",
                       steps, kl, error);
}

/* Of these methods, the one with the best mean. */
static int best_of(const experiment *e, const ladder *l, int measure) {
    int best = l->method[0];
    double sign = measures[measure].maximize ? -1 : 1;
    for (int i = 1; i < l->n; i++)
        if (sign * experiment_mean(e, 0, l->method[i], measure) <
            sign * experiment_mean(e, 0, best, measure))
            best = l->method[i];
    return best;
}

static const char *against(int better) {
    return better > 0 ? "clearly better" : better < 0 ? "clearly worse" : "no clear difference";
}

/* The measure that beta = 1 trains is the one by which it should win. */
static void say_elbo(experiment *e) {
    for (int likelihood = 0; likelihood < 2; likelihood++) {
        ladder l = ladder_of((gr_likelihood)likelihood);
        if (l.n < 2) continue;
        int best = best_of(e, &l, ELBO);
        experiment_say(e, "The best held-out ELBO of %s is that of beta=%g, %.1f nats:",
                       likelihood_names[likelihood], beta_of(&losses[best]),
                       experiment_mean(e, 0, best, ELBO));
        for (int i = 0; i < l.n; i++) {
            if (l.method[i] == best) continue;
            difference d = experiment_difference(e, 0, l.method[i], best, ELBO);
            experiment_say(e, "%s beta=%g %+.1f +- %.1f", i > 0 ? "," : "",
                           beta_of(&losses[l.method[i]]), d.mean, d.half_width);
        }
        experiment_say(e, ".\n");
    }
}

static ladder all_elbo(void) {
    ladder l = ladder_of(GR_BERNOULLI), gaussian = ladder_of(GR_GAUSSIAN);
    for (int i = 0; i < gaussian.n; i++) l.method[l.n++] = gaussian.method[i];
    return l;
}

static ladder all_plain(void) {
    ladder l = {0};
    for (int i = 0; i < n_losses; i++)
        if (!is_elbo(&losses[i])) l.method[l.n++] = i;
    return l;
}

static void say_comparison(experiment *e, int a, int b, int measure, const char *what) {
    difference d = experiment_difference(e, 0, a, b, measure);
    experiment_say(e, "    %-33s %s %.4f, %s %.4f: %+.4f +- %.4f, %s\n", what, methods[a],
                   experiment_mean(e, 0, a, measure), methods[b], experiment_mean(e, 0, b, measure),
                   d.mean, d.half_width, against(experiment_better(e, 0, a, b, measure)));
}

static void say_plain(experiment *e) {
    ladder elbo = all_elbo(), plain = all_plain();
    if (elbo.n == 0 || plain.n == 0) return;
    experiment_say(e, "\nThe best with a KL term against the best without:\n");
    say_comparison(e, best_of(e, &elbo, ERROR), best_of(e, &plain, ERROR), ERROR,
                   "reconstruction MSE");
    say_comparison(e, best_of(e, &elbo, SAMPLES), best_of(e, &plain, SAMPLES), SAMPLES,
                   "samples from N(0,I)");
    say_comparison(e, best_of(e, &elbo, FITTED), best_of(e, &plain, FITTED), FITTED,
                   "samples from the fitted Gaussian");
}

/* The error that a seed's networks have at this KL, between two of them on a straight line over log
 * KL; NaN if it is outside of theirs. */
static double error_at(const experiment *e, const ladder *l, int seed, double kl) {
    for (int i = 0; i + 1 < l->n; i++) {
        const double *a = experiment_run_at(e, 0, l->method[i], seed)->values;
        const double *b = experiment_run_at(e, 0, l->method[i + 1], seed)->values;
        if (a[KL] >= kl && kl >= b[KL] && a[KL] > b[KL]) {
            double part = log(a[KL] / kl) / log(a[KL] / b[KL]);
            return a[ERROR] + part * (b[ERROR] - a[ERROR]);
        }
    }
    return NAN;
}

/* Beta shifts both likelihoods along their curves of error against KL: which curve is lower? */
static void say_likelihood(experiment *e) {
    ladder bernoulli = ladder_of(GR_BERNOULLI), gaussian = ladder_of(GR_GAUSSIAN);
    double error[EXPERIMENT_MOST_SEEDS], other[EXPERIMENT_MOST_SEEDS];
    if (bernoulli.n == 0 || gaussian.n < 2) return;
    experiment_say(e, "\nThe likelihoods' reconstruction MSE at the same KL (gaussian between two "
                      "betas):\n");
    for (int i = 0; i < bernoulli.n; i++) {
        for (int seed = 0; seed < e->complete; seed++) {
            const double *v = experiment_run_at(e, 0, bernoulli.method[i], seed)->values;
            error[seed] = v[ERROR];
            other[seed] = error_at(e, &gaussian, seed, v[KL]);
        }
        double mean = stats_mean(other, e->complete);
        experiment_say(e, "    at %5.1f nats %s %.4f, gaussian ",
                       experiment_mean(e, 0, bernoulli.method[i], KL), methods[bernoulli.method[i]],
                       stats_mean(error, e->complete));
        difference d = stats_difference(error, other, e->complete);
        if (isnan(mean))
            experiment_say(e, "has none there\n");
        else
            experiment_say(e, "%.4f: %+.4f +- %.4f, %s\n", mean, d.mean, d.half_width,
                           against(-stats_sign(d)));
    }
}

static void say_choice(experiment *e) {
    int error = experiment_best(e, 0, ERROR), samples = experiment_best(e, 0, SAMPLES);
    int fitted = experiment_best(e, 0, FITTED);
    experiment_say(e,
                   "\nTo reconstruct, take %s (MSE %.4f). To decode z ~ N(0,I), take %s, whose\n"
                   "samples are at %.3f. With a Gaussian fitted to the codes, %s is at %.3f; real\n"
                   "pictures would be at %.3f.\n",
                   methods[error], experiment_mean(e, 0, error, ERROR), methods[samples],
                   experiment_mean(e, 0, samples, SAMPLES), methods[fitted],
                   experiment_mean(e, 0, fitted, FITTED),
                   ((const pictures *)e->context)->real_distance);
    ladder gaussian = ladder_of(GR_GAUSSIAN);
    if (gaussian.n == 0) return;
    experiment_say(e, "Gaussian's beta is its variance: as a density it wants the error of a "
                      "pixel, here");
    for (int i = 0; i < gaussian.n; i++)
        experiment_say(e, "%s%.3f (beta=%g)", i > 0 ? ", " : "\n",
                       experiment_mean(e, 0, gaussian.method[i], ERROR),
                       beta_of(&losses[gaussian.method[i]]));
    experiment_say(e, ".\n");
}

/* -- Pictures -- */

/* What each method made in the first seed, a row for each; `first`, unless NULL, above them. */
static void draw_rows(experiment *e, const char *name, const char *kept, const char *first,
                      const char *caption) {
    gr_graph *g = gr_graph_new(.threads = 1);
    picture_row rows[MOST_LOSSES + 1];
    int n = 0;
    if (first != NULL)
        rows[n++] = (picture_row){first, experiment_kept(e, g, 0, 0, 0, "originals")};
    for (int i = 0; i < n_losses; i++)
        rows[n++] = (picture_row){methods[i], experiment_kept(e, g, 0, i, 0, kept)};
    if (picture_rows(settings.out, name, rows, n)) experiment_picture(e, name, caption);
    gr_graph_free(g);
}

/* The KL of a method's dimensions, the most used first, as the mean over the seeds. */
static void mean_divergences(const experiment *e, int method, double *kl) {
    gr_graph *g = gr_graph_new(.threads = 1);
    for (int seed = 0; seed < e->complete; seed++) {
        gr_tensor *each = experiment_kept(e, g, 0, method, seed, "kl");
        gr_tensor *sorted = each == NULL ? NULL : gr_sort(each, .descending = true);
        for (int i = 0; i < LATENT; i++) kl[i] += gr_at(sorted, i) / e->complete;
    }
    gr_graph_free(g);
}

static int likelihood_style(int method) {
    return likelihood_of(&losses[method]) == GR_BERNOULLI ? 1 : 2;
}

static void begin_divergences(FILE *script, int rows, int columns) {
    if (script == NULL) return;
    fprintf(script,
            "set multiplot layout %d,%d\nset boxwidth 0.8\nset style fill solid\n"
            "unset key\nset logscale y\nset yrange [0.001:20]\nset xrange [0.3:%d.7]\n"
            "set xtics (1,5,10,15,20)\nset ytics (0.001,0.01,0.1,1,10)\n"
            "set ylabel 'KL, nats' offset 1,0\nset xlabel 'dimension, by KL' offset 0,0.6\n"
            "set grid noxtics ytics\nset bmargin 3.3\n",
            rows, columns, LATENT);
}

static void draw_divergence(const experiment *e, int method, int index, FILE *script, FILE *data) {
    double kl[LATENT] = {0};
    if (script == NULL || data == NULL) return;
    mean_divergences(e, method, kl);
    for (int k = 0; k < LATENT; k++) fprintf(data, "%d %g\n", k + 1, kl[k]);
    fprintf(data, "\n\n");
    fprintf(script,
            "set title '%s' offset 0,-0.6\nplot 'divergence.dat' index %d using 1:2 with boxes "
            "linecolor rgb '%s', %g with lines linecolor rgb '#333333' dashtype 3\n",
            methods[method], index, plot_colour(likelihood_style(method)), ACTIVE);
}

/* A row of panels for each likelihood, all with the same axes. */
static void draw_divergences(experiment *e) {
    const ladder each[] = {ladder_of(GR_BERNOULLI), ladder_of(GR_GAUSSIAN)};
    const int columns = each[0].n > each[1].n ? each[0].n : each[1].n;
    const int rows = (each[0].n > 0) + (each[1].n > 0);
    if (rows == 0) return;
    plot *p = plot_begin(settings.out, "divergence", 220 * columns + 20, 190 * rows + 10);
    FILE *script = plot_script(p), *data = plot_data(p, "divergence.dat");
    begin_divergences(script, rows, columns);
    for (int row = 0, index = 0; row < 2; row++) {
        for (int i = 0; i < each[row].n; i++)
            draw_divergence(e, each[row].method[i], index++, script, data);
        for (int i = each[row].n; each[row].n > 0 && i < columns && script != NULL; i++)
            fprintf(script, "set multiplot next\n");
    }
    if (script != NULL) fprintf(script, "unset multiplot\n");
    plot_data_end(p, data);
    if (plot_end(p))
        experiment_picture(e, "divergence",
                           "KL of each latent dimension, the most used first, mean over the "
                           "seeds; the line is where a dimension counts as used");
}

static void write_seeds(const experiment *e, FILE *data, int method) {
    for (int seed = 0; seed < e->complete; seed++) {
        const double *v = experiment_run_at(e, 0, method, seed)->values;
        fprintf(data, "%g %g\n", v[KL], v[ERROR]);
    }
    fprintf(data, "\n\n");
}

/* Bernoulli's betas stand below their points and Gaussian's above, so that they don't meet. */
static void label_exchange(const experiment *e, int method, FILE *script) {
    int style = likelihood_style(method);
    fprintf(script, "set label 'beta=%g' at %g,%g left offset 0.6,%s textcolor rgb '%s'\n",
            beta_of(&losses[method]), experiment_mean(e, 0, method, KL),
            experiment_mean(e, 0, method, ERROR), style == 1 ? "-0.7" : "0.7", plot_colour(style));
}

static void plot_exchange(const experiment *e, FILE *script) {
    const ladder plain = all_plain();
    const int ends[] = {0, ladder_of(GR_BERNOULLI).n, all_elbo().n};
    fprintf(script, "plot ");
    for (int likelihood = 0; likelihood < 2; likelihood++)
        if (ends[likelihood] < ends[likelihood + 1])
            fprintf(script,
                    "'exchange.dat' index %d:%d using 1:2 with points ls %d pointsize 0.8 "
                    "title '%s', ",
                    ends[likelihood], ends[likelihood + 1] - 1, likelihood + 1,
                    likelihood_names[likelihood]);
    for (int i = 0; i < plain.n; i++)
        fprintf(script, "%.6f with lines ls %d dashtype 2 title '%s', ",
                experiment_mean(e, 0, plain.method[i], ERROR), i + 7, methods[plain.method[i]]);
    fprintf(script, "NaN notitle\n");
}

static void draw_exchange(experiment *e) {
    const ladder l = all_elbo();
    if (l.n == 0) return;
    plot *p = plot_begin(settings.out, "exchange", 640, 400);
    FILE *script = plot_script(p), *data = plot_data(p, "exchange.dat");
    if (script != NULL && data != NULL) {
        fprintf(script, "set xlabel 'KL, nats a picture'\n"
                        "set ylabel 'reconstruction MSE of a pixel'\n"
                        "set yrange [0:*]\nset xrange [0:*]\nset key top right\n");
        for (int i = 0; i < l.n; i++) {
            write_seeds(e, data, l.method[i]);
            label_exchange(e, l.method[i], script);
        }
        plot_exchange(e, script);
    }
    plot_data_end(p, data);
    if (plot_end(p))
        experiment_picture(e, "exchange",
                           "what beta exchanges: information kept (KL) against error of the "
                           "reconstruction, each seed");
}

static void draw(experiment *e) {
    experiment_say(e, "\n");
    draw_rows(e, "samples", "samples", NULL, "decoded z ~ N(0,I), of the first seed");
    draw_rows(e, "fitted", "fitted", NULL,
              "decoded z from a Gaussian fitted to the codes, of the first seed");
    draw_rows(e, "reconstructions", "reconstructed", "originals",
              "held-out pictures and their reconstructions, of the first seed");
    draw_rows(e, "walk", "walk", NULL,
              "from the code of one held-out picture to that of another, of the first seed");
    draw_divergences(e);
    draw_exchange(e);
}

/* -- The program -- */

static void report(experiment *e) {
    const pictures *p = e->context;
    if (!experiment_report_begin(e)) return;
    experiment_say(
        e,
        "Fashion-MNIST, %d pictures to train on, %d held out, %d seeds, %d epochs; mean "
        "and spread (standard\ndeviation) over the seeds. recon MSE: of a pixel, "
        "decoding mu. ELBO (larger is better), its two parts\nand the latent dimensions "
        "with a KL above %g nats: at beta = 1 for all; compare ELBO and recon nats only\n"
        "within a likelihood. samples, fitted: distance from real pictures to decoded "
        "z ~ N(0,I), and to z\nfrom a Gaussian fitted to the codes; real pictures have "
        "%.3f. The classifier that sees for it has an\naccuracy of %.1f%%.\n\n",
        n_pictures, TEST, e->complete, settings.epochs, ACTIVE, p->real_distance,
        100 * p->accuracy);
    experiment_table(e);
    experiment_say(e,
                   "\nDifferences are taken seed by seed, with their 95%% interval; one is "
                   "clear if that does not hold 0.%s\n\n",
                   e->complete == 1 ? " One seed can't show any." : "");
    if (n_losses > 1) {
        experiment_ranking(e, 0, ERROR);
        experiment_ranking(e, 0, SAMPLES);
        say_advice(e);
        say_elbo(e);
        say_plain(e);
        say_likelihood(e);
        say_choice(e);
    }
    draw(e);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    options_parse(PROGRAM,
                  "Trains one autoencoder on Fashion-MNIST with and without a KL term, under two\n"
                  "likelihoods, and says what each of them does.",
                  options, argc, argv);
    const char *names = strcmp(settings.loss, "all") == 0 ? ALL_LOSSES : settings.loss;
    n_losses = loss_option_parse(PROGRAM, names, "elbo,bce,mse", losses, MOST_LOSSES);
    name_methods();
    gr_graph *g = gr_graph_new(.threads = 1);
    pictures p;
    if (!read_pictures(g, &p)) {
        fprintf(stderr, "%s: %s (--data DIR says where they are)\n", PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    experiment e = {.program = PROGRAM,
                    .question = "What does the KL term of a variational autoencoder do, and which "
                                "likelihood should it have?",
                    .settings = &settings,
                    .options = options,
                    .conditions = (const char *const[]){"fashion"},
                    .n_conditions = 1,
                    .methods = methods,
                    .n_methods = n_losses,
                    .losses = method_losses,
                    .measures = measures,
                    .n_measures = MEASURES,
                    .train = train,
                    .context = &p};
    if (experiment_train(&e)) report(&e);
    gr_graph_free(g);
    return experiment_end(&e);
}
