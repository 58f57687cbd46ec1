/* Pictures of an experiment as a whole: what methods differ by, and curves that trainings kept. */
#ifndef EXAMPLES_DIFFERENCE_PLOT_H
#define EXAMPLES_DIFFERENCE_PLOT_H

#include "examples/common/experiment.h"

/* OUT/name.png and .svg: each method's measure minus that of method `base`: seeds as dots, their
 * mean with its 95 % interval; a panel for each condition. False if there is no picture; a line on
 * stderr has then said why. */
bool plot_differences(const experiment *e, int base, int measure, const char *name);

typedef struct kept_curves {
    const char *kept;  /* by experiment_keep, a number for each epoch */
    const char *name;  /* of the picture */
    const char *title; /* of the vertical axis */
    const int *methods;
    int n_methods;
} kept_curves;
/* A panel for each condition (rows) and each of the methods: every seed's curve thin, and their
 * mean. */
bool plot_kept_curves(const experiment *e, gr_graph *g, kept_curves curves);

#endif
