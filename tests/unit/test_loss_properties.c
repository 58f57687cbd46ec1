/* The words of the registry, tested by numbers: what a row calls convex, differentiable, robust,
 * zero for a perfect prediction or within a range is so, and what it does not call so in its first
 * operand is not. In double, and only for losses: weights, miners and combinations (no reduction)
 * have no such words. Optional operands are left out, since a negative weight turns convex into
 * concave. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/graph/random.h"
#include "tests/unit/loss_search.h"
#include "tests/unit/suites.h"

#ifdef GR_DOUBLE

static gr_graph *g;
static int failed;

static void setup(void) {
    g = gr_graph_new(.seed = 3);
    failed = 0;
}
static void teardown(void) { gr_graph_free(g); }

static void complain(const gr_loss_info *loss, const char *what, const char *which) {
    fprintf(stderr, "%s: %s %s\n", loss->name, what, which);
    failed++;
}

#define FOR_EACH_LOSS(loss)                                                                        \
    for (int row_ = 0; row_ < gr_loss_count(); row_++)                                             \
        for (const gr_loss_info *loss = gr_loss_at(row_); loss != NULL; loss = NULL)               \
            if (is_loss(loss) && loss_selected(loss->name))

/* Tests the operand that the row names; where it isn't the first, a counterexample in the first. */
typedef bool property_test(const gr_loss_info *loss, int operand, bool holds);

static void test_property(const gr_loss_info *loss, const char *named, const char *property,
                          property_test *test) {
    if (named != NULL && !test(loss, gr_loss_operand(loss, named), true))
        complain(loss, "the row says, and it is not so:", property);
    if ((named == NULL || strcmp(named, loss->operands[0].name) != 0) && !test(loss, 0, false))
        complain(loss, "the row does not say, and no counterexample was found:", property);
}

/* -- Convex -- */

/* Elements of the loss for which the value in the middle of two points lies above the chord. */
static int above_the_chord(search *s, int *pairs) {
    double a[SEARCH_ROOM], b[SEARCH_ROOM], middle[SEARCH_ROOM];
    double at_a[SEARCH_ROOM], at_b[SEARCH_ROOM], at_middle[SEARCH_ROOM];
    search_get(s, a);
    loss_draw(s->operand, s->x, gr_random_below(g, 2) == 0);
    search_get(s, b);
    bool free_elements = s->operand->domain == GR_ANY_VALUE || s->operand->domain == GR_POSITIVE ||
                         s->operand->domain == GR_UNIT_INTERVAL;
    if (free_elements && gr_random_below(g, 2) == 0) /* the points differ in one element */
        for (int64_t i = 0, one = gr_random_below(g, (uint32_t)s->x->size); i < s->x->size; i++)
            if (i != one) b[i] = a[i];
    search_set(s, b);
    for (int64_t i = 0; i < s->x->size; i++) middle[i] = (a[i] + b[i]) / 2;
    int n = search_values(s, at_b), above = 0;
    search_set(s, middle);
    if (search_values(s, at_middle) != n) return 0;
    search_set(s, a);
    if (search_values(s, at_a) != n) return 0;
    for (int i = 0; i < n; i++) {
        double rounding = 1e-11 * (1 + fabs(at_a[i]) + fabs(at_b[i]));
        above += at_middle[i] > (at_a[i] + at_b[i]) / 2 + rounding;
    }
    *pairs += n;
    return above;
}

static bool test_convex(const gr_loss_info *loss, int operand, bool holds) {
    int pairs = 0, wanted = holds ? 4000 : 40000;
    for (int sample = 0; pairs < wanted && sample < wanted; sample++) {
        search s;
        if (!search_begin(&s, g, loss, operand, sample % 2 == 0)) {
            if (sample > 20 && pairs == 0) return !holds; /* not a variable: nothing to be said */
            continue;
        }
        for (int k = 0; k < 10; k++)
            if (above_the_chord(&s, &pairs) > 0) return !holds;
    }
    return holds;
}

