/* What losses on classes share: checks of targets and of weights for each class, and the mean over
 * the targets that count. */
#ifndef GR_TARGETS_INTERNAL_H
#define GR_TARGETS_INTERNAL_H

#include "losses/loss_internal.h"

#include <limits.h>

#pragma GCC visibility push(hidden)

/* An ignore_index for losses that have none. */
enum { GR_IGNORE_NOTHING = INT_MIN };

/* Checks as in loss_internal.h. x is (N,C) or (N,C,d1..), target its shape without C, of indices
 * from 0 to C-1 or ignore_index.
 */
bool gr_loss_check_target(const gr_loss_info *row, const gr_tensor *x, const char *x_name,
                          const gr_tensor *target, int ignore_index);
/* An optional operand of one number for each of the C classes of x: of shape (C). */
bool gr_loss_check_per_class(const gr_loss_info *row, const gr_tensor *x, const char *x_name,
                             const gr_tensor *t, const char *name);

/* Class indices in which some may have to be ignored. */
typedef struct gr_targets {
    gr_tensor *index; /* with class 0 for those that are ignored; NULL after an error */
    gr_tensor *mask;  /* 1 for those that count, else 0; NULL if all count */
    int64_t count;    /* of those that count */
} gr_targets;
gr_targets gr_targets_of(gr_tensor *target, int ignore_index);

/* x[n][index[n]] of x (N,C,d1..), in index's shape. */
gr_tensor *gr_at_target(gr_tensor *x, gr_tensor *index);
/* per_class[index[n]] of per_class (C), in index's shape, and 0 where the target is ignored; the
 * mask (NULL if all count) if per_class is NULL. */
gr_tensor *gr_weight_of_target(gr_tensor *per_class, const gr_targets *t);
/* per_class (C) in a shape that broadcasts to x (N,C,d1..). */
gr_tensor *gr_along_classes(gr_tensor *per_class, const gr_tensor *x);

/* Elements (N,d1..), which hold the factor `weights` already, reduced. The mean divides by the sum
 * of the weights (gr_weight_of_target; NULL: all 1), and is 0 where that is 0. */
gr_tensor *gr_reduce_targets(const gr_loss_info *row, gr_tensor *elements, gr_tensor *weights,
                             gr_reduction reduction);

#pragma GCC visibility pop

#endif
