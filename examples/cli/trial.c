#include "examples/cli/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/cli/names.h"
#include "examples/common/stats.h"
#include "examples/common/table.h"

enum {
    HIDDEN = 32,
    BATCH = 32,
    MOST_ROWS = 20000,
    MOST_CATEGORIES = 50, /* a column with more texts tells rows apart, not kinds of rows */
    MOST_FOLDS = 20,
    MOST_MEASURES = 4
};
enum { MOST_STEPS = 2000, PASSES = 40 }; /* of a training, unless --steps says so */
static const double LR = 3e-3, WEIGHT_DECAY = 1e-2;

static const struct {
    const char *title[MOST_MEASURES];
    int decimals[MOST_MEASURES];
    bool maximize;
} measures[] = {
    [TARGET_REAL] = {{"MAE", "median AE", "RMSE", "R2"}, {3, 3, 3, 3}, false},
    [TARGET_COUNT] = {{"RMSE", "MAE", "median AE", "R2"}, {3, 3, 3, 3}, false},
    [TARGET_BINARY] = {{"PR-AUC", "ROC-AUC", "best F1", "accuracy"}, {3, 3, 3, 3}, true},
    [TARGET_CLASSES] = {{"macro F1", "accuracy", "macro recall"}, {3, 3, 3}, true}};

/* -- Rows -- */

typedef struct rows {
    gr_tensor *x; /* (N,D), NaN where missing */
    gr_tensor *y; /* (N,1) reals, or (N) classes */
    int *fold;    /* of each row */
    int n;
} rows;

static bool is_feature(const profile *p, const gr_csv_column *column) {
    return column != p->column &&
           (column->number != NULL || column->n_categories <= MOST_CATEGORIES);
}

static gr_tensor *read_features(const profile *p) {
    const char *columns[MOST_NAMES];
    int n = 0;
    for (int c = 0; c < p->csv->columns; c++) {
        const gr_csv_column *column = &p->csv->column[c];
        if (is_feature(p, column) && n < MOST_NAMES)
            columns[n++] = column->name;
        else if (column != p->column)
            printf("left out: %s, %d different texts\n", column->name, column->n_categories);
    }
    if (n == 0)
        misuse("choose: %s has no column to predict %s from", p->csv->path, p->column->name);
    return gr_csv_tensor(p->csv, (gr_names){n, columns});
}

static bool has_classes(const profile *p) {
    return p->kind == TARGET_BINARY || p->kind == TARGET_CLASSES;
}

/* The class that is to be found is 1. */
static int label_of(const profile *p, int row) {
    int c = profile_class(p, row);
    return p->kind == TARGET_BINARY ? c == p->smallest : c;
}

/* Rows that have a target, shuffled; if they are too many, the first of those. */
static gr_tensor *choose_rows(gr_graph *g, const profile *p) {
    gr_tensor *order = gr_permutation(g, p->csv->rows);
    int n = 0;
    for (int i = 0; order != NULL && i < p->csv->rows && n < MOST_ROWS; i++) {
        int row = order->index[i];
        bool known = p->column->number != NULL ? isfinite(p->column->number[row])
                                               : p->column->category[row] >= 0;
        if (known) order->index[n++] = row;
    }
    if (n < p->rows) printf("%d of the %d rows, drawn by lot\n", n, p->rows);
    return order == NULL ? NULL : gr_keep(gr_from_index(g, GR_SHAPE(n), order->index));
}

/* Every class is dealt out in turn, so that each fold has its share. */
static void deal(const profile *p, const gr_tensor *chosen, int folds, int *fold) {
    int next[MOST_CLASSES] = {0};
    for (int i = 0; i < chosen->size; i++) {
        int c = has_classes(p) ? label_of(p, chosen->index[i]) : 0;
        fold[i] = next[c]++ % folds;
    }
}

static bool read_rows(gr_graph *g, const profile *p, int folds, rows *r) {
    gr_tensor *x = read_features(p), *chosen = choose_rows(g, p);
    if (x == NULL || chosen == NULL) return false;
    r->n = (int)chosen->size;
    r->x = gr_take_rows(x, chosen);
    r->fold = gr_alloc_lasting(g, (size_t)r->n * sizeof *r->fold);
    int32_t *label = gr_alloc_lasting(g, (size_t)r->n * sizeof *label);
    gr_real *number = gr_alloc_lasting(g, (size_t)r->n * sizeof *number);
    if (r->fold == NULL || label == NULL || number == NULL) return false;
    for (int i = 0; i < r->n; i++) {
        label[i] = has_classes(p) ? label_of(p, chosen->index[i]) : 0;
        number[i] = (gr_real)profile_number(p, chosen->index[i]);
    }
    deal(p, chosen, folds, r->fold);
    r->y = gr_keep(has_classes(p) ? gr_from_index(g, GR_SHAPE(r->n), label)
                                  : gr_from(g, GR_SHAPE(r->n, 1), number));
    return !gr_failed(g);
}

