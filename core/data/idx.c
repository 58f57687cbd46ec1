#include "core/data/idx.h"

#include "core/data/file_internal.h"
#include "core/data/gzip_internal.h"
#include "core/graph/graph_internal.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two bytes of zero, the type, the number of dimensions; then the dimensions, 4 bytes each. */
enum { MAGIC_SIZE = 4, DIMENSION_SIZE = 4, BUFFER_SIZE = 1 << 14 };

enum {
    UNSIGNED_BYTE = 0x08,
    SIGNED_BYTE = 0x09,
    SHORT = 0x0b,
    INT = 0x0c,
    FLOAT = 0x0d,
    DOUBLE = 0x0e
};

/* A file in the making of a tensor. */
typedef struct reader {
    gr_graph *g;
    const char *name;
    const unsigned char *bytes; /* of the file, compressed or not */
    size_t size;
    double divisor;
    gr_unpacker unpacker;
    int type, element_size;
    gr_shape shape;
    uint64_t header, elements; /* bytes of both once unpacked */
} reader;

static bool damaged(const reader *r, const char *what) {
    gr_fail(r->g, "gr_idx_read: %s: %s", r->name, what);
    return false;
}

/* False after an error if the file does not go on for n bytes. */
static bool take(reader *r, unsigned char *to, size_t n, const char *where) {
    if (gr_unpack(&r->unpacker, to, n) == n) return true;
    if (r->unpacker.damage != NULL) return damaged(r, r->unpacker.damage);
    gr_fail(r->g, "gr_idx_read: %s: the file ends within its %s", r->name, where);
    return false;
}

/* -- The header -- */

static uint64_t big_endian(const unsigned char *bytes, int n) {
    uint64_t value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | bytes[i];
    return value;
}

/* Bytes of an element; 0 if there is no such type. */
static int size_of_type(int type) {
    switch (type) {
    case UNSIGNED_BYTE:
    case SIGNED_BYTE:
        return 1;
    case SHORT:
        return 2;
    case INT:
    case FLOAT:
        return 4;
    case DOUBLE:
        return 8;
    default:
        return 0;
    }
}

static bool read_magic(reader *r) {
    unsigned char magic[MAGIC_SIZE];
    if (!take(r, magic, MAGIC_SIZE, "header")) return false;
    if (magic[0] != 0 || magic[1] != 0) {
        gr_fail(r->g,
                "gr_idx_read: %s: this is no IDX file: it begins with %02x %02x, expected 00 00",
                r->name, magic[0], magic[1]);
        return false;
    }
    r->type = magic[2];
    r->element_size = size_of_type(r->type);
    r->shape.ndim = magic[3];
    if (r->element_size == 0) {
        gr_fail(r->g, "gr_idx_read: %s: elements of type %02x, expected 08, 09, 0b, 0c, 0d or 0e",
                r->name, magic[2]);
        return false;
    }
    if (r->shape.ndim > GR_MAX_DIMS) {
        gr_fail(r->g, "gr_idx_read: %s: %d dimensions, expected at most %d", r->name, magic[3],
                GR_MAX_DIMS);
        return false;
    }
    return true;
}

static bool read_header(reader *r) {
    if (!read_magic(r)) return false;
    for (int i = 0; i < r->shape.ndim; i++) {
        unsigned char bytes[DIMENSION_SIZE];
        if (!take(r, bytes, DIMENSION_SIZE, "header")) return false;
        uint64_t dimension = big_endian(bytes, DIMENSION_SIZE);
        if (dimension > INT_MAX) {
            gr_fail(r->g, "gr_idx_read: %s: dimension %d is %llu, expected at most %d", r->name, i,
                    (unsigned long long)dimension, INT_MAX);
            return false;
        }
        r->shape.dim[i] = (int)dimension;
    }
    int64_t n = gr_shape_size(r->shape);
    if (n < 0) {
        gr_fail(r->g, "gr_idx_read: %s: no tensor has the shape %s", r->name,
                gr_shape_text(r->shape).text);
        return false;
    }
    r->header = MAGIC_SIZE + (uint64_t)r->shape.ndim * DIMENSION_SIZE;
    r->elements = (uint64_t)n * (uint64_t)r->element_size;
    return true;
}

/* -- Elements -- */

static double number(const reader *r, const unsigned char *bytes) {
    uint64_t bits = big_endian(bytes, r->element_size);
    uint32_t low = (uint32_t)bits;
    double wide;
    float narrow;
    switch (r->type) {
    case SIGNED_BYTE:
        return bits < 0x80 ? (double)bits : (double)bits - 0x100;
    case SHORT:
        return bits < 0x8000 ? (double)bits : (double)bits - 0x10000;
    case INT:
        return bits < 0x80000000 ? (double)bits : (double)bits - 0x100000000;
    case FLOAT:
        memcpy(&narrow, &low, sizeof narrow);
        return narrow;
    case DOUBLE:
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    default:
        return (double)bits;
    }
}

static void convert(const reader *r, const unsigned char *bytes, size_t n, gr_tensor *t,
                    int64_t begin) {
    for (size_t i = 0; i < n; i++, bytes += r->element_size) {
        double value = number(r, bytes);
        if (t->kind == GR_INDEX)
            t->index[begin + (int64_t)i] = (int32_t)value;
        else
            t->data[begin + (int64_t)i] = (gr_real)(r->divisor == 0 ? value : value / r->divisor);
    }
}

