/* What can be learned from pictures without labels, and what does the contrastive loss need for it?
 *
 * SimCLR changes each picture twice at random (moved by at most a pixel, mirrored, brightness and
 * contrast changed, a hole cut out) and trains an encoder so that the two views can be told to
 * belong together among the views of all pictures of the batch. Labels are not used. What that is
 * worth shows in how well the classes can be read from the encoder's features.
 *
 * The encoder is a small convolutional network on Fashion-MNIST's 28 x 28 pixels: 16 filters of
 * 4 x 4 pixels side by side, then 32 of 3 x 3 with stride 2, ReLU behind both, which makes 512
 * features. A head, 512-128-32, which is thrown away afterwards, makes the embedding that the loss
 * compares. There is no batch normalisation, which would let the pictures of a batch know of each
 * other. What is compared differs from a base in one thing:
 *
 *   nt_xent              the base: batches of 256 pictures, temperature 0.5, and cosines, as the
 *                        loss has it
 *   batch 64, 16         as many pictures seen, so that there are 4 and 16 times as many steps
 *   groups of 16, 4      batches of 256 cut into groups that do not see each other: the negatives
 *                        of a small batch, but the steps of the base
 *   temperature          0.05, 0.1, 2
 *   products             instead of cosines: the embedding is not normalised
 *   info_nce             the same embedding, but the negatives are the views of the other half of
 *                        the batch, 256 instead of 510; with cosines and with products
 *
 * It is held against raw pixels, the untrained encoder, and the encoder trained with labels under
 * cross_entropy: with 1 % of them, 10 of each class, and with all. All trainings of a seed begin
 * with the same encoder and see as many views of the same 10,000 pictures per epoch: those with
 * labels one of each picture, the others two.
 *
 * Judged are 4,000 test pictures: by the accuracy of a linear probe, a linear classifier of the
 * standardised features trained with all 10,000 labels; of a vote of the 10 nearest pictures by the
 * cosine of their features (k-NN); and of a probe trained with 1 % of the labels, whose rival is
 * the network trained with these: its "1% labels" is its own answer. "partner" is how often the
 * second view of a held-out picture is the nearest of 499 views.
 *
 * Losses of different batches can't be compared as they are: who knows nothing has log(2N - 1), the
 * logarithm of the number of views that the partner is among, for N pictures. So "loss - log" is
 * the loss of the last epoch minus that: 0 for guessing. It can't fall below -log(2N - 1), which
 * differs still. "held-out" is the same for all: nt_xent of held-out pictures in batches of 250,
 * with cosines and the temperature 0.5, minus log 499.
 *
 * Settings were chosen with --validate, which judges by training pictures that no training gets,
 * on one to three seeds, by the probe: the changes of pictures (against crops of 0.2 to 0.7 of the
 * area, shifts up to 3, holes of 10 to 14, blur); the learning rate 0.002 (of 0.001 to 0.012 for
 * the base, 0.0007 to 0.012 for the small batches, 0.002 and 0.005 for the temperatures), as no
 * method was better by another one by more than seeds differ; 0.004 with labels (of 0.0005 to
 * 0.01); that the temperature 4 is no better for products than 0.5, and that 8 epochs are no better
 * for the base than 4.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "examples/common/cosine_knn.h"
#include "examples/common/difference_plot.h"
#include "examples/common/embedding_plots.h"
#include "examples/common/experiment_report.h"
#include "examples/common/interrupt.h"
#include "examples/common/linear_probe.h"
#include "examples/common/loss_option.h"
#include "examples/common/rows.h"
#include "examples/common/setting_plot.h"
#include "gradus.h"

static const char PROGRAM[] = "simclr";
static const char ALL_LOSSES[] = "nt_xent,info_nce,cross_entropy";

enum { SIDE = 28, PIXELS = SIDE * SIDE, FILTERS = 16, PATCH = 4, FEATURES = 2 * FILTERS * 16 };
enum { HIDDEN = 128, EMBEDDING = 32, CLASSES = GR_MNIST_CLASSES };
enum {
    TRAIN_EACH = 1000,
    TRAIN_EACH_QUICK = 200,
    FEW_EACH = 10,
    TEST_EACH = 400,
    TEST_EACH_QUICK = 200
};
enum { CHUNK = 250, NEIGHBOURS = 10, PAIR_BATCH = 250, PAIR_BATCHES = 8, SHOW_FROM = 100 };
enum { JUDGE_SEED = 1000000000, LABEL_BATCH = 64, MOST_LOSSES = 8, MOST_METHODS = 32 };

static const bool all_classes[CLASSES] = {true, true, true, true, true,
                                          true, true, true, true, true};

enum { PROBE, KNN, PROBE_FEW, PARTNER, LOSS, ABOVE_CHANCE, HELD_OUT, MEASURES };
static const experiment_measure measures[MEASURES] = {
    [PROBE] = {.title = "probe %", .key = "probe", .decimals = 2, .maximize = true},
    [KNN] = {.title = "k-NN %", .key = "knn", .decimals = 2, .maximize = true},
    [PROBE_FEW] = {.title = "1% labels %", .key = "few_labels", .decimals = 2, .maximize = true},
    [PARTNER] = {.title = "partner %", .key = "partner", .decimals = 1, .maximize = true},
    [LOSS] = {.title = "loss", .key = "loss", .decimals = 3},
    [ABOVE_CHANCE] = {.title = "loss - log", .key = "loss_minus_chance", .decimals = 3},
    [HELD_OUT] = {.title = "held-out", .key = "held_out_loss", .decimals = 3}};

static experiment_settings settings = {.loss = "all",
                                       .data = GR_FASHION_MNIST_DIRECTORY,
                                       .out = "build/simclr-out",
                                       .seeds = 5,
                                       .epochs = 4,
                                       .batch = 256,
                                       .seed = 1,
                                       .lr = 2e-3};
static bool validate;

static const option_row options[] = {
    EXPERIMENT_OPTIONS(settings,
                       "all, or some of nt_xent,info_nce,cross_entropy with all their variants; "
                       "nt_xent:temperature=0.2 is that one alone",
                       "the directory of Fashion-MNIST",
                       "Adam's learning rate, twice that with labels; falls to 0 along a cosine", 1,
                       4),
    {"validate", NULL, OPTION_FLAG, &validate,
     .about = "judges by pictures that are for choosing settings"},
    {0}};

/* -- Methods -- */

