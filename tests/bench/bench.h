/* What a workload is, and what the parts of the bench know of each other. To add a workload: a
 * setup and a step in trainings.c, operations.c or losses.c, a line in the table at that file's
 * end, and the same under the same name in each peer. */
#ifndef BENCH_H
#define BENCH_H

#include "gradus.h"

typedef struct workload workload;

/* What a workload keeps from step to step; it uses the fields it needs. */
typedef struct bench {
    const workload *of;
    gr_graph *graph; /* made before setup */
    gr_module *net, *critic;
    gr_optimizer *optimizer, *critic_optimizer;
    gr_module *part[16]; /* layers that a step puts together itself */
    gr_tensor *x, *y, *more[2];
    gr_graph *held; /* another graph, freed with the first, and a node in it */
    const gr_node *node;
    /* What a step can't do without, said by setup: operations of products, two for a multiplication
     * and its addition, and bytes of the least traffic (README.md). */
    double flops, bytes;
    bool in_place; /* what is written has been read */
    bool watched;  /* trainings: the step puts its loss into `loss` */
    double loss;
} bench;

struct workload {
    const char *name; /* without spaces */
    void (*setup)(bench *b);
    void (*step)(bench *b); /* ends with gr_graph_reset */
    int size[3], kind;      /* for a setup and a step that serve several workloads */
};

typedef struct workload_table {
    const char *title;
    const workload *rows;
    int n;
} workload_table;

extern const workload training_rows[], operation_rows[], loss_rows[];
extern const int n_training_rows, n_operation_rows, n_loss_rows;

/* So many multiplications with their additions. */
static inline void add_products(bench *b, double n) { b->flops += 2 * n; }
/* So many numbers read or written. */
static inline void add_numbers(bench *b, double n) { b->bytes += n * (double)sizeof(gr_real); }

static inline gr_tensor *kept_normal(gr_graph *g, gr_shape shape) {
    return gr_keep(gr_normal(g, shape, 0, 1));
}
static inline gr_tensor *leaf(gr_tensor *t) { return gr_requires_grad(gr_keep(t)); }

/* (shape) of classes 0 ... count - 1, the same in each peer. */
gr_tensor *classes(gr_graph *g, gr_shape shape, int count);

/* -- Measuring -- */

double now(void);                             /* microseconds */
double median(double *values, int n);         /* sorts them */
double quartile_range(double *sorted, int n); /* half of the interquartile range */

/* Calls of malloc and its relatives since the program started. */
uint64_t count_allocations(void);

#endif
