#include "core/data/replace_internal.h"
#include "core/data/safetensors_internal.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Arrays stand in the file by the size of their elements, the largest first, so that each begins at
 * a multiple of it. */
static const size_t sizes[] = {8, 4, 2, 1};
enum { SIZES = sizeof sizes / sizeof *sizes, LENGTH_BYTES = 8, ALIGNMENT = 8, PIECE = 4096 };

typedef struct writer {
    gr_graph *graph;
    const char *who, *path;
    const gr_array *arrays;
    int n;
    char *header;
    size_t header_length;
} writer;

/* -- Bytes -- */

/* Calls f for the array's bytes, the lowest of each element first, piece by piece. */
static bool for_bytes(const gr_array *a,
                      bool (*f)(const unsigned char *bytes, size_t n, void *context),
                      void *context) {
    unsigned char piece[PIECE];
    size_t size = gr_element_size(a->element), step = PIECE / size, n;
    for (size_t i = 0; i < (size_t)a->size; i += n) {
        n = (size_t)a->size - i < step ? (size_t)a->size - i : step;
        gr_swap_order(piece, (const unsigned char *)a->data + i * size, n, size);
        if (!f(piece, n * size, context)) return false;
    }
    return true;
}

static bool add_to_sum(const unsigned char *bytes, size_t n, void *sum) {
    *(uLong *)sum = crc32_z(*(uLong *)sum, bytes, n);
    return true;
}

static bool add_to_file(const unsigned char *bytes, size_t n, void *file) {
    return fwrite(bytes, 1, n, file) == n;
}

/* -- The header: {"__metadata__": {..}, "0.weight": {"dtype": .., "shape": .., ..}, ..} -- */

/* Each of these is false if there is no memory. */
static bool add_item(cJSON *object, const char *key, cJSON *item) {
    if (cJSON_AddItemToObject(object, key, item)) return true;
    cJSON_Delete(item);
    return false;
}

static bool add_checksum(cJSON *metadata, const gr_array *a) {
    uLong sum = crc32_z(0, NULL, 0);
    for_bytes(a, add_to_sum, &sum);
    size_t before = sizeof GR_CHECKSUM_PREFIX - 1, length = strlen(a->name);
    char *key = malloc(before + length + 1), text[9];
    if (key == NULL) return false;
    memcpy(key, GR_CHECKSUM_PREFIX, before);
    memcpy(key + before, a->name, length + 1);
    snprintf(text, sizeof text, "%08lx", sum);
    bool added = add_item(metadata, key, cJSON_CreateString(text));
    free(key);
    return added;
}

static bool add_metadata(cJSON *header, const writer *w, gr_metadata_list list) {
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    bool added = metadata != NULL;
    for (int i = 0; i < list.n && added; i++)
        added = add_item(metadata, list.items[i].key, cJSON_CreateString(list.items[i].value));
    for (int i = 0; i < w->n && added; i++) added = add_checksum(metadata, &w->arrays[i]);
    return added;
}

static bool add_array(cJSON *header, const gr_array *a, size_t begin) {
    double offsets[2] = {(double)begin, (double)(begin + gr_array_bytes(a))};
    cJSON *entry = cJSON_AddObjectToObject(header, a->name);
    return entry != NULL &&
           add_item(entry, "dtype", cJSON_CreateString(gr_element_name(a->element))) &&
           add_item(entry, "shape", cJSON_CreateIntArray(a->shape.dim, a->shape.ndim)) &&
           add_item(entry, "data_offsets", cJSON_CreateDoubleArray(offsets, 2));
}

static bool add_arrays(cJSON *header, const writer *w) {
    size_t begin = 0;
    for (int s = 0; s < SIZES; s++)
        for (int i = 0; i < w->n; i++) {
            const gr_array *a = &w->arrays[i];
            if (gr_element_size(a->element) != sizes[s]) continue;
            if (!add_array(header, a, begin)) return false;
            begin += gr_array_bytes(a);
        }
    return true;
}

static bool make_header(writer *w, gr_metadata_list metadata) {
    cJSON *header = cJSON_CreateObject();
    bool made = header != NULL && add_metadata(header, w, metadata) && add_arrays(header, w);
    w->header = made ? cJSON_PrintUnformatted(header) : NULL;
    cJSON_Delete(header);
    if (w->header == NULL) return gr_fail(w->graph, "%s: no memory to write %s", w->who, w->path);
    w->header_length = strlen(w->header);
    return true;
}

/* -- The file -- */

static bool write_header(const writer *w, FILE *file) {
    size_t padding = (ALIGNMENT - w->header_length % ALIGNMENT) % ALIGNMENT;
    uint64_t length = w->header_length + padding;
    unsigned char bytes[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) bytes[i] = (unsigned char)(length >> (8 * i));
    return fwrite(bytes, 1, sizeof bytes, file) == sizeof bytes &&
           fwrite(w->header, 1, w->header_length, file) == w->header_length &&
           fwrite("       ", 1, padding, file) == padding;
}

static bool write_file(FILE *file, void *context) {
    const writer *w = context;
    if (!write_header(w, file)) return false;
    for (int s = 0; s < SIZES; s++)
        for (int i = 0; i < w->n; i++)
            if (gr_element_size(w->arrays[i].element) == sizes[s] &&
                !for_bytes(&w->arrays[i], add_to_file, file))
                return false;
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_names(const writer *w, const char **names) {
    for (int i = 0; i < w->n; i++) {
        names[i] = w->arrays[i].name;
        if (names[i] == NULL || *names[i] == '\0')
            return gr_fail(w->graph, "%s: tensor %d, %s, has no name", w->who, i,
                           gr_array_text(&w->arrays[i]).text);
        if (strcmp(names[i], "__metadata__") == 0)
            return gr_fail(w->graph, "%s: no tensor can be called %s", w->who, names[i]);
    }
    qsort(names, (size_t)w->n, sizeof *names, by_text);
    for (int i = 1; i < w->n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return gr_fail(w->graph, "%s: two tensors are called %s", w->who, names[i]);
    return true;
}

bool gr_safetensors_save(gr_graph *g, const char *who, const char *path, const gr_array *arrays,
                         int n, gr_metadata_list metadata) {
    if (path == NULL) return gr_fail(g, "%s: path is NULL", who);
    writer w = {.graph = g, .who = who, .path = path, .arrays = arrays, .n = n};
    gr_arena scratch = {.budget = &g->budget, .first_chunk = 1024};
    const char **names = gr_arena_alloc(&scratch, (size_t)n * sizeof *names, GR_ALIGN_STRUCT);
    if (names == NULL) gr_fail(g, "%s: no memory to write %s", who, path);
    bool written = names != NULL && check_names(&w, names) && make_header(&w, metadata) &&
                   gr_replace_file(g, who, path, write_file, &w);
    cJSON_free(w.header);
    gr_arena_free(&scratch);
    return written;
}
