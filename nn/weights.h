/* A module's parameters and buffers to and from safetensors files, under PyTorch's names.
 *
 *     gr_weights_save(net, "net.safetensors");
 *
 * and in Python, for a torch.nn.Module that is made alike,
 *
 *     module.load_state_dict(safetensors.torch.load_file("net.safetensors"))
 *
 * or the reverse:
 *
 *     safetensors.torch.save_file(module.state_dict(), "net.safetensors")
 *
 *     gr_weights_load(net, "net.safetensors");
 *
 * A weights file is what one computes with, here or elsewhere. What a training needs to go on where
 * it stopped (the optimizer's memory, random numbers, the place in the epoch) is in a checkpoint:
 * checkpoint.h.
 */
#ifndef GR_WEIGHTS_H
#define GR_WEIGHTS_H

#include "nn/module.h"

/* Writes all parameters and buffers below m: reals as F32 or F64, as gr_real is, integers as I32.
 * Names are those below m, also if m is part of another module. An existing file is replaced at
 * once, and stays if there is an error (safetensors.h); then, for an m that is NULL, and in a graph
 * that has failed before, the result is false. */
bool gr_weights_save(const gr_module *m, const char *path);

/* Reads the file's tensors into the parameters and buffers below m, reals and integers of any type
 * that safetensors.h names; reals are rounded to gr_real. False after an error, which names the
 * tensor, and then nothing has changed: a file that is damaged, a parameter or buffer that it does
 * not hold, one more than m has, another shape than expected, integers instead of reals or the
 * reverse. */
bool gr_weights_load(gr_module *m, const char *path);

#endif
