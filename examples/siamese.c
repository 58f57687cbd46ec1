/* Which pairs and triplets teach an embedding?
 *
 * A siamese network puts pictures into a space where those of one class are near each other. It is
 * of use where classes come after the training: whether two pictures show the same thing is then a
 * matter of their distance. So the network here never sees three of Fashion-MNIST's ten classes,
 * and is judged by them: two garments for the upper body, which look much alike, and a kind of
 * shoe. Which ones goes round with the seed, so that no lucky choice decides; that is most of the
 * spread in the table, and methods are compared seed by seed.
 *
 * Every method trains the same network, 784-128-32 and ReLU between, from the same beginning on the
 * same 1,000 pictures of each other class for the same number of steps. A step embeds one batch, in
 * which all classes are equally frequent, as unit vectors, and takes as many triplets from it as it
 * has pictures: an anchor a, a positive p of its class and a negative n of another. What differs is
 * the choice:
 *
 *   triplet easy       at random from those that cost nothing: d(a,n) >= d(a,p) + margin
 *   triplet farthest   at random, but n the farthest of the batch from a: easy, yet not always free
 *   triplet random     at random from all
 *   triplet semi-hard  at random from those whose n is farther from a than p, but within the margin
 *   triplet hard       for each picture as a the farthest p and the nearest n of the batch
 *
 * contrastive and cosine_embedding take random triplets apart, into the pairs (a,p) and (a,n).
 * cross_entropy is a bar: a classifier of the seven classes, a linear layer on top of the same
 * network, whose embedding is judged in the same way. raw pixels is another: no training at all.
 *
 * Judged are pictures of the test part, by distances of unit vectors. The ROC-AUC of verification
 * is how likely a pair of one class is nearer than a pair of two, over all pairs; recall@1 (R@1) is
 * how often the nearest picture is of the same class; both among the unseen classes and among the
 * others. "AUC alike" is that of the two unseen garments alone: telling a garment from a shoe does
 * not help there. "free" is the share of the triplets that a method trained on which cost nothing,
 * and so taught nothing, in the first epoch and in the last.
 *
 * Settings were chosen with --validate, which leaves the unseen classes and the test part wholly
 * out and has three of the other seven in their place: the margins (contrastive 1, of 0.5 and 1;
 * cosine_embedding 0.5, of 0 and 0.5; triplet 0.2, of 0.1, 0.2 and 0.5), what semi-hard means (as
 * above, or only the nearest such n of each a and p), and 10 epochs, than which 15 were no better.
 */
#include <math.h>
#include <string.h>

#include "examples/common/embedding_plots.h"
#include "examples/common/experiment_report.h"
#include "examples/common/interrupt.h"
#include "examples/common/loss_option.h"
#include "examples/common/rows.h"
#include "gradus.h"

static const char PROGRAM[] = "siamese";
/* What the loss adds to differences (its eps) must not make an easy triplet cost anything. */
static const double ROUNDING = 1e-3;
static const char ALL_LOSSES[] = "contrastive,cosine_embedding,triplet,cross_entropy";

enum {
    SIDE = 28,
    PIXELS = SIDE * SIDE,
    HIDDEN = 128,
    EMBEDDING = 32,
    TRAIN_EACH = 1000,
    TEST_EACH = 150,
    TEST_EACH_QUICK = 60,
    CLASSES = GR_MNIST_CLASSES
};
enum { MOST_LOSSES = 8, MININGS = 5, MOST_METHODS = 1 + MOST_LOSSES * MININGS };

enum {
    AUC_UNSEEN,
    AUC_ALIKE,
    AUC_SEEN,
    RECALL_UNSEEN,
    RECALL_SEEN,
    FREE_FIRST,
    FREE_LAST,
    MEASURES
};
static const experiment_measure measures[MEASURES] = {
    [AUC_UNSEEN] = {.title = "AUC unseen", .key = "auc_unseen", .decimals = 4, .maximize = true},
    [AUC_ALIKE] = {.title = "AUC alike", .key = "auc_alike", .decimals = 4, .maximize = true},
    [AUC_SEEN] = {.title = "AUC seen", .key = "auc_seen", .decimals = 4, .maximize = true},
    [RECALL_UNSEEN] = {.title = "R@1 unseen",
                       .key = "recall_unseen",
                       .decimals = 3,
                       .maximize = true},
    [RECALL_SEEN] = {.title = "R@1 seen", .key = "recall_seen", .decimals = 3, .maximize = true},
    [FREE_FIRST] = {.title = "free first", .key = "free_first", .decimals = 3},
    [FREE_LAST] = {.title = "free last", .key = "free_last", .decimals = 3}};

