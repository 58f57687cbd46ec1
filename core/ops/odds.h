/* Log-odds against a class: what cross-entropies of class indices are made of. */
#ifndef GR_ODDS_H
#define GR_ODDS_H

#include "core/graph/op.h"

/* log sum_{j != c} e^(x_j) - x_c, with c = target[n]: for x (N,C) or (N,C,d1..) and class indices
 * `target` (N) or (N,d1..), in target's shape. Under the softmax of x class c has the probability
 * sigmoid(-v), all others sigmoid(v) together, and the cross-entropy is softplus(v). Computed
 * without the difference of c's own term, so that all three keep their digits when c is all but
 * certain.
 *
 * Targets equal to ignore_index (which may be any number) have the odds -1e30, as has a class
 * without others: probability 1, cross-entropy 0, no gradient. Other targets outside 0 ... C-1 are
 * an error. */
gr_tensor *gr_odds_against(gr_tensor *x, gr_tensor *target, int ignore_index);

/* total times the sum of their cross-entropies, (), with its gradient in the same pass over memory.
 */
gr_tensor *gr_odds_entropy(gr_tensor *x, gr_tensor *target, int ignore_index, double total);

#endif
