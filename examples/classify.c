/* Which loss for classification into several classes, and what does a softmax too many cost?
 *
 * Tells ten kinds of garments apart (Fashion-MNIST, 28 x 28 grey pixels; core/data/mnist.h) with
 * one small network: 784 inputs, 128 rectified units, 10 scores. It is trained under
 *
 *   cross_entropy    of the scores, which has its softmax within: the standard
 *   label smoothing  the same with targets of 0.91 and 0.01 instead of 1 and 0
 *   softmax twice    a mistake that no program notices: the network ends in a softmax, and the
 *                    cross-entropy takes its probabilities for scores. What it then thinks the
 *                    network to say is never above e / (e + 9) = 23 %
 *   mse              between the softmax's probabilities and 1 or 0
 *   multi_margin     the hinge for several classes: 0 once the right score leads by 1
 *
 * on 50,000 pictures, and on 1,000 of them, where the network learns its pictures by heart. An
 * epoch of the few shows each of them ten times.
 *
 * Judged on the 10,000 test pictures by accuracy (and that on training pictures: the gap is
 * overfitting); by whether the probabilities are right: expected calibration error in 15 bins, and
 * negative log-likelihood; by the class of which the least is found; and by speed: the steps until
 * 80 % of 1,000 held-out pictures are right, looked at every 20 of the first 2,000 steps ("-" if a
 * seed did not come there). The probabilities are the softmax of the scores for all methods. Under
 * multi_margin they mean nothing: the loss fixes the scores' unit, a lead of 1, and not what that
 * says of a chance. So a temperature is fitted for each network on held-out pictures, which leaves
 * what it chooses and repairs how sure it is: the calibration error after that is what a loss does
 * to probabilities beyond their scale.
 *
 * A seed decides which 10,000 of the 60,000 training pictures are held out, which 1,000 are the
 * few, the network's beginning and the order of the batches. All methods get the same seeds and the
 * same number of steps, and their last epoch counts. The learning rate was chosen among 3e-4, 1e-3,
 * 3e-3 and 1e-2 by the accuracy on the held-out pictures (--validation judges on them) after three
 * epochs on many pictures with seed 101: 3e-3 was best or within 0.4 points of the best under all
 * methods but softmax twice, which loses whole classes above 1e-3 and so gets a third of --lr.
 *
 * The test pictures are the same for all seeds, so that the intervals say what holds for these
 * 10,000.
 */
#include <math.h>
#include <string.h>

#include "examples/common/calibration.h"
#include "examples/common/curve_plot.h"
#include "examples/common/experiment_report.h"
#include "examples/common/interrupt.h"
#include "examples/common/loss_option.h"
#include "examples/common/reliability_plot.h"
#include "examples/common/rows.h"
#include "gradus.h"

static const char PROGRAM[] = "classify";
static const char ALL_METHODS[] =
    "cross_entropy,cross_entropy:label_smoothing=0.1,softmax_twice,mse,multi_margin";
static const char LOSSES[] = "cross_entropy,mse,multi_margin";

enum { MANY, FEW, CONDITIONS, MOST_METHODS = 12 };
static const char *const condition_names[CONDITIONS] = {"many pictures", "few pictures"};
enum { HIDDEN = 128, HELD_OUT = 10000, FEW_ROWS = 1000, FEW_TIMES = 10, CHUNK = 1000 };
enum { SPEED_ROWS = 1000, SPEED_STEPS = 20, SPEED_MOST = 2000, SPEED_PERCENT = 80, BINS = 15 };

enum { ACCURACY, WORST, ON_TRAINING, ECE, FITTED_ECE, NLL, STEPS, MEASURES };
static const experiment_measure measures[MEASURES] = {
    [ACCURACY] = {.title = "accuracy %", .key = "accuracy", .decimals = 2, .maximize = true},
    [WORST] = {.title = "worst class %",
               .key = "worst_class_recall",
               .decimals = 1,
               .maximize = true},
    [ON_TRAINING] = {.title = "on training %",
                     .key = "training_accuracy",
                     .decimals = 2,
                     .maximize = true},
    [ECE] = {.title = "ECE %", .key = "calibration_error", .decimals = 2},
    [FITTED_ECE] = {.title = "ECE fitted %", .key = "fitted_calibration_error", .decimals = 2},
    [NLL] = {.title = "NLL", .key = "negative_log_likelihood", .decimals = 3},
    [STEPS] = {.title = "steps to 80%", .key = "steps_to_80"}};

