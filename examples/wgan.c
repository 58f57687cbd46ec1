/* Which loss for a generative adversarial network?
 *
 * A generator turns noise into samples; a critic (discriminator) learns to tell them from real
 * ones, and the generator learns from the critic. The losses differ in what both minimise; the
 * networks, the data, the batches' size and the number of the generator's steps (epochs times
 * batches in the data) are the same for all:
 *
 *   minimax, nonsaturating, hinge, lsgan    a step of the critic for each of the generator
 *   wasserstein-clip    five; every weight of the critic is cut to +-0.01 (--clip) after each step
 *   wasserstein-gp      five; the critic's gradient is drawn towards norm 1 by a penalty
 *
 * as in their papers, so that a step of the last two takes more time; --critic-steps makes it the
 * same for all.
 *
 * Two conditions (--on chooses):
 *
 *   ring      eight Gaussians in the plane, of deviation 0.05, around a circle of radius 2. All is
 *             known: what is missing can be counted. 40,000 points. Networks 8-64-64-2 and
 *             2-64-64-1
 *   fashion   6,400 pictures of Fashion-MNIST. Networks 32-64-128-784 and 784-128-64-1
 *
 * Judged is how far generated samples are from real ones that no training has seen:
 *
 *   distance    ring: the sliced Wasserstein distance (Rabin et al., SSVM 2011), the mean of
 *               gr_wasserstein_1d over 32 directions. fashion: the Frechet distance of the features
 *               of a small classifier, which is trained once, on other pictures
 *   modes       ring: Gaussians of the eight that have at least 1 % of the samples within three
 *               deviations. fashion: classes of the ten that the classifier finds in at least 1 %
 *   good        ring: the share of samples within three deviations of a Gaussian's centre.
 *               fashion: the share whose nearest real picture, by the same features, is as near
 *               as that of 95 % of the real ones. Noise can pass for good, so look at them, too
 *   late worst  the largest distance in the last third of the training: is the end luck?
 *   critic      the rank correlation, over the training, of how well the critic tells real from
 *               generated (minus its loss, without the penalty) with the distance. Near 1 the loss
 *               says how good the samples are
 *
 * Settings. Optimizers are those of the papers: Adam with betas 0.5 and 0.999 at 2e-4 (Radford et
 * al., ICLR 2016), RMSprop at 5e-5 and clipping at 0.01 (Arjovsky et al., ICML 2017), Adam with
 * betas 0 and 0.9 at 1e-4 and a penalty of 10 (Gulrajani et al., NIPS 2017), for points of the
 * plane 0.1, as in the program gan_toy.py that belongs to that paper. These networks are small and
 * are trained for a minute, not for days, so all three rates are five times as large: --lr is the
 * first, the others keep their ratio to it. Five was chosen in short trainings with a seed that is
 * not judged: on fashion 1 and 2.5 were no better for the losses without Wasserstein's name, on
 * ring 10 was a little better for most and worse for lsgan. Clipping at 0.1 was no better than at
 * 0.01. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "examples/common/experiment_report.h"
#include "examples/common/fashion_features.h"
#include "examples/common/frechet.h"
#include "examples/common/gan_plots.h"
#include "examples/common/interrupt.h"
#include "examples/common/rank_correlation.h"
#include "gradus.h"

static const char PROGRAM[] = "wgan";
static const double PI = 3.14159265358979323846;

enum { RING, FASHION, CONDITIONS };
static const char *const condition_names[CONDITIONS] = {"ring", "fashion"};

enum { DISTANCE, MODES, GOOD, LATE_WORST, CRITIC, MEASURES };
static const experiment_measure measures[MEASURES] = {
    [DISTANCE] = {.title = "distance", .key = "distance", .decimals = 3},
    [MODES] = {.title = "modes", .key = "modes", .decimals = 1, .maximize = true},
    [GOOD] = {.title = "good", .key = "good_share", .decimals = 3, .maximize = true},
    [LATE_WORST] = {.title = "late worst", .key = "late_worst", .decimals = 3},
    [CRITIC] = {
        .title = "critic", .key = "critic_rank_correlation", .decimals = 2, .maximize = true}};

/* -- Methods -- */

typedef struct recipe {
    const char *name;
    gr_gan_variant variant;
    int critic_steps; /* for one of the generator */
    double rate;      /* times --lr */
    double beta1, beta2;
    bool rmsprop, clip, penalty;
} recipe;

