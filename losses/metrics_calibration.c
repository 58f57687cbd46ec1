#include "losses/metrics_calibration.h"

#include "losses/metrics_internal.h"

typedef struct bin {
    double n, confidence, right; /* sums */
} bin;

static bool check_unit(const char *who, const gr_tensor *t, const char *name) {
    for (int64_t i = 0; i < t->size; i++)
        if (t->data[i] < 0 || t->data[i] > 1)
            return gr_fail(t->graph, "gr_%s: %s has %g at %s, expected 0 to 1", who,
                           gr_describe(t, name).text, (double)t->data[i],
                           gr_place_text(t->shape, i).text);
    return true;
}

static bool check_binary(const char *who, const gr_tensor *target) {
    for (int64_t i = 0; i < target->size; i++)
        if (gr_at(target, i) != 0 && gr_at(target, i) != 1)
            return gr_fail(target->graph, "gr_%s: %s has %g at %s, expected 0 or 1", who,
                           gr_describe(target, "target").text, gr_at(target, i),
                           gr_place_text(target->shape, i).text);
    return true;
}

static bool is_binary(const gr_calibration_args *a) {
    return gr_shape_equal(a->prob->shape, a->target->shape);
}

static bool check_classes(const char *who, const gr_calibration_args *a) {
    if (a->target->kind == GR_INDEX)
        return gr_metric_check_classes(who, a->prob, "prob", a->target) != NULL;
    return gr_metric_misfit(who, a->prob, "prob", a->target, "target",
                            "expected equal shapes, or integers as target");
}

static gr_graph *check(const char *who, const gr_calibration_args *a) {
    gr_graph *g = GR_METRIC_CHECK(who, {.t = a->prob, .name = "prob"},
                                  {.t = a->target, .name = "target", .kind = GR_METRIC_EITHER});
    if (g == NULL) return NULL;
    if (a->bins < 1) return gr_fail(g, "gr_%s: bins is %d, expected 1 or more", who, a->bins);
    bool fits = is_binary(a) ? check_binary(who, a->target) : check_classes(who, a);
    return fits && check_unit(who, a->prob, "prob") ? g : NULL;
}

/* The bin with b/B <= p < (b+1)/B, by the boundaries themselves: p B may round across one. */
static int bin_of(double p, int bins) {
    int b = (int)(p * bins);
    if (b >= bins) b = bins - 1;
    if (b > 0 && p < (double)b / bins) b--;
    if (b + 1 < bins && p >= (double)(b + 1) / bins) b++;
    return b;
}

static bin *fill(const char *who, gr_graph *g, const gr_calibration_args *a) {
    bin *bins = gr_metric_room(g, who, a->bins, sizeof *bins);
    for (int64_t i = 0; bins != NULL && i < a->target->size; i++) {
        double p, right;
        if (is_binary(a)) {
            p = (double)a->prob->data[i];
            right = gr_at(a->target, i);
        } else {
            int64_t stride;
            int predicted = gr_metric_class(a->prob, i);
            p = (double)gr_metric_scores(a->prob, i, &stride)[predicted * stride];
            right = predicted == a->target->index[i];
        }
        bin *b = &bins[bin_of(p, a->bins)];
        b->n++;
        b->confidence += p;
        b->right += right;
    }
    return bins;
}

double gr_calibration_error_(gr_calibration_args a) {
    const char *who = "calibration_error";
    gr_graph *g = check(who, &a);
    bin *bins = g != NULL ? fill(who, g, &a) : NULL;
    if (bins == NULL) return NAN;
    double sum = 0;
    for (int b = 0; b < a.bins; b++) sum += fabs(bins[b].right - bins[b].confidence);
    gr_metric_give_back(g, bins, a.bins, sizeof *bins);
    return sum / (double)a.target->size;
}

gr_tensor *gr_reliability_(gr_calibration_args a) {
    const char *who = "reliability";
    gr_graph *g = check(who, &a);
    gr_tensor *diagram = g != NULL ? gr_zeros(g, GR_SHAPE(a.bins, 3)) : NULL;
    bin *bins = diagram != NULL ? fill(who, g, &a) : NULL;
    if (bins == NULL) return NULL;
    for (int b = 0; b < a.bins; b++) {
        gr_real *row = diagram->data + 3 * (int64_t)b;
        row[0] = (gr_real)gr_metric_ratio(bins[b].confidence, bins[b].n);
        row[1] = (gr_real)gr_metric_ratio(bins[b].right, bins[b].n);
        row[2] = (gr_real)bins[b].n;
    }
    gr_metric_give_back(g, bins, a.bins, sizeof *bins);
    return diagram;
}
