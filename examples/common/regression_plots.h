/* Pictures of how well several methods predict numbers, in several states of the data. */
#ifndef EXAMPLES_REGRESSION_PLOTS_H
#define EXAMPLES_REGRESSION_PLOTS_H

#include <stdbool.h>

typedef struct predictions {
    int n;
    double *truth, *predicted;
} predictions;

typedef struct regression_plots {
    const char *directory;
    const char *unit; /* of the axes, "$1000" */
    double scale;     /* from the predictions' unit to that of the axes */
    double low, high; /* of the axes of the true and the predicted number */
    int rows, methods, seeds;
    const char *const *row_titles; /* what the rows are: states of the data */
    const char *const *labels;     /* what the methods are called */
    const predictions *each; /* seed after seed, in it row after row, in it method after method */
} regression_plots;

/* directory/name.png and .svg: predicted against true numbers of the first seed, a panel for each
 * row and method. False if there is no picture; a line on stderr has then said why. */
bool plot_predictions(const regression_plots *plots, const char *name);
/* The mean absolute error of each seed, and below the distribution of predicted - true over all
 * seeds, for each method; a column for each row. */
bool plot_errors(const regression_plots *plots, const char *name);

#endif
