/* Connectionist temporal classification: the sum over all alignments of a sample, forwards and
 * backwards in time. Source: Graves et al. 2006, section 4.1.
 *
 * An alignment runs through the states blank 0, label 0, blank 1, label 1, ..., blank S, where it
 * stays or goes on by one, or by two from a label to the next if the two differ. Blanks and labels
 * are held apart, so that the loops over them run without branches.
 *
 * The sums are computed in double, as probabilities that are divided by their sum when that leaves
 * the middle of double's range. What is below TINY counts as 0 then; where that could have
 * mattered, which the products of both directions tell, the sample is computed once more with
 * logarithms. */
#include "core/kernels/kernels.h"
#include "core/kernels/vector_math.h"

#include <stddef.h>

/* Rows are filled up to blocks with states that are impossible. A row of labels begins with a block
 * of zeros, so that label -1 can be read. */
enum { BLOCK = 8 };

static const double TINY = 1e-280;
static const double SMALL = 1e-30, LARGE = 1e30; /* sums that are left alone */
/* Of both directions. Beside it what was lost, TINY times LARGE, is nothing. */
static const double LEAST_PRODUCT = 1e-220;

typedef struct ctc_work {
    const gr_ctc_sample *s;
    int64_t states;          /* blanks, or labels, in a row: blocks of them */
    int64_t width;           /* states + BLOCK, the distance of rows */
    double *skip;            /* 1 where label i may follow label i-1 at once, else 0 */
    double *emission;        /* (time, width) of labels, divided by the largest of their time */
    double *blanks, *labels; /* (1 + time, width): alpha, and in the end the posteriors; the first
                                row is before the beginning */
    double *next_blanks, *next_labels;       /* beta */
    double *passing_blanks, *passing_labels; /* beta times emission */
    double *blank_emission;                  /* (time) */
    double *largest; /* (time) logarithms of what emissions were divided by */
    double *scale;   /* what alpha was divided by, `scales` numbers */
    int64_t scales;
    bool posteriors; /* are asked for */
} ctc_work;

static int64_t round_up(int64_t n) { return (n + BLOCK - 1) / BLOCK * BLOCK; }

static int64_t k_scratch(int64_t time, int64_t labels) {
    int64_t width = BLOCK + round_up(labels + 1);
    return (3 * time + 7) * width + round_up(3 * time + 1);
}

