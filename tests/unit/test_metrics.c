/* The metrics: all against their references, and what they refuse, by the whole message. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gradus.h"
#include "tests/unit/metric_calls.h"
#include "tests/unit/suites.h"

static gr_graph *g;

static void setup(void) { g = gr_graph_new(.seed = 3); }
static void teardown(void) {
    gr_graph_free(g);
    g = NULL;
}

START_TEST(every_case_holds_and_every_metric_has_cases) {
    cJSON *file = oracle_read("tests/oracle/metrics.json.gz");
    int failures = 0;
    for (const metric_call *m = metric_calls; m->name != NULL; m++) {
        oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
        const cJSON *c;
        cJSON_ArrayForEach(c, oracle_cases(file)) {
            oracle_message message;
            if (strcmp(cJSON_GetObjectItem(c, "op")->valuestring, m->name) != 0) continue;
            gr_clear_error(g);
            if (oracle_check(g, c, m->call, &stats, &message)) continue;
            printf("%s\n", message.text);
            failures++;
        }
        oracle_report(m->name, &stats);
        ck_assert_msg(stats.values >= 3, "gr_%s has %d cases", m->name, stats.values);
    }
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file))
        ck_assert_msg(metric_find(cJSON_GetObjectItem(c, "op")->valuestring) != NULL,
                      "%s: no such metric", oracle_name(c).text);
    cJSON_Delete(file);
    ck_assert_int_eq(failures, 0);
}
END_TEST

/* -- Errors -- */

#define REALS(shape, ...) gr_from(g, shape, (gr_real[]){__VA_ARGS__})
#define INDICES(shape, ...) gr_from_index(g, shape, (int32_t[]){__VA_ARGS__})
#define N(n) GR_SHAPE(n)

