#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/advice.h"
#include "examples/common/files.h"
#include "examples/summarize/result.h"

/* -- results: each experiment with its table -- */

static void write_table(FILE *to, const gr_csv *csv) {
    for (int line = -2; line < csv->rows; line++) {
        fprintf(to, "|");
        for (int c = 0; c < csv->columns; c++) {
            if (result_is_spread(csv, c)) continue;
            bool number = csv->column[c].category == NULL;
            fprintf(to, " ");
            if (line == -2) result_write_heading(to, csv, c);
            if (line == -1) fputs(number ? "---:" : "---", to);
            if (line >= 0) result_write_cell(to, csv, c, line, " ± ");
            fprintf(to, " |");
        }
        fprintf(to, "\n");
    }
}

static void write_head(FILE *to) {
    fprintf(to, "Means ± spread (standard deviation) over the seeds; %s.\n", date_and_machine());
}

static void write_results(FILE *to, const result *results, int n) {
    write_head(to);
    for (int i = 0; i < n; i++) {
        const result *r = &results[i];
        fprintf(to, "\n### %s\n\n%.*s", r->program, (int)strcspn(r->text, "\n"), r->text);
        if (r->cost != NULL) fprintf(to, " ");
        if (r->cost != NULL) result_write_cost(to, r->cost);
        fprintf(to, "\n\n");
        for (int row = 0; r->advice != NULL && row < r->advice->rows; row++) {
            const char *advice = result_text(r->advice, "advice", row);
            fprintf(to, "- *%s* (%s): **%s**. %s\n", advice_in_words(advice), advice,
                    result_text(r->advice, "verdict", row), result_text(r->advice, "why", row));
        }
        fprintf(to, "\n");
        if (r->table != NULL) write_table(to, r->table);
    }
}

/* -- summary: a row for each experiment and condition -- */

/* Of the rows from `first` on that are of its condition the one of that rank, counted from the best
 * (1) or from the worst (-1). */
static int row_of_rank(const gr_csv *summary, int first, int end, int from) {
    int found = first;
    for (int row = first; row < end; row++) {
        double now = result_number(summary, "rank", row),
               then = result_number(summary, "rank", found);
        bool no_number = isnan(result_number(summary, "mean", row));
        if (!no_number && (from > 0 ? now < then : now > then)) found = row;
    }
    return found;
}

static int end_of_condition(const gr_csv *summary, int first) {
    const char *condition = result_text(summary, "condition", first);
    int end = first;
    while (end < summary->rows && result_text(summary, "condition", end) == condition) end++;
    return end;
}

static void write_method(FILE *to, const gr_csv *summary, int row) {
    fprintf(to, " %s: ", result_text(summary, "method", row));
    result_write_number(to, result_number(summary, "mean", row),
                        result_number(summary, "spread", row), " ± ");
    fprintf(to, " |");
}

static void write_summary_rows(FILE *to, const result *r) {
    const gr_csv *s = r->summary;
    for (int first = 0, end; first < s->rows; first = end) {
        end = end_of_condition(s, first);
        bool only = first == 0 && end == s->rows;
        fprintf(to, "| [%s](examples/README.md#%s)%s%s | %s | ", r->program, r->program,
                only ? "" : ", ", only ? "" : result_text(s, "condition", first),
                result_text(s, "measure", first));
        result_write_number(to, result_number(s, "untrained", first), NAN, "");
        fprintf(to, " |");
        write_method(to, s, row_of_rank(s, first, end, -1));
        write_method(to, s, row_of_rank(s, first, end, 1));
        fprintf(to, "\n");
    }
}

static void write_summary(FILE *to, const result *results, int n) {
    write_head(to);
    fprintf(to, "\n| experiment | judged by | untrained | the worst | the best |\n"
                "|---|---|---:|---|---|\n");
    for (int i = 0; i < n; i++)
        if (results[i].summary != NULL) write_summary_rows(to, &results[i]);
    fprintf(to, "\n| advice | put to the test | by the numbers of |\n|---|---|---|\n");
    for (int i = 0; i < n; i++)
        for (int row = 0; results[i].advice != NULL && row < results[i].advice->rows; row++) {
            const gr_csv *advice = results[i].advice;
            fprintf(to, "| %s | **%s**: %s | [%s](examples/README.md#%s) |\n",
                    advice_in_words(result_text(advice, "advice", row)),
                    result_text(advice, "verdict", row), result_text(advice, "why", row),
                    results[i].program, results[i].program);
        }
}

