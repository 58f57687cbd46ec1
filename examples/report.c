/* Puts the results of the experiments together: one HTML page with each question, verdict, table and
 * pictures, and with --markdown the same results as a section of a Markdown file.
 *
 *     build/report --html build/report/index.html build/outliers-out build/imbalance-out
 *     build/report --markdown examples/README.md build/outliers-out ...
 *
 * It reads what examples/common/experiment_report.h writes, and computes nothing. The page holds its
 * pictures, so that it can be sent as one file. The section of a Markdown file is what stands
 * between its lines "<!-- results -->" and "<!-- end of results -->".
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "examples/common/files.h"
#include "examples/common/options.h"
#include "gradus.h"

enum { PATH_SIZE = 4096 };
static const char PROGRAM[] = "report";

static const char *html_path, *markdown_path, *title = "Gradus: what choosing a loss does";
static const option_row options[] = {
    {"html", "FILE", OPTION_TEXT, &html_path, .about = "writes the page there"},
    {"markdown", "FILE", OPTION_TEXT, &markdown_path,
     .about = "replaces the section of results in this file"},
    {"title", "TEXT", OPTION_TEXT, &title, .about = "of the page"},
    {0}};

/* -- What an experiment has left -- */

typedef struct result {
    const char *directory;
    char *text;     /* report.txt; its first line is the question */
    gr_csv *table;  /* results.csv */
    gr_csv *advice; /* verdicts.csv */
    gr_csv *pictures;
} result;

static const char *path_in(const char *directory, const char *name) {
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static char *read_bytes(const char *path, size_t *size) {
    FILE *from = fopen(path, "rb");
    if (from == NULL) return NULL;
    char *bytes = NULL;
    *size = 0;
    for (size_t room = 1 << 16;; room *= 2) {
        char *more = realloc(bytes, room + 1);
        if (more == NULL) break;
        bytes = more;
        *size += fread(bytes + *size, 1, room - *size, from);
        if (*size < room) break;
    }
    if (bytes != NULL) bytes[*size] = '\0';
    fclose(from);
    return bytes;
}

/* A table without rows, such as that of no verdicts, has columns without a kind: it is left out. */
static gr_csv *read_table(gr_graph *g, const char *directory, const char *name) {
    gr_csv *csv = gr_csv_read(g, path_in(directory, name));
    return csv != NULL && csv->rows > 0 ? csv : NULL;
}

/* False if the directory has no report. */
static bool read_result(gr_graph *g, const char *directory, result *r) {
    size_t size;
    *r = (result){.directory = directory,
                  .text = read_bytes(path_in(directory, "report.txt"), &size)};
    if (r->text == NULL) {
        fprintf(stderr, "%s: %s has no report.txt: left out\n", PROGRAM, directory);
        return false;
    }
    r->table = read_table(g, directory, "results.csv");
    r->advice = read_table(g, directory, "verdicts.csv");
    r->pictures = read_table(g, directory, "pictures.csv");
    return true;
}

static const char *program_of(const result *r) {
    static char name[64];
    const char *slash = strrchr(r->directory, '/');
    snprintf(name, sizeof name, "%s", slash == NULL ? r->directory : slash + 1);
    char *end = strstr(name, "-out");
    if (end != NULL) *end = '\0';
    return name;
}

/* "" for a cell that is missing. */
static const char *text_at(const gr_csv *csv, const char *column, int row) {
    static char number[32];
    int c = gr_csv_find(csv, column);
    if (c < 0) return "";
    const gr_csv_column *found = &csv->column[c];
    if (found->category != NULL)
        return found->category[row] < 0 ? "" : found->categories[found->category[row]];
    snprintf(number, sizeof number, "%g", found->number[row]);
    return number;
}

/* -- Cells: the mean and the spread of a measure stand in one -- */

static bool is_spread(const char *name) {
    size_t n = strlen(name), end = strlen("_spread");
    return n > end && strcmp(name + n - end, "_spread") == 0;
}

/* Two digits of the spread, and the mean to the same place. */
static int decimals_for(double spread, double mean) {
    double from = spread > 0 ? spread : mean < 0 ? -mean : mean;
    int decimals = 1;
    if (!(from > 0)) return 0;
    while (from < 10 && decimals < 5) from *= 10, decimals++;
    while (from >= 100 && decimals > 0) from /= 10, decimals--;
    return decimals > 0 ? decimals - 1 : 0;
}

static void cell(FILE *to, const gr_csv *csv, int column, int row, const char *plus_minus) {
    const gr_csv_column *c = &csv->column[column];
    if (c->category != NULL) {
        fputs(c->category[row] < 0 ? "" : c->categories[c->category[row]], to);
        return;
    }
    bool has_spread = column + 1 < csv->columns && is_spread(csv->column[column + 1].name) &&
                      csv->column[column + 1].number != NULL;
    double mean = c->number[row], spread = has_spread ? csv->column[column + 1].number[row] : 0;
    if (mean != mean) {
        fputs("-", to);
        return;
    }
    int decimals = decimals_for(spread, mean);
    fprintf(to, "%.*f", decimals, mean);
    if (spread == spread && has_spread) fprintf(to, "%s%.*f", plus_minus, decimals, spread);
}

static void heading(FILE *to, const char *name) {
    for (; *name != '\0'; name++) fputc(*name == '_' ? ' ' : *name, to);
}

/* -- The page -- */

static void escape(FILE *to, const char *text, size_t n) {
    for (size_t i = 0; i < n && text[i] != '\0'; i++) switch (text[i]) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(text[i], to);
        }
}

