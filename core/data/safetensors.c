#include "core/data/safetensors_internal.h"

#include <math.h>
#include <string.h>

/* -- Elements -- */

static const struct element {
    const char *name;
    unsigned char size;
    bool real, has_sign;
} elements[GR_ELEMENTS] = {
    [GR_F64] = {"F64", 8, true, true},    [GR_F32] = {"F32", 4, true, true},
    [GR_F16] = {"F16", 2, true, true},    [GR_BF16] = {"BF16", 2, true, true},
    [GR_I64] = {"I64", 8, false, true},   [GR_I32] = {"I32", 4, false, true},
    [GR_I16] = {"I16", 2, false, true},   [GR_I8] = {"I8", 1, false, true},
    [GR_U64] = {"U64", 8, false, false},  [GR_U32] = {"U32", 4, false, false},
    [GR_U16] = {"U16", 2, false, false},  [GR_U8] = {"U8", 1, false, false},
    [GR_BOOL] = {"BOOL", 1, false, false}};

const char *gr_element_name(gr_element element) { return elements[element].name; }

size_t gr_element_size(gr_element element) { return elements[element].size; }

gr_kind gr_element_kind(gr_element element) { return elements[element].real ? GR_REAL : GR_INDEX; }

static uint64_t bits_of(const gr_array *a, int64_t i) {
    size_t size = gr_element_size(a->element);
    const unsigned char *bytes = (const unsigned char *)a->data + (size_t)i * size;
    uint64_t bits = 0;
    for (size_t k = size; k-- > 0;) bits = bits << 8 | bytes[k];
    return bits;
}

static double from_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

/* IEEE 754's half precision: a sign, 5 bits of exponent, 10 of fraction. */
static double from_half(unsigned bits) {
    int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    double x = exponent == 0 ? ldexp(fraction, -24) : ldexp(0x400 + fraction, exponent - 25);
    if (exponent == 0x1f) x = fraction == 0 ? INFINITY : NAN;
    return bits >> 15 ? -x : x;
}

static double real_of(const gr_array *a, int64_t i) {
    uint64_t bits = bits_of(a, i);
    double x;
    switch (a->element) {
    case GR_F32:
        return from_float((uint32_t)bits);
    case GR_F16:
        return from_half((unsigned)bits);
    case GR_BF16:
        return from_float((uint32_t)bits << 16); /* a float's upper half */
    default:
        memcpy(&x, &bits, sizeof x);
        return x;
    }
}

bool gr_array_integer(const gr_array *a, int64_t i, int32_t *value) {
    int width = 8 * elements[a->element].size;
    uint64_t bits = bits_of(a, i);
    bool negative = elements[a->element].has_sign && bits >> (width - 1) != 0;
    if (negative && width < 64) bits |= UINT64_MAX << width;
    if (negative ? bits < (uint64_t)INT32_MIN : bits > INT32_MAX) return false;
    *value = negative ? (int32_t) - (int64_t)(~bits + 1) : (int32_t)bits;
    return true;
}

/* -- Arrays -- */

gr_array gr_array_of(const gr_tensor *t, const char *name) {
    bool real = t->kind == GR_REAL;
    return (gr_array){.name = name,
                      .element = real ? GR_ELEMENT_OF_REAL : GR_I32,
                      .shape = t->shape,
                      .size = t->size,
                      .data = real ? (void *)t->data : (void *)t->index};
}

size_t gr_array_bytes(const gr_array *a) { return (size_t)a->size * gr_element_size(a->element); }

gr_text gr_array_text(const gr_array *a) {
    gr_text text;
    snprintf(text.text, sizeof text.text, "%s %.100s", gr_element_name(a->element),
             gr_shape_text(a->shape).text);
    return text;
}

void gr_swap_order(unsigned char *to, const unsigned char *from, size_t n, size_t size) {
    if (n == 0) return;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < size; k++) to[i * size + k] = from[i * size + size - 1 - k];
#else
    memcpy(to, from, n * size);
#endif
}

void gr_array_to_memory(const gr_array *a, void *to) {
    gr_swap_order(to, a->data, (size_t)a->size, gr_element_size(a->element));
}

void gr_array_to_tensor(const gr_array *a, gr_tensor *t) {
    if (t->kind == GR_INDEX)
        for (int64_t i = 0; i < t->size; i++) gr_array_integer(a, i, &t->index[i]);
    else if (a->element == GR_ELEMENT_OF_REAL)
        gr_array_to_memory(a, t->data);
    else
        for (int64_t i = 0; i < t->size; i++) t->data[i] = (gr_real)real_of(a, i);
}

/* -- Tensors from a file -- */

static bool make_tensors(const gr_safetensors_file *f, gr_safetensors *s) {
    s->tensors.items = gr_alloc_lasting(f->graph, (size_t)f->n * sizeof *s->tensors.items);
    if (s->tensors.items == NULL) return false;
    for (; s->tensors.n < f->n; s->tensors.n++) {
        const gr_array *a = &f->arrays[s->tensors.n];
        gr_tensor *t = gr_name(
            gr_tensor_new(f->graph, f->who, gr_element_kind(a->element), a->shape, true), a->name);
        if (t == NULL) return false;
        gr_array_to_tensor(a, t);
        s->tensors.items[s->tensors.n] = t;
    }
    return true;
}

