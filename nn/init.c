#include "nn/init.h"

#include "core/graph/graph_internal.h"

#include <math.h>

static bool writable(const gr_tensor *weight, const char *who) {
    if (weight == NULL) return false;
    if (weight->kind != GR_REAL || weight->node != NULL)
        return gr_fail(weight->graph, "%s: %s is no leaf of real numbers", who,
                       gr_describe(weight, "weight").text);
    return true;
}

gr_tensor *gr_init_constant(gr_tensor *weight, double value) {
    if (!writable(weight, "gr_init_constant")) return NULL;
    for (int64_t i = 0; i < weight->size; i++) weight->data[i] = (gr_real)value;
    return weight;
}

gr_tensor *gr_init_uniform(gr_tensor *weight, double low, double high) {
    if (!writable(weight, "gr_init_uniform")) return NULL;
    if (!(low <= high && isfinite(high - low)))
        return gr_fail(weight->graph, "gr_init_uniform: [%g, %g) is no interval", low, high);
    gr_fill_uniform(weight->graph, weight->data, weight->size, low, high);
    return weight;
}

gr_tensor *gr_init_normal(gr_tensor *weight, double mean, double deviation) {
    if (!writable(weight, "gr_init_normal")) return NULL;
    if (!(isfinite(mean) && deviation >= 0 && isfinite(deviation)))
        return gr_fail(weight->graph,
                       "gr_init_normal: mean is %g and deviation %g, expected finite "
                       "numbers and a deviation of 0 or more",
                       mean, deviation);
    gr_fill_normal(weight->graph, weight->data, weight->size, mean, deviation);
    return weight;
}

typedef struct fans {
    double in, out;
} fans;

/* Fans of 0 after an error. `number` is the function's second argument. */
static fans fans_of(const gr_tensor *weight, const char *who, const char *name, double number) {
    if (!writable(weight, who)) return (fans){0, 0};
    gr_shape s = weight->shape;
    if (s.ndim < 2 || weight->size == 0) {
        gr_fail(weight->graph, "%s: %s, expected a weight (out,in,..) that is not empty", who,
                gr_describe(weight, "weight").text);
        return (fans){0, 0};
    }
    if (!isfinite(number)) {
        gr_fail(weight->graph, "%s: %s is %g, expected a finite number", who, name, number);
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
    fans f = fans_of(weight, "gr_init_xavier_uniform", "gain", gain);
    if (f.in == 0) return NULL;
    return uniform_of_variance(weight, gain * gain * 2 / (f.in + f.out));
}

gr_tensor *gr_init_xavier_normal(gr_tensor *weight, double gain) {
    fans f = fans_of(weight, "gr_init_xavier_normal", "gain", gain);
    if (f.in == 0) return NULL;
    return gr_init_normal(weight, 0, fabs(gain) * sqrt(2 / (f.in + f.out)));
}

gr_tensor *gr_init_kaiming_uniform(gr_tensor *weight, double a) {
    fans f = fans_of(weight, "gr_init_kaiming_uniform", "a", a);
    if (f.in == 0) return NULL;
    return uniform_of_variance(weight, 2 / ((1 + a * a) * f.in));
}

gr_tensor *gr_init_kaiming_normal(gr_tensor *weight, double a) {
    fans f = fans_of(weight, "gr_init_kaiming_normal", "a", a);
    if (f.in == 0) return NULL;
    return gr_init_normal(weight, 0, sqrt(2 / ((1 + a * a) * f.in)));
}

/* Makes the n columns of a (m,n), of full rank, orthonormal by Gram and Schmidt (the modified
 * method, row by row of a). The factor R of a = Q R has a positive diagonal so, which makes Q
 * uniform if a is normal: Mezzadri, "How to generate random matrices from the classical compact
 * groups", Notices of the AMS 54, 2007, section 5. c is room for n numbers. About 2 m n^2
 * operations. */
static void orthonormalise(int64_t m, int64_t n, double *restrict a, double *restrict c) {
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = i; j < n; j++) c[j] = 0;
        for (int64_t r = 0; r < m; r++)
            for (int64_t j = i; j < n; j++) c[j] += a[r * n + i] * a[r * n + j];
        double length = sqrt(c[i]);
        for (int64_t j = i + 1; j < n; j++) c[j] /= length;
        for (int64_t r = 0; r < m; r++) {
            double q = a[r * n + i] /= length;
            for (int64_t j = i + 1; j < n; j++) a[r * n + j] -= q * c[j];
        }
    }
}

/* Of a weight (out,in), with room for its elements and n more; m is the larger of the two and n the
 * other. */
static void fill_orthogonal(gr_tensor *weight, int64_t m, int64_t n, double gain, double *room) {
    bool tall = m == weight->shape.dim[0];
    int64_t row = tall ? n : 1, column = tall ? 1 : m; /* distances of the matrix (m,n) */
    double *a = room, *c = room + m * n;
    for (int64_t i = 0; i < m * n; i++) a[i] = (double)weight->data[i];
    orthonormalise(m, n, a, c);
    orthonormalise(m, n, a, c); /* once more, since rounding grows with the condition of a */
    for (int64_t r = 0; r < m; r++)
        for (int64_t j = 0; j < n; j++)
            weight->data[r * row + j * column] = (gr_real)(gain * a[r * n + j]);
}

gr_tensor *gr_init_orthogonal(gr_tensor *weight, double gain) {
    fans f = fans_of(weight, "gr_init_orthogonal", "gain", gain);
    if (f.in == 0) return NULL;
    gr_graph *g = weight->graph;
    int64_t out = weight->shape.dim[0], in = weight->size / out;
    int64_t m = out > in ? out : in, n = out > in ? in : out;
    size_t bytes = (size_t)(m * n + n) * sizeof(double);
    double *room = gr_budget_alloc(&g->budget, bytes);
    if (room == NULL)
        return gr_fail(g, "gr_init_orthogonal: no memory for %s",
                       gr_describe(weight, "weight").text);
    gr_fill_normal(g, weight->data, weight->size, 0, 1);
    fill_orthogonal(weight, m, n, gain, room);
    gr_budget_free(&g->budget, room, bytes);
    return weight;
}

gr_tensor *gr_initialise(gr_tensor *weight, gr_init init) {
    switch (init) {
    case GR_INIT_DEFAULT:
        return gr_init_kaiming_uniform(weight, sqrt(5));
    case GR_INIT_KAIMING_UNIFORM:
        return gr_init_kaiming_uniform(weight, 0);
    case GR_INIT_KAIMING_NORMAL:
        return gr_init_kaiming_normal(weight, 0);
    case GR_INIT_XAVIER_UNIFORM:
        return gr_init_xavier_uniform(weight, 1);
    case GR_INIT_XAVIER_NORMAL:
        return gr_init_xavier_normal(weight, 1);
    case GR_INIT_ZEROS:
        return gr_init_constant(weight, 0);
    case GR_INIT_ORTHOGONAL:
        return gr_init_orthogonal(weight, 1);
    }
    return gr_fail(weight == NULL ? NULL : weight->graph, "gr_initialise: no initialisation %d",
                   (int)init);
}
