/* What to do about a rare class?
 *
 * Predicts who has an insurance for a caravan, which 6 % of 9,822 customers have
 * (examples/data/README.md), with one small network: 85 columns, 132 inputs with the customer types
 * one-hot, 32 rectified units, one logit. Trained under the plain binary cross-entropy and under
 * what is advised instead of it:
 *
 *   weights     pos_weight: a positive counts as much as the negatives that there are for it, 15;
 *               class_balanced: as much as the effective number says, about 4
 *   losses      focal with gamma 0.5, 1, 2 and 5, its alpha disabled so that gamma is all that
 *               changes, and once as the paper and the library have it, alpha = 0.25 and gamma = 2;
 *               hinge; dice over a batch's probabilities
 *   resampling  the training part until both classes are equally large, under the cross-entropy:
 *               positives repeated, negatives left out, or positives put between others (SMOTE)
 *
 * on the data as they are, and on the same data balanced: as many negatives drawn as there are
 * positives, in all parts. There weights and resampling have next to nothing to do.
 *
 * Judged on a test part by how well the scores rank (area under the precision-recall curve, the
 * main measure; under the ROC curve; recall at 20 % precision), by what a threshold makes of them
 * (F1 at the threshold that is best on the validation part, and at the probability 0.5), and by
 * whether the sigmoid of a score is a probability: the expected calibration error, as it comes, and
 * after a slope and an offset were fitted to the validation part (Platt). The hinge loss has no
 * probabilities, so that only the fitted error is there. The number called wobble is the mean
 * change of the validation part's PR-AUC from an epoch to the next: how unstable a training is.
 *
 * A seed decides the split (stratified: 55 % training, 20 % validation, 25 % test), the network's
 * beginning and the order of the batches. All methods get the same seeds and the same number of
 * steps and of examples. Each is trained with three weight decays from the same beginning, and what
 * counts is its own best epoch under its own best decay, by the validation part's PR-AUC: one decay
 * for all would favour whom it suits. The size of a loss, and with it focal's alpha at balanced
 * classes, is no advantage: AdamW goes by the gradient's direction. Learning rate and batch were
 * chosen among 3e-4, 1e-3, 3e-3 and 32 to 256 by the validation PR-AUC of the plain cross-entropy,
 * in whose favour they are, if in anyone's.
 *
 * Test parts of different seeds overlap, so that the intervals say what holds for these 9,822
 * customers, and are too narrow for another company's.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/calibration.h"
#include "examples/common/curve_plot.h"
#include "examples/common/difference_plot.h"
#include "examples/common/experiment_report.h"
#include "examples/common/interrupt.h"
#include "examples/common/loss_option.h"
#include "examples/common/ranking_plots.h"
#include "gradus.h"

static const char PROGRAM[] = "imbalance";
static const char ALL_METHODS[] =
    "bce_with_logits,pos_weight,class_balanced,oversample,undersample,smote,"
    "focal:alpha=-1:gamma=0.5,focal:alpha=-1:gamma=1,focal:alpha=-1:gamma=2,"
    "focal:alpha=-1:gamma=5,focal:alpha=0.25:gamma=2,hinge,dice";
static const char LOSSES[] = "bce_with_logits,focal,hinge,squared_hinge,dice,tversky";
static const double VALIDATION_SHARE = 0.2, TEST_SHARE = 0.25, PRECISION = 0.2, FARTHEST = 4;

enum { IMBALANCED, BALANCED, CONDITIONS, HIDDEN = 32, MOST_METHODS = 24 };
static const char *const condition_names[CONDITIONS] = {"6 percent", "balanced"};

enum { PR_AUC, ROC_AUC, RECALL, F1, F1_HALF, CALIBRATION, CALIBRATION_FITTED, WOBBLE, MEASURES };
static const experiment_measure measures[MEASURES] = {
    [PR_AUC] = {.title = "PR-AUC", .key = "pr_auc", .decimals = 3, .maximize = true},
    [ROC_AUC] = {.title = "ROC-AUC", .key = "roc_auc", .decimals = 3, .maximize = true},
    [RECALL] = {.title = "recall at 20%",
                .key = "recall_at_20_percent_precision",
                .decimals = 3,
                .maximize = true},
    [F1] = {.title = "F1", .key = "f1", .decimals = 3, .maximize = true},
    [F1_HALF] = {.title = "F1 at 0.5", .key = "f1_at_half", .decimals = 3, .maximize = true},
    [CALIBRATION] = {.title = "cal. error", .key = "calibration_error", .decimals = 3},
    [CALIBRATION_FITTED] = {.title = "fitted", .key = "calibration_error_fitted", .decimals = 3},
    [WOBBLE] = {.title = "wobble", .key = "wobble", .decimals = 4}};

static experiment_settings settings = {.loss = "all",
                                       .data = "examples/data/coil2000.csv.gz",
                                       .out = "build/imbalance-out",
                                       .seeds = 30,
                                       .epochs = 30,
                                       .batch = 64,
                                       .seed = 1,
                                       .lr = 1e-3};
static const double decays[] = {0.01, 1, 3}; /* AdamW's, of which validation chooses */
enum { DECAYS = sizeof decays / sizeof *decays };