/* Pictures are nearly always these, and a table gives the same numbers ten times as fast. */
static void convert_bytes(const gr_real *table, const unsigned char *bytes, size_t n,
                          gr_real *data) {
    for (size_t i = 0; i < n; i++) data[i] = table[bytes[i]];
}

/* Reads all elements into t, or if that is NULL nowhere, and sees that the file ends there. */
static bool read_elements(reader *r, gr_tensor *t) {
    unsigned char buffer[BUFFER_SIZE];
    gr_real table[256];
    bool by_table = t != NULL && t->kind == GR_REAL && r->type == UNSIGNED_BYTE;
    for (int i = 0; i < 256; i++)
        table[i] = (gr_real)(r->divisor == 0 ? (double)i : (double)i / r->divisor);
    int64_t at = 0;
    for (uint64_t left = r->elements; left > 0;) {
        size_t n = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
        if (!take(r, buffer, n, "elements")) return false;
        size_t count = n / (size_t)r->element_size;
        if (by_table)
            convert_bytes(table, buffer, count, t->data + at);
        else if (t != NULL)
            convert(r, buffer, count, t, at);
        at += (int64_t)count;
        left -= n;
    }
    if (gr_unpack(&r->unpacker, buffer, 1) > 0)
        return damaged(r, "more bytes follow than its header promises");
    return r->unpacker.damage == NULL || damaged(r, r->unpacker.damage);
}

/* -- Whether the file holds what its header promises, before there is memory for it -- */

static bool lacks_bytes(const reader *r, const char *present) {
    gr_fail(r->g, "gr_idx_read: %s: %s, expected the %llu of shape %s and type %02x", r->name,
            present, (unsigned long long)r->elements, gr_shape_text(r->shape).text,
            (unsigned)r->type);
    return false;
}

static bool plain_size_is_right(const reader *r) {
    char present[64];
    snprintf(present, sizeof present, "%zu bytes of elements", r->unpacker.left);
    return r->unpacker.left == r->elements || lacks_bytes(r, present);
}

/* A compressed file says at its end how many bytes it holds; where that is no answer (damage, or
 * several members) it is unpacked once for the answer and then again. */
static bool compressed_size_is_right(reader *r) {
    uint64_t total = r->header + r->elements;
    if (total / GR_DEFLATE_RATIO > r->size)
        return lacks_bytes(r, "fewer bytes of elements than can be compressed so far");
    if (gr_unpacked_size(r->bytes, r->size) == (uint32_t)total) return true;
    if (!read_elements(r, NULL)) return false;
    gr_unpacker_end(&r->unpacker);
    unsigned char header[MAGIC_SIZE + GR_MAX_DIMS * DIMENSION_SIZE];
    if (!gr_unpacker_begin(&r->unpacker, r->bytes, r->size))
        return damaged(r, "no memory to unpack it");
    return take(r, header, (size_t)r->header, "header");
}

/* -- The whole -- */

static gr_tensor *read_tensor(reader *r) {
    if (!read_header(r)) return NULL;
    bool right = r->unpacker.compressed ? compressed_size_is_right(r) : plain_size_is_right(r);
    if (!right) return NULL;
    bool real = r->divisor != 0 || r->type == FLOAT || r->type == DOUBLE;
    gr_tensor *t = gr_tensor_new(r->g, "gr_idx_read", real ? GR_REAL : GR_INDEX, r->shape, true);
    if (t == NULL || read_elements(r, t)) return t;
    size_t bytes = (size_t)t->size * (real ? sizeof *t->data : sizeof *t->index);
    gr_arena_give_back(&r->g->lasting, real ? (void *)t->data : (void *)t->index, bytes,
                       GR_ALIGN_DATA);
    return NULL;
}

gr_tensor *gr_idx_parse(gr_graph *g, const void *bytes, size_t size, gr_idx_options options) {
    if (g == NULL) return NULL;
    reader r = {.g = g,
                .name = options.path == NULL ? "idx" : options.path,
                .bytes = bytes,
                .size = size,
                .divisor = options.divisor};
    if (bytes == NULL) return gr_fail(g, "gr_idx_parse: bytes is NULL");
    if (!isfinite(r.divisor))
        return gr_fail(g, "gr_idx_read: %s: divisor is %g, expected a finite number", r.name,
                       r.divisor);
    if (size == 0) return gr_fail(g, "gr_idx_read: %s: the file is empty", r.name);
    if (!gr_unpacker_begin(&r.unpacker, bytes, size))
        return gr_fail(g, "gr_idx_read: %s: no memory to unpack it", r.name);
    gr_tensor *t = read_tensor(&r);
    gr_unpacker_end(&r.unpacker);
    return t;
}

gr_tensor *gr_idx_read_(gr_graph *g, gr_idx_options options) {
    if (g == NULL) return NULL;
    size_t size = 0;
    char *bytes = gr_read_file(g, "gr_idx_read", options.path, &size);
    if (bytes == NULL) return NULL;
    gr_tensor *t = gr_idx_parse(g, bytes, size, options);
    free(bytes);
    return t;
}
