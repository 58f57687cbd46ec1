/* Which loss finds small objects, and their outlines?
 *
 * In a picture of 64 x 64 grey pixels one garment is to be found, pixel by pixel; it has 2 to 10 %
 * of them. Garments are those of Fashion-MNIST, pasted onto crops of photographs
 * (examples/common/small_objects.h; examples/data/README.md says whose), beside ellipses and
 * rectangles that are none. What is judged has never been seen: garments of the test part, on
 * photographs that no training picture comes from.
 *
 * The network is a small U-Net (examples/common/unet.h) with two scores for each pixel, background
 * and object. It is trained under
 *
 *   cross_entropy   of all pixels alike
 *   weighted        the same, with object and background weighing the same in total
 *   focal           binary, with gamma 2: pixels that are right already hardly count
 *   dice, iou       1 - overlap of the object's probabilities with its mask, for each picture
 *   dice_ce         0.5 cross_entropy + 0.5 dice; its Dice is the mean of object and background
 *   tversky A B     as dice, with false positives weighing A and misses B; 0.5 and 0.5 is dice
 *
 * Judged on the test scenes at a probability of 0.5, what a user would take: the object's IoU, the
 * mean over the scenes, among objects of 2 to 4, 4 to 7 and 7 to 10 % of the pixels too; Dice alike;
 * precision and recall of all scenes' pixels together; the boundary's F1 score within one pixel
 * (examples/common/mask_boundary.h), which is 0 where nothing overlaps. "IoU fitted" is at the
 * threshold that is best on validation scenes: a loss that only shifts the probabilities, as
 * weights do, differs from cross_entropy by IoU and not by this.
 *
 * Gradients are looked at where they arrive, at the scores, on validation scenes after each epoch,
 * by their mean size: "edge" is that within one pixel of the true outline (on both sides) by that
 * elsewhere; "wrong" is, within that zone, that of pixels on the wrong side of 0.5 by that of pixels
 * on the right side. Both are means over the epochs. What the losses differ by on one and the same
 * network, that which cross_entropy has trained, is said below the table.
 *
 * A seed draws the training scenes from a pool, the network's beginning and the order of the
 * batches. All methods get the same seeds, the same number of steps and the same learning rate.
 * Validation scenes (garments and photographs that are neither trained nor tested on) chose
 */
#include <math.h>
#include <string.h>

#include "examples/common/experiment_report.h"
#include "examples/common/interrupt.h"
#include "examples/common/loss_option.h"
#include "examples/common/mask_boundary.h"
#include "examples/common/picture_rows.h"
#include "examples/common/plot.h"
#include "examples/common/rows.h"
#include "examples/common/small_objects.h"
#include "examples/common/unet.h"
#include "gradus.h"

static const char PROGRAM[] = "segmentation";
static const char ALL_METHODS[] =
    "cross_entropy,weighted,focal:alpha=0.75,dice,dice_ce,iou,tversky:alpha=0.3:beta=0.7,"
    "tversky:alpha=0.7:beta=0.3";
static const char LOSSES[] = "cross_entropy,focal,dice,dice_ce,iou,tversky";

enum { SIDE = SMALL_OBJECTS_SIDE, PIXELS = SIDE * SIDE, CLASSES = 2, LEVELS = 4 };
static const int channels[LEVELS] = {4, 12, 24, 24};
enum { POOL = 2000, TRAIN = 800, VALIDATION = 200, TEST = 500, CHUNK = 50 };
enum { QUICK_TRAIN = 320, QUICK_VALIDATION = 50, QUICK_TEST = 100, GARMENTS_TRAINED = 50000 };
enum { SHOWN = 8, BINS = 8, THRESHOLDS = 19, MOST_METHODS = 12, SCENES_SEED = 64 };

static const char *const train_photographs[] = {"brick", "chelsea", "clock", "hubble", "rocket"};
static const char *const validation_photographs[] = {"camera", "gravel"};
static const char *const test_photographs[] = {"astronaut", "coffee", "grass"};
enum { MOST_PHOTOGRAPHS = 5 };

