/* A table that is printed with aligned columns and written as CSV.
 *
 *     table t;
 *     table_init(&t, (column[]){{"loss", "loss"}, {"MAE", "mae"}, {"+-", "mae_spread"}}, 3);
 *     table_text(&t, "huber");
 *     table_number(&t, 15812.4, 0);
 *     table_number(&t, 310.2, 0);       // the row is full, the next cell begins another
 *     table_print(&t, stdout);
 *     table_write(&t, "out", "results.csv");
 *     table_free(&t);
 */
#ifndef EXAMPLES_TABLE_H
#define EXAMPLES_TABLE_H

#include <stdbool.h>
#include <stdio.h>

typedef struct column {
    const char *title; /* over the printed column */
    const char *key;   /* in the header of the CSV file */
} column;

typedef struct cell {
    char *text;    /* of a cell of text; NULL for a number */
    double number; /* NaN is printed as -, and is empty in the CSV file */
    int decimals;  /* of the printed number; the file has all digits */
} cell;

typedef struct table {
    const column *columns;
    cell *cells;
    int n_columns, n_cells, capacity;
    bool failed; /* no memory */
} table;

/* `columns` must live as long as the table. */
void table_init(table *t, const column *columns, int n_columns);
void table_free(table *t);
void table_text(table *t, const char *text);
/* Printed with commas between thousands. */
void table_number(table *t, double number, int decimals);
/* Text to the left, numbers to the right; an empty line where the first column's text changes, if
 * the second is text too. */
void table_print(const table *t, FILE *to);
/* False after a line on stderr. */
bool table_write(const table *t, const char *directory, const char *name);

#endif
