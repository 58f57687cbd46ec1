/* What this machine can do, measured in this run. */
#ifndef LIMITS_H
#define LIMITS_H

#include <stdbool.h>

enum { BANDWIDTHS = 17, SMALLEST_SET = 4096 }; /* working sets of 4 KiB, 8 KiB, ... 256 MiB */

typedef struct limits {
    int threads;
    const char *isa;              /* as gr_isa names it */
    double flops;                 /* a second, of all threads together */
    double bandwidth[BANDWIDTHS]; /* bytes a second */
    void *arrays;                 /* what the largest working set lies in */
} limits;

/* The best of several turns. */
limits measure_limits(const char *isa, int threads);
void limits_free(limits *l);

/* Microseconds below which this can't be done: the longer of what so many operations and so many
 * bytes take, each as fast as the machine is in this turn. in_place: what is written has been read,
 * so that the processor need not read it before it writes. */
double least_time(const limits *l, double flops, double bytes, bool in_place);

#endif
