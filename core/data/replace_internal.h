/* Files that are replaced as a whole: whoever reads one finds the old or the new one, never a part.
 */
#ifndef GR_REPLACE_INTERNAL_H
#define GR_REPLACE_INTERNAL_H

#include "core/graph/graph.h"

#pragma GCC visibility push(hidden)

/* Lets `write` fill PATH.tmp, syncs it to the disk, renames it to PATH and syncs the directory.
 * `write` returns false with errno set if it can't go on. After an error, which begins with `who`,
 * the file at `path` is as it was and PATH.tmp is gone; a process that is killed may leave PATH.tmp
 * behind, which the next one overwrites. Two that write the same path at once are kept apart by a
 * lock: the later one fails. What is there and no plain file (/dev/stdout, a pipe) is written to
 * directly. */
bool gr_replace_file(gr_graph *g, const char *who, const char *path,
                     bool (*write)(FILE *file, void *context), void *context);

#pragma GCC visibility pop

#endif
