/* The operations by the names that tests/oracle/ops.json.gz has for them. */
#ifndef OP_CASES_H
#define OP_CASES_H

#include "tests/unit/oracle.h"

#define OPS_FILE "tests/oracle/ops.json.gz"

/* The operations in the table: their number, and the i-th's name and family ("reduce"). */
int op_count(void);
const char *op_name(int i);
const char *op_family(int i);
/* Where the case's operation stands in the table; -1 if it is not there. */
int op_of(const cJSON *c);
/* Runs the case's operation with its parameters; an oracle_function. */
gr_tensor *op_run(const cJSON *c, gr_tensor **in);

#endif
