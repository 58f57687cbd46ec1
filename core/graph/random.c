#include "core/graph/random.h"

#include "core/graph/graph_internal.h"

#include <math.h>

void gr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    const uint32_t multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57; /* Salmon et al., table 2 */
    const uint32_t weyl0 = 0x9E3779B9, weyl1 = 0xBB67AE85;
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)multiplier0 * c0, p1 = (uint64_t)multiplier1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += weyl0;
        k1 += weyl1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

gr_random_state gr_random_get(const gr_graph *g) {
    return g == NULL ? (gr_random_state){0} : g->random;
}

void gr_random_set(gr_graph *g, gr_random_state state) {
    if (g != NULL) g->random = state;
}

static void block(gr_random_state at, uint32_t out[4]) {
    uint32_t counter[4] = {(uint32_t)at.counter, (uint32_t)(at.counter >> 32), 0, 0};
    uint32_t key[2] = {(uint32_t)at.seed, (uint32_t)(at.seed >> 32)};
    gr_philox(counter, key, out);
}

/* In [0,1), with as many random bits as the result can hold. */
static double unit(uint32_t high, uint32_t low) {
    return (double)((((uint64_t)high << 32) | low) >> 11) * 0x1p-53;
}

/* A block gives two uniform numbers of 53 bits, or two normal ones. */
enum { PER_BLOCK = 2 };
/* Blocks that are worth another thread: some 10 us, most of it logarithm, sine and cosine. */
enum { SHARE = 1 << 8 };

typedef struct draw {
    gr_random_state from;
    gr_real *x;
    int64_t n;
    double a, b;
} draw;

static void store(const draw *d, int64_t i, double value) {
    if (i < d->n) d->x[i] = (gr_real)value;
}

static void uniform_range(void *context, int64_t begin, int64_t end) {
    const draw *d = context;
    for (int64_t k = begin; k < end; k++) {
        uint32_t w[4];
        block((gr_random_state){d->from.seed, d->from.counter + (uint64_t)k}, w);
        for (int j = 0; j < PER_BLOCK; j++) {
            double value = d->a + (d->b - d->a) * unit(w[2 * j], w[2 * j + 1]);
            /* Rounding to a float can reach the upper end, which is not in the interval. */
            if ((gr_real)value >= (gr_real)d->b) value = d->a;
            store(d, PER_BLOCK * k + j, value);
        }
    }
}

static void normal_range(void *context, int64_t begin, int64_t end) {
    const double two_pi = 6.283185307179586;
    const draw *d = context;
    for (int64_t k = begin; k < end; k++) {
        uint32_t w[4];
        block((gr_random_state){d->from.seed, d->from.counter + (uint64_t)k}, w);
        double radius = sqrt(-2 * log(1 - unit(w[0], w[1])));
        double angle = two_pi * unit(w[2], w[3]);
        store(d, PER_BLOCK * k, d->a + d->b * radius * cos(angle));
        store(d, PER_BLOCK * k + 1, d->a + d->b * radius * sin(angle));
    }
}

static void fill(gr_graph *g, gr_range_function *f, gr_real *x, int64_t n, double a, double b) {
    if (g == NULL || n <= 0) return;
    int64_t blocks = (n + PER_BLOCK - 1) / PER_BLOCK;
    draw d = {.from = g->random, .x = x, .n = n, .a = a, .b = b};
    gr_for_each(g, blocks, SHARE, f, &d);
    g->random.counter += (uint64_t)blocks;
}

void gr_fill_uniform(gr_graph *g, gr_real *x, int64_t n, double low, double high) {
    fill(g, uniform_range, x, n, low, high);
}

void gr_fill_normal(gr_graph *g, gr_real *x, int64_t n, double mean, double deviation) {
    fill(g, normal_range, x, n, mean, deviation);
}

double gr_random_uniform(gr_graph *g) {
    if (g == NULL) return NAN;
    uint32_t w[4];
    block(g->random, w);
    g->random.counter++;
    return unit(w[0], w[1]);
}

uint32_t gr_random_below(gr_graph *g, uint32_t n) {
    if (g == NULL || n == 0) return 0;
    /* 64 random bits times n, divided by 2^64, in two halves: the bias is below n / 2^64. */
    uint32_t w[4];
    block(g->random, w);
    g->random.counter++;
    uint64_t high = (uint64_t)w[0] * n, low = (uint64_t)w[1] * n;
    return (uint32_t)((high + (low >> 32)) >> 32);
}

void gr_shuffle(gr_graph *g, int32_t *numbers, int n) {
    if (g == NULL) return;
    for (int i = n - 1; i > 0; i--) {
        int j = (int)gr_random_below(g, (uint32_t)i + 1);
        int32_t swapped = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = swapped;
    }
}

void gr_fill_permutation(gr_graph *g, int32_t *order, int n) {
    if (g == NULL) return;
    for (int i = 0; i < n; i++) order[i] = i;
    gr_shuffle(g, order, n);
}

gr_tensor *gr_uniform(gr_graph *g, gr_shape shape, double low, double high) {
    if (!(low <= high)) return gr_fail(g, "gr_uniform: the interval [%g, %g) is empty", low, high);
    gr_tensor *t = gr_tensor_new(g, "gr_uniform", GR_REAL, shape, false);
    if (t != NULL) gr_fill_uniform(g, t->data, t->size, low, high);
    return t;
}

gr_tensor *gr_normal(gr_graph *g, gr_shape shape, double mean, double deviation) {
    if (!(deviation >= 0))
        return gr_fail(g, "gr_normal: deviation is %g, expected 0 or more", deviation);
    gr_tensor *t = gr_tensor_new(g, "gr_normal", GR_REAL, shape, false);
    if (t != NULL) gr_fill_normal(g, t->data, t->size, mean, deviation);
    return t;
}

gr_tensor *gr_bernoulli(gr_graph *g, gr_shape shape, double p) {
    if (!(p >= 0 && p <= 1))
        return gr_fail(g, "gr_bernoulli: p is %g, expected a probability in [0, 1]", p);
    gr_tensor *t = gr_tensor_new(g, "gr_bernoulli", GR_REAL, shape, false);
    if (t == NULL) return NULL;
    gr_fill_uniform(g, t->data, t->size, 0, 1);
    for (int64_t i = 0; i < t->size; i++) t->data[i] = t->data[i] < (gr_real)p ? 1 : 0;
    return t;
}

gr_tensor *gr_permutation(gr_graph *g, int n) {
    gr_tensor *t = gr_tensor_new(g, "gr_permutation", GR_INDEX, GR_SHAPE(n), false);
    if (t != NULL) gr_fill_permutation(g, t->index, n);
    return t;
}