static const recipe recipes[] = {
    {"minimax", GR_GAN_MINIMAX, 1, 1, .beta1 = 0.5, .beta2 = 0.999},
    {"nonsaturating", GR_GAN_NONSATURATING, 1, 1, .beta1 = 0.5, .beta2 = 0.999},
    {"hinge", GR_GAN_HINGE, 1, 1, .beta1 = 0.5, .beta2 = 0.999},
    {"lsgan", GR_GAN_LSGAN, 1, 1, .beta1 = 0.5, .beta2 = 0.999},
    {"wasserstein-clip", GR_GAN_WASSERSTEIN, 5, 0.25, .rmsprop = true, .clip = true},
    {"wasserstein-gp", GR_GAN_WASSERSTEIN, 5, 0.5, .beta1 = 0, .beta2 = 0.9, .penalty = true}};
enum { RECIPES = sizeof recipes / sizeof *recipes };

#define RECIPE_NAMES "minimax,nonsaturating,hinge,lsgan,wasserstein-clip,wasserstein-gp"

static const recipe *chosen[RECIPES];
static const char *methods[RECIPES];
static const char *method_losses[RECIPES];
static int n_methods;

static experiment_settings settings = {.loss = "all",
                                       .out = "build/wgan-out",
                                       .data = GR_FASHION_MNIST_DIRECTORY,
                                       .seeds = 5,
                                       .epochs = 12,
                                       .batch = 64,
                                       .seed = 1,
                                       .lr = 1e-3};
static double clip = 0.01, lambda = 0;
static int critic_steps = 0;
static const char *on = "both";

static const option_row options[] = {
    EXPERIMENT_OPTIONS(settings, "all, or some of " RECIPE_NAMES, "the directory of Fashion-MNIST",
                       "Adam's learning rate; half of it with the penalty, a quarter for RMSprop",
                       2, 1),
    {"on", "NAME", OPTION_TEXT, &on, .about = "ring, fashion or both"},
    {"clip", "X", OPTION_NUMBER, &clip, 1e-6, 100, .about = "where weights are cut"},
    {"lambda", "X", OPTION_NUMBER, &lambda, 0, 1e6,
     .about = "the gradient penalty's weight; 0: 0.1 on ring, 10 on fashion"},
    {"critic-steps", "N", OPTION_INTEGER, &critic_steps, 0, 1000,
     .about = "the critic's for one of the generator; 0: 5 for Wasserstein, 1 for others"},
    {0}};

static void misuse_loss(void) {
    options_misuse(PROGRAM, "--loss %s: expected all, or some of " RECIPE_NAMES ", each once",
                   settings.loss);
}

static void choose_methods(void) {
    char names[256];
    if (strcmp(settings.loss, "all") == 0)
        for (; n_methods < RECIPES; n_methods++) chosen[n_methods] = &recipes[n_methods];
    snprintf(names, sizeof names, "%s", n_methods > 0 ? "" : settings.loss);
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        int i = 0;
        while (i < RECIPES && strcmp(recipes[i].name, name) != 0) i++;
        for (int k = 0; i < RECIPES && k < n_methods; k++)
            if (chosen[k] == &recipes[i]) i = RECIPES;
        if (i == RECIPES) misuse_loss();
        chosen[n_methods++] = &recipes[i];
    }
    if (n_methods == 0) misuse_loss();
    for (int i = 0; i < n_methods; i++) {
        methods[i] = chosen[i]->name;
        method_losses[i] = chosen[i]->penalty ? "gan_discriminator gan_generator gradient_penalty"
                                              : "gan_discriminator gan_generator";
    }
}

static int first_condition, n_conditions; /* of condition_names, by --on */

static void choose_conditions(void) {
    bool both = strcmp(on, "both") == 0;
    while (!both && first_condition < CONDITIONS &&
           strcmp(on, condition_names[first_condition]) != 0)
        first_condition++;
    if (first_condition == CONDITIONS)
        options_misuse(PROGRAM, "--on %s: expected ring, fashion or both", on);
    n_conditions = both ? CONDITIONS : 1;
}

static int kind_of(int condition) { return first_condition + condition; }

/* -- Data -- */

enum {
    RING_MODES = 8,
    RING_ROWS = 40000,
    FASHION_ROWS = 6400,
    CLASSIFIER_ROWS = 12800,
    HELD_OUT = 2000
};
static const double RADIUS = 2, DEVIATION = 0.05;

