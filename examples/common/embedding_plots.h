/* Pictures of embeddings: points in the plane, and what lies nearest to a picture. */
#ifndef EXAMPLES_EMBEDDING_PLOTS_H
#define EXAMPLES_EMBEDDING_PLOTS_H

#include "gradus.h"

enum { EMBEDDING_PLOTS_CLASSES = 10 };

typedef struct embedding_panel {
    const char *title;
    gr_tensor *x; /* (N,D) */
    double score; /* written above it */
} embedding_panel;

/* One thing embedded in several ways: row i of each panel's x is the same picture. */
typedef struct embedding_plots {
    const char *directory;
    const char *score_name;
    const embedding_panel *panels;
    int n_panels;
    const gr_tensor *classes;       /* (N), integers below 10 */
    const char *const *class_names; /* by class */
    const bool *marked;             /* by class: drawn larger, with triangles */
    const char *query;              /* says what the queries are, "an unseen class"; or NULL */
    gr_tensor *pixels;              /* (N,H,W) in [0,1], bright on dark; nearest neighbours only */
} embedding_plots;

/* Draws NAME.png: in each panel all rows on their first two principal components. False after a
 * line on stderr or an error of the graph. */
bool plot_embeddings(const embedding_plots *plots, const char *name);

/* Draws NAME.png: in each panel a row for each of the queries (Q), row numbers, with the picture
 * and its k nearest, framed by whether they are of its class. */
bool plot_neighbours(const embedding_plots *plots, const char *name, const gr_tensor *queries,
                     int k);

#endif
