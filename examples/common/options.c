#define _GNU_SOURCE /* getopt_long */
#include "examples/common/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What getopt returns for the options: FIRST and up, which no letter of a short option is. */
enum { MAX_OPTIONS = 64, FIRST = 256, HELP = FIRST + MAX_OPTIONS };

void options_misuse(const char *program, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (%s --help shows all options)\n", program);
    va_end(arguments);
    exit(2);
}

/* -- Help -- */

static void print_default(const option_row *o) {
    if (o->kind == OPTION_INTEGER) printf(" [%d", *(const int *)o->value);
    if (o->kind == OPTION_NUMBER) printf(" [%g", *(const double *)o->value);
    if (o->kind == OPTION_TEXT && *(const char *const *)o->value != NULL)
        printf(" [%s", *(const char *const *)o->value);
    else if (o->kind == OPTION_TEXT || o->kind == OPTION_FLAG)
        return;
    if (o->quick != 0) printf("; %g with --quick", o->quick);
    printf("]");
}

void options_print_value(const option_row *o, FILE *to) {
    switch (o->kind) {
    case OPTION_FLAG:
        if (*(const bool *)o->value) fprintf(to, "--%s\n", o->name);
        break;
    case OPTION_INTEGER:
        fprintf(to, "--%s %d\n", o->name, *(const int *)o->value);
        break;
    case OPTION_NUMBER:
        fprintf(to, "--%s %.17g\n", o->name, *(const double *)o->value);
        break;
    case OPTION_TEXT:
        if (*(const char *const *)o->value != NULL)
            fprintf(to, "--%s %s\n", o->name, *(const char *const *)o->value);
        break;
    }
}

/* Ends the program. */
static void print_help(const char *program, const char *purpose, const char *rest,
                       const option_row *options) {
    printf("Usage: %s [options]%s%s\n\n%s\n\nOptions, with their defaults in brackets:\n", program,
           rest == NULL ? "" : " ", rest == NULL ? "" : rest, purpose);
    for (const option_row *o = options; o->name != NULL; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument == NULL ? "" : " ",
                 o->argument == NULL ? "" : o->argument);
        printf("  %-18s %s", left, o->about);
        print_default(o);
        printf("\n");
    }
    printf("  %-18s %s\n", "--help", "prints this");
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written) fprintf(stderr, "%s: can't write all of the output\n", program);
    exit(!written);
}

/* -- Values -- */

static void set_integer(const char *program, const option_row *o, const char *text) {
    char *rest;
    errno = 0;
    long value = strtol(text, &rest, 10);
    if (rest == text || *rest != '\0' || errno != 0 || value < o->low || value > o->high)
        options_misuse(program, "--%s %s: expected a whole number from %.0f to %.0f", o->name, text,
                       o->low, o->high);
    *(int *)o->value = (int)value;
}

static void set_number(const char *program, const option_row *o, const char *text) {
    char *rest;
    double value = strtod(text, &rest);
    if (rest == text || *rest != '\0' || !(value >= o->low && value <= o->high))
        options_misuse(program, "--%s %s: expected a number from %g to %g", o->name, text, o->low,
                       o->high);
    *(double *)o->value = value;
}

static void set_value(const char *program, const option_row *o, const char *text) {
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->value = true;
        break;
    case OPTION_INTEGER:
        set_integer(program, o, text);
        break;
    case OPTION_NUMBER:
        set_number(program, o, text);
        break;
    case OPTION_TEXT:
        if (text[0] == '\0')
            options_misuse(program, "--%s: expected a text, not an empty one", o->name);
        *(const char **)o->value = text;
        break;
    }
}

/* With --quick, what was not given takes its shorter default. */
static void make_quick(const option_row *options, const bool *given) {
    bool quick = false;
    for (int i = 0; options[i].name != NULL; i++)
        if (strcmp(options[i].name, "quick") == 0) quick = *(const bool *)options[i].value;
    for (int i = 0; quick && options[i].name != NULL; i++) {
        if (given[i] || options[i].quick == 0) continue;
        if (options[i].kind == OPTION_INTEGER) *(int *)options[i].value = (int)options[i].quick;
        if (options[i].kind == OPTION_NUMBER) *(double *)options[i].value = options[i].quick;
    }
}

/* `word` is not the wrong one where getopt stands within "-ab": only optopt knows the letter. */
static void refuse(const char *program, int found, const char *word) {
    if (found == ':') options_misuse(program, "%s: expected a value", word);
    if (optopt >= FIRST) options_misuse(program, "%s: expected no value", word);
    if (optopt != 0) options_misuse(program, "-%c: no such option", optopt);
    options_misuse(program, "%s: no such option", word);
}

int options_parse_some(const char *program, const char *purpose, const char *rest,
                       const option_row *options, int argc, char **argv) {
    struct option names[MAX_OPTIONS + 2] = {{0}};
    bool given[MAX_OPTIONS] = {false};
    int n = 0;
    for (; options[n].name != NULL && n < MAX_OPTIONS; n++)
        names[n] = (struct option){options[n].name,
                                   options[n].kind == OPTION_FLAG ? no_argument : required_argument,
                                   NULL, FIRST + n};
    names[n] = (struct option){"help", no_argument, NULL, HELP};

    opterr = 0; /* the messages are ours */
    for (int found; (found = getopt_long(argc, argv, ":", names, NULL)) != -1;) {
        const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
        if (found == HELP) print_help(program, purpose, rest, options);
        if (found < FIRST) refuse(program, found, word);
        given[found - FIRST] = true;
        set_value(program, &options[found - FIRST], optarg);
    }
    if (rest == NULL && optind < argc)
        options_misuse(program, "%s: expected nothing but options", argv[optind]);
    make_quick(options, given);
    return optind;
}

void options_parse(const char *program, const char *purpose, const option_row *options, int argc,
                   char **argv) {
    options_parse_some(program, purpose, NULL, options, argc, argv);
}
