/* Connectionist temporal classification: labels for a sequence when nobody knows at which time each
 * of them stands.
 *
 * Source: Graves, Fernandez, Gomez and Schmidhuber, "Connectionist temporal classification:
 * labelling unsegmented sequence data with recurrent neural networks", ICML 2006.
 */
#ifndef GR_CTC_H
#define GR_CTC_H

#include "losses/loss.h"

typedef struct gr_ctc_args {
    gr_tensor *log_probs, *targets, *input_lengths, *target_lengths;
    gr_reduction reduction;
    int blank;
    bool zero_infinity;
} gr_ctc_args;

/* gr_ctc(log_probs, targets, input_lengths, target_lengths, .blank = 0, .zero_infinity = false)
 *
 * -log of the sum, over all alignments pi of the targets, of prod_t exp(log_probs[t][pi_t]). An
 * alignment names a symbol for each time; it stands for what is left of it when runs of equal
 * symbols have become one and blanks are taken out: a a - b b b and - a - b stand for a b.
 *
 * log_probs (T,N,C) are commonly the result of gr_log_softmax along axis 2. The loss and its
 * gradient, minus the posterior of emitting symbol k at time t, are those of this formula for any
 * other numbers too; -INFINITY is a symbol that is impossible at that time. (PyTorch's gradient
 * assumes that they came from log_softmax. Through gr_log_softmax the two agree.) Differentiable to
 * any order.
 *
 * targets hold the labels, 0 ... C-1 and none of them the blank: (N,S), of which each sample's
 * first target_lengths[n] count, or all samples' labels one after another in one dimension. A
 * target may be empty. input_lengths (N), 0 to T: times from there on count for nothing. For one
 * sample without the dimension N: log_probs (T,C), targets (S) and lengths of one element; the loss
 * is then of shape ().
 *
 * Where no alignment is possible, since the input is shorter than the labels and the blanks between
 * equal neighbours, or since probabilities are 0, the loss is INFINITY (0 with zero_infinity) and
 * the gradient 0. The mean divides each loss by max(target_lengths[n], 1), then by N. blank is a
 * symbol, 0 ... C-1.
 *
 * An error: lengths outside these ranges or not one for each sample, concatenated targets of
 * another length than the target_lengths' sum, labels out of range, an empty batch. */
#define gr_ctc(...) gr_ctc_((gr_ctc_args){.log_probs = __VA_ARGS__})
gr_tensor *gr_ctc_(gr_ctc_args args);

#endif
