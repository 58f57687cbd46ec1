/* Calls of the losses' functions without options: gr_huber(pred, target). */
#ifndef LOSS_DEFAULTS_H
#define LOSS_DEFAULTS_H

#include "losses/loss.h"

typedef gr_tensor *loss_default(const gr_loss_call *call);

/* NULL if the table in loss_defaults.c lacks the name. */
loss_default *loss_default_call(const char *name);

#endif