/* What trainings share and only read. */
typedef struct pictures {
    gr_mnist *mnist;
    fashion_classifier classifier;
    double accuracy;
} pictures;

static bool read_pictures(gr_graph *g, pictures *p) {
    *p = (pictures){.mnist = gr_fashion_mnist_read(g, settings.data)};
    if (p->mnist == NULL) return false;
    gr_tensor *x = fashion_rows(g, p->mnist->train_x, FASHION_ROWS, CLASSIFIER_ROWS);
    gr_tensor *test = fashion_rows(g, p->mnist->test_x, 0, HELD_OUT);
    if (gr_failed(g)) return false;
    gr_tensor *y = gr_keep(
        gr_from_index(g, GR_SHAPE(CLASSIFIER_ROWS), p->mnist->train_y->index + FASHION_ROWS));
    p->classifier = fashion_classifier_train(x, y, settings.quick ? 2 : 10);
    p->accuracy = fashion_classifier_accuracy(&p->classifier, test, p->mnist->test_y);
    return !gr_failed(g);
}

/* (n,2), lasting. */
static gr_tensor *ring(gr_graph *g, int n) {
    gr_tensor *x = gr_keep(gr_normal(g, GR_SHAPE(n, 2), 0, DEVIATION));
    for (int i = 0; x != NULL && i < n; i++) {
        double angle = (double)gr_random_below(g, RING_MODES) * 2 * PI / RING_MODES;
        x->data[2 * i] += (gr_real)(RADIUS * cos(angle));
        x->data[2 * i + 1] += (gr_real)(RADIUS * sin(angle));
    }
    return x;
}

/* -- Distances -- */

/* One condition's data in a training's graph, and what judges samples. */
typedef struct task {
    int kind, noise;
    gr_batches *train;
    gr_tensor *held_out;           /* (HELD_OUT,2), or features (HELD_OUT,32) */
    fashion_classifier classifier; /* of fashion */
} task;

static gr_tensor *directions(gr_graph *g) {
    enum { DIRECTIONS = 32 };
    gr_tensor *d = gr_zeros(g, GR_SHAPE(DIRECTIONS, 2));
    for (int i = 0; d != NULL && i < DIRECTIONS; i++) {
        d->data[2 * i] = (gr_real)cos((i + 0.5) * PI / DIRECTIONS);
        d->data[2 * i + 1] = (gr_real)sin((i + 0.5) * PI / DIRECTIONS);
    }
    return d;
}

/* Of rows (n,2). */
static double sliced_wasserstein(gr_tensor *a, gr_tensor *b) {
    gr_tensor *d = a == NULL ? NULL : directions(a->graph);
    return gr_item(gr_wasserstein_1d(gr_matmul(d, a, .transpose_b = true),
                                     gr_matmul(d, b, .transpose_b = true)));
}

/* What the distance compares: points, or pictures' features. */
static gr_tensor *view(const task *t, gr_tensor *samples) {
    return t->kind == RING ? samples : gr_forward(t->classifier.features, samples);
}

static double distance(const task *t, gr_tensor *samples) {
    gr_tensor *seen = view(t, samples);
    return t->kind == RING ? sliced_wasserstein(seen, t->held_out)
                           : frechet_distance(seen, t->held_out);
}

static task make_task(gr_graph *g, int kind, const pictures *p) {
    task t = {.kind = kind, .noise = kind == RING ? 8 : 32};
    gr_tensor *train;
    if (kind == RING) {
        train = ring(g, RING_ROWS);
        t.held_out = ring(g, HELD_OUT);
    } else {
        t.classifier = fashion_classifier_copy(g, &p->classifier);
        train = fashion_rows(g, p->mnist->train_x, 0, FASHION_ROWS);
        t.held_out = gr_keep(view(&t, fashion_rows(g, p->mnist->test_x, 0, HELD_OUT)));
    }
    t.train =
        gr_batches_new(train, NULL, .batch = settings.batch, .shuffle = true, .drop_last = true);
    gr_graph_reset(g);
    return t;
}

/* -- Networks -- */

typedef struct gan {
    const recipe *how;
    const task *task;
    gr_module *generator, *critic;
    gr_optimizer *generator_step, *critic_step;
    gr_tensor *fixed; /* noise (HELD_OUT,noise) that is judged */
} gan;

