/* Random numbers, drawn from the graph's one seed.
 *
 * The generator is Philox4x32-10: a counter is encrypted with the seed as the key, so that element
 * i of a draw depends on the seed, on how much was drawn before, and on i, and not on the number of
 * threads. Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011.
 */
#ifndef GR_RANDOM_H
#define GR_RANDOM_H

#include "core/graph/graph.h"

/* One block: four words from a counter of four and a key of two. */
void gr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Where the graph's generator stands; part of a checkpoint. */
typedef struct gr_random_state {
    uint64_t seed;
    uint64_t counter; /* blocks used so far */
} gr_random_state;
gr_random_state gr_random_get(const gr_graph *g);
void gr_random_set(gr_graph *g, gr_random_state state);

/* New tensors of the step, without gradient. Uniform in [low, high); normal by Box and Muller;
 * Bernoulli 1 with probability p in [0,1], else 0. */
gr_tensor *gr_uniform(gr_graph *g, gr_shape shape, double low, double high);
gr_tensor *gr_normal(gr_graph *g, gr_shape shape, double mean, double deviation);
gr_tensor *gr_bernoulli(gr_graph *g, gr_shape shape, double p);
/* 0 ... n-1 in random order, as integers of shape (n), by Fisher and Yates. */
gr_tensor *gr_permutation(gr_graph *g, int n);

/* The same into memory of the caller's, for buffers and parameters. */
void gr_fill_uniform(gr_graph *g, gr_real *x, int64_t n, double low, double high);
void gr_fill_normal(gr_graph *g, gr_real *x, int64_t n, double mean, double deviation);
void gr_fill_permutation(gr_graph *g, int32_t *order, int n);
/* Puts the n numbers there are into random order. */
void gr_shuffle(gr_graph *g, int32_t *numbers, int n);
/* One number: uniform in [0,1), and an integer in 0 ... n-1, each equally likely (n >= 1). */
double gr_random_uniform(gr_graph *g);
uint32_t gr_random_below(gr_graph *g, uint32_t n);

#endif