/* -- One training -- */

typedef struct part {
    gr_tensor *x, *y;
} part;

/* What a network and a loss see of the target. */
typedef struct setting {
    const profile *p;
    const suggestion *s;
    double mean, deviation; /* of the training targets, or of their logarithms */
    gr_tensor *weights;     /* of classes, or of positives */
} setting;

static part take_part(gr_graph *g, const rows *r, int fold, bool inside) {
    int32_t *index = gr_alloc_lasting(g, (size_t)r->n * sizeof *index);
    int n = 0;
    for (int i = 0; index != NULL && i < r->n; i++)
        if ((r->fold[i] == fold) == inside) index[n++] = i;
    gr_tensor *chosen = index == NULL ? NULL : gr_keep(gr_from_index(g, GR_SHAPE(n), index));
    return (part){gr_take_rows(r->x, chosen), gr_take_rows(r->y, chosen)};
}

static void measure_target(setting *s, const gr_tensor *y) {
    double sum = 0, square = 0;
    for (int64_t i = 0; i < y->size; i++) {
        double v = s->s->log_link ? log1p(gr_at(y, i)) : gr_at(y, i);
        sum += v;
        square += v * v;
    }
    s->mean = sum / (double)y->size;
    s->deviation = sqrt(fmax(square / (double)y->size - s->mean * s->mean, 0));
    if (!(s->deviation > 0)) s->deviation = 1;
}

static gr_tensor *class_counts(gr_graph *g, const gr_tensor *y, int classes) {
    gr_tensor *counts = gr_zeros(g, GR_SHAPE(classes));
    for (int64_t i = 0; counts != NULL && i < y->size; i++) counts->data[y->index[i]]++;
    return counts;
}

static void make_weights(setting *s, gr_tensor *y) {
    gr_tensor *counts = class_counts(y->graph, y, s->p->classes);
    class_weighting how = s->s->weights;
    if (how == POS_WEIGHT)
        s->weights = gr_keep(gr_scalar(y->graph, gr_at(counts, 0) / gr_at(counts, 1)));
    if (how == INVERSE_FREQUENCY) s->weights = gr_keep(gr_inverse_frequency_weights(counts));
    if (how == CLASS_BALANCED) s->weights = gr_keep(gr_class_balanced_weights(counts));
}

/* The network's output in the units in which the loss sees it. */
static gr_tensor *linked(const setting *s, gr_tensor *out) {
    const char *loss = s->s->loss->name;
    if (!s->s->log_link) return out;
    gr_tensor *log_rate = gr_shift(out, s->mean);
    return strcmp(loss, "poisson_nll") == 0 ? log_rate : gr_exp(log_rate);
}

static gr_tensor *target_for(const setting *s, gr_tensor *y) {
    const gr_loss_info *loss = s->s->loss;
    if (s->p->kind == TARGET_CLASSES || s->s->log_link) return y;
    if (s->p->kind != TARGET_BINARY) return gr_scale(gr_shift(y, -s->mean), 1 / s->deviation);
    gr_tensor *real = gr_zeros(y->graph, GR_SHAPE((int)y->size, 1));
    bool signs = loss->operands[1].domain == GR_SIGNS;
    for (int64_t i = 0; real != NULL && i < y->size; i++)
        real->data[i] = (gr_real)(signs ? 2 * y->index[i] - 1 : y->index[i]);
    return real;
}

