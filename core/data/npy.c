#include "core/data/npy.h"

#include "core/data/file_internal.h"
#include "core/data/replace_internal.h"
#include "core/graph/graph_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = "\x93NUMPY";
enum { MAGIC_SIZE = 6, DESCR_SIZE = 16 };

/* A file in the making of a tensor. */
typedef struct reader {
    gr_graph *g;
    const char *name;
    const unsigned char *at, *end; /* of the header while that is read, then of the elements */
    char descr[DESCR_SIZE];        /* "<f4" */
    bool fortran_order, has_descr, has_order, has_shape;
    gr_shape shape;
} reader;

static bool damaged(const reader *r, const char *what) {
    gr_fail(r->g, "gr_npy_read: %s: %s", r->name, what);
    return false;
}

/* An unsigned number of n bytes, the lowest first, whatever the machine's order is. */
static uint64_t little_endian(const unsigned char *bytes, int n) {
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

/* -- The header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } -- */

static void pass_blanks(reader *r) {
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0') r->at++;
}

/* Steps over blanks and the text, if that comes next. */
static bool take(reader *r, const char *text) {
    pass_blanks(r);
    size_t length = strlen(text);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, text, length) != 0) return false;
    r->at += length;
    return true;
}

/* A text in quotes; false if there is none, or none so short. */
static bool take_quoted(reader *r, char *text, size_t size) {
    pass_blanks(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"')) return false;
    unsigned char quote = *r->at++;
    size_t n = 0;
    while (r->at < r->end && *r->at != quote) {
        if (n + 1 == size) return false;
        text[n++] = (char)*r->at++;
    }
    text[n] = '\0';
    return r->at++ < r->end;
}

static bool take_dimension(reader *r, int *dimension) {
    pass_blanks(r);
    const unsigned char *begin = r->at;
    int64_t value = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        value = 10 * value + (*r->at - '0');
        if (value > INT_MAX) return false;
    }
    take(r, "L"); /* as Python 2 wrote it */
    *dimension = (int)value;
    return r->at > begin;
}

static bool take_shape(reader *r) {
    if (!take(r, "(")) return damaged(r, "damaged header: no shape");
    for (r->shape.ndim = 0; !take(r, ")"); r->shape.ndim++) {
        if (r->shape.ndim == GR_MAX_DIMS) return damaged(r, "more than 6 dimensions");
        if (!take_dimension(r, &r->shape.dim[r->shape.ndim]))
            return damaged(r, "damaged header: a dimension is not a number from 0 to 2147483647");
        if (take(r, ",")) continue;
        if (!take(r, ")")) return damaged(r, "damaged header: the shape does not end");
        r->shape.ndim++;
        break;
    }
    r->has_shape = true;
    return true;
}

static bool take_entry(reader *r) {
    char key[DESCR_SIZE];
    if (!take_quoted(r, key, sizeof key) || !take(r, ":"))
        return damaged(r, "damaged header: a name was expected");
    if (strcmp(key, "shape") == 0) return take_shape(r);
    if (strcmp(key, "descr") == 0) {
        r->has_descr = take_quoted(r, r->descr, sizeof r->descr);
        return r->has_descr || damaged(r, "its elements are records, expected numbers");
    }
    if (strcmp(key, "fortran_order") != 0) return damaged(r, "damaged header: an unknown name");
    r->fortran_order = take(r, "True");
    r->has_order = r->fortran_order || take(r, "False");
    return r->has_order || damaged(r, "damaged header: fortran_order is neither True nor False");
}

static bool read_dictionary(reader *r) {
    if (!take(r, "{")) return damaged(r, "damaged header: it does not begin with {");
    while (!take(r, "}")) {
        if (!take_entry(r)) return false;
        if (take(r, ",")) continue;
        if (!take(r, "}")) return damaged(r, "damaged header: it does not end with }");
        break;
    }
    pass_blanks(r);
    if (r->at != r->end) return damaged(r, "damaged header: something follows the }");
    if (!r->has_descr || !r->has_order || !r->has_shape)
        return damaged(r, "damaged header: descr, fortran_order or shape is missing");
    return true;
}

/* Leaves r between the header and the end of the file. */
static bool read_header(reader *r, const unsigned char *bytes, size_t size) {
    const size_t version = MAGIC_SIZE, length_at = version + 2;
    if (size < length_at + 2 || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return damaged(r, "this is no .npy file");
    if (bytes[version] < 1 || bytes[version] > 3)
        return damaged(r, "a format that is not known, expected 1.0 to 3.0");
    int width = bytes[version] == 1 ? 2 : 4;
    if (size < length_at + (size_t)width) return damaged(r, "the file ends within its header");
    uint64_t length = little_endian(bytes + length_at, width);
    size_t begin = length_at + (size_t)width;
    if (length > size - begin) return damaged(r, "the file ends within its header");
    r->at = bytes + begin;
    r->end = r->at + length;
    if (!read_dictionary(r)) return false;
    r->end = bytes + size;
    return true;
}

/* -- Elements -- */

/* Bytes of an element; 0 if the type is none that can be read. */
static int element_size(const char *descr) {
    static const char *const known[] = {"<f4", "<f8", "|b1", "|u1", "|i1", "<u2",
                                        "<i2", "<u4", "<i4", "<u8", "<i8"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], descr) == 0) return descr[2] - '0';
    return 0;
}

static double read_float(const unsigned char *bytes, int size) {
    uint64_t bits = little_endian(bytes, size);
    double wide;
    float narrow;
    uint32_t low = (uint32_t)bits;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return size == 8 ? wide : (double)narrow;
}