static const option_row options[] = {
    EXPERIMENT_OPTIONS(settings,
                       "all, or some of the names in the table; also squared_hinge, tversky, "
                       "focal:gamma=3",
                       "the customers", "AdamW's learning rate", 2, 8),
    {0}};

/* -- Methods -- */

typedef enum remedy { NONE, POS_WEIGHT, CLASS_BALANCED, OVERSAMPLE, UNDERSAMPLE, SMOTE } remedy;
static const char *const remedy_names[] = {"",           "pos_weight",  "class_balanced",
                                           "oversample", "undersample", "smote"};

typedef struct method {
    remedy remedy;    /* whose loss is the cross-entropy */
    loss_choice loss; /* without a remedy */
} method;

static method methods[MOST_METHODS];
static const char *labels[MOST_METHODS];
static const char *method_losses[MOST_METHODS];
static int n_methods;

static remedy find_remedy(const char *word) {
    for (remedy r = POS_WEIGHT; r <= SMOTE; r++)
        if (strcmp(remedy_names[r], word) == 0) return r;
    return NONE;
}

static void read_loss(loss_choice *loss, const char *word) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, ":"), word);
    if (gr_loss_find(name) == NULL)
        options_misuse(PROGRAM,
                       "--loss %s: expected all, or some of pos_weight,class_balanced,oversample,"
                       "undersample,smote,%s",
                       word, LOSSES);
    loss_option_parse(PROGRAM, word, LOSSES, loss, 1);
    int over = gr_loss_parameter(loss->info, "over");
    if (over >= 0) loss->parameter[over] = GR_OVER_ALL; /* the batch is one mask */
    char *alpha = strstr(loss->label, " alpha=-1");
    if (alpha != NULL) memmove(alpha, alpha + 9, strlen(alpha + 9) + 1);
}

static void read_methods(const char *text) {
    method_word words[MOST_METHODS];
    n_methods = loss_option_words(PROGRAM, text, words, MOST_METHODS);
    for (int i = 0; i < n_methods; i++) {
        method *m = &methods[i];
        m->remedy = find_remedy(words[i].text);
        if (m->remedy == NONE) read_loss(&m->loss, words[i].text);
        labels[i] = m->remedy == NONE ? m->loss.label : remedy_names[m->remedy];
        method_losses[i] = m->remedy == NONE             ? m->loss.info->name
                           : m->remedy == CLASS_BALANCED ? "class_balanced_weights"
                                                         : "bce_with_logits";
    }
}

static bool is_loss(const method *m, const char *name) {
    return m->remedy == NONE && strcmp(m->loss.info->name, name) == 0;
}

/* -- The customers -- */

typedef struct customers {
    gr_tensor *x, *label; /* (rows, inputs), and (rows) of 0 or 1 */
} customers;

static bool read_customers(gr_graph *g, customers *all) {
    gr_csv *csv = gr_csv_read(g, settings.data);
    if (csv == NULL) return false;
    const char **inputs = gr_alloc_lasting(g, (size_t)csv->columns * sizeof *inputs);
    int n = 0;
    for (int c = 0; inputs != NULL && c < csv->columns; c++)
        if (strcmp(csv->column[c].name, "CARAVAN") != 0) inputs[n++] = csv->column[c].name;
    all->x = gr_csv_tensor(csv, (gr_names){n, inputs});
    all->label = gr_csv_labels(csv, "CARAVAN");
    return !gr_failed(g);
}

/* A part of the customers: x (n, inputs) standardised, y (n,1) for losses, label (n) for
 * metrics. */
typedef struct part {
    gr_tensor *x, *y, *label;
} part;