enum {
    IOU,
    IOU_SMALL,
    IOU_MIDDLE,
    IOU_LARGE,
    IOU_FITTED,
    DICE,
    PRECISION,
    RECALL,
    BOUNDARY,
    EDGE,
    WRONG,
    MEASURES
};
static const experiment_measure measures[MEASURES] = {
    [IOU] = {.title = "IoU %", .key = "iou", .decimals = 1, .maximize = true},
    [IOU_SMALL] = {.title = "2-4 %", .key = "iou_small", .decimals = 1, .maximize = true},
    [IOU_MIDDLE] = {.title = "4-7 %", .key = "iou_middle", .decimals = 1, .maximize = true},
    [IOU_LARGE] = {.title = "7-10 %", .key = "iou_large", .decimals = 1, .maximize = true},
    [IOU_FITTED] = {.title = "IoU fitted", .key = "iou_fitted", .decimals = 1, .maximize = true},
    [DICE] = {.title = "Dice %", .key = "dice", .decimals = 1, .maximize = true},
    [PRECISION] = {.title = "precision", .key = "precision", .decimals = 1, .maximize = true},
    [RECALL] = {.title = "recall", .key = "recall", .decimals = 1, .maximize = true},
    [BOUNDARY] = {.title = "boundary F1", .key = "boundary_f1", .decimals = 1, .maximize = true},
    [EDGE] = {.title = "edge", .key = "edge_gradient", .decimals = 1, .maximize = true},
    [WRONG] = {.title = "wrong", .key = "wrong_gradient", .decimals = 2, .maximize = true}};

static experiment_settings settings = {.loss = "all",
                                       .data = GR_FASHION_MNIST_DIRECTORY,
                                       .out = "build/segmentation-out",
                                       .seeds = 5,
                                       .epochs = 6,
                                       .batch = 16,
                                       .seed = 1,
                                       .lr = 1e-2};
static const char *photographs_directory = "examples/data/photographs";
static bool on_validation;

static const option_row options[] = {
    EXPERIMENT_OPTIONS(settings,
                       "all, or some of weighted,cross_entropy,focal,dice,dice_ce,iou,tversky; "
                       "tversky:alpha=0.1:beta=0.9",
                       "the directory of Fashion-MNIST's files",
                       "Adam's first learning rate; falls to 0 along a cosine", 2, 2),
    {"photographs", "PATH", OPTION_TEXT, &photographs_directory,
     .about = "the directory of the backgrounds"},
    {"validation", NULL, OPTION_FLAG, &on_validation, .about = "judges on the validation scenes"},
    {0}};

/* -- The methods -- */

typedef struct method {
    loss_choice loss;
    bool weighted;
} method;

static method methods[MOST_METHODS];
static const char *labels[MOST_METHODS];
static int n_methods;

static bool is_loss(const method *m, const char *name) {
    return strcmp(m->loss.info->name, name) == 0;
}

static double parameter(const method *m, const char *name) {
    int i = gr_loss_parameter(m->loss.info, name);
    return i < 0 ? NAN : m->loss.parameter[i];
}

static void read_method(const char *word, method *m) {
    static const char weighted[] = "weighted";
    m->weighted = strcmp(word, weighted) == 0;
    if (!m->weighted && gr_loss_find(word) == NULL && strchr(word, ':') == NULL)
        options_misuse(PROGRAM, "--loss %s: expected all, or some of %s,%s", word, weighted,
                       LOSSES);
    loss_option_parse(PROGRAM, m->weighted ? "cross_entropy" : word, LOSSES, &m->loss, 1);
    char *label = m->loss.label;
    if (m->weighted) snprintf(label, sizeof m->loss.label, "%s", weighted);
    if (is_loss(m, "tversky"))
        snprintf(label, sizeof m->loss.label, "tversky %g %g", parameter(m, "alpha"),
                 parameter(m, "beta"));
}