typedef enum task { RAW_PIXELS, UNTRAINED, FEW_LABELS, ALL_LABELS, NT_XENT, INFO_NCE } task;

typedef struct method {
    char label[64];
    task task;
    int batch, group; /* pictures that see each other: a group, at most the batch */
    double temperature;
    bool products; /* instead of cosines */
} method;

static const char *const task_losses[] = {[FEW_LABELS] = "cross_entropy",
                                          [ALL_LABELS] = "cross_entropy",
                                          [NT_XENT] = "nt_xent",
                                          [INFO_NCE] = "info_nce"};
static const double BASE_TEMPERATURE = 0.5;
static const double LABEL_RATE = 2; /* times --lr, for networks trained with labels */
static const double temperatures[] = {0.05, 0.1, 2};
enum { TEMPERATURES = sizeof temperatures / sizeof *temperatures };
static method methods[MOST_METHODS];
static const char *labels[MOST_METHODS];
static const char *method_losses[MOST_METHODS];
static int n_methods;

static bool is_contrastive(const method *m) { return m->task >= NT_XENT; }

static method base(task task) {
    return (method){.task = task,
                    .batch = settings.batch,
                    .group = settings.batch,
                    .temperature = BASE_TEMPERATURE};
}

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
add_method(method m, const char *format, ...) {
    if (n_methods == MOST_METHODS)
        options_misuse(PROGRAM, "--loss: expected at most %d methods", MOST_METHODS);
    va_list values;
    va_start(values, format);
    vsnprintf(m.label, sizeof m.label, format, values);
    va_end(values);
    methods[n_methods] = m;
    labels[n_methods] = methods[n_methods].label;
    method_losses[n_methods] = task_losses[m.task];
    n_methods++;
}

static void add_nt_xent(void) {
    method m = base(NT_XENT);
    add_method(m, "nt_xent");
    for (int part = 4; part <= 16; part *= 4) {
        m.batch = m.group = settings.batch / part;
        add_method(m, "nt_xent batch %d", m.batch);
    }
    m = base(NT_XENT);
    for (int part = 16; part <= 64; part *= 4) {
        m.group = settings.batch / part;
        add_method(m, "nt_xent groups of %d", m.group);
    }
    m = base(NT_XENT);
    for (int i = 0; i < TEMPERATURES; i++) {
        m.temperature = temperatures[i];
        add_method(m, "nt_xent temperature %g", m.temperature);
    }
    m = base(NT_XENT);
    m.products = true;
    add_method(m, "nt_xent products");
}

static void add_info_nce(void) {
    method m = base(INFO_NCE);
    add_method(m, "info_nce");
    m.products = true;
    add_method(m, "info_nce products");
}

/* A loss whose parameters were given: that alone. */
static void add_given(const loss_choice *choice, task task) {
    method m = base(task);
    int temperature = gr_loss_parameter(choice->info, "temperature");
    int normalize = gr_loss_parameter(choice->info, "normalize");
    if (temperature >= 0) m.temperature = choice->parameter[temperature];
    if (normalize >= 0) m.products = choice->parameter[normalize] == 0;
    add_method(m, "%s", choice->label);
}

static void choose_methods(void) {
    loss_choice chosen[MOST_LOSSES];
    const char *names =
        strcmp(settings.loss, "all") == 0 ? "cross_entropy,nt_xent,info_nce" : settings.loss;
    int n = loss_option_parse(PROGRAM, names, ALL_LOSSES, chosen, MOST_LOSSES);
    if (settings.batch % 128 != 0)
        options_misuse(PROGRAM, "--batch %d: expected a multiple of 128", settings.batch);
    add_method(base(RAW_PIXELS), "raw pixels");
    add_method(base(UNTRAINED), "untrained");
    for (int i = 0; i < n; i++) {
        bool nt_xent = strcmp(chosen[i].info->name, "nt_xent") == 0;
        bool given = strcmp(chosen[i].label, chosen[i].info->name) != 0;
        if (strcmp(chosen[i].info->name, "cross_entropy") == 0) {
            add_method(base(FEW_LABELS), "supervised %d labels", CLASSES * FEW_EACH);
            add_method(base(ALL_LABELS), "supervised all labels");
        } else if (given) {
            add_given(&chosen[i], nt_xent ? NT_XENT : INFO_NCE);
        } else if (nt_xent) {
            add_nt_xent();
        } else {
            add_info_nce();
        }
    }
}