static gr_tensor *as_column(gr_tensor *label) {
    gr_tensor *y = label == NULL ? NULL : gr_zeros(label->graph, GR_SHAPE((int)label->size, 1));
    for (int i = 0; y != NULL && i < label->size; i++) y->data[i] = label->index[i];
    return gr_keep(y);
}

/* A policy that one customer in a thousand has is 30 deviations from the mean: no input is let so
 * far out. */
static part take_part(const customers *c, const gr_tensor *rows, const gr_scaler *scaler) {
    gr_tensor *x = gr_scaler_apply(scaler, gr_take_rows(c->x, rows));
    gr_tensor *label = gr_take_rows(c->label, rows);
    return (part){gr_keep(gr_clamp(x, -FARTHEST, FARTHEST)), as_column(label), label};
}

static void resample(part *p, remedy how) {
    gr_tensor *rows = NULL, *x, *label;
    if (how == OVERSAMPLE) rows = gr_oversample(p->label);
    if (how == UNDERSAMPLE) rows = gr_undersample(p->label);
    if (rows != NULL)
        *p = (part){gr_take_rows(p->x, rows), gr_take_rows(p->y, rows),
                    gr_take_rows(p->label, rows)};
    if (how == SMOTE && gr_smote(p->x, p->label, &x, &label))
        *p = (part){x, as_column(label), label};
}

/* -- One training -- */

static gr_module *network(gr_graph *g, int inputs) {
    return gr_sequential(g, gr_linear(g, inputs, HIDDEN), gr_relu_layer(g),
                         gr_linear(g, HIDDEN, 1));
}

/* The weights of the classes, (2): negatives, positives. */
static gr_tensor *class_weights(remedy how, const gr_tensor *label) {
    int32_t counts[2] = {0};
    if (label == NULL) return NULL;
    for (int i = 0; i < label->size; i++) counts[label->index[i]]++;
    gr_tensor *n = gr_from_index(label->graph, GR_SHAPE(2), counts);
    return gr_keep(how == CLASS_BALANCED ? gr_class_balanced_weights(n)
                                         : gr_inverse_frequency_weights(n));
}

static gr_tensor *loss_of(const method *m, gr_tensor *weights, gr_tensor *z, gr_tensor *y) {
    double negative = gr_at(weights, 0), positive = gr_at(weights, 1);
    switch (m->remedy) {
    case POS_WEIGHT:
        return gr_bce_with_logits(z, y, .pos_weight = gr_scalar(z->graph, positive / negative));
    case CLASS_BALANCED:
        return gr_bce_with_logits(z, y,
                                  .weight = gr_shift(gr_scale(y, positive - negative), negative));
    case OVERSAMPLE:
    case UNDERSAMPLE:
    case SMOTE:
        return gr_bce_with_logits(z, y);
    case NONE:
        break;
    }
    const gr_operand_info *operand = m->loss.info->operands;
    if (strcmp(operand[0].name, "prob") == 0) z = gr_sigmoid(z);
    if (operand[1].domain == GR_SIGNS) y = gr_shift(gr_scale(y, 2), -1);
    return loss_option_apply(&m->loss, z, y);
}

/* What a training learns from, and what it leaves behind: the scores (n) at the epoch that was best
 * so far, and the curve, the validation part's PR-AUC after each epoch, to which that belongs. */
typedef struct training {
    const method *method;
    part train, validation, test;
    int steps; /* in an epoch */
    double best;
    gr_tensor *validation_scores, *test_scores, *curve, *now;
} training;

static gr_tensor *scores_of(gr_module *net, const part *p) {
    gr_no_grad_begin(net->graph);
    gr_tensor *z = gr_flatten(gr_forward(net, p->x));
    gr_no_grad_end(net->graph);
    return z;
}

/* For tensors that last, and have equal sizes. */
static void copy(gr_tensor *to, const gr_tensor *from) {
    if (to != NULL && from != NULL)
        memcpy(to->data, from->data, (size_t)from->size * sizeof *from->data);
}

/* True if the epoch is the best of all. */
static bool look(gr_module *net, training *t, int epoch) {
    gr_tensor *scores = scores_of(net, &t->validation);
    double pr_auc = gr_average_precision(scores, t->validation.label);
    bool better = isnan(t->best) || pr_auc > t->best;
    t->now->data[epoch] = (gr_real)pr_auc;
    if (better) {
        t->best = pr_auc;
        copy(t->validation_scores, scores);
        copy(t->test_scores, scores_of(net, &t->test));
    }
    gr_graph_reset(net->graph);
    return better;
}

