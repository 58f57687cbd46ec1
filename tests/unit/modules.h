/* What the tests of modules.json share. */
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

#endif
