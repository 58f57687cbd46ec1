/* Names of tensors below a module. */
#ifndef GR_MODULE_INTERNAL_H
#define GR_MODULE_INTERNAL_H

#include "nn/module.h"

#pragma GCC visibility push(hidden)

/* t's name below m, "weight" of a layer whose network calls it "0.weight"; NULL if it has none. */
const char *gr_name_below(const gr_module *m, const gr_tensor *t);

#pragma GCC visibility pop

#endif