/* -- Data -- */

/* Rows of the shared pictures, and their classes in the training's graph. */
typedef struct part {
    const gr_tensor *all_x, *all_y;
    gr_tensor *rows, *y;
} part;

typedef struct parts {
    part train, few, test;
} parts;

static part part_of(const gr_tensor *x, const gr_tensor *y, gr_tensor *rows) {
    return (part){x, y, rows, gr_keep(rows_take(y, rows))};
}

/* Of each class so many; validation has the last sixth of the training part. */
static part test_part(gr_graph *g, const gr_mnist *data) {
    int each = settings.quick ? TEST_EACH_QUICK : TEST_EACH;
    const gr_tensor *x = validate ? data->train_x : data->test_x;
    const gr_tensor *y = validate ? data->train_y : data->test_y;
    int begin = validate ? x->shape.dim[0] / 6 * 5 : 0;
    return part_of(x, y, rows_of_classes(g, y, all_classes, .each = each, .begin = begin));
}

static parts parts_of(gr_graph *g, const gr_mnist *data) {
    const gr_tensor *x = data->train_x, *y = data->train_y;
    int each = settings.quick ? TRAIN_EACH_QUICK : TRAIN_EACH;
    gr_tensor *rows = rows_of_classes(g, y, all_classes, .each = each,
                                      .end = x->shape.dim[0] / 6 * 5, .shuffled = true);
    parts p = {.train = part_of(x, y, rows), .test = test_part(g, data)};
    gr_tensor *few = rows_of_classes(g, p.train.y, all_classes, .each = FEW_EACH);
    if (few != NULL) p.few = part_of(x, y, gr_take_rows(rows, few));
    gr_graph_reset(g);
    return p;
}

/* A picture's view (N,1,28,28). */
static gr_tensor *view(gr_tensor *x) {
    x = gr_random_flip(gr_random_shift(x, 1), 0.5);
    x = gr_random_jitter(x, .brightness = 0.8, .contrast = 0.8);
    return gr_random_cutout(x, 16);
}

/* Two views of each picture: rows i and i + N. */
static gr_tensor *two_views(gr_tensor *x) { return gr_concat(GR_LIST(view(x), view(x)), 0); }

/* -- The network -- */

static gr_module *encoder_new(gr_graph *g) {
    return gr_sequential(g, gr_conv2d_layer(g, 1, FILTERS, PATCH, .stride = PATCH),
                         gr_relu_layer(g),
                         gr_conv2d_layer(g, FILTERS, 2 * FILTERS, 3, .stride = 2, .padding = 1),
                         gr_relu_layer(g), gr_flatten_layer(g));
}

static gr_module *head_new(gr_graph *g, const method *m) {
    if (!is_contrastive(m)) return gr_linear(g, FEATURES, CLASSES);
    return gr_sequential(g, gr_linear(g, FEATURES, HIDDEN), gr_relu_layer(g),
                         gr_linear(g, HIDDEN, EMBEDDING));
}

/* -- The loss -- */

/* The views of pictures from ... to - 1 of those in embeddings (2N,D). */
static gr_tensor *views_of(gr_tensor *embeddings, int from, int to) {
    if (embeddings == NULL) return NULL;
    int n = embeddings->shape.dim[0] / 2;
    return gr_concat(
        GR_LIST(gr_slice(embeddings, 0, from, to, 1), gr_slice(embeddings, 0, n + from, n + to, 1)),
        0);
}

/* Each view's partner in its place. */
static gr_tensor *partners(gr_tensor *views) {
    if (views == NULL) return NULL;
    int n = views->shape.dim[0] / 2;
    return gr_concat(GR_LIST(gr_slice(views, 0, n, 2 * n, 1), gr_slice(views, 0, 0, n, 1)), 0);
}

/* nt_xent of products instead of cosines: a cross-entropy in which no view is its own candidate. */
static gr_tensor *products_loss(gr_tensor *views, double temperature) {
    static const double never = -1e30;
    if (views == NULL) return NULL;
    int n = views->shape.dim[0];
    gr_tensor *mask = gr_zeros(views->graph, GR_SHAPE(n, n));
    gr_tensor *partner = rows_range(views->graph, 0, n);
    if (mask == NULL || partner == NULL) return NULL;
    for (int i = 0; i < n; i++) {
        mask->data[(int64_t)i * n + i] = (gr_real)never;
        partner->index[i] = (i + n / 2) % n;
    }
    gr_tensor *products = gr_matmul(views, views, .transpose_b = true);
    return gr_cross_entropy(gr_add(gr_scale(products, 1 / temperature), mask), partner);
}

/* Queries and positives of one half of the batch against the views of the other. */
static gr_tensor *half_loss(const method *m, gr_tensor *half, gr_tensor *other) {
    return gr_info_nce(half, partners(half), other, .temperature = m->temperature,
                       .normalize = !m->products);
}

/* Of the embeddings (2N,D) of one group's views. */
static gr_tensor *group_loss(const method *m, gr_tensor *views) {
    if (views == NULL) return NULL;
    if (m->task == INFO_NCE) {
        int n = views->shape.dim[0] / 2;
        gr_tensor *a = views_of(views, 0, n / 2), *b = views_of(views, n / 2, n);
        return gr_scale(gr_add(half_loss(m, a, b), half_loss(m, b, a)), 0.5);
    }
    return m->products ? products_loss(views, m->temperature)
                       : gr_nt_xent(views, .temperature = m->temperature);
}

