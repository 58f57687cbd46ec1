/* gradus losses: the catalogue as a table, one loss as a page. */
#define _DEFAULT_SOURCE /* winsize */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "examples/cli/commands.h"
#include "examples/cli/names.h"
#include "examples/cli/parameters.h"

const char help_losses[] =
    "Usage: gradus losses [FAMILY | NAME] [--json | --names]\n"
    "\n"
    "The catalogue of losses, weight functions and miners as a table: all of it or one family; of "
    "one\n"
    "loss, a page: formula, operands with their shapes, parameters with defaults and ranges, when "
    "to use\n"
    "it and when not, reference.\n"
    "\n"
    "  --json   all that is known, as JSON (Infinity as Python's json module writes it)\n"
    "  --names  the names alone; with NAME those of its parameters and operands\n";

enum { PAGE_WIDTH = 100, NARROWEST = 80, WIDEST = 160, GAP = 2 };

/* -- Text in columns -- */

static int page_width(void) {
    struct winsize window;
    const char *columns = getenv("COLUMNS");
    int width = PAGE_WIDTH;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0)
        width = window.ws_col;
    else if (columns != NULL && atoi(columns) > 0)
        width = atoi(columns);
    return width < NARROWEST ? NARROWEST : width > WIDEST ? WIDEST : width;
}

/* How many characters of the text go into a line of this width: up to a blank if there is one. */
static int line_length(const char *text, int width) {
    int n = (int)strlen(text);
    if (n <= width) return n;
    for (n = width; n > 0 && text[n] != ' ';) n--;
    return n > 0 ? n : width;
}

/* Writes the text's next line, filled up with blanks, and returns the rest. */
static const char *write_line(FILE *to, const char *text, int width, bool fill) {
    int n = line_length(text, width);
    fprintf(to, "%.*s%*s", n, text, fill ? width - n : 0, "");
    text += n;
    return text + strspn(text, " ");
}

/* A paragraph, indented. */
static void write_paragraph(FILE *to, int indent, const char *text) {
    do {
        fprintf(to, "%*s", indent, "");
        text = write_line(to, text, page_width() - indent, false);
        fputc('\n', to);
    } while (*text != '\0');
}

/* -- The table -- */

/* A name that is longer stands in a line of its own. */
static int name_width(void) {
    enum { MOST = 20 };
    int width = 4;
    for (int i = 0; i < gr_loss_count(); i++)
        if ((int)strlen(gr_loss_at(i)->name) > width) width = (int)strlen(gr_loss_at(i)->name);
    return width < MOST ? width : MOST;
}

static void write_row(const char *name, const char *marks, const char *purpose,
                      const char *formula) {
    int first = name_width() + GAP + 5 + GAP, rest = page_width() - first - GAP;
    int purpose_width = rest * 2 / 5;
    printf("%-*s", name_width(), name);
    if ((int)strlen(name) > name_width()) printf("\n%*s", name_width(), "");
    printf("  %s  ", marks);
    for (bool more = true; more;) {
        purpose = write_line(stdout, purpose, purpose_width, *formula != '\0');
        if (*formula != '\0') printf("%*s", GAP, "");
        formula = write_line(stdout, formula, rest - purpose_width, false);
        printf("\n");
        more = *purpose != '\0' || *formula != '\0';
        if (more) printf("%*s", first, "");
    }
}

static void write_table_row(const gr_loss_info *loss) {
    char marks[] = "- - -";
    if (loss->convex != NULL) marks[0] = 'c';
    if (loss->differentiable != NULL) marks[2] = 'd';
    if (loss->robust != NULL) marks[4] = 'r';
    write_row(loss->name, marks, loss->purpose, loss->formula);
}

/* The families in the order in which they first come. */
static names family_names(void) {
    names families = {.n = 0};
    for (int i = 0; i < gr_loss_count(); i++) {
        const char *family = gr_loss_at(i)->family;
        if (names_find(&families, family, strlen(family)) < 0) names_add(&families, family);
    }
    return families;
}

