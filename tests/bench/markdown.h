/* The bench's tables for the README files, which insert.sh puts there. */
#ifndef MARKDOWN_H
#define MARKDOWN_H

#include "tests/bench/report.h"

/* A table in `directory`/TITLE.md for each title of a workload table, blanks as dashes:
 * training-steps.md. False if it can't be written. */
bool write_markdown(const report *r, const char *directory);

#endif