static gr_module *new_generator(gr_graph *g, const task *t) {
    if (t->kind == RING)
        return gr_sequential(g, gr_linear(g, t->noise, 64), gr_relu_layer(g), gr_linear(g, 64, 64),
                             gr_relu_layer(g), gr_linear(g, 64, 2));
    return gr_sequential(g, gr_linear(g, t->noise, 64), gr_relu_layer(g), gr_linear(g, 64, 128),
                         gr_relu_layer(g), gr_linear(g, 128, FASHION_PIXELS), gr_tanh_layer(g));
}

static gr_module *new_critic(gr_graph *g, const task *t) {
    int in = t->kind == RING ? 2 : FASHION_PIXELS, a = t->kind == RING ? 64 : 128;
    return gr_sequential(g, gr_linear(g, in, a), gr_leaky_relu_layer(g, .slope = 0.2),
                         gr_linear(g, a, 64), gr_leaky_relu_layer(g, .slope = 0.2),
                         gr_linear(g, 64, 1));
}

static gr_optimizer *optimizer(const recipe *how, gr_module *net) {
    double lr = how->rate * settings.lr;
    return how->rmsprop ? gr_rmsprop(net, .lr = lr)
                        : gr_adam(net, .lr = lr, .beta1 = how->beta1, .beta2 = how->beta2);
}

static gan make_gan(gr_graph *g, const recipe *how, const task *t) {
    gan n = {.how = how,
             .task = t,
             .generator = new_generator(g, t),
             .critic = new_critic(g, t),
             .fixed = gr_keep(gr_normal(g, GR_SHAPE(HELD_OUT, t->noise), 0, 1))};
    n.generator_step = optimizer(how, n.generator);
    n.critic_step = optimizer(how, n.critic);
    gr_graph_reset(g);
    return n;
}

/* -- One training -- */

static gr_tensor *generate(const gan *n, int rows) {
    return gr_forward(n->generator,
                      gr_normal(n->generator->graph, GR_SHAPE(rows, n->task->noise), 0, 1));
}

static gr_tensor *next_real(const task *t) {
    gr_tensor *x = NULL;
    if (!gr_batch_next(t->train, &x, NULL)) gr_batch_next(t->train, &x, NULL);
    return x;
}

static double penalty_weight(const task *t) {
    return lambda > 0 ? lambda : t->kind == RING ? 0.1 : 10;
}

/* Returns the critic's loss without the penalty. */
static double critic_step(const gan *n) {
    gr_graph *g = n->critic->graph;
    gr_tensor *real = next_real(n->task);
    gr_no_grad_begin(g);
    gr_tensor *fake = generate(n, settings.batch);
    gr_no_grad_end(g);
    gr_tensor *loss = gr_gan_discriminator(gr_forward(n->critic, real), gr_forward(n->critic, fake),
                                           .variant = n->how->variant);
    double value = gr_item(loss);
    if (n->how->penalty)
        loss = gr_add(loss, gr_gradient_penalty(gr_module_function, n->critic, real, fake,
                                                .lambda = penalty_weight(n->task)));
    gr_backward(loss);
    gr_step(n->critic_step);
    if (n->how->clip) gr_clip_weights(n->critic, clip);
    gr_graph_reset(g);
    return value;
}

static void generator_step(const gan *n) {
    gr_tensor *fake = generate(n, settings.batch);
    gr_backward(gr_gan_generator(gr_forward(n->critic, fake), .variant = n->how->variant));
    gr_step(n->generator_step);
    gr_clear_grads(n->critic); /* it got some, too, but it is not its turn */
    gr_graph_reset(fake->graph);
}

/* What is noted while it trains, more often at the beginning: the k-th of POINTS notes is made
 * after steps ((k + 1) / POINTS)^2 steps. */
enum { POINTS = 36 };
typedef struct history {
    int n;
    double step[POINTS], distance[POINTS], tells[POINTS]; /* tells: minus the critic's loss */
    double seconds;                                       /* of the processor, in steps */
} history;

static bool due(int step, int steps) {
    int k = (int)floor(POINTS * sqrt((double)step / steps) + 1e-9);
    return k > (int)floor(POINTS * sqrt((step - 1.0) / steps) + 1e-9);
}

static double processor_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static gr_tensor *fixed_samples(const gan *n) { return gr_forward(n->generator, n->fixed); }

