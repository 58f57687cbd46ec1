/* Rows of small pictures with a label before each row, as one picture by gnuplot. */
#ifndef EXAMPLES_PICTURE_ROWS_H
#define EXAMPLES_PICTURE_ROWS_H

#include "gradus.h"

typedef struct picture_row {
    const char *label;
    gr_tensor *pictures; /* (N,1,H,W) in [0,1]: as many, and as large, in every row */
} picture_row;

/* directory/NAME.png and .svg; the pictures alone are in directory/NAME-grid.png. Rows without
 * pictures (NULL) are left out. False if there is no picture: a line on stderr has then said
 * why. */
bool picture_rows(const char *directory, const char *name, const picture_row *rows, int n);

#endif
