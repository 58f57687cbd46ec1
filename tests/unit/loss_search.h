/* One operand of a loss as the variable, the others fixed: what the tests of the registry's words
 * (convex, differentiable, robust) search through. */
#ifndef LOSS_SEARCH_H
#define LOSS_SEARCH_H

#include "tests/unit/loss_samples.h"

enum { SEARCH_ROOM = 512 };

typedef struct search {
    const gr_loss_info *loss;
    const gr_operand_info *operand;
    loss_call l;
    gr_tensor *x; /* the variable; its elements are changed in place */
} search;

/* Random operands, and the operand of that place as the variable. False if none are found, or if
 * the variable can't be one: a list, integers, or labels beside which the loss is not defined. */
bool search_begin(search *s, gr_graph *g, const gr_loss_info *loss, int operand, bool wide);

/* The loss's elements at x; their number, 0 if it failed. */
int search_values(search *s, double *y);
/* The derivative of the elements' sum at x + t direction, along the direction; x is kept. */
double search_slope(search *s, const double *x, const double *direction, double t);
/* The gradient of the elements' sum at x: its largest element. */
double search_gradient(search *s);

void search_get(const search *s, double *x);
void search_set(search *s, const double *x);

#endif
