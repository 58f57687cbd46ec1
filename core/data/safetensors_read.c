#include "core/data/safetensors_internal.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* The file: the length of the header in 8 bytes, the header, and then the bytes of all arrays, one
 * after the other. */
enum { LENGTH_BYTES = 8 };

static const char METADATA[] = "__metadata__";

bool gr_safetensors_bad(const gr_safetensors_file *f, const char *format, ...) {
    char message[GR_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return gr_fail(f->graph, "%s: %s: %s", f->who, f->path, message);
}

static void *scratch(gr_safetensors_file *f, size_t bytes) {
    void *p = gr_arena_alloc(&f->scratch, bytes, GR_ALIGN_STRUCT);
    if (p == NULL) gr_safetensors_bad(f, "no memory to read it");
    return p;
}

/* -- Bytes -- */

static bool load(gr_safetensors_file *f, FILE *file) {
    struct stat about;
    if (fstat(fileno(file), &about) != 0 || !S_ISREG(about.st_mode))
        return gr_safetensors_bad(f, "this is no plain file");
    f->size = (size_t)about.st_size;
    /* The parser of JSON may look at the byte behind the header. */
    unsigned char *bytes = scratch(f, f->size + 1);
    if (bytes == NULL) return false;
    bytes[f->size] = '\0';
    f->bytes = bytes;
    return fread(bytes, 1, f->size, file) == f->size ||
           gr_safetensors_bad(f, "it can't be read: %s",
                              ferror(file) ? strerror(errno) : "it became shorter meanwhile");
}

/* -- The header's parts -- */

static int by_key(const void *a, const void *b) {
    return strcmp(((const gr_metadata *)a)->key, ((const gr_metadata *)b)->key);
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(gr_array *const *)a)->name, (*(gr_array *const *)b)->name);
}

static int by_place(const void *a, const void *b) {
    const gr_array *x = *(gr_array *const *)a, *y = *(gr_array *const *)b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    size_t m = gr_array_bytes(x), n = gr_array_bytes(y); /* empty ones first */
    return (m > n) - (m < n);
}

static bool is_whole(const cJSON *number, double most) {
    double value = cJSON_IsNumber(number) ? number->valuedouble : -1;
    return value >= 0 && value <= most && value == floor(value);
}

static bool read_element(const gr_safetensors_file *f, const cJSON *dtype, gr_array *a) {
    if (!cJSON_IsString(dtype)) return gr_safetensors_bad(f, "%.200s has no dtype", a->name);
    for (int e = 0; e < GR_ELEMENTS; e++) {
        a->element = (gr_element)e;
        if (strcmp(gr_element_name(a->element), dtype->valuestring) == 0) return true;
    }
    return gr_safetensors_bad(f,
                              "%.200s is of the type %.20s, expected F64, F32, F16, BF16, BOOL, or "
                              "integers I8 to I64 and U8 to U64",
                              a->name, dtype->valuestring);
}

static bool read_shape(const gr_safetensors_file *f, const cJSON *shape, gr_array *a) {
    if (!cJSON_IsArray(shape)) return gr_safetensors_bad(f, "%.200s has no shape", a->name);
    const cJSON *dim;
    cJSON_ArrayForEach(dim, shape) {
        if (a->shape.ndim == GR_MAX_DIMS)
            return gr_safetensors_bad(f, "%.200s has %d dimensions, expected at most %d", a->name,
                                      cJSON_GetArraySize(shape), GR_MAX_DIMS);
        if (!is_whole(dim, INT_MAX))
            return gr_safetensors_bad(f, "%.200s: dimension %d is no integer from 0 to %d", a->name,
                                      a->shape.ndim, INT_MAX);
        a->shape.dim[a->shape.ndim++] = (int)dim->valuedouble;
    }
    a->size = gr_shape_size(a->shape);
    if (a->size >= 0) return true;
    return gr_safetensors_bad(f, "%.200s %s has too many elements, expected at most 2^40", a->name,
                              gr_shape_text(a->shape).text);
}

/* Bytes of data behind the header. */
static size_t data_size(const gr_safetensors_file *f, const unsigned char *data) {
    return f->size - (size_t)(data - f->bytes);
}

