/* One line on stderr that says how far a program is, and how long it will take.
 *
 *     progress p = progress_begin("training", 90);
 *     for (...) { ...; progress_show(&p, done, "huber, seed 3"); }
 *     progress_end(&p);
 *
 * On a terminal the line is rewritten, at most ten times a second; elsewhere a new line is written
 * every ten seconds. Not to be called by two threads at once.
 */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

#include <stdbool.h>

typedef struct progress {
    const char *what;
    double total;
    double began, shown; /* seconds */
    bool terminal, dirty;
} progress;

progress progress_begin(const char *what, double total);
/* `done` of the total, in its units; `detail` follows in the line, it may be "". */
void progress_show(progress *p, double done, const char *detail);
/* Takes the line away. Returns the seconds since the beginning. */
double progress_end(progress *p);

/* Seconds on a clock that only runs forward. */
double progress_clock(void);

#endif