static bool is_checksum(const char *key) {
    return strncmp(key, GR_CHECKSUM_PREFIX, sizeof GR_CHECKSUM_PREFIX - 1) == 0;
}

static bool copy_metadata(const gr_safetensors_file *f, gr_safetensors *s) {
    gr_metadata *items = gr_alloc_lasting(f->graph, (size_t)f->n_metadata * sizeof *items);
    if (items == NULL) return false;
    s->metadata.items = items;
    for (int i = 0; i < f->n_metadata; i++) {
        if (is_checksum(f->metadata[i].key)) continue;
        items[s->metadata.n++] =
            (gr_metadata){.key = gr_copy_string(f->graph, f->metadata[i].key),
                          .value = gr_copy_string(f->graph, f->metadata[i].value)};
    }
    return !gr_failed(f->graph);
}

static gr_safetensors *make(const gr_safetensors_file *f) {
    for (int i = 0; i < f->n; i++)
        if (!gr_safetensors_fits(f, &f->arrays[i])) return NULL;
    gr_safetensors *s = gr_alloc_lasting(f->graph, sizeof *s);
    if (s == NULL) return NULL;
    s->graph = f->graph;
    s->path = gr_copy_string(f->graph, f->path);
    return make_tensors(f, s) && copy_metadata(f, s) ? s : NULL;
}

gr_safetensors *gr_safetensors_read(gr_graph *g, const char *path) {
    if (gr_failed(g)) return NULL;
    gr_safetensors_file f;
    gr_safetensors *s = gr_safetensors_open(&f, g, "gr_safetensors_read", path) ? make(&f) : NULL;
    gr_safetensors_close(&f);
    return s;
}

gr_safetensors *gr_safetensors_parse(gr_graph *g, const void *bytes, size_t size,
                                     const char *name) {
    if (gr_failed(g)) return NULL;
    if (bytes == NULL) return gr_fail(g, "gr_safetensors_parse: bytes is NULL");
    gr_safetensors_file f;
    if (name == NULL) name = "safetensors";
    bool opened = gr_safetensors_open_bytes(&f, g, "gr_safetensors_read", name, bytes, size);
    gr_safetensors *s = opened ? make(&f) : NULL;
    gr_safetensors_close(&f);
    return s;
}

gr_tensor *gr_safetensors_get(const gr_safetensors *s, const char *name) {
    if (s == NULL || name == NULL) return NULL;
    for (int i = 0; i < s->tensors.n; i++)
        if (strcmp(s->tensors.items[i]->name, name) == 0) return s->tensors.items[i];
    return gr_fail(s->graph, "gr_safetensors_get: %s holds no %s", s->path, name);
}

const char *gr_safetensors_metadata(const gr_safetensors *s, const char *key) {
    for (int i = 0; s != NULL && key != NULL && i < s->metadata.n; i++)
        if (strcmp(s->metadata.items[i].key, key) == 0) return s->metadata.items[i].value;
    return NULL;
}

/* -- Tensors to a file -- */

static bool check_metadata(gr_graph *g, gr_metadata_list metadata) {
    for (int i = 0; i < metadata.n; i++) {
        const gr_metadata *m = &metadata.items[i];
        if (m->key == NULL || m->value == NULL)
            return gr_fail(g, "gr_safetensors_write: %s of metadata %d is NULL",
                           m->key == NULL ? "the key" : "the value", i);
        if (is_checksum(m->key))
            return gr_fail(g,
                           "gr_safetensors_write: metadata %s: keys that begin with %s are "
                           "checksums",
                           m->key, GR_CHECKSUM_PREFIX);
        for (int k = 0; k < i; k++)
            if (strcmp(metadata.items[k].key, m->key) == 0)
                return gr_fail(g, "gr_safetensors_write: metadata %s is there twice", m->key);
    }
    return true;
}

bool gr_safetensors_write_(gr_safetensors_write_args args) {
    gr_graph *g = args.graph;
    if (gr_failed(g) || !check_metadata(g, args.metadata)) return false;
    for (int i = 0; i < args.tensors.n; i++)
        if (args.tensors.items[i] == NULL)
            return gr_fail(g, "gr_safetensors_write: tensor %d is NULL", i);
    gr_arena scratch = {.budget = &g->budget, .first_chunk = 4096};
    size_t bytes = (size_t)args.tensors.n * sizeof(gr_array);
    gr_array *arrays = gr_arena_alloc(&scratch, bytes, GR_ALIGN_STRUCT);
    for (int i = 0; i < args.tensors.n && arrays != NULL; i++)
        arrays[i] = gr_array_of(args.tensors.items[i], args.tensors.items[i]->name);
    if (arrays == NULL) gr_fail(g, "gr_safetensors_write: no memory to write %s", args.path);
    bool written = arrays != NULL && gr_safetensors_save(g, "gr_safetensors_write", args.path,
                                                         arrays, args.tensors.n, args.metadata);
    gr_arena_free(&scratch);
    return written;
}
