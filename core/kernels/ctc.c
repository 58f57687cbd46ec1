/* Connectionist temporal classification: the sum over all alignments of a sample, forwards and
 * backwards in time. Source: Graves et al. 2006, section 4.1.
 *
 * An alignment runs through the states blank 0, label 0, blank 1, label 1, ..., blank S, where it stays
 * or goes on by one, or by two from a label to the next if the two differ. Blanks and labels are held
 * apart, so that the loops over them run without branches; label S does not exist and is always 0.
 *
 * The sums are computed in double, as probabilities that are divided by their sum at each time. What is
 * below TINY counts as 0 then; where that could have mattered, which the products of both directions
 * tell, the sample is computed once more with logarithms. */
#include "core/kernels/kernels.h"
#include "core/kernels/vector_math.h"

#include <stddef.h>

static const double TINY = 1e-280;
static const double LEAST_PRODUCT = 1e-240; /* of both directions, beside which TINY is nothing */

/* Rows have width S + 2. A row of labels begins with label -1, which is always 0. */
typedef struct ctc_work {
    const gr_ctc_sample *s;
    int64_t width;
    double *skip;           /* 1 where label i may follow label i-1 at once; 0 at S and S + 1 */
    double *emission;       /* (time, width) of labels, divided by the largest of their time */
    double *blank_emission; /* (time) */
    double *largest;        /* (time) logarithms of these divisors */
    double *scale;          /* (time) sums of alpha before they are divided by it */
    double *blanks, *labels; /* (1 + time, width): alpha, and in the end the posteriors; the first row is
                                before the beginning */
    double *next_blanks, *next_labels;       /* beta */
    double *passing_blanks, *passing_labels; /* beta times emission */
} ctc_work;

static int64_t k_scratch(int64_t time, int64_t labels) {
    return (labels + 2) * (3 * time + 7) + 3 * time;
}

static ctc_work work_of(const gr_ctc_sample *s, double *scratch) {
    int64_t width = s->labels + 2;
    ctc_work w = {.s = s, .width = width, .skip = scratch};
    w.emission = w.skip + width;
    w.blanks = w.emission + s->time * width;
    w.labels = w.blanks + (1 + s->time) * width;
    w.next_blanks = w.labels + (1 + s->time) * width;
    w.next_labels = w.next_blanks + width;
    w.passing_blanks = w.next_labels + width;
    w.passing_labels = w.passing_blanks + width;
    w.blank_emission = w.passing_labels + width;
    w.largest = w.blank_emission + s->time;
    w.scale = w.largest + s->time;
    for (int64_t i = 0; i < width; i++)
        w.skip[i] = i > 0 && i < s->labels && s->label[i] != s->label[i - 1];
    return w;
}

/* The fewest times in which the labels can be emitted: equal neighbours need a blank between them. */
static int64_t least_time(const gr_ctc_sample *s) {
    int64_t n = s->labels;
    for (int64_t i = 1; i < s->labels; i++) n += s->label[i] == s->label[i - 1];
    return n;
}

/* The logarithms of emissions at a time, in a row whose place S is the blank's, and the largest. */
static double gather(const ctc_work *w, int64_t t, double *x) {
    const gr_ctc_sample *s = w->s;
    const gr_real *row = s->log_probs + t * s->stride;
    double largest = x[s->labels] = row[s->blank];
    for (int64_t i = 0; i < s->labels; i++) {
        x[i] = row[s->label[i]];
        if (x[i] > largest) largest = x[i];
    }
    return largest;
}

/* False if at some time nothing can be emitted. */
static bool gather_emissions(const ctc_work *w, bool logarithm) {
    int64_t last = w->s->labels;
    for (int64_t t = 0; t < w->s->time; t++) {
        double *x = w->emission + t * w->width, largest = w->largest[t] = gather(w, t, x);
        if (largest == -INFINITY) return false;
        for (int64_t i = 0; i <= last; i++) x[i] -= largest;
        if (!logarithm)
            for (int64_t i = 0; i <= last; i++) x[i] = exp(x[i]);
        w->blank_emission[t] = x[last];
        x[last] = logarithm ? -INFINITY : 0;
    }
    return true;
}

static double sum(int64_t n, const double *x) {
    double y = 0;
    for (int64_t i = 0; i < n; i++) y += x[i];
    return y;
}

/* -- With probabilities ---------------------------------------------------------------------------- */