/* The mean over the groups of a batch. */
static gr_tensor *contrastive_loss(const method *m, gr_tensor *embeddings) {
    if (embeddings == NULL || m->group == m->batch) return group_loss(m, embeddings);
    gr_tensor *sum = gr_scalar(embeddings->graph, 0);
    for (int from = 0; from < m->batch; from += m->group)
        sum = gr_add(sum, group_loss(m, views_of(embeddings, from, from + m->group)));
    return gr_scale(sum, (double)m->group / m->batch);
}

/* The loss of who takes all candidates for equally likely. */
static double chance(const method *m) {
    return log(m->task == INFO_NCE ? m->group + 1 : 2 * m->group - 1);
}

/* -- One training -- */

/* The few rows as often as it takes for as many as there are of all. */
static gr_tensor *repeated(const gr_tensor *rows, int64_t n) {
    if (rows == NULL) return NULL;
    gr_tensor *many = rows_range(rows->graph, 0, (int)n);
    for (int64_t i = 0; many != NULL && i < n; i++) many->index[i] = rows->index[i % rows->size];
    return many;
}

static gr_batches *batches_of(const method *m, const parts *p) {
    gr_tensor *rows =
        m->task == FEW_LABELS ? repeated(p->few.rows, p->train.rows->size) : p->train.rows;
    return gr_batches_new(rows, .batch = is_contrastive(m) ? m->batch : LABEL_BATCH,
                          .shuffle = true, .drop_last = true);
}

static double first_rate(const method *m) {
    return is_contrastive(m) ? settings.lr : settings.lr * LABEL_RATE;
}

static gr_tensor *loss_of(const method *m, gr_module *net, const part *p, const gr_tensor *rows) {
    gr_tensor *x = rows_take(p->all_x, rows);
    if (is_contrastive(m)) return contrastive_loss(m, gr_forward(net, two_views(x)));
    return gr_cross_entropy(gr_forward(net, view(x)), rows_take(p->all_y, rows));
}

/* Adam. False if it was not brought to its end. */
static bool fit(experiment_run *run, const method *m, gr_module *net, const parts *p) {
    gr_graph *g = run->graph;
    double lr = first_rate(m);
    gr_optimizer *opt = gr_adam(net, .lr = lr);
    gr_trainer *trainer = gr_trainer_new(net, opt, batches_of(m, p), .epochs = settings.epochs,
                                         .directory = experiment_directory(run), .save_every = 0);
    gr_tensor *rows;
    while (gr_trainer_epoch(trainer)) {
        while (gr_trainer_batch(trainer, &rows, NULL)) {
            opt->lr = gr_lr_cosine(lr, trainer->step, trainer->steps, 0);
            gr_trainer_step(trainer, loss_of(m, net, &p->train, rows));
        }
        experiment_progress(run, (trainer->epoch + 1.0) / (settings.epochs + 1));
        if (interrupted()) gr_trainer_stop(trainer);
    }
    if (is_contrastive(m) && trainer != NULL) {
        run->values[LOSS] = gr_trainer_value(trainer, "loss");
        run->values[ABOVE_CHANCE] = run->values[LOSS] - chance(m);
    }
    return !gr_failed(g) && !interrupted();
}

/* -- Judging -- */

/* The encoder's features (N,512) of the part, or raw pixels (N,784); they last. */
static gr_tensor *features_of(const method *m, gr_module *encoder, const part *p) {
    gr_graph *g = encoder == NULL ? NULL : encoder->graph;
    if (g == NULL || p->rows == NULL) return NULL;
    int n = (int)p->rows->size, width = m->task == RAW_PIXELS ? PIXELS : FEATURES;
    gr_tensor *all = gr_keep(gr_zeros(g, GR_SHAPE(n, width)));
    gr_no_grad_begin(g);
    for (int from = 0; from < n && !gr_failed(g); from += CHUNK) {
        int chunk = n - from < CHUNK ? n - from : CHUNK;
        gr_tensor *rows = gr_from_index(g, GR_SHAPE(chunk), p->rows->index + from);
        gr_tensor *x = rows_take(p->all_x, rows);
        gr_tensor *y = m->task == RAW_PIXELS ? x : gr_forward(encoder, x);
        if (y != NULL)
            memcpy(all->data + (size_t)from * (size_t)width, y->data,
                   (size_t)y->size * sizeof *y->data);
        gr_graph_reset(g);
    }
    gr_no_grad_end(g);
    return all;
}

/* Draws the same for all methods of a seed, whatever they have drawn before. */
static void begin_judging(const experiment_run *run) {
    gr_random_set(run->graph, (gr_random_state){.seed = (uint64_t)run->seed + JUDGE_SEED});
}

