/* For layers that do what follows them, too. */
#ifndef GR_ACTIVATION_INTERNAL_H
#define GR_ACTIVATION_INTERNAL_H

#include "nn/activation.h"

#pragma GCC visibility push(hidden)

bool gr_is_relu_layer(const gr_module *m);

#pragma GCC visibility pop

#endif
