/* Weights for classes of unequal size, from the number of examples of each: what goes into
 * class_weight, pos_weight and the like.
 *
 * `counts` (C), real numbers or integers; a class without examples (or with a negative number of
 * them) is an error that names it. The result is (C), of real numbers.
 */
#ifndef GR_CLASS_WEIGHTS_H
#define GR_CLASS_WEIGHTS_H

#include "losses/loss.h"

/* N / (C n_c) with N the sum of the counts: 1 for each class if they are of equal size. [100, 900]
 * gives [5, 0.556]. King and Zeng, "Logistic regression in rare events data", Political Analysis 9
 * (2001). */
gr_tensor *gr_inverse_frequency_weights(gr_tensor *counts);

typedef struct gr_class_balanced_args {
    gr_tensor *counts;
    double beta; /* 0 <= beta < 1 */
} gr_class_balanced_args;
/* gr_class_balanced_weights(counts, .beta = 0.999): (1 - beta) / (1 - beta^n_c), scaled to add up
 * to C. beta = 0 gives ones, beta near 1 the inverse frequencies. Cui et al., "Class-balanced loss
 * based on effective number of samples", CVPR 2019, eq. 2. */
#define gr_class_balanced_weights(...)                                                             \
    gr_class_balanced_weights_((gr_class_balanced_args){.beta = 0.999, .counts = __VA_ARGS__})
gr_tensor *gr_class_balanced_weights_(gr_class_balanced_args args);

#endif
