#include "optim/lr_schedule.h"

#include <math.h>

#include "optim/optimizer_internal.h"

static const double PI = 3.141592653589793;

static int64_t from_zero(int64_t step) { return step < 0 ? 0 : step; }

/* From `start` to `end` along half a cosine, as t goes from 0 to 1. */
static double cosine(double start, double end, double t) {
    return end + (start - end) / 2 * (1 + cos(PI * t));
}

static double straight(double start, double end, double t) { return start + (end - start) * t; }

double gr_lr_step(double lr, int64_t step, int64_t step_size, double gamma) {
    if (step_size < 1) return NAN;
    return lr * pow(gamma, (double)(from_zero(step) / step_size));
}

double gr_lr_multi_step(double lr, int64_t step, const int64_t *milestones, int n, double gamma) {
    int reached = 0;
    for (int i = 0; i < n; i++)
        if (milestones[i] <= from_zero(step)) reached++;
    return lr * pow(gamma, reached);
}

double gr_lr_exponential(double lr, int64_t step, double gamma) {
    return lr * pow(gamma, (double)from_zero(step));
}

double gr_lr_cosine(double lr, int64_t step, int64_t t_max, double eta_min) {
    if (t_max < 1) return NAN;
    return cosine(lr, eta_min, (double)from_zero(step) / (double)t_max);
}

double gr_lr_warmup(double lr, int64_t step, int64_t total, double start_factor,
                    double end_factor) {
    if (total < 1) return NAN;
    if (step >= total) return lr * end_factor;
    return lr * straight(start_factor, end_factor, (double)from_zero(step) / (double)total);
}

/* -- One cycle -- */

typedef struct phase {
    double end, start_lr, end_lr; /* its last step */
} phase;

double gr_lr_one_cycle_(gr_lr_one_cycle_args a) {
    if (a.total < 1 || !(a.pct_start >= 0 && a.pct_start <= 1) || !(a.div_factor > 0) ||
        !(a.final_div_factor > 0))
        return NAN;
    double initial = a.max_lr / a.div_factor, least = initial / a.final_div_factor;
    double total = (double)a.total, step = fmin((double)from_zero(a.step), total - 1), start = 0;
    const phase up = {a.pct_start * total - 1, initial, a.max_lr};
    const phase down = {2 * a.pct_start * total - 2, a.max_lr, initial};
    const phase last = {total - 1, a.three_phase ? initial : a.max_lr, least};
    const phase phases[] = {up, a.three_phase ? down : last, last}, *p = phases;
    for (; step > p->end; p++) start = p->end;
    double t = p->end > start ? (step - start) / (p->end - start) : 1;
    return (a.linear ? straight : cosine)(p->start_lr, p->end_lr, t);
}

/* -- Plateaus -- */

static bool check_plateau(gr_graph *g, const gr_plateau *p) {
    if (!(p->factor > 0 && p->factor < 1))
        return gr_fail(g, "gr_lr_on_plateau: factor is %g, expected (0, 1)", p->factor);
    if (!(gr_is_rate(p->threshold) && gr_is_rate(p->min_lr) && gr_is_rate(p->eps)))
        return gr_fail(g,
                       "gr_lr_on_plateau: threshold is %g, min_lr %g, eps %g, expected 0 or more",
                       p->threshold, p->min_lr, p->eps);
    if (p->patience < 0 || p->cooldown < 0)
        return gr_fail(g, "gr_lr_on_plateau: patience is %d and cooldown %d, expected 0 or more",
                       p->patience, p->cooldown);
    return true;
}

static bool is_better(const gr_plateau *p, double metric) {
    if (!p->watched) return p->maximize ? metric > -INFINITY : metric < INFINITY;
    double margin = p->maximize ? p->threshold : -p->threshold;
    double bound = p->absolute ? p->best + margin : p->best * (1 + margin);
    return p->maximize ? metric > bound : metric < bound;
}

static void reduce(const gr_plateau *p, gr_optimizer *opt) {
    for (opt = opt->first; opt != NULL; opt = opt->next) {
        double lr = fmax(opt->lr * p->factor, p->min_lr);
        if (opt->lr - lr > p->eps) opt->lr = lr;
    }
}

bool gr_lr_on_plateau(gr_plateau *p, gr_optimizer *opt, double metric) {
    if (p == NULL || opt == NULL || gr_failed(opt->graph)) return false;
    if (!check_plateau(opt->graph, p)) return false;
    if (is_better(p, metric)) {
        p->best = metric;
        p->watched = true;
        p->bad_epochs = 0;
    } else {
        p->bad_epochs++;
    }
    if (p->cooldown_left > 0) {
        p->cooldown_left--;
        p->bad_epochs = 0; /* what is bad right after a reduction does not count */
    }
    if (p->bad_epochs <= p->patience) return false;
    p->bad_epochs = 0;
    p->cooldown_left = p->cooldown;
    reduce(p, opt);
    return true;
}
