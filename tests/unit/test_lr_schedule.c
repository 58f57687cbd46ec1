/* Learning rate schedules: every epoch's rate against PyTorch's, and what the formulas promise
 * beyond. */
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "optim/lr_schedule.h"
#include "tests/unit/oracle.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 1); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

/* -- Against PyTorch -- */

enum { MILESTONES = 8 };

static double multi_step_at(const cJSON *c, double lr, int epoch) {
    int numbers[MILESTONES], n = oracle_ints(c, "milestones", numbers, MILESTONES);
    int64_t milestones[MILESTONES];
    for (int i = 0; i < n; i++) milestones[i] = numbers[i];
    return gr_lr_multi_step(lr, epoch, milestones, n, oracle_param(c, "gamma", NAN));
}

static double one_cycle_at(const cJSON *c, double lr, int epoch) {
    int total = oracle_int(c, "total", 0);
    if (strcmp(oracle_name(c).text, "one_cycle/plain") == 0)
        return gr_lr_one_cycle(lr, epoch, total);
    return gr_lr_one_cycle(lr, epoch, total, .pct_start = oracle_param(c, "pct_start", 0.3),
                           .div_factor = oracle_param(c, "div_factor", 25),
                           .final_div_factor = oracle_param(c, "final_div_factor", 1e4),
                           .linear = oracle_flag(c, "linear"),
                           .three_phase = oracle_flag(c, "three_phase"));
}

static double rate_at(const cJSON *c, double lr, int epoch) {
    const char *op = cJSON_GetObjectItem(c, "op")->valuestring;
    double gamma = oracle_param(c, "gamma", NAN), total = oracle_param(c, "total_iters", 0);
    if (strcmp(op, "step") == 0) return gr_lr_step(lr, epoch, oracle_int(c, "step_size", 0), gamma);
    if (strcmp(op, "multi_step") == 0) return multi_step_at(c, lr, epoch);
    if (strcmp(op, "exponential") == 0) return gr_lr_exponential(lr, epoch, gamma);
    if (strcmp(op, "cosine") == 0)
        return gr_lr_cosine(lr, epoch, oracle_int(c, "T_max", 0), oracle_param(c, "eta_min", NAN));
    if (strcmp(op, "warmup") == 0)
        return gr_lr_warmup(lr, epoch, (int64_t)total, oracle_param(c, "start_factor", NAN),
                            oracle_param(c, "end_factor", NAN));
    if (strcmp(op, "warm_cosine") == 0)
        return epoch < total
                   ? gr_lr_warmup(lr, epoch, (int64_t)total, oracle_param(c, "warmup", NAN), 1)
                   : gr_lr_cosine(lr, epoch - (int)total, oracle_int(c, "T_max", 0), 0);
    ck_assert_str_eq(op, "one_cycle");
    return one_cycle_at(c, lr, epoch);
}

static gr_plateau plateau_of(const cJSON *c) {
    if (strcmp(oracle_name(c).text, "plateau/defaults") == 0) return GR_PLATEAU();
    return GR_PLATEAU(.maximize = oracle_flag(c, "maximize"),
                      .absolute = oracle_flag(c, "absolute"),
                      .factor = oracle_param(c, "factor", 0.1),
                      .threshold = oracle_param(c, "threshold", 1e-4),
                      .patience = oracle_int(c, "patience", 10),
                      .cooldown = oracle_int(c, "cooldown", 0),
                      .min_lr = oracle_param(c, "min_lr", 0), .eps = oracle_param(c, "eps", 1e-8));
}

static const cJSON *expected(const cJSON *c, const char *name) {
    const cJSON *t;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(c, "expected")) {
        if (strcmp(cJSON_GetObjectItem(t, "name")->valuestring, name) == 0)
            return cJSON_GetObjectItem(t, "data");
    }
    ck_abort_msg("%s has no %s", oracle_name(c).text, name);
    return NULL;
}

