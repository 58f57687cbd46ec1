#include "losses/ctc.h"

#include "core/ops/ctc_internal.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "losses/loss_internal.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* -- The operands, checked and put into one tensor of integers -- */

enum { LOG_PROBS, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS };

/* (T,N,C); N is 1 where log_probs is (T,C). */
static gr_shape full_shape(const gr_tensor *log_probs) {
    const int *dim = log_probs->shape.dim;
    return log_probs->shape.ndim == 2 ? GR_SHAPE(dim[0], 1, dim[1]) : log_probs->shape;
}

static bool check_log_probs(const gr_node *n, int blank) {
    const gr_tensor *x = n->in[LOG_PROBS];
    gr_text text = gr_operand(n, LOG_PROBS);
    if (x->shape.ndim != 2 && x->shape.ndim != 3)
        return gr_fail(n->graph, "gr_ctc: %s, expected (T,N,C), or (T,C) for one sample",
                       text.text);
    if (x->size == 0) return gr_fail(n->graph, "gr_ctc: %s is empty", text.text);
    int classes = x->shape.dim[x->shape.ndim - 1];
    if (blank < 0 || blank >= classes)
        return gr_fail(n->graph, "gr_ctc: blank is %d, expected 0 to %d for %s", blank, classes - 1,
                       text.text);
    return true;
}

/* Lengths of 0 to `most`, of which `what` says what it is. */
static bool check_lengths(const gr_node *n, int operand, int64_t most, const char *what) {
    const gr_tensor *x = n->in[operand];
    int batch = full_shape(n->in[LOG_PROBS]).dim[1];
    bool scalar = x->shape.ndim == 0 && n->in[LOG_PROBS]->shape.ndim == 2;
    if ((x->shape.ndim != 1 && !scalar) || x->size != batch)
        return gr_fail(n->graph, "gr_ctc: %s and %s: expected a length for each of the %d samples",
                       gr_operand(n, operand).text, gr_operand(n, LOG_PROBS).text, batch);
    for (int i = 0; i < batch; i++)
        if (x->index[i] < 0 || x->index[i] > most)
            return gr_fail(n->graph, "gr_ctc: %s has %d at (%d), expected 0 to %lld, %s",
                           gr_operand(n, operand).text, (int)x->index[i], i, (long long)most, what);
    return true;
}

static bool check_target_lengths(const gr_node *n) {
    const gr_tensor *targets = n->in[TARGETS], *lengths = n->in[TARGET_LENGTHS];
    int batch = full_shape(n->in[LOG_PROBS]).dim[1];
    bool rows = targets->shape.ndim == 2;
    if ((!rows && targets->shape.ndim != 1) || (rows && targets->shape.dim[0] != batch))
        return gr_fail(n->graph, "gr_ctc: %s and %s: expected targets (%d,S), or all concatenated",
                       gr_operand(n, TARGETS).text, gr_operand(n, LOG_PROBS).text, batch);
    int64_t most = rows ? targets->shape.dim[1] : targets->size, total = 0;
    if (!check_lengths(n, TARGET_LENGTHS, most, "the length of the targets")) return false;
    for (int i = 0; i < batch; i++) total += lengths->index[i];
    if (!rows && total != targets->size)
        return gr_fail(n->graph, "gr_ctc: %s and %s: the lengths add up to %lld",
                       gr_operand(n, TARGETS).text, gr_operand(n, TARGET_LENGTHS).text,
                       (long long)total);
    return true;
}

/* The place of a sample's first label in targets. */
static int64_t first_label(const gr_node *n, int sample) {
    const gr_tensor *targets = n->in[TARGETS];
    int64_t at = 0;
    if (targets->shape.ndim == 2) return (int64_t)sample * targets->shape.dim[1];
    for (int i = 0; i < sample; i++) at += n->in[TARGET_LENGTHS]->index[i];
    return at;
}

static bool check_label(const gr_node *n, int64_t at, int blank) {
    const gr_tensor *targets = n->in[TARGETS];
    int classes = full_shape(n->in[LOG_PROBS]).dim[2], label = targets->index[at];
    if (label >= 0 && label < classes && label != blank) return true;
    char place[48];
    if (targets->shape.ndim == 1)
        snprintf(place, sizeof place, "%lld", (long long)at);
    else
        snprintf(place, sizeof place, "%lld,%lld", (long long)(at / targets->shape.dim[1]),
                 (long long)(at % targets->shape.dim[1]));
    return gr_fail(n->graph, "gr_ctc: %s has %d at (%s), expected 0 to %d, but not the blank %d",
                   gr_operand(n, TARGETS).text, label, place, classes - 1, blank);
}

static bool samples_shape(const gr_node *n, gr_shape *shape) {
    int blank = *(const int *)n->params;
    if (!check_log_probs(n, blank)) return false;
    gr_shape full = full_shape(n->in[LOG_PROBS]);
    if (!check_lengths(n, INPUT_LENGTHS, full.dim[0], "the length of log_probs")) return false;
    if (!check_target_lengths(n)) return false;
    int longest = 0;
    for (int i = 0; i < full.dim[1]; i++) {
        int length = n->in[TARGET_LENGTHS]->index[i];
        int64_t first = first_label(n, i);
        for (int k = 0; k < length; k++)
            if (!check_label(n, first + k, blank)) return false;
        longest = length > longest ? length : longest;
    }
    *shape = GR_SHAPE(full.dim[1], GR_CTC_FIRST_LABEL + longest);
    return true;
}

