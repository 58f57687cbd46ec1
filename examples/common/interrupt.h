/* Ctrl-C asks the program to come to an end with what it has; a second one ends it at once. */
#ifndef EXAMPLES_INTERRUPT_H
#define EXAMPLES_INTERRUPT_H

#include <stdbool.h>

void interrupt_catch(void);
/* True once SIGINT or SIGTERM has come. Any thread may ask. */
bool interrupted(void);

#endif
