#include "core/data/csv.h"

#include "core/data/file_internal.h"
#include "core/data/gzip_internal.h"
#include "core/graph/graph_internal.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A table in the making. Fields are pointers into `text`, where each was ended with a zero. */
typedef struct reader {
    gr_graph *g;
    const char *path;
    char separator;
    char *at, *end; /* what has not been read yet; *end is 0 and may be written */
    int line;
    char **field; /* row after row; the header is the first */
    size_t n_fields, field_capacity;
    int *row_line;
    size_t n_rows, row_capacity;
    int columns; /* 0 until the first line has been read */
    int first;   /* the row in which data begin: 1 behind a header, else 0 */
} reader;

/* -- Lines and fields -- */

/* Room for one element more than `used`, `items` itself if it has that; NULL if there is no memory.
 */
static void *grown(void *items, size_t used, size_t *capacity, size_t size) {
    if (used < *capacity) return items;
    size_t wanted = *capacity == 0 ? 256 : 2 * *capacity;
    void *bigger = wanted > SIZE_MAX / size ? NULL : realloc(items, wanted * size);
    if (bigger != NULL) *capacity = wanted;
    return bigger;
}

static bool no_memory(const reader *r) {
    gr_fail(r->g, "gr_csv_read: %s:%d: no memory", r->path, r->line);
    return false;
}

static bool is_line_end(char c) { return c == '\n' || c == '\r'; }

/* Steps over one line end. */
static void pass_line_end(reader *r) {
    bool carriage_return = *r->at == '\r';
    r->at++;
    if (carriage_return && r->at < r->end && *r->at == '\n') r->at++;
    r->line++;
}

/* Takes the quotes off in place; leaves r->at behind the closing one. The zero that ends the field
 * is written at *field_end by the caller, once what follows has been looked at. */
static bool read_quoted(reader *r, int column, char **field_end) {
    int begin = r->line;
    char *out = r->at++;
    for (; r->at < r->end; r->at++) {
        if (*r->at == '"') {
            if (r->at + 1 == r->end || r->at[1] != '"') break;
            r->at++;
        } else if (*r->at == '\n' || (*r->at == '\r' && r->at[1] != '\n')) {
            r->line++;
        }
        *out++ = *r->at;
    }
    *field_end = out;
    if (r->at == r->end) {
        gr_fail(r->g, "gr_csv_read: %s:%d: column %d: the quote that begins here is never closed",
                r->path, begin, column);
        return false;
    }
    r->at++;
    if (r->at == r->end || *r->at == r->separator || is_line_end(*r->at)) return true;
    gr_fail(r->g,
            "gr_csv_read: %s:%d: column %d: '%c' after a closing quote, expected '%c' or the "
            "end of the line",
            r->path, r->line, column, *r->at, r->separator);
    return false;
}

/* Reads one field and what ends it; *last says whether that was the line's end. */
static bool read_field(reader *r, int column, bool *last) {
    char **fields = grown(r->field, r->n_fields, &r->field_capacity, sizeof *fields);
    if (fields == NULL) return no_memory(r);
    r->field = fields;
    char *field = r->at, *field_end;
    if (r->at < r->end && *r->at == '"') {
        if (!read_quoted(r, column, &field_end)) return false;
    } else {
        while (r->at < r->end && *r->at != r->separator && !is_line_end(*r->at)) r->at++;
        field_end = r->at;
    }
    *last = r->at == r->end || *r->at != r->separator;
    if (r->at < r->end) {
        if (*last)
            pass_line_end(r);
        else
            r->at++;
    }
    *field_end = '\0';
    r->field[r->n_fields++] = field;
    return true;
}

static bool read_row(reader *r) {
    int *lines = grown(r->row_line, r->n_rows, &r->row_capacity, sizeof *lines);
    if (lines == NULL) return no_memory(r);
    r->row_line = lines;
    int line = r->line, n = 0;
    for (bool last = false; !last; n++) {
        if (n == INT_MAX || (r->columns > 0 && n == r->columns)) {
            gr_fail(r->g,
                    "gr_csv_read: %s:%d: more than %d fields, expected as many as in the first "
                    "line",
                    r->path, line, n);
            return false;
        }
        if (!read_field(r, n + 1, &last)) return false;
    }
    if (r->columns > 0 && n != r->columns) {
        gr_fail(r->g, "gr_csv_read: %s:%d: %d field%s, expected %d as in the first line", r->path,
                line, n, n == 1 ? "" : "s", r->columns);
        return false;
    }
    r->columns = n;
    r->row_line[r->n_rows++] = line;
    return true;
}

