/* Arrays of numbers from the command line: JSON, or the contents of a file.
 *
 *     0.5   [1, 2, 3]   [[1, 2], [3, 4]]   [NaN, Infinity, -Infinity]   @x.npy   @x.csv   @x.json
 *
 * Arrays must be rectangular. In JSON, NaN and Infinity are as Python's json module reads them, and
 * true and false are 1 and 0. A CSV file of one column is a vector (rows), of several a matrix
 * (rows, columns); its first line is a header unless all of its fields are numbers.
 */
#ifndef CLI_ARRAY_H
#define CLI_ARRAY_H

#include "gradus.h"

typedef struct array {
    gr_shape shape;
    int64_t size;
    double *data; /* lasts as long as the graph */
} array;

/* Reads `text`; `what` ("pred") is what messages call it. JSON that is wrong is a misuse, which
 * ends the program; a file that is wrong is the graph's error, and then the result is false. */
bool array_read(gr_graph *g, const char *what, const char *text, array *a);

/* Several arrays: the elements of the outermost brackets, whose shapes may differ, or the rows of a
 * file. How many those are, -1 after the graph's error. */
int array_read_list(gr_graph *g, const char *what, const char *text, array **arrays);

bool array_is_whole(const array *a); /* all elements are whole numbers, as far as there are any */

#endif