static experiment_settings settings = {.loss = "all",
                                       .data = GR_FASHION_MNIST_DIRECTORY,
                                       .out = "build/siamese-out",
                                       .seeds = 10,
                                       .epochs = 10,
                                       .batch = 112,
                                       .seed = 1,
                                       .lr = 1e-3};
static bool validate;

static const option_row options[] = {
    EXPERIMENT_OPTIONS(settings,
                       "all, or some of contrastive,cosine_embedding,triplet,cross_entropy; "
                       "triplet:margin=0.5",
                       "the directory of Fashion-MNIST",
                       "Adam's learning rate; falls to 0 in a line", 3, 2),
    {"validate", NULL, OPTION_FLAG, &validate,
     .about = "judges by classes and pictures that are for choosing settings"},
    {0}};

/* -- Methods -- */

typedef enum mining { EASY, FARTHEST, RANDOM, SEMI_HARD, HARD } mining;
static const char *const mining_names[MININGS] = {"easy", "farthest", "random", "semi-hard",
                                                  "hard"};

static const char *const mining_losses[MININGS] = {"triplet easy", "triplet batch_all",
                                                   "triplet batch_all", "triplet semi_hard",
                                                   "triplet batch_hard"};

typedef struct method {
    char label[64];
    const char *loss; /* its name; NULL for raw pixels */
    double margin;
    mining mining; /* of triplet */
} method;

static method methods[MOST_METHODS];
static const char *labels[MOST_METHODS];
static const char *method_losses[MOST_METHODS];
static int n_methods;

static bool is(const method *m, const char *loss) {
    return m->loss != NULL && strcmp(m->loss, loss) == 0;
}

static double usual_margin(const char *loss) {
    return strcmp(loss, "triplet") == 0 ? 0.2 : strcmp(loss, "cosine_embedding") == 0 ? 0.5 : 1;
}

static void add_method(const loss_choice *choice, mining how) {
    method *m = &methods[n_methods];
    *m = (method){.loss = choice->info->name, .mining = how};
    bool given = strcmp(choice->label, m->loss) != 0; /* parameters are on the label */
    int place = gr_loss_parameter(choice->info, "margin");
    m->margin = given && place >= 0 ? choice->parameter[place] : usual_margin(m->loss);
    bool triplet = is(m, "triplet");
    snprintf(m->label, sizeof m->label, "%s%s%s", choice->label, triplet ? " " : "",
             triplet ? mining_names[how] : "");
    method_losses[n_methods] = triplet ? mining_losses[how] : m->loss;
    labels[n_methods++] = m->label;
}

static void choose_methods(void) {
    loss_choice chosen[MOST_LOSSES];
    const char *names = strcmp(settings.loss, "all") == 0 ? ALL_LOSSES : settings.loss;
    int n = loss_option_parse(PROGRAM, names, ALL_LOSSES, chosen, MOST_LOSSES);
    snprintf(methods[0].label, sizeof methods[0].label, "raw pixels");
    labels[n_methods++] = methods[0].label;
    for (int i = 0; i < n; i++) {
        int minings = strcmp(chosen[i].info->name, "triplet") == 0 ? MININGS : 1;
        for (int k = 0; k < minings; k++) add_method(&chosen[i], (mining)k);
    }
}

/* -- Data -- */

/* The classes of one training; with --validate the unseen ones of the experiment are in neither. */
typedef struct roles {
    bool seen[CLASSES], unseen[CLASSES];
    int place[CLASSES]; /* of a seen class among them: 0, 1, ... */
    int n_seen;
} roles;

/* T-shirt, pullover, dress, coat, shirt. */
static const bool is_upper[CLASSES] = {[0] = true, [2] = true, [3] = true, [4] = true, [6] = true};

static void mark_three(bool *marked, int upper_turn, int shoe_turn) {
    static const int upper[] = {0, 2, 3, 4, 6};
    static const int shoe[] = {5, 7, 9}; /* sandal, sneaker, ankle boot */
    marked[upper[upper_turn % 5]] = marked[upper[(upper_turn + 1) % 5]] = true;
    marked[shoe[shoe_turn % 3]] = true;
}