static void judge_features(experiment_run *run, const method *m, gr_module *encoder,
                           const parts *p) {
    gr_random_state before = gr_random_get(run->graph);
    begin_judging(run);
    gr_tensor *train = features_of(m, encoder, &p->train),
              *test = features_of(m, encoder, &p->test);
    gr_tensor *few = features_of(m, encoder, &p->few);
    run->values[KNN] = 100 * cosine_knn_accuracy(train, p->train.y, test, p->test.y, NEIGHBOURS);
    if (run->seed == settings.seed) experiment_keep(run, "features", test);
    gr_scaler *scaler = gr_scaler_fit(train);
    labelled_features with_all = {gr_keep(gr_scaler_apply(scaler, train)), p->train.y};
    labelled_features with_few = {gr_keep(gr_scaler_apply(scaler, few)), p->few.y};
    labelled_features of_test = {gr_keep(gr_scaler_apply(scaler, test)), p->test.y};
    run->values[PROBE] = 100 * linear_probe(with_all, of_test, CLASSES);
    run->values[PROBE_FEW] = 100 * linear_probe(with_few, of_test, CLASSES);
    gr_random_set(run->graph, before);
}

/* What the network that was trained with 1 % of the labels says itself. */
static void judge_classifier(experiment_run *run, gr_module *encoder, gr_module *head,
                             const parts *p) {
    static const method any = {.task = FEW_LABELS};
    gr_tensor *scores = gr_forward(head, features_of(&any, encoder, &p->test));
    run->values[PROBE_FEW] = 100 * gr_accuracy(scores, p->test.y);
    gr_graph_reset(run->graph);
}

/* How many of the views (2N,D) have their partner as the nearest by cosine. */
static int partners_found(gr_tensor *views) {
    gr_tensor *unit = unit_rows(views);
    gr_tensor *cosines = gr_matmul(unit, unit, .transpose_b = true);
    int n = cosines == NULL ? 0 : cosines->shape.dim[0], found = 0;
    for (int i = 0; i < n; i++) {
        const gr_real *row = cosines->data + (int64_t)i * n;
        int partner = (i + n / 2) % n;
        bool nearest = true;
        for (int k = 0; k < n; k++) nearest = nearest && (k == i || row[k] <= row[partner]);
        found += nearest;
    }
    return found;
}

/* By test pictures, the same for all methods of a seed, and so are their views. */
static void judge_embedding(experiment_run *run, gr_module *net, const parts *p) {
    gr_graph *g = run->graph;
    begin_judging(run);
    gr_tensor *order = gr_keep(gr_permutation(g, (int)p->test.rows->size));
    gr_tensor *shuffled = gr_take_rows(p->test.rows, order);
    double loss = 0;
    int batches = 0, found = 0;
    gr_no_grad_begin(g);
    for (; batches < PAIR_BATCHES && !gr_failed(g); batches++) {
        gr_tensor *rows =
            gr_from_index(g, GR_SHAPE(PAIR_BATCH), shuffled->index + batches * PAIR_BATCH);
        gr_tensor *views = gr_forward(net, two_views(rows_take(p->test.all_x, rows)));
        loss += gr_item(gr_nt_xent(views, .temperature = BASE_TEMPERATURE));
        found += partners_found(views);
        gr_graph_reset(g);
    }
    gr_no_grad_end(g);
    run->values[HELD_OUT] = loss / batches - log(2 * PAIR_BATCH - 1);
    run->values[PARTNER] = 100.0 * found / (2 * PAIR_BATCH * batches);
}

/* The first method that is trained without labels says for all what the untrained network can: they
 * have the same. */
static bool says_untrained(int m) {
    int first = 0;
    while (first < n_methods - 1 && !is_contrastive(&methods[first])) first++;
    return m == first;
}

static void train(experiment_run *run, void *context) {
    static const method untrained = {.task = UNTRAINED};
    const method *m = &methods[run->method];
    gr_graph *g = run->graph;
    parts p = parts_of(g, context);
    gr_module *encoder = encoder_new(g), *head = head_new(g, m);
    if (gr_failed(g)) return;
    if (says_untrained(run->method)) {
        judge_features(run, &untrained, encoder, &p);
        run->untrained = run->values[PROBE];
    }
    gr_module *net = gr_sequential(g, encoder, head);
    if (m->task > UNTRAINED && !fit(run, m, net, &p)) return;
    judge_features(run, m, encoder, &p);
    if (m->task == FEW_LABELS) judge_classifier(run, encoder, head, &p);
    if (is_contrastive(m)) judge_embedding(run, net, &p);
}

/* -- The verdict -- */

static const char *in_words(int better) {
    return better > 0 ? "clearly better" : better < 0 ? "clearly worse" : "no clear difference";
}

/* The method of these settings, or -1. */
static int find(method wanted) {
    for (int i = 0; i < n_methods; i++) {
        const method *m = &methods[i];
        if (m->task == wanted.task && m->batch == wanted.batch && m->group == wanted.group &&
            m->temperature == wanted.temperature && m->products == wanted.products)
            return i;
    }
    return -1;
}

static int find_task(task task) {
    for (int i = 0; i < n_methods; i++)
        if (methods[i].task == task) return i;
    return -1;
}

static int find_base(task task) { return find(base(task)); }

static int find_products(task task) {
    method m = base(task);
    m.products = true;
    return find(m);
}

static int find_batch(int batch, int group) {
    method m = base(NT_XENT);
    m.batch = batch;
    m.group = group;
    return find(m);
}