/* Every epoch has as many steps, however large the resampled part is. */
static void train_epoch(gr_module *net, gr_optimizer *opt, gr_batches *batches, const training *t,
                        gr_tensor *weights) {
    for (int step = 0; step < t->steps; step++) {
        gr_tensor *x = NULL, *y = NULL;
        if (!gr_batch_next(batches, &x, &y)) gr_batch_next(batches, &x, &y);
        gr_backward(loss_of(t->method, weights, gr_forward(net, x), y));
        gr_step(opt);
        gr_graph_reset(net->graph);
    }
}

/* One decay after the other, from the same beginning and in the same order of the batches. */
static bool fit(experiment_run *run, training *t, gr_random_state beginning) {
    gr_graph *g = run->graph;
    gr_tensor *weights = class_weights(t->method->remedy, t->train.label);
    for (int d = 0; d < DECAYS; d++) {
        gr_random_set(g, beginning);
        gr_module *net = network(g, t->train.x->shape.dim[1]);
        gr_optimizer *opt = gr_adamw(net, .lr = settings.lr, .weight_decay = decays[d]);
        gr_batches *batches =
            gr_batches_new(t->train.x, t->train.y, .batch = settings.batch, .shuffle = true);
        bool better = false;
        for (int epoch = 0; epoch < settings.epochs && !interrupted(); epoch++) {
            train_epoch(net, opt, batches, t, weights);
            if (gr_failed(g)) return false;
            if (look(net, t, epoch)) better = true;
            experiment_progress(run, (d + (epoch + 1.0) / settings.epochs) / DECAYS);
        }
        if (better) copy(t->curve, t->now);
    }
    return !gr_failed(g) && !interrupted();
}

static double mean_change(const gr_tensor *curve) {
    double sum = 0;
    for (int i = 1; i < curve->size; i++) sum += fabs(gr_at(curve, i) - gr_at(curve, i - 1));
    return sum / (double)(curve->size - 1);
}

static bool has_probabilities(const method *m) {
    return m->remedy != NONE || m->loss.info->operands[1].domain != GR_SIGNS;
}

/* A measure that says nothing stays NaN: at 50 % positives each threshold has a precision of 20 %,
 * and a margin is no logit. */
static void judge(experiment_run *run, const training *t) {
    gr_tensor *scores = t->test_scores, *label = t->test.label;
    double threshold = gr_best_f1(t->validation_scores, t->validation.label).threshold;
    platt fitted = platt_fit(t->validation_scores, t->validation.label);
    double *values = run->values;
    values[PR_AUC] = gr_average_precision(scores, label);
    values[ROC_AUC] = gr_roc_auc(scores, label);
    if (run->condition == IMBALANCED)
        values[RECALL] = gr_recall_at_precision(scores, label, PRECISION).value;
    values[F1] = gr_scores_at_threshold(scores, label, threshold).f1;
    values[F1_HALF] = gr_scores_at_threshold(scores, label, 0).f1;
    if (has_probabilities(t->method))
        values[CALIBRATION] = gr_calibration_error(gr_sigmoid(scores), label);
    if (!isnan(fitted.slope))
        values[CALIBRATION_FITTED] = gr_calibration_error(platt_apply(fitted, scores), label);
    values[WOBBLE] = mean_change(t->curve);
    experiment_keep(run, "scores", scores);
    experiment_keep(run, "labels", label);
    experiment_keep(run, "curve", t->curve);
}

static customers copy_customers(gr_graph *g, const customers *all, bool balanced) {
    customers c = {gr_keep(gr_from(g, all->x->shape, all->x->data)),
                   gr_keep(gr_from_index(g, all->label->shape, all->label->index))};
    gr_graph_reset(g);
    if (!balanced) return c;
    gr_tensor *rows = gr_undersample(c.label);
    return (customers){gr_take_rows(c.x, rows), gr_take_rows(c.label, rows)};
}

static gr_tensor *lasting_zeros(gr_graph *g, int64_t n) {
    return gr_keep(gr_zeros(g, GR_SHAPE((int)n)));
}