static roles roles_of(int seed) {
    roles r = {0};
    bool away[CLASSES] = {0};
    if (validate) {
        mark_three(away, seed, seed);
        mark_three(r.unseen, seed % 5 + 2, seed % 3 + 1);
    } else {
        mark_three(r.unseen, seed, seed);
    }
    for (int c = 0; c < CLASSES; c++) {
        r.seen[c] = !away[c] && !r.unseen[c];
        r.place[c] = r.n_seen;
        r.n_seen += r.seen[c];
    }
    return r;
}

/* Pictures as rows of pixels (N,784) and their classes (N), in the training's graph. */
typedef struct pictures {
    gr_tensor *x, *y;
} pictures;

static pictures take(const gr_tensor *x, const gr_tensor *y, const gr_tensor *rows) {
    if (rows == NULL) return (pictures){0};
    gr_tensor *rows_of_pixels = gr_reshape(rows_take(x, rows), GR_SHAPE((int)rows->size, PIXELS));
    return (pictures){gr_keep(rows_of_pixels), gr_keep(rows_take(y, rows))};
}

/* Training takes the first five sixths of the training part, validation the rest. */
static int train_end(const gr_mnist *data) { return data->train_x->shape.dim[0] / 6 * 5; }

/* Pictures to judge by; of the training part's, those that no training gets to. */
static pictures held_out(gr_graph *g, const gr_mnist *data, const bool *classes) {
    const gr_tensor *x = validate ? data->train_x : data->test_x;
    const gr_tensor *y = validate ? data->train_y : data->test_y;
    int begin = validate ? train_end(data) : 0;
    return take(x, y,
                rows_of_classes(g, y, classes, .each = settings.quick ? TEST_EACH_QUICK : TEST_EACH,
                                .begin = begin));
}

/* With classes renamed to 0, 1, ... */
static pictures training_part(gr_graph *g, const gr_mnist *data, const roles *r) {
    gr_tensor *rows = rows_of_classes(g, data->train_y, r->seen, .each = TRAIN_EACH,
                                      .end = train_end(data), .shuffled = true);
    pictures p = take(data->train_x, data->train_y, rows);
    for (int64_t i = 0; p.y != NULL && i < p.y->size; i++) p.y->index[i] = r->place[p.y->index[i]];
    return p;
}

/* -- Embedding -- */

/* Rows of length 1. */
static gr_tensor *unit(gr_tensor *x) {
    gr_tensor *squares = gr_sum(gr_square(x), .axes = GR_AXES(1), .keepdim = true);
    return gr_mul(x, gr_rsqrt(gr_shift(squares, 1e-12)));
}

/* Of pictures (N,784), without gradient: (N,32), or of raw pixels (N,784). */
static gr_tensor *embed(const method *m, gr_module *net, gr_tensor *x) {
    if (x == NULL) return NULL;
    gr_no_grad_begin(x->graph);
    gr_tensor *e = unit(m->loss == NULL ? x : gr_forward(net, x));
    gr_no_grad_end(x->graph);
    return e;
}

/* Whether a class takes part: any that occurs if `only` is NULL. */
static bool counts(const bool *only, int32_t class) { return only == NULL || only[class]; }

/* The ROC-AUC of "one class or two" over all pairs of the pictures that count, by nearness. */
static double verification_auc(gr_tensor *embeddings, const gr_tensor *classes, const bool *only) {
    gr_tensor *distances = gr_distances(embeddings, embeddings);
    if (distances == NULL) return NAN;
    int n = embeddings->shape.dim[0], pairs = 0;
    gr_tensor *nearness = gr_zeros(embeddings->graph, GR_SHAPE(n * (n - 1) / 2));
    gr_tensor *same = gr_zeros(embeddings->graph, GR_SHAPE(n * (n - 1) / 2));
    if (nearness == NULL || same == NULL) return NAN;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            int32_t a = classes->index[i], b = classes->index[j];
            if (!counts(only, a) || !counts(only, b)) continue;
            nearness->data[pairs] = -distances->data[(int64_t)i * n + j];
            same->data[pairs++] = a == b;
        }
    return gr_roc_auc(gr_slice(nearness, 0, 0, pairs, 1), gr_slice(same, 0, 0, pairs, 1));
}

