#include "examples/summarize/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* -- Files -- */

path_text result_path(const char *directory, const char *name) {
    path_text path;
    snprintf(path.text, sizeof path.text, "%s/%s", directory, name);
    return path;
}

char *result_file(const char *path, size_t *size) {
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

static gr_csv *read_table(gr_graph *g, const char *directory, const char *name) {
    path_text path = result_path(directory, name);
    if (access(path.text, R_OK) != 0) return NULL;
    gr_csv *csv = gr_csv_read(g, path.text);
    return csv != NULL && csv->rows > 0 ? csv : NULL;
}

static void name_program(result *r) {
    const char *slash = strrchr(r->directory, '/');
    snprintf(r->program, sizeof r->program, "%s", slash == NULL ? r->directory : slash + 1);
    char *end = strstr(r->program, "-out");
    if (end != NULL) *end = '\0';
}

bool result_read(gr_graph *g, const char *directory, result *r) {
    size_t size;
    *r = (result){.directory = directory,
                  .text = result_file(result_path(directory, "report.txt").text, &size)};
    if (r->text == NULL) {
        fprintf(stderr, "summarize: %s has no report.txt: left out\n", directory);
        return false;
    }
    name_program(r);
    r->table = read_table(g, directory, "results.csv");
    r->summary = read_table(g, directory, "summary.csv");
    r->cost = read_table(g, directory, "cost.csv");
    r->advice = read_table(g, directory, "verdicts.csv");
    r->pictures = read_table(g, directory, "pictures.csv");
    return !gr_failed(g);
}

void result_free(result *r) { free(r->text); }

/* -- Cells -- */

const char *result_text(const gr_csv *csv, const char *column, int row) {
    int c = gr_csv_find(csv, column);
    const gr_csv_column *found = c < 0 ? NULL : &csv->column[c];
    bool is_text = found != NULL && found->category != NULL && found->category[row] >= 0;
    return is_text ? found->categories[found->category[row]] : "";
}

double result_number(const gr_csv *csv, const char *column, int row) {
    int c = gr_csv_find(csv, column);
    return c < 0 || csv->column[c].number == NULL ? NAN : csv->column[c].number[row];
}

bool result_is_spread(const gr_csv *csv, int column) {
    static const char end[] = "_spread";
    const char *name = csv->column[column].name;
    size_t n = strlen(name), length = strlen(end);
    return n > length && strcmp(name + n - length, end) == 0;
}

/* So many that a spread shows two digits, a number without spread three. */
static int decimals_for(double mean, double spread) {
    double first = spread > 0 ? spread : fabs(mean);
    int digits = spread > 0 ? 2 : 3;
    if (!(first > 0) || isinf(first)) return 0;
    int decimals = digits - 1 - (int)floor(log10(first));
    return decimals < 0 ? 0 : decimals > 6 ? 6 : decimals;
}

void result_write_number(FILE *to, double mean, double spread, const char *plus_minus) {
    int decimals = decimals_for(mean, spread);
    if (isnan(mean))
        fputs("-", to);
    else
        fprintf(to, "%.*f", decimals, mean);
    if (!isnan(mean) && spread >= 0) fprintf(to, "%s%.*f", plus_minus, decimals, spread);
}

void result_write_cell(FILE *to, const gr_csv *csv, int column, int row, const char *plus_minus) {
    const gr_csv_column *c = &csv->column[column];
    if (c->category != NULL) {
        fputs(c->category[row] < 0 ? "" : c->categories[c->category[row]], to);
        return;
    }
    bool has_spread = column + 1 < csv->columns && result_is_spread(csv, column + 1) &&
                      csv->column[column + 1].number != NULL;
    result_write_number(to, c->number[row], has_spread ? csv->column[column + 1].number[row] : NAN,
                        plus_minus);
}

void result_write_heading(FILE *to, const gr_csv *csv, int column) {
    for (const char *c = csv->column[column].name; *c != '\0'; c++) fputc(*c == '_' ? ' ' : *c, to);
}

/* -- Words -- */

void result_write_cost(FILE *to, const gr_csv *cost) {
    fprintf(to, "%.0f seeds, %.0f s (%.0f s of processor time), %.0f MB of memory.",
            result_number(cost, "seeds", 0), result_number(cost, "seconds", 0),
            result_number(cost, "processor_seconds", 0), result_number(cost, "megabytes", 0));
}

const char *date_and_machine(void) {
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
