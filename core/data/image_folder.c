#include "core/data/file_internal.h"
#include "core/data/image.h"
#include "core/data/picture_internal.h"
#include "core/graph/graph_internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char WHO[] = "gr_image_folder";

/* -- Names of a directory -- */

/* Full paths, sorted by their bytes. They begin alike, so that this is the order of the names. */
typedef struct names {
    int n, capacity;
    char **items;
} names;

static void free_names(names *list) {
    for (int i = 0; i < list->n; i++) free(list->items[i]);
    free(list->items);
    *list = (names){.n = 0};
}

static bool add_name(names *list, const char *directory, const char *name) {
    if (list->n == list->capacity) {
        int capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        char **items = capacity > list->capacity
                           ? realloc(list->items, (size_t)capacity * sizeof *items)
                           : NULL;
        if (items == NULL) return false;
        list->items = items;
        list->capacity = capacity;
    }
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL) return false;
    snprintf(path, size, "%s/%s", directory, name);
    list->items[list->n++] = path;
    return true;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names but the hidden ones; false after an error. */
static bool list_directory(gr_graph *g, const char *directory, names *list) {
    *list = (names){.n = 0};
    DIR *d = opendir(directory);
    if (d == NULL) {
        gr_fail(g, "%s: can't open %s: %s", WHO, directory, strerror(errno));
        return false;
    }
    bool added = true;
    errno = 0;
    for (struct dirent *entry; added && (entry = readdir(d)) != NULL; errno = 0)
        if (entry->d_name[0] != '.') added = add_name(list, directory, entry->d_name);
    int error = added ? errno : ENOMEM;
    closedir(d);
    if (error == 0) {
        if (list->n > 0) qsort(list->items, (size_t)list->n, sizeof *list->items, compare);
        return true;
    }
    free_names(list);
    gr_fail(g, "%s: can't read %s: %s", WHO, directory, strerror(error));
    return false;
}

static bool is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Leaves only directories in the list. */
static void keep_directories(names *list) {
    int kept = 0;
    for (int i = 0; i < list->n; i++) {
        if (is_directory(list->items[i]))
            list->items[kept++] = list->items[i];
        else
            free(list->items[i]);
    }
    list->n = kept;
}

/* -- The set without its pictures -- */

static const char **copy_names(gr_graph *g, const names *list, size_t skip) {
    const char **copies = gr_alloc_lasting(g, (size_t)list->n * sizeof *copies);
    for (int i = 0; copies != NULL && i < list->n; i++) {
        copies[i] = gr_copy_string(g, list->items[i] + skip);
        if (copies[i] == NULL) return NULL;
    }
    return copies;
}

/* The files of all classes, one class after another, and the first file of each class. */
static bool list_files(gr_graph *g, const names *classes, names *files, int *first) {
    for (int c = 0; c < classes->n; c++) {
        names own;
        first[c] = files->n;
        if (!list_directory(g, classes->items[c], &own)) return false;
        if (own.n == 0) {
            gr_fail(g, "%s: %s has no pictures", WHO, classes->items[c]);
            return false;
        }
        bool added = own.n <= INT_MAX / 2 - files->n;
        size_t total = (size_t)files->n + (size_t)own.n;
        char **items = added ? realloc(files->items, total * sizeof *items) : NULL;
        if (items == NULL) {
            free_names(&own);
            return gr_fail(g, "%s: no memory for the names in %s", WHO, classes->items[c]);
        }
        memcpy(items + files->n, own.items, (size_t)own.n * sizeof *items);
        *files = (names){.items = items, .n = (int)total, .capacity = (int)total};
        free(own.items);
    }
    first[classes->n] = files->n;
    return true;
}

static bool fill_labels(gr_graph *g, gr_image_set *set, const int *first) {
    set->y = gr_tensor_new(g, WHO, GR_INDEX, GR_SHAPE(set->n), true);
    for (int c = 0; set->y != NULL && c < set->n_classes; c++)
        for (int i = first[c]; i < first[c + 1]; i++) set->y->index[i] = c;
    return set->y != NULL;
}

