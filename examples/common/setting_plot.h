/* Pictures of what a setting does: a measure against a number that methods differ by. */
#ifndef EXAMPLES_SETTING_PLOT_H
#define EXAMPLES_SETTING_PLOT_H

#include "examples/common/experiment.h"

enum { SETTING_PLOT_POINTS = 16, SETTING_PLOT_LINES = 6 };

/* A line through methods, of the first condition; x > 0 is the setting of each, on an axis of
 * logarithms. A flat one is a single method without the setting, drawn from side to side. */
typedef struct setting_line {
    const char *title;
    int measure, style; /* of plot.h */
    bool flat;
    int n, methods[SETTING_PLOT_POINTS];
    double x[SETTING_PLOT_POINTS];
} setting_line;

typedef struct setting_panel {
    const char *x_title, *y_title;
    int n;
    setting_line lines[SETTING_PLOT_LINES];
} setting_panel;

/* OUT/NAME.png and .svg: the panels side by side, in rows of `columns`; means over the seeds with a
 * standard deviation to both sides. A panel's first lines are its legend's. False if there is no
 * picture; a line on stderr has then said why. */
bool plot_settings(const experiment *e, const setting_panel *panels, int n, int columns,
                   const char *name);

#endif