static experiment_settings settings = {.loss = "all",
                                       .data = GR_FASHION_MNIST_DIRECTORY,
                                       .out = "build/classify-out",
                                       .seeds = 5,
                                       .epochs = 10,
                                       .batch = 64,
                                       .seed = 1,
                                       .lr = 3e-3};
static bool on_validation;

static const option_row options[] = {
    EXPERIMENT_OPTIONS(
        settings,
        "all, or some of softmax_twice,cross_entropy,mse,multi_margin; "
        "cross_entropy:label_smoothing=0.2",
        "the directory of Fashion-MNIST's files",
        "Adam's first learning rate, a third of it for softmax_twice; falls to 0 along a cosine", 2,
        1),
    {"validation", NULL, OPTION_FLAG, &on_validation,
     .about = "judges on the held-out part of the training pictures"},
    {0}};

/* -- The methods -- */

typedef struct method {
    loss_choice loss;
    bool softmax; /* the network's last layer */
} method;

static method methods[MOST_METHODS];
static const char *labels[MOST_METHODS];
static const char *method_losses[MOST_METHODS]; /* none of the mistake: two softmax functions */
static int n_methods;

static bool is_loss(const method *m, const char *name) {
    return strcmp(m->loss.info->name, name) == 0;
}

static double smoothing(const method *m) {
    int i = gr_loss_parameter(m->loss.info, "label_smoothing");
    return i < 0 ? 0 : m->loss.parameter[i];
}

static void read_method(const char *word, method *m) {
    static const char twice[] = "softmax_twice";
    bool is_twice = strcmp(word, twice) == 0;
    if (!is_twice && gr_loss_find(word) == NULL && strchr(word, ':') == NULL)
        options_misuse(PROGRAM, "--loss %s: expected all, or some of %s,%s", word, twice, LOSSES);
    loss_option_parse(PROGRAM, is_twice ? "cross_entropy" : word, LOSSES, &m->loss, 1);
    m->softmax = is_twice || is_loss(m, "mse");
    char *label = m->loss.label;
    if (is_twice) snprintf(label, sizeof m->loss.label, "softmax twice");
    if (smoothing(m) > 0) snprintf(label, sizeof m->loss.label, "label smoothing %g", smoothing(m));
}

static void read_methods(const char *text) {
    method_word words[MOST_METHODS];
    n_methods = loss_option_words(PROGRAM, text, words, MOST_METHODS);
    for (int i = 0; i < n_methods; i++) {
        method *m = &methods[i];
        read_method(words[i].text, m);
        bool mistake = m->softmax && is_loss(m, "cross_entropy");
        labels[i] = m->loss.label;
        method_losses[i] = mistake ? NULL : m->loss.info->name;
    }
}

static gr_tensor *loss_of(const method *m, gr_tensor *scores, gr_tensor *y) {
    gr_tensor *output = m->softmax ? gr_softmax(scores, .axes = GR_AXES(1)) : scores;
    if (is_loss(m, "mse")) y = gr_one_hot(y, GR_MNIST_CLASSES);
    return loss_option_apply(&m->loss, output, y);
}

/* The mistake gets the rate that suits it: see above. */
static double first_rate(const method *m) {
    return is_loss(m, "cross_entropy") && m->softmax ? settings.lr / 3 : settings.lr;
}

/* -- The pictures -- */

/* Some of the shared pictures and their labels. The row numbers are the training's own. */
typedef struct part {
    const gr_tensor *x, *y;
    gr_tensor *rows;
} part;

typedef struct parts {
    part train, held_out, test, speed;
} parts;