/* Passes over the marks that some programs put at the beginning. */
static bool read_mark(reader *r) {
    size_t bytes = (size_t)(r->end - r->at);
    if (bytes >= 3 && memcmp(r->at, "\xEF\xBB\xBF", 3) == 0) r->at += 3;
    if (bytes >= 2 && (memcmp(r->at, "\xFF\xFE", 2) == 0 || memcmp(r->at, "\xFE\xFF", 2) == 0)) {
        gr_fail(r->g, "gr_csv_read: %s is in UTF-16, expected UTF-8 or ASCII", r->path);
        return false;
    }
    return true;
}

static bool read_all(reader *r) {
    if (!read_mark(r)) return false;
    const char *zero = memchr(r->at, '\0', (size_t)(r->end - r->at));
    if (zero != NULL) {
        for (const char *c = r->at; c < zero; c++) r->line += *c == '\n';
        gr_fail(r->g, "gr_csv_read: %s:%d: a zero byte, expected text", r->path, r->line);
        return false;
    }
    while (r->at < r->end) {
        if (is_line_end(*r->at))
            pass_line_end(r);
        else if (!read_row(r))
            return false;
        if (r->line == INT_MAX || r->n_rows == INT_MAX) {
            gr_fail(r->g, "gr_csv_read: %s: more than %d lines", r->path, INT_MAX - 1);
            return false;
        }
    }
    if (r->n_rows > 0) return true;
    gr_fail(r->g, "gr_csv_read: %s is empty, expected a line with the names of the columns",
            r->path);
    return false;
}

/* -- Columns -- */

static bool is_missing(const char *field) {
    return field[0] == '\0' || strcmp(field, "NA") == 0 || strcmp(field, "NaN") == 0 ||
           strcmp(field, "nan") == 0;
}