static void write_table(const char *only) {
    names families = family_names();
    printf("c: convex, d: differentiable everywhere, r: robust (bounded gradient), in the operand "
           "that its page "
           "names.\n\n");
    write_row("NAME", "c d r", "WHAT FOR", "FORMULA");
    for (int f = 0; f < families.n; f++) {
        if (only != NULL && strcmp(only, families.item[f]) != 0) continue;
        printf("\n[%s]\n", families.item[f]);
        for (int i = 0; i < gr_loss_count(); i++)
            if (strcmp(gr_loss_at(i)->family, families.item[f]) == 0)
                write_table_row(gr_loss_at(i));
    }
    printf("\ngradus losses NAME says all about one of them.\n");
}

/* -- One loss -- */

static const char *kind_text(const gr_operand_info *o) {
    switch (o->kind) {
    case GR_OPERAND_INDEX:
        return "integers";
    case GR_OPERAND_REAL_OR_INDEX:
        return "reals or integers";
    case GR_OPERAND_LIST:
        return "list [ARRAY, ...]";
    case GR_OPERAND_REAL:
        break;
    }
    return "reals";
}

static const char *domain_text(gr_domain domain) {
    switch (domain) {
    case GR_ANY_VALUE:
        return "";
    case GR_POSITIVE:
        return ", positive";
    case GR_UNIT_INTERVAL:
        return ", 0 to 1";
    case GR_BINARY:
        return ", 0 or 1";
    case GR_SIGNS:
        return ", -1 or +1";
    case GR_DISTRIBUTION:
        return ", 0 to 1, adding up to 1";
    case GR_LOG_DISTRIBUTION:
        return ", logarithms of probabilities";
    case GR_CLASSES:
        return ", classes from 0";
    case GR_BOXES:
        return ", corners x1 y1 x2 y2";
    case GR_LENGTHS:
        return ", lengths";
    }
    return "";
}

static void write_usage(FILE *to, const gr_loss_info *loss) {
    char text[1024];
    int n = snprintf(text, sizeof text, "gradus eval %s", loss->name);
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        const gr_operand_info *o = &loss->operands[i];
        n += snprintf(text + n, sizeof text - (size_t)n, o->optional ? " [%s=%s]" : " %s=%s",
                      o->name, o->kind == GR_OPERAND_LIST ? "[ARRAY,...]" : "ARRAY");
    }
    for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " [--%s %s]", loss->parameters[i].name,
                      parameter_default(&loss->parameters[i]).text);
    write_paragraph(to, 2, text);
}

static void write_operands(FILE *to, const gr_loss_info *loss) {
    fprintf(to, "\nOperands\n");
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        const gr_operand_info *o = &loss->operands[i];
        fprintf(to, "  %-14s %-12s %s%s%s%s%s\n", o->name,
                strcmp(o->shape, "any") == 0 ? "any shape" : o->shape, kind_text(o),
                domain_text(o->domain), o->optional ? "; optional" : "",
                o->about != NULL ? ": " : "", o->about != NULL ? o->about : "");
    }
}

static void write_parameters(FILE *to, const gr_loss_info *loss) {
    if (loss->parameters[0].name == NULL) return;
    fprintf(to, "\nParameters (default; range)\n");
    for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++) {
        const gr_parameter_info *p = &loss->parameters[i];
        char range[300];
        snprintf(range, sizeof range, "%s; %s", parameter_default(p).text, parameter_range(p).text);
        fprintf(to, "  --%-15s %-22s %s\n", p->name, range, p->about == NULL ? "" : p->about);
    }
}

static void write_property(FILE *to, const char *what, const char *operand) {
    fprintf(to, "  %-15s %s%s\n", what, operand == NULL ? "no" : "in ",
            operand == NULL ? "" : operand);
}