/* Rates are double in both precisions. */
static void compare(const cJSON *c, int epoch, double rate, double wanted, oracle_stats *stats) {
    double error = fabs(rate - wanted) / fmax(fabs(wanted), 1e-300);
    if (rate == wanted) error = 0;
    ck_assert_msg(error <= 1e-9, "%s epoch %d: %.17g instead of %.17g", oracle_name(c).text, epoch,
                  rate, wanted);
    stats->numbers++;
    if (error <= stats->largest) return;
    stats->largest = error;
    stats->worst = oracle_name(c);
}

static void compare_rates(const cJSON *c, oracle_stats *stats) {
    const cJSON *wanted;
    int epoch = 0;
    cJSON_ArrayForEach(wanted, expected(c, "lr")) {
        double rate = rate_at(c, oracle_param(c, "lr", NAN), epoch);
        compare(c, epoch++, rate, oracle_number(wanted), stats);
    }
    ck_assert_int_ge(epoch, 60);
}

static void compare_plateau(const cJSON *c, oracle_stats *stats) {
    gr_tensor *a = gr_parameter(g, GR_SHAPE(1), "a"), *b = gr_parameter(g, GR_SHAPE(1), "b");
    gr_optimizer *opt = gr_optimizer_new(&(gr_optimizer_type){.name = "still"}, NULL, GR_LIST(a),
                                         oracle_param(c, "lr", NAN), sizeof *opt);
    gr_optimizer *group =
        gr_add_group(opt, NULL, .parameters = GR_LIST(b), .lr = oracle_param(c, "group_lr", NAN));
    ck_assert_msg(group != NULL, "%s", gr_error(g));
    gr_plateau plateau = plateau_of(c);
    const cJSON *metric, *lr = expected(c, "lr")->child, *other = expected(c, "group_lr")->child;
    int epoch = 0;
    cJSON_ArrayForEach(metric, expected(c, "metric")) {
        double before = opt->lr;
        bool reduced = gr_lr_on_plateau(&plateau, opt, oracle_number(metric));
        ck_assert(reduced || opt->lr == before);
        compare(c, epoch, opt->lr, oracle_number(lr), stats);
        compare(c, epoch++, group->lr, oracle_number(other), stats);
        lr = lr->next;
        other = other->next;
    }
}

START_TEST(rates_are_pytorchs) {
    oracle_stats stats = {0};
    cJSON *file = oracle_read("tests/oracle/schedules.json.gz");
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        bool plateau = strcmp(cJSON_GetObjectItem(c, "op")->valuestring, "plateau") == 0;
        (plateau ? compare_plateau : compare_rates)(c, &stats);
        stats.values++;
    }
    ck_assert_int_eq(stats.values, 35);
    oracle_report("schedules", &stats);
    cJSON_Delete(file);
}
END_TEST

/* -- Beyond PyTorch's -- */

START_TEST(steps_before_the_first_and_after_the_last) {
    const int64_t milestones[] = {0, 4};
    ck_assert_double_eq(gr_lr_step(2, -5, 3, 0.5), 2);
    ck_assert_double_eq(gr_lr_multi_step(2, -5, milestones, 2, 0.5), 1);
    ck_assert_double_eq(gr_lr_multi_step(2, 9, NULL, 0, 0.5), 2);
    ck_assert_double_eq(gr_lr_exponential(2, -5, 0.5), 2);
    ck_assert_double_eq(gr_lr_cosine(2, -5, 3, 1), 2);
    ck_assert_double_eq(gr_lr_warmup(2, -5, 3, 0.25, 1), 0.5);
    ck_assert_double_eq(gr_lr_warmup(2, INT64_MAX, 3, 0.25, 1), 2);
    ck_assert_double_eq(gr_lr_one_cycle(50, -5, 10), 2);
    ck_assert_double_eq_tol(gr_lr_one_cycle(50, 9, 10), 2e-4, 1e-18);
    ck_assert_double_eq_tol(gr_lr_one_cycle(50, INT64_MAX, 10), 2e-4, 1e-18);
    ck_assert_double_eq_tol(gr_lr_one_cycle(50, 0, 1), 2e-4, 1e-18);
    ck_assert_double_eq(gr_lr_one_cycle(50, 0, 10, .pct_start = 0.1), 50); /* up at once */
}
END_TEST

