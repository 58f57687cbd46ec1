/* A picture of what the methods of an experiment differ by. */
#ifndef EXAMPLES_DIFFERENCE_PLOT_H
#define EXAMPLES_DIFFERENCE_PLOT_H

#include "examples/common/experiment.h"

/* OUT/name.png and .svg: each method's measure minus that of method `base`: seeds as dots, their
 * mean with its 95 % interval; a panel for each condition. False if there is no picture; a line on
 * stderr has then said why. */
bool plot_differences(const experiment *e, int base, int measure, const char *name);

#endif
