/* Whole files, for the readers and writers of formats. */
#ifndef GR_FILE_INTERNAL_H
#define GR_FILE_INTERNAL_H

#include "core/graph/graph.h"

#pragma GCC visibility push(hidden)

/* The file's bytes and a zero behind them, to be freed by the caller; NULL after an error that
 * begins with `who`. */
char *gr_read_file(gr_graph *g, const char *who, const char *path, size_t *bytes);

/* A file that gets its name when it is whole: it is written as `path`.part and renamed, so that
 * nobody reads half of it and a failure leaves the old one as it was. What is there and no plain
 * file (/dev/stdout, a pipe) is written to directly. */
typedef struct gr_new_file {
    FILE *file;
    char *part; /* NULL if it is written to directly */
} gr_new_file;

/* False after an error that begins with `who`. */
bool gr_new_file_open(gr_new_file *f, gr_graph *g, const char *who, const char *path);
/* Closes the file and gives it its name if all was written and `good`; otherwise removes it. False
 * after an error, which is this function's own only if `good`. */
bool gr_new_file_close(gr_new_file *f, gr_graph *g, const char *who, const char *path, bool good);

#pragma GCC visibility pop

#endif
