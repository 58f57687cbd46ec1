/* Pictures of an experiment's curves: how a measure goes on while methods train. */
#ifndef EXAMPLES_CURVE_PLOT_H
#define EXAMPLES_CURVE_PLOT_H

#include "examples/common/experiment.h"

typedef struct curve_plot {
    const char *kept; /* by experiment_keep: a number for each epoch */
    const char *name; /* of the picture, OUT/NAME.png and .svg */
    const char *x_title, *y_title;
    double low; /* the vertical axis begins here at the lowest; what lies below is not shown */
} curve_plot;

/* A panel for each condition, in it for each method the mean over the seeds and, as a band, one
 * standard deviation to both sides. False if there is no picture; a line on stderr has then said
 * why. */
bool plot_curves(const experiment *e, gr_graph *g, curve_plot curves);

typedef struct seed_curves {
    const char *kept;  /* by experiment_keep, a number for each epoch */
    const char *name;  /* of the picture */
    const char *title; /* of the vertical axis */
    const int *methods;
    int n_methods;
} seed_curves;
/* A panel for each condition (rows) and each of the methods: every seed's curve thin, and their
 * mean. */
bool plot_seed_curves(const experiment *e, gr_graph *g, seed_curves curves);

#endif