/* -- Pairs and triplets -- */

/* `wanted` rows of triplets (T,3), drawn at random; all of them if there are no more. */
static gr_tensor *some(gr_tensor *triplets, int wanted) {
    if (triplets == NULL || triplets->shape.dim[0] <= wanted) return triplets;
    gr_graph *g = triplets->graph;
    gr_tensor *rows = gr_from_index(g, GR_SHAPE(wanted), triplets->index);
    for (int i = 0; rows != NULL && i < wanted; i++)
        rows->index[i] = (int32_t)gr_random_below(g, (uint32_t)triplets->shape.dim[0]);
    return gr_index_select(triplets, 0, rows);
}

/* Each negative replaced by the batch's farthest from the anchor. */
static gr_tensor *with_farthest(gr_tensor *triplets, gr_tensor *embeddings, const gr_tensor *y) {
    gr_tensor *distances = gr_distances(embeddings, embeddings);
    if (triplets == NULL || distances == NULL) return NULL;
    int n = embeddings->shape.dim[0];
    gr_tensor *changed = gr_from_index(triplets->graph, triplets->shape, triplets->index);
    for (int i = 0; changed != NULL && i < changed->shape.dim[0]; i++) {
        int32_t *t = changed->index + 3 * (int64_t)i;
        const gr_real *d = distances->data + (int64_t)t[0] * n;
        for (int32_t k = 0; k < n; k++)
            if (y->index[k] != y->index[t[0]] && d[k] > d[t[2]]) t[2] = k;
    }
    return changed;
}

/* Triplets of rows (T,3), at most as many as the batch has pictures. */
static gr_tensor *mine(const method *m, gr_tensor *embeddings, gr_tensor *y) {
    int n = embeddings->shape.dim[0];
    switch (is(m, "triplet") ? m->mining : RANDOM) {
    case EASY:
        return some(gr_easy(embeddings, y, .margin = m->margin + ROUNDING), n);
    case FARTHEST:
        return with_farthest(some(gr_batch_all(embeddings, y), n), embeddings, y);
    case SEMI_HARD:
        return some(gr_semi_hard(embeddings, y, .margin = m->margin, .all = true), n);
    case HARD:
        return gr_batch_hard(embeddings, y);
    default:
        return some(gr_batch_all(embeddings, y), n);
    }
}

/* Column 0, 1 or 2 of the triplets as rows of the embedding. */
static gr_tensor *corner(gr_tensor *embeddings, gr_tensor *triplets, int column) {
    return gr_index_select(embeddings, 0, gr_select(triplets, 1, column));
}

/* Contrastive or cosine embedding of the pairs (a,p) and (a,n). */
static gr_tensor *pair_loss(const method *m, gr_tensor *embeddings, gr_tensor *triplets) {
    if (triplets == NULL) return NULL;
    gr_graph *g = triplets->graph;
    gr_shape half = GR_SHAPE(triplets->shape.dim[0]);
    gr_tensor *a = corner(embeddings, triplets, 0), *p = corner(embeddings, triplets, 1);
    gr_tensor *x1 = gr_concat(GR_LIST(a, a), 0);
    gr_tensor *x2 = gr_concat(GR_LIST(p, corner(embeddings, triplets, 2)), 0);
    double different = is(m, "contrastive") ? 0 : -1;
    gr_tensor *target = gr_concat(GR_LIST(gr_full(g, half, 1), gr_full(g, half, different)), 0);
    return is(m, "contrastive") ? gr_contrastive(x1, x2, target, .margin = m->margin)
                                : gr_cosine_embedding(x1, x2, target, .margin = m->margin);
}

/* Triplets seen, and how many of them had the loss 0. */
typedef struct tally {
    int64_t seen, free;
} tally;

static gr_tensor *triplet_loss(const method *m, gr_tensor *embeddings, gr_tensor *triplets,
                               tally *t) {
    gr_tensor *each =
        gr_triplet_mined(embeddings, triplets, .margin = m->margin, .reduction = GR_NONE);
    for (int64_t i = 0; each != NULL && i < each->size; i++) t->free += each->data[i] == 0;
    t->seen += each == NULL ? 0 : each->size;
    return gr_mean(each);
}

/* -- One training -- */

