/* Whole files, for the readers of formats. */
#ifndef GR_FILE_INTERNAL_H
#define GR_FILE_INTERNAL_H

#include "core/graph/graph.h"

#pragma GCC visibility push(hidden)

/* The file's bytes and a zero behind them, to be freed by the caller; NULL after an error that
 * begins with `who`. */
char *gr_read_file(gr_graph *g, const char *who, const char *path, size_t *bytes);

#pragma GCC visibility pop

#endif