START_TEST(convex) {
    FOR_EACH_LOSS(loss) test_property(loss, loss->convex, "convex", test_convex);
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* -- Differentiable -- */

/* The slope along a line jumps: bisection of the interval with the largest difference leaves a
 * difference behind that does not shrink with the interval. */
static bool jumps(search *s, const double *x, const double *direction) {
    enum { INTERVALS = 32 };
    double slope[INTERVALS + 1], largest = 0, size = 0;
    int at = 0;
    for (int i = 0; i <= INTERVALS; i++) {
        slope[i] = search_slope(s, x, direction, 2.0 * i / INTERVALS - 1);
        size = fmax(size, fabs(slope[i]));
        if (i > 0 && fabs(slope[i] - slope[i - 1]) > largest) {
            largest = fabs(slope[i] - slope[i - 1]);
            at = i;
        }
    }
    if (at == 0) return false;
    double low = 2.0 * (at - 1) / INTERVALS - 1, high = low + 2.0 / INTERVALS;
    double below = slope[at - 1], above = slope[at];
    double wider = INFINITY; /* the difference when the interval was a hundred times as long */
    while (high - low > 1e-9) {
        if (high - low > 1e-7) wider = fabs(above - below);
        double middle = (low + high) / 2, here = search_slope(s, x, direction, middle);
        bool left = fabs(here - below) > fabs(above - here);
        *(left ? &high : &low) = middle;
        *(left ? &above : &below) = here;
    }
    double length = 0;
    for (int64_t i = 0; i < s->x->size; i++) length = fmax(length, fabs(direction[i]));
    double jump = fabs(above - below);
    return jump > 1e-6 * (1e-3 * length + size) && jump > 0.5 * wider;
}

/* Points where a kink may be: the variable equals another operand, or differs from it by a
 * parameter; it is 0 or a parameter; it is made of small multiples of a parameter (ties, margins).
 */
static void special_point(const search *s, int which, double *x) {
    const gr_loss_info *loss = s->loss;
    int parameters = 0, other = 0;
    while (parameters < GR_LOSS_PARAMETERS && loss->parameters[parameters].name != NULL)
        parameters++;
    double p = parameters == 0 ? 1 : s->l.call.parameter[which / 4 % parameters];
    double offset = which % 4 == 0 ? 0 : which % 4 == 1 ? p : which % 4 == 2 ? -p : 1;
    const gr_tensor *like[LOSS_LEAVES];
    for (int i = 0; i < s->l.n; i++)
        if (s->l.leaf[i] != s->x && s->l.leaf[i]->size == s->x->size) like[other++] = s->l.leaf[i];
    const gr_tensor *base = other == 0 ? NULL : like[which % other];
    for (int64_t i = 0; i < s->x->size; i++) {
        double lattice = p * ((int)gr_random_below(g, 5) - 2);
        x[i] = which % 3 == 0   ? (base == NULL ? 0 : gr_at(base, i)) + offset
               : which % 3 == 1 ? offset
                                : lattice;
    }
}

/* Whether the point lies in the operand's domain. */
static bool in_domain(const search *s, const double *x) {
    for (int64_t i = 0; i < s->x->size; i++) {
        if (s->operand->domain == GR_POSITIVE && x[i] < 0) return false;
        bool unit = s->operand->domain == GR_UNIT_INTERVAL || s->operand->domain == GR_DISTRIBUTION;
        if (unit && (x[i] < 0 || x[i] > 1)) return false;
    }
    return s->operand->domain != GR_BOXES && s->operand->domain != GR_LOG_DISTRIBUTION;
}

/* x + direction and x - direction lie in the domain, after the direction was shortened if need be.
 */
static bool shorten(const search *s, const double *x, double *direction) {
    for (double factor = 1; factor > 1e-12; factor /= 8) {
        bool inside = true;
        for (int sign = -1; sign <= 1; sign += 2) {
            double end[SEARCH_ROOM];
            for (int64_t i = 0; i < s->x->size; i++) end[i] = x[i] + sign * factor * direction[i];
            inside &= in_domain(s, end);
        }
        if (!inside) continue;
        for (int64_t i = 0; i < s->x->size; i++) direction[i] *= factor;
        return true;
    }
    return false;
}

/* A kink on the line between two points of the domain, or on one whose middle is a special point.
 */
static bool has_kink(search *s, int which) {
    double a[SEARCH_ROOM], b[SEARCH_ROOM], x[SEARCH_ROOM], direction[SEARCH_ROOM];
    search_get(s, a);
    loss_draw(s->operand, s->x, which % 2 == 0);
    search_get(s, b);
    search_set(s, a);
    for (int64_t i = 0; i < s->x->size; i++) {
        x[i] = (a[i] + b[i]) / 2;
        direction[i] = (b[i] - a[i]) / 2;
    }
    if (jumps(s, x, direction)) return true;
    special_point(s, which, x);
    for (int64_t i = 0; i < s->x->size; i++) direction[i] = b[i] - x[i];
    return shorten(s, x, direction) && jumps(s, x, direction);
}

static bool test_differentiable(const gr_loss_info *loss, int operand, bool holds) {
    const int wanted = 400;
    int lines = 0;
    for (int k = 0; k < 2 * wanted && lines < wanted; k++) {
        search s;
        if (!search_begin(&s, g, loss, operand, k % 3 == 0)) {
            if (k > 20 && lines == 0) return !holds;
            continue;
        }
        lines++;
        if (has_kink(&s, k)) return !holds;
    }
    return holds;
}

/* ohem is the mean by default; what it is for, the choice of elements, has kinks. */
START_TEST(differentiable) {
    FOR_EACH_LOSS(loss)
    if (strcmp(loss->name, "ohem") != 0)
        test_property(loss, loss->differentiable, "differentiable", test_differentiable);
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* -- Robust -- */

static bool is_bounded(const gr_operand_info *o) {
    return o->domain == GR_UNIT_INTERVAL || o->domain == GR_DISTRIBUTION || o->domain == GR_BINARY;
}

/* The variable far away: by `distance` along a random direction, or, for values between 0 and 1, at
 * 1/distance from one of the ends. */
static void go_far(search *s, double distance) {
    double x[SEARCH_ROOM];
    for (int64_t i = 0; i < s->x->size; i++) {
        double sign = s->operand->domain == GR_POSITIVE || gr_random_below(g, 2) == 0 ? 1 : -1;
        if (is_bounded(s->operand))
            x[i] = sign > 0 ? 1 - 1 / distance : 1 / distance;
        else
            x[i] = sign * distance * (0.5 + gr_random_uniform(g));
        if (s->operand->domain == GR_BOXES) x[i] = i % 4 < 2 ? -fabs(x[i]) : fabs(x[i]);
    }
    search_set(s, x);
}

/* The gradient at a distance; the sample and the direction are those of the seed. */
static double gradient_at(const gr_loss_info *loss, int operand, double distance, uint64_t seed) {
    search s;
    gr_random_set(g, (gr_random_state){.seed = seed});
    if (!search_begin(&s, g, loss, operand, false)) return 0;
    go_far(&s, distance);
    double size = search_gradient(&s);
    gr_clear_error(g);
    return size;
}

/* Bounded: not larger at 1e6 than it was up to 100, but for a factor. */
static bool test_robust(const gr_loss_info *loss, int operand, bool holds) {
    for (uint64_t seed = 1; seed <= 100; seed++) {
        double near =
            fmax(gradient_at(loss, operand, 10, seed), gradient_at(loss, operand, 100, seed));
        double far =
            fmax(gradient_at(loss, operand, 1e5, seed), gradient_at(loss, operand, 1e6, seed));
        if (!(far <= 8 * near + 1e-9)) return !holds;
    }
    return holds;
}

START_TEST(robust) {
    FOR_EACH_LOSS(loss) test_property(loss, loss->robust, "robust", test_robust);
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* -- Range -- */

/* Operands at the ends of what they may be, and equal to each other, now and then. */
static void to_extremes(const gr_loss_info *loss, loss_call *l) {
    for (int i = 0; i < l->n; i++) {
        gr_tensor *t = l->leaf[i];
        const gr_operand_info *o = &loss->operands[gr_loss_operand(loss, l->name[i])];
        int way = (int)gr_random_below(g, 6);
        for (int64_t k = 0; k < t->size; k++) {
            gr_real *x = &t->data[k];
            if (way == 0 && i > 0 && l->leaf[0]->size == t->size &&
                o->domain == loss->operands[0].domain)
                *x = l->leaf[0]->data[k];
            bool unit = o->domain == GR_UNIT_INTERVAL || o->domain == GR_BINARY;
            if (way == 1 && (o->domain == GR_POSITIVE || unit)) *x = 0;
            if (way == 2 && unit) *x = 1;
            if (way == 3 && o->domain == GR_UNIT_INTERVAL) *x = (gr_real)(*x > 0.5);
            if (way == 4 && o->domain == GR_ANY_VALUE) *x *= 20;
        }
    }
}

/* The range is that of all variants. */
static void draw_choices(const gr_loss_info *loss, loss_call *l) {
    for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++) {
        if (loss->parameters[i].kind != GR_CHOICE) continue;
        int choices = 1;
        while (gr_parameter_allows(&loss->parameters[i], choices)) choices++;
        l->call.parameter[i] = gr_random_below(g, (uint32_t)choices);
    }
}

static void test_range(const gr_loss_info *loss) {
    double low = INFINITY, high = -INFINITY;
    int values = 0;
    for (int k = 0; k < 3000; k++) {
        loss_call l;
        sample_error error;
        gr_graph_reset(g);
        sample_options options = {
            .wide = k % 2 == 0, .n = k % 8 == 7 ? 1 : 0, .more = k % 3 == 0 ? 4 : 1};
        if (!loss_accepted_sample(g, loss, options, &l, &error)) continue;
        draw_choices(loss, &l);
        if (k % 3 == 0) to_extremes(loss, &l);
        gr_tensor *y = loss_elements(loss, &l);
        gr_clear_error(g);
        values += y != NULL;
        for (int64_t i = 0; y != NULL && i < y->size; i++) {
            low = fmin(low, gr_at(y, i));
            high = fmax(high, gr_at(y, i));
            if (isnan(gr_at(y, i))) complain(loss, "a NaN", "");
        }
    }
    if (values == 0) complain(loss, "no values for the", "range");
    char seen[80];
    snprintf(seen, sizeof seen, "[%g, %g], the row says [%g, %g]", low, high, loss->low,
             loss->high);
    double rounding = 1e-9 * (1 + (isfinite(loss->low) ? fabs(loss->low) : 0));
    if (low < loss->low - rounding || high > loss->high + 1e-9 * (1 + fabs(high)))
        complain(loss, "beyond the range:", seen);
    if ((isfinite(loss->low) && low > loss->low + 0.15 * fmax(1, fabs(loss->low))) ||
        (isfinite(loss->high) && high < loss->high - 0.15 * fmax(1, fabs(loss->high))))
        complain(loss, "an end of the range is never near:", seen);
    if ((loss->low == -INFINITY && low > -1) || (loss->high == INFINITY && high < 3))
        complain(loss, "an end of the range is infinite without need:", seen);
}

START_TEST(range) {
    FOR_EACH_LOSS(loss) test_range(loss);
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* -- Zero for a perfect prediction -- */

/* The prediction of class c as sure as can be, in what the operand holds. */
static double sure(gr_domain domain, bool yes) {
    switch (domain) {
    case GR_UNIT_INTERVAL:
    case GR_DISTRIBUTION:
        return yes;
    case GR_LOG_DISTRIBUTION:
        return yes ? 0 : -1e3;
    default:
        return yes ? 100 : -100;
    }
}

/* Makes the first operand the prediction that equals the second, if that is a target: equal
 * numbers, or as sure as can be of classes and labels. False if "equal" has no meaning. */
static bool make_perfect(const gr_loss_info *loss, loss_call *l) {
    gr_tensor *pred = l->call.operand[0], *target = l->call.operand[1];
    if (pred == NULL || target == NULL || pred->kind != GR_REAL) return false;
    const gr_operand_info *p = &loss->operands[0], *t = &loss->operands[1];
    if (strncmp(t->name, "target", 6) != 0) return false;
    if (target->kind == GR_INDEX && strncmp(p->shape, "(N,C", 4) != 0) return false;
    if (target->kind == GR_INDEX) {
        if (target->size == 0 || pred->shape.ndim != target->shape.ndim + 1) return false;
        int classes = pred->shape.dim[1];
        int64_t inner = target->size / target->shape.dim[0];
        for (int64_t i = 0; i < pred->size; i++) {
            int64_t n = i / (classes * inner), c = i / inner % classes;
            pred->data[i] = (gr_real)sure(p->domain, target->index[n * inner + i % inner] == c);
        }
        return true;
    }
    if (pred->size != target->size) return false;
    bool labels =
        p->domain == GR_ANY_VALUE && t->domain != GR_ANY_VALUE && t->domain != GR_POSITIVE;
    for (int64_t i = 0; i < pred->size; i++) {
        double y = gr_at(target, i);
        if (t->domain == GR_UNIT_INTERVAL) target->data[i] = (gr_real)(y = y > 0.5);
        pred->data[i] = (gr_real)(labels ? sure(p->domain, y > 0) : y);
    }
    return true;
}

static void test_perfect(const gr_loss_info *loss) {
    double largest = 0;
    for (int k = 0; k < 20; k++) {
        loss_call l;
        sample_error error;
        gr_graph_reset(g);
        if (!loss_accepted_sample(g, loss, (sample_options){0}, &l, &error)) return;
        if (!make_perfect(loss, &l)) return;
        gr_tensor *y = loss_elements(loss, &l);
        if (y == NULL) complain(loss, "a perfect prediction is refused:", gr_error(g));
        gr_clear_error(g);
        for (int64_t i = 0; y != NULL && i < y->size; i++)
            largest = fmax(largest, fabs(gr_at(y, i)));
    }
    char value[40];
    snprintf(value, sizeof value, "%g", largest);
    if (loss->zero_at_perfect && largest > 1e-5) complain(loss, "not 0 at the target but", value);
    if (!loss->zero_at_perfect && largest < 1e-5) complain(loss, "0 at the target, says", "no row");
}

START_TEST(zero_at_the_target) {
    FOR_EACH_LOSS(loss) test_perfect(loss);
    ck_assert_int_eq(failed, 0);
}
END_TEST

#endif

Suite *loss_properties_suite(void) {
    Suite *s = suite_create("loss_properties");
    TCase *t = tcase_create("words");
    tcase_set_timeout(t, 240);
#ifdef GR_DOUBLE
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, convex);
    tcase_add_test(t, differentiable);
    tcase_add_test(t, robust);
    tcase_add_test(t, range);
    tcase_add_test(t, zero_at_the_target);
#endif
    suite_add_tcase(s, t);
    return s;
}