static void read_methods(const char *text) {
    for (bool more = true; more; n_methods++) {
        char word[64];
        size_t length = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        if (n_methods == MOST_METHODS)
            options_misuse(PROGRAM, "--loss: expected at most %d methods", MOST_METHODS);
        read_method(word, &methods[n_methods]);
        labels[n_methods] = methods[n_methods].loss.label;
        more = text[length] == ',';
        text += length + more;
    }
}

/* The object's probability in each pixel, (N,1,H,W). */
static gr_tensor *object_probability(gr_tensor *scores) {
    return gr_slice(gr_softmax(scores, .axes = GR_AXES(1)), 1, 1, 2, 1);
}

/* Classes as the object's mask in real numbers, (N,1,H,W). */
static gr_tensor *object_mask(gr_tensor *y) {
    return gr_unsqueeze(gr_select(gr_one_hot(y, CLASSES), 3, 1), 1);
}

/* `weights` (2) are those of the classes. */
static gr_tensor *loss_of(const method *m, gr_tensor *scores, gr_tensor *y, gr_tensor *weights) {
    if (m->weighted) return gr_cross_entropy(scores, y, .class_weight = weights);
    if (is_loss(m, "cross_entropy") || is_loss(m, "dice_ce"))
        return loss_option_apply(&m->loss, scores, y);
    gr_tensor *mask = object_mask(y);
    if (!is_loss(m, "focal")) return loss_option_apply(&m->loss, object_probability(scores), mask);
    gr_tensor *background = gr_slice(scores, 1, 0, 1, 1), *object = gr_slice(scores, 1, 1, 2, 1);
    return loss_option_apply(&m->loss, gr_sub(object, background), mask);
}

/* -- The scenes -- */

typedef struct parts {
    small_objects pool, validation, test;
} parts;

static small_objects compose(gr_graph *g, const char *const *names, int n, int count,
                             const gr_tensor *garments, int begin, int end) {
    gr_tensor *photographs[MOST_PHOTOGRAPHS];
    if (!photographs_read(g, photographs_directory, names, n, photographs))
        return (small_objects){0};
    return small_objects_compose(g, .photographs = photographs, .n_photographs = n, .count = count,
                                 .garments = garments, .begin = begin, .end = end);
}

#define COUNT(names) ((int)(sizeof(names) / sizeof *(names)))

/* The same for all seeds. False if there is no data: the graph says why. */
static bool read_parts(gr_graph *g, parts *p) {
    gr_mnist *data = gr_fashion_mnist_read(g, settings.data);
    if (data == NULL) return false;
    int all = data->train_x->shape.dim[0], trained = all < GARMENTS_TRAINED ? all / 2 : GARMENTS_TRAINED;
    bool quick = settings.quick;
    p->pool = compose(g, train_photographs, COUNT(train_photographs), quick ? QUICK_TRAIN : POOL,
                      data->train_x, 0, trained);
    p->validation =
        compose(g, validation_photographs, COUNT(validation_photographs),
                quick ? QUICK_VALIDATION : VALIDATION, data->train_x, trained, all);
    p->test = compose(g, test_photographs, COUNT(test_photographs), quick ? QUICK_TEST : TEST,
                      data->test_x, 0, data->test_x->shape.dim[0]);
    return !gr_failed(g);
}

static int count_of(const small_objects *scenes) { return scenes->x->shape.dim[0]; }

static const small_objects *judged_on(const parts *p) {
    return on_validation ? &p->validation : &p->test;
}

static int object_pixels(const int32_t *mask) {
    int n = 0;
    for (int i = 0; i < PIXELS; i++) n += mask[i];
    return n;
}