/* False if it does not fit. */
static bool read_integer(const unsigned char *bytes, const char *descr, int32_t *value) {
    int size = descr[2] - '0';
    uint64_t bits = little_endian(bytes, size);
    bool negative = descr[1] == 'i' && bits >> (8 * size - 1) != 0;
    if (negative && size < 8) bits |= UINT64_MAX << (8 * size);
    if (negative ? bits < (uint64_t)INT32_MIN : bits > INT32_MAX) return false;
    *value = negative ? (int32_t) - (int64_t)(~bits + 1) : (int32_t)bits;
    return true;
}

/* The place in C's order of the element that comes next in Fortran's; counts `index` up. */
static int64_t next_in_fortran(gr_shape shape, int *index) {
    int64_t at = 0;
    for (int i = 0; i < shape.ndim; i++) at = at * shape.dim[i] + index[i];
    for (int i = 0; i < shape.ndim && ++index[i] == shape.dim[i]; i++) index[i] = 0;
    return at;
}

static bool read_elements(const reader *r, gr_tensor *t) {
    int size = element_size(r->descr), index[GR_MAX_DIMS] = {0};
    for (int64_t i = 0; i < t->size; i++) {
        const unsigned char *bytes = r->at + i * size;
        int64_t to = r->fortran_order ? next_in_fortran(t->shape, index) : i;
        if (t->kind == GR_REAL) {
            t->data[to] = (gr_real)read_float(bytes, size);
        } else if (!read_integer(bytes, r->descr, &t->index[to])) {
            gr_fail(r->g, "gr_npy_read: %s: element %lld does not fit into an integer of 32 bits",
                    r->name, (long long)i);
            return false;
        }
    }
    return true;
}

gr_tensor *gr_npy_parse(gr_graph *g, const void *bytes, size_t size, const char *name) {
    if (g == NULL) return NULL;
    reader r = {.g = g, .name = name == NULL ? "npy" : name};
    if (bytes == NULL) return gr_fail(g, "gr_npy_parse: bytes is NULL");
    if (!read_header(&r, bytes, size)) return NULL;
    int element = element_size(r.descr);
    if (element == 0)
        return gr_fail(
            g,
            "gr_npy_read: %s: elements of type %s, expected little-endian floats of 4 or 8 "
            "bytes, integers or booleans",
            r.name, r.descr);
    int64_t n = gr_shape_size(r.shape);
    size_t present = (size_t)(r.end - r.at);
    if (n < 0 || (uint64_t)n * (uint64_t)element != present)
        return gr_fail(
            g,
            "gr_npy_read: %s: %zu bytes of elements, expected those of the shape %s and the "
            "type %s",
            r.name, present, gr_shape_text(r.shape).text, r.descr);
    gr_kind kind = r.descr[1] == 'f' ? GR_REAL : GR_INDEX;
    gr_tensor *t = gr_tensor_new(g, "gr_npy_read", kind, r.shape, true);
    return t != NULL && read_elements(&r, t) ? t : NULL;
}

gr_tensor *gr_npy_read(gr_graph *g, const char *path) {
    if (g == NULL) return NULL;
    size_t size = 0;
    char *bytes = gr_read_file(g, "gr_npy_read", path, &size);
    if (bytes == NULL) return NULL;
    gr_tensor *t = gr_npy_parse(g, bytes, size, path);
    free(bytes);
    return t;
}

/* -- Writing -- */

/* Magic, version, length and the dictionary, filled up with blanks to a multiple of 64 bytes. */
static int make_header(const gr_tensor *t, char *header, int capacity) {
    const char *descr = t->kind == GR_INDEX ? "<i4" : sizeof(gr_real) == 4 ? "<f4" : "<f8";
    const int begin = MAGIC_SIZE + 4;
    int n = begin + snprintf(header + begin, (size_t)(capacity - begin),
                             "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < t->shape.ndim; i++)
        n += snprintf(header + n, (size_t)(capacity - n), "%d, ", t->shape.dim[i]);
    n += snprintf(header + n, (size_t)(capacity - n), "), }");
    while (n % 64 != 63) header[n++] = ' ';
    header[n++] = '\n';
    memcpy(header, MAGIC, MAGIC_SIZE);
    header[MAGIC_SIZE] = 1;
    header[MAGIC_SIZE + 1] = 0;
    header[MAGIC_SIZE + 2] = (char)((n - begin) & 0xff);
    header[MAGIC_SIZE + 3] = (char)((n - begin) >> 8);
    return n;
}

static void write_element(const gr_tensor *t, int64_t i, FILE *file) {
    unsigned char bytes[8];
    uint64_t bits = 0;
    size_t size = sizeof(int32_t);
    if (t->kind == GR_INDEX) {
        bits = (uint32_t)t->index[i];
    } else if (sizeof(gr_real) == sizeof(uint32_t)) {
        uint32_t low;
        memcpy(&low, &t->data[i], sizeof low);
        bits = low;
    } else {
        size = sizeof bits;
        memcpy(&bits, &t->data[i], sizeof(gr_real));
    }
    for (size_t k = 0; k < size; k++) bytes[k] = (unsigned char)(bits >> (8 * k));
    fwrite(bytes, 1, size, file);
}

static bool write_array(FILE *file, void *context) {
    const gr_tensor *t = context;
    char header[256];
    int n = make_header(t, header, (int)sizeof header);
    fwrite(header, 1, (size_t)n, file);
    for (int64_t i = 0; i < t->size; i++) write_element(t, i, file);
    return !ferror(file);
}

bool gr_npy_write(const gr_tensor *t, const char *path) {
    return t != NULL && gr_replace_file(t->graph, "gr_npy_write", path, write_array, (void *)t);
}
