/* What this machine can do, measured in this run. */
#ifndef LIMITS_H
#define LIMITS_H

enum { BANDWIDTHS = 17, SMALLEST_SET = 4096 }; /* working sets of 4 KiB, 8 KiB, ... 256 MiB */

typedef struct limits {
    int threads;
    double flops;                 /* a second, of all threads together */
    double bandwidth[BANDWIDTHS]; /* bytes a second */
} limits;

/* With the instruction set `isa` as gr_isa names it. */
limits measure_limits(const char *isa, int threads);

/* Bytes a second with a working set of so many bytes. */
double bandwidth_at(const limits *l, double bytes);

/* Microseconds below which no program does this. */
double least_time(const limits *l, double flops, double bytes);

#endif