static bool read_place(const gr_safetensors_file *f, const cJSON *offsets,
                       const unsigned char *data, gr_array *a) {
    const cJSON *begin = cJSON_GetArrayItem(offsets, 0), *end = cJSON_GetArrayItem(offsets, 1);
    size_t size = data_size(f, data);
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !is_whole(end, (double)size) || !is_whole(begin, end->valuedouble))
        return gr_safetensors_bad(f,
                                  "%.200s: data_offsets are no integers 0 <= begin <= end <= %zu, "
                                  "the bytes of data",
                                  a->name, size);
    size_t bytes = (size_t)end->valuedouble - (size_t)begin->valuedouble;
    if (bytes != gr_array_bytes(a))
        return gr_safetensors_bad(f, "%.200s, %s, has %zu bytes, expected %zu", a->name,
                                  gr_array_text(a).text, bytes, gr_array_bytes(a));
    a->data = (void *)(data + (size_t)begin->valuedouble);
    return true;
}

static bool read_array(const gr_safetensors_file *f, const cJSON *entry, const unsigned char *data,
                       gr_array *a) {
    a->name = entry->string;
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype"),
                *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape"),
                *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3)
        return gr_safetensors_bad(f, "%.200s is no object of dtype, shape and data_offsets",
                                  a->name);
    return read_element(f, dtype, a) && read_shape(f, shape, a) && read_place(f, offsets, data, a);
}

static bool read_metadata(gr_safetensors_file *f, const cJSON *object) {
    if (!cJSON_IsObject(object)) return gr_safetensors_bad(f, "%s is no object", METADATA);
    f->metadata = scratch(f, (size_t)cJSON_GetArraySize(object) * sizeof *f->metadata);
    if (f->metadata == NULL) return false;
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        if (!cJSON_IsString(item))
            return gr_safetensors_bad(f, "%s: %.200s is no string", METADATA, item->string);
        f->metadata[f->n_metadata++] = (gr_metadata){item->string, item->valuestring};
    }
    qsort(f->metadata, (size_t)f->n_metadata, sizeof *f->metadata, by_key);
    for (int i = 1; i < f->n_metadata; i++)
        if (by_key(&f->metadata[i - 1], &f->metadata[i]) == 0)
            return gr_safetensors_bad(f, "%s: %.200s is there twice", METADATA, f->metadata[i].key);
    return true;
}

static bool read_entries(gr_safetensors_file *f, const unsigned char *data) {
    size_t entries = (size_t)cJSON_GetArraySize(f->header);
    f->arrays = scratch(f, entries * sizeof *f->arrays);
    f->by_name = scratch(f, entries * sizeof *f->by_name);
    if (f->arrays == NULL || f->by_name == NULL) return false;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, f->header) {
        if (strcmp(entry->string, METADATA) == 0) {
            if (f->metadata != NULL) return gr_safetensors_bad(f, "%s is there twice", METADATA);
            if (!read_metadata(f, entry)) return false;
            continue;
        }
        f->arrays[f->n] = (gr_array){.name = NULL};
        if (!read_array(f, entry, data, &f->arrays[f->n])) return false;
        f->by_name[f->n] = &f->arrays[f->n];
        f->n++;
    }
    return true;
}

/* -- What belongs to the whole -- */

/* Every byte of the data belongs to one array. */
static bool check_places(gr_safetensors_file *f, const unsigned char *data) {
    const unsigned char *at = data;
    qsort(f->by_name, (size_t)f->n, sizeof *f->by_name, by_place);
    for (int i = 0; i < f->n; i++) {
        const gr_array *a = f->by_name[i];
        const unsigned char *begin = a->data;
        if (begin != at)
            return gr_safetensors_bad(
                f, "%.200s begins at byte %zu of the data, expected %zu, where %.200s ends",
                a->name, (size_t)(begin - data), (size_t)(at - data),
                i == 0 ? "the header" : f->by_name[i - 1]->name);
        at += gr_array_bytes(a);
    }
    size_t used = (size_t)(at - data), size = data_size(f, data);
    return used == size ||
           gr_safetensors_bad(f, "%zu bytes of data, of which the tensors have %zu", size, used);
}

static bool check_names(gr_safetensors_file *f) {
    qsort(f->by_name, (size_t)f->n, sizeof *f->by_name, by_name);
    for (int i = 1; i < f->n; i++)
        if (by_name(&f->by_name[i - 1], &f->by_name[i]) == 0)
            return gr_safetensors_bad(f, "%.200s is there twice", f->by_name[i]->name);
    return true;
}

static bool check_sum(gr_safetensors_file *f, const gr_array *a) {
    size_t before = sizeof GR_CHECKSUM_PREFIX - 1, length = strlen(a->name);
    char *key = scratch(f, before + length + 1), found[9];
    if (key == NULL) return false;
    memcpy(key, GR_CHECKSUM_PREFIX, before);
    memcpy(key + before, a->name, length + 1);
    const char *expected = gr_safetensors_value(f, key);
    gr_arena_give_back(&f->scratch, key, before + length + 1, GR_ALIGN_STRUCT);
    if (expected == NULL)
        return gr_safetensors_bad(f, "%.200s has no checksum, which others have", a->name);
    snprintf(found, sizeof found, "%08lx", crc32_z(0, a->data, gr_array_bytes(a)));
    return strcmp(found, expected) == 0 ||
           gr_safetensors_bad(f, "%.200s is damaged: its checksum is %s, expected %.8s", a->name,
                              found, expected);
}