static double distance_now(const gan *n) {
    gr_graph *g = n->generator->graph;
    gr_no_grad_begin(g);
    double now = distance(n->task, fixed_samples(n));
    gr_no_grad_end(g);
    gr_graph_reset(g);
    return now;
}

/* Points of the plane for the picture. */
static void keep_snapshot(experiment_run *run, const gan *n, int step, int steps) {
    for (int i = 0; i < GAN_SNAPSHOTS; i++) {
        if (step != (int)ceil(gan_snapshot_shares[i] * steps)) continue;
        char name[16];
        snprintf(name, sizeof name, "samples%d", i);
        gr_no_grad_begin(run->graph);
        experiment_keep(run, name, gr_slice(fixed_samples(n), 0, 0, GAN_POINTS, 1));
        gr_no_grad_end(run->graph);
        gr_graph_reset(run->graph);
    }
}

static bool fit(experiment_run *run, const gan *n, int steps, history *h) {
    double loss = 0, began;
    int losses = 0, each = critic_steps > 0 ? critic_steps : n->how->critic_steps;
    for (int step = 1; step <= steps && !interrupted(); step++) {
        began = processor_seconds();
        for (int i = 0; i < each; i++, losses++) loss += critic_step(n);
        generator_step(n);
        h->seconds += processor_seconds() - began;
        if (gr_failed(run->graph)) return false;
        if (n->task->kind == RING) keep_snapshot(run, n, step, steps);
        if (!due(step, steps) || h->n == POINTS) continue;
        h->step[h->n] = step;
        h->tells[h->n] = -loss / losses;
        h->distance[h->n++] = distance_now(n);
        loss = losses = 0;
        experiment_progress(run, (double)step / steps);
    }
    return !interrupted();
}

/* -- Judging -- */

static void judge_points(experiment_run *run, const gr_tensor *samples) {
    int at[RING_MODES] = {0}, good = 0, n = samples->shape.dim[0];
    for (int i = 0; i < n; i++) {
        double x = samples->data[2 * i], y = samples->data[2 * i + 1];
        double turn = 2 * PI / RING_MODES, mode = round(atan2(y, x) / turn);
        if (hypot(x - RADIUS * cos(mode * turn), y - RADIUS * sin(mode * turn)) > 3 * DEVIATION)
            continue;
        at[((int)mode + RING_MODES) % RING_MODES]++;
        good++;
    }
    run->values[MODES] = 0;
    for (int i = 0; i < RING_MODES; i++) run->values[MODES] += at[i] >= 0.01 * n;
    run->values[GOOD] = (double)good / n;
}

/* The share of `fake` (n,D) that are as near to one of `real` (m,D) as 95 % of those are to their
 * nearest other. */
static double share_near(gr_tensor *fake, gr_tensor *real) {
    double nearest[HELD_OUT];
    gr_tensor *two = gr_topk(gr_distances(real, real), 2, .smallest = true); /* itself is first */
    for (int i = 0; i < HELD_OUT; i++) nearest[i] = gr_at(two, 2 * i + 1);
    gr_tensor *bound = gr_scalar(fake->graph, stats_quantile(nearest, HELD_OUT, 0.95));
    return gr_item(gr_mean(gr_le(gr_min(gr_distances(fake, real), .axes = GR_AXES(1)), bound)));
}

static void judge_pictures(experiment_run *run, const task *t, gr_tensor *samples) {
    gr_tensor *seen = view(t, samples);
    gr_tensor *class = gr_argmax(gr_forward(t->classifier.head, seen), 1);
    int count[GR_MNIST_CLASSES] = {0};
    for (int i = 0; class != NULL && i < class->size; i++) count[class->index[i]]++;
    run->values[MODES] = 0;
    for (int i = 0; class != NULL && i < GR_MNIST_CLASSES; i++)
        run->values[MODES] += count[i] >= 0.01 * (double)class->size;
    run->values[GOOD] = share_near(seen, t->held_out);
    experiment_keep(run, "pictures", gr_slice(samples, 0, 0, GAN_PICTURES, 1));
}

static void keep_history(experiment_run *run, const history *h, int steps) {
    gr_tensor *t = gr_zeros(run->graph, GR_SHAPE(h->n, 3));
    for (int i = 0; t != NULL && i < h->n; i++) {
        t->data[3 * i] = (gr_real)h->step[i];
        t->data[3 * i + 1] = (gr_real)h->distance[i];
        t->data[3 * i + 2] = (gr_real)h->tells[i];
    }
    experiment_keep(run, "history", t);
    experiment_keep(run, "milliseconds", gr_scalar(run->graph, 1e3 * h->seconds / steps));
}