static void compare(experiment *e, int a, int b) {
    static const int said[] = {PROBE, KNN, PROBE_FEW, HELD_OUT};
    if (a < 0 || b < 0) return;
    experiment_say(e, "\n%s against %s:\n", labels[a], labels[b]);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        difference by = experiment_difference(e, 0, a, b, said[i]);
        if (isnan(by.mean)) continue;
        experiment_say(e, "    %-12s %+8.3f +- %-7.3f %s\n", measures[said[i]].title, by.mean,
                       by.half_width, in_words(experiment_better(e, 0, a, b, said[i])));
    }
}

static double mean(const experiment *e, int m, int measure) {
    return experiment_mean(e, 0, m, measure);
}

/* Of comparisons by probe and k-NN: how many are clearly for what the advice says and how many
 * against it, and whether it may be right although none is clear. */
typedef struct score {
    int better, worse;
    bool open;
} score;

/* Adds those of a, which the advice wants, with b. They leave it open if b may, by the interval,
 * lose half of what a has gained over the untrained encoder. */
static void add_score(const experiment *e, int a, int b, score *s) {
    for (int measure = PROBE; measure <= KNN; measure++) {
        int sign = experiment_better(e, 0, a, b, measure);
        difference by = experiment_difference(e, 0, a, b, measure);
        double gain = mean(e, a, measure) - mean(e, find_task(UNTRAINED), measure);
        s->better += sign > 0;
        s->worse += sign < 0;
        s->open = s->open || by.mean + by.half_width > gain / 2;
    }
}

static experiment_verdict_kind verdict_of(score s, int comparisons) {
    if (s.better == comparisons) return VERDICT_HELD;
    if (s.better > 0) return VERDICT_PARTLY;
    return s.worse > 0 || !s.open ? VERDICT_FAILED : VERDICT_UNCLEAR;
}

/* "Batches under 32 are too small": for training as it is done, and for the negatives alone. */
static void say_batches(experiment *e) {
    int all = find_base(NT_XENT), small_size = settings.batch / 16;
    int small = find_batch(small_size, small_size), groups = find_batch(settings.batch, small_size);
    int least = find_batch(settings.batch, settings.batch / 64);
    if (all < 0 || small < 0 || groups < 0 || least < 0) return;
    compare(e, small, all);
    compare(e, groups, all);
    compare(e, least, all);
    score s = {0};
    add_score(e, all, small, &s);
    add_score(e, all, groups, &s);
    experiment_verdict(
        e, "quickref-d", verdict_of(s, 4),
        "batches under 32 are too small: at equally many pictures seen, %s and so 16 times the "
        "steps has probe %.2f%% and k-NN %.2f%% instead of %.2f%% and %.2f%% (%s; %s); the "
        "negatives of such a batch alone, at equally many steps, %.2f%% and %.2f%% (%s; %s), those "
        "of a batch of %d %.2f%% and %.2f%% (%s; %s)",
        labels[small], mean(e, small, PROBE), mean(e, small, KNN), mean(e, all, PROBE),
        mean(e, all, KNN), in_words(experiment_better(e, 0, small, all, PROBE)),
        in_words(experiment_better(e, 0, small, all, KNN)), mean(e, groups, PROBE),
        mean(e, groups, KNN), in_words(experiment_better(e, 0, groups, all, PROBE)),
        in_words(experiment_better(e, 0, groups, all, KNN)), settings.batch / 64,
        mean(e, least, PROBE), mean(e, least, KNN),
        in_words(experiment_better(e, 0, least, all, PROBE)),
        in_words(experiment_better(e, 0, least, all, KNN)));
}

/* "Embeddings must be normalised." */
static void say_products(experiment *e) {
    int a = find_base(NT_XENT), a_products = find_products(NT_XENT);
    int b = find_base(INFO_NCE), b_products = find_products(INFO_NCE);
    if (a < 0 || a_products < 0 || b < 0 || b_products < 0) return;
    compare(e, a_products, a);
    compare(e, b_products, b);
    score s = {0};
    add_score(e, a, a_products, &s);
    add_score(e, b, b_products, &s);
    experiment_verdict(
        e, "quickref-d", verdict_of(s, 4),
        "embeddings must be normalised: products instead of cosines change nt_xent's probe by "
        "%+.2f points (%s) and its k-NN by %+.2f (%s), info_nce's by %+.2f (%s) and %+.2f (%s)",
        experiment_difference(e, 0, a_products, a, PROBE).mean,
        in_words(experiment_better(e, 0, a_products, a, PROBE)),
        experiment_difference(e, 0, a_products, a, KNN).mean,
        in_words(experiment_better(e, 0, a_products, a, KNN)),
        experiment_difference(e, 0, b_products, b, PROBE).mean,
        in_words(experiment_better(e, 0, b_products, b, PROBE)),
        experiment_difference(e, 0, b_products, b, KNN).mean,
        in_words(experiment_better(e, 0, b_products, b, KNN)));
}

/* The base and what differs from it in the temperature alone, from the lowest up. */
static int find_temperatures(int *found) {
    int n = 0;
    for (int i = 0; i < n_methods; i++) {
        method m = base(NT_XENT);
        m.temperature = methods[i].temperature;
        if (find(m) != i) continue;
        int to = n++;
        for (; to > 0 && methods[found[to - 1]].temperature > m.temperature; to--)
            found[to] = found[to - 1];
        found[to] = i;
    }
    return n;
}

