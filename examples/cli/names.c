#include "examples/cli/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void misuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "gradus: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(2);
}

void names_add(names *to, const char *name) {
    if (to->n < MOST_NAMES) to->item[to->n++] = name;
}

void names_add_words(names *to, const char *words, char *storage, size_t size) {
    snprintf(storage, size, "%s", words);
    for (char *word = strtok(storage, " "); word != NULL; word = strtok(NULL, " "))
        names_add(to, word);
}

static char folded(char c) { return c == '-' ? '_' : c; }

bool names_equal(const char *name, const char *word, size_t length) {
    if (strlen(name) != length) return false;
    for (size_t i = 0; i < length; i++)
        if (folded(name[i]) != folded(word[i])) return false;
    return true;
}

int names_find(const names *known, const char *word, size_t length) {
    for (int i = 0; i < known->n; i++)
        if (names_equal(known->item[i], word, length)) return i;
    return -1;
}

/* -- Did you mean -- */

enum { LONGEST = 63 };

static int least(int a, int b) { return a < b ? a : b; }

/* Letters to insert, leave out, change or exchange with their neighbour (restricted
 * Damerau-Levenshtein distance). */
static int distance(const char *a, const char *b) {
    int d[LONGEST + 1][LONGEST + 1];
    int na = (int)strlen(a), nb = (int)strlen(b);
    if (na > LONGEST || nb > LONGEST) return LONGEST;
    for (int i = 0; i <= na; i++) {
        for (int j = 0; j <= nb; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            bool same = folded(a[i - 1]) == folded(b[j - 1]);
            d[i][j] = least(d[i - 1][j - 1] + !same, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[na][nb];
}

/* The name that was probably meant; NULL if none is near. */
static const char *nearest(const names *known, const char *word) {
    const char *best = NULL;
    int best_distance = (int)strlen(word) / 3 + 2;
    for (int i = 0; i < known->n; i++) {
        int d = distance(known->item[i], word);
        if (d < best_distance && d < (int)strlen(known->item[i])) {
            best_distance = d;
            best = known->item[i];
        }
    }
    for (int i = 0; best == NULL && strlen(word) > 2 && i < known->n; i++)
        if (strncmp(known->item[i], word, strlen(word)) == 0) best = known->item[i];
    return best;
}

static void write_expected(const names *known, const char *prefix) {
    enum { MOST_LISTED = 40 };
    if (known->n == 0) fprintf(stderr, "none");
    if (known->n > MOST_LISTED) fprintf(stderr, "one of those that gradus losses shows");
    for (int i = 0; i < known->n && known->n <= MOST_LISTED; i++) {
        const char *between = i + 1 == known->n ? " or " : ", ";
        fprintf(stderr, "%s%s%s", i == 0 ? "" : between, prefix, known->item[i]);
    }
    fprintf(stderr, "\n");
}

void misuse_unknown(const char *where, const char *what, const char *word, const names *known,
                    const char *prefix) {
    const char *colon = where[0] == '\0' ? "" : ": ", *meant = nearest(known, word);
    fprintf(stderr, "gradus: %s%sno %s %s%s", where, colon, what, prefix, word);
    if (meant != NULL)
        fprintf(stderr, ": did you mean %s%s? Expected ", prefix, meant);
    else
        fprintf(stderr, ", expected ");
    write_expected(known, prefix);
    exit(2);
}
