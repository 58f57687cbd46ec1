/* What an experiment says: its table, comparisons, and a verdict in words.
 *
 * All that is said goes to stdout and to OUT/report.txt. Differences are taken seed by seed, with
 * their 95 % interval (stats.h); "clearly" means that the interval does not hold 0.
 */
#ifndef EXAMPLES_EXPERIMENT_REPORT_H
#define EXAMPLES_EXPERIMENT_REPORT_H

#include "examples/common/experiment.h"
#include "examples/common/stats.h"

/* Begins OUT/report.txt anew with the question, and OUT/verdicts.csv and OUT/pictures.csv. False
 * after a line on stderr. */
bool experiment_report_begin(experiment *e);
void experiment_report_end(experiment *e);
/* Says a piece of text, as printf. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void experiment_say(experiment *e, const char *format, ...);

/* Says the table of mean and spread over the seeds, a row for each condition and method, and writes
 * it to OUT/results.csv; to OUT/summary.csv the main measure of each with the method's losses and
 * its place among the methods; to OUT/cost.csv the time and the memory that the trainings took,
 * with those of the runs that this one resumed. */
bool experiment_table(experiment *e);

double experiment_mean(const experiment *e, int condition, int method, int measure);
double experiment_spread(const experiment *e, int condition, int method, int measure);
/* Of method a minus method b. */
difference experiment_difference(const experiment *e, int condition, int a, int b, int measure);
/* 1 if a is clearly better than b by that measure, -1 if clearly worse, 0 if neither. */
int experiment_better(const experiment *e, int condition, int a, int b, int measure);
/* The method with the best mean; one that has come to no number is never best unless all have. */
int experiment_best(const experiment *e, int condition, int measure);

/* Says which method is best and how far the others are from it. */
void experiment_ranking(experiment *e, int condition, int measure);

/* Notes that OUT/NAME.png shows what the caption says, so that the report of all experiments has
 * it. */
void experiment_picture(experiment *e, const char *name, const char *caption);

/* What becomes of a piece of advice ("guide-a", "quickref-b": their list is in examples/README.md)
 * by these numbers. Says it and adds it to OUT/verdicts.csv. */
typedef enum experiment_verdict_kind {
    VERDICT_HELD,
    VERDICT_FAILED,
    VERDICT_UNCLEAR,
    VERDICT_PARTLY
} experiment_verdict_kind;
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void experiment_verdict(experiment *e, const char *advice, experiment_verdict_kind kind,
                        const char *format, ...);

#endif
