/* Every loss of the registry against the references in tests/oracle/losses_FAMILY.json.gz: value,
 * gradient and second derivatives with respect to every real operand; and the calls that must fail.
 */
#include <check.h>
#include <float.h>
#include <glob.h>
#include <math.h>
#include <string.h>

#include "core/graph/autodiff.h"
#include "core/ops/elementwise.h"
#include "losses/boxes.h"
#include "losses/classification.h"
#include "losses/focal.h"
#include "losses/margin.h"
#include "losses/regression.h"
#include "tests/unit/loss_call.h"
#include "tests/unit/oracle.h"
#include "tests/unit/suites.h"

#define PATTERN "tests/oracle/losses_*.json.gz"

typedef struct tally {
    int cases, refused, failed;
    oracle_stats stats;
} tally;

static bool complain(oracle_message *m, const char *format, const cJSON *c, const char *what) {
    snprintf(m->text, sizeof m->text, format, oracle_name(c).text, what);
    return false;
}

/* What rounding explains besides the rounding of the result itself: a loss is made of terms as
 * large as its operands (logits, exponents, distances) or as 1 (probabilities, p - y), which
 * cancel. Terms beyond 1e4 occur only in extremes, where the result is as large as they are. Double
 * is the strict test: there the floor is about 1e-15 and holds for each number, whatever stands
 * beside it. */
static double floor_of(const loss_call *l) {
    const double epsilon = sizeof(gr_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
    double largest = 1;
    for (int i = 0; i < l->n; i++)
        for (int64_t k = 0; k < l->leaf[i]->size; k++) {
            double x = fabs(gr_at(l->leaf[i], k));
            if (isfinite(x) && x > largest) largest = x;
        }
    return 4 * epsilon * fmin(largest, 1e4);
}

/* The weights of loss_cases.py's weights() for x.n tensors, counted through all of them. */
static void weights(gr_graph *g, gr_list x, gr_tensor **w) {
    int64_t k = 0;
    for (int i = 0; i < x.n; i++) {
        w[i] = gr_zeros(g, x.items[i]->shape);
        for (int64_t j = 0; j < x.items[i]->size; j++, k++)
            w[i]->data[j] = (gr_real)(1 + (double)((7 * k + 3) % 11) / 8);
    }
}

/* Compares gradients with expected[operand]; a list operand's stand one after another. */
static bool compare_grads(const cJSON *c, const char *order, const loss_call *l, gr_tensor **grads,
                          oracle_stats *stats, oracle_message *message) {
    const cJSON *all = cJSON_GetObjectItem(c, order);
    int at = 0;
    for (int i = 0; i < l->n; i++) {
        at = i > 0 && l->name[i] == l->name[i - 1] ? at : 0;
        const cJSON *expected = cJSON_GetObjectItem(all, l->name[i]);
        if (expected == NULL)
            return complain(message, "%s: no expected gradient to %s", c, l->name[i]);
        if (cJSON_IsNull(expected)) continue;
        cJSON *part = cJSON_CreateArray();
        for (int64_t k = 0; k < l->leaf[i]->size; k++)
            cJSON_AddItemToArray(part, cJSON_Duplicate(cJSON_GetArrayItem(expected, at++), false));
        gr_text what;
        snprintf(what.text, sizeof what.text, "%.80s: %s to %.20s", oracle_name(c).text, order,
                 l->name[i]);
        bool fine = oracle_compare(grads[i], part, what.text, stats, message);
        cJSON_Delete(part);
        if (!fine) return false;
    }
    return true;
}

static bool compare_value(const cJSON *c, const gr_tensor *y, oracle_stats *stats,
                          oracle_message *message) {
    const cJSON *value = cJSON_GetObjectItem(c, "value");
    const cJSON *shape = cJSON_GetObjectItem(value, "shape");
    bool same = y->shape.ndim == cJSON_GetArraySize(shape);
    for (int i = 0; same && i < y->shape.ndim; i++)
        same = cJSON_GetArrayItem(shape, i)->valueint == y->shape.dim[i];
    if (!same) return complain(message, "%s: shape %s", c, gr_shape_text(y->shape).text);
    return oracle_compare(y, cJSON_GetObjectItem(value, "data"), oracle_name(c).text, stats,
                          message);
}

/* The orders of derivatives that the case has and this precision holds; -1: not even the value. */
static int orders_of(const cJSON *c) {
    const cJSON *second = cJSON_GetObjectItem(c, "grad2"), *held;
    int orders = second != NULL && !cJSON_IsNull(second) ? 2
                 : cJSON_HasObjectItem(c, "grad")        ? 1
                                                         : 0;
    held = cJSON_GetObjectItem(c, "float_orders");
    bool less = sizeof(gr_real) == sizeof(float) && held != NULL && held->valueint < orders;
    return less ? held->valueint : orders;
}

static bool check_derivatives(gr_graph *g, const cJSON *c, gr_tensor *y, const loss_call *l,
                              int orders, oracle_stats *stats, oracle_message *message) {
    gr_tensor *grads[LOSS_LEAVES], *second[LOSS_LEAVES], *w[LOSS_LEAVES];
    gr_list x = {l->n, (gr_tensor **)l->leaf};
    if (!gr_grads(GR_LIST(y), x, grads, .create_graph = orders > 1))
        return complain(message, "%s: grad: %s", c, gr_error(g));
    if (!compare_grads(c, "grad", l, grads, stats, message)) return false;
    stats->gradients++;
    if (orders < 2) return true;
    weights(g, x, w);
    if (!gr_grads((gr_list){l->n, grads}, x, second, .grad_output = w))
        return complain(message, "%s: grad2: %s", c, gr_error(g));
    if (!compare_grads(c, "grad2", l, second, stats, message)) return false;
    stats->second++;
    return true;
}

/* The call is refused, with a message that says what it must. */
static bool check_error(gr_graph *g, const gr_loss_info *loss, const cJSON *c, const gr_tensor *y,
                        oracle_message *message) {
    if (y != NULL || !gr_failed(g)) return complain(message, "%s: is not refused%s", c, "");
    if (strstr(gr_error(g), loss->name) == NULL)
        return complain(message, "%s: the message does not name the loss: %s", c, gr_error(g));
    const cJSON *mention;
    cJSON_ArrayForEach(mention, cJSON_GetObjectItem(c, "error")) {
        if (strstr(gr_error(g), mention->valuestring) == NULL) {
            complain(message, "%s: the message does not say \"%.60s\": ", c, mention->valuestring);
            strncat(message->text, gr_error(g), sizeof message->text - strlen(message->text) - 1);
            return false;
        }
    }
    gr_clear_error(g);
    return true;
}

static bool check_case(gr_graph *g, const cJSON *c, tally *t, oracle_message *message) {
    const gr_loss_info *loss = gr_loss_find(cJSON_GetObjectItem(c, "op")->valuestring);
    if (loss == NULL) return complain(message, "%s: %s", c, "not in the registry");
    gr_graph_reset(g);
    gr_clear_error(g);
    int orders = orders_of(c);
    if (orders < 0) return true;
    loss_call l;
    loss_call_of_case(g, loss, c, &l);
    gr_tensor *y = gr_loss_apply(loss, &l.call);
    if (cJSON_HasObjectItem(c, "error")) {
        t->refused++;
        return check_error(g, loss, c, y, message);
    }
    t->cases++;
    if (y == NULL) return complain(message, "%s: %s", c, gr_error(g));
    t->stats.floor = floor_of(&l);
    if (!compare_value(c, y, &t->stats, message)) return false;
    t->stats.values++;
    return orders < 1 || check_derivatives(g, c, y, &l, orders, &t->stats, message);
}

static void check_file(const char *path, tally *t) {
    gr_graph *g = gr_graph_new(.seed = 1);
    cJSON *file = oracle_read(path);
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        oracle_message message;
        if (!loss_selected(cJSON_GetObjectItem(c, "op")->valuestring) ||
            check_case(g, c, t, &message))
            continue;
        if (t->failed++ < 40) fprintf(stderr, "%s\n", message.text);
    }
    cJSON_Delete(file);
    gr_graph_free(g);
}

