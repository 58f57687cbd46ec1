/* Arrays from and to NumPy's .npy files.
 *
 *     gr_tensor *x = gr_npy_read(g, "x.npy");
 *     gr_npy_write(x, "copy.npy");
 *
 * Formats 1.0 to 3.0; little-endian floats of 4 and 8 bytes, integers of 1 to 8 bytes with and
 * without sign, and booleans; up to 6 dimensions, in C's or Fortran's order. A file of integers or
 * booleans gives a tensor of integers, which must fit into 32 bits; one of floats gives a tensor of
 * reals.
 *
 * Format: numpy.lib.format, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
#ifndef GR_NPY_H
#define GR_NPY_H

#include "core/graph/graph.h"

/* The file's array; it lasts as long as the graph. NULL and an error that names the file if it
 * can't be read, is no .npy file, has elements of another type, or has fewer or more bytes than its
 * header says. */
gr_tensor *gr_npy_read(gr_graph *g, const char *path);
/* The same from memory; `name` is what messages call it. */
gr_tensor *gr_npy_parse(gr_graph *g, const void *bytes, size_t size, const char *name);

/* Writes t in format 1.0, as floats of gr_real's size or as integers of 32 bits: to `path`.tmp,
 * which then takes the place of `path`. False and an error if not all could be written; a file that
 * was there before then stays as it was. */
bool gr_npy_write(const gr_tensor *t, const char *path);

#endif
