#include "losses/metrics_classification.h"

#include "losses/metrics_internal.h"

/* -- Shares -- */

double gr_accuracy(const gr_tensor *pred, const gr_tensor *target) {
    if (gr_metric_check_classes("accuracy", pred, "pred", target) == NULL) return NAN;
    int64_t right = 0;
    for (int64_t i = 0; i < target->size; i++)
        right += gr_metric_class(pred, i) == target->index[i];
    return (double)right / (double)target->size;
}

/* How many classes stand before the target's. */
static int rank_of_target(const gr_tensor *scores, const gr_tensor *target, int64_t i) {
    int64_t stride;
    const gr_real *x = gr_metric_scores(scores, i, &stride);
    int t = target->index[i], before = 0;
    for (int c = 0; c < scores->shape.dim[1]; c++)
        before += x[c * stride] > x[t * stride] || (c > t && x[c * stride] == x[t * stride]);
    return before;
}

double gr_top_k_accuracy(const gr_tensor *scores, const gr_tensor *target, int k) {
    const char *who = "top_k_accuracy";
    gr_graph *g = GR_METRIC_CHECK(who, {.t = scores, .name = "scores"},
                                  {.t = target, .name = "target", .kind = GR_METRIC_INDEX});
    if (g == NULL || gr_metric_check_classes(who, scores, "scores", target) == NULL) return NAN;
    if (k < 1 || k > scores->shape.dim[1]) {
        gr_fail(g, "gr_%s: k is %d, expected 1 to %d for %s", who, k, scores->shape.dim[1],
                gr_describe(scores, "scores").text);
        return NAN;
    }
    int64_t right = 0;
    for (int64_t i = 0; i < target->size; i++) right += rank_of_target(scores, target, i) < k;
    return (double)right / (double)target->size;
}

/* -- Counts of each class -- */

gr_tensor *gr_confusion_matrix(const gr_tensor *pred, const gr_tensor *target, int classes) {
    gr_graph *g = gr_metric_check_counted("confusion_matrix", pred, target, classes);
    if (g == NULL) return NULL;
    gr_tensor *m =
        gr_tensor_new(g, "gr_confusion_matrix", GR_INDEX, GR_SHAPE(classes, classes), false);
    if (m == NULL) return NULL;
    for (int64_t i = 0; i < m->size; i++) m->index[i] = 0;
    for (int64_t i = 0; i < target->size; i++)
        m->index[(int64_t)target->index[i] * classes + gr_metric_class(pred, i)]++;
    return m;
}

static double precision(gr_class_count n) { return gr_metric_ratio(n.both, n.in_pred); }
static double recall(gr_class_count n) { return gr_metric_ratio(n.both, n.in_target); }

/* -- Precision, recall and F1 -- */

static double averaged(const gr_class_count *n, int classes, gr_class_ratio *f,
                       gr_average average) {
    if (average == GR_AVERAGE_BINARY) return f(n[1]);
    if (average == GR_AVERAGE_MACRO) return gr_metric_macro(n, classes, f);
    gr_class_count all = {0};
    double weighted = 0;
    for (int c = 0; c < classes; c++) {
        all.both += n[c].both;
        all.in_pred += n[c].in_pred;
        all.in_target += n[c].in_target;
        weighted += n[c].in_target * f(n[c]);
    }
    return average == GR_AVERAGE_MICRO ? f(all) : weighted / all.in_target;
}

/* Classes are 0 and 1; scores are of these two. */
static bool check_binary(const char *who, const gr_tensor *pred, const gr_tensor *target) {
    if (pred->kind == GR_REAL && pred->shape.dim[1] != 2)
        return gr_fail(pred->graph, "gr_%s: %s has scores of %d classes, expected 2", who,
                       gr_describe(pred, "pred").text, pred->shape.dim[1]);
    return (pred->kind == GR_REAL || gr_metric_below(who, pred, "pred", 2)) &&
           gr_metric_below(who, target, "target", 2);
}

static double average_of(const char *who, const gr_tensor *pred, const gr_tensor *target,
                         gr_average average, gr_class_ratio *f) {
    gr_graph *g = gr_metric_check_classes(who, pred, "pred", target);
    if (g == NULL) return NAN;
    if ((unsigned)average > GR_AVERAGE_WEIGHTED) {
        gr_fail(g, "gr_%s: average is %d, expected one of gr_average", who, (int)average);
        return NAN;
    }
    if (average == GR_AVERAGE_BINARY && !check_binary(who, pred, target)) return NAN;
    int classes = average == GR_AVERAGE_BINARY ? 2 : gr_metric_classes(who, pred, target);
    gr_class_count *n = classes > 0 ? gr_metric_count(who, pred, target, classes) : NULL;
    if (n == NULL) return NAN;
    double value = averaged(n, classes, f, average);
    gr_metric_give_back(g, n, classes, sizeof *n);
    return value;
}

double gr_precision(const gr_tensor *pred, const gr_tensor *target, gr_average average) {
    return average_of("precision", pred, target, average, precision);
}
double gr_recall(const gr_tensor *pred, const gr_tensor *target, gr_average average) {
    return average_of("recall", pred, target, average, recall);
}
double gr_f1(const gr_tensor *pred, const gr_tensor *target, gr_average average) {
    return average_of("f1", pred, target, average, gr_metric_f1);
}

gr_tensor *gr_class_report(const gr_tensor *pred, const gr_tensor *target, int classes) {
    const char *who = "class_report";
    gr_graph *g = gr_metric_check_counted(who, pred, target, classes);
    if (g == NULL) return NULL;
    gr_tensor *report = gr_zeros(g, GR_SHAPE(classes, 4));
    if (report == NULL) return NULL;
    gr_class_count *n = gr_metric_count(who, pred, target, classes);
    if (n == NULL) return NULL;
    for (int c = 0; c < classes; c++) {
        gr_real *row = report->data + 4 * (int64_t)c;
        row[0] = (gr_real)precision(n[c]);
        row[1] = (gr_real)recall(n[c]);
        row[2] = (gr_real)gr_metric_f1(n[c]);
        row[3] = (gr_real)n[c].in_target;
    }
    gr_metric_give_back(g, n, classes, sizeof *n);
    return report;
}