/* False if the field, blanks around it aside, is not one number. */
static bool parse_number(const char *field, double *value) {
    *value = NAN;
    if (is_missing(field)) return true;
    char *rest;
    *value = strtod(field, &rest);
    return rest != field && rest[strspn(rest, " \t")] == '\0';
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts texts and leaves one of each; returns how many those are. */
static int sort_unique(char **text, int n) {
    if (n == 0) return 0;
    qsort(text, (size_t)n, sizeof *text, compare_texts);
    int kept = 1;
    for (int i = 1; i < n; i++)
        if (strcmp(text[i], text[kept - 1]) != 0) text[kept++] = text[i];
    return kept;
}

static bool make_categories(const reader *r, gr_csv *csv, int c, char **scratch) {
    gr_csv_column *column = &csv->column[c];
    char **field = r->field + r->first * r->columns + c;
    int n = 0;
    for (int i = 0; i < csv->rows; i++)
        if (!is_missing(field[(size_t)i * (size_t)r->columns]))
            scratch[n++] = field[(size_t)i * (size_t)r->columns];
    column->n_categories = sort_unique(scratch, n);
    column->categories = gr_alloc_lasting(r->g, (size_t)column->n_categories * sizeof(char *));
    column->category = gr_alloc_lasting(r->g, (size_t)csv->rows * sizeof(int32_t));
    if (column->categories == NULL || column->category == NULL) return false;
    for (int k = 0; k < column->n_categories; k++)
        if ((column->categories[k] = gr_copy_string(r->g, scratch[k])) == NULL) return false;
    for (int i = 0; i < csv->rows; i++) {
        const char *text = field[(size_t)i * (size_t)r->columns];
        const char **found = is_missing(text)
                                 ? NULL
                                 : bsearch(&text, column->categories, (size_t)column->n_categories,
                                           sizeof(char *), compare_texts);
        column->category[i] = found == NULL ? -1 : (int32_t)(found - column->categories);
    }
    return true;
}

static bool make_column(const reader *r, gr_csv *csv, int c, char **scratch) {
    gr_csv_column *column = &csv->column[c];
    char **field = r->field + r->first * r->columns + c;
    column->first_text = -1;
    column->number = gr_alloc_lasting(r->g, (size_t)csv->rows * sizeof(double));
    if (column->number == NULL) return false;
    for (int i = 0; i < csv->rows; i++) {
        if (parse_number(field[(size_t)i * (size_t)r->columns], &column->number[i])) continue;
        column->number = NULL;
        column->first_text = i;
        return make_categories(r, csv, c, scratch);
    }
    return true;
}

static bool name_columns(const reader *r, gr_csv *csv) {
    for (int c = 0; c < csv->columns; c++) {
        char number[16];
        snprintf(number, sizeof number, "%d", c + 1);
        const char *name = r->first == 0 ? number : r->field[c];
        if (name[0] == '\0') {
            gr_fail(r->g, "gr_csv_read: %s:%d: column %d has no name", r->path, r->row_line[0],
                    c + 1);
            return false;
        }
        int before = gr_csv_find(csv, name);
        if (before >= 0) {
            gr_fail(r->g, "gr_csv_read: %s:%d: columns %d and %d are both called \"%.60s\"",
                    r->path, r->row_line[0], before + 1, c + 1, name);
            return false;
        }
        if ((csv->column[c].name = gr_copy_string(r->g, name)) == NULL) return false;
    }
    return true;
}

static gr_csv *make_table(const reader *r) {
    gr_csv *csv = gr_alloc_lasting(r->g, sizeof *csv);
    if (csv == NULL) return NULL;
    *csv = (gr_csv){.graph = r->g, .rows = (int)r->n_rows - r->first, .columns = r->columns};
    csv->path = gr_copy_string(r->g, r->path);
    csv->column = gr_alloc_lasting(r->g, (size_t)r->columns * sizeof *csv->column);
    csv->line = gr_alloc_lasting(r->g, (size_t)csv->rows * sizeof *csv->line);
    if (csv->path == NULL || csv->column == NULL || csv->line == NULL) return NULL;
    if (csv->rows > 0)
        memcpy(csv->line, r->row_line + r->first, (size_t)csv->rows * sizeof *csv->line);
    if (!name_columns(r, csv)) return NULL;
    char **scratch = malloc(((size_t)csv->rows + 1) * sizeof *scratch);
    if (scratch == NULL) return gr_fail(r->g, "gr_csv_read: %s: no memory", r->path);
    bool made = true;
    for (int c = 0; c < csv->columns && made; c++) made = make_column(r, csv, c, scratch);
    free(scratch);
    return made ? csv : NULL;
}

/* -- Reading -- */

/* `text` has bytes + 1 characters and is written to. */
static gr_csv *parse(gr_graph *g, char *text, size_t bytes, gr_csv_options options) {
    text[bytes] = '\0';
    if (options.separator == '"' || is_line_end(options.separator) || options.separator == '\0')
        return gr_fail(g, "gr_csv_read: the separator is a quote, a line end or a zero byte, "
                          "expected another character such as ',' or ';'");
    reader r = {.g = g,
                .path = options.path == NULL ? "CSV" : options.path,
                .separator = options.separator,
                .at = text,
                .end = text + bytes,
                .line = 1,
                .first = options.no_header ? 0 : 1};
    gr_csv *csv = read_all(&r) ? make_table(&r) : NULL;
    free(r.field);
    free(r.row_line);
    return csv;
}

gr_csv *gr_csv_parse(gr_graph *g, const char *text, size_t bytes, gr_csv_options options) {
    if (g == NULL) return NULL;
    if (text == NULL) return gr_fail(g, "gr_csv_parse: text is NULL");
    size_t copied = 0;
    const char *damage;
    char *copy = gr_unpack_all(text, bytes, &copied, &damage);
    if (copy == NULL)
        return gr_fail(g, "gr_csv_read: %s: %s", options.path == NULL ? "CSV" : options.path,
                       damage);
    gr_csv *csv = parse(g, copy, copied, options);
    free(copy);
    return csv;
}

gr_csv *gr_csv_read_(gr_graph *g, gr_csv_options options) {
    if (g == NULL) return NULL;
    size_t bytes = 0;
    char *text = gr_read_file(g, "gr_csv_read", options.path, &bytes);
    if (text == NULL) return NULL;
    gr_csv *csv = gr_is_gzip(text, bytes) ? gr_csv_parse(g, text, bytes, options)
                                          : parse(g, text, bytes, options);
    free(text);
    return csv;
}

/* -- Using a table -- */

int gr_csv_find(const gr_csv *csv, const char *name) {
    if (csv == NULL || name == NULL) return -1;
    for (int c = 0; c < csv->columns; c++)
        if (csv->column[c].name != NULL && strcmp(csv->column[c].name, name) == 0) return c;
    return -1;
}

const gr_csv_column *gr_csv_get(const gr_csv *csv, const char *name) {
    if (csv == NULL) return NULL;
    int c = gr_csv_find(csv, name);
    if (c >= 0) return &csv->column[c];
    return gr_fail(csv->graph, "gr_csv_get: %s has no column \"%.60s\"", csv->path,
                   name == NULL ? "NULL" : name);
}

const double *gr_csv_numbers(const gr_csv *csv, const char *name) {
    const gr_csv_column *column = gr_csv_get(csv, name);
    if (column == NULL) return NULL;
    if (column->number != NULL) return column->number;
    return gr_fail(csv->graph, "gr_csv_numbers: %s:%d: column %s: \"%.60s\", expected a number",
                   csv->path, csv->line[column->first_text], name,
                   column->categories[column->category[column->first_text]]);
}

static int column_width(const gr_csv_column *column) {
    return column->number != NULL ? 1 : column->n_categories;
}

int gr_csv_width(const gr_csv *csv, const char *name) {
    int c = gr_csv_find(csv, name);
    return c < 0 ? 0 : column_width(&csv->column[c]);
}

/* Writes a column to its places in rows of `width` elements. */
static void write_column(const gr_csv *csv, const gr_csv_column *column, gr_real *to, int width) {
    for (int i = 0; i < csv->rows; i++, to += width) {
        if (column->number != NULL) {
            to[0] = (gr_real)column->number[i];
        } else {
            for (int k = 0; k < column->n_categories; k++) to[k] = k == column->category[i];
        }
    }
}

gr_tensor *gr_csv_tensor(const gr_csv *csv, gr_names names) {
    if (csv == NULL) return NULL;
    int width = 0;
    for (int i = 0; i < names.n; i++) {
        const gr_csv_column *column = gr_csv_get(csv, names.items[i]);
        if (column == NULL) return NULL;
        if (column_width(column) > INT_MAX - width)
            return gr_fail(csv->graph, "gr_csv_tensor: more than %d places in a row", INT_MAX);
        width += column_width(column);
    }
    gr_tensor *t =
        gr_tensor_new(csv->graph, "gr_csv_tensor", GR_REAL, GR_SHAPE(csv->rows, width), true);
    if (t == NULL) return NULL;
    for (int i = 0, at = 0; i < names.n; i++) {
        const gr_csv_column *column = gr_csv_get(csv, names.items[i]);
        write_column(csv, column, t->data + at, width);
        at += column_width(column);
    }
    return t;
}

gr_tensor *gr_csv_labels(const gr_csv *csv, const char *name) {
    const gr_csv_column *column = gr_csv_get(csv, name);
    if (column == NULL) return NULL;
    gr_tensor *t = gr_tensor_new(csv->graph, "gr_csv_labels", GR_INDEX, GR_SHAPE(csv->rows), true);
    if (t == NULL) return NULL;
    for (int i = 0; i < csv->rows; i++) {
        double value = column->number != NULL ? column->number[i] : column->category[i];
        bool missing = column->number != NULL ? isnan(value) : value < 0;
        if (missing)
            return gr_fail(csv->graph,
                           "gr_csv_labels: %s:%d: column %s: a missing value, expected a "
                           "class",
                           csv->path, csv->line[i], name);
        if (!(value >= INT32_MIN && value <= INT32_MAX) || value != floor(value))
            return gr_fail(csv->graph,
                           "gr_csv_labels: %s:%d: column %s: %g, expected a whole number",
                           csv->path, csv->line[i], name, value);
        t->index[i] = (int32_t)value;
    }
    return t;
}
