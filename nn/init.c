#include "nn/init.h"

#include "core/graph/random.h"

#include <math.h>

gr_tensor *gr_init_constant(gr_tensor *weight, double value) {
    for (int64_t i = 0; weight != NULL && i < weight->size; i++) weight->data[i] = (gr_real)value;
    return weight;
}

gr_tensor *gr_init_uniform(gr_tensor *weight, double low, double high) {
    if (weight != NULL) gr_fill_uniform(weight->graph, weight->data, weight->size, low, high);
    return weight;
}

gr_tensor *gr_init_normal(gr_tensor *weight, double mean, double deviation) {
    if (weight != NULL) gr_fill_normal(weight->graph, weight->data, weight->size, mean, deviation);
    return weight;
}

typedef struct fans {
    double in, out;
} fans;

/* Fans of 0 after an error. */
static fans fans_of(const gr_tensor *weight, const char *who) {
    if (weight == NULL) return (fans){0, 0};
    gr_shape s = weight->shape;
    if (s.ndim < 2 || weight->size == 0) {
        gr_fail(weight->graph, "%s: %s, expected a weight (out, in, ..)", who,
                gr_describe(weight, "weight").text);
        return (fans){0, 0};
    }
    double kernel = (double)weight->size / s.dim[0] / s.dim[1];
    return (fans){.in = s.dim[1] * kernel, .out = s.dim[0] * kernel};
}

/* The uniform distribution on +-b has the variance b^2 / 3. */
static gr_tensor *uniform_of_variance(gr_tensor *weight, double variance) {
    return gr_init_uniform(weight, -sqrt(3 * variance), sqrt(3 * variance));
}

gr_tensor *gr_init_xavier_uniform(gr_tensor *weight, double gain) {
    fans f = fans_of(weight, "gr_init_xavier_uniform");
    if (f.in == 0) return NULL;
    return uniform_of_variance(weight, gain * gain * 2 / (f.in + f.out));
}

gr_tensor *gr_init_xavier_normal(gr_tensor *weight, double gain) {
    fans f = fans_of(weight, "gr_init_xavier_normal");
    if (f.in == 0) return NULL;
    return gr_init_normal(weight, 0, gain * sqrt(2 / (f.in + f.out)));
}

gr_tensor *gr_init_kaiming_uniform(gr_tensor *weight, double a) {
    fans f = fans_of(weight, "gr_init_kaiming_uniform");
    if (f.in == 0) return NULL;
    return uniform_of_variance(weight, 2 / ((1 + a * a) * f.in));
}

gr_tensor *gr_init_kaiming_normal(gr_tensor *weight, double a) {
    fans f = fans_of(weight, "gr_init_kaiming_normal");
    if (f.in == 0) return NULL;
    return gr_init_normal(weight, 0, sqrt(2 / ((1 + a * a) * f.in)));
}

gr_tensor *gr_initialise(gr_tensor *weight, gr_init init) {
    switch (init) {
    case GR_INIT_DEFAULT: return gr_init_kaiming_uniform(weight, sqrt(5));
    case GR_INIT_KAIMING_UNIFORM: return gr_init_kaiming_uniform(weight, 0);
    case GR_INIT_KAIMING_NORMAL: return gr_init_kaiming_normal(weight, 0);
    case GR_INIT_XAVIER_UNIFORM: return gr_init_xavier_uniform(weight, 1);
    case GR_INIT_XAVIER_NORMAL: return gr_init_xavier_normal(weight, 1);
    case GR_INIT_ZEROS: return gr_init_constant(weight, 0);
    }
    return gr_fail(weight == NULL ? NULL : weight->graph, "gr_initialise: no initialisation %d",
                   (int)init);
}
