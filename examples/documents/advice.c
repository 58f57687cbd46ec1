#include "examples/documents/advice.h"

#include <string.h>

/* Which trainer tests what: a row without a verdict says what to run. */
static const struct tested {
    const char *id, *program, *advice;
} tested[] = {
    {"guide-a", "outliers", "with outliers, MAE or Huber beat MSE"},
    {"families-a", "outliers", "on clean data MSE is fine"},
    {"guide-b", "imbalance", "severe imbalance asks for focal, weights or oversampling"},
    {"quickref-b", "imbalance", "focal is unnecessary on balanced data, a high gamma unstable"},
    {"guide-c", "segmentation", "small objects: Dice with cross-entropy beats cross-entropy"},
    {"quickref-c", "segmentation", "Dice alone has poor gradients at boundaries; Tversky trades"},
    {"guide-d", "siamese", "easy negatives teach nothing, semi-hard ones work"},
    {"quickref-d", "simclr", "InfoNCE needs batches of 32, unit vectors and its temperature"},
    {"families-d", "vae", "beta weights the KL term"},
    {"quickref-e", "wgan", "a gradient penalty is better than clipping, Wasserstein more stable"},
    {"quickref-f", "classify", "no softmax before cross-entropy; label smoothing regularises"}};
enum { TESTED = sizeof tested / sizeof *tested };

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
    for (int i = 0; i < TESTED && list->n < MOST_ADVICE; i++) {
        if (has(list, tested[i].id)) continue;
        char why[256];
        snprintf(why, sizeof why, "%s (build/%s tests it)", tested[i].advice, tested[i].program);
        list->rows[list->n++] =
            (advice_row){tested[i].id, tested[i].program, "not run", gr_copy_string(g, why)};
    }
    if (gr_failed(g)) fprintf(stderr, "documents: %s\n", gr_error(g));
    return !gr_failed(g);
}