/* "tests/oracle/losses_regression.json.gz" as "regression". */
static gr_text family_of(const char *path) {
    gr_text name;
    snprintf(name.text, sizeof name.text, "%s", strstr(path, "losses_") + strlen("losses_"));
    *strchr(name.text, '.') = '\0';
    return name;
}

START_TEST(losses_match_their_references) {
    glob_t files;
    ck_assert_msg(glob(PATTERN, 0, NULL, &files) == 0,
                  "no " PATTERN "; run the tests from the repository's root");
    int failed = 0;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        tally t = {.stats = {.tolerance = ORACLE_TOLERANCE,
                             .floor_alone = sizeof(gr_real) == sizeof(double)}};
        check_file(files.gl_pathv[i], &t);
        printf(
            "losses, %s: %d cases, %d first-order, %d second-order, %d refused; largest relative "
            "error %.2g%s%s\n",
            family_of(files.gl_pathv[i]).text, t.cases, t.stats.gradients, t.stats.second,
            t.refused, t.stats.largest, t.stats.largest > 0 ? " in " : "", t.stats.worst.text);
        if (t.failed > 0) fprintf(stderr, "%s: %d cases failed\n", files.gl_pathv[i], t.failed);
        failed += t.failed;
    }
    fflush(stdout);
    globfree(&files);
    ck_assert_msg(failed == 0, "%d cases failed, see above", failed);
}
END_TEST