static void write_properties(FILE *to, const gr_loss_info *loss) {
    fprintf(to, "\nProperties, by default\n");
    write_property(to, "convex", loss->convex);
    write_property(to, "differentiable", loss->differentiable);
    write_property(to, "robust", loss->robust);
    if (loss->low < loss->high)
        fprintf(to, "  %-15s %g to %g%s\n", "range", loss->low, loss->high,
                loss->zero_at_perfect ? "; 0 where the prediction is right" : "");
    fprintf(to, "  %-15s %s\n", "reductions",
            loss->reductions[0] == '\0' ? "none: the result is not reduced" : loss->reductions);
}

static void write_section(FILE *to, const char *title, const char *text) {
    if (text == NULL) return;
    fprintf(to, "\n%s\n", title);
    write_paragraph(to, 2, text);
}

void write_page(FILE *to, const gr_loss_info *loss) {
    fprintf(to, "%s", loss->name);
    for (int i = 0; i < GR_LOSS_ALIASES && loss->aliases[i] != NULL; i++)
        fprintf(to, "%s%s", i == 0 ? " (also " : ", ", loss->aliases[i]);
    fprintf(to, "%s, %s: gr_%s in C\n", loss->aliases[0] != NULL ? ")" : "", loss->family,
            loss->name);
    write_paragraph(to, 2, loss->purpose);
    write_section(to, "Formula", loss->formula);
    write_operands(to, loss);
    write_parameters(to, loss);
    write_properties(to, loss);
    write_section(to, "When to use it", loss->use);
    write_section(to, "When not", loss->avoid);
    write_section(to, "Reference", loss->source);
    fprintf(to, "\nUsage\n");
    write_usage(to, loss);
}

/* -- The command -- */

static void write_names(const gr_loss_info *loss, const char *family) {
    for (int i = 0; loss == NULL && i < gr_loss_count(); i++)
        if (family == NULL || strcmp(gr_loss_at(i)->family, family) == 0)
            printf("%s\n", gr_loss_at(i)->name);
    for (int i = 0; loss != NULL && i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++)
        printf("%s=\n", loss->operands[i].name);
    for (int i = 0; loss != NULL && i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++)
        printf("--%s\n", loss->parameters[i].name);
}

const gr_loss_info *find_loss(const char *word) {
    names known = {.n = 0};
    for (int i = 0; i < gr_loss_count(); i++) names_add(&known, gr_loss_at(i)->name);
    int i = names_find(&known, word, strlen(word));
    return i >= 0 ? gr_loss_at(i) : gr_loss_find(word);
}

const gr_loss_info *get_loss(const char *word) {
    const gr_loss_info *loss = find_loss(word);
    if (loss != NULL) return loss;
    names known = {.n = 0};
    for (int i = 0; i < gr_loss_count(); i++) {
        names_add(&known, gr_loss_at(i)->name);
        for (int k = 0; k < GR_LOSS_ALIASES && gr_loss_at(i)->aliases[k] != NULL; k++)
            names_add(&known, gr_loss_at(i)->aliases[k]);
    }
    misuse_unknown("", "loss", word, &known, "");
}

/* Words are losses' or families' names and options, in any order. */
int command_losses(int n, char **words) {
    bool json = false, only_names = false;
    const char *word = NULL;
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], "--json") == 0)
            json = true;
        else if (strcmp(words[i], "--names") == 0)
            only_names = true;
        else if (words[i][0] == '-' || word != NULL)
            misuse("losses: %s: expected at most one FAMILY or NAME, --json or --names", words[i]);
        else
            word = words[i];
    }
    names families = family_names();
    int f = word == NULL ? -1 : names_find(&families, word, strlen(word));
    const char *family = f < 0 ? NULL : families.item[f];
    const gr_loss_info *loss = word == NULL ? NULL : find_loss(word);
    if (word != NULL && loss == NULL && family == NULL) {
        for (int i = 0; i < gr_loss_count(); i++) names_add(&families, gr_loss_at(i)->name);
        misuse_unknown("losses", "family or loss", word, &families, "");
    }
    if (only_names)
        write_names(loss, family);
    else if (json && loss != NULL)
        write_registry_row(stdout, loss);
    else if (json)
        write_registry(stdout, family);
    else if (loss != NULL)
        write_page(stdout, loss);
    else
        write_table(family);
    return finish_output();
}