/* The weights of background and object that make both count the same in total, (2). */
static gr_tensor *class_weights(const small_objects *scenes, const gr_tensor *rows) {
    double count[CLASSES] = {0};
    for (int64_t i = 0; i < rows->size; i++)
        count[1] += object_pixels(scenes->y->index + (size_t)rows->index[i] * PIXELS);
    count[0] = (double)rows->size * PIXELS - count[1];
    gr_real counts[CLASSES] = {(gr_real)count[0], (gr_real)count[1]};
    return gr_keep(gr_inverse_frequency_weights(gr_from(rows->graph, GR_SHAPE(CLASSES), counts)));
}

/* -- Predictions -- */

/* Grey from -2 to 2. */
static gr_tensor *scores_of(gr_module *net, gr_tensor *x) {
    return gr_forward(net, gr_scale(gr_shift(x, -0.5), 4));
}

/* The object's probability in each pixel of the first `most` scenes, (N,1,H,W), lasting. */
static gr_tensor *predict(gr_module *net, const small_objects *scenes, int most) {
    gr_graph *g = net->graph;
    int n = count_of(scenes) < most ? count_of(scenes) : most;
    gr_tensor *all = gr_keep(gr_zeros(g, GR_SHAPE(n, 1, SIDE, SIDE)));
    gr_no_grad_begin(g);
    for (int from = 0; from < n && !gr_failed(g); from += CHUNK) {
        int end = from + CHUNK < n ? from + CHUNK : n;
        gr_tensor *x = gr_zeros(g, GR_SHAPE(end - from, 1, SIDE, SIDE));
        if (x == NULL) break;
        memcpy(x->data, scenes->x->data + (size_t)from * PIXELS,
               (size_t)x->size * sizeof *x->data);
        gr_tensor *p = object_probability(scores_of(net, x));
        if (p != NULL)
            memcpy(all->data + (size_t)from * PIXELS, p->data, (size_t)p->size * sizeof *p->data);
        gr_graph_reset(g);
    }
    gr_no_grad_end(g);
    return all;
}

typedef struct overlap {
    int hit, false_positive, missed;
} overlap;

static overlap count_overlap(const gr_real *p, const int32_t *y, double threshold) {
    overlap o = {0};
    for (int i = 0; i < PIXELS; i++) {
        bool found = p[i] >= threshold;
        o.hit += found && y[i] == 1;
        o.false_positive += found && y[i] == 0;
        o.missed += !found && y[i] == 1;
    }
    return o;
}

static double iou_of(overlap o) { return (double)o.hit / (o.hit + o.false_positive + o.missed); }

/* The mean over the scenes. */
static double mean_iou(const gr_tensor *p, const small_objects *scenes, double threshold) {
    double sum = 0;
    int n = p->shape.dim[0];
    for (int i = 0; i < n; i++)
        sum += iou_of(count_overlap(p->data + (size_t)i * PIXELS,
                                    scenes->y->index + (size_t)i * PIXELS, threshold));
    return sum / n;
}

/* Among 0.05, 0.1, ..., 0.95. */
static double best_threshold(const gr_tensor *p, const small_objects *scenes) {
    double best = 0, best_iou = -1;
    for (int i = 1; i <= THRESHOLDS; i++) {
        double threshold = i / (THRESHOLDS + 1.0), iou = mean_iou(p, scenes, threshold);
        if (iou <= best_iou) continue;
        best = threshold;
        best_iou = iou;
    }
    return best;
}

/* -- Gradients -- */

/* Mean sizes of the gradient with respect to the object's score. */
typedef struct gradient_sizes {
    double edge, elsewhere, edge_wrong, edge_right;
} gradient_sizes;

typedef struct mean {
    double sum, n;
} mean;

static void add(mean *m, double x) {
    m->sum += x;
    m->n++;
}

