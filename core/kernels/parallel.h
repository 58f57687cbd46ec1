/* Sharing a range of work among threads. */
#ifndef GR_PARALLEL_H
#define GR_PARALLEL_H

#include <stdint.h>

#pragma GCC visibility push(hidden)

/* Does the work of items begin ... end-1. */
typedef void gr_range_function(void *context, int64_t begin, int64_t end);

/* Calls f for pieces of `grain` items (the last may be shorter) that cover 0 ... n-1. The pieces
 * are the same for any number of threads; only who does them differs. One piece runs in the caller.
 */
void gr_parallel_for(int threads, int64_t n, int64_t grain, gr_range_function *f, void *context);

/* Calls f for one range a thread, nearly equal ones that cover 0 ... n-1: for work whose result
 * does not depend on where it is cut. Fewer threads have part in it if they had less than `least`
 * items; cuts are at multiples of `unit`. */
void gr_parallel_share(int threads, int64_t n, int64_t least, int64_t unit, gr_range_function *f,
                       void *context);

/* As many threads as OpenMP would use; 1 where the library was built without it. */
int gr_parallel_threads(void);

#pragma GCC visibility pop

#endif
