/* Keeping gradients within bounds before a step, and weights between steps. */
#ifndef GR_CLIP_H
#define GR_CLIP_H

#include "nn/module.h"

/* Between gr_backward and gr_step: the Euclidean norm n of all gradients below the module, taken as
 * one vector (0 if there are none). All are multiplied by min(1, max_norm / (n + 1e-6)), in place:
 * a norm that is nearer than 1e-6 to max_norm is made smaller, too, as is any if max_norm is below
 * 1e-6. An n that is NaN or infinite is returned and leaves the gradients as they are:
 * gr_clear_grads leaves out such a step. With INFINITY it is measured only.
 *
 * NaN after an error: a max_norm that is not at least 0, a module that is NULL, or a graph that has
 * failed before. As torch.nn.utils.clip_grad_norm_. Pascanu, Mikolov and Bengio, "On the difficulty
 * of training recurrent neural networks", ICML 2013, algorithm 1. */
double gr_clip_grad_norm(gr_module *module, double max_norm);

/* Cuts every element of every gradient below the module to [-bound, bound], in place. NaN stays
 * NaN. Errors are those of gr_clip_weights. As torch.nn.utils.clip_grad_value_. */
bool gr_clip_grad_value(gr_module *module, double bound);

/* Cuts every element of every parameter below the module to [-bound, bound], in place; to be called
 * after gr_step, never between a forward and its backward pass. NaN stays NaN. False after an
 * error: a bound that is not at least 0, a module that is NULL, or a graph that has failed before.
 * Arjovsky, Chintala and Bottou, "Wasserstein GAN", ICML 2017, algorithm 1 (with 0.01). */
bool gr_clip_weights(gr_module *module, double bound);

#endif
