/* One workload: how long a step takes, how much memory, what its losses are. */
#ifndef MEASURE_H
#define MEASURE_H

#include "tests/bench/peer.h"
#include "tests/bench/report.h"

enum { MAX_REPETITIONS = 1000 };

/* Into r->time and what follows it: the library, the limit and the peers take turns. False if the
 * graph failed, which is printed. */
bool measure_time(const workload *w, const limits *l, int repetitions, peer *const *peers,
                  int n_peers, result *r);

/* What `bench --once` does: so many steps, then the most resident memory in bytes to the standard
 * output. */
bool run_once(const workload *w, int threads, int steps);

/* Losses of the first and of the last of so many steps, with everything filled as fill says. */
bool own_losses(const workload *w, int steps, double losses[2]);

/* A new process of this program that runs the workload alone: its most resident memory in bytes. */
double own_resident(const char *name, int steps);

/* Microseconds from the start of a process until it has written its first byte. */
double time_to_first_byte(const char *program);

#endif