static ctc_work work_of(const gr_ctc_sample *s, double *scratch) {
    int64_t states = round_up(s->labels + 1), width = states + BLOCK, alpha = (1 + s->time) * width;
    ctc_work w = {.s = s, .states = states, .width = width, .skip = scratch};
    w.emission = w.skip + width;
    w.blanks = w.emission + s->time * width;
    w.labels = w.blanks + alpha;
    w.next_blanks = w.labels + alpha;
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

static double *blanks_at(const ctc_work *w, int64_t row) { return w->blanks + row * w->width; }
static double *labels_at(const ctc_work *w, int64_t row) {
    return w->labels + row * w->width + BLOCK;
}

/* The fewest times in which the labels can be emitted: equal neighbours need a blank between. */
static int64_t least_time(const gr_ctc_sample *s) {
    int64_t n = s->labels;
    for (int64_t i = 1; i < s->labels; i++) n += s->label[i] == s->label[i - 1];
    return n;
}

static void fill(int64_t n, double *x, double value) {
    for (int64_t i = 0; i < n; i++) x[i] = value;
}

static double sum(int64_t n, const double *x) {
    double y = 0;
#pragma omp simd reduction(+ : y)
    for (int64_t i = 0; i < n; i++) y += x[i];
    return y;
}

/* The largest of whole blocks of numbers, or a NaN. */
static double largest_of(int64_t n, const double *x) {
    double m[BLOCK], check[BLOCK] = {0}, largest = -INFINITY;
    fill(BLOCK, m, -INFINITY);
    for (int64_t k = 0; k < n; k += BLOCK)
        for (int i = 0; i < BLOCK; i++) {
            m[i] = x[k + i] > m[i] ? x[k + i] : m[i];
            check[i] += x[k + i] != x[k + i];
        }
    for (int i = 0; i < BLOCK; i++) {
        if (check[i] > 0) return NAN;
        if (m[i] > largest) largest = m[i];
    }
    return largest;
}

/* The logarithms of emissions at time t, the blank's in all places behind the labels'; and the
 * largest of them. */
static double gather(const ctc_work *w, int64_t t, double *x) {
    const gr_ctc_sample *s = w->s;
    const gr_real *row = s->log_probs + t * s->stride;
    for (int64_t i = 0; i < s->labels; i++) x[i] = row[s->label[i]];
    fill(w->states - s->labels, x + s->labels, row[s->blank]);
    return largest_of(w->states, x);
}

/* False if at some time nothing can be emitted. */
static bool gather_emissions(const ctc_work *w, bool logarithm) {
    int64_t labels = w->s->labels;
    for (int64_t t = 0; t < w->s->time; t++) {
        double *x = w->emission + t * w->width, largest = w->largest[t] = gather(w, t, x);
        if (largest == -INFINITY) return false;
        for (int64_t i = 0; i < w->states; i++) x[i] -= largest;
        if (!logarithm)
            for (int64_t i = 0; i < w->states; i++) x[i] = exp(x[i]);
        w->blank_emission[t] = x[labels];
        fill(w->states - labels, x + labels, logarithm ? -INFINITY : 0);
    }
    return true;
}

/* The rows at both ends: alpha before the beginning, and beta behind the last label and the last
 * blank. */
static void set_ends(const ctc_work *w, double one, double zero) {
    int64_t labels = w->s->labels;
    fill(w->width, w->blanks, zero);
    fill(w->width, w->labels, zero);
    fill(4 * w->width, w->next_blanks, zero);
    w->blanks[0] = w->next_blanks[labels] = one;
    if (labels > 0) w->next_labels[labels - 1] = one;
}

/* -- With probabilities -- */

/* One time step of alpha, from the rows b and l to nb and nl; the sum of these. */
static double forward_step(int64_t states, const double *restrict b, const double *restrict l,
                           const double *restrict skip, const double *restrict emission,
                           double blank_emission, double factor, double *restrict nb,
                           double *restrict nl) {
    double total = 0;
    states = states / BLOCK * BLOCK; /* which the compiler does not know */
    blank_emission *= factor;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < states; i++) {
        double blank = (b[i] + l[i - 1]) * blank_emission;
        double label = (l[i] + b[i] + skip[i] * l[i - 1]) * (emission[i] * factor);
        nb[i] = blank = blank < TINY ? 0 : blank;
        nl[i] = label = label < TINY ? 0 : label;
        total += blank + label;
    }
    return total;
}

/* False if the sum is lost. */
static bool forward(ctc_work *w) {
    double factor = 1;
    for (int64_t t = 0; t < w->s->time; t++) {
        fill(BLOCK, labels_at(w, t + 1) - BLOCK, 0);
        double total = forward_step(w->states, blanks_at(w, t), labels_at(w, t), w->skip,
                                    w->emission + t * w->width, w->blank_emission[t], factor,
                                    blanks_at(w, t + 1), labels_at(w, t + 1));
        if (!(total > TINY)) return false;
        factor = 1;
        if ((total > SMALL && total < LARGE) || t == w->s->time - 1) continue;
        factor = 1 / total;
        w->scale[w->scales++] = total;
    }
    return true;
}

/* The sum of alpha times beta at one time. */
static double product(int64_t states, const double *restrict b, const double *restrict l,
                      const double *restrict nb, const double *restrict nl) {
    double total = 0;
    states = states / BLOCK * BLOCK;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < states; i++) total += b[i] * nb[i] + l[i] * nl[i];
    return total;
}