/* One time step of alpha, from the rows b and l to nb and nl; their sum. */
static double forward_step(int64_t labels, const double *restrict b, const double *restrict l,
                           const double *restrict skip, const double *restrict emission,
                           double blank_emission, double inverse, double *restrict nb,
                           double *restrict nl) {
    double total = 0;
    blank_emission *= inverse;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i <= labels; i++) {
        double blank = (b[i] + l[i]) * blank_emission;
        double label = (l[i + 1] + b[i] + skip[i] * l[i]) * (emission[i] * inverse);
        nb[i] = blank = blank < TINY ? 0 : blank;
        nl[i + 1] = label = label < TINY ? 0 : label;
        total += blank + label;
    }
    nl[0] = 0;
    return total;
}

/* False if the sum is lost. */
static bool forward(const ctc_work *w) {
    double inverse = 1;
    for (int64_t i = 0; i < w->width; i++) w->blanks[i] = w->labels[i] = 0;
    w->blanks[0] = 1;
    for (int64_t t = 0; t < w->s->time; t++) {
        const double *b = w->blanks + t * w->width, *l = w->labels + t * w->width;
        double total = forward_step(w->s->labels, b, l, w->skip, w->emission + t * w->width,
                                    w->blank_emission[t], inverse, w->blanks + (t + 1) * w->width,
                                    w->labels + (t + 1) * w->width);
        if (!(total > TINY)) return false;
        w->scale[t] = total;
        inverse = 1 / total;
    }
    return true;
}

/* The sum of alpha times beta at one time. */
static double product(int64_t labels, const double *restrict b, const double *restrict l,
                      const double *restrict nb, const double *restrict nl) {
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i <= labels; i++) total += b[i] * nb[i] + l[i + 1] * nl[i];
    return total;
}

/* Makes alpha the posterior. */
static void weigh(int64_t labels, double *restrict b, double *restrict l, const double *restrict nb,
                  const double *restrict nl, double factor) {
    for (int64_t i = 0; i <= labels; i++) {
        b[i] *= nb[i] * factor;
        l[i + 1] *= nl[i] * factor;
    }
}

/* beta one time earlier, in place; the sum. */
static double backward_step(const ctc_work *w, int64_t t, double inverse) {
    const double *restrict skip = w->skip, *restrict emission = w->emission + t * w->width;
    double *restrict nb = w->next_blanks, *restrict nl = w->next_labels;
    double *restrict pb = w->passing_blanks, *restrict pl = w->passing_labels;
    double total = 0, blank_emission = w->blank_emission[t] * inverse;
    int64_t labels = w->s->labels;
    for (int64_t i = 0; i <= labels; i++) {
        pb[i] = nb[i] * blank_emission;
        pl[i] = nl[i] * (emission[i] * inverse);
    }
    pb[labels + 1] = pl[labels + 1] = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i <= labels; i++) {
        double blank = pb[i] + pl[i], label = pl[i] + pb[i + 1] + skip[i + 1] * pl[i + 1];
        nb[i] = blank = blank < TINY ? 0 : blank;
        nl[i] = label = label < TINY ? 0 : label;
        total += blank + label;
    }
    return total;
}

/* beta at the end: 1 in the last label and the last blank. */
static void set_ends(const ctc_work *w, double inside, double outside) {
    int64_t labels = w->s->labels;
    for (int64_t i = 0; i < w->width; i++) w->next_blanks[i] = w->next_labels[i] = outside;
    w->next_blanks[labels] = inside;
    if (labels > 0) w->next_labels[labels - 1] = inside;
}

/* beta, and from it the posteriors; the sum over the ends of alpha's last row, or 0 if digits are
 * lost. */
static double backward(const ctc_work *w) {
    double ends = 0, inverse = 1;
    int64_t labels = w->s->labels;
    set_ends(w, 1, 0);
    for (int64_t t = w->s->time - 1; t >= 0; t--) {
        double *b = w->blanks + (t + 1) * w->width, *l = w->labels + (t + 1) * w->width;
        double q = product(labels, b, l, w->next_blanks, w->next_labels);
        if (!(q > LEAST_PRODUCT)) return 0;
        if (t == w->s->time - 1) ends = q;
        weigh(labels, b, l, w->next_blanks, w->next_labels, 1 / q);
        if (t == 0) break;
        double total = backward_step(w, t, inverse);
        if (!(total > TINY)) return 0;
        inverse = 1 / total;
    }
    return ends;
}

