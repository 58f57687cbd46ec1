/* Every operation against the values, gradients and second derivatives that tests/oracle computed
 * independently, on every instruction set that this processor has. */
#include <string.h>

#include "tests/unit/op_cases.h"
#include "tests/unit/suites.h"

static const char *const families[] = {"elementwise", "reduce", "shape", "index", "linalg"};
static const char *const isas[] = {"base", "avx2", "avx512"};
enum { N_FAMILIES = sizeof families / sizeof *families, N_ISAS = sizeof isas / sizeof *isas };

static cJSON *file;

static void read_cases(void) { file = oracle_read(OPS_FILE); }
static void free_cases(void) { cJSON_Delete(file); }

/* All cases of a family in one graph; every failure is listed before the test fails. */
static int run_family(gr_graph *g, const char *family, oracle_stats *stats) {
    int failures = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        int op = op_of(c);
        if (op < 0 || strcmp(op_family(op), family) != 0) continue;
        oracle_message message;
        if (oracle_check(g, c, op_run, stats, &message)) continue;
        failures++;
        printf("%s: %s\n", gr_isa(g), message.text);
        gr_clear_error(g);
    }
    return failures;
}

START_TEST(oracle_cases_hold) {
    const char *isa = isas[_i / N_FAMILIES], *family = families[_i % N_FAMILIES];
    gr_graph *g = gr_graph_new(.isa = isa);
    if (!gr_failed(g)) { /* else the processor lacks the instructions */
        oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
        int failures = run_family(g, family, &stats);
        char title[64];
        snprintf(title, sizeof title, "%s %s %s", sizeof(gr_real) == 4 ? "float" : "double", isa,
                 family);
        oracle_report(title, &stats);
        ck_assert_int_gt(stats.values, 0);
        ck_assert_msg(failures == 0, "%s: %d cases failed", title, failures);
    }
    gr_graph_free(g);
}
END_TEST

START_TEST(every_case_is_run_and_every_operation_has_cases) {
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        int op = op_of(c);
        ck_assert_msg(op >= 0, "%s: the operation is not in the table", oracle_name(c).text);
        int known = 0;
        for (int k = 0; k < N_FAMILIES; k++) known += strcmp(families[k], op_family(op)) == 0;
        ck_assert_msg(known == 1, "%s: no family %s", op_name(op), op_family(op));
    }
    for (int i = 0; i < op_count(); i++) {
        int cases = 0;
        cJSON_ArrayForEach(c, oracle_cases(file)) cases += op_of(c) == i;
        ck_assert_msg(cases >= 2, "gr_%s has %d cases", op_name(i), cases);
    }
}
END_TEST

Suite *ops_suite(void) {
    Suite *s = suite_create("ops");
    TCase *t = tcase_create("oracle");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, read_cases, free_cases);
    tcase_add_test(t, every_case_is_run_and_every_operation_has_cases);
    tcase_add_loop_test(t, oracle_cases_hold, 0, N_FAMILIES * N_ISAS);
    suite_add_tcase(s, t);
    return s;
}