/* Marks the losses that a file has cases of. */
static void mark(const char *path, bool *has_case) {
    cJSON *file = oracle_read(path);
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        const gr_loss_info *loss = gr_loss_find(cJSON_GetObjectItem(c, "op")->valuestring);
        for (int i = 0; loss != NULL && i < gr_loss_count(); i++)
            if (gr_loss_at(i) == loss && !cJSON_HasObjectItem(c, "error")) has_case[i] = true;
    }
    cJSON_Delete(file);
}

START_TEST(every_loss_has_a_reference) {
    bool has_case[512] = {false};
    glob_t files;
    ck_assert_int_eq(glob(PATTERN, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) mark(files.gl_pathv[i], has_case);
    globfree(&files);
    int missing = 0;
    for (int i = 0; i < gr_loss_count(); i++)
        if (!has_case[i]) {
            fprintf(stderr, "%s has no case in " PATTERN "\n", gr_loss_at(i)->name);
            missing++;
        }
    ck_assert_msg(missing == 0, "%d losses have no reference, see above", missing);
}
END_TEST

/* Second derivatives of the focal loss at the target y = 1 where p_t rounds to 1: with u = 1 - p_t
 * = e^-z that by y and z is -alpha u^k (1 - k (z + k)), and that by y twice alpha 2z for k = 1. In
 * single precision 1/u is infinite. */
START_TEST(focal_where_nothing_is_wrong) {
    const double z = 90, alpha = 0.25, k = 0.01, u_k = exp(-k * z);
    gr_graph *g = gr_graph_new(.seed = 1);
    gr_tensor *logit = gr_requires_grad(gr_scalar(g, z)), *y = gr_requires_grad(gr_scalar(g, 1));
    gr_tensor *to_y = gr_grad(gr_focal(logit, y, .gamma = k), y, .create_graph = true);
    gr_tensor *mixed = gr_grad(to_y, logit);
    to_y = gr_grad(gr_focal(logit, y, .gamma = 1), y, .create_graph = true);
    gr_tensor *twice = gr_grad(to_y, y);
    ck_assert_msg(mixed != NULL && twice != NULL, "%s", gr_error(g));
    ck_assert_double_eq_tol(gr_item(mixed), -alpha * u_k * (1 - k * (z + k)), 1e-6);
    ck_assert_double_eq_tol(gr_item(twice), alpha * 2 * z, 1e-3);
    gr_graph_free(g);
}
END_TEST

/* u^0 CE is CE, also where u = 0. */
START_TEST(focal_of_infinite_logits) {
    gr_graph *g = gr_graph_new(.seed = 1);
    const gr_real z[] = {INFINITY, -INFINITY}, y[] = {1, 0};
    gr_tensor *logits = gr_requires_grad(gr_from(g, GR_SHAPE(2), z));
    gr_tensor *loss = gr_focal(logits, gr_from(g, GR_SHAPE(2), y), .gamma = 0, .reduction = GR_SUM);
    ck_assert(gr_backward(loss));
    ck_assert_double_eq(gr_item(loss), 0);
    for (int i = 0; i < 2; i++) ck_assert_double_eq(gr_at(logits->grad, i), 0);
    gr_graph_free(g);
}
END_TEST

static void check_all_zero(const gr_tensor *t) {
    ck_assert_ptr_nonnull(t);
    for (int64_t i = 0; i < t->size; i++)
        ck_assert_msg(gr_at(t, i) == 0, "element %d is %g", (int)i, gr_at(t, i));
}

static gr_tensor *matrix(gr_graph *g, int rows, int columns, const gr_real *x) {
    return gr_requires_grad(gr_from(g, GR_SHAPE(rows, columns), x));
}

/* Whatever stands where the target is ignored: also the softmax of a row that is masked wholly. */
START_TEST(ignored_rows_count_nothing) {
    gr_graph *g = gr_graph_new(.seed = 1);
    const gr_real z[] = {NAN, NAN, -INFINITY, -INFINITY, 1, 1};
    const int32_t c[] = {-100, -100, 1};
    gr_tensor *target = gr_from_index(g, GR_SHAPE(3), c);
    for (int reduction = GR_MEAN; reduction <= GR_SUM; reduction++) {
        gr_tensor *x = matrix(g, 3, 2, z);
        gr_tensor *nll = gr_nll(x, target, .reduction = (gr_reduction)reduction);
        ck_assert(gr_backward(nll));
        ck_assert_double_eq(gr_item(nll), -1);
        ck_assert_double_eq(gr_at(x->grad, 5), -1);
        for (int i = 0; i < 5; i++) ck_assert_double_eq(gr_at(x->grad, i), 0);
        x = matrix(g, 3, 2, z);
        gr_tensor *ce = gr_cross_entropy(x, target, .label_smoothing = 0.5,
                                         .reduction = (gr_reduction)reduction);
        ck_assert(gr_backward(ce));
        ck_assert_double_eq_tol(gr_item(ce), log(2), 1e-6);
        for (int i = 0; i < 4; i++) ck_assert_double_eq(gr_at(x->grad, i), 0);
        ck_assert_double_eq_tol(gr_at(x->grad, 4), 0.25, 1e-6);
    }
    gr_graph_free(g);
}
END_TEST

/* Though the classes that are no targets have weights, and smoothing counts them. */
START_TEST(mean_of_targets_without_weight_is_0) {
    gr_graph *g = gr_graph_new(.seed = 1);
    const gr_real z[] = {1, 2}, w[] = {0, 2};
    const int32_t c[] = {0};
    gr_tensor *logits = matrix(g, 1, 2, z), *target = gr_from_index(g, GR_SHAPE(1), c);
    gr_tensor *weights = gr_requires_grad(gr_from(g, GR_SHAPE(2), w));
    gr_tensor *loss =
        gr_cross_entropy(logits, target, .class_weight = weights, .label_smoothing = 0.1);
    ck_assert(gr_backward(loss));
    ck_assert_double_eq(gr_item(loss), 0);
    check_all_zero(logits->grad);
    check_all_zero(weights->grad);
    gr_graph_free(g);
}
END_TEST

/* A class or a rate of probability 0, a row without labels, an infinite lead with weight 0: their
 * terms are 0, not 0 times infinity. */
START_TEST(absent_terms_are_0) {
    gr_graph *g = gr_graph_new(.seed = 1);
    const gr_real minus_infinity[] = {-INFINITY}, log_p[] = {(gr_real)-1e30};
    gr_tensor *log_q = matrix(g, 1, 1, minus_infinity), *p = matrix(g, 1, 1, log_p);
    gr_tensor *kl = gr_kl_div(log_q, p, .log_target = true);
    ck_assert(gr_backward(kl));
    ck_assert_double_eq(gr_item(kl), 0);
    check_all_zero(log_q->grad);
    check_all_zero(p->grad);

    gr_tensor *log_rate = matrix(g, 1, 1, minus_infinity);
    gr_tensor *poisson = gr_poisson_nll(log_rate, gr_zeros(g, GR_SHAPE(1, 1)));
    ck_assert(gr_backward(poisson));
    ck_assert_double_eq(gr_item(poisson), 0);
    check_all_zero(log_rate->grad);

    const gr_real s[] = {-INFINITY, 2}, w[] = {0, 1};
    const int32_t none[] = {-1, -1}, first[] = {0};
    gr_tensor *score = matrix(g, 1, 2, s);
    gr_tensor *margin = gr_multilabel_margin(score, gr_from_index(g, GR_SHAPE(1, 2), none));
    ck_assert(gr_backward(margin));
    ck_assert_double_eq(gr_item(margin), 0);
    check_all_zero(score->grad);

    gr_tensor *weights = gr_from(g, GR_SHAPE(2), w), *target = gr_from_index(g, GR_SHAPE(1), first);
    ck_assert_double_eq(gr_item(gr_multi_margin(score, target, .class_weight = weights)), 0);
    ck_assert_double_eq(gr_item(gr_softmax_focal(score, target, .class_alpha = weights)), 0);
    gr_graph_free(g);
}
END_TEST

/* Two boxes that differ in x2 alone, by the last digit of a float: x1 + x2 has no such digit, and
 * the centres would coincide. */
START_TEST(distance_of_centres_far_away) {
    gr_graph *g = gr_graph_new(.seed = 1);
    const double digit = 1.0 / 1024, width = 1 + digit;
    const gr_real a[] = {8192, 0, 8193, 1}, b[] = {8192, 0, (gr_real)(8193 + digit), 1};
    gr_tensor *pred = matrix(g, 1, 4, a), *target = matrix(g, 1, 4, b);
    gr_tensor *distance = gr_sub(gr_diou(pred, target), gr_iou_box(pred, target));
    ck_assert_double_eq_tol(gr_item(distance), digit * digit / 4 / (width * width + 1), 1e-9);
    gr_graph_free(g);
}
END_TEST

Suite *losses_suite(void) {
    Suite *s = suite_create("losses");
    TCase *t = tcase_create("references");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, losses_match_their_references);
    tcase_add_test(t, every_loss_has_a_reference);
    tcase_add_test(t, focal_where_nothing_is_wrong);
    tcase_add_test(t, focal_of_infinite_logits);
    tcase_add_test(t, ignored_rows_count_nothing);
    tcase_add_test(t, mean_of_targets_without_weight_is_0);
    tcase_add_test(t, absent_terms_are_0);
    tcase_add_test(t, distance_of_centres_far_away);
    suite_add_tcase(s, t);
    return s;
}
