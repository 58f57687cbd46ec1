#include "losses/metrics_overlap.h"

#include "losses/metrics_internal.h"

static double iou(gr_class_count n) {
    return gr_metric_ratio(n.both, n.in_pred + n.in_target - n.both);
}

static double mean_of(const char *who, const gr_tensor *pred, const gr_tensor *target,
                      gr_class_ratio *f) {
    gr_graph *g = gr_metric_check_classes(who, pred, "pred", target);
    int classes = g != NULL ? gr_metric_classes(who, pred, target) : 0;
    gr_class_count *n = classes > 0 ? gr_metric_count(who, pred, target, classes) : NULL;
    if (n == NULL) return NAN;
    double mean = gr_metric_macro(n, classes, f);
    gr_metric_give_back(g, n, classes, sizeof *n);
    return mean;
}

static gr_tensor *of_classes(const char *who, const gr_tensor *pred, const gr_tensor *target,
                             int classes, gr_class_ratio *f) {
    gr_graph *g = gr_metric_check_counted(who, pred, target, classes);
    gr_tensor *value = g != NULL ? gr_zeros(g, GR_SHAPE(classes)) : NULL;
    gr_class_count *n = value != NULL ? gr_metric_count(who, pred, target, classes) : NULL;
    if (n == NULL) return NULL;
    for (int c = 0; c < classes; c++) value->data[c] = (gr_real)f(n[c]);
    gr_metric_give_back(g, n, classes, sizeof *n);
    return value;
}

double gr_mean_iou(const gr_tensor *pred, const gr_tensor *target) {
    return mean_of("mean_iou", pred, target, iou);
}
double gr_mean_dice(const gr_tensor *pred, const gr_tensor *target) {
    return mean_of("mean_dice", pred, target, gr_metric_f1);
}
gr_tensor *gr_class_iou(const gr_tensor *pred, const gr_tensor *target, int classes) {
    return of_classes("class_iou", pred, target, classes, iou);
}
gr_tensor *gr_class_dice(const gr_tensor *pred, const gr_tensor *target, int classes) {
    return of_classes("class_dice", pred, target, classes, gr_metric_f1);
}
