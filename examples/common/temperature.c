#include "examples/common/temperature.h"

#include <math.h>

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