/* Makes alpha the posterior. */
static void weigh(int64_t states, double *restrict b, double *restrict l, const double *restrict nb,
                  const double *restrict nl, double factor) {
    states = states / BLOCK * BLOCK;
    for (int64_t i = 0; i < states; i++) {
        b[i] *= nb[i] * factor;
        l[i] *= nl[i] * factor;
    }
}

/* beta one time earlier, in place; the sum. */
static double backward_step(const ctc_work *w, int64_t t, double factor) {
    const double *restrict skip = w->skip, *restrict emission = w->emission + t * w->width;
    double *restrict nb = w->next_blanks, *restrict nl = w->next_labels;
    double *restrict pb = w->passing_blanks, *restrict pl = w->passing_labels;
    double total = 0, blank_emission = w->blank_emission[t] * factor;
    int64_t states = w->states / BLOCK * BLOCK;
    for (int64_t i = 0; i < states; i++) {
        pb[i] = nb[i] * blank_emission;
        pl[i] = nl[i] * (emission[i] * factor);
    }
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < states; i++) {
        double blank = pb[i] + pl[i], label = pl[i] + pb[i + 1] + skip[i + 1] * pl[i + 1];
        nb[i] = blank = blank < TINY ? 0 : blank;
        nl[i] = label = label < TINY ? 0 : label;
        total += blank + label;
    }
    return total;
}

/* beta, and from it the posteriors. Returns the sum over the ends of alpha's last row, or 0 if
 * digits are lost. */
static double backward(const ctc_work *w) {
    double ends = 0, factor = 1;
    for (int64_t t = w->s->time - 1; t >= 0; t--) {
        double *b = blanks_at(w, t + 1), *l = labels_at(w, t + 1);
        double q = product(w->states, b, l, w->next_blanks, w->next_labels);
        if (!(q > LEAST_PRODUCT)) return 0;
        if (t == w->s->time - 1) ends = q;
        if (w->posteriors) weigh(w->states, b, l, w->next_blanks, w->next_labels, 1 / q);
        double total = backward_step(w, t, factor);
        factor = total > SMALL && total < LARGE ? 1 : 1 / total;
        if (!(total > TINY) && t > 0) return 0;
    }
    return ends;
}

/* The logarithm of the probability; NaN if it can't be had so. */
static double with_probabilities(ctc_work *w) {
    set_ends(w, 1, 0);
    if (!forward(w)) return NAN;
    double ends = backward(w), y = 0;
    if (ends == 0) return NAN;
    w->scale[w->scales++] = ends;
#pragma omp simd reduction(+ : y)
    for (int64_t i = 0; i < w->scales; i++) y += log(w->scale[i]);
    return y + sum(w->s->time, w->largest);
}

/* -- With logarithms -- */

/* e^(x - m), without what is too small to matter but slow to compute. */
static inline double exp_below(double x, double m) {
    double d = x - m;
    return exp(d < -700 ? -700 : d);
}

/* log(e^a + e^b), and of three. */
static inline double log_sum2(double a, double b) {
    double m = a > b ? a : b, other = a > b ? b : a;
    double y = m + log(1 + exp_below(other, m > -INFINITY ? m : 0));
    return m == -INFINITY ? a + b : y;
}

static inline double log_sum3(double a, double b, double c) {
    double first = a > b ? a : b, other = a > b ? b : a;
    double m = first > c ? first : c, third = first > c ? c : first;
    double finite = m > -INFINITY ? m : 0;
    double y = m + log(1 + exp_below(other, finite) + exp_below(third, finite));
    return m == -INFINITY ? a + b + c : y;
}

