/* Another library, as a process that runs the same workloads when told to. It writes a line "ready
 * NAME" (or "missing WHY"), then answers each line that it reads with one of its own, "unknown" if
 * it has not this workload:
 *
 *     time WORKLOAD MILLISECONDS    microseconds of a step, the mean over about so long
 *     run WORKLOAD STEPS            "done" after so many steps
 *     losses WORKLOAD STEPS         a training's loss in the first and in the last of so many
 *                                   steps, with parameters and batch as measure.c fills them
 *
 * peer.py is this side in Python. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>

typedef struct peer peer;

/* Runs "COMMAND float32 THREADS" in a shell. NULL if it does not start or says that it is missing,
 * which is printed unless `quiet`. */
peer *peer_start(const char *command, int threads, bool quiet);
const char *peer_name(const peer *p);
void peer_stop(peer *p);

/* NaN, or false, if the peer doesn't know the workload. */
double peer_time(peer *p, const char *workload_name, double milliseconds);
bool peer_run(peer *p, const char *workload_name, int steps);
bool peer_losses(peer *p, const char *workload_name, int steps, double losses[2]);

/* The most bytes of memory that it had so far (VmHWM); NaN if that can't be known. */
double peer_resident(const peer *p);

/* The same of a process, 0 for this one. */
double resident_peak(long pid);

#endif