static gr_tensor *loss_of(const setting *s, gr_tensor *out, gr_tensor *y) {
    const gr_loss_info *loss = s->s->loss;
    gr_loss_call call = gr_loss_defaults(out->graph, loss);
    memcpy(call.parameter, s->s->parameter, sizeof call.parameter);
    bool probabilities = loss->operands[0].domain == GR_UNIT_INTERVAL;
    call.operand[0] = probabilities ? gr_sigmoid(out) : linked(s, out);
    call.operand[1] = target_for(s, y);
    if (probabilities) { /* dice: the batch is one mask */
        gr_shape mask = GR_SHAPE(1, 1, (int)y->size);
        call.operand[0] = gr_reshape(call.operand[0], mask);
        call.operand[1] = gr_reshape(call.operand[1], mask);
    }
    int weights =
        gr_loss_operand(loss, s->s->weights == POS_WEIGHT ? "pos_weight" : "class_weight");
    if (s->weights != NULL && weights >= 0) call.operand[weights] = s->weights;
    return gr_loss_apply(loss, &call);
}

static gr_module *train(const setting *s, part data, int steps) {
    gr_graph *g = data.x->graph;
    int outputs = s->p->kind == TARGET_CLASSES ? s->p->classes : 1, step = 0;
    gr_module *net = gr_sequential(g, gr_linear(g, data.x->shape.dim[1], HIDDEN), gr_relu_layer(g),
                                   gr_linear(g, HIDDEN, HIDDEN), gr_relu_layer(g),
                                   gr_linear(g, HIDDEN, outputs));
    gr_optimizer *opt = gr_adamw(net, .lr = LR, .weight_decay = WEIGHT_DECAY);
    gr_batches *batches = gr_batches_new(data.x, data.y, .batch = BATCH, .shuffle = true);
    gr_tensor *x, *y;
    while (step < steps && !gr_failed(g))
        while (step < steps && gr_batch_next(batches, &x, &y)) {
            gr_scale_lr(opt, 1 - (double)step++ / steps);
            gr_backward(loss_of(s, gr_forward(net, x), y));
            gr_step(opt);
            gr_graph_reset(g);
        }
    return net;
}

/* -- Judging it -- */

static void judge_numbers(const setting *s, gr_tensor *out, const gr_tensor *y, double *values) {
    gr_tensor *pred = s->s->log_link ? gr_exp(gr_shift(out, s->mean))
                                     : gr_shift(gr_scale(out, s->deviation), s->mean);
    double mae = gr_mean_absolute_error(pred, y), rmse = gr_root_mean_squared_error(pred, y);
    bool counts = s->p->kind == TARGET_COUNT;
    values[0] = counts ? rmse : mae;
    values[1] = counts ? mae : gr_median_absolute_error(pred, y);
    values[2] = counts ? gr_median_absolute_error(pred, y) : rmse;
    values[3] = gr_r2_score(pred, y);
}

static void judge(const setting *s, gr_module *net, part held_out, double *values) {
    gr_graph *g = held_out.x->graph;
    gr_no_grad_begin(g);
    gr_tensor *out = gr_forward(net, held_out.x), *y = held_out.y;
    if (s->p->kind == TARGET_CLASSES) {
        gr_tensor *class = gr_argmax(out, 1);
        values[0] = gr_f1(class, y, GR_AVERAGE_MACRO);
        values[1] = gr_accuracy(class, y);
        values[2] = gr_recall(class, y, GR_AVERAGE_MACRO);
    } else if (s->p->kind == TARGET_BINARY) {
        gr_tensor *scores = gr_reshape(out, GR_SHAPE((int)y->size));
        values[0] = gr_average_precision(scores, y);
        values[1] = gr_roc_auc(scores, y);
        values[2] = gr_best_f1(scores, y).value;
        values[3] = gr_scores_at_threshold(scores, y, 0).accuracy;
    } else {
        judge_numbers(s, out, y, values);
    }
    gr_no_grad_end(g);
    gr_graph_reset(g);
}

/* Of one fold. The graph is the training's own, so that all losses begin with the same numbers. */
static bool try_one(const rows *all, const profile *p, const suggestion *s, int fold,
                    trial_options options, gr_graph *report, double *values) {
    gr_graph *g = gr_graph_new(.seed = (uint64_t)(options.seed + fold));
    rows r = *all;
    r.x = gr_keep(gr_from(g, all->x->shape, all->x->data));
    r.y = gr_keep(has_classes(p) ? gr_from_index(g, all->y->shape, all->y->index)
                                 : gr_from(g, all->y->shape, all->y->data));
    part train_part = take_part(g, &r, fold, false), held_out = take_part(g, &r, fold, true);
    gr_scaler *scaler = gr_scaler_fit(train_part.x, .fill_missing = true);
    setting now = {.p = p, .s = s};
    if (scaler != NULL) {
        train_part.x = gr_keep(gr_scaler_apply(scaler, train_part.x));
        held_out.x = gr_keep(gr_scaler_apply(scaler, held_out.x));
        if (has_classes(p))
            make_weights(&now, train_part.y);
        else
            measure_target(&now, train_part.y);
        gr_graph_reset(g);
        judge(&now, train(&now, train_part, options.steps), held_out, values);
    }
    bool good = !gr_failed(g);
    if (!good) gr_fail(report, "%s: %s", s->label, gr_error(g));
    gr_graph_free(g);
    return good;
}

