/* Classes of unequal size made equal: rows repeated, left out, or put between others.
 *
 *     gr_tensor *rows = gr_oversample(train_y);
 *     gr_tensor *x = gr_take_rows(train_x, rows), *y = gr_take_rows(train_y, rows);
 *
 * Only a training set is treated so, after the split: otherwise copies of one row are in two parts.
 * Classes are the integers that occur in the labels (N). With largest and smallest the sizes of the
 * largest and the smallest class, `.ratio` is the share smallest / largest to be reached, in (0,1]
 * and 1 unless given; sizes are rounded to the nearest whole number. A single class is left as it
 * is. Labels without rows are an error. Random choices come from the graph's generator.
 * Alternatives that change no rows: the weights of gr_batches_new (batches.h) and of the losses
 * (class_weights.h).
 */
#ifndef GR_BALANCE_H
#define GR_BALANCE_H

#include "core/graph/graph.h"

typedef struct gr_oversample_args {
    gr_tensor *labels;
    double ratio;
} gr_oversample_args;
/* gr_oversample(labels, .ratio = 1): row numbers for gr_take_rows, integers that last: 0 ... N-1,
 * then, class by class, rows drawn with replacement from each class that is smaller than ratio
 * times the largest, so that it reaches this. */
#define gr_oversample(...) gr_oversample_((gr_oversample_args){.ratio = 1, .labels = __VA_ARGS__})
gr_tensor *gr_oversample_(gr_oversample_args args);

typedef struct gr_undersample_args {
    gr_tensor *labels;
    double ratio;
} gr_undersample_args;
/* gr_undersample(labels, .ratio = 1): row numbers as above, ascending: of each class that is larger
 * than the smallest divided by ratio only so many rows, chosen at random; all of the others. */
#define gr_undersample(...)                                                                        \
    gr_undersample_((gr_undersample_args){.ratio = 1, .labels = __VA_ARGS__})
gr_tensor *gr_undersample_(gr_undersample_args args);

typedef struct gr_smote_args {
    gr_tensor *x, *labels;
    gr_tensor **new_x, **new_labels;
    int k;
    double ratio;
} gr_smote_args;
/* gr_smote(x, labels, &new_x, &new_labels, .k = 5, .ratio = 1): the rows of x (N,..), reals, and of
 * labels, then synthetic ones class by class, until each class that is smaller than ratio times the
 * largest reaches this. Both results last. A synthetic row is
 *
 *     a + u (b - a),   u uniform in [0,1), the same for all its elements,
 *
 * on the segment from a row a to b, one of the k rows of its class that are nearest to a by
 * Euclidean distance (of equally near ones, the first). Every row of the class is a equally often,
 * or once more than others. Columns should have like scales (gr_scaler_apply), and categories have
 * nothing between them.
 *
 * A class to be filled up needs k + 1 rows or more, of finite numbers; anything else is an error,
 * after which both results are NULL. Time is proportional to the class's rows squared. Source:
 * Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE: synthetic minority over-sampling technique", JAIR 16
 * (2002), whose pseudo-code draws u anew for each element, whose text does not. */
#define gr_smote(...) gr_smote_((gr_smote_args){.k = 5, .ratio = 1, .x = __VA_ARGS__})
bool gr_smote_(gr_smote_args args);

#endif