static void train(experiment_run *run, void *context) {
    gr_graph *g = run->graph;
    customers c = copy_customers(g, context, run->condition == BALANCED);
    if (gr_failed(g)) return;
    gr_parts parts = gr_split_rows(g, (int)c.label->size, .validation = VALIDATION_SHARE,
                                   .test = TEST_SHARE, .stratify = c.label);
    gr_scaler *scaler = gr_scaler_fit(gr_take_rows(c.x, parts.train));
    training t = {.method = &methods[run->method],
                  .train = take_part(&c, parts.train, scaler),
                  .validation = take_part(&c, parts.validation, scaler),
                  .test = take_part(&c, parts.test, scaler),
                  .best = NAN};
    if (gr_failed(g)) return;
    t.steps = ((int)t.train.label->size + settings.batch - 1) / settings.batch;
    t.validation_scores = lasting_zeros(g, t.validation.label->size);
    t.test_scores = lasting_zeros(g, t.test.label->size);
    t.curve = lasting_zeros(g, settings.epochs);
    t.now = lasting_zeros(g, settings.epochs);
    gr_random_state beginning = gr_random_get(g); /* before what only some methods draw */
    run->untrained =
        gr_average_precision(scores_of(network(g, c.x->shape.dim[1]), &t.test), t.test.label);
    resample(&t.train, t.method->remedy);
    gr_graph_reset(g);
    if (!gr_failed(g) && fit(run, &t, beginning)) judge(run, &t);
}

/* -- The verdict -- */

static int find_plain(void) {
    for (int m = 0; m < n_methods; m++)
        if (is_loss(&methods[m], "bce_with_logits")) return m;
    return -1;
}

static double parameter(int m, const char *name) {
    return methods[m].loss.parameter[gr_loss_parameter(methods[m].loss.info, name)];
}

/* Whether the documents advise it for severe imbalance; the other losses are there to compare. */
static bool is_advised(int m) { return methods[m].remedy != NONE || is_loss(&methods[m], "focal"); }

/* How many of the focal losses, or of all that is advised, are clearly better (sign 1) or worse
 * (-1) than the plain cross-entropy; their names are put into `names`. */
static int count_clear(const experiment *e, int condition, int measure, int sign, bool focal_only,
                       char *names, size_t room) {
    int n = 0;
    names[0] = '\0';
    for (int m = 0; m < n_methods; m++) {
        if (!(focal_only ? is_loss(&methods[m], "focal") : is_advised(m))) continue;
        if (experiment_better(e, condition, m, find_plain(), measure) != sign) continue;
        size_t used = strlen(names);
        snprintf(names + used, room - used, "%s%s", n++ == 0 ? "" : ", ", labels[m]);
    }
    return n;
}

static void say_differences(experiment *e, int condition, const int *which, int n) {
    int plain = find_plain();
    experiment_say(e, "%s, against plain %s:\n", condition_names[condition], labels[plain]);
    for (int m = 0; m < n_methods; m++) {
        if (m == plain) continue;
        experiment_say(e, "    %-26s", labels[m]);
        for (int k = 0; k < n; k++) {
            difference d = experiment_difference(e, condition, m, plain, which[k]);
            int sign = experiment_better(e, condition, m, plain, which[k]);
            experiment_say(e, "  %s %+.3f +- %.3f %-6s", measures[which[k]].title, d.mean,
                           d.half_width,
                           sign > 0   ? "better"
                           : sign < 0 ? "worse"
                                      : "");
        }
        experiment_say(e, "\n");
    }
    experiment_say(e, "\n");
}

/* The advised method with the best mean. */
static int best_advised(const experiment *e, int condition, int measure) {
    int best = -1;
    for (int m = 0; m < n_methods; m++)
        if (is_advised(m) && (best < 0 || experiment_mean(e, condition, m, measure) >
                                              experiment_mean(e, condition, best, measure)))
            best = m;
    return best;
}

/* Two or three seeds decide nothing. */
static experiment_verdict_kind if_enough_seeds(const experiment *e, experiment_verdict_kind kind) {
    return e->complete >= 5 ? kind : VERDICT_UNCLEAR;
}