/* The first of the rows, all of them several times. */
static gr_tensor *repeat_rows(const gr_tensor *rows, int n, int times) {
    gr_tensor *places = rows == NULL ? NULL : rows_range(rows->graph, 0, n * times);
    for (int i = 0; places != NULL && i < n * times; i++) places->index[i] = i % n;
    return places == NULL ? NULL : gr_take_rows(rows, places);
}

static parts split(const experiment_run *run, const gr_mnist *data) {
    gr_graph *g = run->graph;
    int n = data->train_x->shape.dim[0], held_out = n < 4 * HELD_OUT ? n / 4 : HELD_OUT;
    gr_parts rows = gr_split_rows(g, n, .validation = (double)held_out / n);
    if (gr_failed(g)) return (parts){0};
    int few = (int)rows.train->size < FEW_ROWS ? (int)rows.train->size : FEW_ROWS;
    int speed = held_out < SPEED_ROWS ? held_out : SPEED_ROWS;
    gr_tensor *train = run->condition == FEW ? repeat_rows(rows.train, few, FEW_TIMES) : rows.train;
    parts p = {.train = {data->train_x, data->train_y, train},
               .held_out = {data->train_x, data->train_y, rows.validation},
               .speed = {data->train_x, data->train_y, repeat_rows(rows.validation, speed, 1)},
               .test = {data->test_x, data->test_y, rows_range(g, 0, data->test_x->shape.dim[0])}};
    if (on_validation) p.test = p.held_out;
    return p;
}

/* -- One training -- */

static gr_tensor *scores_of(gr_module *net, part p, const gr_tensor *rows) {
    return gr_forward(net, rows_take(p.x, rows));
}

/* The part's scores, or those of its first `most` pictures, as a tensor that lasts. */
static gr_tensor *all_scores(gr_module *net, part p, int most) {
    gr_graph *g = net->graph;
    int n = p.rows->size < most ? (int)p.rows->size : most;
    gr_tensor *all = gr_keep(gr_zeros(g, GR_SHAPE(n, GR_MNIST_CLASSES)));
    gr_no_grad_begin(g);
    for (int from = 0; from < n && !gr_failed(g); from += CHUNK) {
        int chunk = n - from < CHUNK ? n - from : CHUNK;
        gr_tensor *rows = gr_from_index(g, GR_SHAPE(chunk), p.rows->index + from);
        gr_tensor *scores = scores_of(net, p, rows);
        if (scores != NULL)
            memcpy(all->data + (size_t)from * GR_MNIST_CLASSES, scores->data,
                   (size_t)scores->size * sizeof *scores->data);
        gr_graph_reset(g);
    }
    gr_no_grad_end(g);
    return all;
}

static double percent_right(gr_module *net, part p, int most) {
    gr_tensor *scores = all_scores(net, p, most);
    if (gr_failed(net->graph)) return NAN;
    gr_tensor *rows = gr_from_index(net->graph, GR_SHAPE(scores->shape.dim[0]), p.rows->index);
    return 100 * gr_accuracy(scores, rows_take(p.y, rows));
}

/* Between two steps, whose tensors it leaves alone. */
static bool is_fast_enough(gr_module *net, part p) {
    gr_no_grad_begin(net->graph);
    double right = gr_accuracy(scores_of(net, p, p.rows), rows_take(p.y, p.rows));
    gr_no_grad_end(net->graph);
    return 100 * right >= SPEED_PERCENT;
}

