#include "examples/common/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/files.h"

enum { NUMBER_SIZE = 400 }; /* holds any double, with its commas */

void table_init(table *t, const column *columns, int n_columns) {
    *t = (table){.columns = columns, .n_columns = n_columns};
}

void table_free(table *t) {
    for (int i = 0; i < t->n_cells; i++) free(t->cells[i].text);
    free(t->cells);
    *t = (table){0};
}

static void add_cell(table *t, cell c) {
    if (t->n_cells == t->capacity) {
        int capacity = t->capacity == 0 ? 64 : 2 * t->capacity;
        cell *cells = realloc(t->cells, (size_t)capacity * sizeof *cells);
        if (cells == NULL) {
            t->failed = true;
            free(c.text);
            return;
        }
        t->cells = cells;
        t->capacity = capacity;
    }
    t->cells[t->n_cells++] = c;
}

void table_text(table *t, const char *text) {
    char *copy = malloc(strlen(text) + 1);
    if (copy == NULL)
        t->failed = true;
    else
        add_cell(t, (cell){.text = strcpy(copy, text)});
}

void table_number(table *t, double number, int decimals) {
    add_cell(t, (cell){.number = number, .decimals = decimals});
}

static void put_commas(char *text) {
    char *digits = text + (text[0] == '-');
    size_t whole = strspn(digits, "0123456789");
    for (size_t i = whole; i > 3; i -= 3) {
        char *at = digits + i - 3;
        memmove(at + 1, at, strlen(at) + 1);
        *at = ',';
    }
}

/* What is printed for a cell; `buffer` has NUMBER_SIZE characters. */
static const char *printed(const cell *c, char *buffer) {
    if (c->text != NULL) return c->text;
    if (isnan(c->number)) return "-";
    snprintf(buffer, NUMBER_SIZE - NUMBER_SIZE / 4, "%.*f", c->decimals, c->number);
    put_commas(buffer);
    return buffer;
}

static int rows(const table *t) { return t->n_columns == 0 ? 0 : t->n_cells / t->n_columns; }

static const cell *cell_at(const table *t, int row, int c) {
    return &t->cells[row * t->n_columns + c];
}

static int column_width(const table *t, int c) {
    size_t width = strlen(t->columns[c].title);
    char buffer[NUMBER_SIZE];
    for (int i = 0; i < rows(t); i++) {
        size_t length = strlen(printed(cell_at(t, i, c), buffer));
        if (length > width) width = length;
    }
    return (int)width;
}

static void print_row(const table *t, int row, FILE *to) {
    char buffer[NUMBER_SIZE];
    for (int c = 0; c < t->n_columns; c++) {
        bool left = rows(t) > 0 && cell_at(t, 0, c)->text != NULL;
        const char *text = row < 0 ? t->columns[c].title : printed(cell_at(t, row, c), buffer);
        fprintf(to, "%s%*s", c == 0 ? "" : "  ", left ? -column_width(t, c) : column_width(t, c),
                text);
    }
    fprintf(to, "\n");
}

void table_print(const table *t, FILE *to) {
    print_row(t, -1, to);
    for (int row = 0; row < rows(t); row++) {
        const char *group = cell_at(t, row, 0)->text;
        bool grouped = t->n_columns > 1 && cell_at(t, row, 1)->text != NULL;
        if (row > 0 && grouped && group != NULL && strcmp(group, cell_at(t, row - 1, 0)->text) != 0)
            fprintf(to, "\n");
        print_row(t, row, to);
    }
    if (t->failed) fprintf(to, "(no memory for the rest)\n");
}

static void write_text(const char *text, FILE *to) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

bool table_write(const table *t, const char *directory, const char *name) {
    FILE *to = files_create(directory, name);
    if (to == NULL) return false;
    for (int c = 0; c < t->n_columns; c++)
        fprintf(to, "%s%s", t->columns[c].key, c + 1 < t->n_columns ? "," : "\n");
    for (int i = 0; i < rows(t) * t->n_columns; i++) {
        const cell *c = &t->cells[i];
        if (c->text != NULL)
            write_text(c->text, to);
        else if (!isnan(c->number))
            fprintf(to, "%.10g", c->number);
        fputc((i + 1) % t->n_columns == 0 ? '\n' : ',', to);
    }
    return files_close(to, name);
}
