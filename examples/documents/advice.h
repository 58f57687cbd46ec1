/* The documents' advice, which only training can test: the trainers' verdicts, quoted. */
#ifndef DOCUMENTS_ADVICE_H
#define DOCUMENTS_ADVICE_H

#include "gradus.h"

enum { MOST_ADVICE = 128 };

typedef struct advice_row {
    const char *id, *program;  /* "guide-a", "outliers" */
    const char *verdict, *why; /* "held"; "not run" where no directory has it */
} advice_row;

typedef struct advice_list {
    advice_row rows[MOST_ADVICE];
    int n;
} advice_list;

/* Reads verdicts.csv of n directories that trainers have written; it lasts as long as the graph.
 * Advice on which none of them has a verdict is listed as not run. False after a line on stderr. */
bool advice_read(gr_graph *g, char *const *directories, int n, advice_list *list);

#endif
