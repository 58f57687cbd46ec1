/* Rows by class, for all that keeps or changes the shares of the classes. */
#ifndef GR_CLASSES_INTERNAL_H
#define GR_CLASSES_INTERNAL_H

#include "core/graph/graph.h"

#pragma GCC visibility push(hidden)

typedef struct gr_classes {
    int n;          /* classes that occur */
    int32_t *label; /* of each, ascending */
    int32_t *begin; /* class c has row[begin[c]] ... row[begin[c + 1] - 1], ascending */
    int32_t *row;
} gr_classes;

/* Groups the rows of labels, integers (N) that may be any. The memory is the step's, or lasting.
 * False after an error, which calls the labels `name`. */
bool gr_classes_of(gr_classes *classes, const gr_tensor *labels, const char *who, const char *name,
                   bool lasting);

static inline int gr_class_size(const gr_classes *classes, int c) {
    return classes->begin[c + 1] - classes->begin[c];
}

/* Shares `total` out among n classes in proportion to their sizes: each share is the exact one,
 * rounded down or up, up for those with the largest remainders. The total is at most the sum of the
 * sizes, so that no share is more than the size. False after an error. */
bool gr_share_out(gr_graph *g, const char *who, int n, const int32_t *size, int total,
                  int32_t *share);

/* Memory for n integers, not set yet, of the step or lasting; NULL after an error. */
int32_t *gr_integers(gr_graph *g, const char *who, int n, bool lasting);

#pragma GCC visibility pop

#endif
