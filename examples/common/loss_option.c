#include "examples/common/loss_option.h"

#include <stdlib.h>
#include <string.h>

#include "examples/common/options.h"

enum { WORD = 64 };

/* Copies what comes before a separator or the end, and returns the rest: the separator itself, or
 * "". What is too long is cut off, and then is no name that anybody knows. */
static const char *take_word(const char *text, const char *separators, char *word) {
    size_t length = strcspn(text, separators);
    size_t kept = length < WORD - 1 ? length : WORD - 1;
    memcpy(word, text, kept);
    word[kept] = '\0';
    return text + length;
}

static bool is_allowed(const gr_loss_info *loss, const char *allowed) {
    char name[WORD];
    while (*allowed != '\0') {
        const char *rest = take_word(allowed, ",:", name);
        if (gr_loss_find(name) == loss) return true;
        rest += strcspn(rest, ",");
        allowed = rest + (*rest == ',');
    }
    return false;
}

static bool in_range(const gr_parameter_info *p, double value) {
    return (p->low_open ? value > p->low : value >= p->low) &&
           (p->high_open ? value < p->high : value <= p->high);
}

/* The place of a word among those of a choice, "bernoulli gaussian"; -1 if it is none of them. */
static int find_word(const char *words, const char *wanted) {
    char word[WORD];
    for (int i = 0; *words != '\0'; i++) {
        words = take_word(words, " ", word);
        if (strcmp(word, wanted) == 0) return i;
        words += *words == ' ';
    }
    return -1;
}

static void set_choice(const char *program, loss_choice *choice, int i, const char *value) {
    const char *words = choice->info->parameters[i].choices;
    int place = find_word(words, value);
    if (place < 0) options_misuse(program, "--loss: %s: expected one of: %s", value, words);
    choice->parameter[i] = place;
}

static void set_number(const char *program, loss_choice *choice, int i, const char *text,
                       const char *value) {
    const gr_parameter_info *p = &choice->info->parameters[i];
    char *end;
    choice->parameter[i] = strtod(value, &end);
    if (end == value || *end != '\0' || !in_range(p, choice->parameter[i]))
        options_misuse(program, "--loss: %s: expected a number in %c%g, %g%c", text,
                       p->low_open ? '(' : '[', p->low, p->high, p->high_open ? ')' : ']');
}

/* Reads "name=value" into the choice, and puts it on the label. */
static void set_parameter(const char *program, loss_choice *choice, const char *text) {
    char name[WORD];
    const char *value = take_word(text, "=", name);
    int i = gr_loss_parameter(choice->info, name);
    if (i < 0 || *value != '=')
        options_misuse(program, "--loss: %s: expected name=value with a parameter of %s", text,
                       choice->info->name);
    if (choice->info->parameters[i].kind == GR_CHOICE)
        set_choice(program, choice, i, value + 1);
    else
        set_number(program, choice, i, text, value + 1);
    size_t used = strlen(choice->label);
    snprintf(choice->label + used, sizeof choice->label - used, " %s", text);
}

int loss_option_parse(const char *program, const char *text, const char *allowed,
                      loss_choice *choices, int most) {
    int n = 0;
    for (bool more = true; more; n++) {
        char word[WORD];
        if (n == most) options_misuse(program, "--loss: expected at most %d losses", most);
        text = take_word(text, ",:", word);
        loss_choice *c = &choices[n];
        *c = (loss_choice){.info = gr_loss_find(word)};
        if (c->info == NULL || !is_allowed(c->info, allowed))
            options_misuse(program, "--loss %s: expected all, or some of %s", word, allowed);
        memcpy(c->parameter, gr_loss_defaults(NULL, c->info).parameter, sizeof c->parameter);
        snprintf(c->label, sizeof c->label, "%s", c->info->name);
        while (*text == ':') {
            text = take_word(text + 1, ",:", word);
            set_parameter(program, c, word);
        }
        more = *text == ',';
        text += more;
    }
    return n;
}

int loss_option_words(const char *program, const char *text, method_word *words, int most) {
    int n = 0;
    for (bool more = true; more; n++) {
        size_t length = strcspn(text, ",");
        if (n == most) options_misuse(program, "--loss: expected at most %d methods", most);
        snprintf(words[n].text, sizeof words[n].text, "%.*s", (int)length, text);
        more = text[length] == ',';
        text += length + more;
    }
    return n;
}

gr_tensor *loss_option_apply(const loss_choice *choice, gr_tensor *pred, gr_tensor *target) {
    if (pred == NULL || target == NULL) return NULL;
    gr_loss_call call = gr_loss_defaults(pred->graph, choice->info);
    call.operand[0] = pred;
    call.operand[1] = target;
    memcpy(call.parameter, choice->parameter, sizeof call.parameter);
    return gr_loss_apply(choice->info, &call);
}