/* The call, a number, is refused with this message. */
#define REFUSED(message, call)                                                                     \
    do {                                                                                           \
        gr_clear_error(g);                                                                         \
        ck_assert_msg(isnan(call), "%s is a number", #call);                                       \
        ck_assert_str_eq(gr_error(g), message);                                                    \
    } while (0)
/* The same for a call that returns a tensor. */
#define REFUSED_TENSOR(message, call)                                                              \
    do {                                                                                           \
        gr_clear_error(g);                                                                         \
        ck_assert_ptr_null(call);                                                                  \
        ck_assert_str_eq(gr_error(g), message);                                                    \
    } while (0)

START_TEST(bad_classes_are_refused) {
    gr_tensor *two = INDICES(N(2), 0, 1), *three = INDICES(N(3), 0, 1, 2);
    gr_tensor *scores = REALS(GR_SHAPE(2, 2), 0, 1, 1, 0);
    gr_graph *other = gr_graph_new();
    REFUSED("gr_accuracy: pred is NULL", gr_accuracy(NULL, two));
    REFUSED("gr_accuracy: target is NULL", gr_accuracy(two, NULL));
    REFUSED("gr_accuracy: target (2) belongs to another graph than pred (2)",
            gr_accuracy(two, gr_from_index(other, N(2), (int32_t[]){0, 1})));
    REFUSED("gr_accuracy: target (2,2) holds real numbers, expected integers",
            gr_accuracy(scores, scores));
    REFUSED("gr_accuracy: pred (0) has no elements",
            gr_accuracy(INDICES(N(0), 0), INDICES(N(0), 0)));
    REFUSED("gr_accuracy: target (2) has -1 at (1), expected 0 or more",
            gr_accuracy(two, INDICES(N(2), 0, -1)));
    REFUSED("gr_accuracy: pred (2,2) has nan at (1,0), expected finite numbers",
            gr_accuracy(REALS(GR_SHAPE(2, 2), 0, 1, (gr_real)NAN, 0), two));
    REFUSED("gr_accuracy: pred (2) and target (3): expected equal shapes", gr_accuracy(two, three));
    REFUSED("gr_accuracy: pred (2,2) and target (3): expected scores (N,C,d1..) and classes "
            "(N,d1..)",
            gr_accuracy(scores, three));
    REFUSED("gr_f1: target (2) has 2 at (1), expected 0 to 1",
            gr_f1(scores, INDICES(N(2), 0, 2), GR_AVERAGE_MACRO));
    REFUSED("gr_f1: pred (3) has 2 at (2), expected 0 to 1",
            gr_f1(three, three, GR_AVERAGE_BINARY));
    REFUSED("gr_recall: average is 4, expected one of gr_average",
            gr_recall(two, two, (gr_average)4));
    REFUSED("gr_recall: pred (1,3) has scores of 3 classes, expected 2",
            gr_recall(REALS(GR_SHAPE(1, 3), 0, 1, 2), INDICES(N(1), 0), GR_AVERAGE_BINARY));
    REFUSED("gr_precision: pred (1) has 2147483647 at (0), expected 0 to 1048575",
            gr_precision(INDICES(N(1), INT32_MAX), INDICES(N(1), 0), GR_AVERAGE_MICRO));
    REFUSED("gr_top_k_accuracy: scores (2) holds integers, expected real numbers",
            gr_top_k_accuracy(two, two, 1));
    REFUSED("gr_top_k_accuracy: k is 3, expected 1 to 2 for scores (2,2)",
            gr_top_k_accuracy(scores, two, 3));
    REFUSED("gr_top_k_accuracy: k is 0, expected 1 to 2 for scores (2,2)",
            gr_top_k_accuracy(scores, two, 0));
    REFUSED_TENSOR("gr_confusion_matrix: classes is 0, expected 1 or more",
                   gr_confusion_matrix(two, two, 0));
    REFUSED_TENSOR("gr_confusion_matrix: pred (3) has 2 at (2), expected 0 to 1",
                   gr_confusion_matrix(three, three, 2));
    REFUSED_TENSOR("gr_class_report: pred (2,2) has scores of 2 classes, expected 3",
                   gr_class_report(scores, two, 3));
    gr_graph_free(other);
}
END_TEST

START_TEST(bad_scores_are_refused) {
    gr_tensor *scores = REALS(N(2), 0, 1), *labels = INDICES(N(2), 0, 1);
    REFUSED("gr_roc_auc: labels is NULL", gr_roc_auc(scores, NULL));
    REFUSED("gr_roc_auc: scores (2) holds integers, expected real numbers",
            gr_roc_auc(labels, labels));
    REFUSED("gr_roc_auc: labels (2) has 2 at (1), expected 0 or 1",
            gr_roc_auc(scores, INDICES(N(2), 0, 2)));
    REFUSED("gr_average_precision: labels (2) has 0.5 at (0), expected 0 or 1",
            gr_average_precision(scores, REALS(N(2), (gr_real)0.5, 1)));
    REFUSED("gr_average_precision: scores (2) and labels (2,1): expected equal shapes",
            gr_average_precision(scores, INDICES(GR_SHAPE(2, 1), 0, 1)));
    REFUSED("gr_best_f1: scores (2) has inf at (0), expected finite numbers",
            gr_best_f1(REALS(N(2), (gr_real)INFINITY, 1), labels).value);
    REFUSED("gr_recall_at_precision: min_precision is 0, expected more than 0 and at most 1",
            gr_recall_at_precision(scores, labels, 0).threshold);
    REFUSED("gr_scores_at_threshold: threshold is nan, expected a number",
            gr_scores_at_threshold(scores, labels, NAN).f1);
    REFUSED_TENSOR("gr_roc_curve: scores (0) has no elements",
                   gr_roc_curve(REALS(N(0), 0), INDICES(N(0), 0)));
    REFUSED_TENSOR("gr_pr_curve: scores is NULL", gr_pr_curve(NULL, labels));
}
END_TEST

START_TEST(bad_probabilities_are_refused) {
    gr_tensor *prob = REALS(N(2), 0, 1), *target = INDICES(N(2), 0, 1);
    REFUSED("gr_calibration_error: bins is 0, expected 1 or more",
            gr_calibration_error(prob, target, .bins = 0));
    REFUSED("gr_calibration_error: prob (2) has 1.5 at (1), expected 0 to 1",
            gr_calibration_error(REALS(N(2), 0, (gr_real)1.5), target));
    REFUSED("gr_calibration_error: target (2) has 3 at (0), expected 0 or 1",
            gr_calibration_error(prob, INDICES(N(2), 3, 1)));
    REFUSED("gr_calibration_error: prob (1,2) and target (2): expected scores (N,C,d1..) and "
            "classes (N,d1..)",
            gr_calibration_error(REALS(GR_SHAPE(1, 2), 0, 1), target));
    REFUSED("gr_calibration_error: prob (2) and target (1): expected equal shapes, or integers "
            "as target",
            gr_calibration_error(prob, REALS(N(1), 0)));
    REFUSED_TENSOR("gr_reliability: prob is NULL", gr_reliability(NULL, target));
}
END_TEST

START_TEST(bad_numbers_are_refused) {
    gr_tensor *two = REALS(N(2), 0, 1), *three = REALS(N(3), 0, 1, 2);
    REFUSED("gr_mean_absolute_error: pred is NULL", gr_mean_absolute_error(NULL, two));
    REFUSED("gr_median_absolute_error: target is NULL", gr_median_absolute_error(two, NULL));
    REFUSED("gr_median_absolute_error: pred (2) and target (3): expected equal shapes",
            gr_median_absolute_error(two, three));
    REFUSED("gr_root_mean_squared_error: target (2) holds integers, expected real numbers",
            gr_root_mean_squared_error(two, INDICES(N(2), 0, 1)));
    REFUSED("gr_r2_score: target (1) has -inf at (0), expected finite numbers",
            gr_r2_score(REALS(N(1), 0), REALS(N(1), (gr_real)-INFINITY)));
    REFUSED("gr_interval_coverage: high (3) and target (2): expected equal shapes",
            gr_interval_coverage(two, three, two));
}
END_TEST

START_TEST(bad_masks_are_refused) {
    gr_tensor *mask = INDICES(GR_SHAPE(1, 2), 0, 1);
    REFUSED("gr_mean_iou: pred is NULL", gr_mean_iou(NULL, mask));
    REFUSED("gr_mean_dice: pred (1,2) and target (2): expected equal shapes",
            gr_mean_dice(mask, INDICES(N(2), 0, 1)));
    REFUSED_TENSOR("gr_class_iou: pred (1,2) has 1 at (0,1), expected 0 to 0",
                   gr_class_iou(mask, mask, 1));
    REFUSED_TENSOR("gr_class_dice: classes is -1, expected 1 or more",
                   gr_class_dice(mask, mask, -1));
}
END_TEST

START_TEST(bad_embeddings_are_refused) {
    gr_tensor *rows = REALS(GR_SHAPE(3, 1), 0, 1, 2), *labels = INDICES(N(3), 0, 1, 1);
    gr_tensor *wide = REALS(GR_SHAPE(1, 2), 0, 1), *one = INDICES(N(1), 0);
    REFUSED("gr_recall_at_k: embeddings is NULL", gr_recall_at_k(NULL, labels, 1));
    REFUSED("gr_recall_at_k: embeddings (3), expected rows (N,D)",
            gr_recall_at_k(REALS(N(3), 0, 1, 2), labels, 1));
    REFUSED("gr_recall_at_k: embeddings (3,1) and labels (1): expected one for each row",
            gr_recall_at_k(rows, one, 1));
    REFUSED("gr_recall_at_k: k is 3, expected 1 to 2 for embeddings (3,1)",
            gr_recall_at_k(rows, labels, 3));
    REFUSED("gr_recall_at_k: k is 1, expected 1 to 0 for embeddings (1,2)",
            gr_recall_at_k(wide, one, 1));
    REFUSED("gr_knn_accuracy: k is 4, expected 1 to 3 for train (3,1)",
            gr_knn_accuracy(rows, labels, rows, labels, 4));
    REFUSED("gr_knn_accuracy: train (3,1) and test (1,2): expected rows of one length",
            gr_knn_accuracy(rows, labels, wide, one, 1));
    REFUSED("gr_knn_accuracy: test_labels (3) has -2 at (2), expected 0 or more",
            gr_knn_accuracy(rows, labels, rows, INDICES(N(3), 0, 1, -2), 1));
}
END_TEST

START_TEST(bad_sequences_are_refused) {
    gr_tensor *s = INDICES(N(2), 0, 1), *rows = INDICES(GR_SHAPE(1, 2), 0, 1);
    gr_tensor *one = INDICES(N(1), 1);
    REFUSED("gr_edit_distance: target is NULL", gr_edit_distance(s, NULL));
    REFUSED("gr_edit_distance: pred (1,2), expected a sequence (S)", gr_edit_distance(rows, s));
    REFUSED("gr_edit_distance: target (1) holds real numbers, expected integers",
            gr_edit_distance(s, REALS(N(1), 0)));
    REFUSED("gr_character_error_rate: pred (2), expected sequences in rows",
            gr_character_error_rate(s, one, rows, one));
    REFUSED("gr_character_error_rate: pred_lengths (1) has 3 at (0), expected 0 to 2",
            gr_character_error_rate(rows, INDICES(N(1), 3), rows, one));
    REFUSED("gr_character_error_rate: target (1,2) and target_lengths (2): expected one for each "
            "row",
            gr_character_error_rate(rows, one, rows, s));
    REFUSED("gr_character_error_rate: pred (1,2) and target (2,1): expected as many rows",
            gr_character_error_rate(rows, one, INDICES(GR_SHAPE(2, 1), 0, 1), s));
}
END_TEST

START_TEST(bad_boxes_are_refused) {
    gr_tensor *box = REALS(GR_SHAPE(1, 4), 0, 0, 1, 1), *one = INDICES(N(1), 0);
    gr_tensor *score = REALS(N(1), (gr_real)0.5), *two = INDICES(N(2), 0, 0);
    gr_detections f = {box, score, one, one};
    gr_true_boxes t = {box, one, one};
    ck_assert_double_eq(gr_mean_average_precision(f, t), 1);
    REFUSED("gr_mean_average_precision: boxes is NULL",
            gr_mean_average_precision((gr_detections){0}, t));
    REFUSED("gr_mean_average_precision: true_images is NULL",
            gr_mean_average_precision(f, ((gr_true_boxes){box, one, NULL})));
    REFUSED("gr_mean_average_precision: boxes (1), expected corners (M,4)",
            gr_mean_average_precision(((gr_detections){score, score, one, one}), t));
    REFUSED("gr_mean_average_precision: true_boxes (1,4) has 0 2 1 1 in row 0, expected corners "
            "x1 y1 x2 y2 with x1 <= x2 and y1 <= y2",
            gr_mean_average_precision(
                f, ((gr_true_boxes){REALS(GR_SHAPE(1, 4), 0, 2, 1, 1), one, one})));
    REFUSED("gr_mean_average_precision: boxes (1,4) and images (2): expected one for each row",
            gr_mean_average_precision(((gr_detections){box, score, one, two}), t));
    REFUSED(
        "gr_mean_average_precision: scores (1) has nan at (0), expected finite numbers",
        gr_mean_average_precision(((gr_detections){box, REALS(N(1), (gr_real)NAN), one, one}), t));
    REFUSED("gr_mean_average_precision: iou has 1.5 at (1), expected more than 0 and at most 1",
            gr_mean_average_precision(f, t, .iou = (double[]){0.5, 1.5}, .n_iou = 2));
    REFUSED("gr_mean_average_precision: n_iou is 0, expected 1 or more",
            gr_mean_average_precision(f, t, .iou = (double[]){0.5}));
    REFUSED("gr_mean_average_precision: max_detections is 0, expected 1 or more",
            gr_mean_average_precision(f, t, .max_detections = 0));
}
END_TEST

/* Differences and squares that a number can't hold. */
START_TEST(errors_keep_their_size_in_extremes) {
    double most = sizeof(gr_real) == sizeof(float) ? 3e38 : 1.5e308;
    gr_real x = (gr_real)most;
    gr_tensor *pred = REALS(N(4), x, 0, x, 0), *target = REALS(N(4), 0, x, 0, x);
    ck_assert_double_eq_tol(gr_mean_absolute_error(pred, target) / (double)x, 1, 1e-12);
    ck_assert_double_eq_tol(gr_median_absolute_error(pred, target) / (double)x, 1, 1e-12);
    ck_assert_double_eq_tol(gr_root_mean_squared_error(pred, target) / (double)x, 1, 1e-12);
    ck_assert_double_eq_tol(gr_r2_score(pred, target), -3, 1e-12);
    gr_real least = (gr_real)(sizeof(gr_real) == sizeof(float) ? 1e-38 : 1e-300);
    pred = REALS(N(2), least, 0), target = REALS(N(2), 0, least);
    ck_assert_double_eq_tol(gr_root_mean_squared_error(pred, target) / (double)least, 1, 1e-12);
    ck_assert_double_eq_tol(gr_r2_score(pred, target), -3, 1e-12);
}
END_TEST

/* What a number was computed in is free again, so that evaluating needs no reset. */
START_TEST(numbers_leave_no_memory_behind) {
    gr_tensor *x = REALS(GR_SHAPE(2, 4), 0, 0, 1, 1, 0, 0, 2, 1), *two = INDICES(N(2), 0, 1);
    gr_tensor *scores = REALS(N(2), 0, 1);
    gr_detections found = {x, scores, two, two};
    gr_true_boxes truth = {x, two, two};
    size_t before = gr_memory_use(g).step;
    ck_assert_double_eq(gr_f1(two, two, GR_AVERAGE_MACRO), 1);
    ck_assert_double_eq(gr_mean_iou(two, two), 1);
    ck_assert_double_eq(gr_calibration_error(scores, two), 0);
    ck_assert_double_eq(gr_median_absolute_error(scores, scores), 0);
    ck_assert_double_eq(gr_knn_accuracy(x, two, x, two, 1), 1);
    ck_assert_double_eq(gr_recall_at_k(x, two, 1), 0);
    ck_assert_double_eq(gr_edit_distance(two, two), 0);
    ck_assert_double_eq(gr_mean_average_precision(found, truth), 1);
    ck_assert_uint_eq(gr_memory_use(g).step, before);
}
END_TEST

/* A metric of a tensor that is being trained adds nothing to the tape. */
START_TEST(metrics_are_not_recorded) {
    gr_tensor *scores = gr_requires_grad(REALS(N(2), 0, 1)), *labels = INDICES(N(2), 0, 1);
    ck_assert_double_eq(gr_roc_auc(scores, labels), 1);
    ck_assert(!gr_pr_curve(scores, labels)->requires_grad);
    ck_assert_int_eq(gr_tape_length(g), 0);
}
END_TEST

Suite *metrics_suite(void) {
    Suite *s = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_case_holds_and_every_metric_has_cases);
    tcase_add_test(t, bad_classes_are_refused);
    tcase_add_test(t, bad_scores_are_refused);
    tcase_add_test(t, bad_probabilities_are_refused);
    tcase_add_test(t, bad_numbers_are_refused);
    tcase_add_test(t, bad_masks_are_refused);
    tcase_add_test(t, bad_embeddings_are_refused);
    tcase_add_test(t, bad_sequences_are_refused);
    tcase_add_test(t, bad_boxes_are_refused);
    tcase_add_test(t, errors_keep_their_size_in_extremes);
    tcase_add_test(t, numbers_leave_no_memory_behind);
    tcase_add_test(t, metrics_are_not_recorded);
    suite_add_tcase(s, t);
    return s;
}