static void write_base64(FILE *to, const unsigned char *bytes, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned block = (unsigned)bytes[i] << 16 | (i + 1 < n ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (i + 2 < n ? bytes[i + 2] : 0);
        fputc(digits[block >> 18], to);
        fputc(digits[block >> 12 & 63], to);
        fputc(i + 1 < n ? digits[block >> 6 & 63] : '=', to);
        fputc(i + 2 < n ? digits[block & 63] : '=', to);
    }
}

static void write_picture(FILE *to, const result *r, int row) {
    char file[256];
    size_t size = 0;
    snprintf(file, sizeof file, "%s.png", text_at(r->pictures, "name", row));
    char *bytes = read_bytes(path_in(r->directory, file), &size);
    if (bytes == NULL) return;
    const char *caption = text_at(r->pictures, "caption", row);
    fprintf(to, "<figure><img alt=\"");
    escape(to, caption, strlen(caption));
    fprintf(to, "\" src=\"data:image/png;base64,");
    write_base64(to, (const unsigned char *)bytes, size);
    fprintf(to, "\"><figcaption>");
    escape(to, caption, strlen(caption));
    fprintf(to, "</figcaption></figure>\n");
    free(bytes);
}

static void write_html_table(FILE *to, const gr_csv *csv) {
    fprintf(to, "<div class=\"wide\"><table><thead><tr>");
    for (int c = 0; c < csv->columns; c++) {
        if (is_spread(csv->column[c].name)) continue;
        fprintf(to, "<th%s>", csv->column[c].category == NULL ? " class=\"number\"" : "");
        heading(to, csv->column[c].name);
        fprintf(to, "</th>");
    }
    fprintf(to, "</tr></thead><tbody>\n");
    for (int row = 0; row < csv->rows; row++) {
        fprintf(to, "<tr>");
        for (int c = 0; c < csv->columns; c++) {
            if (is_spread(csv->column[c].name)) continue;
            fprintf(to, "<td%s>", csv->column[c].category == NULL ? " class=\"number\"" : "");
            cell(to, csv, c, row, " &plusmn; ");
            fprintf(to, "</td>");
        }
        fprintf(to, "</tr>\n");
    }
    fprintf(to, "</tbody></table></div>\n");
}

static void write_verdicts(FILE *to, const gr_csv *advice) {
    fprintf(to, "<ul class=\"verdicts\">\n");
    for (int row = 0; row < advice->rows; row++) {
        const char *kind = text_at(advice, "verdict", row), *why = text_at(advice, "why", row);
        fprintf(to, "<li><b class=\"%s\">%s</b> ", kind, kind);
        escape(to, why, strlen(why));
        fprintf(to, "</li>\n");
    }
    fprintf(to, "</ul>\n");
}

static void write_section(FILE *to, const result *r) {
    size_t question = strcspn(r->text, "\n");
    fprintf(to, "<section id=\"%s\"><h2>%s</h2>\n<p class=\"question\">", program_of(r),
            program_of(r));
    escape(to, r->text, question);
    fprintf(to, "</p>\n");
    if (r->advice != NULL) write_verdicts(to, r->advice);
    for (int row = 0; r->pictures != NULL && row < r->pictures->rows; row++)
        write_picture(to, r, row);
    if (r->table != NULL) write_html_table(to, r->table);
    fprintf(to, "<details><summary>All that the program says</summary><pre>");
    escape(to, r->text, strlen(r->text));
    fprintf(to, "</pre></details>\n</section>\n");
}

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;"
    "color:#222;background:#fff}\n"
    "h1{font-size:1.6rem}h2{margin:2.5rem 0 .2rem;border-top:1px solid #ddd;padding-top:1rem}\n"
    ".question{font-size:1.15rem;margin:.2rem 0 1rem}\n"
    "nav a{display:inline-block;margin-right:1rem}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.2rem .7rem .2rem 0;text-align:left;white-space:nowrap;vertical-align:top}\n"
    "th.number,td.number{text-align:right}thead th{border-bottom:1px solid #888}\n"
    "figure{margin:1rem 0}figure img{max-width:100%;height:auto}figcaption{color:#555}\n"
    ".verdicts{padding-left:0;list-style:none}.verdicts b{padding:.05rem .5rem;border-radius:.3rem;"
    "color:#fff;background:#666}\n"
    ".verdicts b.held{background:#00694d}.verdicts b.failed{background:#a33f00}\n"
    ".verdicts b.partly{background:#7a5c00}\n"
    "pre{overflow-x:auto;font-size:.8rem;background:#f6f6f6;padding:.7rem}summary{cursor:pointer}"
    "\n";