START_TEST(senseless_numbers_are_nan) {
    ck_assert_double_nan(gr_lr_step(1, 0, 0, 0.5));
    ck_assert_double_nan(gr_lr_cosine(1, 0, 0, 0));
    ck_assert_double_nan(gr_lr_cosine(1, 5, -3, 0));
    ck_assert_double_nan(gr_lr_warmup(1, 0, 0, 0.1, 1));
    ck_assert_double_nan(gr_lr_one_cycle(1, 0, 0));
    ck_assert_double_nan(gr_lr_one_cycle(1, 0, 10, .pct_start = 1.1));
    ck_assert_double_nan(gr_lr_one_cycle(1, 0, 10, .pct_start = NAN));
    ck_assert_double_nan(gr_lr_one_cycle(1, 0, 10, .div_factor = 0));
    ck_assert_double_nan(gr_lr_one_cycle(1, 0, 10, .final_div_factor = -1));
    gr_tensor *w = gr_parameter(g, GR_SHAPE(1), "w");
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(w));
    opt->lr = gr_lr_step(1, 0, 0, 0.5);
    ck_assert(!gr_step(opt));
    ck_assert_str_eq(gr_error(g), "gr_step: lr is nan, expected 0 or more");
}
END_TEST

START_TEST(plateau_errors) {
    static const struct {
        gr_plateau plateau;
        const char *message;
    } rows[] = {{{.factor = 1}, "gr_lr_on_plateau: factor is 1, expected (0, 1)"},
                {{.factor = 0}, "gr_lr_on_plateau: factor is 0, expected (0, 1)"},
                {{.factor = NAN}, "gr_lr_on_plateau: factor is nan, expected (0, 1)"},
                {{.factor = 0.5, .threshold = -1},
                 "gr_lr_on_plateau: threshold is -1, min_lr 0, eps 0, expected 0 or more"},
                {{.factor = 0.5, .min_lr = NAN},
                 "gr_lr_on_plateau: threshold is 0, min_lr nan, eps 0, expected 0 or more"},
                {{.factor = 0.5, .eps = INFINITY},
                 "gr_lr_on_plateau: threshold is 0, min_lr 0, eps inf, expected 0 or more"},
                {{.factor = 0.5, .patience = -1},
                 "gr_lr_on_plateau: patience is -1 and cooldown 0, expected 0 or more"},
                {{.factor = 0.5, .cooldown = -2},
                 "gr_lr_on_plateau: patience is 0 and cooldown -2, expected 0 or more"}};
    gr_optimizer *opt = gr_sgd(NULL, .parameters = GR_LIST(gr_parameter(g, GR_SHAPE(1), "w")));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        gr_plateau plateau = rows[i].plateau;
        ck_assert(!gr_lr_on_plateau(&plateau, opt, 1));
        ck_assert_str_eq(gr_error(g), rows[i].message);
        ck_assert(!plateau.watched);
        gr_clear_error(g);
    }
    gr_plateau plateau = GR_PLATEAU(.patience = 0);
    ck_assert(!gr_lr_on_plateau(NULL, opt, 1) && !gr_lr_on_plateau(&plateau, NULL, 1));
    ck_assert(!gr_failed(g));
    gr_fail(g, "before");
    for (int i = 0; i < 3; i++) ck_assert(!gr_lr_on_plateau(&plateau, opt, 1));
    ck_assert_double_eq(opt->lr, 1e-3);
}
END_TEST

Suite *lr_schedule_suite(void) {
    Suite *s = suite_create("lr_schedule");
    TCase *t = tcase_create("lr_schedule");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, rates_are_pytorchs);
    tcase_add_test(t, steps_before_the_first_and_after_the_last);
    tcase_add_test(t, senseless_numbers_are_nan);
    tcase_add_test(t, plateau_errors);
    suite_add_tcase(s, t);
    return s;
}