/* -- losses: when to use which, and where that was put to the test -- */

/* The word is among those of `text`, which blanks divide. */
static bool has_word(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += n)
        if ((at == text || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) return true;
    return false;
}

/* The places of the loss among the methods of an experiment: "clean 3 of 8, real 1 of 8". A loss
 * that several methods use has the best of their places. */
static bool write_places(FILE *to, const result *r, const char *loss, const char *before) {
    const gr_csv *s = r->summary;
    bool any = false;
    for (int first = 0, end; s != NULL && first < s->rows; first = end) {
        double best = INFINITY;
        end = end_of_condition(s, first);
        for (int row = first; row < end; row++)
            if (has_word(result_text(s, "losses", row), loss))
                best = fmin(best, result_number(s, "rank", row));
        if (isinf(best)) continue;
        if (!any)
            fprintf(to, "%s[%s](examples/README.md#%s) by %s:", before, r->program, r->program,
                    result_text(s, "measure", first));
        bool only = first == 0 && end == s->rows;
        fprintf(to, "%s%s%s %.0f of %d", any ? "," : "", only ? "" : " ",
                only ? "" : result_text(s, "condition", first), best, end - first);
        any = true;
    }
    return any;
}

static void write_losses(FILE *to, const result *results, int n) {
    const char *family = "";
    fprintf(to, "| loss | use it | its place in the experiments |\n|---|---|---|\n");
    for (int i = 0; i < gr_loss_count(); i++) {
        const gr_loss_info *loss = gr_loss_at(i);
        if (strcmp(loss->family, family) != 0) fprintf(to, "| **%s** | | |\n", loss->family);
        family = loss->family;
        fprintf(to, "| `%s` | %s | ", loss->name, loss->use);
        bool any = false;
        for (int k = 0; k < n; k++)
            any = write_places(to, &results[k], loss->name, any ? "; " : "") || any;
        fprintf(to, "%s |\n", any ? "" : "no experiment here");
    }
}

/* -- The file -- */

typedef struct section {
    const char *name;
    void (*write)(FILE *to, const result *results, int n);
} section;

static const section sections[] = {
    {"results", write_results}, {"summary", write_summary}, {"losses", write_losses}};
enum { SECTIONS = sizeof sections / sizeof *sections };

/* The section whose first line the text begins with, or NULL. */
static const section *section_at(const char *text) {
    for (int i = 0; i < SECTIONS; i++) {
        char begin[64];
        snprintf(begin, sizeof begin, "<!-- %s -->\n", sections[i].name);
        if (strncmp(text, begin, strlen(begin)) == 0) return &sections[i];
    }
    return NULL;
}

/* Copies the text line by line with its sections replaced; how many those were, -1 if one has no
 * end. */
static int copy(FILE *to, const char *text, const result *results, int n) {
    int replaced = 0;
    while (*text != '\0') {
        const section *found = section_at(text);
        size_t line = strcspn(text, "\n");
        line += text[line] == '\n';
        fwrite(text, 1, line, to);
        text += line;
        if (found == NULL) continue;
        char end[64];
        snprintf(end, sizeof end, "<!-- end of %s -->", found->name);
        text = strstr(text, end);
        if (text == NULL) return -1;
        found->write(to, results, n);
        replaced++;
    }
    return replaced;
}

bool markdown_replace(const char *path, const result *results, int n) {
    size_t size = 0, new_size = 0;
    char *text = result_file(path, &size), *new_text = NULL;
    FILE *memory = text == NULL ? NULL : open_memstream(&new_text, &new_size);
    int replaced = memory == NULL ? 0 : copy(memory, text, results, n);
    const char *problem = text == NULL   ? "can't be read"
                          : replaced > 0 ? "can't be written"
                                         : "has no section of results";
    if (memory != NULL) fclose(memory);
    free(text);
    FILE *to = replaced > 0 ? fopen(path, "w") : NULL;
    if (to != NULL) fwrite(new_text, 1, new_size, to);
    free(new_text);
    if (to == NULL)
        fprintf(stderr,
                "summarize: %s %s: expected a file with a line \"<!-- results -->\", summary or "
                "losses, and \"<!-- end of ... -->\" below it\n",
                path, problem);
    return to != NULL && files_close(to, path);
}
