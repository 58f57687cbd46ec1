#include "losses/metrics_sequence.h"

#include "losses/metrics_internal.h"

/* row[j], for j from 0 to t: the distance between the part of a that was read and b's first j
 * symbols. */
static int32_t distance(const int32_t *a, int s, const int32_t *b, int t, int32_t *row) {
    for (int j = 0; j <= t; j++) row[j] = j;
    for (int i = 1; i <= s; i++) {
        int32_t diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= t; j++) {
            int32_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[t];
}

static bool has_dimensions(const char *who, const gr_tensor *t, const char *name, int ndim,
                           const char *expected) {
    return t->shape.ndim == ndim ||
           gr_fail(t->graph, "gr_%s: %s, expected %s", who, gr_describe(t, name).text, expected);
}

double gr_edit_distance(const gr_tensor *pred, const gr_tensor *target) {
    const char *who = "edit_distance";
    gr_graph *g = GR_METRIC_CHECK(who, {.t = pred, .name = "pred", .kind = GR_METRIC_SYMBOLS},
                                  {.t = target, .name = "target", .kind = GR_METRIC_SYMBOLS});
    if (g == NULL || !has_dimensions(who, pred, "pred", 1, "a sequence (S)") ||
        !has_dimensions(who, target, "target", 1, "a sequence (T)"))
        return NAN;
    int32_t *row = gr_metric_room(g, who, target->size + 1, sizeof *row);
    if (row == NULL) return NAN;
    int32_t d = distance(pred->index, (int)pred->size, target->index, (int)target->size, row);
    gr_metric_give_back(g, row, target->size + 1, sizeof *row);
    return d;
}

static bool check_lengths(const char *who, const gr_tensor *x, const char *x_name,
                          const gr_tensor *lengths, const char *name) {
    return has_dimensions(who, x, x_name, 2, "sequences in rows") &&
           gr_metric_one_each(who, x, x_name, lengths, name) &&
           gr_metric_below(who, lengths, name, x->shape.dim[1] + 1);
}

double gr_character_error_rate(const gr_tensor *pred, const gr_tensor *pred_lengths,
                               const gr_tensor *target, const gr_tensor *target_lengths) {
    const char *who = "character_error_rate";
    gr_graph *g =
        GR_METRIC_CHECK(who, {.t = pred, .name = "pred", .kind = GR_METRIC_SYMBOLS},
                        {.t = pred_lengths, .name = "pred_lengths", .kind = GR_METRIC_INDEX},
                        {.t = target, .name = "target", .kind = GR_METRIC_SYMBOLS},
                        {.t = target_lengths, .name = "target_lengths", .kind = GR_METRIC_INDEX});
    if (g == NULL || !check_lengths(who, pred, "pred", pred_lengths, "pred_lengths") ||
        !check_lengths(who, target, "target", target_lengths, "target_lengths"))
        return NAN;
    if (pred->shape.dim[0] != target->shape.dim[0]) {
        gr_metric_misfit(who, pred, "pred", target, "target", "expected as many rows");
        return NAN;
    }
    int64_t s = pred->shape.dim[1], t = target->shape.dim[1];
    int32_t *row = gr_metric_room(g, who, t + 1, sizeof *row);
    if (row == NULL) return NAN;
    double errors = 0, symbols = 0;
    for (int64_t n = 0; n < pred->shape.dim[0]; n++) {
        errors += distance(pred->index + n * s, pred_lengths->index[n], target->index + n * t,
                           target_lengths->index[n], row);
        symbols += target_lengths->index[n];
    }
    gr_metric_give_back(g, row, t + 1, sizeof *row);
    return errors / symbols;
}
