/* Pictures of the documents' figures, and of every elementwise loss. */
#ifndef DOCUMENTS_FIGURES_H
#define DOCUMENTS_FIGURES_H

#include "gradus.h"

enum { MOST_PICTURES = 64 };

typedef struct picture {
    char name[64], caption[160];
} picture;

/* Draws into the directory and lists what was drawn. False after a line on stderr, or the graph's
 * error; pictures that were drawn before it are listed. Resets the graph. */
bool figures_draw(gr_graph *g, const char *directory, const char *data, picture *drawn, int *n);

#endif
