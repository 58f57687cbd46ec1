/* What suites do with every case of a file of references. */
#ifndef EVERY_CASE_H
#define EVERY_CASE_H

#include "tests/unit/oracle.h"

/* The function that a case calls; NULL for a case that has a test of its own. */
typedef oracle_function *case_function(const cJSON *c);

/* Fails the running test if a case is off in a graph with these instructions; passes if the
 * processor lacks them. `family` is what the printed line calls the cases. */
void every_case_holds(const char *family, const cJSON *file, case_function *of, const char *isa);

/* The derivatives of every case that is marked as smooth, by central differences. Resets the graph.
 */
void every_case_by_differences(const char *family, const cJSON *file, case_function *of,
                               gr_graph *g);

#endif