/* Adam; keeps the curve of the test accuracy. */
static bool fit(experiment_run *run, gr_module *net, const parts *p) {
    const method *m = &methods[run->method];
    gr_graph *g = run->graph;
    double lr = first_rate(m);
    gr_batches *train = gr_batches_new(p->train.rows, .batch = settings.batch, .shuffle = true);
    gr_batches *test = gr_batches_new(p->test.rows, .batch = CHUNK);
    gr_optimizer *opt = gr_adam(net, .lr = lr);
    gr_trainer *trainer = gr_trainer_new(net, opt, train, .epochs = settings.epochs,
                                         .directory = experiment_directory(run), .save_every = 0);
    gr_tensor *curve = gr_keep(gr_full(g, GR_SHAPE(settings.epochs), NAN)), *rows;
    while (gr_trainer_epoch(trainer)) {
        while (gr_trainer_batch(trainer, &rows, NULL)) {
            opt->lr = gr_lr_cosine(lr, trainer->step, trainer->steps, 0);
            gr_tensor *y = rows_take(p->train.y, rows);
            gr_trainer_step(trainer, loss_of(m, scores_of(net, p->train, rows), y));
            int64_t done = trainer->step + 1;
            if (done % SPEED_STEPS == 0 && done <= SPEED_MOST && isnan(run->values[STEPS]) &&
                is_fast_enough(net, p->speed))
                run->values[STEPS] = (double)done;
        }
        while (gr_trainer_evaluate(trainer, test, &rows, NULL))
            gr_trainer_log(
                trainer, "accuracy",
                100 * gr_accuracy(scores_of(net, p->test, rows), rows_take(p->test.y, rows)));
        curve->data[trainer->epoch] = (gr_real)gr_trainer_value(trainer, "accuracy");
        experiment_progress(run, (trainer->epoch + 1.0) / settings.epochs);
        if (interrupted()) gr_trainer_stop(trainer);
    }
    experiment_keep(run, "accuracy", curve);
    return !gr_failed(g) && !interrupted();
}

static gr_tensor *probabilities(gr_tensor *scores, double temperature) {
    return gr_softmax(gr_scale(scores, 1 / temperature), .axes = GR_AXES(1));
}

/* The share that is found of the class of which the least is. */
static double worst_class(const gr_tensor *scores, const gr_tensor *y) {
    enum { RECALL = 1 };
    gr_tensor *report = gr_class_report(scores, y, GR_MNIST_CLASSES);
    double least = report == NULL ? NAN : 1;
    for (int c = 0; report != NULL && c < GR_MNIST_CLASSES; c++)
        least = fmin(least, gr_at(report, c * (int64_t)report->shape.dim[1] + RECALL));
    return least;
}

static void judge(experiment_run *run, gr_module *net, const parts *p) {
    gr_tensor *scores = all_scores(net, p->test, INT32_MAX);
    gr_tensor *held_out = all_scores(net, p->held_out, INT32_MAX);
    gr_tensor *y = gr_keep(rows_take(p->test.y, p->test.rows));
    double temperature =
        temperature_fit(held_out, gr_keep(rows_take(p->held_out.y, p->held_out.rows)));
    run->values[ACCURACY] = 100 * gr_accuracy(scores, y);
    run->values[WORST] = 100 * worst_class(scores, y);
    run->values[ON_TRAINING] = percent_right(net, p->train, HELD_OUT);
    run->values[ECE] = 100 * gr_calibration_error(probabilities(scores, 1), y, .bins = BINS);
    run->values[FITTED_ECE] =
        100 * gr_calibration_error(probabilities(scores, temperature), y, .bins = BINS);
    run->values[NLL] = gr_item(gr_cross_entropy(scores, y));
    experiment_keep(run, "reliability", gr_reliability(probabilities(scores, 1), y, .bins = BINS));
}

static void train(experiment_run *run, void *context) {
    gr_graph *g = run->graph;
    parts p = split(run, context);
    gr_shape picture = ((const gr_mnist *)context)->train_x->shape;
    gr_module *net =
        gr_sequential(g, gr_flatten_layer(g), gr_linear(g, picture.dim[2] * picture.dim[3], HIDDEN),
                      gr_relu_layer(g), gr_linear(g, HIDDEN, GR_MNIST_CLASSES));
    if (gr_failed(g)) return;
    run->untrained = percent_right(net, p.test, INT32_MAX);
    if (fit(run, net, &p)) judge(run, net, &p);
}

/* -- The verdict -- */

enum { PLAIN, SMOOTHED, TWICE };

/* Which of them a cross-entropy is. */
static int kind_of(const method *m) {
    return m->softmax ? TWICE : smoothing(m) > 0 ? SMOOTHED : PLAIN;
}

static int find_cross_entropy(int kind) {
    for (int i = 0; i < n_methods; i++)
        if (is_loss(&methods[i], "cross_entropy") && kind_of(&methods[i]) == kind) return i;
    return -1;
}