/* "Severe imbalance: focal, class weights, pos_weight, class-balanced weights, oversampling." */
static void say_imbalance(experiment *e) {
    char better[512], worse[512];
    int plain = find_plain(), advised = 0, best = best_advised(e, IMBALANCED, PR_AUC);
    for (int m = 0; m < n_methods; m++) advised += is_advised(m);
    if (advised == 0) return;
    int wins = count_clear(e, IMBALANCED, PR_AUC, 1, false, better, sizeof better);
    int losses = count_clear(e, IMBALANCED, PR_AUC, -1, false, worse, sizeof worse);
    difference d = experiment_difference(e, IMBALANCED, best, plain, PR_AUC);
    experiment_verdict(
        e, "guide-b",
        if_enough_seeds(e, wins == advised ? VERDICT_HELD
                           : wins > 0      ? VERDICT_PARTLY
                                           : VERDICT_FAILED),
        "by PR-AUC, of %d remedies for 6%% positives, clearly better than plain bce: %d%s%s%s, "
        "clearly worse: %d%s%s%s; the best, %s, has %.3f against %.3f, "
        "%+.3f +- %.3f at a spread over the seeds of %.3f",
        advised, wins, wins > 0 ? " (" : "", better, wins > 0 ? ")" : "", losses,
        losses > 0 ? " (" : "", worse, losses > 0 ? ")" : "", labels[best],
        experiment_mean(e, IMBALANCED, best, PR_AUC), experiment_mean(e, IMBALANCED, plain, PR_AUC),
        d.mean, d.half_width, experiment_spread(e, IMBALANCED, plain, PR_AUC));
}

/* What weights and resampling do for certain: they move the place of the probability 0.5. */
static void say_thresholds(experiment *e) {
    int plain = find_plain(), half = best_advised(e, IMBALANCED, F1_HALF),
        chosen = best_advised(e, IMBALANCED, F1);
    if (half < 0) return;
    experiment_say(
        e,
        "At the threshold 0.5 bce's F1 is %.3f and that of %s %.3f; at the threshold that "
        "is best on\nvalidation data they are %.3f for bce and at most %.3f (%s).\n",
        experiment_mean(e, IMBALANCED, plain, F1_HALF), labels[half],
        experiment_mean(e, IMBALANCED, half, F1_HALF), experiment_mean(e, IMBALANCED, plain, F1),
        experiment_mean(e, IMBALANCED, chosen, F1), labels[chosen]);
}

/* On balanced data a remedy is the plain cross-entropy with, at most, another order of the batches:
 * its difference measures what is no difference. */
static void say_chance(experiment *e) {
    int n = 0, clear = 0;
    double largest = 0;
    for (int m = 0; m < n_methods; m++) {
        if (methods[m].remedy == NONE) continue;
        n++;
        clear += experiment_better(e, BALANCED, m, find_plain(), PR_AUC) != 0;
        largest =
            fmax(largest, fabs(experiment_difference(e, BALANCED, m, find_plain(), PR_AUC).mean));
    }
    if (n > 0)
        experiment_say(
            e,
            "How much chance does: on balanced data weights and resampling change nothing "
            "but the order of the\nbatches, and still differ from bce by up to %.3f; %d "
            "of these %d differences count as clear.\n",
            largest, clear, n);
}

/* "Focal is unnecessary on balanced data." */
static void say_balanced(experiment *e) {
    char better[256], worse[256];
    int focal = 0, plain = find_plain(), largest = -1;
    for (int m = 0; m < n_methods; m++) {
        if (!is_loss(&methods[m], "focal")) continue;
        focal++;
        if (largest < 0 ||
            experiment_mean(e, BALANCED, m, PR_AUC) > experiment_mean(e, BALANCED, largest, PR_AUC))
            largest = m;
    }
    if (focal == 0) return;
    int wins = count_clear(e, BALANCED, PR_AUC, 1, true, better, sizeof better);
    int losses = count_clear(e, BALANCED, PR_AUC, -1, true, worse, sizeof worse);
    difference d = experiment_difference(e, BALANCED, largest, plain, PR_AUC);
    experiment_verdict(
        e, "quickref-b", if_enough_seeds(e, wins == 0 ? VERDICT_HELD : VERDICT_FAILED),
        "focal is unnecessary on balanced data: by PR-AUC %d of %d focal losses are "
        "clearly better than bce%s%s, %d clearly worse%s%s; the best, %s, is %+.3f +- "
        "%.3f away from bce's %.3f",
        wins, focal, wins > 0 ? ": " : "", better, losses, losses > 0 ? ": " : "", worse,
        labels[largest], d.mean, d.half_width, experiment_mean(e, BALANCED, plain, PR_AUC));
}

/* With 30 seeds, chance makes one of two equal spreads so much wider once in forty times. */
static const double WIDER = 1.45;

