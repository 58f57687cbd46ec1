#include "tests/unit/every_case.h"

#include <check.h>
#include <math.h>
#include <stdio.h>

#include "tests/unit/gradcheck.h"

void every_case_holds(const char *family, const cJSON *file, case_function *of, const char *isa) {
    gr_graph *g = gr_graph_new(.isa = isa);
    oracle_stats stats = {.tolerance = ORACLE_TOLERANCE};
    int failures = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        oracle_message message;
        oracle_function *f = of(c);
        if (gr_failed(g) || f == NULL) continue; /* the processor lacks the instructions */
        if (oracle_check(g, c, f, &stats, &message)) continue;
        failures++;
        printf("%s: %s\n", isa, message.text);
        gr_clear_error(g);
    }
    if (stats.values > 0) oracle_report(family, &stats);
    ck_assert(stats.values > 0 || gr_failed(g));
    gr_graph_free(g);
    ck_assert_msg(failures == 0, "%d cases failed", failures);
}

typedef struct subject {
    const cJSON *c;
    oracle_function *call;
} subject;

static gr_tensor *run_case(void *context, gr_tensor **in) {
    const subject *s = context;
    return s->call(s->c, in);
}

void every_case_by_differences(const char *family, const cJSON *file, case_function *of,
                               gr_graph *g) {
    int failures = 0, compared = 0;
    double largest = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, oracle_cases(file)) {
        if (!cJSON_IsTrue(cJSON_GetObjectItem(c, "smooth"))) continue;
        gr_graph_reset(g);
        gr_tensor *in[ORACLE_OPERANDS];
        int n = oracle_operands(g, c, in);
        subject s = {c, of(c)};
        gradcheck_report report;
        if (!gradcheck(run_case, &s, (gr_list){n, in}, (gradcheck_options){0}, &report)) {
            printf("%s: %s\n", oracle_name(c).text, report.message);
            failures++;
            gr_clear_error(g);
        }
        compared += report.compared;
        largest = fmax(largest, report.largest);
    }
    printf("gradcheck %s: %d derivatives, largest error %.2g\n", family, compared, largest);
    ck_assert_int_gt(compared, 0);
    ck_assert_msg(failures == 0, "%d cases failed", failures);
}