static const char *in_words(int better) {
    return better > 0 ? "clearly better" : better < 0 ? "clearly worse" : "no clear difference";
}

/* Of method a minus method b; returns in how many conditions a is clearly better by accuracy, and
 * in how many worse. */
static void say_against(experiment *e, int a, int b, int *better, int *worse) {
    static const int said[] = {ACCURACY, WORST, ECE, FITTED_ECE, NLL, STEPS};
    *better = *worse = 0;
    experiment_say(e, "\n%s against %s:\n", labels[a], labels[b]);
    for (int c = 0; c < CONDITIONS; c++) {
        for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
            const experiment_measure *m = &measures[said[i]];
            difference d = experiment_difference(e, c, a, b, said[i]);
            if (isnan(d.mean)) continue;
            experiment_say(e, "    %-15s %-14s %+9.*f +- %-8.*f %s\n", condition_names[c], m->title,
                           m->decimals, d.mean, m->decimals, d.half_width,
                           in_words(experiment_better(e, c, a, b, said[i])));
        }
        int sign = experiment_better(e, c, a, b, ACCURACY);
        *better += sign > 0;
        *worse += sign < 0;
    }
}

/* "Softmax before a cross-entropy that has it already is a mistake." */
static void say_mistake(experiment *e) {
    int plain = find_cross_entropy(PLAIN), twice = find_cross_entropy(TWICE), better, worse;
    if (plain < 0 || twice < 0) return;
    say_against(e, twice, plain, &better, &worse);
    experiment_verdict(
        e, "quickref-f",
        worse == CONDITIONS ? VERDICT_HELD
        : worse > 0         ? VERDICT_PARTLY
        : better > 0        ? VERDICT_FAILED
                            : VERDICT_UNCLEAR,
        "softmax before a cross-entropy that has it is a mistake: %.1f%% instead of %.1f%% right "
        "after training on many pictures, %.1f%% instead of %.1f%% on few; of its worst class "
        "%.0f%% and %.0f%%",
        experiment_mean(e, MANY, twice, ACCURACY), experiment_mean(e, MANY, plain, ACCURACY),
        experiment_mean(e, FEW, twice, ACCURACY), experiment_mean(e, FEW, plain, ACCURACY),
        experiment_mean(e, MANY, twice, WORST), experiment_mean(e, FEW, twice, WORST));
}

/* "Label smoothing 0.1 regularises": better on pictures that were not seen, where few were. */
static void say_smoothing(experiment *e) {
    int plain = find_cross_entropy(PLAIN), smooth = find_cross_entropy(SMOOTHED), better, worse;
    if (plain < 0 || smooth < 0) return;
    say_against(e, smooth, plain, &better, &worse);
    bool helps_few = experiment_better(e, FEW, smooth, plain, ACCURACY) > 0;
    experiment_verdict(
        e, "quickref-f",
        helps_few && worse == 0 ? VERDICT_HELD
        : better > 0            ? VERDICT_PARTLY
        : worse > 0             ? VERDICT_FAILED
                                : VERDICT_UNCLEAR,
        "%s regularises: accuracy %+.2f points on many pictures (%s), %+.2f on few (%s); "
        "calibration error %.1f%% instead of %.1f%% and %.1f%% instead of %.1f%%",
        labels[smooth], experiment_difference(e, MANY, smooth, plain, ACCURACY).mean,
        in_words(experiment_better(e, MANY, smooth, plain, ACCURACY)),
        experiment_difference(e, FEW, smooth, plain, ACCURACY).mean,
        in_words(experiment_better(e, FEW, smooth, plain, ACCURACY)),
        experiment_mean(e, MANY, smooth, ECE), experiment_mean(e, MANY, plain, ECE),
        experiment_mean(e, FEW, smooth, ECE), experiment_mean(e, FEW, plain, ECE));
}

