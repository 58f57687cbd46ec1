#include "losses/metrics_ranking.h"

#include "core/ops/index.h"
#include "core/ops/shape.h"
#include "losses/metrics_internal.h"

static bool is_positive(const gr_tensor *labels, int64_t i) {
    return labels->kind == GR_REAL ? labels->data[i] == 1 : labels->index[i] == 1;
}

static gr_graph *check(const char *who, const gr_tensor *scores, const gr_tensor *labels) {
    gr_graph *g = GR_METRIC_CHECK(who, {.t = scores, .name = "scores"},
                                  {.t = labels, .name = "labels", .kind = GR_METRIC_EITHER});
    if (g == NULL || !gr_metric_same_shape(who, scores, "scores", labels, "labels")) return NULL;
    for (int64_t i = 0; i < labels->size; i++) {
        double label = gr_at(labels, i);
        if (label != 0 && label != 1)
            return gr_fail(g, "gr_%s: %s has %g at %s, expected 0 or 1", who,
                           gr_describe(labels, "labels").text, label,
                           gr_place_text(labels->shape, i).text);
    }
    return g;
}

/* -- Going through the thresholds from the highest down -- */

typedef struct ranking {
    gr_graph *graph; /* NULL after an error */
    const gr_real *score;
    const gr_tensor *labels;
    const int32_t *order;
    int64_t n, at;    /* elements at or above the threshold: order[0..at) */
    double positives; /* of all */
    double tp, fp;    /* at or above the threshold */
    double threshold;
} ranking;

static void rewind_ranking(ranking *r) {
    r->at = 0;
    r->tp = r->fp = 0;
    r->threshold = INFINITY;
}

static gr_tensor *order_of(gr_graph *g, const gr_tensor *scores) {
    gr_no_grad_begin(g);
    gr_tensor *flat = gr_reshape((gr_tensor *)scores, GR_SHAPE((int)scores->size));
    gr_tensor *order = gr_argsort(flat, 0, true);
    gr_no_grad_end(g);
    return order;
}

static ranking rank(const char *who, const gr_tensor *scores, const gr_tensor *labels) {
    ranking r = {.graph = check(who, scores, labels)};
    gr_tensor *order = r.graph != NULL ? order_of(r.graph, scores) : NULL;
    if (order == NULL) return (ranking){0};
    r.score = scores->data;
    r.labels = labels;
    r.order = order->index;
    r.n = scores->size;
    for (int64_t i = 0; i < r.n; i++) r.positives += is_positive(labels, i);
    rewind_ranking(&r);
    return r;
}

/* To the next lower threshold; false at the end. */
static bool next(ranking *r) {
    if (r->at == r->n) return false;
    gr_real threshold = r->score[r->order[r->at]];
    for (; r->at < r->n && r->score[r->order[r->at]] == threshold; r->at++) {
        bool positive = is_positive(r->labels, r->order[r->at]);
        r->tp += positive;
        r->fp += !positive;
    }
    r->threshold = (double)threshold;
    return true;
}

static int count_thresholds(ranking *r) {
    int n = 0;
    while (next(r)) n++;
    rewind_ranking(r);
    return n;
}

static double precision(const ranking *r) { return r->tp / (r->tp + r->fp); }
static double f1(const ranking *r) { return 2 * r->tp / (r->tp + r->fp + r->positives); }

/* -- Areas -- */

double gr_roc_auc(const gr_tensor *scores, const gr_tensor *labels) {
    ranking r = rank("roc_auc", scores, labels);
    double negatives = (double)r.n - r.positives;
    if (r.graph == NULL || r.positives == 0 || negatives == 0) return NAN;
    double area = 0, tp = 0, fp = 0;
    while (next(&r)) {
        area += (r.fp - fp) * (r.tp + tp);
        tp = r.tp;
        fp = r.fp;
    }
    return area / 2 / r.positives / negatives;
}

double gr_average_precision(const gr_tensor *scores, const gr_tensor *labels) {
    ranking r = rank("average_precision", scores, labels);
    if (r.graph == NULL) return NAN;
    double sum = 0, tp = 0;
    while (next(&r)) {
        sum += (r.tp - tp) * precision(&r);
        tp = r.tp;
    }
    return gr_metric_ratio(sum, r.positives);
}