static void judge(experiment_run *run, const gan *n, const history *h, int steps) {
    run->values[DISTANCE] = run->values[LATE_WORST] = h->distance[h->n - 1];
    for (int i = 0; i < h->n; i++)
        if (3 * h->step[i] >= 2 * steps)
            run->values[LATE_WORST] = fmax(run->values[LATE_WORST], h->distance[i]);
    run->values[CRITIC] = rank_correlation(h->tells, h->distance, h->n);
    gr_no_grad_begin(run->graph);
    gr_tensor *samples = fixed_samples(n);
    if (n->task->kind == RING && samples != NULL) judge_points(run, samples);
    if (n->task->kind == FASHION) judge_pictures(run, n->task, samples);
    keep_history(run, h, steps);
    gr_no_grad_end(run->graph);
}

static void train(experiment_run *run, void *context) {
    task t = make_task(run->graph, kind_of(run->condition), context);
    gan n = make_gan(run->graph, chosen[run->method], &t);
    if (gr_failed(run->graph)) return;
    int steps = settings.epochs * gr_batch_count(t.train);
    history h = {0};
    run->untrained = distance_now(&n);
    if (fit(run, &n, steps, &h)) judge(run, &n, &h, steps);
}

/* -- The verdict -- */

static const char *in_words(int better) {
    return better > 0 ? "clearly better" : better < 0 ? "clearly worse" : "no clear difference";
}

static int method_named(const char *name) {
    for (int i = 0; i < n_methods; i++)
        if (strcmp(methods[i], name) == 0) return i;
    return -1;
}

/* How many conditions show that a is clearly better than b by a measure, and how many worse. */
typedef struct tally {
    int better, worse;
} tally;

static tally compare(experiment *e, int a, int b, int measure) {
    tally t = {0};
    for (int c = 0; c < e->n_conditions; c++) {
        difference d = experiment_difference(e, c, a, b, measure);
        int sign = experiment_better(e, c, a, b, measure);
        t.better += sign > 0;
        t.worse += sign < 0;
        experiment_say(e, "    %-8s %-10s %+8.3f +- %-7.3f %s\n", e->conditions[c],
                       measures[measure].title, d.mean, d.half_width, in_words(sign));
    }
    return t;
}

static experiment_verdict_kind kind_of_verdict(const experiment *e, tally t) {
    if (t.better == e->n_conditions) return VERDICT_HELD;
    if (t.better > 0) return VERDICT_PARTLY;
    return t.worse > 0 ? VERDICT_FAILED : VERDICT_UNCLEAR;
}

/* "Weight clipping is worse than a gradient penalty." */
static void say_clipping(experiment *e, int gp, int clipped) {
    experiment_say(e, "\nwasserstein-gp minus wasserstein-clip:\n");
    tally at_end = compare(e, gp, clipped, DISTANCE);
    compare(e, gp, clipped, LATE_WORST);
    compare(e, gp, clipped, GOOD);
    experiment_verdict(e, "quickref-e", kind_of_verdict(e, at_end),
                       "weight clipping is worse than a gradient penalty: by the distance at the "
                       "end clearly so on %d of %d data sets, clearly better on %d",
                       at_end.better, e->n_conditions, at_end.worse);
}

static tally more_stable(experiment *e, int method, int minimax) {
    experiment_say(e, "%s minus minimax:\n", methods[method]);
    tally t = compare(e, method, minimax, LATE_WORST);
    for (int c = 0; c < e->n_conditions; c++)
        experiment_say(e, "    %-8s spread of the distance over the seeds %.3f against %.3f\n",
                       e->conditions[c], experiment_spread(e, c, method, DISTANCE),
                       experiment_spread(e, c, minimax, DISTANCE));
    return t;
}

/* "Wasserstein is more stable than the minimax loss": by the worst of the late training. The spread
 * over the seeds is said beside it; a few seeds can't prove one spread larger than another. */
static void say_stability(experiment *e, int gp, int clipped, int minimax) {
    experiment_say(e, "\n");
    tally penalty = more_stable(e, gp, minimax), cut = more_stable(e, clipped, minimax);
    experiment_verdict(e, "quickref-e", kind_of_verdict(e, penalty),
                       "Wasserstein is more stable than minimax: by the worst distance of the late "
                       "training, with the penalty clearly so on %d of %d data sets and clearly "
                       "less on %d; with clipping on %d and %d",
                       penalty.better, e->n_conditions, penalty.worse, cut.better, cut.worse);
}

