/* Tables from CSV files (RFC 4180), as columns of numbers or of categories.
 *
 *     gr_csv *csv = gr_csv_read(g, "ames.csv");
 *     gr_tensor *x = gr_csv_tensor(csv, GR_NAMES("Year_Built", "Neighborhood")); // (rows,1+28)
 *     gr_tensor *y = gr_csv_tensor(csv, GR_NAMES("Sale_Price"));                 // (rows,1)
 *
 * The first line names the columns. A field may stand in double quotes, and then hold separators,
 * line ends and doubled quotes. Lines end with LF, CRLF or CR, the last one with any or none; a BOM
 * of UTF-8 and empty lines are passed over. An empty field, NA or NaN is a missing value. Files may
 * be compressed by gzip, whatever their name says.
 *
 * A column whose fields are all numbers is one of numbers; one field that is not makes it a column
 * of text, and whoever then asks for its numbers is told the line of that field. Numbers are those
 * of strtod in the program's locale ("1e-3", "inf").
 *
 * Errors go to the graph and name file, line and column. What is read lasts as long as the graph.
 */
#ifndef GR_CSV_H
#define GR_CSV_H

#include "core/graph/graph.h"

typedef struct gr_csv_column {
    const char *name;
    double *number;          /* of each row, NaN where missing; NULL in a column of text */
    int32_t *category;       /* of each row, -1 where missing; NULL in a column of numbers */
    const char **categories; /* the different texts, sorted by their bytes */
    int n_categories;
    int first_text; /* the first row whose field is not a number; -1 in a column of numbers */
} gr_csv_column;

typedef struct gr_csv {
    gr_graph *graph;
    const char *path;
    int rows, columns;
    gr_csv_column *column;
    int *line; /* of each row, the line of the file on which it begins; the first is 1 */
} gr_csv;

typedef struct gr_csv_options {
    const char *path;
    char separator; /* ',' unless given */
    bool no_header; /* the first line holds data; the columns are called "1", "2", ... */
} gr_csv_options;

/* gr_csv_read(g, path) or gr_csv_read(g, path, .separator = ';'). NULL if the file can't be read,
 * has no header, a line with more or fewer fields than the header, a column without a name or with
 * one that was there before, a quote that is never closed, text after a closing quote, or a zero
 * byte, or if it is compressed and damaged (checksums are compared). */
#define gr_csv_read(g, ...) gr_csv_read_(g, (gr_csv_options){.separator = ',', .path = __VA_ARGS__})
gr_csv *gr_csv_read_(gr_graph *g, gr_csv_options options);
/* The same from memory; `options.path` is what messages call it. */
gr_csv *gr_csv_parse(gr_graph *g, const char *text, size_t bytes, gr_csv_options options);

/* The column's number, or -1 if there is none (which is no error). */
int gr_csv_find(const gr_csv *csv, const char *name);
/* The column; NULL and an error if there is none of that name. */
const gr_csv_column *gr_csv_get(const gr_csv *csv, const char *name);
/* A column's numbers, NaN where missing; NULL and an error if it is one of text. */
const double *gr_csv_numbers(const gr_csv *csv, const char *name);

/* Names as one argument. */
typedef struct gr_names {
    int n;
    const char *const *items;
} gr_names;
#define GR_NAMES(...)                                                                              \
    ((gr_names){.n = (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),          \
                .items = (const char *[]){__VA_ARGS__}})

/* The columns side by side, (rows, width), lasting. A column of numbers takes one place, NaN where
 * missing; one of text takes as many as it has categories, 1 for the row's own and 0 elsewhere
 * (one-hot), 0 in all where missing. */
gr_tensor *gr_csv_tensor(const gr_csv *csv, gr_names names);
/* The number of places that a column takes in such a tensor; 0 if there is none of that name. */
int gr_csv_width(const gr_csv *csv, const char *name);
/* A column as integers (rows), lasting: the category's number, or the numbers themselves if they
 * are whole and fit. A missing value is an error. */
gr_tensor *gr_csv_labels(const gr_csv *csv, const char *name);

#endif
