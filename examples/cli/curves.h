/* Values and gradients of elementwise losses over the prediction. */
#ifndef CLI_CURVES_H
#define CLI_CURVES_H

#include "gradus.h"

enum { MOST_CURVES = 8, POINTS = 801 };

typedef struct curve {
    const gr_loss_info *loss;
    double parameter[GR_LOSS_PARAMETERS];
    double operand[GR_LOSS_OPERANDS]; /* of those that are required, but the first */
    double from, to;                  /* range of the first */
    char label[96];                   /* "huber delta=0.5" */
    double x[POINTS], value[POINTS], gradient[POINTS];
} curve;

/* Whether each element of the loss depends on one element of each operand alone, as far as the
 * registry tells. */
bool curve_exists(const gr_loss_info *loss);
/* Defaults of all but x, value and gradient. */
void curve_init(curve *c, const gr_loss_info *loss);
/* Fills x, value and gradient; false after the graph's error. */
bool curve_compute(gr_graph *g, curve *c);

/* directory/name.png and .svg, with the data and gnuplot's script beside them. False after a line
 * on stderr. */
bool curves_draw(const curve *curves, int n, const char *directory, const char *name);

#endif