/* Of a batch x, y. `head` makes logits of embeddings; only the classifier has one. */
static gr_tensor *loss_of(const method *m, gr_module *net, gr_module *head, gr_tensor *x,
                          gr_tensor *y, tally *t) {
    gr_tensor *out = gr_forward(net, x);
    if (out == NULL) return NULL;
    if (is(m, "cross_entropy")) return gr_cross_entropy(gr_forward(head, out), y);
    gr_tensor *embeddings = unit(out);
    gr_no_grad_begin(x->graph);
    gr_tensor *triplets = mine(m, embeddings, y);
    gr_no_grad_end(x->graph);
    if (triplets != NULL && triplets->size == 0) return gr_scale(gr_sum(embeddings), 0);
    return is(m, "triplet") ? triplet_loss(m, embeddings, triplets, t)
                            : pair_loss(m, embeddings, triplets);
}

/* Adam, with a learning rate that falls to 0. */
static bool fit(experiment_run *run, const method *m, gr_module *net, const pictures *p,
                int n_seen) {
    gr_graph *g = run->graph;
    gr_module *head = gr_linear(g, EMBEDDING, n_seen);
    gr_optimizer *opt =
        gr_adam(is(m, "cross_entropy") ? gr_sequential(g, net, head) : net, .lr = settings.lr);
    gr_batches *batches = gr_batches_new(p->x, p->y, .batch = settings.batch, .shuffle = true,
                                         .drop_last = true, .stratify = p->y);
    for (int epoch = 0; epoch < settings.epochs && !interrupted(); epoch++) {
        gr_tensor *x, *y;
        tally t = {0};
        if (opt != NULL) opt->lr = settings.lr * (settings.epochs - epoch) / settings.epochs;
        while (gr_batch_next(batches, &x, &y)) {
            gr_backward(loss_of(m, net, head, x, y, &t));
            gr_step(opt);
            gr_graph_reset(g);
        }
        run->values[epoch == 0 ? FREE_FIRST : FREE_LAST] = (double)t.free / (double)t.seen;
        experiment_progress(run, (epoch + 1.0) / settings.epochs);
    }
    return !gr_failed(g) && !interrupted();
}

static void judge(experiment_run *run, const method *m, gr_module *net, const pictures *unseen,
                  const pictures *seen) {
    gr_tensor *u = embed(m, net, unseen->x), *s = embed(m, net, seen->x);
    run->values[AUC_UNSEEN] = verification_auc(u, unseen->y, NULL);
    run->values[AUC_ALIKE] = verification_auc(u, unseen->y, is_upper);
    run->values[AUC_SEEN] = verification_auc(s, seen->y, NULL);
    run->values[RECALL_UNSEEN] = gr_recall_at_k(u, unseen->y, 1);
    run->values[RECALL_SEEN] = gr_recall_at_k(s, seen->y, 1);
    if (run->seed == settings.seed) { /* the pictures show the first seed */
        experiment_keep(run, "unseen", u);
        experiment_keep(run, "seen", s);
    }
}

static void train(experiment_run *run, void *context) {
    static const method beginning = {.loss = "any"};
    const gr_mnist *data = context;
    const method *m = &methods[run->method];
    gr_graph *g = run->graph;
    roles r = roles_of(run->seed);
    gr_module *net = gr_sequential(g, gr_linear(g, PIXELS, HIDDEN), gr_relu_layer(g),
                                   gr_linear(g, HIDDEN, EMBEDDING));
    pictures unseen = held_out(g, data, r.unseen), seen = held_out(g, data, r.seen);
    pictures p = training_part(g, data, &r);
    gr_graph_reset(g);
    run->untrained = verification_auc(embed(&beginning, net, unseen.x), unseen.y, NULL);
    gr_graph_reset(g);
    if (m->loss != NULL && !fit(run, m, net, &p, r.n_seen)) return;
    judge(run, m, net, &unseen, &seen);
}

/* -- The verdict -- */

static const char *against(int better) {
    return better > 0 ? "clearly better" : better < 0 ? "clearly worse" : "no clear difference";
}

/* The first method of triplets chosen so, or -1. */
static int find_mining(mining how) {
    for (int m = 0; m < n_methods; m++)
        if (is(&methods[m], "triplet") && methods[m].mining == how) return m;
    return -1;
}

