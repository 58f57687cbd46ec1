/* What the bench has found, in a table on the screen and in files for other programs. */
#ifndef REPORT_H
#define REPORT_H

#include "tests/bench/bench.h"
#include "tests/bench/limits.h"

enum { MAX_PEERS = 4, MAX_THREAD_COUNTS = 4, MAX_ONLY = 16 };

typedef struct result {
    const char *table, *name;
    int threads;
    double time, spread;        /* median of microseconds, and half of the interquartile range */
    double flops, bytes, limit; /* limit: microseconds */
    double allocations, system_requests; /* a step, after the tenth */
    double peers[MAX_PEERS];             /* microseconds; NaN where there are none */
} result;

typedef struct memory_result {
    const char *name;
    double own, peers[MAX_PEERS]; /* bytes */
} memory_result;

typedef struct report {
    int n_peers;
    char peers[MAX_PEERS][64]; /* "" for one that is missing */
    const char *isa;
    int n_limits, n_results, n_memory;
    limits limits[MAX_THREAD_COUNTS];
    result *results;
    memory_result *memory;
    memory_result start; /* microseconds from process start to the end of the first step */
    double library_size, program_size;
} report;

const char *report_processor(void); /* its name, "" if it can't be known */

void print_machine(const report *r, const limits *l);
void print_heading(const report *r, const char *title);
void print_result(const report *r, const result *x);
void print_memory_heading(const report *r);
void print_memory(const report *r, const memory_result *m);
void print_start(const report *r);

/* `directory`/bench.json, and `directory`/bench.tsv for the picture. False if it can't be written.
 */
bool write_report(const report *r, const char *directory);

#endif