/* The rank correlation without the first tenth of the steps, which a critic may need to catch
 * up. */
static double late_correlation(const experiment *e, int condition, int method, int seed) {
    double tells[POINTS], far[POINTS];
    int n = 0;
    gr_graph *g = gr_graph_new();
    gr_tensor *h = experiment_kept(e, g, condition, method, seed, "history");
    int rows = h == NULL ? 0 : h->shape.dim[0];
    for (int i = 0; i < rows && i < POINTS; i++) {
        if (10 * gr_at(h, 3 * i) <= gr_at(h, 3 * (rows - 1))) continue;
        far[n] = gr_at(h, 3 * i + 1);
        tells[n++] = gr_at(h, 3 * i + 2);
    }
    gr_graph_free(g);
    return rank_correlation(tells, far, n);
}

/* What the Wasserstein loss promises: that its value says how good the samples are. */
static void say_critics(experiment *e) {
    experiment_say(e, "\nDoes the critic's loss go along with the distance? Rank correlation over "
                      "the training,\nand without its first tenth:\n");
    for (int m = 0; m < n_methods; m++) {
        experiment_say(e, "    %-18s", methods[m]);
        for (int c = 0; c < e->n_conditions; c++) {
            double late[EXPERIMENT_MOST_SEEDS];
            for (int seed = 0; seed < e->complete; seed++)
                late[seed] = late_correlation(e, c, m, seed);
            experiment_say(e, "  %s %5.2f +- %.2f, %5.2f +- %.2f", e->conditions[c],
                           experiment_mean(e, c, m, CRITIC), experiment_spread(e, c, m, CRITIC),
                           stats_mean(late, e->complete), stats_deviation(late, e->complete));
        }
        experiment_say(e, "\n");
    }
    for (int c = 0; c < e->n_conditions; c++)
        experiment_say(e, "Over all of it, on %s it tells most with %s.\n", e->conditions[c],
                       methods[experiment_best(e, c, CRITIC)]);
}

static double milliseconds(const experiment *e, int condition, int method) {
    double each[EXPERIMENT_MOST_SEEDS];
    gr_graph *g = gr_graph_new();
    for (int seed = 0; seed < e->complete; seed++)
        each[seed] = gr_item(experiment_kept(e, g, condition, method, seed, "milliseconds"));
    gr_graph_free(g);
    return stats_median(each, e->complete);
}

static void say_cost(experiment *e) {
    experiment_say(e, "\nProcessor time of a generator's step with its critic's steps, median over "
                      "the seeds:\n");
    for (int m = 0; m < n_methods; m++) {
        experiment_say(e, "    %-18s", methods[m]);
        for (int c = 0; c < e->n_conditions; c++)
            experiment_say(e, "  %s %6.2f ms", e->conditions[c], milliseconds(e, c, m));
        experiment_say(e, "\n");
    }
}

/* Of a method's distance to the best one's, over all conditions the worst. */
static double worst_ratio(const experiment *e, int method) {
    double worst = 0;
    for (int c = 0; c < e->n_conditions; c++) {
        double best = experiment_mean(e, c, experiment_best(e, c, DISTANCE), DISTANCE);
        double ratio = experiment_mean(e, c, method, DISTANCE) / best;
        worst = isnan(ratio) ? INFINITY : fmax(worst, ratio);
    }
    return worst;
}

static void say_choice(experiment *e) {
    int choice = 0;
    for (int m = 1; m < n_methods; m++)
        if (worst_ratio(e, m) < worst_ratio(e, choice)) choice = m;
    experiment_say(e, "\nIf you don't know your data, choose %s: its distance is ",
                   methods[choice]);
    if (worst_ratio(e, choice) == 1)
        experiment_say(e, "the smallest%s.\n", e->n_conditions > 1 ? " on each data set" : "");
    else
        experiment_say(e, "nowhere more than %.2f times the best.\n", worst_ratio(e, choice));
    experiment_say(e, "The generators took equally many steps, not equal time: see the times "
                      "above.\n");
}

