#include "examples/documents/advice.h"

#include <string.h>

#include "examples/common/advice.h"

static const char *text_at(const gr_csv *csv, const char *column, int row) {
    const gr_csv_column *c = gr_csv_get(csv, column);
    if (c == NULL || c->category == NULL || c->category[row] < 0) return "";
    return c->categories[c->category[row]];
}

/* All of a trainer's; the program documents itself has verdicts on claims, which are no advice. */
static void add_verdicts(const gr_csv *csv, advice_list *list) {
    for (int row = 0; row < csv->rows && list->n < MOST_ADVICE; row++) {
        const char *program = text_at(csv, "program", row);
        if (strcmp(program, "documents") == 0) continue;
        list->rows[list->n++] =
            (advice_row){text_at(csv, "advice", row), program, text_at(csv, "verdict", row),
                         text_at(csv, "why", row)};
    }
}

static bool has(const advice_list *list, const char *id) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->rows[i].id, id) == 0) return true;
    return false;
}

bool advice_read(gr_graph *g, char *const *directories, int n, advice_list *list) {
    *list = (advice_list){.n = 0};
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/verdicts.csv", directories[i]);
        gr_csv *csv = gr_csv_read(g, path);
        if (csv != NULL && csv->rows > 0) add_verdicts(csv, list);
    }
    for (int i = 0; i < n_tested_advices && list->n < MOST_ADVICE; i++) {
        const tested_advice *tested = &tested_advices[i];
        if (has(list, tested->id)) continue;
        char why[256];
        snprintf(why, sizeof why, "%s (build/%s tests it)", tested->words, tested->program);
        list->rows[list->n++] =
            (advice_row){tested->id, tested->program, "not run", gr_copy_string(g, why)};
    }
    if (gr_failed(g)) fprintf(stderr, "documents: %s\n", gr_error(g));
    return !gr_failed(g);
}