/* All arrays have one, or none. */
static bool check_sums(gr_safetensors_file *f) {
    size_t before = sizeof GR_CHECKSUM_PREFIX - 1;
    bool any = false;
    for (int i = 0; i < f->n_metadata; i++) {
        const char *key = f->metadata[i].key;
        if (strncmp(key, GR_CHECKSUM_PREFIX, before) != 0) continue;
        any = true;
        if (gr_safetensors_array(f, key + before) == NULL)
            return gr_safetensors_bad(f, "there is a checksum of %.200s, but no such tensor",
                                      key + before);
    }
    for (int i = 0; any && i < f->n; i++)
        if (!check_sum(f, &f->arrays[i])) return false;
    return true;
}

/* -- The whole -- */

static bool read_header(gr_safetensors_file *f, size_t length) {
    const char *text = (const char *)f->bytes + LENGTH_BYTES, *end = text + length, *at = text;
    if (length == 0 || *text != '{')
        return gr_safetensors_bad(f, "its header does not begin with {");
    f->header = cJSON_ParseWithLengthOpts(text, length, &at, false);
    while (f->header != NULL && at < end && *at == ' ') at++;
    return (f->header != NULL && at == end) ||
           gr_safetensors_bad(f, "its header is no JSON object, filled up with spaces");
}

static bool parse(gr_safetensors_file *f) {
    if (f->size < LENGTH_BYTES)
        return gr_safetensors_bad(f, "%zu bytes, expected at least %d", f->size, LENGTH_BYTES);
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) length = length << 8 | f->bytes[i];
    if (length > f->size - LENGTH_BYTES)
        return gr_safetensors_bad(f, "a header of %llu bytes, of which %zu are there",
                                  (unsigned long long)length, f->size - LENGTH_BYTES);
    const unsigned char *data = f->bytes + LENGTH_BYTES + length;
    return read_header(f, (size_t)length) && read_entries(f, data) && check_places(f, data) &&
           check_names(f) && check_sums(f);
}

static void begin(gr_safetensors_file *f, gr_graph *g, const char *who, const char *path) {
    *f = (gr_safetensors_file){.graph = g, .who = who, .path = path};
    f->scratch = (gr_arena){.budget = &g->budget, .first_chunk = 4096};
}

bool gr_safetensors_open_bytes(gr_safetensors_file *f, gr_graph *g, const char *who,
                               const char *path, const void *bytes, size_t size) {
    begin(f, g, who, path);
    f->bytes = bytes;
    f->size = size;
    return parse(f);
}

bool gr_safetensors_open(gr_safetensors_file *f, gr_graph *g, const char *who, const char *path) {
    begin(f, g, who, path);
    if (path == NULL) return gr_fail(g, "%s: path is NULL", who);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return gr_fail(g, "%s: can't open %s: %s", who, path, strerror(errno));
    bool loaded = load(f, file);
    fclose(file);
    return loaded && parse(f);
}

void gr_safetensors_close(gr_safetensors_file *f) {
    cJSON_Delete(f->header);
    gr_arena_free(&f->scratch);
}

/* -- Finding -- */

const gr_array *gr_safetensors_array(const gr_safetensors_file *f, const char *name) {
    gr_array wanted = {.name = name}, *key = &wanted;
    gr_array **found =
        f->n == 0 ? NULL : bsearch(&key, f->by_name, (size_t)f->n, sizeof *f->by_name, by_name);
    return found == NULL ? NULL : *found;
}

const char *gr_safetensors_value(const gr_safetensors_file *f, const char *key) {
    gr_metadata wanted = {.key = key};
    const gr_metadata *found =
        f->n_metadata == 0
            ? NULL
            : bsearch(&wanted, f->metadata, (size_t)f->n_metadata, sizeof *f->metadata, by_key);
    return found == NULL ? NULL : found->value;
}

bool gr_safetensors_fits(const gr_safetensors_file *f, const gr_array *a) {
    int32_t value;
    for (int64_t i = 0; gr_element_kind(a->element) == GR_INDEX && i < a->size; i++)
        if (!gr_array_integer(a, i, &value))
            return gr_safetensors_bad(f, "%.200s: element %s does not fit into 32 bits", a->name,
                                      gr_place_text(a->shape, i).text);
    return true;
}