static void say_verdicts(experiment *e) {
    int gp = method_named("wasserstein-gp"), clipped = method_named("wasserstein-clip");
    int minimax = method_named("minimax");
    if (gp >= 0 && clipped >= 0) say_clipping(e, gp, clipped);
    if (minimax >= 0 && gp >= 0 && clipped >= 0) say_stability(e, gp, clipped, minimax);
    say_critics(e);
    say_cost(e);
    if (n_methods > 1) say_choice(e);
}

/* -- Pictures -- */

static void draw(experiment *e, const pictures *p) {
    gr_graph *g = gr_graph_new();
    gr_tensor *centres = gr_zeros(g, GR_SHAPE(RING_MODES, 2));
    for (int i = 0; centres != NULL && i < 2 * RING_MODES; i++)
        centres->data[i] = (gr_real)(RADIUS * sin(PI * (i / 2 * 2.0 / RING_MODES + (i % 2) / 2.0)));
    experiment_say(e, "\n");
    for (int c = 0; c < n_conditions; c++)
        if (kind_of(c) == RING && gan_plot_points(e, c, "points", centres))
            experiment_picture(e, "points", "samples in the plane over the training, first seed");
        else if (kind_of(c) == FASHION &&
                 gan_plot_pictures(e, c, "pictures",
                                   fashion_rows(g, p->mnist->test_x, 0, GAN_PICTURES)))
            experiment_picture(e, "pictures", "real and generated pictures, first seed");
    if (gan_plot_critics(e, "critics", condition_names + first_condition, CRITIC))
        experiment_picture(e, "critics",
                           "distance, and minus the critic's loss, over the steps, first seed");
    gr_graph_free(g);
}

/* -- The program -- */

/* The distance between two sets of real samples, below which nobody gets but by luck. */
static double least_distance(const pictures *p, int kind) {
    gr_graph *g = gr_graph_new(.seed = 99, .threads = 1);
    task t = make_task(g, kind, p);
    gr_no_grad_begin(g);
    double d = distance(&t, kind == RING ? ring(g, HELD_OUT)
                                         : fashion_rows(g, p->mnist->train_x, 0, HELD_OUT));
    gr_no_grad_end(g);
    gr_graph_free(g);
    return d;
}

static void report(experiment *e, const pictures *p) {
    if (!experiment_report_begin(e)) return;
    experiment_say(e,
                   "%d seeds, %d epochs with as many generator's steps as the data have batches of "
                   "%d.\nMean and spread (standard deviation) over the seeds.\n\n",
                   e->complete, settings.epochs, settings.batch);
    experiment_table(e);
    for (int c = 0; c < n_conditions; c++)
        experiment_say(e, "\n%s: %d real samples and %d others are at a distance of %.3f.",
                       e->conditions[c], HELD_OUT, HELD_OUT, least_distance(p, kind_of(c)));
    if (p->mnist != NULL)
        experiment_say(e, "\nThe classifier's accuracy on test pictures is %.3f.", p->accuracy);
    experiment_say(e, "\nDifferences are taken seed by seed, with their 95%% interval; one is "
                      "clear if that does not hold 0.\n\n");
    if (n_methods > 1)
        for (int c = 0; c < n_conditions; c++) experiment_ranking(e, c, DISTANCE);
    say_verdicts(e);
    draw(e, p);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    options_parse(PROGRAM,
                  "Trains generative adversarial networks under each loss, on points of the plane "
                  "and on\npictures, and says which loss to choose.",
                  options, argc, argv);
    choose_methods();
    choose_conditions();
    if (settings.batch > FASHION_ROWS)
        options_misuse(PROGRAM, "--batch %d: expected at most %d", settings.batch, FASHION_ROWS);
    gr_graph *g = gr_graph_new(.seed = 1, .threads = 1);
    pictures p = {0};
    if (kind_of(n_conditions - 1) == FASHION && !read_pictures(g, &p)) {
        fprintf(stderr, "%s: %s (--on ring does without)\n", PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    experiment e = {.program = PROGRAM,
                    .question = "Which loss for a generative adversarial network?",
                    .settings = &settings,
                    .options = options,
                    .conditions = condition_names + first_condition,
                    .n_conditions = n_conditions,
                    .methods = methods,
                    .n_methods = n_methods,
                    .losses = method_losses,
                    .measures = measures,
                    .n_measures = MEASURES,
                    .train = train,
                    .context = &p};
    if (experiment_train(&e)) report(&e, &p);
    gr_graph_free(g);
    return experiment_end(&e);
}