/* "Gamma too high: training is unstable." By the curves, and by what comes out. */
static void say_gamma(experiment *e) {
    int plain = find_plain(), highest = -1, unstable = 0, spread = 0;
    for (int m = 0; m < n_methods; m++)
        if (is_loss(&methods[m], "focal") &&
            (highest < 0 || parameter(m, "gamma") > parameter(highest, "gamma")))
            highest = m;
    if (highest < 0 || e->complete < 2) return;
    difference wobble[CONDITIONS];
    for (int c = 0; c < CONDITIONS; c++) {
        wobble[c] = experiment_difference(e, c, highest, plain, WOBBLE);
        unstable += experiment_better(e, c, highest, plain, WOBBLE) < 0;
        spread += experiment_spread(e, c, highest, PR_AUC) >
                  WIDER * experiment_spread(e, c, plain, PR_AUC);
    }
    experiment_verdict(
        e, "quickref-b",
        if_enough_seeds(e, unstable == CONDITIONS && spread > 0 ? VERDICT_HELD
                           : unstable > 0 || spread > 0         ? VERDICT_PARTLY
                                                                : VERDICT_FAILED),
        "high gamma is unstable: from epoch to epoch the validation PR-AUC of %s changes by %.4f "
        "(%+.4f +- %.4f against bce) at 6%% positives and by %.4f (%+.4f +- %.4f) on balanced "
        "data; "
        "the spread of its test PR-AUC over the seeds is %.3f (bce %.3f) and %.3f (bce %.3f)%s",
        labels[highest], experiment_mean(e, IMBALANCED, highest, WOBBLE), wobble[IMBALANCED].mean,
        wobble[IMBALANCED].half_width, experiment_mean(e, BALANCED, highest, WOBBLE),
        wobble[BALANCED].mean, wobble[BALANCED].half_width,
        experiment_spread(e, IMBALANCED, highest, PR_AUC),
        experiment_spread(e, IMBALANCED, plain, PR_AUC),
        experiment_spread(e, BALANCED, highest, PR_AUC),
        experiment_spread(e, BALANCED, plain, PR_AUC), spread > 0 ? "" : ", which is no wider");
}

static void say_choice(experiment *e) {
    int plain = find_plain(), best = experiment_best(e, IMBALANCED, PR_AUC);
    difference d = experiment_difference(e, IMBALANCED, best, plain, PR_AUC);
    experiment_say(e, "\nFor a class this rare ");
    if (best == plain || stats_sign(d) <= 0)
        experiment_say(e, "begin with the plain cross-entropy: nothing ranks clearly better.\n");
    else
        experiment_say(e,
                       "choose %s if ranking is all that counts (PR-AUC %+.3f +- %.3f), and the\n"
                       "plain cross-entropy if you need probabilities.\n",
                       labels[best], d.mean, d.half_width);
    experiment_say(
        e,
        "With either, choose the threshold on validation data. Plain bce's probabilities "
        "are right as they come\n(calibration error %.3f); those of others after a slope "
        "and an offset are fitted to validation data:\n",
        experiment_mean(e, IMBALANCED, plain, CALIBRATION));
    for (int m = 0; m < n_methods; m++)
        if (m != plain && has_probabilities(&methods[m]))
            experiment_say(e, "    %-26s calibration error %6.3f, fitted %.3f\n", labels[m],
                           experiment_mean(e, IMBALANCED, m, CALIBRATION),
                           experiment_mean(e, IMBALANCED, m, CALIBRATION_FITTED));
}

/* -- Pictures -- */

static ranked_scores scores_kept(const experiment *e, gr_graph *g, int m, int seed) {
    return (ranked_scores){experiment_kept(e, g, IMBALANCED, m, seed, "scores"),
                           experiment_kept(e, g, IMBALANCED, m, seed, "labels")};
}