/* That a method's embedding is clearly better (1) or worse (-1) than the untrained network's. */
static int against_untrained(const experiment *e, int m, difference *by) {
    double trained[EXPERIMENT_MOST_SEEDS], untrained[EXPERIMENT_MOST_SEEDS];
    for (int seed = 0; seed < e->complete; seed++) {
        const experiment_run *run = experiment_run_at(e, 0, m, seed);
        trained[seed] = run->values[AUC_UNSEEN];
        untrained[seed] = run->untrained;
    }
    *by = stats_difference(trained, untrained, e->complete);
    return stats_sign(*by);
}

static void say_gains(experiment *e) {
    experiment_say(e, "\nAUC on unseen classes, against the untrained network:\n");
    for (int m = 0; m < n_methods; m++) {
        difference by;
        int sign = against_untrained(e, m, &by);
        experiment_say(e, "    %-28s %+9.4f +- %-8.4f %s\n", labels[m], by.mean, by.half_width,
                       against(sign));
    }
}

/* By the gains (1: clear, 0: not clear, -1: a clear loss) of easy and of semi-hard triplets. */
static experiment_verdict_kind verdict_of(int easy, int semi_hard) {
    if (semi_hard == 0) return VERDICT_UNCLEAR;
    if (easy <= 0) return semi_hard > 0 ? VERDICT_HELD : VERDICT_PARTLY;
    return semi_hard > 0 ? VERDICT_PARTLY : VERDICT_FAILED;
}

/* "Easy negatives teach nothing, semi-hard ones work." Those that cost nothing can't teach, so the
 * question is whether other easy ones, the farthest, do. */
static void say_advice(experiment *e, int easy, int farthest, int random, int semi_hard) {
    difference by_easy, by_farthest, by_semi_hard;
    int sign_easy = against_untrained(e, easy, &by_easy);
    int sign_farthest = against_untrained(e, farthest, &by_farthest);
    int sign_semi_hard = against_untrained(e, semi_hard, &by_semi_hard);
    difference behind = experiment_difference(e, 0, farthest, random, AUC_SEEN);
    experiment_say(e, "\n");
    experiment_verdict(
        e, "guide-d",
        verdict_of(sign_easy > sign_farthest ? sign_easy : sign_farthest, sign_semi_hard),
        "AUC on unseen classes, against the untrained network: easy triplets, which cost nothing, "
        "%+.4f; farthest negatives, of which %.2f%% cost nothing in the first epoch and %.2f%% in "
        "the last, %+.4f (%s), but on seen classes %+.4f against random ones (%s); semi-hard ones "
        "%+.4f (%s)",
        by_easy.mean, 100 * experiment_mean(e, 0, farthest, FREE_FIRST),
        100 * experiment_mean(e, 0, farthest, FREE_LAST), by_farthest.mean, against(sign_farthest),
        behind.mean, against(stats_sign(behind)), by_semi_hard.mean, against(sign_semi_hard));
}

static void compare(experiment *e, int a, int b) {
    experiment_say(e, "\n%s against %s:\n", labels[a], labels[b]);
    for (int i = 0; i <= RECALL_SEEN; i++) {
        difference by = experiment_difference(e, 0, a, b, i);
        experiment_say(e, "    %-28s %+9.4f +- %-8.4f %s\n", measures[i].title, by.mean,
                       by.half_width, against(experiment_better(e, 0, a, b, i)));
    }
}

static void say_minings(experiment *e) {
    int easy = find_mining(EASY), farthest = find_mining(FARTHEST), random = find_mining(RANDOM);
    int semi_hard = find_mining(SEMI_HARD), hard = find_mining(HARD);
    if (easy < 0) return;
    compare(e, semi_hard, random);
    compare(e, hard, random);
    compare(e, semi_hard, 0); /* raw pixels */
    say_advice(e, easy, farthest, random, semi_hard);
}

static void say_choice(experiment *e) {
    int best = experiment_best(e, 0, AUC_UNSEEN), nearest = experiment_best(e, 0, RECALL_UNSEEN);
    int same = 0;
    experiment_say(
        e,
        "\nTo tell by a threshold whether two pictures are of one class, when the classes "
        "come later,\nchoose %s: AUC %.4f.",
        labels[best], experiment_mean(e, 0, best, AUC_UNSEEN));
    for (int m = 0; m < n_methods; m++)
        if (m != best && experiment_better(e, 0, m, best, AUC_UNSEEN) == 0)
            experiment_say(e, "%s%s", same++ == 0 ? " Not clearly worse: " : ", ", labels[m]);
    experiment_say(e,
                   "%s\nTo find the picture most alike, %s is best: recall@1 %.3f on unseen "
                   "classes, where\n%s has %.3f.\n",
                   same == 0 ? " All others are clearly worse." : ".", labels[nearest],
                   experiment_mean(e, 0, nearest, RECALL_UNSEEN), labels[best],
                   experiment_mean(e, 0, best, RECALL_UNSEEN));
}