/* -- The table -- */

typedef struct outcome {
    const suggestion *s;
    double values[MOST_MEASURES][MOST_FOLDS];
    double mean; /* of the first measure, so that less is better */
} outcome;

static int compare(const void *a, const void *b) {
    const outcome *x = a, *y = b;
    return (x->mean > y->mean) - (x->mean < y->mean);
}

static int measures_of(const profile *p) {
    int n = 0;
    while (n < MOST_MEASURES && measures[p->kind].title[n] != NULL) n++;
    return n;
}

/* So that four digits show. */
static int decimals_for(double x) {
    int decimals = 3;
    for (double size = fabs(x); size >= 10 && decimals > 0; size /= 10) decimals--;
    return decimals;
}

static const char *against_best(const outcome *best, const outcome *o, int folds) {
    difference d = stats_difference(o->values[0], best->values[0], folds);
    return o == best ? "best" : stats_sign(d) != 0 ? "clearly worse" : "not clearly worse";
}

static void print_table(const profile *p, const outcome *outcomes, int n, int folds) {
    column columns[2 + 2 * MOST_MEASURES] = {{"loss", "loss"}};
    int m = measures_of(p);
    for (int k = 0; k < m; k++) {
        columns[1 + 2 * k] = (column){measures[p->kind].title[k], ""};
        columns[2 + 2 * k] = (column){"+-", ""};
    }
    columns[1 + 2 * m] = (column){"", ""};
    table t;
    table_init(&t, columns, 2 + 2 * m);
    for (int i = 0; i < n; i++) {
        table_text(&t, outcomes[i].s->label);
        for (int k = 0; k < m; k++) {
            double mean = stats_mean(outcomes[i].values[k], folds);
            int decimals = decimals_for(stats_mean(outcomes[0].values[k], folds));
            table_number(&t, mean, decimals);
            table_number(&t, stats_deviation(outcomes[i].values[k], folds), decimals);
        }
        table_text(&t, against_best(&outcomes[0], &outcomes[i], folds));
    }
    table_print(&t, stdout);
    table_free(&t);
}

bool trial_run(gr_graph *g, const profile *p, const suggestion *list, int n,
               trial_options options) {
    outcome outcomes[MOST_SUGGESTIONS] = {{0}};
    rows r = {0};
    if (has_classes(p) && p->count[p->smallest] < options.folds)
        misuse("choose: class %s has %d rows, expected at least one for each of %d folds",
               profile_class_name(p, p->smallest).text, p->count[p->smallest], options.folds);
    if (!read_rows(g, p, options.folds, &r)) return false;
    if (options.steps == 0) {
        int passes = PASSES * (r.n - r.n / options.folds) / BATCH + 1;
        options.steps = passes < MOST_STEPS ? passes : MOST_STEPS;
    }
    for (int i = 0; i < n; i++) {
        outcomes[i].s = &list[i];
        for (int fold = 0; fold < options.folds; fold++) {
            double values[MOST_MEASURES] = {NAN, NAN, NAN, NAN};
            fprintf(stderr, "\r%-70.70s", "");
            fprintf(stderr, "\rtraining %d of %d: %s", i * options.folds + fold + 1,
                    n * options.folds, list[i].label);
            if (!try_one(&r, p, &list[i], fold, options, g, values)) return false;
            for (int k = 0; k < MOST_MEASURES; k++) outcomes[i].values[k][fold] = values[k];
        }
        double mean = stats_mean(outcomes[i].values[0], options.folds);
        outcomes[i].mean = measures[p->kind].maximize ? -mean : mean;
    }
    fprintf(stderr, "\r%-70s\r", "");
    qsort(outcomes, (size_t)n, sizeof *outcomes, compare);
    printf("\nA network with two hidden layers of %d, %d steps, predicting each of %d folds from "
           "the others:\nmean and spread over the folds.\n\n",
           HIDDEN, options.steps, options.folds);
    print_table(p, outcomes, n, options.folds);
    return true;
}