static gr_image_set *make_set(gr_graph *g, const char *directory, const names *classes,
                              const names *files, const int *first) {
    gr_image_set *set = gr_alloc_lasting(g, sizeof *set);
    if (set == NULL) return NULL;
    set->n = files->n;
    set->n_classes = classes->n;
    set->classes = copy_names(g, classes, strlen(directory) + 1);
    set->paths = set->classes == NULL ? NULL : copy_names(g, files, 0);
    return set->paths != NULL && fill_labels(g, set, first) ? set : NULL;
}

/* Finds all files; nothing is decoded yet. */
static gr_image_set *find_files(gr_graph *g, const char *directory) {
    names classes, files = {.n = 0};
    if (!list_directory(g, directory, &classes)) return NULL;
    keep_directories(&classes);
    gr_image_set *set = NULL;
    int *first = malloc(((size_t)classes.n + 1) * sizeof *first);
    if (classes.n == 0)
        gr_fail(g, "%s: %s has no directories, expected one for each class", WHO, directory);
    else if (first == NULL)
        gr_fail(g, "%s: no memory", WHO);
    else if (list_files(g, &classes, &files, first))
        set = make_set(g, directory, &classes, &files, first);
    free(first);
    free_names(&classes);
    free_names(&files);
    return set;
}

/* -- The pictures -- */

static bool decode_file(gr_graph *g, const char *path, gr_pixels *p) {
    size_t size = 0;
    char *bytes = gr_read_file(g, WHO, path, &size);
    if (bytes == NULL) return false;
    bool decoded = gr_picture_decode(g, WHO, path, (unsigned char *)bytes, size, p);
    free(bytes);
    return decoded;
}

/* What the caller did not give is as in the first picture. */
static gr_shape shape_of_all(const gr_image_set *set, const gr_pixels *p, gr_image_options o) {
    return GR_SHAPE(set->n, o.channels > 0 ? o.channels : p->channels,
                    o.height > 0 ? o.height : p->height, o.width > 0 ? o.width : p->width);
}

static bool fits(gr_graph *g, const gr_image_set *set, int i, const gr_pixels *p,
                 gr_image_options o) {
    gr_shape own = shape_of_all(set, p, o), all = set->x->shape;
    if (gr_shape_equal(own, all)) return true;
    gr_fail(g,
            "%s: %s: a picture (%d,%d,%d), expected (%d,%d,%d) as in %s; give .channels, "
            ".height and .width",
            WHO, set->paths[i], p->channels, p->height, p->width, all.dim[1], all.dim[2],
            all.dim[3], set->paths[0]);
    return false;
}

/* Decodes picture i; the first one makes the tensor. */
static bool read_picture(gr_graph *g, gr_image_set *set, int i, gr_image_options o) {
    gr_pixels p;
    if (!decode_file(g, set->paths[i], &p)) return false;
    if (i == 0) set->x = gr_tensor_new(g, WHO, GR_REAL, shape_of_all(set, &p, o), true);
    bool placed = set->x != NULL && fits(g, set, i, &p, o);
    if (placed) {
        const int *dim = set->x->shape.dim;
        gr_real *to = set->x->data + (int64_t)i * (set->x->size / set->n);
        placed = gr_picture_place(g, WHO, &p, dim[1], dim[2], dim[3], to);
    }
    gr_picture_free(g, &p);
    return placed;
}

gr_image_set *gr_image_folder_(gr_graph *g, gr_image_options options) {
    if (g == NULL) return NULL;
    if (options.path == NULL) return gr_fail(g, "%s: directory is NULL", WHO);
    if (!gr_image_check(g, WHO, options)) return NULL;
    gr_image_set *set = find_files(g, options.path);
    for (int i = 0; set != NULL && i < set->n; i++) {
        if (read_picture(g, set, i, options)) continue;
        if (set->x != NULL)
            gr_arena_give_back(&g->lasting, set->x->data,
                               (size_t)set->x->size * sizeof *set->x->data, GR_ALIGN_DATA);
        return NULL;
    }
    return set;
}
