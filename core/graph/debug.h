/* Looking inside: a tensor's elements, the tape as a picture, the first value that went wrong. */
#ifndef GR_DEBUG_H
#define GR_DEBUG_H

#include "core/graph/graph.h"

/* Writes name, shape and elements, in rows and nested brackets; long dimensions are shortened to
 * their first and last three. "NULL" for NULL. */
void gr_print(const gr_tensor *t, FILE *file);

/* Writes the tape in Graphviz's language: leaves as boxes, green if they ask for a gradient,
 * operations as ellipses, yellow if nothing uses the result, each with its name and shape;
 * `dot -Tsvg` draws it. False if a write failed. */
bool gr_write_dot(const gr_graph *g, FILE *file);

/* Turns the anomaly mode on or off: while it is on, every value and every gradient is looked at,
 * and the first operation whose result has a NaN or an infinity is an error, with the ranges of its
 * operands: "gr_log: the result y (3) is -inf at (1); x (3) is in [-1, 2]". In a backward pass the
 * message also names the operation whose gradient was being computed. */
void gr_set_anomaly(gr_graph *g, bool on);

/* Range of the finite elements, and how many are NaN or infinite. */
typedef struct gr_range {
    double min, max; /* NaN if no element is finite */
    int64_t nans, infinities;
} gr_range;
gr_range gr_range_of(const gr_tensor *t);

#endif