/* "22 November 2026, Linux x86_64, 2 processors" */
static const char *date_and_machine(void) {
    static char text[256];
    char date[64];
    struct utsname machine = {0};
    time_t now = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%d", localtime(&now));
    uname(&machine);
    snprintf(text, sizeof text, "%s, %s %s, %ld processors", date, machine.sysname, machine.machine,
             sysconf(_SC_NPROCESSORS_ONLN));
    return text;
}

static bool write_page(const char *path, const result *results, int n) {
    FILE *to = fopen(path, "w");
    if (to == NULL) {
        fprintf(stderr, "%s: can't write %s\n", PROGRAM, path);
        return false;
    }
    fprintf(to, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
    escape(to, title, strlen(title));
    fprintf(to, "</title><style>\n%s</style></head><body>\n<h1>", style);
    escape(to, title, strlen(title));
    fprintf(to,
            "</h1>\n<p>%s. Numbers are means &plusmn; spread (standard deviation) over the "
            "seeds.</p>\n<nav>",
            date_and_machine());
    for (int i = 0; i < n; i++)
        fprintf(to, "<a href=\"#%s\">%s</a>", program_of(&results[i]), program_of(&results[i]));
    fprintf(to, "</nav>\n");
    for (int i = 0; i < n; i++) write_section(to, &results[i]);
    fprintf(to, "</body></html>\n");
    return files_close(to, path);
}

/* -- The section of a Markdown file -- */

static const char BEGIN[] = "<!-- results -->\n", END[] = "<!-- end of results -->";

static void write_markdown_table(FILE *to, const gr_csv *csv) {
    for (int line = -2; line < csv->rows; line++) {
        fprintf(to, "|");
        for (int c = 0; c < csv->columns; c++) {
            if (is_spread(csv->column[c].name)) continue;
            bool number = csv->column[c].category == NULL;
            fprintf(to, " ");
            if (line == -2) heading(to, csv->column[c].name);
            if (line == -1) fputs(number ? "---:" : "---", to);
            if (line >= 0) cell(to, csv, c, line, " ± ");
            fprintf(to, " |");
        }
        fprintf(to, "\n");
    }
}

static void write_markdown(FILE *to, const result *results, int n) {
    fprintf(to, "Means ± spread (standard deviation) over the seeds; %s.\n", date_and_machine());
    for (int i = 0; i < n; i++) {
        const result *r = &results[i];
        fprintf(to, "\n### %s\n\n%.*s\n\n", program_of(r), (int)strcspn(r->text, "\n"), r->text);
        for (int row = 0; r->advice != NULL && row < r->advice->rows; row++) {
            fprintf(to, "- **%s** (%s): ", text_at(r->advice, "verdict", row),
                    text_at(r->advice, "advice", row));
            fprintf(to, "%s\n", text_at(r->advice, "why", row));
        }
        fprintf(to, "\n");
        if (r->table != NULL) write_markdown_table(to, r->table);
    }
}

static bool replace_section(const char *path, const result *results, int n) {
    size_t size;
    char *text = read_bytes(path, &size);
    char *begin = text == NULL ? NULL : strstr(text, BEGIN);
    char *end = begin == NULL ? NULL : strstr(begin, END);
    if (end == NULL) {
        fprintf(stderr, "%s: %s has no lines \"%.*s\" and \"%s\"\n", PROGRAM, path,
                (int)strlen(BEGIN) - 1, BEGIN, END);
        free(text);
        return false;
    }
    FILE *to = fopen(path, "w");
    bool written = to != NULL;
    if (to != NULL) {
        fwrite(text, 1, (size_t)(begin - text) + strlen(BEGIN), to);
        write_markdown(to, results, n);
        fputs(end, to);
        written = files_close(to, path);
    }
    free(text);
    return written;
}

/* -- The program -- */

int main(int argc, char **argv) {
    int first = options_parse_some(PROGRAM, "Puts the results of experiments, DIR..., together.",
                                   "DIR...", options, argc, argv);
    int n = 0, given = argc - first;
    if (given == 0) options_misuse(PROGRAM, "expected the directories of results");
    gr_graph *g = gr_graph_new();
    result *results = calloc((size_t)given, sizeof *results);
    for (int i = 0; results != NULL && i < given; i++)
        if (read_result(g, argv[first + i], &results[n])) n++;
    if (gr_failed(g)) fprintf(stderr, "%s: %s\n", PROGRAM, gr_error(g));
    bool good = !gr_failed(g) && n > 0;
    if (good && html_path != NULL) good = write_page(html_path, results, n);
    if (good && markdown_path != NULL) good = replace_section(markdown_path, results, n);
    for (int i = 0; i < n; i++) free(results[i].text);
    free(results);
    gr_graph_free(g);
    return !good;
}