/* "The temperature matters": the best is clearly better than the worst. */
static void say_temperatures(experiment *e) {
    int found[MOST_METHODS], n = find_temperatures(found), best[2], worst[2];
    if (n < 3) return;
    for (int k = PROBE; k <= KNN; k++) {
        best[k] = worst[k] = found[0];
        for (int i = 1; i < n; i++) {
            if (mean(e, found[i], k) > mean(e, best[k], k)) best[k] = found[i];
            if (mean(e, found[i], k) < mean(e, worst[k], k)) worst[k] = found[i];
        }
    }
    compare(e, best[PROBE], worst[PROBE]);
    int by_probe = experiment_better(e, 0, best[PROBE], worst[PROBE], PROBE) > 0;
    int by_knn = experiment_better(e, 0, best[KNN], worst[KNN], KNN) > 0;
    experiment_verdict(
        e, "quickref-d", verdict_of((score){.better = by_probe + by_knn, .open = true}, 2),
        "the temperature matters: from %g to %g the probe is best at %g with %.2f%% and worst at "
        "%g with %.2f%% (%s), k-NN best at %g with %.2f%% and worst at %g with %.2f%% (%s)",
        methods[found[0]].temperature, methods[found[n - 1]].temperature,
        methods[best[PROBE]].temperature, mean(e, best[PROBE], PROBE),
        methods[worst[PROBE]].temperature, mean(e, worst[PROBE], PROBE),
        by_probe ? "a clear difference" : "no clear difference", methods[best[KNN]].temperature,
        mean(e, best[KNN], KNN), methods[worst[KNN]].temperature, mean(e, worst[KNN], KNN),
        by_knn ? "a clear difference" : "no clear difference");
}

/* The best without labels that is trained, by a measure. */
static int best_contrastive(const experiment *e, int measure) {
    int best = -1;
    for (int i = 0; i < n_methods; i++)
        if (is_contrastive(&methods[i]) &&
            (best < 0 || mean(e, i, measure) > mean(e, best, measure)))
            best = i;
    return best;
}

static void say_gains(experiment *e) {
    int all = find_base(NT_XENT);
    for (task t = RAW_PIXELS; t <= ALL_LABELS; t++) compare(e, all, find_task(t));
}

static void say_choice(experiment *e) {
    int best = best_contrastive(e, PROBE), few = best_contrastive(e, PROBE_FEW);
    int supervised = find_task(FEW_LABELS), same = 0;
    if (best < 0) return;
    experiment_say(e, "\nWithout labels, choose %s: probe %.2f%%, raw pixels %.2f%%.", labels[best],
                   mean(e, best, PROBE), mean(e, find_task(RAW_PIXELS), PROBE));
    for (int m = 0; m < n_methods; m++)
        if (is_contrastive(&methods[m]) && m != best &&
            experiment_better(e, 0, m, best, PROBE) == 0)
            experiment_say(e, "%s%s", same++ == 0 ? " Not clearly worse:\n" : ", ", labels[m]);
    experiment_say(e, "%s\n", same == 0 ? "" : ".");
    if (supervised >= 0)
        experiment_say(e,
                       "With 1%% of the labels, a probe of %s's features is right in %.2f%%, "
                       "the network\ntrained with them alone in %.2f%%, a probe of raw pixels in "
                       "%.2f%%.\n",
                       labels[few], mean(e, few, PROBE_FEW), mean(e, supervised, PROBE_FEW),
                       mean(e, find_task(RAW_PIXELS), PROBE_FEW));
}

/* -- Pictures -- */

static void add_point(setting_line *line, int method, double x) {
    if (method < 0 || line->n == SETTING_PLOT_POINTS) return;
    line->methods[line->n] = method;
    line->x[line->n++] = x;
}

/* Batches of 16, 64 and 256; groups of 4, 16 and 256. */
static void add_batch_lines(setting_panel *panel, int measure) {
    setting_line batches = {.title = "batches, more steps", .measure = measure, .style = 1};
    setting_line groups = {.title = "groups, equal steps", .measure = measure, .style = 2};
    for (int part = 64; part >= 1; part /= 4) {
        int size = settings.batch / part;
        add_point(&batches, find_batch(size, size), size);
        add_point(&groups, find_batch(settings.batch, size), size);
    }
    panel->lines[panel->n++] = batches;
    panel->lines[panel->n++] = groups;
}

static void add_temperature_line(setting_panel *panel, int measure) {
    int found[MOST_METHODS], n = find_temperatures(found);
    setting_line line = {.title = "nt_xent", .measure = measure, .style = 1};
    for (int i = 0; i < n; i++) add_point(&line, found[i], methods[found[i]].temperature);
    panel->lines[panel->n++] = line;
}

static void add_flat(setting_panel *panel, const char *title, int measure, int method, int style) {
    if (method < 0) return;
    panel->lines[panel->n++] = (setting_line){.title = title,
                                              .measure = measure,
                                              .style = style,
                                              .flat = true,
                                              .n = 1,
                                              .methods = {method}};
}