static void log_forward_step(int64_t states, const double *restrict b, const double *restrict l,
                             const double *restrict skip, const double *restrict emission,
                             double blank_emission, double *restrict nb, double *restrict nl) {
    states = states / BLOCK * BLOCK;
    for (int64_t i = 0; i < states; i++) {
        double before = l[i - 1], skipped = skip[i] != 0 ? before : -INFINITY;
        nb[i] = log_sum2(b[i], before) + blank_emission;
        nl[i] = log_sum3(l[i], b[i], skipped) + emission[i];
    }
}

static void log_backward_step(const ctc_work *w, int64_t t) {
    const double *restrict skip = w->skip, *restrict emission = w->emission + t * w->width;
    double *restrict nb = w->next_blanks, *restrict nl = w->next_labels;
    double *restrict pb = w->passing_blanks, *restrict pl = w->passing_labels;
    int64_t states = w->states / BLOCK * BLOCK;
    for (int64_t i = 0; i < states; i++) {
        pb[i] = nb[i] + w->blank_emission[t];
        pl[i] = nl[i] + emission[i];
    }
    for (int64_t i = 0; i < states; i++) {
        double after = pl[i + 1], skipped = skip[i + 1] != 0 ? after : -INFINITY;
        nb[i] = log_sum2(pb[i], pl[i]);
        nl[i] = log_sum3(pl[i], pb[i + 1], skipped);
    }
}

static void log_weigh(int64_t states, double *restrict b, double *restrict l,
                      const double *restrict nb, const double *restrict nl, double y) {
    states = states / BLOCK * BLOCK;
    for (int64_t i = 0; i < states; i++) {
        double blank = b[i] + nb[i], label = l[i] + nl[i];
        b[i] = blank == -INFINITY ? 0 : exp_below(blank, y);
        l[i] = label == -INFINITY ? 0 : exp_below(label, y);
    }
}

static double with_logarithms(const ctc_work *w) {
    int64_t labels = w->s->labels, time = w->s->time;
    gather_emissions(w, true);
    set_ends(w, 0, -INFINITY);
    for (int64_t t = 0; t < time; t++) {
        fill(BLOCK, labels_at(w, t + 1) - BLOCK, -INFINITY);
        log_forward_step(w->states, blanks_at(w, t), labels_at(w, t), w->skip,
                         w->emission + t * w->width, w->blank_emission[t], blanks_at(w, t + 1),
                         labels_at(w, t + 1));
    }
    double y = log_sum2(blanks_at(w, time)[labels], labels_at(w, time)[labels - 1]);
    if (y == -INFINITY) return y;
    for (int64_t t = time - 1; w->posteriors && t >= 0; t--) {
        log_weigh(w->states, blanks_at(w, t + 1), labels_at(w, t + 1), w->next_blanks,
                  w->next_labels, y);
        log_backward_step(w, t);
    }
    return y + sum(time, w->largest);
}

/* -- Both -- */

static void subtract_posteriors(const ctc_work *w, double weight, gr_real *grad) {
    const gr_ctc_sample *s = w->s;
    for (int64_t t = 0; t < s->time; t++) {
        const double *l = labels_at(w, t + 1);
        gr_real *row = grad + t * s->stride;
        row[s->blank] -= (gr_real)(weight * sum(w->states, blanks_at(w, t + 1)));
        for (int64_t i = 0; i < s->labels; i++) row[s->label[i]] -= (gr_real)(weight * l[i]);
    }
}

static double k_loss(const gr_ctc_sample *s, double *scratch, double weight, gr_real *grad) {
    if (s->time < least_time(s)) return INFINITY;
    if (s->time == 0) return 0;
    ctc_work w = work_of(s, scratch);
    w.posteriors = grad != NULL;
    if (!gather_emissions(&w, false)) return INFINITY;
    double y = with_probabilities(&w);
    if (isnan(y)) y = with_logarithms(&w);
    if (w.posteriors && y != -INFINITY) subtract_posteriors(&w, weight, grad);
    return -y;
}

const gr_ctc_kernels GR_FOR_ISA(gr_ctc) = {.loss = k_loss, .scratch = k_scratch};
