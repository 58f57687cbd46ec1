#include "tests/unit/metric_calls.h"

#include <string.h>

#include "gradus.h"

/* -- Results as tensors -- */

static gr_tensor *numbers(gr_tensor **in, int n, const double *x) {
    if (gr_failed(in[0]->graph)) return NULL;
    gr_tensor *y = gr_zeros(in[0]->graph, GR_SHAPE(n));
    for (int i = 0; i < n; i++) y->data[i] = (gr_real)x[i];
    return y;
}

static gr_tensor *number(gr_tensor **in, double x) {
    return gr_failed(in[0]->graph) ? NULL : gr_scalar(in[0]->graph, x);
}

#define CALL(metric, ...)                                                                          \
    static gr_tensor *metric(const cJSON *c, gr_tensor **in) {                                     \
        (void)c;                                                                                   \
        return __VA_ARGS__;                                                                        \
    }

/* -- Classes -- */

static gr_average average_of(const cJSON *c) {
    const cJSON *average = cJSON_GetObjectItem(cJSON_GetObjectItem(c, "params"), "average");
    static const char *const names[] = {"binary", "macro", "micro", "weighted"};
    int i = 0;
    while (strcmp(names[i], average->valuestring) != 0) i++;
    return (gr_average)i;
}

CALL(accuracy, number(in, gr_accuracy(in[0], in[1])))
CALL(top_k_accuracy, number(in, gr_top_k_accuracy(in[0], in[1], oracle_int(c, "k", 1))))
CALL(confusion_matrix, gr_confusion_matrix(in[0], in[1], oracle_int(c, "classes", 0)))
CALL(class_report, gr_class_report(in[0], in[1], oracle_int(c, "classes", 0)))
CALL(precision, number(in, gr_precision(in[0], in[1], average_of(c))))
CALL(recall, number(in, gr_recall(in[0], in[1], average_of(c))))
CALL(f1, number(in, gr_f1(in[0], in[1], average_of(c))))

/* -- Scores of two classes -- */

static gr_tensor *best(gr_tensor **in, gr_best_threshold b) {
    return numbers(in, 2, (double[]){b.value, b.threshold});
}
static gr_tensor *scores_at_threshold(const cJSON *c, gr_tensor **in) {
    gr_threshold_scores s = gr_scores_at_threshold(in[0], in[1], oracle_param(c, "threshold", 0));
    return numbers(in, 4, (double[]){s.accuracy, s.precision, s.recall, s.f1});
}

CALL(roc_auc, number(in, gr_roc_auc(in[0], in[1])))
CALL(average_precision, number(in, gr_average_precision(in[0], in[1])))
CALL(roc_curve, gr_roc_curve(in[0], in[1]))
CALL(pr_curve, gr_pr_curve(in[0], in[1]))
CALL(best_f1, best(in, gr_best_f1(in[0], in[1])))
CALL(recall_at_precision,
     best(in, gr_recall_at_precision(in[0], in[1], oracle_param(c, "min_precision", 0))))

/* -- Calibration -- */

CALL(calibration_error,
     number(in, gr_calibration_error(in[0], in[1], .bins = oracle_int(c, "bins", 15))))
CALL(reliability, gr_reliability(in[0], in[1], .bins = oracle_int(c, "bins", 15)))

/* -- Predicted numbers -- */

CALL(mean_absolute_error, number(in, gr_mean_absolute_error(in[0], in[1])))
CALL(median_absolute_error, number(in, gr_median_absolute_error(in[0], in[1])))
CALL(root_mean_squared_error, number(in, gr_root_mean_squared_error(in[0], in[1])))
CALL(r2_score, number(in, gr_r2_score(in[0], in[1])))
CALL(interval_coverage, number(in, gr_interval_coverage(in[0], in[1], in[2])))

/* -- Masks -- */

CALL(mean_iou, number(in, gr_mean_iou(in[0], in[1])))
CALL(mean_dice, number(in, gr_mean_dice(in[0], in[1])))
CALL(class_iou, gr_class_iou(in[0], in[1], oracle_int(c, "classes", 0)))
CALL(class_dice, gr_class_dice(in[0], in[1], oracle_int(c, "classes", 0)))

/* -- Embeddings -- */

CALL(knn_accuracy, number(in, gr_knn_accuracy(in[0], in[1], in[2], in[3], oracle_int(c, "k", 1))))
CALL(recall_at_k, number(in, gr_recall_at_k(in[0], in[1], oracle_int(c, "k", 1))))

/* -- Sequences -- */

CALL(edit_distance, number(in, gr_edit_distance(in[0], in[1])))
CALL(character_error_rate, number(in, gr_character_error_rate(in[0], in[1], in[2], in[3])))

/* -- Boxes -- */

static gr_tensor *mean_average_precision(const cJSON *c, gr_tensor **in) {
    const cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(c, "params"), "iou"), *item;
    double iou[4];
    int n = 0;
    cJSON_ArrayForEach(item, list) iou[n++] = item->valuedouble;
    gr_detections found = {in[0], in[1], in[2], in[3]};
    gr_true_boxes truth = {in[4], in[5], in[6]};
    return number(
        in, gr_mean_average_precision(found, truth, .iou = n > 0 ? iou : NULL, .n_iou = n,
                                      .max_detections = oracle_int(c, "max_detections", 100)));
}

/* -- The list -- */

#define NAMED(metric)                                                                              \
    { #metric, metric }

const metric_call metric_calls[] = {
    NAMED(accuracy),
    NAMED(top_k_accuracy),
    NAMED(confusion_matrix),
    NAMED(class_report),
    NAMED(precision),
    NAMED(recall),
    NAMED(f1),
    NAMED(roc_auc),
    NAMED(average_precision),
    NAMED(roc_curve),
    NAMED(pr_curve),
    NAMED(best_f1),
    NAMED(recall_at_precision),
    NAMED(scores_at_threshold),
    NAMED(calibration_error),
    NAMED(reliability),
    NAMED(mean_absolute_error),
    NAMED(median_absolute_error),
    NAMED(root_mean_squared_error),
    NAMED(r2_score),
    NAMED(interval_coverage),
    NAMED(mean_iou),
    NAMED(mean_dice),
    NAMED(class_iou),
    NAMED(class_dice),
    NAMED(mean_average_precision),
    NAMED(knn_accuracy),
    NAMED(recall_at_k),
    NAMED(edit_distance),
    NAMED(character_error_rate),
    {NULL, NULL},
};

const metric_call *metric_find(const char *name) {
    for (const metric_call *m = metric_calls; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0) return m;
    return NULL;
}
