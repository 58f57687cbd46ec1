/* A loss's parameters and reductions as words of the command line. */
#ifndef CLI_PARAMETERS_H
#define CLI_PARAMETERS_H

#include "gradus.h"

/* "(0, inf)", "true or false", "minimax, hinge": what the parameter may be. */
typedef struct range_text {
    char text[128];
} range_text;
range_text parameter_range(const gr_parameter_info *p);
/* The default, as it would be written on the command line. */
range_text parameter_default(const gr_parameter_info *p);

/* Whether a boolean's value is this word (true, false, 1 or 0): without one, its name alone is
 * true. */
bool parameter_is_boolean(const char *word);
/* The value that a word stands for; a misuse ends the program. A number outside the range is left
 * to the loss, whose error says so. */
double parameter_read(const gr_loss_info *loss, const gr_parameter_info *p, const char *word);

/* A misuse unless it is one of the loss's reductions. */
gr_reduction reduction_read(const gr_loss_info *loss, const char *word);

#endif