/* How far a method's accuracy is below the best at most, in points. */
static double regret(const experiment *e, int method) {
    double worst = 0;
    for (int c = 0; c < CONDITIONS; c++)
        worst = fmax(worst, experiment_mean(e, c, experiment_best(e, c, ACCURACY), ACCURACY) -
                                experiment_mean(e, c, method, ACCURACY));
    return worst;
}

static double mean_likelihood(const experiment *e, int method) {
    return (experiment_mean(e, MANY, method, NLL) + experiment_mean(e, FEW, method, NLL)) / 2;
}

static void say_choice(experiment *e) {
    int right = 0, likely = 0;
    for (int m = 1; m < n_methods; m++) {
        if (regret(e, m) < regret(e, right)) right = m;
        if (mean_likelihood(e, m) < mean_likelihood(e, likely)) likely = m;
    }
    experiment_say(e,
                   "\nIf the class is all that counts, choose %s: nowhere more than %.2f points "
                   "below the\nbest accuracy. If probabilities count, choose %s, whose are the "
                   "likeliest (NLL %.3f and\n%.3f); its accuracy is at most %.2f points below the "
                   "best.\n",
                   labels[right], regret(e, right), labels[likely],
                   experiment_mean(e, MANY, likely, NLL), experiment_mean(e, FEW, likely, NLL),
                   regret(e, likely));
}

/* -- Pictures -- */

static void draw(experiment *e) {
    gr_graph *g = gr_graph_new(.threads = 1);
    curve_plot curves = {.kept = "accuracy",
                         .name = "accuracy",
                         .x_title = "epoch",
                         .y_title = "test accuracy, %",
                         .low = 65};
    experiment_say(e, "\n");
    if (plot_curves(e, g, curves))
        experiment_picture(e, "accuracy",
                           "test accuracy while training: mean and standard deviation");
    if (plot_reliability_bins(e, g, "reliability", 10 * e->complete, "reliability"))
        experiment_picture(e, "reliability",
                           "how often the network is right when it is so sure; above the dotted "
                           "line it is not sure enough");
    gr_graph_free(g);
}

/* -- The program -- */

static void report(experiment *e) {
    if (!experiment_report_begin(e)) return;
    experiment_say(e,
                   "Fashion-MNIST, %d methods, trained on many pictures and on %d, %d seeds, %d "
                   "epochs.\nOn %s pictures: mean and spread (standard deviation) over the "
                   "seeds.\nECE: expected calibration error of the softmax of the scores, and with "
                   "a fitted\ntemperature. NLL: negative log-likelihood.\n\n",
                   n_methods, FEW_ROWS, e->complete, settings.epochs,
                   on_validation ? "held-out training" : "test");
    experiment_table(e);
    for (int m = 0; m < n_methods; m++)
        if (is_loss(&methods[m], "multi_margin"))
            experiment_say(e, "\nmulti_margin's scores are not made to be logarithms of "
                              "probabilities: its ECE and NLL say\nwhat comes of taking them for "
                              "such.\n");
    experiment_say(e,
                   "\nDifferences are taken seed by seed, with their 95%% interval; one is "
                   "clear if that does not hold 0.%s\n\n",
                   e->complete == 1 ? " One seed can't show any." : "");
    if (n_methods > 1) {
        for (int c = 0; c < CONDITIONS; c++) experiment_ranking(e, c, ACCURACY);
        say_mistake(e);
        say_smoothing(e);
        say_choice(e);
    }
    draw(e);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    options_parse(PROGRAM,
                  "Trains one network under each loss for several classes on Fashion-MNIST, and "
                  "says\nwhich to choose, and what a softmax too many costs.",
                  options, argc, argv);
    read_methods(strcmp(settings.loss, "all") == 0 ? ALL_METHODS : settings.loss);
    gr_graph *g = gr_graph_new(.threads = 1);
    gr_mnist *data = gr_fashion_mnist_read(g, settings.data);
    if (data == NULL) {
        fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    experiment e = {.program = PROGRAM,
                    .question = "Which loss for classification into several classes, and what does "
                                "a softmax too many cost?",
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
                    .context = data};
    if (experiment_train(&e)) report(&e);
    gr_graph_free(g);
    return experiment_end(&e);
}
