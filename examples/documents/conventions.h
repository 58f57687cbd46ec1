/* Where the documents contradict each other, or a document its own code: what each says, what that
 * gives in one example, and which of them the library follows. */
#ifndef DOCUMENTS_CONVENTIONS_H
#define DOCUMENTS_CONVENTIONS_H

#include "examples/documents/claims.h"

enum { MOST_CONVENTIONS = 96 };

typedef struct convention {
    const char *subject; /* with its example: "contrastive loss of a similar pair at D = 0.6" */
    const char *who;     /* documents, or "the library" */
    const char *says;
    double value; /* in the example; NaN where there is none */
} convention;

/* Fills `all` in the order in which they are to be read, a subject after the other, and returns how
 * many there are; 0 after the graph's error. Resets the graph. */
int conventions_compute(gr_graph *g, convention *all);

#endif