/* The logarithm of the probability; NaN if it can't be had so. */
static double with_probabilities(const ctc_work *w) {
    int64_t time = w->s->time;
    if (!forward(w)) return NAN;
    double ends = backward(w), y = 0;
    if (ends == 0) return NAN;
    w->scale[time - 1] = ends;
#pragma omp simd reduction(+ : y)
    for (int64_t t = 0; t < time; t++) y += log(w->scale[t]);
    return y + sum(time, w->largest);
}

/* -- With logarithms ------------------------------------------------------------------------------- */

static double log_sum(double a, double b, double c) {
    double m = a > b ? a : b;
    m = m > c ? m : c;
    return m > -INFINITY ? m + log(exp(a - m) + exp(b - m) + exp(c - m)) : a + b + c;
}

static void log_forward(const ctc_work *w) {
    int64_t labels = w->s->labels;
    for (int64_t i = 0; i < w->width; i++) w->blanks[i] = w->labels[i] = -INFINITY;
    w->blanks[0] = 0;
    for (int64_t t = 0; t < w->s->time; t++) {
        const double *b = w->blanks + t * w->width, *l = w->labels + t * w->width;
        const double *emission = w->emission + t * w->width;
        double *nb = w->blanks + (t + 1) * w->width, *nl = w->labels + (t + 1) * w->width;
        nl[0] = -INFINITY;
        for (int64_t i = 0; i <= labels; i++) {
            double skipped = w->skip[i] != 0 ? l[i] : -INFINITY;
            nb[i] = log_sum(b[i], l[i], -INFINITY) + w->blank_emission[t];
            nl[i + 1] = log_sum(l[i + 1], b[i], skipped) + emission[i];
        }
    }
}

static void log_backward_step(const ctc_work *w, int64_t t) {
    int64_t labels = w->s->labels;
    const double *emission = w->emission + t * w->width;
    double *nb = w->next_blanks, *nl = w->next_labels;
    double *pb = w->passing_blanks, *pl = w->passing_labels;
    for (int64_t i = 0; i <= labels; i++) {
        pb[i] = nb[i] + w->blank_emission[t];
        pl[i] = nl[i] + emission[i];
    }
    pb[labels + 1] = pl[labels + 1] = -INFINITY;
    for (int64_t i = 0; i <= labels; i++) {
        nb[i] = log_sum(pb[i], pl[i], -INFINITY);
        nl[i] = log_sum(pl[i], pb[i + 1], w->skip[i + 1] != 0 ? pl[i + 1] : -INFINITY);
    }
}

static double with_logarithms(const ctc_work *w) {
    int64_t labels = w->s->labels, time = w->s->time;
    gather_emissions(w, true);
    log_forward(w);
    const double *last_b = w->blanks + time * w->width, *last_l = w->labels + time * w->width;
    double y = log_sum(last_b[labels], last_l[labels], -INFINITY);
    if (y == -INFINITY) return y;
    set_ends(w, 0, -INFINITY);
    for (int64_t t = time - 1; t >= 0; t--) {
        double *b = w->blanks + (t + 1) * w->width, *l = w->labels + (t + 1) * w->width;
        for (int64_t i = 0; i <= labels; i++) {
            b[i] = exp(b[i] + w->next_blanks[i] - y);
            l[i + 1] = exp(l[i + 1] + w->next_labels[i] - y);
        }
        log_backward_step(w, t);
    }
    return y + sum(time, w->largest);
}

/* -- Both ------------------------------------------------------------------------------------------ */

static void subtract_posteriors(const ctc_work *w, double weight, gr_real *grad) {
    const gr_ctc_sample *s = w->s;
    for (int64_t t = 0; t < s->time; t++) {
        const double *l = w->labels + (t + 1) * w->width + 1;
        gr_real *row = grad + t * s->stride;
        double blank = sum(s->labels + 1, w->blanks + (t + 1) * w->width);
        row[s->blank] -= (gr_real)(weight * blank);
        for (int64_t i = 0; i < s->labels; i++) row[s->label[i]] -= (gr_real)(weight * l[i]);
    }
}

static double k_loss(const gr_ctc_sample *s, double *scratch, double weight, gr_real *grad) {
    if (s->time < least_time(s)) return INFINITY;
    if (s->time == 0) return 0;
    ctc_work w = work_of(s, scratch);
    if (!gather_emissions(&w, false)) return INFINITY;
    double y = with_probabilities(&w);
    if (isnan(y)) y = with_logarithms(&w);
    if (grad != NULL && y != -INFINITY) subtract_posteriors(&w, weight, grad);
    return -y;
}

const gr_ctc_kernels GR_FOR_ISA(gr_ctc) = {.loss = k_loss, .scratch = k_scratch};
