#include "examples/cli/array.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/cli/names.h"

bool array_is_whole(const array *a) {
    for (int64_t i = 0; i < a->size; i++)
        if (!isfinite(a->data[i]) || a->data[i] != floor(a->data[i])) return false;
    return true;
}

/* -- JSON -- */

/* Dimensions are known by the first element (or empty brackets) met at each depth. */
typedef struct reader {
    const char *what, *at;
    double *next;                             /* where the next element is written */
    int ndim;                                 /* the depth of the numbers, -1 until one was met */
    int deepest;                              /* the depth that brackets reached so far */
    int dim[GR_MAX_DIMS], index[GR_MAX_DIMS]; /* -1: not known yet; where the reader is */
    const char *suffix; /* what messages say after `what`: the place in a list */
} reader;

/* "pred[2][0]": where the element at this depth stands. */
static const char *place(const reader *r, int depth) {
    static char text[256];
    int n = snprintf(text, sizeof text, "%.60s%s", r->what, r->suffix);
    for (int i = 0; i < depth; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "[%d]", r->index[i]);
    return text;
}

static void pass_blanks(reader *r) { r->at += strspn(r->at, " \t\r\n"); }

/* What stands there, for messages. */
static const char *found(const reader *r) {
    static char text[32];
    if (*r->at == '\0') return "the end";
    size_t n = strcspn(r->at, " ,[]\t\r\n");
    snprintf(text, sizeof text, "\"%.*s\"", (int)(n == 0 ? 1 : n < 24 ? n : 24), r->at);
    return text;
}

static bool take_word(reader *r, const char *word) {
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0 || isalnum((unsigned char)r->at[n])) return false;
    r->at += n;
    return true;
}

static double read_number(reader *r, int depth) {
    if (take_word(r, "NaN")) return NAN;
    if (take_word(r, "Infinity")) return INFINITY;
    if (take_word(r, "-Infinity")) return -INFINITY;
    if (take_word(r, "true")) return 1;
    if (take_word(r, "false")) return 0;
    char *end = NULL;
    size_t digits = strspn(r->at, "0123456789+-.eE");
    double value = digits == 0 ? 0 : strtod(r->at, &end);
    if (end != r->at + digits)
        misuse("%s: expected a number or an array, found %s", place(r, depth), found(r));
    r->at = end;
    return value;
}

static void read_value(reader *r, int depth);

static void read_elements(reader *r, int depth) {
    int n = 0;
    for (pass_blanks(r); *r->at != ']'; n++) {
        r->index[depth] = n;
        read_value(r, depth + 1);
        pass_blanks(r);
        if (*r->at != ',' && *r->at != ']')
            misuse("%s: expected , or ] behind it, found %s", place(r, depth + 1), found(r));
        if (*r->at == ',') {
            r->at++;
            pass_blanks(r);
            if (*r->at == ']')
                misuse("%s: expected another element behind the ,", place(r, depth + 1));
        }
    }
    r->at++;
    if (r->dim[depth] < 0) r->dim[depth] = n;
    if (r->dim[depth] != n)
        misuse("%s has %d element%s, expected %d as before it", place(r, depth), n,
               n == 1 ? "" : "s", r->dim[depth]);
}

static void read_value(reader *r, int depth) {
    pass_blanks(r);
    if (*r->at == '[') {
        if (depth == GR_MAX_DIMS) misuse("%s: more than %d dimensions", place(r, 0), GR_MAX_DIMS);
        if (r->ndim >= 0 && depth >= r->ndim)
            misuse("%s is an array, expected a number as before it", place(r, depth));
        if (depth + 1 > r->deepest) r->deepest = depth + 1;
        r->at++;
        read_elements(r, depth);
        return;
    }
    double value = read_number(r, depth);
    if (r->ndim < 0 && depth >= r->deepest) r->ndim = depth;
    if (depth != r->ndim) misuse("%s is a number, expected an array as before it", place(r, depth));
    *r->next++ = value;
}

/* Room for as many numbers as the text can hold. */
static double *room(gr_graph *g, const char *text) {
    size_t n = 1;
    for (; *text != '\0'; text++) n += *text == ',';
    return gr_alloc_lasting(g, n * sizeof(double));
}

/* Reads one array and leaves r behind it. */
static void read_array(reader *r, array *a) {
    r->ndim = -1;
    r->deepest = 0;
    for (int i = 0; i < GR_MAX_DIMS; i++) r->dim[i] = -1;
    a->data = r->next;
    read_value(r, 0);
    a->shape.ndim = r->ndim >= 0 ? r->ndim : r->deepest;
    memcpy(a->shape.dim, r->dim, sizeof r->dim);
    for (int i = a->shape.ndim; i < GR_MAX_DIMS; i++) a->shape.dim[i] = 0;
    a->size = r->next - a->data;
}

static void expect_end(reader *r) {
    pass_blanks(r);
    if (*r->at != '\0')
        misuse("%s: expected nothing behind the array, found %s", r->what, found(r));
}

static bool parse_array(gr_graph *g, const char *what, const char *text, array *a) {
    reader r = {.what = what, .at = text, .next = room(g, text), .suffix = ""};
    if (r.next == NULL) return false;
    read_array(&r, a);
    expect_end(&r);
    return true;
}

