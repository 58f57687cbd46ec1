#include "examples/documents/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/cli/json.h"
#include "examples/common/files.h"
#include "examples/common/table.h"

const char *const document_keys[] = {"guide", "practice", "families", "theory", NULL};

static const char *const verdict_names[] = {"agrees", "differs"};

/* -- JSON -- */

void output_json(const claims *c, FILE *to) {
    fputs("[", to);
    for (int i = 0; i < c->n; i++) {
        const claim_row *r = &c->rows[i];
        const char *const fields[][2] = {{"id", r->id},
                                         {"document", r->document},
                                         {"claim", r->claim},
                                         {"stated", r->stated},
                                         {"computed", r->computed},
                                         {"verdict", verdict_names[r->verdict]},
                                         {"why", r->why[0] == '\0' ? NULL : r->why}};
        fputs(i > 0 ? ",\n {" : "\n {", to);
        for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
            fprintf(to, "%s\"%s\": ", k > 0 ? ", " : "", fields[k][0]);
            json_text(to, fields[k][1]);
        }
        fputs("}", to);
    }
    fputs(c->n > 0 ? "\n]\n" : "]\n", to);
}

/* -- Text -- */

/* Broken between words into lines of at most 100 characters. */
static void write_wrapped(FILE *to, const char *indent, const char *text) {
    size_t width = 100 - strlen(indent);
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > width) {
            length = width;
            while (length > 0 && text[length] != ' ') length--;
            if (length == 0) length = strcspn(text, " ");
        }
        fprintf(to, "%s%.*s\n", indent, (int)length, text);
        text += length;
        while (*text == ' ') text++;
    }
}

static void write_counts(const claims *c, FILE *to) {
    int all[2] = {0};
    for (int d = 0; document_keys[d] != NULL; d++) {
        int agree = claims_count(c, document_keys[d], CLAIM_AGREES);
        int differ = claims_count(c, document_keys[d], CLAIM_DIFFERS);
        if (agree + differ == 0) continue;
        fprintf(to, "%-10s %3d rows: %3d agree, %2d differ\n", document_keys[d], agree + differ,
                agree, differ);
        all[0] += agree;
        all[1] += differ;
    }
    fprintf(to, "%-10s %3d rows: %3d agree, %2d differ\n", "all", all[0] + all[1], all[0], all[1]);
}

void output_rows(const claims *c, FILE *to) {
    static const char indent[] = "                      ";
    for (int i = 0; i < c->n; i++) {
        const claim_row *r = &c->rows[i];
        char numbers[400];
        snprintf(numbers, sizeof numbers, "stated: %s; computed: %s", r->stated, r->computed);
        fprintf(to, "%-12s %-7s  %s\n", r->id, verdict_names[r->verdict], r->claim);
        write_wrapped(to, indent, numbers);
        write_wrapped(to, indent, r->why);
    }
    fprintf(to, "\n");
    write_counts(c, to);
}

static bool is_new_subject(const convention *all, int i) {
    return i == 0 || strcmp(all[i].subject, all[i - 1].subject) != 0;
}

void output_conventions(const convention *all, int n, FILE *to) {
    for (int i = 0; i < n; i++) {
        if (is_new_subject(all, i)) fprintf(to, "%s\n", all[i].subject);
        fprintf(to, "    %s: %s", all[i].who, all[i].says);
        if (!isnan(all[i].value)) fprintf(to, ": %.4g", all[i].value);
        fprintf(to, "\n");
    }
}

/* -- CSV -- */

bool output_results(const claims *c, const char *directory) {
    static const column columns[] = {
        {"id", "id"},         {"document", "document"}, {"claim", "claim"},
        {"stated", "stated"}, {"computed", "computed"}, {"verdict", "verdict"}};
    table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (int i = 0; i < c->n; i++) {
        const claim_row *r = &c->rows[i];
        table_text(&t, r->id);
        table_text(&t, r->document);
        table_text(&t, r->claim);
        table_text(&t, r->stated);
        table_text(&t, r->computed);
        table_text(&t, verdict_names[r->verdict]);
    }
    bool written = table_write(&t, directory, "results.csv");
    table_free(&t);
    return written;
}

/* -- Markdown -- */

static const char BEGIN[] = "<!-- documents -->\n", END[] = "<!-- end of documents -->";

/* Text in a cell, in which a bar would end it and stars and tags would mean something. */
static void write_cell(FILE *to, const char *text) {
    fputc(' ', to);
    for (; *text != '\0'; text++) {
        if (strchr("|*<_^~", *text) != NULL) fputc('\\', to);
        fputc(*text, to);
    }
    fputs(" |", to);
}

static void write_wrong(const claims *c, FILE *to) {
    fprintf(to, "### What the documents get wrong\n\n"
                "| claim | stated | computed | why |\n|---|---|---|---|\n");
    for (int i = 0; i < c->n; i++) {
        const claim_row *r = &c->rows[i];
        if (r->verdict != CLAIM_DIFFERS) continue;
        fprintf(to, "| %s:", r->id);
        write_cell(to, r->claim);
        write_cell(to, r->stated);
        write_cell(to, r->computed);
        write_cell(to, r->why);
        fputs("\n", to);
    }
    fprintf(to, "\nRows that agree and that differ:");
    for (int d = 0; document_keys[d] != NULL; d++)
        fprintf(to, "%s %s %d and %d", d > 0 ? "," : "", document_keys[d],
                claims_count(c, document_keys[d], CLAIM_AGREES),
                claims_count(c, document_keys[d], CLAIM_DIFFERS));
    fprintf(to, ".\n");
}

static void write_conventions(const convention *all, int n, FILE *to) {
    fprintf(to, "\n### Where they contradict each other\n\n"
                "| | document | says | gives |\n|---|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        fputs("|", to);
        write_cell(to, is_new_subject(all, i) ? all[i].subject : "");
        write_cell(to, all[i].who);
        write_cell(to, all[i].says);
        if (!isnan(all[i].value)) fprintf(to, " %.4g", all[i].value);
        fputs(" |\n", to);
    }
}

static char *read_text(const char *path) {
    FILE *from = fopen(path, "r");
    char *text = NULL;
    size_t used = 0;
    for (size_t room = 1 << 16; from != NULL; room *= 2) {
        char *more = realloc(text, room + 1);
        if (more == NULL) break;
        text = more;
        used += fread(text + used, 1, room - used, from);
        text[used] = '\0';
        if (used < room) break;
    }
    if (from != NULL) fclose(from);
    return text;
}

bool output_markdown(const claims *c, const convention *all, int n, const char *path) {
    char *text = read_text(path), *begin = text == NULL ? NULL : strstr(text, BEGIN);
    char *end = begin == NULL ? NULL : strstr(begin, END);
    FILE *to = end == NULL ? NULL : fopen(path, "w");
    bool written = false;
    if (to == NULL) {
        fprintf(stderr, "documents: %s can't be written, or has no lines \"%.*s\" and \"%s\"\n",
                path, (int)strlen(BEGIN) - 1, BEGIN, END);
    } else {
        fwrite(text, 1, (size_t)(begin - text) + strlen(BEGIN), to);
        write_wrong(c, to);
        write_conventions(all, n, to);
        fputs(end, to);
        written = files_close(to, path);
    }
    free(text);
    return written;
}