/* -- Curves -- */

static void put(gr_tensor *curve, int row, double x, double y, double threshold) {
    gr_real *p = curve->data + 3 * (int64_t)row;
    p[0] = (gr_real)x;
    p[1] = (gr_real)y;
    p[2] = (gr_real)threshold;
}

gr_tensor *gr_roc_curve(const gr_tensor *scores, const gr_tensor *labels) {
    ranking r = rank("roc_curve", scores, labels);
    if (r.graph == NULL) return NULL;
    gr_tensor *curve = gr_zeros(r.graph, GR_SHAPE(count_thresholds(&r) + 1, 3));
    if (curve == NULL) return NULL;
    int row = 0;
    double negatives = (double)r.n - r.positives;
    do {
        double fpr = negatives > 0 ? r.fp / negatives : NAN;
        double tpr = r.positives > 0 ? r.tp / r.positives : NAN;
        put(curve, row++, fpr, tpr, r.threshold);
    } while (next(&r));
    return curve;
}

gr_tensor *gr_pr_curve(const gr_tensor *scores, const gr_tensor *labels) {
    ranking r = rank("pr_curve", scores, labels);
    if (r.graph == NULL) return NULL;
    int row = count_thresholds(&r);
    gr_tensor *curve = gr_zeros(r.graph, GR_SHAPE(row + 1, 3));
    if (curve == NULL) return NULL;
    put(curve, row, 1, 0, INFINITY);
    while (next(&r))
        put(curve, --row, precision(&r), r.positives > 0 ? r.tp / r.positives : 1, r.threshold);
    return curve;
}

/* -- Thresholds -- */

gr_best_threshold gr_best_f1(const gr_tensor *scores, const gr_tensor *labels) {
    ranking r = rank("best_f1", scores, labels);
    if (r.graph == NULL) return (gr_best_threshold){NAN, NAN};
    gr_best_threshold best = {0, NAN};
    while (next(&r))
        if (r.tp > 0 && f1(&r) >= best.value) best = (gr_best_threshold){f1(&r), r.threshold};
    return best;
}

gr_best_threshold gr_recall_at_precision(const gr_tensor *scores, const gr_tensor *labels,
                                         double min_precision) {
    ranking r = rank("recall_at_precision", scores, labels);
    bool valid = min_precision > 0 && min_precision <= 1;
    if (r.graph != NULL && !valid)
        gr_fail(r.graph,
                "gr_recall_at_precision: min_precision is %g, expected more than 0 and at most 1",
                min_precision);
    if (r.graph == NULL || !valid) return (gr_best_threshold){NAN, NAN};
    /* Recall grows as the threshold falls, and where it stays, precision falls. */
    gr_best_threshold best = {0, NAN};
    while (next(&r)) {
        double recall = gr_metric_ratio(r.tp, r.positives);
        if (precision(&r) >= min_precision && recall > best.value)
            best = (gr_best_threshold){recall, r.threshold};
    }
    return best;
}

gr_threshold_scores gr_scores_at_threshold(const gr_tensor *scores, const gr_tensor *labels,
                                           double threshold) {
    gr_graph *g = check("scores_at_threshold", scores, labels);
    if (g != NULL && isnan(threshold))
        g = gr_fail(g, "gr_scores_at_threshold: threshold is nan, expected a number");
    if (g == NULL) return (gr_threshold_scores){NAN, NAN, NAN, NAN};
    gr_class_count n = {0};
    double right = 0;
    for (int64_t i = 0; i < scores->size; i++) {
        bool predicted = (double)scores->data[i] >= threshold, positive = is_positive(labels, i);
        n.in_pred += predicted;
        n.in_target += positive;
        n.both += predicted && positive;
        right += predicted == positive;
    }
    return (gr_threshold_scores){.accuracy = right / (double)scores->size,
                                 .precision = gr_metric_ratio(n.both, n.in_pred),
                                 .recall = gr_metric_ratio(n.both, n.in_target),
                                 .f1 = gr_metric_f1(n)};
}
