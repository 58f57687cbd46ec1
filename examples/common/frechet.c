#include "examples/common/frechet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Matrices are (d,d), row after row. */

static double *matrix(int d) { return calloc((size_t)d * (size_t)d, sizeof(double)); }

/* -- Eigenvalues -- */

/* Turns rows and columns p and q of the symmetric matrix so that s[p][q] becomes 0, and the columns
 * of v with them. */
static void rotate(double *s, double *v, int d, int p, int q) {
    double theta = (s[q * d + q] - s[p * d + p]) / (2 * s[p * d + q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), sine = t * c;
    for (int k = 0; k < d; k++) {
        double a = s[k * d + p], b = s[k * d + q];
        s[k * d + p] = c * a - sine * b;
        s[k * d + q] = sine * a + c * b;
    }
    for (int k = 0; k < d; k++) {
        double a = s[p * d + k], b = s[q * d + k];
        s[p * d + k] = c * a - sine * b;
        s[q * d + k] = sine * a + c * b;
        a = v[k * d + p], b = v[k * d + q];
        v[k * d + p] = c * a - sine * b;
        v[k * d + q] = sine * a + c * b;
    }
}

static double norm(const double *s, int d, bool with_diagonal) {
    double sum = 0;
    for (int i = 0; i < d * d; i++)
        if (with_diagonal || i / d != i % d) sum += s[i] * s[i];
    return sqrt(sum);
}

/* Jacobi's method (Golub and Van Loan, "Matrix computations", 4th ed., section 8.5): afterwards the
 * diagonal of s has its eigenvalues, and the columns of v are the eigenvectors. */
static void diagonalise(double *s, double *v, int d) {
    double small = 1e-14 * norm(s, d, true);
    memset(v, 0, (size_t)d * (size_t)d * sizeof *v);
    for (int i = 0; i < d; i++) v[i * d + i] = 1;
    for (int sweep = 0; sweep < 50 && norm(s, d, false) > small; sweep++)
        for (int p = 0; p < d; p++)
            for (int q = p + 1; q < d; q++)
                if (s[p * d + q] != 0) rotate(s, v, d, p, q);
}

/* -- Covariances -- */

/* `centred` is room for a row. */
static void moments(const gr_tensor *x, double *mean, double *covariance, double *centred) {
    int n = x->shape.dim[0], d = x->shape.dim[1];
    for (int row = 0; row < n; row++)
        for (int i = 0; i < d; i++) mean[i] += (double)x->data[row * d + i];
    for (int i = 0; i < d; i++) mean[i] /= n;
    for (int row = 0; row < n; row++) {
        for (int i = 0; i < d; i++) centred[i] = (double)x->data[row * d + i] - mean[i];
        for (int i = 0; i < d; i++)
            for (int j = 0; j < d; j++) covariance[i * d + j] += centred[i] * centred[j];
    }
    for (int i = 0; i < d * d; i++) covariance[i] /= n - 1;
}

static void multiply(const double *a, const double *b, double *product, int d) {
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double sum = 0;
            for (int k = 0; k < d; k++) sum += a[i * d + k] * b[k * d + j];
            product[i * d + j] = sum;
        }
}

/* s becomes its root; v and work are overwritten. */
static void take_root(double *s, double *v, double *work, int d) {
    diagonalise(s, v, d);
    for (int i = 0; i < d; i++) work[i] = sqrt(fmax(s[i * d + i], 0));
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double sum = 0;
            for (int k = 0; k < d; k++) sum += v[i * d + k] * work[k] * v[j * d + k];
            s[i * d + j] = sum;
        }
}

static double trace(const double *s, int d) {
    double sum = 0;
    for (int i = 0; i < d; i++) sum += s[i * d + i];
    return sum;
}

/* Of the root of a b; a is overwritten. */
static double trace_of_root(double *a, const double *b, double *work[2], int d) {
    take_root(a, work[0], work[1], d);
    multiply(a, b, work[0], d);
    multiply(work[0], a, work[1], d);
    diagonalise(work[1], work[0], d);
    double sum = 0;
    for (int i = 0; i < d; i++) sum += sqrt(fmax(work[1][i * d + i], 0));
    return sum;
}

double frechet_distance(const gr_tensor *a, const gr_tensor *b) {
    if (a == NULL || b == NULL || a->shape.ndim != 2 || b->shape.ndim != 2 ||
        a->shape.dim[1] != b->shape.dim[1] || a->shape.dim[0] < 2 || b->shape.dim[0] < 2)
        return NAN;
    int d = a->shape.dim[1];
    double distance = NAN, *m[6];
    bool made = true;
    for (int i = 0; i < 6; i++) made = (m[i] = matrix(d)) != NULL && made;
    if (made) {
        moments(a, m[0], m[2], m[4]);
        moments(b, m[1], m[3], m[4]);
        distance = trace(m[2], d) + trace(m[3], d);
        for (int i = 0; i < d; i++) distance += (m[0][i] - m[1][i]) * (m[0][i] - m[1][i]);
        if (isfinite(distance)) distance -= 2 * trace_of_root(m[2], m[3], m + 4, d);
        if (!isfinite(distance)) distance = NAN;
    }
    for (int i = 0; i < 6; i++) free(m[i]);
    return distance;
}
