/* The tree of questions that ends in a loss. */
#ifndef CLI_QUESTIONS_H
#define CLI_QUESTIONS_H

#include <stdio.h>

/* Asks on stdout and reads answers, the numbers that stand before them, from `from`. Returns the
 * exit status: 1 if the answers end before the questions do. */
int questions_ask(FILE *from);

#endif
