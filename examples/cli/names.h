/* Names on the command line, and what is said where one is not known.
 *
 * Every misuse ends the program with status 2 after one line on stderr.
 */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
__attribute__((noreturn, format(printf, 1, 2)))
#endif
void misuse(const char *format, ...);

/* Some names, not owned. */
enum { MOST_NAMES = 256 };
typedef struct names {
    const char *item[MOST_NAMES];
    int n;
} names;

void names_add(names *to, const char *name);
/* The words of a text with blanks between them; their place is kept in `storage`. */
void names_add_words(names *to, const char *words, char *storage, size_t size);

/* Whether the first `length` characters of `word` are `name`, - and _ taken for the same. */
bool names_equal(const char *name, const char *word, size_t length);
/* The place of the word, -1 if it is none of them. */
int names_find(const names *known, const char *word, size_t length);

/* "huber: no parameter --dleta: did you mean --delta? Expected --delta or --reduction". `where` may
 * be
 * ""; `prefix` stands before each name. */
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void misuse_unknown(const char *where, const char *what, const char *word, const names *known,
                    const char *prefix);

#endif
