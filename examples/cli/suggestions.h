/* Which losses suit a target, and why. */
#ifndef CLI_SUGGESTIONS_H
#define CLI_SUGGESTIONS_H

#include "examples/cli/profile.h"

/* What a loss gets beside its two operands. */
typedef enum class_weighting {
    NO_WEIGHTS,
    POS_WEIGHT,
    INVERSE_FREQUENCY,
    CLASS_BALANCED
} class_weighting;

typedef struct suggestion {
    const gr_loss_info *loss;
    double parameter[GR_LOSS_PARAMETERS];
    class_weighting weights;
    bool log_link;  /* the network predicts the logarithm */
    char label[64]; /* "huber delta=0.4", "cross_entropy class-balanced" */
    char why[400];
} suggestion;

enum { MOST_SUGGESTIONS = 8 };

/* The best first; returns how many. */
int suggest(const profile *p, suggestion *list);

#endif
