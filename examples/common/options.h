/* Command lines: a table of options with defaults, ranges and help.
 *
 *     static int epochs = 40;
 *     static bool quick;
 *     static const option_row options[] = {
 *         {"epochs", "N", OPTION_INTEGER, &epochs, 1, 100000, .quick = 5, .about = "passes over the
 * data"},
 *         {"quick", NULL, OPTION_FLAG, &quick, .about = "a short run"},
 *         {0}};
 *     options_parse("outliers", "What the program does.", options, argc, argv);
 *
 * What the variables hold before is the default. --help prints all of it and ends the program with
 * status 0, or 1 where it can't be written; a mistake ends it with status 2 after one line on stderr
 * that says what was expected.
 */
#ifndef EXAMPLES_OPTIONS_H
#define EXAMPLES_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

typedef enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_INTEGER, /* int */
    OPTION_NUMBER,  /* double */
    OPTION_TEXT     /* const char *, pointing into argv once it was given */
} option_kind;

typedef struct option_row {
    const char *name;     /* without its dashes; NULL ends the table */
    const char *argument; /* what help calls its value; NULL for a flag */
    option_kind kind;
    void *value;
    double low, high; /* the range of integers and numbers, both ends included */
    double quick;     /* unless 0: with --quick, the default of an integer or a number */
    const char *about;
} option_row;

void options_parse(const char *program, const char *purpose, const option_row *options, int argc,
                   char **argv);

/* The same for a program that takes words beside its options, which help calls `rest`: where they
 * begin in argv, behind all options. */
int options_parse_some(const char *program, const char *purpose, const char *rest,
                       const option_row *options, int argc, char **argv);

/* "--epochs 25" and a line end; nothing for a flag that is off. */
void options_print_value(const option_row *option, FILE *to);

/* Ends the program with status 2 after "program: message (program --help shows all options)". */
#if defined(__GNUC__)
__attribute__((noreturn, format(printf, 2, 3)))
#endif
void options_misuse(const char *program, const char *format, ...);

#endif