static gradient_sizes measure_gradient(const gr_tensor *gradient, const gr_tensor *p,
                                       const int32_t *y) {
    mean edge = {0}, elsewhere = {0}, wrong = {0}, right = {0};
    bool zone[PIXELS];
    for (size_t n = 0; n < (size_t)gradient->shape.dim[0]; n++) {
        mask_edge_zone(y + n * PIXELS, SIDE, SIDE, zone);
        for (size_t i = 0; i < PIXELS; i++) {
            double size = fabs((double)gradient->data[(CLASSES * n + 1) * PIXELS + i]);
            bool is_right = (p->data[n * PIXELS + i] >= 0.5) == (y[n * PIXELS + i] == 1);
            add(zone[i] ? &edge : &elsewhere, size);
            if (zone[i]) add(is_right ? &right : &wrong, size);
        }
    }
    return (gradient_sizes){edge.sum / edge.n, elsewhere.sum / elsewhere.n, wrong.sum / wrong.n,
                            right.sum / right.n};
}

/* Of some methods' losses on the same scores: x (N,1,H,W) and y (N,H,W) of the step. */
static void look_at_gradients(gr_module *net, gr_tensor *x, gr_tensor *y, gr_tensor *weights,
                              const int *which, int n, gradient_sizes *sizes) {
    gr_graph *g = net->graph;
    gr_no_grad_begin(g);
    gr_tensor *values = scores_of(net, x);
    gr_no_grad_end(g);
    gr_tensor *scores = gr_requires_grad(gr_detach(values)), *p = object_probability(scores);
    for (int i = 0; i < n && !gr_failed(g); i++) {
        gr_tensor *gradient = gr_grad(loss_of(&methods[which[i]], scores, y, weights), scores);
        if (gradient != NULL) sizes[i] = measure_gradient(gradient, p, y->index);
    }
}

/* -- One training -- */

/* Adam; sets the means of the gradients' sizes. */
static bool fit(experiment_run *run, gr_module *net, const parts *p, gr_tensor *rows,
                gr_tensor *weights) {
    gr_graph *g = run->graph;
    const method *m = &methods[run->method];
    gr_batches *train = gr_batches_new(rows, .batch = settings.batch, .shuffle = true);
    gr_batches *validation =
        gr_batches_new(rows_range(g, 0, count_of(&p->validation)), .batch = CHUNK);
    gr_trainer *trainer =
        gr_trainer_new(net, gr_adam(net, .lr = settings.lr), train, .epochs = settings.epochs,
                       .directory = experiment_directory(run), .save_every = 0);
    mean edge = {0}, wrong = {0};
    gr_tensor *batch;
    while (gr_trainer_epoch(trainer)) {
        while (gr_trainer_batch(trainer, &batch, NULL)) {
            trainer->args.optimizer->lr =
                gr_lr_cosine(settings.lr, trainer->step, trainer->steps, 0);
            gr_tensor *y = rows_take(p->pool.y, batch);
            gr_trainer_step(trainer,
                            loss_of(m, scores_of(net, rows_take(p->pool.x, batch)), y, weights));
        }
        if (gr_trainer_evaluate(trainer, validation, &batch, NULL)) {
            gradient_sizes s;
            look_at_gradients(net, rows_take(p->validation.x, batch),
                              rows_take(p->validation.y, batch), weights, &run->method, 1, &s);
            add(&edge, s.edge / s.elsewhere);
            add(&wrong, s.edge_wrong / s.edge_right);
        }
        experiment_progress(run, (trainer->epoch + 1.0) / settings.epochs);
        if (interrupted()) gr_trainer_stop(trainer);
    }
    run->values[EDGE] = edge.sum / edge.n;
    run->values[WRONG] = wrong.sum / wrong.n;
    return !gr_failed(g) && !interrupted();
}

/* Which of the three sizes an object has: the measure. */
static int size_measure(const int32_t *mask) {
    double percent = 100.0 * object_pixels(mask) / PIXELS;
    return percent < 4 ? IOU_SMALL : percent < 7 ? IOU_MIDDLE : IOU_LARGE;
}

