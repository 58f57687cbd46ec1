/* Metrics of sequences of integers (characters, words, labels of frames that were merged).
 *
 * Any integers may stand for symbols. Errors, after which the number is NaN: an operand that is
 * NULL or holds real numbers, shapes that do not fit, a length that is negative or beyond its
 * sequence.
 */
#ifndef GR_METRICS_SEQUENCE_H
#define GR_METRICS_SEQUENCE_H

#include "core/graph/graph.h"

/* The least number of insertions, deletions and substitutions of one symbol that make target (T)
 * of pred (S); either may be empty. Levenshtein, "Binary codes capable of correcting deletions,
 * insertions, and reversals", Soviet Physics Doklady 10 (1966). Takes time S T and memory T. */
double gr_edit_distance(const gr_tensor *pred, const gr_tensor *target);

/* The character error rate of N sequences: the sum of their edit distances over the sum of the
 * targets' lengths. 0 is perfect; it may exceed 1. pred (N,S) and target (N,T) hold the sequences
 * from the left, pred_lengths and target_lengths (N) their lengths, 0 to S and 0 to T; what stands
 * beyond is not looked at. N is at least 1. If all targets are empty it is infinite, and NaN (no
 * error) if the predictions are so too (torchmetrics 1.9, char_error_rate). */
double gr_character_error_rate(const gr_tensor *pred, const gr_tensor *pred_lengths,
                               const gr_tensor *target, const gr_tensor *target_lengths);

#endif
