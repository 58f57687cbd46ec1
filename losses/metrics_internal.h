/* What the metrics share: checks of their operands, and memory for a moment. */
#ifndef GR_METRICS_INTERNAL_H
#define GR_METRICS_INTERNAL_H

#include "core/graph/graph_internal.h"

#include <math.h>

#pragma GCC visibility push(hidden)

/* Classes that are counted without being told how many there are. */
enum { GR_METRIC_CLASSES = 1 << 20 };

typedef enum gr_metric_kind {
    GR_METRIC_REAL,
    GR_METRIC_INDEX, /* integers, none below 0 */
    GR_METRIC_EITHER,
    GR_METRIC_SYMBOLS /* any integers; may be empty */
} gr_metric_kind;

typedef struct gr_metric_operand {
    const gr_tensor *t;
    const char *name;
    gr_metric_kind kind;
    bool may_be_empty;
} gr_metric_operand;

/* The graph of the operands; NULL after an error that begins with "gr_WHO: " if one is NULL, of
 * another graph, of the wrong kind, empty, or has an element that is not finite or an index below
 * 0. GR_METRIC_CHECK("accuracy", {pred, "pred", GR_METRIC_EITHER}, ..). */
gr_graph *gr_metric_check(const char *who, const gr_metric_operand *operands, int n);
#define GR_METRIC_CHECK(who, ...)                                                                  \
    gr_metric_check(who, (gr_metric_operand[]){__VA_ARGS__},                                       \
                    (int)(sizeof((gr_metric_operand[]){__VA_ARGS__}) / sizeof(gr_metric_operand)))

/* Error "gr_WHO: a (3,4) and b (2,4): EXPECTED"; false. */
bool gr_metric_misfit(const char *who, const gr_tensor *a, const char *a_name, const gr_tensor *b,
                      const char *b_name, const char *expected);
/* Both are of one shape; false after an error. */
bool gr_metric_same_shape(const char *who, const gr_tensor *a, const char *a_name,
                          const gr_tensor *b, const char *b_name);
/* t's shape is (n), one for each row of x; false after an error. */
bool gr_metric_one_each(const char *who, const gr_tensor *x, const char *x_name, const gr_tensor *t,
                        const char *name);
/* Every index is below `classes`; false after an error. */
bool gr_metric_below(const char *who, const gr_tensor *t, const char *name, int classes);

/* pred holds classes in target's shape (N,d1..), or real scores (N,C,d1..) with C > 0. */
gr_graph *gr_metric_check_classes(const char *who, const gr_tensor *pred, const char *name,
                                  const gr_tensor *target);
/* C of scores; of classes, one more than the largest in either tensor; 0 after an error, for there
 * is a limit to what is taken for a class. */
int gr_metric_classes(const char *who, const gr_tensor *pred, const gr_tensor *target);
/* The class predicted for element i of the target: of scores, the first of the largest. */
int gr_metric_class(const gr_tensor *pred, int64_t i);
/* The scores of element i of the target: class c has x[c * *stride]. */
const gr_real *gr_metric_scores(const gr_tensor *pred, int64_t i, int64_t *stride);

/* Elements of one class; doubles, which hold such counts exactly. */
typedef struct gr_class_count {
    double both, in_pred, in_target;
} gr_class_count;
/* gr_metric_check_classes, and all classes are below `classes`, as are those of scores. */
gr_graph *gr_metric_check_counted(const char *who, const gr_tensor *pred, const gr_tensor *target,
                                  int classes);
/* The counts of `classes` classes, for gr_metric_give_back; NULL after an error. The operands have
 * been checked. */
gr_class_count *gr_metric_count(const char *who, const gr_tensor *pred, const gr_tensor *target,
                                int classes);
typedef double gr_class_ratio(gr_class_count n);
/* 2 TP / (2 TP + FP + FN). */
double gr_metric_f1(gr_class_count n);
/* The mean over the classes that occur. */
double gr_metric_macro(const gr_class_count *n, int classes, gr_class_ratio *f);

/* Room for n pieces of `size` bytes, zeroed; NULL after an error. It goes with the step, or with
 * gr_metric_give_back, the last taken first. */
void *gr_metric_room(gr_graph *g, const char *who, int64_t n, size_t size);
void gr_metric_give_back(gr_graph *g, void *room, int64_t n, size_t size);

/* a/b, and 0 where b is 0. */
static inline double gr_metric_ratio(double a, double b) { return b == 0 ? 0 : a / b; }

/* A power of two, so that sums of squares of numbers up to x times it neither overflow nor vanish.
 */
static inline double gr_metric_scale(double x) {
    return x > 0x1p400 ? 0x1p-600 : x < 0x1p-400 ? 0x1p600 : 1;
}

#pragma GCC visibility pop

#endif
