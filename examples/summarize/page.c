#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/advice.h"
#include "examples/common/files.h"
#include "examples/summarize/result.h"

/* -- Text and pictures in HTML -- */

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

/* Of a PNG file, whose header (IHDR) holds it behind 16 bytes; 0 if it is none. */
static unsigned width_of(const char *png, size_t size) {
    unsigned width = 0;
    for (int i = 16; size > 24 && i < 20; i++) width = width << 8 | (unsigned char)png[i];
    return width;
}

/* Pictures have twice the pixels of their size on the page (plot.h). */
static void write_picture(FILE *to, const result *r, int row) {
    char file[256];
    size_t size = 0;
    snprintf(file, sizeof file, "%s.png", result_text(r->pictures, "name", row));
    char *bytes = result_file(result_path(r->directory, file).text, &size);
    if (bytes == NULL) return;
    const char *caption = result_text(r->pictures, "caption", row);
    fprintf(to, "<figure><img width=\"%u\" alt=\"", width_of(bytes, size) / 2);
    escape(to, caption, strlen(caption));
    fprintf(to, "\" src=\"data:image/png;base64,");
    write_base64(to, (const unsigned char *)bytes, size);
    fprintf(to, "\"><figcaption>");
    escape(to, caption, strlen(caption));
    fprintf(to, "</figcaption></figure>\n");
    free(bytes);
}

/* -- A section -- */

static const char *alignment(const gr_csv *csv, int column) {
    return csv->column[column].category == NULL ? " class=\"number\"" : "";
}

static void write_table(FILE *to, const gr_csv *csv) {
    fprintf(to, "<div class=\"wide\"><table><thead><tr>");
    for (int c = 0; c < csv->columns; c++) {
        if (result_is_spread(csv, c)) continue;
        fprintf(to, "<th%s>", alignment(csv, c));
        result_write_heading(to, csv, c);
        fprintf(to, "</th>");
    }
    fprintf(to, "</tr></thead><tbody>\n");
    for (int row = 0; row < csv->rows; row++) {
        fprintf(to, "<tr>");
        for (int c = 0; c < csv->columns; c++) {
            if (result_is_spread(csv, c)) continue;
            fprintf(to, "<td%s>", alignment(csv, c));
            result_write_cell(to, csv, c, row, " &plusmn; ");
            fprintf(to, "</td>");
        }
        fprintf(to, "</tr>\n");
    }
    fprintf(to, "</tbody></table></div>\n");
}

static void write_verdicts(FILE *to, const gr_csv *advice) {
    fprintf(to, "<ul class=\"verdicts\">\n");
    for (int row = 0; row < advice->rows; row++) {
        const char *kind = result_text(advice, "verdict", row);
        const char *words = advice_in_words(result_text(advice, "advice", row));
        const char *why = result_text(advice, "why", row);
        fprintf(to, "<li><b class=\"%s\">%s</b> <i>", kind, kind);
        escape(to, words, strlen(words));
        fprintf(to, "</i><br>");
        escape(to, why, strlen(why));
        fprintf(to, "</li>\n");
    }
    fprintf(to, "</ul>\n");
}

static void write_cost(FILE *to, const gr_csv *cost) {
    fprintf(to, "<p>");
    result_write_cost(to, cost);
    fprintf(to, "</p>\n");
}

static void write_section(FILE *to, const result *r) {
    size_t question = strcspn(r->text, "\n");
    fprintf(to, "<section id=\"%s\"><h2>%s</h2>\n<p class=\"question\">", r->program, r->program);
    escape(to, r->text, question);
    fprintf(to, "</p>\n");
    if (r->advice != NULL) write_verdicts(to, r->advice);
    for (int row = 0; r->pictures != NULL && row < r->pictures->rows; row++)
        write_picture(to, r, row);
    if (r->table != NULL) write_table(to, r->table);
    if (r->cost != NULL) write_cost(to, r->cost);
    fprintf(to, "<details><summary>All that the program says</summary><pre>");
    escape(to, r->text, strlen(r->text));
    fprintf(to, "</pre></details>\n</section>\n");
}

/* -- The page -- */

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
    ".verdicts{padding-left:0;list-style:none}.verdicts li{margin:.6rem 0}.verdicts "
    "b{padding:.05rem .5rem;border-radius:.3rem;"
    "color:#fff;background:#666}\n"
    ".verdicts b.held{background:#00694d}.verdicts b.failed{background:#a33f00}\n"
    ".verdicts b.partly{background:#7a5c00}\n"
    "pre{overflow-x:auto;font-size:.8rem;background:#f6f6f6;padding:.7rem}summary{cursor:pointer}"
    "\n";

bool page_write(const char *path, const char *title, const result *results, int n) {
    FILE *to = fopen(path, "w");
    if (to == NULL) {
        fprintf(stderr, "summarize: can't write %s\n", path);
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
        fprintf(to, "<a href=\"#%s\">%s</a>", results[i].program, results[i].program);
    fprintf(to, "</nav>\n");
    for (int i = 0; i < n; i++) write_section(to, &results[i]);
    fprintf(to, "</body></html>\n");
    return files_close(to, path);
}