static void samples_forward(const gr_node *n) {
    gr_tensor *y = n->out;
    memset(y->index, 0, (size_t)y->size * sizeof *y->index);
    for (int i = 0; i < y->shape.dim[0]; i++) {
        int32_t *sample = y->index + (int64_t)i * y->shape.dim[1];
        int32_t length = n->in[TARGET_LENGTHS]->index[i];
        sample[GR_CTC_TIME] = n->in[INPUT_LENGTHS]->index[i];
        sample[GR_CTC_LABELS] = length;
        if (length > 0)
            memcpy(sample + GR_CTC_FIRST_LABEL, n->in[TARGETS]->index + first_label(n, i),
                   (size_t)length * sizeof *sample);
    }
}

static const gr_op samples_op = {
    .name = "gr_ctc",
    .operands = {"log_probs", "targets", "input_lengths", "target_lengths"},
    .operand_kinds = {GR_REAL, GR_INDEX, GR_INDEX, GR_INDEX},
    .kind = GR_INDEX,
    .shape = samples_shape,
    .forward = samples_forward};

/* -- The loss -- */

/* 1 / (N max(target length, 1)), (N) */
static gr_tensor *weights_of_mean(const gr_tensor *samples) {
    int n = samples->shape.dim[0];
    gr_tensor *y = gr_zeros(samples->graph, GR_SHAPE(n));
    for (int64_t i = 0; y != NULL && i < n; i++) {
        int32_t length = samples->index[i * samples->shape.dim[1] + GR_CTC_LABELS];
        y->data[i] = (gr_real)(1 / ((double)n * (length > 0 ? length : 1)));
    }
    return y;
}

gr_tensor *gr_ctc_(gr_ctc_args a) {
    gr_tensor *samples =
        gr_apply(&samples_op, GR_LIST(a.log_probs, a.targets, a.input_lengths, a.target_lengths),
                 &a.blank, sizeof a.blank);
    if (samples == NULL) return NULL;
    bool batched = a.log_probs->shape.ndim == 3;
    gr_tensor *x = batched ? a.log_probs : gr_reshape(a.log_probs, full_shape(a.log_probs));
    gr_tensor *losses = gr_ctc_losses(x, samples, a.blank, a.zero_infinity ? 0 : INFINITY);
    if (a.reduction == GR_MEAN) return gr_sum(gr_mul(losses, weights_of_mean(samples)));
    if (a.reduction == GR_NONE && !batched) return gr_reshape(losses, GR_SCALAR);
    return gr_loss_reduce(gr_sequence_losses, losses, NULL, a.reduction);
}

/* -- The registry's row -- */

static gr_tensor *ctc(const gr_loss_call *c) {
    return gr_ctc(c->operand[LOG_PROBS], c->operand[TARGETS], c->operand[INPUT_LENGTHS],
                  c->operand[TARGET_LENGTHS], .blank = (int)c->parameter[0],
                  .zero_infinity = c->parameter[1] != 0, .reduction = c->reduction);
}

const gr_loss_info gr_sequence_losses[] = {
    {.name = "ctc",
     .family = "sequence",
     .purpose = "labels for a sequence without their places in time: speech, handwriting",
     .formula = "-log sum over alignments pi of the targets: prod_t exp(log_probs[t, pi_t])",
     .operands = {{.name = "log_probs",
                   .shape = "(T,N,C)",
                   .domain = GR_LOG_DISTRIBUTION,
                   .about = "of the symbols at each time, any numbers"},
                  {.name = "targets",
                   .shape = "(N,S) or all samples' labels, concatenated",
                   .kind = GR_OPERAND_INDEX,
                   .domain = GR_CLASSES,
                   .about = "labels, none of them the blank; beyond their length not read"},
                  {.name = "input_lengths",
                   .shape = "(N)",
                   .kind = GR_OPERAND_INDEX,
                   .domain = GR_LENGTHS,
                   .about = "times that count, 0 to T"},
                  {.name = "target_lengths",
                   .shape = "(N)",
                   .kind = GR_OPERAND_INDEX,
                   .domain = GR_LENGTHS,
                   .about = "labels of each sample, 0 to S"}},
     .parameters = {{"blank", GR_INTEGER, 0, 0, INT_MAX, false, false, NULL,
                     "the symbol that stands for no label, below C"},
                    {"zero_infinity", GR_BOOLEAN, 0, 0, 1, false, false, NULL,
                     "a loss of 0 where no alignment is possible"}},
     .reductions = "mean sum none",
     .use =
         "the labels' order is known and their times are not, and inputs are longer than targets",
     .avoid = "labels depend on each other given the input, or targets may be longer than inputs",
     .differentiable = "log_probs",
     .robust = "log_probs",
     .low = 0,
     .high = INFINITY,
     .source = "Graves et al., Connectionist temporal classification, ICML 2006",
     .apply = ctc},
    {.name = NULL},
};
