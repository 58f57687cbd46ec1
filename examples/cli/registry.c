/* The registry as JSON. */
#include <math.h>
#include <string.h>

#include "examples/cli/commands.h"
#include "examples/cli/json.h"
#include "examples/cli/names.h"
#include "examples/cli/parameters.h"

static void write_member(FILE *to, const char *key, const char *text) {
    fprintf(to, "\"%s\": ", key);
    json_text(to, text);
}

static void write_number(FILE *to, const char *key, double value) {
    fprintf(to, "\"%s\": ", key);
    json_number(to, value);
}

static void write_bool(FILE *to, const char *key, bool value) {
    fprintf(to, "\"%s\": %s", key, value ? "true" : "false");
}

static void write_words(FILE *to, const char *key, const char *words) {
    char storage[256];
    names list = {.n = 0};
    if (words != NULL) names_add_words(&list, words, storage, sizeof storage);
    fprintf(to, "\"%s\": [", key);
    for (int i = 0; i < list.n; i++) {
        fputs(i == 0 ? "" : ", ", to);
        json_text(to, list.item[i]);
    }
    fputs("]", to);
}

static void write_operand(FILE *to, const gr_operand_info *o) {
    static const char *const kinds[] = {[GR_OPERAND_REAL] = "real",
                                        [GR_OPERAND_INDEX] = "index",
                                        [GR_OPERAND_REAL_OR_INDEX] = "real_or_index",
                                        [GR_OPERAND_LIST] = "list"};
    static const char *const domains[] = {[GR_ANY_VALUE] = "any",
                                          [GR_POSITIVE] = "positive",
                                          [GR_UNIT_INTERVAL] = "unit_interval",
                                          [GR_BINARY] = "binary",
                                          [GR_SIGNS] = "signs",
                                          [GR_DISTRIBUTION] = "distribution",
                                          [GR_LOG_DISTRIBUTION] = "log_distribution",
                                          [GR_CLASSES] = "classes",
                                          [GR_BOXES] = "boxes",
                                          [GR_LENGTHS] = "lengths"};
    fputs("      {", to);
    write_member(to, "name", o->name);
    fputs(", ", to);
    write_member(to, "shape", o->shape);
    fputs(", ", to);
    write_member(to, "kind", kinds[o->kind]);
    fputs(", ", to);
    write_member(to, "domain", domains[o->domain]);
    fputs(", ", to);
    write_bool(to, "optional", o->optional);
    fputs(", ", to);
    write_member(to, "about", o->about);
    fputs("}", to);
}

static void write_default(FILE *to, const gr_parameter_info *p) {
    fputs("\"default\": ", to);
    if (p->kind == GR_CHOICE)
        json_text(to, parameter_default(p).text);
    else if (p->kind == GR_BOOLEAN)
        fputs(p->value != 0 ? "true" : "false", to);
    else
        json_number(to, p->value);
}

static void write_parameter(FILE *to, const gr_parameter_info *p) {
    static const char *const kinds[] = {[GR_NUMBER] = "number",
                                        [GR_INTEGER] = "integer",
                                        [GR_BOOLEAN] = "boolean",
                                        [GR_CHOICE] = "choice"};
    fputs("      {", to);
    write_member(to, "name", p->name);
    fputs(", ", to);
    write_member(to, "kind", kinds[p->kind]);
    fputs(", ", to);
    write_default(to, p);
    fputs(", ", to);
    if (p->kind == GR_CHOICE) {
        write_words(to, "choices", p->choices);
        fputs(", ", to);
    } else if (p->kind != GR_BOOLEAN) {
        write_number(to, "low", p->low);
        fputs(", ", to);
        write_number(to, "high", p->high);
        fputs(", ", to);
        write_bool(to, "low_open", p->low_open);
        fputs(", ", to);
        write_bool(to, "high_open", p->high_open);
        fputs(", ", to);
    }
    write_member(to, "about", p->about);
    fputs("}", to);
}

static void write_row(FILE *to, const gr_loss_info *loss) {
    const struct {
        const char *key, *text;
    } texts[] = {{"family", loss->family},
                 {"purpose", loss->purpose},
                 {"formula", loss->formula},
                 {"use", loss->use},
                 {"avoid", loss->avoid},
                 {"convex", loss->convex},
                 {"differentiable", loss->differentiable},
                 {"robust", loss->robust},
                 {"source", loss->source}};
    fputs("  {", to);
    write_member(to, "name", loss->name);
    fputs(",\n    \"aliases\": [", to);
    for (int i = 0; i < GR_LOSS_ALIASES && loss->aliases[i] != NULL; i++) {
        fputs(i == 0 ? "" : ", ", to);
        json_text(to, loss->aliases[i]);
    }
    fputs("]", to);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fputs(",\n    ", to);
        write_member(to, texts[i].key, texts[i].text);
    }
    fputs(",\n    \"operands\": [", to);
    for (int i = 0; i < GR_LOSS_OPERANDS && loss->operands[i].name != NULL; i++) {
        fputs(i == 0 ? "\n" : ",\n", to);
        write_operand(to, &loss->operands[i]);
    }
    fputs("],\n    \"parameters\": [", to);
    for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++) {
        fputs(i == 0 ? "\n" : ",\n", to);
        write_parameter(to, &loss->parameters[i]);
    }
    fputs("],\n    ", to);
    write_words(to, "reductions", loss->reductions);
    fputs(",\n    ", to);
    write_number(to, "low", loss->low);
    fputs(", ", to);
    write_number(to, "high", loss->high);
    fputs(", ", to);
    write_bool(to, "zero_at_perfect", loss->zero_at_perfect);
    fputs("}", to);
}

void write_registry_row(FILE *to, const gr_loss_info *loss) {
    write_row(to, loss);
    fputs("\n", to);
}

void write_registry(FILE *to, const char *family) {
    const char *before = "[\n";
    for (int i = 0; i < gr_loss_count(); i++) {
        if (family != NULL && strcmp(gr_loss_at(i)->family, family) != 0) continue;
        fputs(before, to);
        write_row(to, gr_loss_at(i));
        before = ",\n";
    }
    fputs("\n]\n", to);
}