static void judge_masks(experiment_run *run, const gr_tensor *p, const small_objects *scenes) {
    mean by_size[MEASURES] = {{0}}, iou = {0}, dice = {0}, boundary = {0};
    overlap all = {0};
    int n = count_of(scenes);
    gr_tensor *each = gr_zeros(run->graph, GR_SHAPE(n));
    for (int i = 0; i < n && each != NULL; i++) {
        const gr_real *prob = p->data + (size_t)i * PIXELS;
        const int32_t *y = scenes->y->index + (size_t)i * PIXELS;
        int32_t mask[PIXELS];
        for (int k = 0; k < PIXELS; k++) mask[k] = prob[k] >= 0.5;
        overlap o = count_overlap(prob, y, 0.5);
        each->data[i] = (gr_real)iou_of(o);
        add(&iou, iou_of(o));
        add(&by_size[size_measure(y)], iou_of(o));
        add(&dice, 2.0 * o.hit / (2 * o.hit + o.false_positive + o.missed));
        add(&boundary, mask_boundary_f1(mask, y, SIDE, SIDE));
        all.hit += o.hit;
        all.false_positive += o.false_positive;
        all.missed += o.missed;
    }
    run->values[IOU] = 100 * iou.sum / iou.n;
    for (int k = IOU_SMALL; k <= IOU_LARGE; k++)
        run->values[k] = 100 * by_size[k].sum / by_size[k].n;
    run->values[DICE] = 100 * dice.sum / dice.n;
    run->values[PRECISION] = 100.0 * all.hit / (all.hit + all.false_positive);
    run->values[RECALL] = 100.0 * all.hit / (all.hit + all.missed);
    run->values[BOUNDARY] = 100 * boundary.sum / boundary.n;
    experiment_keep(run, "iou", each);
}

static void train(experiment_run *run, void *context) {
    gr_graph *g = run->graph;
    const parts *p = context;
    gr_tensor *order = gr_permutation(g, count_of(&p->pool));
    gr_tensor *rows = gr_keep(gr_slice(order, 0, 0, TRAIN, 1));
    gr_module *net = unet(g, 1, CLASSES, channels, LEVELS);
    if (gr_failed(g)) return;
    gr_tensor *weights = class_weights(&p->pool, rows);
    const small_objects *judged = judged_on(p);
    run->untrained = 100 * mean_iou(predict(net, judged, TEST), judged, 0.5);
    if (!fit(run, net, p, rows, weights)) return;
    gr_tensor *validation = predict(net, &p->validation, VALIDATION);
    gr_tensor *found = predict(net, judged, TEST);
    if (gr_failed(g)) return;
    judge_masks(run, found, judged);
    run->values[IOU_FITTED] =
        100 * mean_iou(found, judged, best_threshold(validation, &p->validation));
    experiment_keep(run, "shown", gr_slice(found, 0, 0, SHOWN, 1));
}

/* -- The program -- */

static void report(experiment *e) {
    if (!experiment_report_begin(e)) return;
    experiment_table(e);
    experiment_report_end(e);
}

int main(int argc, char **argv) {
    options_parse(PROGRAM,
                  "Trains one small U-Net to find small objects in photographs, under losses of "
                  "pixels and\nof overlap, and says which to choose.",
                  options, argc, argv);
    read_methods(strcmp(settings.loss, "all") == 0 ? ALL_METHODS : settings.loss);
    gr_graph *g = gr_graph_new(.threads = 1, .seed = SCENES_SEED);
    parts data;
    if (!read_parts(g, &data)) {
        fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
        gr_graph_free(g);
        return 1;
    }
    experiment e = {.program = PROGRAM,
                    .question = "Which loss finds small objects, and their outlines?",
                    .settings = &settings,
                    .options = options,
                    .conditions = (const char *const[]){"small objects"},
                    .n_conditions = 1,
                    .methods = labels,
                    .n_methods = n_methods,
                    .measures = measures,
                    .n_measures = MEASURES,
                    .train = train,
                    .context = &data};
    if (experiment_train(&e)) report(&e);
    gr_graph_free(g);
    return experiment_end(&e);
}
