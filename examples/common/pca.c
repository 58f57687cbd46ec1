#include "examples/common/pca.h"

#include <math.h>
#include <stdlib.h>

static const int MOST_ITERATIONS = 1000;
static const double CLOSE_ENOUGH = 1e-10; /* change of a unit vector */

typedef struct moments {
    int d;
    double *mean, *covariance; /* (D), (D,D) */
} moments;

static bool measure(const gr_tensor *x, moments *m) {
    int n = x->shape.dim[0], d = m->d = x->shape.dim[1];
    m->mean = calloc((size_t)d, sizeof *m->mean);
    m->covariance = calloc((size_t)d * (size_t)d, sizeof *m->covariance);
    double *centred = malloc((size_t)d * sizeof *centred);
    bool good = m->mean != NULL && m->covariance != NULL && centred != NULL;
    for (int64_t i = 0; good && i < x->size; i++) m->mean[i % d] += (double)x->data[i] / n;
    for (int row = 0; good && row < n; row++) {
        for (int i = 0; i < d; i++) centred[i] = (double)x->data[(int64_t)row * d + i] - m->mean[i];
        for (int i = 0; i < d; i++)
            for (int j = 0; j < d; j++)
                m->covariance[(int64_t)i * d + j] += centred[i] * centred[j] / n;
    }
    free(centred);
    return good;
}

static double length_of(const double *v, int d) {
    double squares = 0;
    for (int i = 0; i < d; i++) squares += v[i] * v[i];
    return sqrt(squares);
}

/* v = covariance v / length, and how far it moved; *value becomes the length. */
static double iterate(const moments *m, double *v, double *next, double *value) {
    for (int i = 0; i < m->d; i++) {
        next[i] = 0;
        for (int j = 0; j < m->d; j++) next[i] += m->covariance[(int64_t)i * m->d + j] * v[j];
    }
    double moved = 0;
    *value = length_of(next, m->d);
    for (int i = 0; i < m->d; i++) {
        double now = *value > 0 ? next[i] / *value : v[i];
        moved += (now - v[i]) * (now - v[i]);
        v[i] = now;
    }
    return sqrt(moved);
}

static void turn_positive(double *v, int d) {
    int largest = 0;
    for (int i = 1; i < d; i++)
        if (fabs(v[i]) > fabs(v[largest])) largest = i;
    for (int i = 0, flip = v[largest] < 0; flip && i < d; i++) v[i] = -v[i];
}

/* The eigenvector of the largest eigenvalue, which is returned and taken out of the covariance. */
static double take_direction(moments *m, double *v, double *next) {
    double value = 0;
    for (int i = 0; i < m->d; i++) v[i] = 1 + 0.5 * sin(1.0 + i); /* orthogonal to none, likely */
    double length = length_of(v, m->d);
    for (int i = 0; i < m->d; i++) v[i] /= length;
    for (int i = 0; i < MOST_ITERATIONS; i++)
        if (iterate(m, v, next, &value) < CLOSE_ENOUGH) break;
    turn_positive(v, m->d);
    for (int i = 0; i < m->d; i++)
        for (int j = 0; j < m->d; j++) m->covariance[(int64_t)i * m->d + j] -= value * v[i] * v[j];
    return value;
}

static void project(const gr_tensor *x, const moments *m, const double *v, int column,
                    gr_tensor *to) {
    int k = to->shape.dim[1];
    for (int row = 0; row < x->shape.dim[0]; row++) {
        double sum = 0;
        for (int i = 0; i < m->d; i++)
            sum += ((double)x->data[(int64_t)row * m->d + i] - m->mean[i]) * v[i];
        to->data[(int64_t)row * k + column] = (gr_real)sum;
    }
}

gr_tensor *pca_project(gr_tensor *x, int k, double *share) {
    if (x == NULL) return NULL;
    if (x->kind != GR_REAL || x->shape.ndim != 2 || x->size == 0 || k < 1 || k > x->shape.dim[1])
        return gr_fail(x->graph, "pca_project: %s and k = %d, expected (N,D) and k from 1 to D",
                       gr_describe(x, "x").text, k);
    moments m = {0};
    gr_tensor *projected = gr_keep(gr_zeros(x->graph, GR_SHAPE(x->shape.dim[0], k)));
    double *v = malloc(2 * (size_t)x->shape.dim[1] * sizeof *v), total = 0, held = 0;
    bool good = projected != NULL && v != NULL && measure(x, &m);
    for (int i = 0; good && i < m.d; i++) total += m.covariance[(int64_t)i * m.d + i];
    for (int j = 0; good && j < k; j++) {
        held += take_direction(&m, v, v + m.d);
        project(x, &m, v, j, projected);
    }
    if (share != NULL) *share = total > 0 ? held / total : 1;
    free(v);
    free(m.mean);
    free(m.covariance);
    return good ? projected : gr_fail(x->graph, "pca_project: no memory");
}
