/* Random operands for any loss, made from what its row says of their shapes and values. */
#ifndef LOSS_SAMPLES_H
#define LOSS_SAMPLES_H

#include "tests/unit/loss_call.h"

typedef struct sample_options {
    int alternative; /* which of the shapes "(N) or (N,C)" says; the last one if there are fewer */
    bool optional;   /* give the optional operands too */
    bool wide;       /* values of all sizes that the domain allows, its ends among them */
    int n, c;        /* the sizes of N and C; 4 and 3 where 0, and -1 for 0 */
    int more;        /* how many dimensions ".." stands for; 1 where 0, and -1 for none */
} sample_options;

typedef struct sample_error {
    char text[200];
} sample_error;

/* A call with the row's defaults and random operands, drawn from the graph's generator. False, with
 * a message, if a shape's text can't be read. Shapes are letters with commas between them; "2N",
 * "4", "d.." and ".." are understood, and "any", for which (N,C) stands. */
bool loss_sample(gr_graph *g, const gr_loss_info *loss, sample_options options, loss_call *to,
                 sample_error *error);
/* The same, drawn again until the loss accepts the operands (a class may not be one that a
 * parameter excludes, lengths may not fit). */
bool loss_accepted_sample(gr_graph *g, const gr_loss_info *loss, sample_options options,
                          loss_call *to, sample_error *error);

/* New values from the operand's domain in place of t's. `classes` is the axis of the classes. */
void loss_draw(const gr_operand_info *o, gr_tensor *t, bool wide);

/* The most alternatives that any of the row's shapes has. */
int loss_alternatives(const gr_loss_info *loss);

/* Row i as the test functions see it: skipped by rule where it is no loss (weights, miners and
 * combinations have no reduction). */
bool is_loss(const gr_loss_info *loss);

/* The loss's elements, without a tape: reduction none where the row has it. NULL if it failed. */
gr_tensor *loss_elements(const gr_loss_info *loss, loss_call *l);

#endif
