/* Connectionist temporal classification as an operation; losses/ctc.h is for users. */
#ifndef GR_CTC_OP_INTERNAL_H
#define GR_CTC_OP_INTERNAL_H

#include "core/graph/op.h"

#pragma GCC visibility push(hidden)

/* A row of integers for each sample: how many times it has, how many labels, and these labels, up
 * to the longest sample's number (what follows is not read). */
enum { GR_CTC_TIME, GR_CTC_LABELS, GR_CTC_FIRST_LABEL };

/* -log of the probability that each sample's labels are emitted: (N) from log_probs (T,N,C) and
 * samples (N,2+S), which must fit: times up to T, labels in 0 ... C-1 and none of them the blank.
 */
gr_tensor *gr_ctc_losses(gr_tensor *log_probs, gr_tensor *samples, int blank);

#pragma GCC visibility pop

#endif
