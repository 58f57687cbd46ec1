#include "losses/metrics_regression.h"

#include "losses/metrics_internal.h"

#include <stdlib.h>

static gr_graph *check(const char *who, const gr_tensor *pred, const gr_tensor *target) {
    gr_graph *g =
        GR_METRIC_CHECK(who, {.t = pred, .name = "pred"}, {.t = target, .name = "target"});
    bool fits = g != NULL && gr_metric_same_shape(who, pred, "pred", target, "target");
    return fits ? g : NULL;
}

/* Half of a - b, which can't overflow. */
static double half_difference(double a, double b) { return a / 2 - b / 2; }

static double half_error(const gr_tensor *pred, const gr_tensor *target, int64_t i) {
    return half_difference((double)pred->data[i], (double)target->data[i]);
}

static double largest_half_error(const gr_tensor *pred, const gr_tensor *target) {
    double largest = 0;
    for (int64_t i = 0; i < target->size; i++)
        largest = fmax(largest, fabs(half_error(pred, target, i)));
    return largest;
}

double gr_mean_absolute_error(const gr_tensor *pred, const gr_tensor *target) {
    if (check("mean_absolute_error", pred, target) == NULL) return NAN;
    double scale = gr_metric_scale(largest_half_error(pred, target)), sum = 0;
    for (int64_t i = 0; i < target->size; i++) sum += fabs(half_error(pred, target, i)) * scale;
    return sum / (double)target->size / scale * 2;
}

double gr_root_mean_squared_error(const gr_tensor *pred, const gr_tensor *target) {
    if (check("root_mean_squared_error", pred, target) == NULL) return NAN;
    double scale = gr_metric_scale(largest_half_error(pred, target)), sum = 0;
    for (int64_t i = 0; i < target->size; i++) {
        double e = half_error(pred, target, i) * scale;
        sum += e * e;
    }
    return sqrt(sum / (double)target->size) / scale * 2;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double gr_median_absolute_error(const gr_tensor *pred, const gr_tensor *target) {
    const char *who = "median_absolute_error";
    gr_graph *g = check(who, pred, target);
    int64_t n = target != NULL ? target->size : 0;
    double *error = g != NULL ? gr_metric_room(g, who, n, sizeof *error) : NULL;
    if (error == NULL) return NAN;
    for (int64_t i = 0; i < n; i++) error[i] = fabs(half_error(pred, target, i));
    qsort(error, (size_t)n, sizeof *error, by_size);
    double median = error[(n - 1) / 2] + error[n / 2];
    gr_metric_give_back(g, error, n, sizeof *error);
    return median;
}

/* Halves of the targets from the first of them, so that targets that are all alike give zeros. */
static double half_target(const gr_tensor *target, int64_t i) {
    return half_difference((double)target->data[i], (double)target->data[0]);
}

double gr_r2_score(const gr_tensor *pred, const gr_tensor *target) {
    if (check("r2_score", pred, target) == NULL || target->size < 2) return NAN;
    double n = (double)target->size, largest = largest_half_error(pred, target), mean = 0;
    for (int64_t i = 0; i < target->size; i++)
        largest = fmax(largest, fabs(half_target(target, i)));
    double scale = gr_metric_scale(largest), residual = 0, total = 0;
    for (int64_t i = 0; i < target->size; i++) mean += half_target(target, i) * scale / n;
    for (int64_t i = 0; i < target->size; i++) {
        double e = half_error(pred, target, i) * scale, d = half_target(target, i) * scale - mean;
        residual += e * e;
        total += d * d;
    }
    if (total == 0) return residual == 0 ? 1 : 0;
    return 1 - residual / total;
}

double gr_interval_coverage(const gr_tensor *low, const gr_tensor *high, const gr_tensor *target) {
    const char *who = "interval_coverage";
    gr_graph *g = GR_METRIC_CHECK(who, {.t = low, .name = "low"}, {.t = high, .name = "high"},
                                  {.t = target, .name = "target"});
    if (g == NULL || !gr_metric_same_shape(who, low, "low", target, "target") ||
        !gr_metric_same_shape(who, high, "high", target, "target"))
        return NAN;
    int64_t inside = 0;
    for (int64_t i = 0; i < target->size; i++)
        inside += low->data[i] <= target->data[i] && target->data[i] <= high->data[i];
    return (double)inside / (double)target->size;
}