static void draw_accuracy(experiment *e) {
    setting_panel panels[4] = {{0}};
    for (int i = 0; i < 4; i++) {
        setting_panel *p = &panels[i];
        int measure = i < 2 ? PROBE : KNN;
        p->y_title = i < 2 ? "linear probe, %" : "10 nearest neighbours, %";
        p->x_title = i % 2 == 0 ? "pictures that see each other" : "temperature";
        if (i % 2 == 0)
            add_batch_lines(p, measure);
        else
            add_temperature_line(p, measure);
        add_flat(p, "raw pixels", measure, find_task(RAW_PIXELS), 8);
        add_flat(p, "untrained", measure, find_task(UNTRAINED), 4);
    }
    if (plot_settings(e, panels, 4, 2, "accuracy"))
        experiment_picture(e, "accuracy",
                           "accuracy on test pictures against the batch (or group) and against the "
                           "temperature: mean and standard deviation");
}

static void draw_losses(experiment *e) {
    static const char *const titles[] = {"loss of the last epoch, nats", "loss - log(2N - 1), nats",
                                         "held-out loss - log(2N - 1), N = 250"};
    setting_panel panels[3] = {{0}};
    for (int i = 0; i < 3; i++) {
        panels[i].y_title = titles[i];
        panels[i].x_title = "N, pictures that see each other";
        add_batch_lines(&panels[i], i == 0 ? LOSS : i == 1 ? ABOVE_CHANCE : HELD_OUT);
    }
    if (plot_settings(e, panels, 3, 3, "loss"))
        experiment_picture(e, "loss",
                           "the loss against the batch (or group): as it is, minus what guessing "
                           "costs, and of the same held-out pictures for all");
}

static void draw_neighbours(experiment *e, const gr_mnist *data) {
    gr_graph *g = gr_graph_new();
    embedding_panel panels[3];
    int shown[] = {find_task(RAW_PIXELS), find_task(UNTRAINED), best_contrastive(e, PROBE)}, n = 0;
    part test = test_part(g, data);
    gr_tensor *queries = rows_of_classes(g, test.y, all_classes, .each = 1, .begin = SHOW_FROM);
    gr_tensor *pixels =
        gr_reshape(rows_take(test.all_x, test.rows), GR_SHAPE((int)test.rows->size, SIDE, SIDE));
    for (int i = 0; i < 3 && shown[i] >= 0; i++) {
        gr_tensor *x = experiment_kept(e, g, 0, shown[i], 0, "features");
        if (x != NULL) panels[n++] = (embedding_panel){labels[shown[i]], unit_rows(x), 0};
    }
    embedding_plots plots = {.directory = settings.out,
                             .panels = panels,
                             .n_panels = n,
                             .classes = test.y,
                             .pixels = pixels};
    if (n > 0 && pixels != NULL && plot_neighbours(&plots, "neighbours", queries, 5))
        experiment_picture(e, "neighbours",
                           "test pictures and the five others that are nearest by the cosine of "
                           "pixels and of features, of the first seed");
    if (gr_failed(g)) fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
    gr_graph_free(g);
}

/* -- The program -- */

static void report(experiment *e, const gr_mnist *data) {
    if (!experiment_report_begin(e)) return;
    experiment_say(e,
                   "Fashion-MNIST, %d pictures for training, %d methods, %d seeds, %d epochs.\nOn "
                   "%s pictures: mean and spread (standard deviation) over the seeds. probe and "
                   "k-NN:\nby all labels; partner: second views found; loss - log: minus that of "
                   "guessing; held-out:\nthe same for all batches and temperatures.\n\n",
                   CLASSES * (settings.quick ? TRAIN_EACH_QUICK : TRAIN_EACH), n_methods,
                   e->complete, settings.epochs, validate ? "held-out training" : "test");
    experiment_table(e);
    experiment_say(e,
                   "\nDifferences are taken seed by seed, with their 95%% interval; one is "
                   "clear if that does not hold 0.%s\nAn advice has failed where what it warns of "
                   "costs nothing clearly and, by that interval,\nless than half of what training "
                   "gains over the untrained encoder.\n\n",
                   e->complete == 1 ? " One seed can't show any." : "");
    experiment_ranking(e, 0, PROBE);
    say_gains(e);
    say_batches(e);
    say_products(e);
    say_temperatures(e);
    say_choice(e);
    experiment_say(e, "\n");
    if (find_base(NT_XENT) >= 0 && plot_differences(e, find_base(NT_XENT), PROBE, "differences"))
        experiment_picture(e, "differences",
                           "accuracy of the linear probe minus that of the base: seeds, and their "
                           "mean with its 95 % interval");
    draw_accuracy(e);
    draw_losses(e);
    draw_neighbours(e, data);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    static const char *const all[] = {"all"};
    options_parse(PROGRAM,
                  "Trains an encoder of pictures without labels, and says what the contrastive "
                  "loss needs:\nlarge batches, normalised embeddings, the right temperature?",
                  options, argc, argv);
    choose_methods();
    gr_graph *g = gr_graph_new(.threads = 1);
    gr_mnist *data = gr_fashion_mnist_read(g, settings.data);
    if (data == NULL) {
        fprintf(stderr, "%s: %s (--data DIR says where it is)\n", PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    experiment e = {.program = PROGRAM,
                    .question =
                        "What does the contrastive loss need to learn from pictures without "
                        "labels?",
                    .settings = &settings,
                    .options = options,
                    .conditions = all,
                    .n_conditions = 1,
                    .methods = labels,
                    .n_methods = n_methods,
                    .losses = method_losses,
                    .measures = measures,
                    .n_measures = MEASURES,
                    .train = train,
                    .context = data};
    if (experiment_train(&e)) report(&e, data);
    gr_graph_free(g);
    return experiment_end(&e);
}
