/* What becomes of the rows: text, JSON, Markdown, the files of the report. */
#ifndef DOCUMENTS_OUTPUT_H
#define DOCUMENTS_OUTPUT_H

#include "examples/documents/claims.h"
#include "examples/documents/conventions.h"

extern const char *const document_keys[]; /* those with rows; NULL at the end */

/* An array of objects: id, document, claim, stated, computed, verdict, why (null where it says
 * nothing). */
void output_json(const claims *c, FILE *to);
/* Two lines and a reason for each row, and how many agree. */
void output_rows(const claims *c, FILE *to);
void output_conventions(const convention *all, int n, FILE *to);
/* OUT/results.csv. */
bool output_results(const claims *c, const char *directory);
/* Replaces what stands between the lines "<!-- documents -->" and "<!-- end of documents -->" of
 * the file by the table of what the documents get wrong and that of their contradictions. */
bool output_markdown(const claims *c, const convention *all, int n, const char *path);

#endif