static int parse_list(gr_graph *g, const char *what, const char *text, array **arrays) {
    char number[16];
    reader r = {.what = what, .at = text, .next = room(g, text), .suffix = number};
    int n = 0, most = 1;
    for (const char *c = text; *c != '\0'; c++) most += *c == ',';
    *arrays = gr_alloc_lasting(g, (size_t)most * sizeof **arrays);
    if (r.next == NULL || *arrays == NULL) return -1;
    pass_blanks(&r);
    if (*r.at != '[')
        misuse("%s: expected a list of arrays, [ARRAY, ...], found %s", what, found(&r));
    r.at++;
    for (pass_blanks(&r); *r.at != ']'; n++) {
        snprintf(number, sizeof number, "[%d]", n);
        read_array(&r, &(*arrays)[n]);
        pass_blanks(&r);
        if (*r.at != ',' && *r.at != ']')
            misuse("%s[%d]: expected , or ] behind it, found %s", what, n, found(&r));
        if (*r.at == ',') {
            r.at++;
            pass_blanks(&r);
            if (*r.at == ']') misuse("%s[%d]: expected another array behind the ,", what, n);
        }
    }
    r.at++;
    expect_end(&r);
    return n;
}

/* -- Files -- */

static bool ends_in(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

static bool copy_tensor(gr_graph *g, const gr_tensor *t, array *a) {
    if (t == NULL) return false;
    *a = (array){.shape = t->shape, .size = t->size};
    a->data = gr_alloc_lasting(g, (size_t)t->size * sizeof *a->data);
    for (int64_t i = 0; a->data != NULL && i < t->size; i++)
        a->data[i] = t->kind == GR_INDEX ? t->index[i] : t->data[i];
    return a->data != NULL;
}

static bool is_headed(const gr_csv *csv) {
    for (int c = 0; c < csv->columns; c++)
        if (csv->column[c].first_text == 0) return true;
    return false;
}

static bool read_csv(gr_graph *g, const char *path, array *a) {
    gr_csv *csv = gr_csv_read(g, path, .no_header = true);
    if (csv != NULL && is_headed(csv)) csv = gr_csv_read(g, path);
    if (csv == NULL) return false;
    *a = (array){.shape =
                     csv->columns == 1 ? GR_SHAPE(csv->rows) : GR_SHAPE(csv->rows, csv->columns),
                 .size = (int64_t)csv->rows * csv->columns};
    a->data = gr_alloc_lasting(g, (size_t)a->size * sizeof *a->data);
    for (int c = 0; a->data != NULL && c < csv->columns; c++) {
        const double *number = gr_csv_numbers(csv, csv->column[c].name);
        if (number == NULL) return false;
        for (int i = 0; i < csv->rows; i++) a->data[(int64_t)i * csv->columns + c] = number[i];
    }
    return a->data != NULL;
}

/* The file's text, lasting; NULL after the graph's error. */
static char *read_text(gr_graph *g, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return gr_fail(g, "can't open %s", path);
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *text = size < 0 ? NULL : gr_alloc_lasting(g, (size_t)size + 1);
    rewind(file);
    bool read = text != NULL && fread(text, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    return read ? text : gr_fail(g, "can't read %s", path);
}

static bool read_file(gr_graph *g, const char *what, const char *path, array *a) {
    if (ends_in(path, ".npy")) return copy_tensor(g, gr_npy_read(g, path), a);
    if (ends_in(path, ".csv")) return read_csv(g, path, a);
    if (!ends_in(path, ".json"))
        misuse("%s: @%s: expected a file whose name ends in .npy, .csv or .json", what, path);
    char *text = read_text(g, path);
    return text != NULL && parse_array(g, what, text, a);
}

bool array_read(gr_graph *g, const char *what, const char *text, array *a) {
    return text[0] == '@' ? read_file(g, what, text + 1, a) : parse_array(g, what, text, a);
}

/* The slices along the first dimension. */
static int split_rows(gr_graph *g, const char *what, const array *whole, array **arrays) {
    if (whole->shape.ndim == 0) misuse("%s: one number, expected a list of arrays", what);
    int n = whole->shape.dim[0];
    gr_shape row = {.ndim = whole->shape.ndim - 1};
    for (int i = 0; i < row.ndim; i++) row.dim[i] = whole->shape.dim[i + 1];
    int64_t size = gr_shape_size(row);
    *arrays = gr_alloc_lasting(g, (size_t)n * sizeof **arrays);
    for (int i = 0; *arrays != NULL && i < n; i++)
        (*arrays)[i] = (array){row, size, whole->data + i * size};
    return *arrays == NULL ? -1 : n;
}

int array_read_list(gr_graph *g, const char *what, const char *text, array **arrays) {
    if (text[0] == '@' && ends_in(text, ".json")) {
        char *content = read_text(g, text + 1);
        return content == NULL ? -1 : parse_list(g, what, content, arrays);
    }
    if (text[0] != '@') return parse_list(g, what, text, arrays);
    array whole;
    return read_file(g, what, text + 1, &whole) ? split_rows(g, what, &whole, arrays) : -1;
}
