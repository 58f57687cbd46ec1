#include "examples/common/sample_distance.h"

#include <math.h>

enum { DIRECTIONS = 256 };

sample_judge *sample_judge_new(fashion_classifier classifier, gr_tensor *real) {
    if (classifier.features == NULL || real == NULL) return NULL;
    gr_graph *g = real->graph;
    sample_judge *judge = gr_alloc_lasting(g, sizeof *judge);
    if (judge == NULL) return NULL;
    judge->classifier = classifier;
    gr_no_grad_begin(g);
    gr_tensor *seen = gr_forward(classifier.features, real);
    judge->scale = gr_scaler_fit(seen);
    judge->features = gr_keep(gr_scaler_apply(judge->scale, seen));
    gr_tensor *random = gr_normal(g, GR_SHAPE(FASHION_FEATURES, DIRECTIONS), 0, 1);
    gr_tensor *length = gr_norm(random, .axes = GR_AXES(0), .keepdim = true);
    judge->directions = gr_keep(gr_div(random, length));
    gr_no_grad_end(g);
    gr_graph_reset(g);
    return gr_failed(g) ? NULL : judge;
}

static gr_tensor *copy(gr_graph *g, const gr_tensor *t) { return gr_from(g, t->shape, t->data); }

double sample_distance(const sample_judge *judge, gr_tensor *samples) {
    if (samples == NULL) return NAN;
    gr_graph *g = samples->graph;
    gr_no_grad_begin(g);
    fashion_classifier classifier = fashion_classifier_copy(g, &judge->classifier);
    gr_tensor *seen = gr_forward(classifier.features, samples);
    gr_tensor *scaled =
        gr_div(gr_sub(seen, copy(g, judge->scale->mean)), copy(g, judge->scale->deviation));
    gr_tensor *directions = copy(g, judge->directions);
    gr_tensor *along = gr_matmul(directions, scaled, .transpose_a = true, .transpose_b = true);
    gr_tensor *real =
        gr_matmul(directions, copy(g, judge->features), .transpose_a = true, .transpose_b = true);
    double distance = gr_item(gr_wasserstein_1d(along, real));
    gr_no_grad_end(g);
    return distance;
}
