/* What the tests of modules.json and of layers share. */
#ifndef MODULES_H
#define MODULES_H

#include "nn/module.h"
#include "tests/unit/oracle.h"

/* An operand of the case, as a leaf of the step. */
gr_tensor *modules_operand(gr_graph *g, const cJSON *c, const char *name);
/* Copies the operand to the leaf `to`, of the same shape. */
void modules_copy(const cJSON *c, const char *name, gr_tensor *to);
/* Copies to each of the module's parameters the operand of its name. */
void modules_load(const cJSON *c, gr_module *m);
/* t equals the expected tensor of that name, which fails the running test otherwise. */
void modules_compare(const cJSON *c, const char *name, const gr_tensor *t);
/* The expected gradients "PREFIXgrad NAME" of all parameters. */
void modules_compare_grads(const cJSON *c, const char *prefix, gr_module *m);

/* Compares m with a case of cases.py whose operands are "x" and m's parameters by their names, each
 * of them: value, gradient (by gr_backward and by gr_grads) and second derivatives. */
void modules_check(const cJSON *c, gr_module *m, oracle_stats *stats);

#endif
