/* What a column that is to be predicted looks like. */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "gradus.h"

typedef enum target_kind { TARGET_REAL, TARGET_COUNT, TARGET_BINARY, TARGET_CLASSES } target_kind;

enum { MOST_CLASSES = 200 };

typedef struct profile {
    const gr_csv *csv;
    const gr_csv_column *column;
    target_kind kind;
    const char *reason; /* for that kind */
    int rows, missing;  /* rows that have a target, and those that have none */
    int distinct;       /* values */

    /* Of numbers. */
    double mean, deviation, median, low, high;
    double scale; /* 1.4826 times the median distance from the median: of a normal distribution its
                      * deviation; 0 if most values are equal */
    double skew;  /* sum (y - mean)^3 / (n deviation^3) */
    double zeros; /* their share */
    double outliers; /* the share with a robust z-score |y - median| / scale of more than 3.5; of
                      * positive numbers that are skewed, that of their logarithms */
    bool of_logarithm;

    /* Of classes, in the order of their values. */
    int classes;
    double value[MOST_CLASSES]; /* of a column of numbers */
    int count[MOST_CLASSES];
    int smallest, largest; /* class */

    /* Of the other columns. */
    int features, features_missing; /* columns; cells */
} profile;

/* `task` is "regression", "counts" or "classes", or NULL for what the column looks like. False if
 * nothing can be said of it: then a misuse, or the graph's error, has been reported. */
bool profile_read(const gr_csv *csv, const char *target, const char *task, profile *p);
/* The name of class c. */
gr_text profile_class_name(const profile *p, int c);
/* The class of a row; -1 if it has none. */
int profile_class(const profile *p, int row);
/* The target of a row as a number; NaN if it has none. */
double profile_number(const profile *p, int row);

/* Says what was seen. */
void profile_print(const profile *p);

#endif
