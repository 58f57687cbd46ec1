/* Weights of a loss's term that change from step to step; plain functions of the step, counted from 0.
 *
 *     gr_elbo(recon, x, mu, logvar, .beta = gr_schedule_linear(step, 0, 1000, 0, 1))
 */
#ifndef GR_SCHEDULE_H
#define GR_SCHEDULE_H

#include <stdint.h>

/* `from` up to step `begin`, `to` from step `end` on, and between them, with t = (step - begin) /
 * (end - begin),
 *
 *     linear  from + (to - from) t
 *     cosine  from + (to - from) (1 - cos(pi t)) / 2, flat at both ends
 *
 * end < begin gives NaN; end = begin is a jump, `to` at the step itself. */
double gr_schedule_linear(int64_t step, int64_t begin, int64_t end, double from, double to);
double gr_schedule_cosine(int64_t step, int64_t begin, int64_t end, double from, double to);

/* Rises from 0 to 1 `cycles` times in `total` steps: with t the part of the step's cycle that is over,
 * t / ratio while t <= ratio, then 1. After `total` steps 1. NaN unless total and cycles are at least 1
 * and 0 < ratio <= 1. Fu et al., "Cyclical annealing schedule: a simple approach to mitigating KL
 * vanishing", NAACL 2019, eq. 6 and 7 (with 4 cycles and a ratio of 0.5). */
double gr_schedule_cyclical(int64_t step, int64_t total, int cycles, double ratio);

#endif
