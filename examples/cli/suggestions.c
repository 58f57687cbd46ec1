#include "examples/cli/suggestions.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Below this share a class is rare, far below it very rare; the shares of outliers from which on
 * they matter. */
static const double RARE = 0.2, VERY_RARE = 0.05, SOME_OUTLIERS = 0.005, SKEWED = 1;
static const double MANY_ZEROS = 0.3;

typedef struct list {
    suggestion *items;
    int n;
} list;

/* Adds the loss with its defaults. */
static suggestion *add(list *to, const char *loss, const char *format, ...) {
    suggestion *s = &to->items[to->n++];
    *s = (suggestion){.loss = gr_loss_find(loss)};
    gr_loss_call defaults = gr_loss_defaults(NULL, s->loss);
    memcpy(s->parameter, defaults.parameter, sizeof s->parameter);
    snprintf(s->label, sizeof s->label, "%s", s->loss->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->why, sizeof s->why, format, arguments);
    va_end(arguments);
    return s;
}

static void set(suggestion *s, const char *parameter, double value) {
    size_t used = strlen(s->label);
    s->parameter[gr_loss_parameter(s->loss, parameter)] = value;
    snprintf(s->label + used, sizeof s->label - used, " %s=%.3g", parameter, value);
}

static void weigh(suggestion *s, class_weighting weights) {
    static const char *const names[] = {"", " pos_weight", " inverse frequency", " class-balanced"};
    size_t used = strlen(s->label);
    s->weights = weights;
    snprintf(s->label + used, sizeof s->label - used, "%s", names[weights]);
}

/* -- Numbers -- */

/* Where Huber's square turns into a line: 1.345 deviations of what is not an outlier leave it 95 %
 * of the mean's efficiency (Huber, "Robust statistics", 1981), in deviations of the target. */
static double huber_delta(const profile *p) {
    double scale = p->scale > 0 && !p->of_logarithm ? p->scale / p->deviation : 0.5;
    return 1.345 * fmin(scale, 1);
}

static void suggest_robust(const profile *p, list *to, const char *why) {
    set(add(to, "huber", "%s; beyond delta an error counts by its size and not by its square", why),
        "delta", huber_delta(p));
    add(to, "l1", "estimates the median, which no outlier moves far");
}

static void suggest_numbers(const profile *p, list *to) {
    char why[200];
    bool outliers = p->outliers >= SOME_OUTLIERS, skewed = p->low > 0 && p->skew > SKEWED;
    snprintf(why, sizeof why, "%.2g %% of the targets are outliers", 100 * p->outliers);
    if (outliers) suggest_robust(p, to, why);
    if (skewed)
        add(to, "msle",
            "all are positive, with a skew of %.2f: errors count by their ratio. The network "
            "predicts the logarithm",
            p->skew)
            ->log_link = true;
    add(to, "mse", "%s",
        outliers                 ? "the mean, for comparison: the outliers pull at it"
        : fabs(p->skew) > SKEWED ? "no outliers; but the skew makes the mean differ from the median"
                                 : "no outliers and little skew: the mean is what fits");
    if (!outliers) {
        snprintf(why, sizeof why, "close to mse without outliers, a safeguard with them");
        suggest_robust(p, to, why);
    }
    add(to, "log_cosh", "as huber, and smooth everywhere");
}

static void suggest_counts(const profile *p, list *to) {
    double spread = p->deviation * p->deviation / p->mean;
    add(to, "poisson_nll", "counts; the network predicts the logarithm of the rate%s",
        spread > 2 ? ". They vary more than independent events do: trust its mean, not its "
                     "probabilities"
                   : "")
        ->log_link = true;
    add(to, "msle", "errors count by their ratio%s",
        p->zeros > MANY_ZEROS ? "; many zeros keep it low" : "")
        ->log_link = true;
    add(to, "mse", "the mean, if large counts matter most");
    suggest_robust(p, to, "a few large counts should not rule");
}

/* -- Classes -- */

static void suggest_binary(const profile *p, list *to) {
    double share = (double)p->count[p->smallest] / p->rows;
    double rest = (1 - share) / share;
    bool rare = share < RARE, very_rare = share < VERY_RARE;
    gr_text name = profile_class_name(p, p->smallest);
    add(to, "bce_with_logits", "%.3g %% are %s: %s", 100 * share, name.text,
        very_rare ? "its probabilities are right, also for a class this rare; move the threshold "
                    "rather than the loss, and judge by PR-AUC"
        : rare    ? "its probabilities are right; choose the threshold by what an error costs"
                  : "balanced enough for the plain loss");
    if (rare) {
        weigh(add(to, "bce_with_logits",
                  "a positive counts %.3g times: more are found, and probabilities are too high",
                  rest),
              POS_WEIGHT);
        set(add(to, "focal",
                "easy examples count little; without alpha, which would make a rare "
                "class count less"),
            "alpha", -1);
        if (very_rare) add(to, "dice", "the overlap of found and true, whatever the negatives");
    }
    add(to, "hinge", "a margin, if only the decision matters: no probabilities");
}

static void suggest_classes(const profile *p, list *to) {
    double ratio = (double)p->count[p->largest] / p->count[p->smallest];
    bool unequal = ratio > 5;
    if (unequal)
        add(to, "cross_entropy",
            "%d classes, the largest %.3g times the smallest: right probabilities, but small "
            "classes "
            "may be lost",
            p->classes, ratio);
    else
        add(to, "cross_entropy",
            "%d classes of similar size (the largest is %.3g times the smallest)", p->classes,
            ratio);
    if (unequal) {
        if (ratio > 100)
            weigh(add(to, "cross_entropy",
                      "classes differ by a factor of %.3g: weights by effective numbers", ratio),
                  CLASS_BALANCED);
        else
            weigh(add(to, "cross_entropy", "each class counts the same in the whole"),
                  INVERSE_FREQUENCY);
        set(add(to, "softmax_focal", "easy examples, mostly of large classes, count little"),
            "alpha", 1);
    }
    set(add(to, "cross_entropy", "less sure of itself, against overfitting"), "label_smoothing",
        0.1);
    add(to, "multi_margin", "a margin, if only the decision matters: no probabilities");
}

int suggest(const profile *p, suggestion *items) {
    list to = {.items = items};
    if (p->kind == TARGET_REAL) suggest_numbers(p, &to);
    if (p->kind == TARGET_COUNT) suggest_counts(p, &to);
    if (p->kind == TARGET_BINARY) suggest_binary(p, &to);
    if (p->kind == TARGET_CLASSES) suggest_classes(p, &to);
    return to.n;
}
