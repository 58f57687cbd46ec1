/* What a workload is. To add one: a setup and a step in workloads.c, a line in its table, and the
 * same under the same name in each peer (step.py). */
#ifndef BENCH_H
#define BENCH_H

#include "gradus.h"

/* What a workload keeps from step to step; it uses the fields it needs. */
typedef struct bench {
    gr_graph *graph; /* made before setup */
    gr_module *net;
    gr_optimizer *optimizer;
    gr_tensor *x, *y, *more[2];
    int size; /* the workload's */
} bench;

typedef struct workload {
    const char *name; /* without spaces */
    void (*setup)(bench *b);
    void (*step)(bench *b); /* ends with gr_graph_reset */
    int size;               /* for a setup and a step that serve several workloads */
    double operations;      /* floating-point operations of a step, for GFLOP/s; 0: not shown */
} workload;

extern const workload workloads[];
extern const int n_workloads;

/* Operations per second of one thread that does nothing but fused multiply-adds of gr_real, with
 * the instruction set `isa` as gr_isa names it. */
double measure_peak(const char *isa);

/* Calls of malloc and its relatives since the program started. */
uint64_t count_allocations(void);

/* Another library, as a process that runs the same workloads when told to: it writes a line "ready
 * NAME" (or "missing WHY"), then for each line "NAME MILLISECONDS" that it reads the microseconds
 * that a step took on average, measured for about so long, or "unknown". */
typedef struct peer peer;
/* NULL if the command can't be started or says that it is missing, which is then printed. */
peer *peer_start(const char *command);
const char *peer_name(const peer *p);
/* NaN if the peer doesn't know the workload. */
double peer_measure(peer *p, const char *workload_name, double milliseconds);
void peer_stop(peer *p);

#endif
