#include "core/data/file_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The rest of the file and one character more; NULL if it can't be read or there is no memory. */
static char *slurp(FILE *file, size_t *bytes) {
    char *text = NULL;
    size_t used = 0, capacity = 0;
    do {
        size_t wanted = capacity == 0 ? 1 << 16 : 2 * capacity;
        char *bigger = wanted > capacity ? realloc(text, wanted) : NULL;
        if (bigger == NULL) {
            free(text);
            errno = ENOMEM;
            return NULL;
        }
        text = bigger;
        capacity = wanted;
        used += fread(text + used, 1, capacity - used - 1, file);
    } while (used == capacity - 1);
    text[used] = '\0';
    *bytes = used;
    if (!ferror(file)) return text;
    free(text);
    return NULL;
}

char *gr_read_file(gr_graph *g, const char *who, const char *path, size_t *bytes) {
    if (path == NULL) return gr_fail(g, "%s: path is NULL", who);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return gr_fail(g, "%s: can't open %s: %s", who, path, strerror(errno));
    char *text = slurp(file, bytes);
    int error = errno;
    fclose(file);
    if (text == NULL) return gr_fail(g, "%s: can't read %s: %s", who, path, strerror(error));
    return text;
}
