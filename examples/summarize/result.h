/* What an experiment has left in its directory: see examples/common/experiment_report.h. */
#ifndef EXAMPLES_SUMMARIZE_RESULT_H
#define EXAMPLES_SUMMARIZE_RESULT_H

#include <stdio.h>

#include "gradus.h"

/* Tables are NULL if they are not there or have no rows. */
typedef struct result {
    const char *directory;
    char program[64]; /* "outliers", of build/outliers-out or build/demo/outliers */
    char *text;       /* report.txt; its first line is the question */
    gr_csv *table;    /* results.csv */
    gr_csv *summary, *cost, *advice, *pictures;
} result;

/* Reads it, its tables into the graph. False if the directory has no report: a line on stderr has
 * said so, or the graph has an error. */
bool result_read(gr_graph *g, const char *directory, result *r);
void result_free(result *r);

typedef struct path_text {
    char text[4096];
} path_text;
path_text result_path(const char *directory, const char *name);
/* The bytes of a file, with a zero behind them, to be freed; NULL if it can't be read. */
char *result_file(const char *path, size_t *size);

/* The text in a column of text; "" if it is missing. */
const char *result_text(const gr_csv *csv, const char *column, int row);
/* NaN if it is missing. */
double result_number(const gr_csv *csv, const char *column, int row);

/* A number with its spread, "12.3 ± 0.4": two digits of the spread, and the mean to the same place;
 * of a number without spread three digits; "-" for NaN. */
void result_write_number(FILE *to, double mean, double spread, const char *plus_minus);
/* A cell of a table whose columns NAME are followed by NAME_spread, or not. */
void result_write_cell(FILE *to, const gr_csv *csv, int column, int row, const char *plus_minus);
/* The column holds the spread of the one before. */
bool result_is_spread(const gr_csv *csv, int column);
/* A column's name in words. */
void result_write_heading(FILE *to, const gr_csv *csv, int column);

/* "5 seeds, 61 s (118 s of processor time), 300 MB of memory." */
void result_write_cost(FILE *to, const gr_csv *cost);

/* "2026-11-22, Linux x86_64, 2 processors" */
const char *date_and_machine(void);

/* -- What is made of results -- */

/* One HTML page, pictures included. False after a line on stderr. */
bool page_write(const char *path, const char *title, const result *results, int n);
/* Replaces what stands between the lines "<!-- SECTION -->" and "<!-- end of SECTION -->" of a
 * Markdown file, for those of the sections results, summary and losses that it has. False after a
 * line on stderr. */
bool markdown_replace(const char *path, const result *results, int n);

#endif
