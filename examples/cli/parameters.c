#include "examples/cli/parameters.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/cli/names.h"

/* The words with commas between them. */
static void write_choices(const char *words, char *text, size_t size) {
    size_t n = 0;
    for (; *words != '\0' && n + 3 < size; words++) {
        if (*words == ' ') text[n++] = ',';
        text[n++] = *words;
    }
    text[n] = '\0';
}

range_text parameter_range(const gr_parameter_info *p) {
    range_text r = {""};
    if (p->kind == GR_BOOLEAN)
        snprintf(r.text, sizeof r.text, "true or false");
    else if (p->kind == GR_CHOICE)
        write_choices(p->choices, r.text, sizeof r.text);
    else if (p->kind == GR_INTEGER && fabs(p->low) > 1e9 && fabs(p->high) > 1e9)
        snprintf(r.text, sizeof r.text, "any whole number");
    else
        snprintf(r.text, sizeof r.text, "%s%c%g, %g%c", p->kind == GR_INTEGER ? "whole, " : "",
                 p->low_open || isinf(p->low) ? '(' : '[', p->low, p->high,
                 p->high_open || isinf(p->high) ? ')' : ']');
    return r;
}

static void add_choices(const gr_parameter_info *p, names *choices, range_text *storage) {
    names_add_words(choices, p->choices, storage->text, sizeof storage->text);
}

range_text parameter_default(const gr_parameter_info *p) {
    range_text r = {""}, storage;
    names choices = {.n = 0};
    if (p->kind == GR_CHOICE) add_choices(p, &choices, &storage);
    if (p->kind == GR_BOOLEAN)
        snprintf(r.text, sizeof r.text, "%s", p->value != 0 ? "true" : "false");
    else if (p->kind == GR_CHOICE && p->value >= 0 && p->value < choices.n)
        snprintf(r.text, sizeof r.text, "%s", choices.item[(int)p->value]);
    else
        snprintf(r.text, sizeof r.text, "%.15g", p->value);
    return r;
}

bool parameter_is_boolean(const char *word) {
    return strcmp(word, "true") == 0 || strcmp(word, "false") == 0 || strcmp(word, "1") == 0 ||
           strcmp(word, "0") == 0;
}

static double read_choice(const gr_loss_info *loss, const gr_parameter_info *p, const char *word) {
    range_text storage;
    names choices = {.n = 0};
    add_choices(p, &choices, &storage);
    int i = names_find(&choices, word, strlen(word));
    if (i >= 0) return i;
    char where[128];
    snprintf(where, sizeof where, "%s: --%s", loss->name, p->name);
    misuse_unknown(where, "choice", word, &choices, "");
}

double parameter_read(const gr_loss_info *loss, const gr_parameter_info *p, const char *word) {
    if (p->kind == GR_CHOICE) return read_choice(loss, p, word);
    if (p->kind == GR_BOOLEAN) {
        if (!parameter_is_boolean(word))
            misuse("%s: --%s %s: expected true or false", loss->name, p->name, word);
        return word[0] == 't' || word[0] == '1';
    }
    char *end;
    double value = strtod(word, &end);
    if (end == word || *end != '\0')
        misuse("%s: --%s %s: expected a %snumber", loss->name, p->name, word,
               p->kind == GR_INTEGER ? "whole " : "");
    if (p->kind == GR_INTEGER && !(value == floor(value) && value >= INT_MIN && value <= INT_MAX))
        misuse("%s: --%s %s: expected a whole number from %d to %d", loss->name, p->name, word,
               INT_MIN, INT_MAX);
    return value;
}

gr_reduction reduction_read(const gr_loss_info *loss, const char *word) {
    static const char *const all[] = {
        [GR_MEAN] = "mean", [GR_SUM] = "sum", [GR_NONE] = "none", [GR_BATCHMEAN] = "batchmean"};
    char storage[64], where[128];
    names valid = {.n = 0};
    names_add_words(&valid, loss->reductions, storage, sizeof storage);
    if (valid.n == 0) misuse("%s has no reduction, expected no --reduction", loss->name);
    if (names_find(&valid, word, strlen(word)) >= 0)
        for (int i = 0; i < (int)(sizeof all / sizeof *all); i++)
            if (strcmp(all[i], word) == 0) return (gr_reduction)i;
    snprintf(where, sizeof where, "%s: --reduction", loss->name);
    misuse_unknown(where, "reduction", word, &valid, "");
}