/* Remedies to the left, losses to the right, the plain cross-entropy in both. */
static void draw_ranking(experiment *e, gr_graph *g) {
    static const char *const titles[] = {"weights and resampling, with cross-entropy", "losses"};
    ranked_scores *each = gr_alloc_lasting(g, (size_t)(n_methods * e->complete) * sizeof *each);
    int column[MOST_METHODS];
    bool probabilities[MOST_METHODS];
    if (each == NULL) return;
    for (int m = 0; m < n_methods; m++) {
        probabilities[m] = has_probabilities(&methods[m]);
        column[m] = m == find_plain() ? RANKING_ALL_COLUMNS : methods[m].remedy == NONE;
        for (int seed = 0; seed < e->complete; seed++)
            each[seed * n_methods + m] = scores_kept(e, g, m, seed);
    }
    ranking_plots plots = {.directory = settings.out,
                           .columns = 2,
                           .titles = titles,
                           .methods = n_methods,
                           .labels = labels,
                           .column = column,
                           .probabilities = probabilities,
                           .seeds = e->complete,
                           .each = each};
    if (plot_pr_curves(g, &plots, "pr"))
        experiment_picture(e, "pr",
                           "precision against recall on the test part at 6 % positives, mean over "
                           "the seeds");
    if (plot_reliability(&plots, "reliability"))
        experiment_picture(e, "reliability",
                           "share of positives against the predicted probability, in tenths of the "
                           "test parts' predictions, all seeds together");
}

static void draw_curves(experiment *e, gr_graph *g) {
    int which[MOST_METHODS], n = 0;
    for (int m = 0; m < n_methods; m++)
        if (m == find_plain() || is_loss(&methods[m], "focal")) which[n++] = m;
    if (plot_seed_curves(e, g,
                         (seed_curves){.kept = "curve",
                                       .name = "curves",
                                       .title = "validation PR-AUC",
                                       .methods = which,
                                       .n_methods = n}))
        experiment_picture(e, "curves",
                           "the validation part's PR-AUC after each epoch: each seed grey, their "
                           "mean in colour");
}

static void draw(experiment *e) {
    gr_graph *g = gr_graph_new();
    experiment_say(e, "\n");
    if (find_plain() >= 0 && n_methods > 1 &&
        plot_differences(e, find_plain(), PR_AUC, "differences"))
        experiment_picture(e, "differences",
                           "PR-AUC minus that of the plain cross-entropy: seeds (dots), their mean "
                           "and its 95 % interval");
    draw_ranking(e, g);
    draw_curves(e, g);
    gr_graph_free(g);
}

/* -- The program -- */

static void report(experiment *e) {
    static const int ranking[] = {PR_AUC, F1, F1_HALF};
    if (!experiment_report_begin(e)) return;
    experiment_say(
        e,
        "Who has a caravan insurance: %d methods, %d seeds, at most %d epochs. On test "
        "customers, mean and\nspread (standard deviation) over the seeds; F1 at the "
        "threshold that is best on validation customers;\ncal. error: of the sigmoid, and "
        "fitted to validation customers; wobble: mean change of the\nvalidation PR-AUC "
        "from an epoch to the next.\n\n",
        n_methods, e->complete, settings.epochs);
    experiment_table(e);
    experiment_say(e,
                   "\nDifferences are taken seed by seed, with their 95%% interval; one is "
                   "clear if that does not hold 0.%s\n\n",
                   e->complete == 1 ? " One seed can't show any." : "");
    if (find_plain() >= 0 && n_methods > 1) {
        say_differences(e, IMBALANCED, ranking, 3);
        say_differences(e, BALANCED, ranking, 2);
        say_imbalance(e);
        say_thresholds(e);
        say_balanced(e);
        say_gamma(e);
        say_chance(e);
        say_choice(e);
    }
    draw(e);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    options_parse(PROGRAM,
                  "Trains one network to find the 6 % of customers with a caravan insurance, under "
                  "the plain\ncross-entropy and under what is advised for rare classes.",
                  options, argc, argv);
    read_methods(strcmp(settings.loss, "all") == 0 ? ALL_METHODS : settings.loss);
    gr_graph *g = gr_graph_new(.threads = 1);
    customers all;
    if (!read_customers(g, &all)) {
        fprintf(stderr,
                "%s: %s (Gradus' sources have it: run from their directory, or --data FILE; "
                "examples/data/coil2000.R makes it anew)\n",
                PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    experiment e = {.program = PROGRAM,
                    .question = "What to do about a rare class?",
                    .settings = &settings,
                    .options = options,
                    .conditions = condition_names,
                    .n_conditions = CONDITIONS,
                    .methods = labels,
                    .n_methods = n_methods,
                    .losses = method_losses,
                    .measures = measures,
                    .n_measures = MEASURES,
                    .train = train,
                    .context = &all};
    if (experiment_train(&e)) report(&e);
    gr_graph_free(g);
    return experiment_end(&e);
}