/* -- Pictures -- */

enum { PER_QUERY_CLASS = 2, NEIGHBOURS = 5 };

/* The first two pictures of each class; classes (N). */
static gr_tensor *first_of_each(gr_graph *g, const gr_tensor *classes, const bool *wanted) {
    return rows_of_classes(g, classes, wanted, .each = PER_QUERY_CLASS);
}

/* A panel for each method, of what the first seed kept; false if something is missing. */
static bool panels_of(const experiment *e, gr_graph *g, int measure, bool with_seen,
                      embedding_panel *panels) {
    for (int m = 0; m < n_methods; m++) {
        gr_tensor *x = experiment_kept(e, g, 0, m, 0, "unseen");
        if (with_seen) x = gr_concat(GR_LIST(x, experiment_kept(e, g, 0, m, 0, "seen")), 0);
        if (x == NULL) return false;
        panels[m] = (embedding_panel){labels[m], x, experiment_run_at(e, 0, m, 0)->values[measure]};
    }
    return true;
}

static void draw(experiment *e, const gr_mnist *data) {
    gr_graph *g = gr_graph_new();
    embedding_panel panels[MOST_METHODS];
    roles r = roles_of(settings.seed);
    pictures unseen = held_out(g, data, r.unseen), seen = held_out(g, data, r.seen);
    embedding_plots plots = {.directory = settings.out,
                             .score_name = "AUC unseen",
                             .panels = panels,
                             .n_panels = n_methods,
                             .classes = gr_concat(GR_LIST(unseen.y, seen.y), 0),
                             .class_names = gr_fashion_mnist_classes,
                             .marked = r.unseen,
                             .query = "an unseen class"};
    experiment_say(e, "\n");
    if (plots.classes != NULL && panels_of(e, g, AUC_UNSEEN, true, panels) &&
        plot_embeddings(&plots, "embeddings"))
        experiment_picture(e, "embeddings",
                           "test pictures on the first two principal components of their "
                           "embeddings, of the first seed; triangles are classes never trained on");
    plots.classes = unseen.y;
    if (unseen.x != NULL)
        plots.pixels = gr_reshape(unseen.x, GR_SHAPE((int)unseen.y->size, SIDE, SIDE));
    if (plots.pixels != NULL && panels_of(e, g, RECALL_UNSEEN, false, panels) &&
        plot_neighbours(&plots, "neighbours", first_of_each(g, unseen.y, r.unseen), NEIGHBOURS))
        experiment_picture(e, "neighbours",
                           "pictures of unseen classes and the five nearest to each, of the first "
                           "seed");
    if (gr_failed(g)) fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
    gr_graph_free(g);
}

/* -- The program -- */

static void report(experiment *e, const gr_mnist *data) {
    if (!experiment_report_begin(e)) return;
    experiment_say(
        e,
        "Fashion-MNIST, three classes unseen in training, others for each seed; %d "
        "methods, %d seeds,\n%d epochs of batches of %d. AUC: a pair of one class is "
        "nearer than a pair of two; free:\ntriplets that cost nothing. On test pictures, "
        "mean and spread (standard deviation) over the seeds.\n\n",
        n_methods, e->complete, settings.epochs, settings.batch);
    experiment_table(e);
    experiment_say(e,
                   "\nDifferences are taken seed by seed, with their 95%% interval; one is "
                   "clear if that does not hold 0.%s\n\n",
                   e->complete == 1 ? " One seed can't show any." : "");
    experiment_ranking(e, 0, AUC_UNSEEN);
    say_gains(e);
    say_minings(e);
    say_choice(e);
    draw(e, data);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    static const char *const all[] = {"all"};
    options_parse(PROGRAM,
                  "Trains one network to put pictures of a class near each other, from pairs and "
                  "triplets\nchosen in several ways, and judges it on classes that it has never "
                  "seen.",
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
                    .question = "Which pairs and triplets teach an embedding?",
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
