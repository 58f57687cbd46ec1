#include "losses/schedule.h"

#include <math.h>

static const double PI = 3.141592653589793;

/* How far the step is on its way from begin to end, 0 to 1. */
static double progress(int64_t step, int64_t begin, int64_t end) {
    if (end < begin) return NAN;
    if (step >= end) return 1;
    return step <= begin ? 0 : ((double)step - (double)begin) / ((double)end - (double)begin);
}

double gr_schedule_linear(int64_t step, int64_t begin, int64_t end, double from, double to) {
    double t = progress(step, begin, end);
    return (1 - t) * from + t * to;
}

double gr_schedule_cosine(int64_t step, int64_t begin, int64_t end, double from, double to) {
    double t = (1 - cos(PI * progress(step, begin, end))) / 2;
    return (1 - t) * from + t * to;
}

/* The paper's steps count from 1, and it takes the remainder by ceil(total / cycles). */
double gr_schedule_cyclical(int64_t step, int64_t total, int cycles, double ratio) {
    if (total < 1 || cycles < 1 || !(ratio > 0 && ratio <= 1)) return NAN;
    if (step >= total) return 1;
    if (step < 0) return 0;
    int64_t period = (total - 1) / cycles + 1;
    double t = (double)(step % period) / ((double)total / cycles);
    return t >= ratio ? 1 : t / ratio;
}
