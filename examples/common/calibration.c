#include "examples/common/calibration.h"

#include <math.h>

/* -- Platt scaling -- */

enum { MOST_STEPS = 100 };

/* Cross-entropy, its gradient (offset, slope) and its second derivatives at one place. */
typedef struct place {
    double loss, g0, g1, h00, h01, h11;
} place;

static place look(platt p, const gr_tensor *scores, const gr_tensor *labels) {
    place at = {0};
    for (int64_t i = 0; i < scores->size; i++) {
        double s = scores->data[i], z = p.slope * s + p.offset, y = labels->index[i];
        double probability = 1 / (1 + exp(-z)), wrong = probability - y;
        double curvature = probability * (1 - probability);
        at.loss += fmax(z, 0) - z * y + log1p(exp(-fabs(z)));
        at.g0 += wrong;
        at.g1 += wrong * s;
        at.h00 += curvature;
        at.h01 += curvature * s;
        at.h11 += curvature * s * s;
    }
    return at;
}

/* Newton's steps, halved until the loss falls. */
platt platt_fit(const gr_tensor *scores, const gr_tensor *labels) {
    platt now = {0, 0}, none = {NAN, NAN};
    if (scores == NULL || labels == NULL) return none;
    place at = look(now, scores, labels);
    for (int step = 0; step < MOST_STEPS; step++) {
        double determinant = at.h00 * at.h11 - at.h01 * at.h01;
        if (!(determinant > 1e-12 * at.h00 * at.h11)) return none;
        double offset = (at.h11 * at.g0 - at.h01 * at.g1) / determinant;
        double slope = (at.h00 * at.g1 - at.h01 * at.g0) / determinant;
        if (offset * at.g0 + slope * at.g1 < 1e-9) return now;
        platt next = now;
        for (double part = 1; part > 1e-6; part /= 2) {
            next = (platt){now.slope - part * slope, now.offset - part * offset};
            if (look(next, scores, labels).loss < at.loss) break;
        }
        now = next;
        at = look(now, scores, labels);
    }
    return none;
}

gr_tensor *platt_apply(platt fitted, gr_tensor *scores) {
    return gr_sigmoid(gr_shift(gr_scale(scores, fitted.slope), fitted.offset));
}

/* -- Temperature scaling -- */

static double negative_log_likelihood(gr_tensor *scores, gr_tensor *labels, double log_t) {
    double value = gr_item(gr_cross_entropy(gr_scale(scores, exp(-log_t)), labels));
    gr_graph_reset(scores->graph);
    return value;
}

/* The cross-entropy is convex in 1/T, so that along log T it falls and then rises: thirds that
 * can't hold the least value are cut off until there is nothing left to cut. */
double temperature_fit(gr_tensor *scores, gr_tensor *labels) {
    if (scores == NULL || labels == NULL) return NAN;
    double low = -5, high = 5;
    gr_no_grad_begin(scores->graph);
    while (high - low > 1e-4) {
        double third = (high - low) / 3;
        if (negative_log_likelihood(scores, labels, low + third) <
            negative_log_likelihood(scores, labels, high - third))
            high -= third;
        else
            low += third;
    }
    gr_no_grad_end(scores->graph);
    return gr_failed(scores->graph) ? NAN : exp((low + high) / 2);
}
