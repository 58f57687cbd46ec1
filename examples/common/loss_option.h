/* Losses named on the command line, with parameters: "mse,huber:delta=0.5". */
#ifndef EXAMPLES_LOSS_OPTION_H
#define EXAMPLES_LOSS_OPTION_H

#include "gradus.h"

typedef struct loss_choice {
    const gr_loss_info *info;
    double parameter[GR_LOSS_PARAMETERS];
    char label[48]; /* "huber delta=0.5" */
} loss_choice;

/* Reads names or aliases of the registry, separated by commas, each followed by any number of
 * ":parameter=value", the value a number or one of the parameter's words. Returns how many those
 * are, at most `most`; a name that is not in `allowed` (of the same form), a parameter that the
 * loss has not got or a value outside its range ends the program as options_misuse does. */
int loss_option_parse(const char *program, const char *text, const char *allowed,
                      loss_choice *choices, int most);

/* Cuts the names, with their parameters, at the commas, for a program that knows more of them than
 * losses. Returns how many those are; more than `most` end the program. */
typedef struct method_word {
    char text[64];
} method_word;
int loss_option_words(const char *program, const char *text, method_word *words, int most);

/* The loss of two operands, with the registry's default reduction. */
gr_tensor *loss_option_apply(const loss_choice *choice, gr_tensor *pred, gr_tensor *target);

#endif
