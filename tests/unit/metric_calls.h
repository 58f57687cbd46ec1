/* The metrics by name, called with an oracle case's operands and parameters. */
#ifndef METRIC_CALLS_H
#define METRIC_CALLS_H

#include "tests/unit/oracle.h"

typedef struct metric_call {
    const char *name; /* "accuracy"; the function is gr_accuracy */
    oracle_function *call;
} metric_call;

/* Ended by one without a name. */
extern const metric_call metric_calls[];

/* NULL if there is none of the name. */
const metric_call *metric_find(const char *name);

#endif
